//! A bounded ring of entries for one producer and one consumer. An entry is `W` words.
//!
//! ```text
//!  producer's line          consumer's line         standing of both          slots
//!  tail                     done                    generation, closed        e0 e1 e2 … e(capacity-1)
//!    └ Release after the entry ──────▶ Acquire, then the entry is read
//!         Acquire, then overwritten ◀───── Release of `done` after the entry was read
//! ```
//! Positions are wrapping `u32`, position `p` lives in slot `p mod capacity`. Each half keeps its own position and the
//! last seen one of its peer to itself, and looks again only when those say *full* or *empty*. Four control words: 16
//! bytes beside the slots where no line has to be kept apart (`line = 1`). The standing words have a line of their own:
//! both halves read one at each use, and a load beside a cursor would wait for the stores that are on their way there.
//!
//! Never allocates, never blocks, never overwrites. Refuses to know what an entry means.
//!
//! # Laws
//! - **E1** *Order.* Entries come out in the order in which they went in.
//! - **E2** *Conservation.* Pushed = popped + evicted + recovered + waiting, each entry whole and exactly once.
//! - **E4** *Refusal.* A refused push returns the entry ([`Full`]) and changes nothing.
//! - **E7** Nothing but a pop removes an entry, unless the ring was split to evict.
//! - **E8** Eviction takes the fewest and the oldest: it decides and exchanges on one observed cursor.
//! - **E11** *Occupancy* is exact when quiet, and never above the capacity, negative or wrapped when racing.
//! - **E13** `peek(i)` is the `i`-th later pop; on an evicting ring, unless it is evicted first.
//! - **E14** A batch is the longest prefix that fits, or that waits.
//! - **E19** All of this at any start position and at any capacity from 1 to 2^30.
//! - **E20** *Close.* A consumer drains a closed ring; a producer [recovers](Producer::recover) what a closed consumer left.
//! - **E22** Nothing waits ⇔ `pop` gives `None`.
//! - **E26** No compare-and-swap unless the ring evicts: [`split`] asks for a [`Region`] only.
//! - **RL-1** *Publication.* Entry, then `tail` (Release, once a batch). The consumer reads only below an Acquire of it.
//!   What was staged and never published is never seen.
//! - **RL-2** *Gate.* A position is written only once its slot's last entry was taken (Acquire of `done`).
//! - **RL-10** *Generation.* Every split begins a generation, which each half compares with its own standing word before
//!   each use: a half of an earlier split is [`Stale`], refuses everything, finds nothing and closes nobody. A split
//!   must not race with a call on an older half: those hold one operation each that was already past its look.
//! - **RL-18** *Foreign cursors.* A peer's cursor that lies outside the ring reads as *full* or *empty*. Whatever a peer
//!   overwrites, no access leaves the ring, no call panics, and none loops unless the peer keeps at it.
//!
//! One writer each: `tail` and the first standing word belong to the producer, `done` and the second to the consumer;
//! a split writes all four, and a closed consumer leaves `done` to the producer. On an evicting ring `done` is the
//! *claim*: whoever moves it from the value it looked at, consumer or evicting producer, owns the entry below.

mod consumer;
mod evict;
mod producer;
mod spec;

pub use consumer::Consumer;
pub use producer::Producer;
pub use spec::{LINE, Spec, SpecError, words};

use crate::sync::Ordering;
use core::fmt;
use tidemill_seam::{Exchange, Region};

/// The ring had no room. The entry comes back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Full<E>(pub E);

/// The region was split again since: this half belongs to an earlier generation and does nothing any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stale;

impl<E> fmt::Display for Full<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no room in the ring")
    }
}

impl fmt::Display for Stale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("half of an earlier split of this region")
    }
}

impl<E: fmt::Debug> core::error::Error for Full<E> {}
impl core::error::Error for Stale {}

/// How an evicting ring compares and exchanges. A pointer, so that a ring that never evicts needs no such instruction.
type Exchanger<R> = unsafe fn(&R, u32, u32, u32) -> Result<(), u32>;

/// What both halves know about the words they share. Every index in it lies within the region.
#[derive(Clone, Copy)]
struct Shape {
    tail: u32,
    done: u32,
    standing: u32,
    slots: u32,
    mask: u32,
}

impl Shape {
    const CLOSED: u32 = 1;

    #[inline]
    const fn producer_standing(self) -> u32 {
        self.standing
    }

    #[inline]
    const fn consumer_standing(self) -> u32 {
        // SAFETY: the word after `standing` lies within the region too, so its index fits.
        unsafe { self.standing.unchecked_add(1) }
    }

    #[inline]
    const fn slot<const W: usize>(self, position: u32) -> u32 {
        self.slots + (position & self.mask) * W as u32
    }

    /// Copies entries out, from `position` on. Entries of whole pairs are always copied by pairs (G7).
    ///
    /// # Safety
    /// The run ends at the last slot or before.
    #[inline]
    unsafe fn read<R: Region, const W: usize>(self, region: &R, position: u32, into: &mut [u32]) {
        let at = self.slot::<W>(position);
        if W.is_multiple_of(2) {
            // SAFETY: the slots lie within the region, checked at the split, and begin on a pair.
            unsafe { region.read_pairs(at, into) }
        } else {
            // SAFETY: the slots lie within the region, checked at the split.
            unsafe { region.read(at, into) }
        }
    }

    /// Copies entries in, from `position` on.
    ///
    /// # Safety
    /// The run ends at the last slot or before, and its slots are the caller's to write.
    #[inline]
    unsafe fn write<R: Region, const W: usize>(self, region: &R, position: u32, from: &[u32]) {
        let at = self.slot::<W>(position);
        if W.is_multiple_of(2) {
            // SAFETY: the slots lie within the region, checked at the split, and begin on a pair.
            unsafe { region.write_pairs(at, from) }
        } else {
            // SAFETY: the slots lie within the region, checked at the split.
            unsafe { region.write(at, from) }
        }
    }
}

/// Makes a ring of `region` and hands out its halves, empty and open, over whatever stood there before.
///
/// An entry is `W` words. Halves of an earlier split over the same words are [`Stale`] from now on.
///
/// # Errors
/// [`SpecError`] where the capacity is no power of two up to 2^30, the line is none, or the region is too short.
pub fn split<R: Region + Clone, const W: usize>(
    region: R,
    spec: Spec,
) -> Result<(Producer<R, W>, Consumer<R, W>), SpecError> {
    build(region, spec, None)
}

/// As [`split`], for a ring whose producer may throw away its oldest entries.
///
/// Costs the consumer one exchange per pop.
///
/// # Errors
/// As for [`split`].
pub fn split_evicting<R: Exchange + Clone, const W: usize>(
    region: R,
    spec: Spec,
) -> Result<(Producer<R, W>, Consumer<R, W>), SpecError> {
    build(region, spec, Some(R::compare_exchange))
}

fn build<R: Region + Clone, const W: usize>(
    region: R,
    spec: Spec,
    exchange: Option<Exchanger<R>>,
) -> Result<(Producer<R, W>, Consumer<R, W>), SpecError> {
    const { assert!(W > 0, "an entry has at least one word") };
    let shape = spec.shape::<W>(region.words())?;
    let tag = next_tag(&region, shape);
    // Relaxed: whatever hands a half to another thread makes these words visible there.
    for (at, value) in [
        (shape.tail, spec.start),
        (shape.done, spec.start),
        (shape.producer_standing(), tag),
        (shape.consumer_standing(), tag),
    ] {
        // SAFETY: `shape` was checked against this region.
        unsafe { region.store(at, value, Ordering::Relaxed) };
    }
    let producer = Producer::new(region.clone(), shape, spec.start, tag, exchange);
    let consumer = Consumer::new(region, shape, spec.start, tag, exchange);
    Ok((producer, consumer))
}

/// The standing word of the next generation: even, never zero, and other than the last 2^31 - 2 of them.
fn next_tag<R: Region>(region: &R, shape: Shape) -> u32 {
    // SAFETY: `shape` was checked against this region.
    // Relaxed: earlier splits happened before this one, or it races with them, which RL-10 forbids.
    let last = unsafe { region.load(shape.producer_standing(), Ordering::Relaxed) };
    (last | Shape::CLOSED).wrapping_add(1).max(2)
}

#[cfg(all(test, not(any(feature = "loom", feature = "shuttle"))))]
mod tests;
