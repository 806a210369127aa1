//! How a call waits, for how long, and who may end it.
//!
//! ```text
//!  look ─▶ found: done, whatever the clock says          park word of a sleeper
//!    │ nothing                                            0 awake ──sleep: store 1, fence, look again──▶ 1 asleep
//!    ▼                                                    ▲                                              │
//!  cancelled? deadline passed? ─▶ Ended                   └──wake: (work stored) fence, load 1, store 0 ◀┘  then the wake
//!    │ neither
//!    ▼
//!  spin · hint · yield · sleep · park, never past the deadline, never longer than a probe at once ─▶ look
//! ```
//! A strategy ([`Wait`]) is a value; no environment variable changes it. What it asks for is done by a [`Rest`], which
//! the world provides: the loop itself reads no clock of its own and makes no system call.
//!
//! # Laws
//! - **RL-16** *Waiting.* A publisher stores its work, fences (SeqCst), loads the park word, and wakes where it is set. A
//!   sleeper sets the word, fences (SeqCst), looks again, and waits in slices of at most a probe. So one of them sees the
//!   other; what dies between its two steps costs a sleeper one slice. Every wait ends by data, deadline or [`Cancel`],
//!   or by what `look` itself finds: a close, an eviction, a proved fault. Where deaths are noticed
//!   ([`Idle::noticed`]), a slice may be longer: that is stored, then a fence, then the sleepers are woken; a sleeper
//!   that was announced looks at it once more.

mod bell;
mod park;
mod turns;

pub use bell::Bell;
pub use park::Parking;
pub use turns::{Idle, Turn, Turns};

pub(crate) use turns::{Waiter, wait};

use crate::sync::{AtomicU32, Ordering};
use core::fmt;
use tidemill_seam::{Clock, Duration, Instant};

/// The longest slice of one sleep, unless said otherwise: what a lost wake-up, a cancel or a death costs at most.
pub const PROBE_DEFAULT: Duration = Duration::from_millis(10);

/// What to do between two looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wait {
    /// Nothing: the shortest way to see an item, at the price of a core.
    Spin,
    /// Tell the processor that this is a loop.
    SpinHint,
    /// Spin so many turns, then let others run.
    Yield {
        /// Turns before the first.
        spins: u32,
    },
    /// Sleep so long, whatever happens.
    Sleep(Duration),
    /// Spin so many turns, then sleep until woken.
    Park {
        /// Turns before the first.
        spins: u32,
    },
}

/// One thing to do between two looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pause {
    /// Look again.
    Again,
    /// [`Rest::hint`].
    Hint,
    /// [`Rest::yield_now`].
    Yield,
    /// [`Rest::sleep`], so long.
    Sleep(Duration),
    /// [`Rest::park`].
    Park,
}

impl Wait {
    /// Parks after a hundred turns: what costs nothing while nothing happens.
    pub const DEFAULT: Self = Self::Park { spins: 100 };

    /// What to do after `turn` looks in vain, counted from 0.
    #[inline]
    pub const fn pause(self, turn: u32) -> Pause {
        match self {
            Self::Spin => Pause::Again,
            Self::SpinHint => Pause::Hint,
            Self::Sleep(span) => Pause::Sleep(span),
            Self::Yield { spins } | Self::Park { spins } if turn < spins => Pause::Hint,
            Self::Yield { .. } => Pause::Yield,
            Self::Park { .. } => Pause::Park,
        }
    }

    /// Whether it needs a publisher that looks for sleepers.
    #[inline]
    pub const fn parks(self) -> bool {
        matches!(self, Self::Park { .. })
    }
}

impl Default for Wait {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Ends waits from outside. Shared by reference; once cancelled it stays so.
#[derive(Debug)]
pub struct Cancel {
    word: AtomicU32,
}

impl Cancel {
    /// One that has not been cancelled.
    #[cfg(not(any(feature = "loom", feature = "shuttle")))]
    pub const fn new() -> Self {
        Self { word: AtomicU32::new(0) }
    }

    /// One that has not been cancelled. Not `const`: a model's atomics are born inside the model.
    #[cfg(any(feature = "loom", feature = "shuttle"))]
    pub fn new() -> Self {
        Self { word: AtomicU32::new(0) }
    }

    /// Ends every wait that has it in its [`Until`], within one slice of its sleep or by a [`Bell`], and every later one at
    /// once.
    pub fn cancel(&self) {
        // Release: pairs with the Acquire in `is_cancelled`; what was done before it is visible to whoever it stops.
        self.word.store(1, Ordering::Release);
    }

    /// Whether it was cancelled.
    #[inline]
    pub fn is_cancelled(&self) -> bool {
        // Acquire: pairs with the Release in `cancel`.
        self.word.load(Ordering::Acquire) != 0
    }
}

impl Default for Cancel {
    fn default() -> Self {
        Self::new()
    }
}

/// Until when a call waits: a deadline, a [`Cancel`], both, or for ever.
#[derive(Clone, Copy, Debug)]
pub struct Until<'c> {
    deadline: Option<Instant>,
    cancel: Option<&'c Cancel>,
}

/// What ended a wait that found nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    /// The deadline passed.
    Deadline,
    /// Somebody cancelled it.
    Cancelled,
}

impl<'c> Until<'c> {
    /// Until something is found, or `look` finds a reason to stop.
    pub const fn forever() -> Self {
        Self { deadline: None, cancel: None }
    }

    /// One look, and no wait at all.
    pub const fn now() -> Self {
        Self::deadline(Instant::ZERO)
    }

    /// Until `at`, on the clock that the wait is given.
    pub const fn deadline(at: Instant) -> Self {
        Self { deadline: Some(at), cancel: None }
    }

    /// Until `cancel` is cancelled.
    pub const fn cancel(cancel: &'c Cancel) -> Self {
        Self { deadline: None, cancel: Some(cancel) }
    }

    /// The same, or until `cancel` is cancelled. The last one told counts.
    #[must_use]
    pub const fn or(self, cancel: &'c Cancel) -> Self {
        Self { cancel: Some(cancel), ..self }
    }

    /// Whether a wait may go on.
    ///
    /// # Errors
    /// [`Ended`]; a cancel counts before a deadline.
    #[inline]
    pub fn check(&self, now: Instant) -> Result<(), Ended> {
        self.check_cancel()?;
        if self.deadline.is_some_and(|at| at <= now) { Err(Ended::Deadline) } else { Ok(()) }
    }

    #[inline]
    fn check_cancel(&self) -> Result<(), Ended> {
        if self.cancel.is_some_and(Cancel::is_cancelled) { Err(Ended::Cancelled) } else { Ok(()) }
    }

    /// The end of a sleep that begins at `now`: the deadline, or a span later where that comes first.
    fn slice(&self, now: Instant, span: Duration) -> Instant {
        let end = now + span;
        self.deadline.map_or(end, |deadline| deadline.min(end))
    }
}

/// What a world does while a call waits. Any of them may come back early, at any time, for no reason.
pub trait Rest {
    /// Tells the processor that this is a loop.
    fn hint(&mut self) {
        crate::sync::spin_loop();
    }

    /// Lets others run.
    fn yield_now(&mut self);

    /// Sleeps until `until`.
    fn sleep(&mut self, until: Instant);

    /// Sleeps until woken, at most until `until`, unless `found` says after the sleeper was announced that there is
    /// something. [`Parking::sleep`] is that protocol.
    fn park(&mut self, until: Instant, found: &mut dyn FnMut() -> bool);
}

/// Looks until `look` finds something or `until` is over; rests between two looks as `wait` says.
///
/// The first look comes first: what is there is found even where the deadline has passed.
///
/// # Errors
/// [`Ended`] where nothing was found.
pub fn wait_for<T>(
    wait: Wait,
    until: &Until<'_>,
    probe: Duration,
    clock: &impl Clock,
    rest: &mut impl Rest,
    mut look: impl FnMut() -> Option<T>,
) -> Result<T, Ended> {
    let mut turns = Turns::new(wait, *until, probe);
    loop {
        if let Some(found) = look() {
            return Ok(found);
        }
        let turn = turns.next(clock)?;
        match turn.pause {
            Pause::Again => {}
            Pause::Hint => rest.hint(),
            Pause::Yield => rest.yield_now(),
            Pause::Sleep(_) => rest.sleep(turn.end),
            Pause::Park => {
                let mut found = None;
                rest.park(turn.end, &mut || {
                    found = found.take().or_else(&mut look);
                    found.is_some()
                });
                if let Some(found) = found {
                    return Ok(found);
                }
            }
        }
    }
}

/// A ring where nobody sleeps was asked for a strategy that does ([`Spec::spin_only`](crate::Spec::spin_only)).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SpinOnly;

impl fmt::Display for SpinOnly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nobody sleeps on this ring, for nobody is woken")
    }
}

impl core::error::Error for SpinOnly {}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Deadline => "the deadline passed",
            Self::Cancelled => "cancelled",
        })
    }
}

impl core::error::Error for Ended {}

#[cfg(all(test, not(any(feature = "loom", feature = "shuttle"))))]
mod tests;
