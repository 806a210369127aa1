use super::Item;
use tidemill_flow::{Caps, Cause, Level, Load, Policy};
use tidemill_seam::Instant;

/// What should become of an item.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fate {
    Accepted,
    Waits,
    Refused(Cause),
    /// Accepted once so many of the oldest have made room.
    Evicts(u32),
}

/// What waits: the items `first..next`. The oldest may have been shown, and then may count as taken or not.
pub(super) struct Model {
    pub(super) caps: Caps,
    pub(super) first: u32,
    pub(super) next: u32,
    pub(super) shown: bool,
}

/// The item of a number: always the same, and never too long.
pub(super) fn item(caps: &Caps, number: u32) -> Item {
    let lengths = Item::LONGEST.min(caps.hard_bytes) + 1;
    let bytes = ((u64::from(number.wrapping_mul(0x9E37_79B1)) * u64::from(lengths)) >> 32) as u32;
    Item { number, bytes, deadline: Instant::MAX }
}

pub(super) fn level(caps: &Caps, load: Load) -> Level {
    if load.items > caps.hard_items || load.bytes > caps.hard_bytes {
        return Level::Over;
    }
    if load.items > caps.soft_items || load.bytes > caps.soft_bytes { Level::Pressure } else { Level::Low }
}

impl Model {
    pub(super) fn new(caps: Caps) -> Self {
        Self { caps, first: 1, next: 1, shown: false }
    }

    pub(super) fn item(&self, number: u32) -> Item {
        item(&self.caps, number)
    }

    pub(super) fn len(&self) -> u32 {
        self.next - self.first
    }

    /// What waits from the number `from` on, by adding up.
    fn load_from(&self, from: u32) -> Load {
        Load { items: self.next - from, bytes: (from..self.next).map(|number| self.item(number).bytes).sum() }
    }

    /// The truth, with the shown item counted and not counted.
    pub(super) fn loads(&self) -> [Load; 2] {
        [self.load_from(self.first), self.load_from(self.first + u32::from(self.shown))]
    }

    /// The table of admission, read row by row, for each of the two truths.
    pub(super) fn fates(&self, item: &Item, now: Instant) -> [Fate; 2] {
        self.loads().map(|load| self.fate(load, item, now))
    }

    fn fate(&self, load: Load, new: &Item, now: Instant) -> Fate {
        let caps = &self.caps;
        if new.bytes > caps.hard_bytes {
            return Fate::Refused(Cause::TooLarge);
        }
        if caps.refuse_expired && new.deadline < now {
            return Fate::Refused(Cause::Expired);
        }
        let with = |load: Load| Load { items: load.items + 1, bytes: load.bytes + new.bytes };
        if level(caps, with(load)) != Level::Over {
            return Fate::Accepted;
        }
        match caps.policy {
            Policy::Wait => Fate::Waits,
            Policy::DropNewest => Fate::Refused(Cause::Full),
            #[cfg(any(target_has_atomic = "32", feature = "critical-section"))]
            Policy::DropOldest => {
                let mut left = load;
                let mut evicted = 0;
                // A shown item is off the queue: the next one is the oldest that can be thrown away.
                let mut oldest = self.next - load.items + u32::from(self.shown && load.items == self.len());
                while level(caps, with(left)) == Level::Over && oldest < self.next {
                    left = Load { items: left.items - 1, bytes: left.bytes - self.item(oldest).bytes };
                    oldest += 1;
                    evicted += 1;
                }
                Fate::Evicts(evicted)
            }
        }
    }
}
