use core::fmt;

use tidemill_ring::sync::{AtomicU32, Ordering};

use super::slot::Pool;
use super::token::Token;
use super::{Misuse, Refused};
use crate::once::Once;

/// The two cursors of a lane. A cursor runs through `0..2N`, so that full and empty differ.
pub(crate) struct LaneHead {
    /// Written by the one who gives back.
    tail: AtomicU32,
    /// Written by the home.
    drained: AtomicU32,
    pub(crate) taken: Once,
}

impl LaneHead {
    pub(crate) const fn new() -> Self {
        Self { tail: AtomicU32::new(0), drained: AtomicU32::new(0), taken: Once::new() }
    }
}

#[inline]
const fn after(cursor: u32, n: u32) -> u32 {
    if cursor + 1 == 2 * n { 0 } else { cursor + 1 }
}

#[inline]
const fn place(cursor: u32, n: u32) -> usize {
    (if cursor < n { cursor } else { cursor - n }) as usize
}

/// Takes what came back on one lane: at most `limit` entries, each to `each` as (slot, weight).
#[inline]
pub(crate) fn drain(head: &LaneHead, entries: &[AtomicU32], limit: u32, mut each: impl FnMut(u16, u16)) {
    let n = entries.len() as u32;
    // Relaxed: our own word.
    let mut cursor = head.drained.load(Ordering::Relaxed);
    // Acquire: pairs with the Release in `Returns::send`; the entries, and the last use of their slots, come first.
    let tail = head.tail.load(Ordering::Acquire);
    let start = cursor;
    for _ in 0..limit {
        if cursor == tail {
            break;
        }
        // Relaxed: ordered by the Acquire above.
        let entry = entries[place(cursor, n)].load(Ordering::Relaxed);
        each(entry as u16, (entry >> 16) as u16);
        cursor = after(cursor, n);
    }
    if cursor != start {
        // Release: pairs with the Acquire in `Returns::send`; the entries are read before they are overwritten.
        head.drained.store(cursor, Ordering::Release);
    }
}

/// One lane on which slots go home. The home takes them in when it runs out.
///
/// A lane has room for every slot of its pool, and each slot comes back on it at most once between two of its uses: so
/// giving back neither fails nor blocks (M13). The judge refuses graphs in which one slot could come back twice.
pub struct Returns<'a, P> {
    pool: Pool<'a, P>,
    head: &'a LaneHead,
    entries: &'a [AtomicU32],
    tail: u32,
    drained: u32,
}

impl<'a, P> Returns<'a, P> {
    pub(crate) fn new(pool: Pool<'a, P>) -> Option<Self> {
        let n = pool.slots.len();
        let lane = pool.heads.iter().position(|head| head.taken.pass())?;
        let head = &pool.heads[lane];
        let entries = &pool.entries[lane * n..(lane + 1) * n];
        Some(Self { pool, head, entries, tail: 0, drained: 0 })
    }

    #[inline]
    pub(crate) fn pool(&self) -> Pool<'a, P> {
        self.pool
    }

    /// Sends a share of a slot home.
    ///
    /// # Errors
    /// [`Misuse::Foreign`], with the token, where it belongs to another pool.
    #[inline]
    pub fn give_back(&mut self, token: Token<'a, P>) -> Result<(), Refused<Token<'a, P>>> {
        match self.pool.index_of(token.slot()) {
            Some(index) => {
                self.send(index, token.weight());
                Ok(())
            }
            None => Err(Refused { why: Misuse::Foreign, token }),
        }
    }

    #[inline]
    pub(crate) fn send(&mut self, index: u16, weight: u16) {
        let n = self.entries.len() as u32;
        if self.tail == self.drained + n || self.tail + n == self.drained {
            // Acquire: pairs with the Release in `drain`; the home has read what we are about to overwrite.
            self.drained = self.head.drained.load(Ordering::Acquire);
            assert!(
                self.tail != self.drained + n && self.tail + n != self.drained,
                "slot {index} came back twice on one lane"
            );
        }
        // Relaxed: published by the Release below.
        self.entries[place(self.tail, n)]
            .store(u32::from(weight) << 16 | u32::from(index), Ordering::Relaxed);
        self.tail = after(self.tail, n);
        // Release: pairs with the Acquire in `drain`.
        self.head.tail.store(self.tail, Ordering::Release);
    }
}

impl<P> fmt::Debug for Returns<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Returns")
            .field("pool", &self.pool.id)
            .field("tail", &self.tail)
            .finish_non_exhaustive()
    }
}
