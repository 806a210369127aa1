use crate::board::{BoardClock, CLOCK, pend};
use tidemill_mcu::{Bell, Doze};
use tidemill_seam::{Clock, Instant, Notify};

/// A core on which an interrupt strikes in the worst moment: after the last look for work, before the sleep.
#[derive(Debug)]
pub struct Unlucky(BoardClock);

impl Clock for Unlucky {
    fn now(&self) -> Instant {
        self.0.now()
    }
}

impl Doze for Unlucky {
    fn doze(&self, until: Option<Instant>) {
        pend();
        self.0.doze(until);
    }
}

/// The bell that the interrupt of [`Unlucky`] rings.
pub static BELL: Bell<Unlucky> = Bell::new(Unlucky(CLOCK));

/// What the interrupt does.
pub(crate) fn strike() {
    BELL.notify();
}
