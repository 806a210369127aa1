use super::lock::Lock;
use super::watch::Tie;
use crate::MonotonicClock;
use rustix::event::Timespec;
use rustix::io::Errno;
use rustix::thread::futex;
use std::sync::atomic::AtomicU32;
use std::thread;
use std::time;
use tidemill_ring::wait::{Idle, PROBE_DEFAULT};
use tidemill_seam::{Clock, Duration, Instant};

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

    fn slice(&self) -> Duration {
        self.watched().map_or(PROBE_DEFAULT, Tie::slice)
    }

    fn noticed(&self) -> bool {
        self.watched().is_some_and(Tie::noticed)
    }

    fn asks(&self) {
        if let Some(tie) = self.watched() {
            tie.asks();
        }
    }
}

/// Sleeps on a word of memory that processes share, while it is `value`, for `span` at most.
pub(super) fn wait(word: &AtomicU32, value: u32, span: Duration) {
    let ns = span.as_nanos();
    let span = Timespec { tv_sec: (ns / 1_000_000_000) as i64, tv_nsec: (ns % 1_000_000_000) as i64 };
    match futex::wait(word, futex::Flags::empty(), value, Some(&span)) {
        Ok(()) | Err(Errno::AGAIN | Errno::INTR | Errno::TIMEDOUT) => {}
        Err(error) => panic!("a futex wait on a word of a mapping failed: {error}"),
    }
}

/// Wakes whoever sleeps on a word of memory that processes share.
pub(super) fn wake(word: &AtomicU32) {
    let all = i32::MAX as u32;
    futex::wake(word, futex::Flags::empty(), all).expect("a word of a mapping can be woken");
}
