//! A bounded ring of entries for several producers and one consumer. An entry is `W` words.
//!
//! ```text
//!  producers' line          consumer's line         standing of all                        slots
//!  tail                     done                    generation, consumer, producers        (stamp e0) (stamp e1) …
//!    └ claimed by exchange, then the entry, then Release of its stamp ─────▶ Acquire, then the entry is read
//!         Acquire, then overwritten ◀───── Release of `done` after the entry was read
//! ```
//! Positions are `u64` and never wrap; position `p` lives in slot `p mod capacity`, whose stamp reads `p + 1` once its entry is
//! there. A producer claims a position by one exchange of the tail and fills it before it does anything else, so entries are
//! taken in the order of their claims; a thread that is stopped in between holds up what is behind it, and nothing else does.
//! Tail and stamps are pairs of words that are one atomic (G9): a tail of 32 bits would come again under somebody who slept.
//!
//! ```
//! # #[cfg(all(target_pointer_width = "64", feature = "alloc", not(any(feature = "loom", feature = "shuttle"))))] {
//! use tidemill_ring::{Heap, mpsc};
//!
//! let spec = mpsc::Spec::new(8);
//! let (mut one, mut consumer) = mpsc::split::<_, 2>(Heap::new(spec.words::<2>()), spec).unwrap();
//! let mut other = one.clone();
//! std::thread::spawn(move || other.push([2, 20])).join().unwrap().unwrap();
//! one.push([1, 10]).unwrap();
//! assert_eq!((consumer.pop(), consumer.pop(), consumer.pop()), (Some([2, 20]), Some([1, 10]), None));
//! drop(one);
//! assert!(consumer.is_closed());
//! # }
//! ```
//!
//! Never allocates, never blocks, never overwrites. Refuses to know what an entry means; entries that were left by a consumer that
//! is gone are not given back.
//!
//! # Laws
//! As in [`spsc`](crate::spsc), where they are about one half or both: E2, E4, E7, E11, E14, E22, RL-1, RL-2, RL-18, and
//! - **E1** *Order.* Entries come out in the order of their claims; those of one producer in the order in which it pushed.
//! - **E13** `peek(i)` is the `i`-th later pop.
//! - **E19** All of this at any start position below 2^63 and at any capacity from 1 to 2^30.
//! - **E20** *Close.* The ring is closed once its last producer is gone, or its consumer.
//! - **RL-10** *Generation.* Every split begins a generation; a half of an earlier one is [`Stale`], as there.
//!
//! One writer each: `done` and its standing word belong to the consumer, the stamp of a slot to whoever claimed its position, the
//! generation to a split. The tail and the number of producers are moved by exchanges.

mod consumer;
mod producer;
mod spec;

pub use crate::spsc::{Full, Stale};
pub use consumer::Consumer;
pub use producer::Producer;
pub use spec::{Spec, SpecError};

use crate::sync::Ordering;
use tidemill_seam::{Exchange, Region};

/// What all halves know about the words they share. Every index in it lies within the region.
#[derive(Clone, Copy, Debug)]
struct Shape {
    tail: u32,
    done: u32,
    standing: u32,
    slots: u32,
    mask: u32,
}

impl Shape {
    const CLOSED: u32 = 1;

    const fn capacity(self) -> u32 {
        self.mask + 1
    }

    const fn generation(self) -> u32 {
        self.standing
    }

    const fn consumer_standing(self) -> u32 {
        self.standing + 1
    }

    const fn producers(self) -> u32 {
        self.standing + 2
    }

    /// Words from one slot to the next: a stamp, and an entry that fills whole pairs.
    const fn stride<const W: usize>() -> u32 {
        2 + W.next_multiple_of(2) as u32
    }

    /// The stamp of a position; its entry follows.
    #[inline]
    const fn stamp<const W: usize>(self, position: u64) -> u32 {
        self.slots + (position as u32 & self.mask) * Self::stride::<W>()
    }

    #[inline]
    fn load<R: Region>(self, region: &R, at: u32, order: Ordering) -> u32 {
        // SAFETY: a word of the shape, which was checked against this region at the split.
        unsafe { region.load(at, order) }
    }

    #[inline]
    fn pair<R: Region>(self, region: &R, at: u32, order: Ordering) -> u64 {
        // SAFETY: a pair of the shape, which was checked against this region at the split; that is wide.
        unsafe { region.load_pair(at, order) }
    }

    #[inline]
    fn set_pair<R: Region>(self, region: &R, at: u32, value: u64, order: Ordering) {
        // SAFETY: as for `pair`.
        unsafe { region.store_pair(at, value, order) }
    }

    /// Counts a producer in (1) or out (`u32::MAX`).
    fn count<R: Exchange>(self, region: &R, by: u32) {
        let at = self.producers();
        // Relaxed: the exchange below succeeds on the newest value only.
        let mut now = self.load(region, at, Ordering::Relaxed);
        // SAFETY: as for `load`.
        // The exchange releases: pairs with the Acquire in `Consumer::is_closed`; what was pushed is visible with it.
        while let Err(newer) = unsafe { region.compare_exchange(at, now, now.wrapping_add(by)) } {
            now = newer;
        }
    }
}

/// Makes a ring of `region` and hands out its halves, empty and open, over whatever stood there before. More producers are
/// [clones](Clone) of the first.
///
/// An entry is `W` words. Halves of an earlier split over the same words are [`Stale`] from now on; a split must not race with a
/// call on one of them.
///
/// # Errors
/// [`SpecError`] where the capacity is no power of two up to 2^30, the line is none, the region is too short, or a pair of its
/// words is no atomic.
pub fn split<R: Exchange + Clone, const W: usize>(
    region: R,
    spec: Spec,
) -> Result<(Producer<R, W>, Consumer<R, W>), SpecError> {
    const { assert!(W > 0, "an entry has at least one word") };
    let shape = spec.shape::<W>(&region)?;
    // Relaxed: earlier splits happened before this one, or it races with them, which RL-10 forbids.
    let last = shape.load(&region, shape.generation(), Ordering::Relaxed);
    // Even, and never zero.
    let tag = (last | Shape::CLOSED).wrapping_add(1).max(2);
    // Relaxed: whatever hands a half to another thread makes these words visible there.
    for at in [shape.tail, shape.done] {
        shape.set_pair(&region, at, spec.start, Ordering::Relaxed);
    }
    for position in 0..u64::from(shape.capacity()) {
        // No position has that stamp.
        shape.set_pair(&region, shape.stamp::<W>(position), 0, Ordering::Relaxed);
    }
    for (at, value) in [(shape.generation(), tag), (shape.consumer_standing(), tag), (shape.producers(), 1)] {
        // SAFETY: words of the shape, which was checked against this region.
        unsafe { region.store(at, value, Ordering::Relaxed) };
    }
    let producer = Producer::new(region.clone(), shape, spec.start, tag);
    Ok((producer, Consumer::new(region, shape, spec.start, tag)))
}

#[cfg(all(test, not(any(feature = "loom", feature = "shuttle"))))]
mod tests;
