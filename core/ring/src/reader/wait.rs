use super::Reader;
use crate::element::Plain;
use crate::follow::{End, Follow, Next};
use crate::stir::Stir;
use crate::sync::Ordering;
use crate::wait::{Ended, Idle, SpinOnly, Turns, Until, Wait, Waiter, wait};
use tidemill_seam::{Duration, Exchange, Instant, Liveness};

impl<E: Plain, R: Exchange, L: Liveness> Reader<E, R, L> {
    /// Waits so from now on: [`Wait::DEFAULT`] unless told, and never asleep on a ring that spins only.
    ///
    /// # Errors
    /// [`SpinOnly`] where this ring wakes nobody.
    pub fn wait_by(&mut self, wait: Wait) -> Result<(), SpinOnly> {
        self.wait = self.view.allow(wait)?;
        Ok(())
    }

    /// Says that it is ready, as a [`Consumer`](crate::Consumer) does.
    pub fn ready(&self) {
        self.view.say_ready(self.slot, self.ctl);
    }

    /// Leaves, and says that it was done: nobody misses it.
    pub fn done(self) {
        self.view.say_done(self.slot, self.ctl);
    }

    /// Says that it sleeps, then looks again, as [`Consumer::lie_down`](crate::Consumer::lie_down) does.
    pub fn lie_down(&self) -> bool {
        self.view.announce(self.view.layout().readers_bed());
        self.hears_nothing()
    }

    /// Whether there is neither an item nor anything to be heard before one.
    fn hears_nothing(&self) -> bool {
        // Relaxed: as in `try_next`; where this is looked at before a sleep, ordered by the fence of the announcement.
        if self.view.load(self.view.layout().ctl(self.slot), Ordering::Relaxed) != self.ctl.encode() {
            return false;
        }
        let mut seen = self.follow;
        if self.view.shared() {
            let stays = |follow: &mut Follow, to| follow.next = to;
            return seen.shared_news::<R, ()>(&self.view, true, stays).is_none() && seen.next == seen.known;
        }
        seen.news::<R, ()>(&self.view, Follow::far).is_none() && seen.next == seen.known
    }

    /// The word of the region on which it sleeps.
    pub fn bed(&self) -> u32 {
        self.view.layout().readers_bed().0
    }
}

impl<E: Plain, R: Exchange, L: Liveness + Idle> Reader<E, R, L> {
    /// What comes next: an item, or what is to be heard before it, its own eviction and the proved death of the producer
    /// included. Waits for it, and holds no processor where the strategy is to [park](Wait::Park).
    ///
    /// # Errors
    /// [`Ended`] where nothing came; a later call goes on.
    pub fn next(&mut self, until: Until<'_>) -> Result<Next<E>, Ended> {
        let mut turns = Turns::new(self.wait, until, self.live.slice());
        wait(&mut Listens(self), &mut turns)
    }
}

impl<E: Plain, R: Exchange, L: Liveness + Idle> Stir for Reader<E, R, L> {
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

struct Listens<'r, E: Plain, R: Exchange, L: Liveness>(&'r mut Reader<E, R, L>);

impl<E: Plain, R: Exchange, L: Liveness + Idle> Waiter for Listens<'_, E, R, L> {
    type Found = Next<E>;
    type World = L;

    fn look(&mut self) -> Option<Next<E>> {
        self.0.try_next()
    }

    fn tend(&mut self, _: Instant) -> Option<Next<E>> {
        self.0.tend().map(Next::Closed)
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
