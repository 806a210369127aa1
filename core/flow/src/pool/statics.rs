use core::fmt;

use tidemill_ring::sync::{AtomicU32, Ordering};
use tidemill_seam::PoolId;

use super::home::BOTTOM;
use super::lane::LaneHead;
use super::slot::{Pool, Slot};
use super::{Home, Returns};
use crate::once::Once;

/// A pool of `N` slots for payloads `P`, with `LANES` ways home: a static, a local, a field.
///
/// Every consumer that may hold one of its messages takes one lane: one for each edge over this pool. A slot takes the
/// header's 48 bytes, the payload, 12 bytes of ledger, and 4 bytes a lane.
///
/// ```
/// use tidemill_flow::{Header, Manager, StaticPool};
/// use tidemill_seam::{Instant, PoolId};
///
/// static POOL: StaticPool<u32, 4> = StaticPool::new(PoolId(0));
/// let mut home = POOL.home().unwrap();
/// let token = home.loan().unwrap().commit(Header::new(1, 1, Instant::ZERO), || 42);
/// assert_eq!(*token, 42);
/// home.give_back(token).unwrap();
/// assert_eq!(home.live(), 0);
/// ```
pub struct StaticPool<P, const N: usize, const LANES: usize = 2> {
    slots: [Slot<P>; N],
    heads: [LaneHead; LANES],
    entries: [[AtomicU32; N]; LANES],
    live: AtomicU32,
    home: Once,
    id: PoolId,
}

/// It has been opened before, and can be opened once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Taken;

impl<P, const N: usize, const LANES: usize> StaticPool<P, N, LANES> {
    /// An empty pool.
    pub const fn new(id: PoolId) -> Self {
        const { assert!(N > 0 && N < BOTTOM as usize, "a pool has between 1 and 65,534 slots") };
        let mut pool = Self {
            slots: [const { Slot::new() }; N],
            heads: [const { LaneHead::new() }; LANES],
            entries: [const { [const { AtomicU32::new(0) }; N] }; LANES],
            live: AtomicU32::new(0),
            home: Once::new(),
            id,
        };
        let mut at = 0;
        while at < N {
            let below = if at + 1 < N { at as u16 + 1 } else { BOTTOM };
            pool.slots[at].place(at as u16, below);
            at += 1;
        }
        pool
    }

    pub(crate) fn pool(&self) -> Pool<'_, P> {
        Pool {
            slots: &self.slots,
            heads: &self.heads,
            entries: self.entries.as_flattened(),
            live: &self.live,
            id: self.id,
        }
    }

    /// The one allocator of this pool.
    ///
    /// # Errors
    /// [`Taken`] from the second call on.
    pub fn home(&self) -> Result<Home<'_, P>, Taken> {
        if self.home.pass() { Ok(Home::new(self.pool())) } else { Err(Taken) }
    }

    /// A way home for who holds tokens outside a graph.
    ///
    /// # Errors
    /// [`Taken`] where all `LANES` are in use.
    pub fn returns(&self) -> Result<Returns<'_, P>, Taken> {
        Returns::new(self.pool()).ok_or(Taken)
    }

    /// How many slots there are.
    pub const fn capacity(&self) -> u32 {
        N as u32
    }

    /// How many are on loan, hold a message, or are on their way home: from any thread, as of a moment ago (M9).
    pub fn live(&self) -> u32 {
        // Relaxed: a figure; it orders nothing.
        self.live.load(Ordering::Relaxed)
    }
}

impl<P, const N: usize, const LANES: usize> Drop for StaticPool<P, N, LANES> {
    fn drop(&mut self) {
        for slot in &self.slots {
            // SAFETY: nobody borrows the pool any more, so the ledgers are ours.
            let out = unsafe { (*slot.ledger()).out };
            if out != 0 {
                // SAFETY: committed and never freed; whoever held it is gone.
                unsafe { slot.drop_payload() };
            }
        }
    }
}

impl<P, const N: usize, const LANES: usize> fmt::Debug for StaticPool<P, N, LANES> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StaticPool").field("id", &self.id).field("live", &self.live()).finish_non_exhaustive()
    }
}

impl fmt::Display for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("opened before, and can be opened once")
    }
}

impl core::error::Error for Taken {}
