use tidemill_ring::Position;
use tidemill_ring::sync::{AtomicU32, Ordering};

/// How far the work on what came in is done with for good: what an [`Inbound`](super::Inbound) may let go of.
///
/// Moved by whoever makes results last: an [`Outbound`](super::Outbound), or the end of a graph once its effect is where a
/// death does not reach it. Shared by reference between nodes of one process; it dies with that.
#[derive(Debug, Default)]
pub struct Mark(AtomicU32);

impl Mark {
    /// Nothing is done.
    pub const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// Everything before that position is done with.
    pub fn reach(&self, position: Position) {
        // Release: pairs with the Acquire in `from`: what was done came before.
        self.0.store(position.0 as u32, Ordering::Release);
    }

    /// Where the mark stands, seen from a position that lies less than 2^31 items before it.
    pub(super) fn from(&self, base: u64) -> u64 {
        // Acquire: pairs with the Release in `reach`.
        let ahead = self.0.load(Ordering::Acquire).wrapping_sub(base as u32);
        base + if ahead < 1 << 31 { u64::from(ahead) } else { 0 }
    }
}
