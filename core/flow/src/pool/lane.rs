use core::fmt;

use tidemill_ring::sync::{AtomicU32, Ordering};

use super::slot::Pool;
use super::token::Token;
use super::{Misuse, Refused};
use crate::once::Once;

/// The cursors of a lane: how many entries were ever sent and taken in, wrapping, and where the next one is read.
pub(crate) struct LaneHead {
    /// Written by the one who gives back.
    sent: AtomicU32,
    /// Written by the home.
    taken_in: AtomicU32,
    /// The home's own.
    place: AtomicU32,
    pub(crate) taken: Once,
}

impl LaneHead {
    pub(crate) const fn new() -> Self {
        Self {
            sent: AtomicU32::new(0),
            taken_in: AtomicU32::new(0),
            place: AtomicU32::new(0),
            taken: Once::new(),
        }
    }
}

#[inline]
const fn after(place: u32, n: u32) -> u32 {
    if place + 1 == n { 0 } else { place + 1 }
}

/// Takes what came back on one lane: at most `limit` entries, each to `each` as (slot, weight).
#[inline]
pub(crate) fn drain(head: &LaneHead, entries: &[AtomicU32], limit: u32, mut each: impl FnMut(u16, u16)) {
    // Relaxed: our own words.
    let (start, mut place) = (head.taken_in.load(Ordering::Relaxed), head.place.load(Ordering::Relaxed));
    // Acquire: pairs with the Release in `Returns::send`; the entries, and the last use of their slots, come first.
    let ready = head.sent.load(Ordering::Acquire).wrapping_sub(start).min(limit);
    for _ in 0..ready {
        // Relaxed: ordered by the Acquire above.
        let entry = entries[place as usize].load(Ordering::Relaxed);
        each(entry as u16, (entry >> 16) as u16);
        place = after(place, entries.len() as u32);
    }
    if ready != 0 {
        // Relaxed: our own word.
        head.place.store(place, Ordering::Relaxed);
        // Release: pairs with the Acquire in `Returns::send`; the entries are read before they are overwritten.
        head.taken_in.store(start.wrapping_add(ready), Ordering::Release);
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
    sent: u32,
    /// The home's count as last seen.
    taken_in: u32,
    place: u32,
}

impl<'a, P> Returns<'a, P> {
    pub(crate) fn new(pool: Pool<'a, P>) -> Option<Self> {
        let n = pool.slots.len();
        let lane = pool.heads.iter().position(|head| head.taken.pass())?;
        let head = &pool.heads[lane];
        let entries = &pool.entries[lane * n..(lane + 1) * n];
        Some(Self { pool, head, entries, sent: 0, taken_in: 0, place: 0 })
    }

    #[inline]
    pub(crate) fn pool(&self) -> Pool<'a, P> {
        self.pool
    }

    /// Sends a share of a slot home.
    ///
    /// # Errors
    /// [`Misuse::Foreign`], with the token, where it belongs to another pool.
    ///
    /// # Panics
    /// If more shares wait on this lane than the pool has slots: then one slot came over it in two parts.
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
        if self.sent.wrapping_sub(self.taken_in) == n {
            self.look(index);
        }
        // Relaxed: published by the Release below.
        self.entries[self.place as usize]
            .store(u32::from(weight) << 16 | u32::from(index), Ordering::Relaxed);
        self.place = after(self.place, n);
        self.sent = self.sent.wrapping_add(1);
        // Release: pairs with the Acquire in `drain`.
        self.head.sent.store(self.sent, Ordering::Release);
    }

    #[cold]
    fn look(&mut self, index: u16) {
        // Acquire: pairs with the Release in `drain`; the home has read what we are about to overwrite.
        self.taken_in = self.head.taken_in.load(Ordering::Acquire);
        let full = self.sent.wrapping_sub(self.taken_in) == self.entries.len() as u32;
        assert!(!full, "slot {index} came back twice on one lane");
    }
}

impl<P> fmt::Debug for Returns<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Returns")
            .field("pool", &self.pool.id)
            .field("sent", &self.sent)
            .finish_non_exhaustive()
    }
}
