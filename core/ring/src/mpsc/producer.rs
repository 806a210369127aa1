use super::{Full, Shape, Stale};
use crate::sync::Ordering;
use core::fmt;
use tidemill_seam::Exchange;

/// One of the halves that push: a clone is another one. Dropping the last of them closes the ring; what waits can still be
/// popped.
pub struct Producer<R: Exchange, const W: usize> {
    region: R,
    shape: Shape,
    /// The first position without room, as far as was seen.
    limit: u64,
    tag: u32,
}

impl<R: Exchange, const W: usize> Producer<R, W> {
    pub(super) fn new(region: R, shape: Shape, start: u64, tag: u32) -> Self {
        Self { region, shape, limit: start + u64::from(shape.capacity()), tag }
    }

    /// Entries that fit.
    #[inline]
    pub fn capacity(&self) -> u32 {
        self.shape.capacity()
    }

    /// Entries that can be pushed now, as far as is known: some where there is room for any. Grows by the consumer's doing and
    /// shrinks by that of every producer.
    #[inline]
    pub fn room(&mut self) -> u32 {
        if self.is_stale() {
            return 0;
        }
        let tail = self.tail();
        if tail >= self.limit {
            self.look();
        }
        self.limit.saturating_sub(tail).min(u64::from(self.capacity())) as u32
    }

    /// Entries that hold a slot at this moment: claimed, or there and not yet taken (E11).
    #[inline]
    pub fn waiting(&self) -> u32 {
        if self.is_stale() {
            return 0;
        }
        // Acquire: pairs with `Consumer::show`, so an emptied ring also shows what the consumer did before.
        let done = self.shape.pair(&self.region, self.shape.done, Ordering::Acquire);
        self.tail().saturating_sub(done).min(u64::from(self.capacity())) as u32
    }

    /// Writes `entry` and shows it to the consumer.
    ///
    /// # Errors
    /// [`Full`] with the entry where there is no room, or where this half is [`Stale`].
    #[inline]
    pub fn push(&mut self, entry: [u32; W]) -> Result<(), Full<[u32; W]>> {
        match self.claim(1) {
            Some((at, _)) => {
                self.fill(at, &entry);
                Ok(())
            }
            None => Err(Full(entry)),
        }
    }

    /// Pushes the longest prefix of `entries` that fits (E14), with nobody else's entry in between. Returns its length.
    pub fn push_batch(&mut self, entries: &[[u32; W]]) -> usize {
        let wanted = u32::try_from(entries.len()).unwrap_or(u32::MAX);
        if wanted == 0 {
            return 0;
        }
        let Some((first, n)) = self.claim(wanted) else { return 0 };
        for (at, entry) in (first..).zip(&entries[..n as usize]) {
            self.fill(at, entry);
        }
        n as usize
    }

    /// Whether nobody will ever take an entry again: the consumer is gone, or this half is [`Stale`].
    #[inline]
    pub fn is_closed(&self) -> bool {
        // Acquire: pairs with the Release in the consumer's drop.
        self.shape.load(&self.region, self.shape.consumer_standing(), Ordering::Acquire) != self.tag
    }

    /// Whether this half still belongs to the newest split of its region.
    ///
    /// # Errors
    /// [`Stale`] where it does not, for ever after.
    pub fn check(&self) -> Result<(), Stale> {
        if self.is_stale() { Err(Stale) } else { Ok(()) }
    }

    #[inline]
    fn is_stale(&self) -> bool {
        // Relaxed: only ever written by a split that happened before (RL-10).
        self.shape.load(&self.region, self.shape.generation(), Ordering::Relaxed) != self.tag
    }

    #[inline]
    fn tail(&self) -> u64 {
        // Relaxed: nothing is read on the strength of it; who claims exchanges it.
        self.shape.pair(&self.region, self.shape.tail, Ordering::Relaxed)
    }

    /// Claims as many of `n` positions as there is room for. Gives the first, and how many.
    #[inline]
    fn claim(&mut self, n: u32) -> Option<(u64, u32)> {
        if self.is_stale() {
            return None;
        }
        let mut tail = self.tail();
        loop {
            if self.limit.saturating_sub(tail) < u64::from(n) {
                self.look();
            }
            // At most `n`, which fits.
            let fits = self.limit.saturating_sub(tail).min(u64::from(n)) as u32;
            if fits == 0 {
                return None;
            }
            // SAFETY: a pair of the shape, which was checked against this region at the split; that is wide.
            let claimed =
                unsafe { self.region.compare_exchange_pair(self.shape.tail, tail, tail + u64::from(fits)) };
            match claimed {
                Ok(()) => return Some((tail, fits)),
                Err(newer) => tail = newer,
            }
        }
    }

    /// Learns how far the consumer is.
    fn look(&mut self) {
        // Acquire: pairs with the Release in `Consumer::show`; it has read what we are about to overwrite (RL-2).
        let done = self.shape.pair(&self.region, self.shape.done, Ordering::Acquire);
        self.limit = self.limit.max(done.saturating_add(u64::from(self.capacity())));
    }

    /// Writes the entry of a position that is ours, and shows it.
    #[inline]
    fn fill(&mut self, at: u64, entry: &[u32; W]) {
        let stamp = self.shape.stamp::<W>(at);
        if W.is_multiple_of(2) {
            // SAFETY: an entry lies behind its stamp, on whole pairs; nobody else touches it before its stamp says so (RL-2).
            unsafe { self.region.write_pairs(stamp + 2, entry) };
        } else {
            // SAFETY: as above, word by word always.
            unsafe { self.region.write(stamp + 2, entry) };
        }
        // Release: pairs with the Acquire in `Consumer::is_there`; the entry is visible with its stamp (RL-1).
        self.shape.set_pair(&self.region, stamp, at.wrapping_add(1), Ordering::Release);
    }
}

impl<R: Exchange + Clone, const W: usize> Clone for Producer<R, W> {
    fn clone(&self) -> Self {
        if !self.is_stale() {
            self.shape.count(&self.region, 1);
        }
        let Self { shape, limit, tag, .. } = *self;
        Self { region: self.region.clone(), shape, limit, tag }
    }
}

impl<R: Exchange, const W: usize> Drop for Producer<R, W> {
    fn drop(&mut self) {
        if !self.is_stale() {
            self.shape.count(&self.region, u32::MAX);
        }
    }
}

impl<R: Exchange, const W: usize> fmt::Debug for Producer<R, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer")
            .field("capacity", &self.capacity())
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}
