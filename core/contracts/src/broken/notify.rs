//! A bell for one thread that may be wrong, and a clock whose time the bell's waits spend.

use core::cell::Cell;
use tidemill_seam::{Clock, Epoch, Instant, Notify, Woken};

super::faults! {
    /// Every 16th notification is lost.
    LosesEach16th => "W1",
    /// The epoch is eight bits wide.
    EightBitEpoch => "W1",
    /// A wait looks only at the notifications that come after it began.
    ForgetsWhatCameBefore => "W1",
    /// A deadline that has passed is looked at before the epoch.
    DeadlineFirst => "W1",
    /// A notification is used up by the first wait that sees it.
    WakesOnce => "W1",
    /// Looking at the epoch moves it.
    EpochMovesByItself => "W1",
    /// A wait ends half way to its deadline.
    HalfTheTime => "W2",
    /// A wait ends at once and says that the deadline has passed.
    NeverSleeps => "W2",
    /// A wait that timed out says notified.
    CallsTimeoutsNotified => "W2",
    /// A wait moves the epoch.
    WaitMovesTheEpoch => "W2",
}

/// Time that passes only in waits.
#[derive(Debug, Default)]
pub struct Time(Cell<u64>);

impl Clock for Time {
    fn now(&self) -> Instant {
        Instant::from_nanos(self.0.get())
    }
}

/// A bell with at most one fault.
#[derive(Debug)]
pub struct Bell<'t> {
    fault: Option<Fault>,
    time: &'t Time,
    epoch: Cell<u32>,
    calls: Cell<u32>,
}

impl<'t> Bell<'t> {
    /// A bell whose waits spend `time`.
    pub const fn new(time: &'t Time, fault: Option<Fault>) -> Self {
        Self { fault, time, epoch: Cell::new(0), calls: Cell::new(0) }
    }

    fn sleep(&self, until: Option<Instant>) -> Woken {
        let Some(until) = until else { return Woken::Spurious };
        let now = self.time.0.get();
        let wake = match self.fault {
            Some(Fault::HalfTheTime) => now + until.as_nanos().saturating_sub(now) / 2,
            Some(Fault::NeverSleeps) => now,
            _ => until.as_nanos().max(now),
        };
        self.time.0.set(wake);
        if self.fault == Some(Fault::CallsTimeoutsNotified) { Woken::Notified } else { Woken::TimedOut }
    }

    fn mask(&self) -> u32 {
        if self.fault == Some(Fault::EightBitEpoch) { 0xFF } else { u32::MAX }
    }
}

impl Notify for Bell<'_> {
    fn epoch(&self) -> Epoch {
        if self.fault == Some(Fault::EpochMovesByItself) {
            self.epoch.set(self.epoch.get().wrapping_add(1));
        }
        Epoch(self.epoch.get() & self.mask())
    }

    fn wait(&self, seen: Epoch, until: Option<Instant>) -> Woken {
        if self.fault == Some(Fault::DeadlineFirst) && until.is_some_and(|until| until <= self.time.now()) {
            return Woken::TimedOut;
        }
        if self.fault == Some(Fault::ForgetsWhatCameBefore) {
            return self.sleep(until);
        }
        if Epoch(self.epoch.get() & self.mask()) != seen {
            if self.fault == Some(Fault::WakesOnce) {
                self.epoch.set(seen.0);
            }
            return Woken::Notified;
        }
        if self.fault == Some(Fault::WaitMovesTheEpoch) {
            self.epoch.set(self.epoch.get().wrapping_add(1));
        }
        self.sleep(until)
    }

    fn notify(&self) {
        let calls = self.calls.replace(self.calls.get() + 1);
        if self.fault == Some(Fault::LosesEach16th) && calls.is_multiple_of(16) {
            return;
        }
        self.epoch.set(self.epoch.get().wrapping_add(1));
    }
}
