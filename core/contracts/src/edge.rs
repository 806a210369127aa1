//! Laws of an edge: E1 to E13, E19 to E22, as [`tidemill_flow::edge`] lists them; E25 with two threads; E21 of the
//! admission function by itself.
//!
//! The model is a window of numbers: accepted items are `1, 2, 3, …`, each of a length that follows from its number. E26
//! is proved by the types, E28 by the graph, E29 by the linker of a board.

mod admission;
mod history;
mod model;
mod ours;
mod shared;
#[cfg(feature = "std")]
mod two;

use crate::{Effort, Passed, Verdict, Violation};
use tidemill_flow::{Bounce, Caps, Cause, Level, Load};
use tidemill_seam::Instant;

pub use admission::admission;
pub use history::history;
pub use ours::{Parcel, PooledRx, PooledTx, pooled};
pub use shared::{SharedRx, SharedTx, shared, shared_words};
#[cfg(feature = "std")]
pub use two::{race, threads};

/// What goes over an edge, as the suite sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Item {
    /// Who it is.
    pub number: u32,
    /// Length in bytes, at most [`Item::LONGEST`].
    pub bytes: u32,
    /// When it expires.
    pub deadline: Instant,
}

impl Item {
    /// No item is longer.
    pub const LONGEST: u32 = 40;
}

/// The end that pushes, as the suite drives it.
pub trait EdgeTx {
    /// Hands an item over; what it pushes out goes to `evicted`.
    fn push(&mut self, item: Item, now: Instant, evicted: &mut dyn FnMut(Item))
    -> Result<(), (Bounce, Item)>;
    /// What waits.
    fn waiting(&mut self) -> Load;
    /// Where the edge stands.
    fn level(&mut self) -> Level;
    /// Whether a push of an item of any length will not wait.
    fn permits(&mut self) -> bool;
    /// How many items went astray for this cause.
    fn dropped(&mut self, cause: Cause) -> u32;
    /// Whether the consumer is gone.
    fn is_closed(&mut self) -> bool;
    /// Items whose memory is not free, once what a gone consumer has left is taken back. Asked last.
    fn unfreed(&mut self) -> u32;
}

/// The end that pops, as the suite drives it.
pub trait EdgeRx {
    /// Takes the oldest item.
    fn pop(&mut self) -> Option<Item>;
    /// Shows the item that the next pop takes.
    fn peek(&mut self) -> Option<Item>;
    /// Items ready to pop.
    fn waiting(&mut self) -> u32;
    /// Whether nothing will ever come again.
    fn is_drained(&mut self) -> bool;
}

/// The item caps that the suite asks for.
pub const CAPACITIES: [u32; 8] = [1, 2, 3, 4, 8, 16, 64, 1_000];

/// Runs every law with every policy, with and without soft caps, byte caps and expiry, from cursor 0 and from cursors that
/// wrap. `make(caps, start)` gives both ends, or `None` where it cannot have these caps.
pub fn suite<T: EdgeTx, R: EdgeRx>(
    mut make: impl FnMut(Caps, u32) -> Option<(T, R)>,
    effort: Effort,
) -> Verdict {
    let mut passed = Passed::default();
    for capacity in CAPACITIES {
        // There are some hundred histories, and long queues are added up item by item.
        let steps = effort.steps() / if capacity > 100 { 64 } else { 16 };
        for (caps, seed) in variants(capacity).into_iter().flatten().zip(0x0ED6_0000..) {
            for start in [0, u32::MAX - 3, 0_u32.wrapping_sub(capacity)] {
                let Some((tx, rx)) = make(caps, start) else { continue };
                let verdict = history::run(caps, tx, rx, seed + u64::from(capacity) * 64, steps);
                // The same history has passed from cursor 0: what is new is the cursor.
                passed.add(verdict.map_err(|found| Violation {
                    law: if start == 0 { found.law } else { "E19" },
                    ..found
                })?);
            }
        }
    }
    assert!(passed.histories > 0, "the edge can have none of the caps that are tried");
    Ok(passed)
}

/// Every policy there is on this target, with a hard cap of so many items.
pub fn policies(items: u32) -> [Option<Caps>; 3] {
    [
        Some(Caps::wait(items)),
        Some(Caps::drop_newest(items)),
        #[cfg(any(target_has_atomic = "32", feature = "critical-section"))]
        Some(Caps::drop_oldest(items)),
        #[cfg(not(any(target_has_atomic = "32", feature = "critical-section")))]
        None,
    ]
}

fn variants(items: u32) -> [Option<Caps>; 15] {
    let mut all = [None; 15];
    let mut places = all.iter_mut();
    for caps in policies(items).into_iter().flatten() {
        let soft = items.div_ceil(2);
        let bytes = (items * 15).max(Item::LONGEST);
        for (variant, place) in [
            caps,
            caps.soft(soft),
            // Items of up to 40 bytes: some are longer than the first cap, none than the second.
            caps.bytes(9, 30),
            caps.soft(soft).bytes(bytes / 2, bytes),
            caps.refuse_expired().bytes(u32::MAX, bytes),
        ]
        .into_iter()
        .zip(&mut places)
        {
            *place = Some(variant);
        }
    }
    all
}
