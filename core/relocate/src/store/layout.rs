use crate::checkpoint::Checkpoint;
use crate::extent::blocks_for;
use crate::stage::Pointer;
use crate::{Extent, Incarnation};
use core::fmt;
use tidemill_seam::Geometry;

/// The least block that a store is divided by.
pub(super) const BLOCK_MIN: u32 = 32;

/// How the blocks of a store are divided among the lives of a stage.
///
/// ```text
///  area 0                        area 1                        area 2                     life n writes into area n mod areas
///  ┌─────────┬─────────┬───────┐ ┌─────────┬─────────┬───────┐ ┌─────────┬─────────┬───────┐
///  │ slot 0  │ slot 1  │ log   │ │ slot 0  │ slot 1  │ log   │ │ slot 0  │ slot 1  │ log   │
///  └─────────┴─────────┴───────┘ └─────────┴─────────┴───────┘ └─────────┴─────────┴───────┘
///     checkpoint seq lies in slot seq mod 2                       what is retained, a run of blocks for each checkpoint
/// ```
/// A life never writes where the checkpoint lies that it found, nor into the blocks of a life whose number is less than `areas` behind
/// its own, so that what one of those writes late harms nothing. What one further back writes shows as damage, by its checksum.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Layout {
    areas: u64,
    slot: u64,
    log: u64,
    block: usize,
}

/// A store that cannot be divided as asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BadLayout {
    /// Blocks are shorter than 32 bytes.
    Block,
    /// There are fewer than two areas.
    Areas,
    /// It has too few blocks.
    Blocks {
        /// How many it would take at least.
        need: u64,
    },
}

impl Layout {
    /// Divides a store into `areas`, each for checkpoints of states of up to `state_max` bytes. What is left of an area is its
    /// log. Two areas are enough where the process of a life is dead before the next one begins; three where the one before may still
    /// write.
    ///
    /// # Errors
    /// See [`BadLayout`].
    pub fn new(shape: Geometry, areas: u64, state_max: u64) -> Result<Self, BadLayout> {
        if shape.block < BLOCK_MIN {
            return Err(BadLayout::Block);
        }
        if areas < 2 {
            return Err(BadLayout::Areas);
        }
        let block = shape.block as usize;
        let slot = blocks_for(state_max.saturating_add(Checkpoint::HEAD_MAX as u64), block);
        let area = shape.blocks / areas;
        let log = match area.checked_sub(slot.saturating_mul(2)) {
            Some(log) if log >= 2 => log,
            _ => {
                let need = slot.saturating_mul(2).saturating_add(2).saturating_mul(areas);
                return Err(BadLayout::Blocks { need });
            }
        };
        Ok(Self { areas, slot, log, block })
    }

    /// How many lives have blocks of their own at once.
    pub const fn areas(&self) -> u64 {
        self.areas
    }

    /// Bytes of a block.
    pub(super) const fn block(&self) -> usize {
        self.block
    }

    /// The longest checkpoint, in bytes: its state and what it says of its ends.
    pub const fn checkpoint_max(&self) -> u64 {
        self.slot * (self.block as u64 - 4)
    }

    /// Bytes of what is retained at most, 32 on top of each entry and 32 for each output among them: half of a log, so that there is
    /// always room for what is still needed beside what the checkpoint before needs.
    pub const fn retained_max(&self) -> u64 {
        (self.log / 2 * (self.block as u64 - 4)).saturating_sub(super::batch::HEAD as u64)
    }

    /// Blocks of what is retained at most.
    pub(super) const fn log_max(&self) -> u64 {
        self.log / 2
    }

    fn area(&self, inc: Incarnation) -> Extent {
        let count = 2 * self.slot + self.log;
        Extent { block: inc.0 % self.areas * count, count }
    }

    /// Where a checkpoint of a life lies.
    pub(super) fn slot(&self, inc: Incarnation, seq: u64) -> Extent {
        Extent { block: self.area(inc).block + seq % 2 * self.slot, count: self.slot }
    }

    /// Blocks `at` and those after it in the log of a life, which begins again at its end: one run of blocks, or two.
    pub(super) fn log(&self, inc: Incarnation, at: u64, count: u64) -> [Extent; 2] {
        let from = self.area(inc).block + 2 * self.slot;
        let at = at % self.log;
        let first = count.min(self.log - at);
        let second = Extent { block: from, count: count - first };
        [Extent { block: from + at, count: first }, if second.count > 0 { second } else { Extent::default() }]
    }

    /// The first life after `inc` that writes elsewhere than where `live` lies.
    pub(super) fn next_apart(&self, inc: Incarnation, live: &Pointer) -> Option<Incarnation> {
        (1..=self.areas)
            .map_while(|ahead| inc.0.checked_add(ahead).map(Incarnation))
            .find(|inc| !live.extents.iter().chain(&live.log).any(|extent| meet(*extent, self.area(*inc))))
    }
}

fn meet(a: Extent, b: Extent) -> bool {
    let before = |a: Extent, b: Extent| a.block.saturating_add(a.count) <= b.block;
    a.count > 0 && b.count > 0 && !before(a, b) && !before(b, a)
}

impl fmt::Display for BadLayout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Block => write!(f, "a store of a stage has blocks of at least {BLOCK_MIN} bytes"),
            Self::Areas => f.write_str("a store of a stage has at least two areas"),
            Self::Blocks { need } => write!(f, "it would take {need} blocks at least"),
        }
    }
}

impl core::error::Error for BadLayout {}

#[cfg(test)]
mod tests {
    use super::{BadLayout, Layout};
    use crate::stage::Pointer;
    use crate::{Extent, Incarnation};
    use alloc::vec::Vec;
    use tidemill_seam::Geometry;

    const SHAPE: Geometry = Geometry { block: 64, blocks: 120 };

    fn layout() -> Layout {
        Layout::new(SHAPE, 3, 100).expect("120 blocks")
    }

    #[test]
    fn a_store_that_is_too_small_says_how_large_it_had_to_be() {
        assert_eq!(layout().checkpoint_max(), 17 * 60);
        assert_eq!(layout().log_max(), 3);
        let small = Geometry { blocks: 107, ..SHAPE };
        assert_eq!(Layout::new(small, 3, 100), Err(BadLayout::Blocks { need: 108 }));
        assert!(Layout::new(Geometry { blocks: 108, ..SHAPE }, 3, 100).is_ok());
        assert_eq!(Layout::new(SHAPE, 1, 100), Err(BadLayout::Areas));
        assert_eq!(Layout::new(Geometry { block: 31, ..SHAPE }, 3, 100), Err(BadLayout::Block));
        assert_eq!(Layout::new(SHAPE, 3, u64::MAX).is_err(), Layout::new(SHAPE, u64::MAX, 1).is_err());
    }

    #[test]
    fn no_block_of_a_store_is_given_twice() {
        let mut blocks: Vec<u64> = (0..3)
            .map(Incarnation)
            .flat_map(|inc| {
                let [log, none] = layout().log(inc, 0, 6);
                assert_eq!(none, Extent::default());
                [layout().slot(inc, 0), layout().slot(inc, 1), log]
            })
            .flat_map(|extent| extent.block..extent.block + extent.count)
            .collect();
        blocks.sort_unstable();
        assert!(blocks.iter().copied().eq(0..120));
    }

    #[test]
    fn a_log_begins_again_at_its_end() {
        let [first, second] = layout().log(Incarnation(4), 5, 3);
        assert_eq!((first, second), (Extent { block: 79, count: 1 }, Extent { block: 74, count: 2 }));
    }

    #[test]
    fn a_life_writes_elsewhere_than_where_the_checkpoint_lies_that_it_found() {
        let mut live = Pointer::default();
        assert_eq!(layout().next_apart(Incarnation(0), &live), Some(Incarnation(1)));
        live.extents[0] = layout().slot(Incarnation(1), 1);
        assert_eq!(layout().next_apart(Incarnation(3), &live), Some(Incarnation(5)));
        live.log[0] = Extent { block: 0, count: 120 };
        assert_eq!(layout().next_apart(Incarnation(3), &live), None);
        assert_eq!(layout().next_apart(Incarnation(u64::MAX), &Pointer::default()), None);
    }
}
