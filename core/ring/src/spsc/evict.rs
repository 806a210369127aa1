//! What an evicting ring does out of line: both sides win entries by exchanging the claim.
//!
//! The claim is a position modulo 2^32. A consumer that stands still between its look and its exchange while exactly
//! 2^32 entries are pushed and evicted would mistake the new claim for the old one.

use super::{Consumer, Exchanger, Producer};
use crate::sync::Ordering;
use tidemill_seam::Region;

impl<R: Region, const W: usize> Producer<R, W> {
    /// Throws away the oldest published entries until at most `keep` entries wait, staged ones counted. Each goes to
    /// `evicted`. Returns how many.
    ///
    /// Does nothing on a ring that was not split to evict (E7). Entries that are only staged stay.
    pub fn evict_over(&mut self, keep: u32, evicted: impl FnMut([u32; W])) -> u32 {
        self.evict_while(|waiting, _| waiting > keep, evicted)
    }

    /// Throws away the oldest published entry as long as `decide` says so, given how many entries wait, staged ones
    /// counted, and the oldest of them. Each goes to `evicted`. Returns how many.
    ///
    /// A decision holds only for the very cursor it was made on: if the consumer took an entry meanwhile, `decide` is
    /// asked again (E8).
    pub fn evict_while(
        &mut self,
        mut decide: impl FnMut(u32, &[u32; W]) -> bool,
        mut evicted: impl FnMut([u32; W]),
    ) -> u32 {
        let Some(exchange) = self.exchange else { return 0 };
        let mut count = 0;
        while !self.is_stale() {
            // SAFETY: within the region, checked at the split.
            // Acquire: pairs with the consumer's exchange, which has read the entry we may overwrite (RL-2).
            let claim = unsafe { self.region.load(self.shape.done, Ordering::Acquire) };
            let published = self.shown().wrapping_sub(claim);
            // The claim must lie within the ring as we know it, too: a peer may have overwritten both cursors (RL-18).
            let held = self.tail.wrapping_sub(claim);
            if published.wrapping_sub(1) > self.shape.mask || held.wrapping_sub(1) > self.shape.mask {
                break;
            }
            let oldest = self.entry(claim);
            if !decide(held, &oldest) {
                break;
            }
            let next = claim.wrapping_add(1);
            // SAFETY: within the region, checked at the split.
            if unsafe { exchange(&self.region, self.shape.done, claim, next) }.is_ok() {
                // Release: pairs with the Acquire fence in `peek_evicting`: who sees what we write into this slot next
                // sees that the claim has passed it.
                self.region.fence(Ordering::Release);
                self.limit = next.wrapping_add(self.capacity());
                count += 1;
                evicted(oldest);
            }
        }
        count
    }
}

impl<R: Region, const W: usize> Consumer<R, W> {
    /// Whether an entry was won. It comes in a place of its own: were it returned, then on the direct path too an entry
    /// would be put together in memory, and whoever copies it on would wait for the stores before it.
    #[cold]
    #[inline(never)]
    pub(super) fn pop_evicting(&self, into: &mut [u32; W]) -> bool {
        self.pop_batch_evicting(core::slice::from_mut(into)) == 1
    }

    pub(super) fn pop_batch_evicting(&self, into: &mut [[u32; W]]) -> usize {
        let Some(exchange) = self.live_exchange() else { return 0 };
        loop {
            let (claim, waiting) = self.span();
            let n = waiting.min(u32::try_from(into.len()).unwrap_or(u32::MAX));
            if n == 0 {
                return 0;
            }
            self.copy(claim, &mut into[..n as usize]);
            let after = claim.wrapping_add(n);
            // The copy may be torn by now; then the claim has moved and the exchange fails. Its Release pairs with the
            // Acquire in `Producer::look` and `evict_while`: the copy is made before the slots are given back (RL-2).
            // SAFETY: within the region, checked at the split.
            if unsafe { exchange(&self.region, self.shape.done, claim, after) }.is_ok() {
                return n as usize;
            }
        }
    }

    pub(super) fn peek_evicting(&self, i: u32) -> Option<[u32; W]> {
        self.live_exchange()?;
        loop {
            let (claim, waiting) = self.span();
            if i >= waiting {
                return None;
            }
            let entry = self.entry(claim.wrapping_add(i));
            // Acquire: pairs with the Release fence in `evict_while`: had the copy seen a later entry, the claim would
            // be seen beyond it.
            self.region.fence(Ordering::Acquire);
            if self.claim() == claim {
                return Some(entry);
            }
        }
    }

    fn live_exchange(&self) -> Option<Exchanger<R>> {
        if self.is_stale() { None } else { self.exchange }
    }

    /// The claim and how many entries wait from there on. The claim first: the tail read after it lies at or beyond.
    fn span(&self) -> (u32, u32) {
        let claim = self.claim();
        let waiting = self.tail().wrapping_sub(claim);
        if waiting > self.capacity() && self.claim() == claim {
            // Nobody evicted meanwhile, or the claim would be seen beyond: a cursor outside the ring is empty (RL-18).
            return (claim, 0);
        }
        // More than a ring full: some were evicted meanwhile, and the exchange will fail.
        (claim, waiting.min(self.capacity()))
    }
}
