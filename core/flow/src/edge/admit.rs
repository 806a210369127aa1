use tidemill_seam::Instant;

use super::Cause;
use crate::message::Header;

/// What happens to an item that would exceed a hard cap.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Policy {
    /// It stays with the producer, which is stepped again when there is room. Loses nothing.
    Wait,
    /// It is dropped.
    DropNewest,
    /// The fewest oldest items make room for it.
    #[cfg(any(target_has_atomic = "32", feature = "critical-section"))]
    DropOldest,
}

/// How much an edge may hold. Caps bound items not yet taken, the incoming one included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Caps {
    /// What happens above a hard cap.
    pub policy: Policy,
    /// Above so many items the edge is under pressure.
    pub soft_items: u32,
    /// Never more items.
    pub hard_items: u32,
    /// Above so many bytes the edge is under pressure.
    pub soft_bytes: u32,
    /// Never more bytes.
    pub hard_bytes: u32,
    /// Refuse an item whose deadline has passed.
    pub refuse_expired: bool,
}

/// What waits on an edge.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Load {
    /// Messages.
    pub items: u32,
    /// Their payloads' length.
    pub bytes: u32,
}

/// Where an occupancy stands against the caps.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Level {
    /// Within the soft caps.
    Low,
    /// Above a soft cap, within the hard ones.
    Pressure,
    /// Above a hard cap.
    Over,
}

/// What is to be done with an item.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Take it. The level is the one after taking it: `Low` or `Pressure`.
    Accept(Level),
    /// It stays with the producer.
    Wait,
    /// Give it back, counted for this cause.
    Refuse(Cause),
    /// Evict the oldest one and ask again.
    Evict,
}

impl Caps {
    /// Up to `items`, then wait.
    pub const fn wait(items: u32) -> Self {
        Self {
            policy: Policy::Wait,
            soft_items: items,
            hard_items: items,
            soft_bytes: u32::MAX,
            hard_bytes: u32::MAX,
            refuse_expired: false,
        }
    }

    /// Up to `items`, then drop what comes.
    pub const fn drop_newest(items: u32) -> Self {
        Self { policy: Policy::DropNewest, ..Self::wait(items) }
    }

    /// Up to `items`, then drop what has waited longest.
    #[cfg(any(target_has_atomic = "32", feature = "critical-section"))]
    pub const fn drop_oldest(items: u32) -> Self {
        Self { policy: Policy::DropOldest, ..Self::wait(items) }
    }

    /// The same with a soft cap of `items`.
    #[must_use]
    pub const fn soft(mut self, items: u32) -> Self {
        self.soft_items = items;
        self
    }

    /// The same with byte caps.
    #[must_use]
    pub const fn bytes(mut self, soft: u32, hard: u32) -> Self {
        self.soft_bytes = soft;
        self.hard_bytes = hard;
        self
    }

    /// The same, refusing what has expired.
    #[must_use]
    pub const fn refuse_expired(mut self) -> Self {
        self.refuse_expired = true;
        self
    }

    /// Where an occupancy stands.
    #[inline]
    pub const fn level(&self, load: Load) -> Level {
        if load.items > self.hard_items || load.bytes > self.hard_bytes {
            Level::Over
        } else if load.items > self.soft_items || load.bytes > self.soft_bytes {
            Level::Pressure
        } else {
            Level::Low
        }
    }

    /// What [`admit`] says of an item of so many bytes: for edges whose items have no [`Header`].
    ///
    /// ```
    /// use tidemill_flow::{Caps, Level, Load, Verdict};
    /// use tidemill_seam::Instant;
    ///
    /// let caps = Caps::wait(2).soft(1);
    /// let with = |items| caps.admit(Load { items, bytes: 0 }, 8, Instant::MAX, Instant::ZERO);
    /// assert_eq!([0, 1, 2].map(with), [Verdict::Accept(Level::Low), Verdict::Accept(Level::Pressure), Verdict::Wait]);
    /// ```
    #[inline]
    pub const fn admit(&self, waiting: Load, bytes: u32, deadline: Instant, now: Instant) -> Verdict {
        if bytes > self.hard_bytes {
            return Verdict::Refuse(Cause::TooLarge);
        }
        if self.refuse_expired && deadline.as_nanos() < now.as_nanos() {
            return Verdict::Refuse(Cause::Expired);
        }
        let with =
            Load { items: waiting.items.saturating_add(1), bytes: waiting.bytes.saturating_add(bytes) };
        match self.level(with) {
            Level::Over => match self.policy {
                Policy::Wait => Verdict::Wait,
                Policy::DropNewest => Verdict::Refuse(Cause::Full),
                #[cfg(any(target_has_atomic = "32", feature = "critical-section"))]
                Policy::DropOldest => Verdict::Evict,
            },
            level => Verdict::Accept(level),
        }
    }

    /// Whether bytes matter at all.
    #[inline]
    pub(crate) const fn count_bytes(&self) -> bool {
        self.soft_bytes != u32::MAX || self.hard_bytes != u32::MAX
    }
}

/// What is to be done with an item, given what waits: a pure function (E21).
///
/// | after adding the item | Wait | DropNewest | DropOldest |
/// |---|---|---|---|
/// | item alone > hard bytes | refuse `TooLarge` | same | same |
/// | its deadline has passed, and the edge refuses such | refuse `Expired` | same | same |
/// | ≤ soft | accept | accept | accept |
/// | soft < x ≤ hard | accept, under pressure | same | same |
/// | > hard | wait | refuse `Full` | evict one, ask again |
#[inline]
pub const fn admit(caps: &Caps, waiting: Load, item: &Header, now: Instant) -> Verdict {
    caps.admit(waiting, item.bytes(), item.deadline(), now)
}
