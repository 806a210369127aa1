use super::lock::Lock;
use crate::MonotonicClock;
use std::thread;
use std::time;
use tidemill_ring::wait::Idle;
use tidemill_seam::{Clock, Instant};

/// The clock that the parties of a ring wait by.
impl Clock for Lock {
    fn now(&self) -> Instant {
        MonotonicClock.now()
    }
}

impl Idle for Lock {
    fn yield_now(&self) {
        thread::yield_now();
    }

    fn sleep(&self, until: Instant) {
        thread::sleep(time::Duration::from_nanos(until.since(MonotonicClock.now()).as_nanos()));
    }
}
