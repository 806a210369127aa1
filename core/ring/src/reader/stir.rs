use super::Reader;
use crate::element::Plain;
use crate::follow::{End, Follow};
use crate::sync::Ordering;
use crate::wait::{Ended, Idle, PROBE_DEFAULT, Turns, Until, Waiter, wait};
use tidemill_seam::{Duration, Exchange, Instant, Liveness};

impl<E: Plain, R: Exchange, L: Liveness + Idle> Reader<E, R, L> {
    /// Waits until something is to be heard, and takes nothing of it; or until the producer is proved dead.
    pub(crate) fn stir(&mut self, until: Until<'_>) -> Result<Option<End>, Ended> {
        let turns = Turns::new(self.wait, until, PROBE_DEFAULT);
        wait(&mut Stirs(self), turns)
    }
}

struct Stirs<'c, E: Plain, R: Exchange, L: Liveness>(&'c mut Reader<E, R, L>);

impl<E: Plain, R: Exchange, L: Liveness + Idle> Waiter for Stirs<'_, E, R, L> {
    type Found = Option<End>;
    type World = L;

    fn look(&mut self) -> Option<Self::Found> {
        // Relaxed: as in `try_next`.
        if self.0.view.load(self.0.view.layout().ctl(self.0.slot), Ordering::Relaxed) != self.0.ctl.encode() {
            return Some(None);
        }
        let mut seen = self.0.follow;
        let heard = seen.news::<R, ()>(&self.0.view, Follow::far).is_some() || seen.next != seen.known;
        heard.then_some(None)
    }

    fn tend(&mut self, _: Instant) -> Option<Self::Found> {
        self.0.tend().map(Some)
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
