use crate::Instant;

/// How often a [`Notify`] had been notified when it was looked at. Compare for equality only: it wraps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Epoch(pub u32);

/// Why a [`Notify::wait`] came back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Woken {
    /// The epoch moved on: somebody notified since it was taken.
    Notified,
    /// The deadline passed first.
    TimedOut,
    /// Neither; the caller looks again. A world that never blocks (the simulator) always answers so.
    Spurious,
}

/// A place to sleep until woken.
///
/// The sleeper takes an [`Epoch`], **then** checks whether there is work, then waits on that epoch. A notification
/// that falls between the check and the sleep has moved the epoch, so the wait returns at once.
///
/// # Laws
/// - **W1** No lost wake-up: a `notify` after `epoch()` ends every `wait` on that epoch, also one that starts later.
/// - **W2** A wait ends no earlier than its deadline unless notified or spurious, and never sleeps past it
///   without bound.
/// - **W3** What was written before `notify` is visible after the `wait` that it ended (release, acquire).
/// - **W4** `notify` never blocks and may come from any thread or interrupt that shares the handle.
pub trait Notify {
    /// The epoch to hand to [`wait`](Self::wait), taken before the last look for work.
    fn epoch(&self) -> Epoch;

    /// Sleeps until the epoch is no longer `seen` or the clock reaches `until`; `None` waits without a deadline.
    fn wait(&self, seen: Epoch, until: Option<Instant>) -> Woken;

    /// Moves the epoch on and wakes whoever waits.
    fn notify(&self);
}

impl<N: Notify + ?Sized> Notify for &N {
    fn epoch(&self) -> Epoch {
        (**self).epoch()
    }
    fn wait(&self, seen: Epoch, until: Option<Instant>) -> Woken {
        (**self).wait(seen, until)
    }
    fn notify(&self) {
        (**self).notify();
    }
}
