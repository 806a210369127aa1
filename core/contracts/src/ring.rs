//! Laws of a bounded ring for one producer and one consumer: E1, E2, E4, E7, E8, E11, E13, E14, E19, E20, E22, RL-1, as
//! [`tidemill_ring::spsc`] lists them, and E25, the same with two threads.
//!
//! The model is a window of numbers: what was pushed is `1, 2, 3, …`, so what waits is a first and a last one. Whatever
//! looks wrong is followed up by draining the ring: a count that is wrong because an entry is gone is a lost entry (E2).

#[cfg(feature = "std")]
mod crowd;
mod history;
mod model;
mod ours;
mod turns;
#[cfg(feature = "std")]
mod two;

use crate::{Effort, Passed, Verdict, Violation};

#[cfg(feature = "std")]
pub use crowd::crowd;
pub use history::{evicting_history, history};
pub use turns::InTurn;
#[cfg(feature = "std")]
pub(crate) use two::PATIENCE;
#[cfg(feature = "std")]
pub use two::threads;

/// The half that pushes, as the suite drives it. What a ring does not offer keeps its default and is not judged.
pub trait RingProducer<const W: usize> {
    /// Entries can be written first and shown later.
    const STAGES: bool = false;
    /// What a consumer that is gone has left can be taken back.
    const RECOVERS: bool = false;

    /// Writes and shows an entry, or gives it back.
    fn push(&mut self, entry: [u32; W]) -> Result<(), [u32; W]>;
    /// Entries that hold a slot: staged, waiting, or taken and not released.
    fn waiting(&mut self) -> u32;
    /// Whether the consumer is gone.
    fn is_closed(&mut self) -> bool;

    /// Entries that can be pushed: never more than the truth, and zero only where it is.
    fn room(&mut self) -> u32;
    /// Pushes the longest prefix that fits.
    fn push_batch(&mut self, entries: &[[u32; W]]) -> usize {
        entries.iter().take_while(|entry| self.push(**entry).is_ok()).count()
    }
    /// Writes an entry that [`publish`](Self::publish) shows.
    fn stage(&mut self, entry: [u32; W]) -> Result<(), [u32; W]> {
        self.push(entry)
    }
    /// Shows what is staged.
    fn publish(&mut self) {}
    /// Takes back, oldest first, what a consumer that is gone has left.
    fn recover(&mut self, _back: &mut dyn FnMut([u32; W])) {}
}

/// The half that pops, as the suite drives it.
pub trait RingConsumer<const W: usize> {
    /// Slots can be kept for a while after the entry was taken.
    const HOLDS: bool = false;
    /// How far ahead it can look: `peek(i)` is judged for `i` below this.
    const SIGHT: u32 = u32::MAX;

    /// Takes the oldest entry.
    fn pop(&mut self) -> Option<[u32; W]>;
    /// Entries ready to pop.
    fn waiting(&mut self) -> u32;
    /// Whether the producer is gone.
    fn is_closed(&mut self) -> bool;
    /// The entry that the `i`-th pop from now on will give.
    fn peek(&mut self, i: u32) -> Option<[u32; W]>;

    /// Takes the longest prefix that waits and fits.
    fn pop_batch(&mut self, into: &mut [[u32; W]]) -> usize {
        into.iter_mut().map_while(|place| self.pop().map(|entry| *place = entry)).count()
    }
    /// Takes the oldest entry and keeps its slot until [`release`](Self::release), or not as long.
    fn take(&mut self) -> Option<[u32; W]> {
        self.pop()
    }
    /// Gives kept slots back.
    fn release(&mut self) {}
}

/// A producer that may throw away the oldest entries.
pub trait RingEvictor<const W: usize>: RingProducer<W> {
    /// Throws away the oldest published entries until at most `keep` wait.
    fn evict_over(&mut self, keep: u32, evicted: &mut dyn FnMut([u32; W]));
}

/// The capacities that the suites ask for; a ring that cannot be of one of them says so.
pub const CAPACITIES: [u32; 8] = [1, 2, 3, 4, 8, 16, 1_000, 1_024];

/// Runs every law at each capacity, from cursor 0 and from cursors that wrap. `make(capacity, start)` gives both halves,
/// or `None` where it cannot be of that capacity.
pub fn suite<const W: usize, P: RingProducer<W>, C: RingConsumer<W>>(
    make: impl FnMut(u32, u32) -> Option<(P, C)>,
    effort: Effort,
) -> Verdict {
    everywhere(make, |producer, consumer, capacity, seed| history(producer, consumer, capacity, seed, effort))
}

/// As [`suite`], with E8, for a ring that was split to evict.
pub fn evicting<const W: usize, P: RingEvictor<W>, C: RingConsumer<W>>(
    make: impl FnMut(u32, u32) -> Option<(P, C)>,
    effort: Effort,
) -> Verdict {
    everywhere(make, |producer, consumer, capacity, seed| {
        evicting_history(producer, consumer, capacity, seed, effort)
    })
}

fn everywhere<P, C>(
    mut make: impl FnMut(u32, u32) -> Option<(P, C)>,
    mut run: impl FnMut(P, C, u32, u64) -> Verdict,
) -> Verdict {
    let mut passed = Passed::default();
    for (capacity, seed) in CAPACITIES.into_iter().zip(0x0E00..) {
        for start in [0, u32::MAX - 3, 0_u32.wrapping_sub(capacity), 1 << 31] {
            let Some((producer, consumer)) = make(capacity, start) else { continue };
            let verdict = run(producer, consumer, capacity, seed);
            // The same history has passed from cursor 0: what is new is the cursor.
            passed.add(
                verdict.map_err(|found| Violation {
                    law: if start == 0 { found.law } else { "E19" },
                    ..found
                })?,
            );
        }
    }
    assert!(passed.histories > 0, "the ring can be of none of the capacities that are tried");
    Ok(passed)
}
