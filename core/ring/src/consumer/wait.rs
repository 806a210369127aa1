use super::{Consumer, Lease};
use crate::element::Plain;
use crate::follow::{End, Follow, Next};
use crate::stir::Stir;
use crate::wait::{Ended, Idle, SpinOnly, Turns, Until, Wait, Waiter, wait};
use core::marker::PhantomData;
use tidemill_seam::{Duration, Exchange, Instant, Liveness};

impl<E: Plain, R: Exchange, L: Liveness> Consumer<E, R, L> {
    /// Waits so from now on: [`Wait::DEFAULT`] unless told, and never asleep on a ring that spins only.
    ///
    /// # Errors
    /// [`SpinOnly`] where this ring wakes nobody.
    pub fn wait_by(&mut self, wait: Wait) -> Result<(), SpinOnly> {
        self.wait = self.view.allow(wait)?;
        Ok(())
    }

    /// Says that it is ready: what a producer waits for that is to begin with its consumers, or cannot do without this one.
    pub fn ready(&self) {
        self.view.say_ready(self.slot, self.ctl);
    }

    /// Leaves, and says that it was done: nobody misses it.
    pub fn done(self) {
        self.view.say_done(self.slot, self.ctl);
    }

    /// Says that it sleeps, then looks again (RL-16): whether nothing has come, so that it may sleep while word
    /// [`bed`](Self::bed) of the region is [`Parking::ASLEEP`](crate::wait::Parking::ASLEEP), for a probe at most.
    ///
    /// For a world that never blocks. [`next`](Self::next) does it where one does.
    pub fn lie_down(&self) -> bool {
        self.view.announce(self.view.layout().readers_bed());
        self.hears_nothing()
    }

    /// Whether there is neither an item nor anything to be heard before one.
    fn hears_nothing(&self) -> bool {
        let mut seen = self.follow;
        if self.view.shared() {
            let stays = |follow: &mut Follow, to| follow.next = to;
            return seen.shared_news::<R, ()>(&self.view, false, stays).is_none() && seen.next == seen.known;
        }
        seen.news::<R, ()>(&self.view, Follow::near).is_none() && seen.next == seen.known
    }

    /// The word of the region on which it sleeps.
    pub fn bed(&self) -> u32 {
        self.view.layout().readers_bed().0
    }
}

impl<E: Plain, R: Exchange, L: Liveness + Idle> Consumer<E, R, L> {
    /// What comes next: an item, or what is to be heard before it, the proved death of the producer included. Waits for
    /// it, and holds no processor where the strategy is to [park](Wait::Park).
    ///
    /// # Errors
    /// [`Ended`] where nothing came; a later call goes on.
    #[inline]
    pub fn next(&mut self, until: Until<'_>) -> Result<Next<Lease<'_, E, R, L>>, Ended> {
        if self.follow.next == self.follow.known
            && let Some(news) = self.await_item(until)?
        {
            return Ok(news);
        }
        Ok(Next::Item(self.lease(self.follow.next)))
    }

    #[inline(never)]
    fn await_item<T>(&mut self, until: Until<'_>) -> Result<Option<Next<T>>, Ended> {
        let mut turns = Turns::new(self.wait, until, self.live.slice());
        wait(&mut Listens(self, PhantomData), &mut turns)
    }
}

impl<E: Plain, R: Exchange, L: Liveness + Idle> Stir for Consumer<E, R, L> {
    type World = L;

    fn is_quiet(&self) -> bool {
        self.hears_nothing()
    }

    fn crashed(&self) -> Option<End> {
        self.tend()
    }

    fn lies_down(&self) -> bool {
        self.lie_down()
    }

    fn sleep(&self, span: Duration) {
        self.view.sleep(self.view.layout().readers_bed(), span);
    }

    fn strategy(&self) -> Wait {
        self.wait
    }

    fn world(&self) -> &L {
        &self.live
    }
}

/// A consumer that waits: for an item, which is found as nothing, or for something that is to be heard before one.
struct Listens<'c, T, E: Plain, R: Exchange, L: Liveness>(&'c mut Consumer<E, R, L>, PhantomData<T>);

impl<T, E: Plain, R: Exchange, L: Liveness + Idle> Waiter for Listens<'_, T, E, R, L> {
    type Found = Option<Next<T>>;
    type World = L;

    fn look(&mut self) -> Option<Self::Found> {
        let news = self.0.refresh();
        (news.is_some() || self.0.ready_items() > 0).then_some(news)
    }

    fn tend(&mut self, _: Instant) -> Option<Self::Found> {
        self.0.tend().map(|end| Some(Next::Closed(end)))
    }

    fn lies_down(&mut self) -> bool {
        self.0.lie_down()
    }

    fn sleep(&self, span: Duration) {
        Stir::sleep(self.0, span);
    }

    fn world(&self) -> &L {
        &self.0.live
    }
}
