use super::Reader;
use crate::element::Plain;
use crate::follow::{Follow, Next};
use crate::sync::Ordering;
use crate::wait::{Ended, Idle, PROBE_DEFAULT, SpinOnly, Turns, Until, Wait, Waiter, wait};
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
        // Relaxed: as in `try_next`; ordered by the fence above.
        if self.view.load(self.view.layout().ctl(self.slot), Ordering::Relaxed) != self.ctl.encode() {
            return false;
        }
        let mut seen = self.follow;
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
        let turns = Turns::new(self.wait, until, PROBE_DEFAULT);
        wait(&mut Listens(self), turns)
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
        self.0.view.sleep(self.0.view.layout().readers_bed(), span);
    }

    fn world(&self) -> &L {
        &self.0.live
    }
}
