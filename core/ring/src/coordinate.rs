//! How a publisher begins: at once, once enough consumers are there, or with the first items kept for them.
//!
//! A pure machine, told the time and how many consumers are live and ready. A start that did not come about is an
//! error, never a warning: nobody publishes to fewer than were asked for.
//!
//! Where several publish each has a start of its own.

use core::fmt;
use tidemill_seam::{Duration, Instant};

/// What a publisher waits for before it begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Coordinate {
    /// Nothing. While nobody has joined, the newest items of the ring's history stay; the rest counts as unheard.
    #[default]
    Immediate,
    /// `n` consumers, live and ready.
    WaitFor {
        /// How many.
        n: u32,
        /// Time for them to come, from the publisher's own start.
        by: Duration,
    },
    /// Nothing; but the first `max` items stay until `n` consumers are live and ready, who all may begin with the first.
    BufferUntil {
        /// How many.
        n: u32,
        /// Items kept; at most as many as the ring can keep.
        max: u64,
    },
}

/// Why nothing is published yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Held {
    /// Not enough consumers are ready; ask again.
    Awaiting {
        /// Ready now.
        have: u32,
        /// Asked for.
        want: u32,
    },
    /// They did not come in time; the same answer for ever.
    Startup {
        /// Ready when the time was over.
        have: u32,
        /// Asked for.
        want: u32,
    },
}

/// The machine: it opens once, and then stays open.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    coordinate: Coordinate,
    begun: Instant,
    first: u64,
    phase: Phase,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Waiting,
    Open,
    Failed(Held),
}

impl Start {
    /// A publisher that began at `now`, and whose first item has position `first`.
    pub const fn new(coordinate: Coordinate, now: Instant, first: u64) -> Self {
        let phase = match coordinate {
            Coordinate::Immediate
            | Coordinate::WaitFor { n: 0, .. }
            | Coordinate::BufferUntil { n: 0, .. } => Phase::Open,
            _ => Phase::Waiting,
        };
        Self { coordinate, begun: now, first, phase }
    }

    /// One that waits for nobody.
    pub const AT_ONCE: Self = Self::new(Coordinate::Immediate, Instant::ZERO, 0);

    /// Whether the item at position `next` may be published, `ready` consumers being live and ready.
    ///
    /// # Errors
    /// [`Held`] where not.
    #[inline]
    pub fn admit(&mut self, now: Instant, ready: u32, next: u64) -> Result<(), Held> {
        self.look(Some(now), ready, next)
    }

    /// As [`admit`](Self::admit), for who may not know the time: no deadline passes where it does not.
    ///
    /// # Errors
    /// [`Held`].
    #[inline]
    pub fn look(&mut self, now: Option<Instant>, ready: u32, next: u64) -> Result<(), Held> {
        match self.phase {
            Phase::Open => Ok(()),
            Phase::Failed(held) => Err(held),
            Phase::Waiting => self.wait(now, ready, next),
        }
    }

    /// The first position that may not be published as things are.
    #[inline]
    pub const fn ceiling(&self) -> u64 {
        match (self.phase, self.coordinate) {
            (Phase::Open, _) => u64::MAX,
            (Phase::Waiting, Coordinate::BufferUntil { max, .. }) => self.first.saturating_add(max),
            _ => self.first,
        }
    }

    #[cold]
    fn wait(&mut self, now: Option<Instant>, ready: u32, next: u64) -> Result<(), Held> {
        let now = now.unwrap_or(self.begun);
        self.begun = self.begun.min(now);
        match self.coordinate {
            Coordinate::WaitFor { n, by } if ready < n => {
                if now.since(self.begun) < by {
                    return Err(Held::Awaiting { have: ready, want: n });
                }
                let held = Held::Startup { have: ready, want: n };
                self.phase = Phase::Failed(held);
                Err(held)
            }
            Coordinate::BufferUntil { n, max } if ready < n => {
                let kept = next.saturating_sub(self.first);
                if kept < max { Ok(()) } else { Err(Held::Awaiting { have: ready, want: n }) }
            }
            _ => {
                self.phase = Phase::Open;
                Ok(())
            }
        }
    }

    /// The position below which the gate must not rise because of it: that of the first item, while it is kept.
    #[inline]
    pub const fn pin(&self) -> Option<u64> {
        match (self.coordinate, self.phase) {
            (Coordinate::BufferUntil { .. }, Phase::Waiting) => Some(self.first),
            _ => None,
        }
    }

    /// How many consumers it is to begin with.
    pub const fn wanted(&self) -> u32 {
        match self.coordinate {
            Coordinate::Immediate => 0,
            Coordinate::WaitFor { n, .. } | Coordinate::BufferUntil { n, .. } => n,
        }
    }

    /// Whether it has begun for good: no later call is held.
    #[inline]
    pub const fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open)
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Awaiting { have, want } => write!(f, "{have} of {want} consumers are ready"),
            Self::Startup { have, want } => write!(f, "{have} of {want} consumers came in time"),
        }
    }
}

impl core::error::Error for Held {}

#[cfg(test)]
mod tests {
    use super::{Coordinate, Held, Start};
    use proptest::prelude::{Just, Strategy, prop_assert, prop_assert_eq, prop_oneof, proptest};
    use tidemill_seam::{Duration, Instant};

    fn at(ms: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(ms)
    }

    // RING-COORDINATE: immediate.
    #[test]
    fn an_immediate_start_waits_for_nobody_and_pins_nothing() {
        let mut start = Start::new(Coordinate::Immediate, at(0), 0);
        assert!(start.is_open() && start.pin().is_none());
        assert_eq!(start.admit(at(0), 0, u64::MAX), Ok(()));
    }

    // RING-COORDINATE: wait for n consumers, and fail at the deadline.
    #[test]
    fn a_start_that_waits_fails_at_its_deadline_for_ever() {
        let coordinate = Coordinate::WaitFor { n: 2, by: Duration::from_secs(5) };
        let mut start = Start::new(coordinate, at(100), 0);
        assert_eq!(start.admit(at(5_099), 1, 0), Err(Held::Awaiting { have: 1, want: 2 }));
        assert_eq!(start.admit(at(5_100), 1, 0), Err(Held::Startup { have: 1, want: 2 }));
        assert_eq!(start.admit(at(5_101), 2, 0), Err(Held::Startup { have: 1, want: 2 }));
        let mut start = Start::new(coordinate, at(100), 0);
        assert_eq!(start.admit(at(5_100), 2, 0), Ok(()), "they are there when it looks");
        assert_eq!(start.admit(at(9_000), 0, 1), Ok(()), "who leaves later is a matter of other rules");
    }

    // RING-COORDINATE: buffer until n consumers are there, all of whom begin with the first item.
    #[test]
    fn the_first_items_are_kept_until_all_are_there() {
        let mut start = Start::new(Coordinate::BufferUntil { n: 2, max: 3 }, at(0), 40);
        for next in 40..43 {
            assert_eq!(start.admit(at(1), 1, next), Ok(()));
        }
        assert_eq!(start.pin(), Some(40));
        assert_eq!(start.admit(at(99_000), 1, 43), Err(Held::Awaiting { have: 1, want: 2 }));
        assert_eq!((start.admit(at(99_001), 2, 43), start.pin()), (Ok(()), None));
        assert_eq!(start.admit(at(99_002), 0, 50), Ok(()));
    }

    #[test]
    fn nobody_is_waited_for_where_nobody_was_asked_for() {
        for coordinate in
            [Coordinate::WaitFor { n: 0, by: Duration::ZERO }, Coordinate::BufferUntil { n: 0, max: 0 }]
        {
            assert!(Start::new(coordinate, at(0), 0).is_open());
        }
    }

    fn coordinates() -> impl Strategy<Value = Coordinate> {
        prop_oneof![
            Just(Coordinate::Immediate),
            (0..4_u32, 0..100_u64)
                .prop_map(|(n, ms)| Coordinate::WaitFor { n, by: Duration::from_millis(ms) }),
            (0..4_u32, 0..8_u64).prop_map(|(n, max)| Coordinate::BufferUntil { n, max }),
        ]
    }

    proptest! {
        #![proptest_config(crate::cases::cases(512))]

        // RING-COORDINATE: once open it stays open; before, nothing is published that a late consumer would miss.
        #[test]
        fn nothing_is_lost_before_the_start_and_nothing_is_held_after(
            coordinate in coordinates(),
            looks in proptest::collection::vec((0..40_u64, 0..5_u32), 1..40),
        ) {
            let mut start = Start::new(coordinate, at(0), 7);
            let (mut now, mut next, mut opened, mut failed) = (0, 7, start.is_open(), None);
            for (ms, ready) in looks {
                now += ms;
                let held = start.admit(at(now), ready, next).err();
                next += u64::from(held.is_none());
                opened |= match coordinate {
                    Coordinate::Immediate => true,
                    Coordinate::WaitFor { n, .. } | Coordinate::BufferUntil { n, .. } => {
                        ready >= n && failed.is_none()
                    }
                };
                prop_assert_eq!(start.is_open(), opened);
                prop_assert!(!opened || held.is_none());
                match coordinate {
                    Coordinate::WaitFor { .. } if !opened => prop_assert_eq!(next, 7),
                    Coordinate::BufferUntil { max, .. } if !opened => {
                        prop_assert_eq!(start.pin(), Some(7));
                        prop_assert!(next - 7 <= max);
                    }
                    _ => prop_assert_eq!(start.pin(), None),
                }
                failed = failed.or(held.filter(|held| matches!(held, Held::Startup { .. })));
                prop_assert!(failed.is_none() || held == failed);
            }
        }
    }
}
