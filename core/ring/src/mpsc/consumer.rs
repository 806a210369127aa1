use super::{Shape, Stale};
use crate::sync::Ordering;
use core::fmt;
use tidemill_seam::Region;

/// The half that pops. Dropping it closes the ring.
pub struct Consumer<R: Region, const W: usize> {
    region: R,
    shape: Shape,
    /// The next position to take.
    next: u64,
    /// Below it every entry is there.
    known: u64,
    /// Below it every slot was given back.
    done: u64,
    tag: u32,
}

impl<R: Region, const W: usize> Consumer<R, W> {
    pub(super) fn new(region: R, shape: Shape, start: u64, tag: u32) -> Self {
        Self { region, shape, next: start, known: start, done: start, tag }
    }

    /// Entries that fit.
    #[inline]
    pub fn capacity(&self) -> u32 {
        self.shape.capacity()
    }

    /// Entries ready to pop: those before the first that is not there yet. May grow under you; shrinks only by your own pops
    /// (E11, E22). Looks at the stamp of each entry once.
    pub fn waiting(&mut self) -> u32 {
        if self.is_stale() {
            return 0;
        }
        self.look_for(self.capacity());
        (self.known - self.next) as u32
    }

    /// Takes the oldest entry and gives its slot back.
    #[inline]
    pub fn pop(&mut self) -> Option<[u32; W]> {
        let entry = self.next_entry()?;
        self.show();
        Some(entry)
    }

    /// Takes the oldest entry; the producers get its slot back at the next [`release`](Self::release), or once half the ring is
    /// taken.
    #[inline]
    pub fn take(&mut self) -> Option<[u32; W]> {
        let entry = self.next_entry()?;
        if self.next - self.done > u64::from(self.shape.mask / 2) {
            self.show();
        }
        Some(entry)
    }

    /// Gives the slots of all taken entries back to the producers. Free where nothing was taken.
    #[inline]
    pub fn release(&mut self) {
        if self.next > self.done && !self.is_stale() {
            self.show();
        }
    }

    /// Takes as many entries as wait and fit into `into`, and gives their slots back at once (E14). Returns how many.
    pub fn pop_batch(&mut self, into: &mut [[u32; W]]) -> usize {
        if self.is_stale() {
            return 0;
        }
        self.look_for(u32::try_from(into.len()).unwrap_or(u32::MAX).min(self.capacity()));
        let mut n = 0;
        for (at, place) in (self.next..self.known).zip(into) {
            *place = self.entry(at);
            n += 1;
        }
        if n > 0 {
            self.next += n as u64;
            self.show();
        }
        n
    }

    /// The entry that the `i`-th pop from now on will give, 0 for the next one (E13).
    pub fn peek(&mut self, i: u32) -> Option<[u32; W]> {
        if self.is_stale() || i >= self.capacity() {
            return None;
        }
        self.look_for(i + 1);
        let at = self.next + u64::from(i);
        (at < self.known).then(|| self.entry(at))
    }

    /// Whether nothing will ever be pushed again: every producer is gone, or this half is [`Stale`]. Entries may still wait: ask
    /// first, then pop until `None` (E20).
    #[inline]
    pub fn is_closed(&self) -> bool {
        // Acquire: pairs with the exchange of a producer that goes; what it pushed is visible with it.
        self.is_stale() || self.shape.load(&self.region, self.shape.producers(), Ordering::Acquire) == 0
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
        // Relaxed: only ever written by us, or by a split that happened before (RL-10).
        self.shape.load(&self.region, self.shape.consumer_standing(), Ordering::Relaxed) != self.tag
    }

    #[inline]
    fn next_entry(&mut self) -> Option<[u32; W]> {
        if self.is_stale() || (self.next == self.known && !self.is_there(self.next)) {
            return None;
        }
        let entry = self.entry(self.next);
        self.next += 1;
        self.known = self.known.max(self.next);
        Some(entry)
    }

    /// Learns whether the next `n` entries are there, as far as they follow each other.
    fn look_for(&mut self, n: u32) {
        while self.known - self.next < u64::from(n) && self.is_there(self.known) {
            self.known += 1;
        }
    }

    #[inline]
    fn is_there(&self, at: u64) -> bool {
        // Acquire: pairs with the Release in `Producer::fill`; the entry is visible with its stamp (RL-1).
        self.shape.pair(&self.region, self.shape.stamp::<W>(at), Ordering::Acquire) == at.wrapping_add(1)
    }

    #[inline]
    fn entry(&self, at: u64) -> [u32; W] {
        let (stamp, mut entry) = (self.shape.stamp::<W>(at), [0; W]);
        if W.is_multiple_of(2) {
            // SAFETY: an entry lies behind its stamp, on whole pairs.
            unsafe { self.region.read_pairs(stamp + 2, &mut entry) };
        } else {
            // SAFETY: an entry lies behind its stamp, word by word always.
            unsafe { self.region.read(stamp + 2, &mut entry) };
        }
        entry
    }

    #[inline]
    fn show(&mut self) {
        // Release: pairs with the Acquire in `Producer::look`; the entries are read before their slots are given (RL-2).
        self.shape.set_pair(&self.region, self.shape.done, self.next, Ordering::Release);
        self.done = self.next;
    }
}

impl<R: Region, const W: usize> Drop for Consumer<R, W> {
    fn drop(&mut self) {
        self.release();
        if !self.is_stale() {
            let at = self.shape.consumer_standing();
            // Release: pairs with the Acquire in `Producer::is_closed`; `done` is visible with it.
            // SAFETY: a word of the shape, which was checked against this region at the split.
            unsafe { self.region.store(at, self.tag | Shape::CLOSED, Ordering::Release) };
        }
    }
}

impl<R: Region, const W: usize> fmt::Debug for Consumer<R, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer")
            .field("capacity", &self.capacity())
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}
