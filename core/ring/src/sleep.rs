//! Who sleeps on a segment, and who wakes whom.
//!
//! - **RL-16** *Waiting.* A publication is stored, then a fence, then a look at the readers' park word, and a wake where it is
//!   set. A sleeper sets it, then a fence, then looks again, and sleeps while the word stays set, for a probe at most.
//!
//! The other way round, from a cursor to a producer that waits for room, an acknowledgement looks without a fence, and
//! with one once whoever reads has run out of items, leaves or says that it is ready: a full ring ends in one of them.
//! What falls between costs the producer a probe at most, and spares every item a fence.

use crate::layout::At;
use crate::view::View;
use crate::wait::{Parking, SpinOnly, Wait};
use tidemill_seam::{Duration, Region};

impl<R: Region> View<R> {
    #[inline]
    fn bed(&self, at: At) -> Parking<'_, R> {
        Parking::within(self.region(), at)
    }

    /// How a party waits that was told nothing else.
    pub(crate) fn usual_wait(&self) -> Wait {
        if self.layout().spec().parks { Wait::DEFAULT } else { Wait::Yield { spins: 100 } }
    }

    /// That strategy, where this ring has it.
    pub(crate) fn allow(&self, wait: Wait) -> Result<Wait, SpinOnly> {
        if wait.parks() && !self.layout().spec().parks { Err(SpinOnly) } else { Ok(wait) }
    }

    /// Something is to be heard by those who read.
    #[inline]
    pub(crate) fn rouse_readers(&self) {
        if self.layout().spec().parks {
            let at = self.layout().readers_bed();
            self.bed(at).wake(|| self.ring(at));
        }
    }

    /// Something changed that a producer may wait for.
    #[cold]
    #[inline(never)]
    pub(crate) fn rouse_producer(&self) {
        if self.layout().spec().parks {
            let at = self.layout().producer_bed;
            self.bed(at).wake(|| self.ring(at));
        }
    }

    /// Something was settled that those who read are to hear of, and that other producers may wait for.
    #[inline]
    pub(crate) fn rouse_everybody(&self) {
        self.rouse_readers();
        // Behind the fence of the look at the readers, and so no later than that.
        self.glance_at_producer();
    }

    /// As `rouse_producer`, by a look without a fence.
    #[inline]
    pub(crate) fn glance_at_producer(&self) {
        if self.layout().spec().parks {
            self.peep_at_producer();
        }
    }

    /// As `glance_at_producer`, for who is in a ring where somebody may sleep, or seldom asks.
    #[inline]
    pub(crate) fn peep_at_producer(&self) {
        if self.bed(self.layout().producer_bed).glance() {
            self.rouse_producer();
        }
    }

    /// Says that somebody sleeps there, who looks again and then sleeps.
    pub(crate) fn announce(&self, at: At) {
        self.bed(at).announce();
    }

    /// Sleeps, as was announced.
    pub(crate) fn sleep(&self, at: At, span: Duration) {
        self.region().wait(at.0, Parking::<R>::ASLEEP, span);
    }

    #[cold]
    #[inline(never)]
    fn ring(&self, at: At) {
        self.region().wake(at.0);
    }
}
