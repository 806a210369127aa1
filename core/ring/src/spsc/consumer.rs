use super::{Exchanger, Shape, Stale};
use crate::sync::Ordering;
use core::fmt;
use tidemill_seam::Region;

/// The half that pops. Dropping it closes the ring; what it left the producer can recover.
///
/// Each use reads its own positions before the first atomic and writes them after the last. The compiler then keeps them
/// in registers from one use to the next; across an atomic it would load them again, from a store just made.
pub struct Consumer<R: Region, const W: usize> {
    pub(super) region: R,
    pub(super) shape: Shape,
    /// The next position to take.
    pub(super) next: u32,
    /// The producer's tail as last seen.
    pub(super) known: u32,
    /// What the standing word must read for the direct path: `tag`, or on an evicting ring what it never reads, so
    /// that one comparison sends both the stale half and the evicting one out of line.
    pub(super) pass: u32,
    pub(super) tag: u32,
    pub(super) exchange: Option<Exchanger<R>>,
}

impl<R: Region, const W: usize> Consumer<R, W> {
    pub(super) fn new(region: R, shape: Shape, start: u32, tag: u32, exchange: Option<Exchanger<R>>) -> Self {
        let pass = if exchange.is_some() { 0 } else { tag };
        Self { region, shape, next: start, known: start, pass, tag, exchange }
    }

    /// Entries that fit.
    #[inline]
    pub fn capacity(&self) -> u32 {
        self.shape.mask + 1
    }

    /// Whether this ring was split to evict.
    #[inline]
    pub fn evicts(&self) -> bool {
        self.exchange.is_some()
    }

    /// Entries ready to pop. May grow under you; shrinks only by your own pops, or by eviction (E11, E22).
    #[inline]
    pub fn waiting(&self) -> u32 {
        if self.is_stale() {
            return 0;
        }
        let next = if self.evicts() { self.claim() } else { self.next };
        self.tail().wrapping_sub(next).min(self.capacity())
    }

    /// Takes the oldest entry and gives its slot back.
    #[inline]
    pub fn pop(&mut self) -> Option<[u32; W]> {
        self.advance(|_, _| true)
    }

    /// Takes the oldest entry; the producer gets its slot back at the next [`release`](Self::release), or once half
    /// the ring is taken. On an evicting ring every take is released at once: the exchange that wins the entry does it.
    #[inline]
    pub fn take(&mut self) -> Option<[u32; W]> {
        self.advance(|half, after| half.taken(after) > half.shape.mask / 2)
    }

    /// Takes the oldest entry, and gives the slots below the position after it back if `due` says so.
    #[inline(always)]
    fn advance(&mut self, due: impl FnOnce(&Self, u32) -> bool) -> Option<[u32; W]> {
        let (next, known) = (self.next, self.known);
        if self.standing() != self.pass {
            let mut entry = [0; W];
            return self.pop_evicting(&mut entry).then_some(entry);
        }
        if next == known && !self.look_from(next) {
            return None;
        }
        let entry = self.entry(next);
        let after = next.wrapping_add(1);
        if due(self, after) {
            self.show(after);
        }
        self.next = after;
        Some(entry)
    }

    /// Gives the slots of all taken entries back to the producer. Free where nothing was taken.
    #[inline]
    pub fn release(&mut self) {
        if self.standing() == self.pass && self.taken(self.next) > 0 {
            self.show(self.next);
        }
    }

    /// Takes as many entries as wait and fit into `into`, and gives their slots back at once (E14). Returns how many.
    pub fn pop_batch(&mut self, into: &mut [[u32; W]]) -> usize {
        if self.standing() != self.pass {
            return self.pop_batch_evicting(into);
        }
        let wanted = u32::try_from(into.len()).unwrap_or(u32::MAX);
        if self.known.wrapping_sub(self.next) < wanted {
            self.look();
        }
        let n = wanted.min(self.known.wrapping_sub(self.next));
        self.copy(self.next, &mut into[..n as usize]);
        let after = self.next.wrapping_add(n);
        if n > 0 {
            self.show(after);
        }
        self.next = after;
        n as usize
    }

    /// The entry that the `i`-th pop from now on will give, 0 for the next one (E13).
    ///
    /// On an evicting ring the answer is whole, but the producer may evict it before you pop.
    pub fn peek(&mut self, i: u32) -> Option<[u32; W]> {
        if self.standing() != self.pass {
            return self.peek_evicting(i);
        }
        if self.known.wrapping_sub(self.next) <= i {
            self.look();
        }
        (i < self.known.wrapping_sub(self.next)).then(|| self.entry(self.next.wrapping_add(i)))
    }

    /// Whether nothing will ever be pushed again: the producer is gone, or this half is [`Stale`]. Entries may still
    /// wait: ask first, then pop until `None` (E20).
    #[inline]
    pub fn is_closed(&self) -> bool {
        // Acquire: pairs with the Release in the producer's drop; its last `tail` is visible with it.
        // SAFETY: within the region, checked at the split.
        let standing = unsafe { self.region.load(self.shape.producer_standing(), Ordering::Acquire) };
        standing != self.tag
    }

    /// Whether this half still belongs to the newest split of its region.
    ///
    /// # Errors
    /// [`Stale`] where it does not, for ever after.
    pub fn check(&self) -> Result<(), Stale> {
        if self.is_stale() { Err(Stale) } else { Ok(()) }
    }

    #[inline]
    pub(super) fn is_stale(&self) -> bool {
        self.standing() != self.tag
    }

    #[inline]
    fn standing(&self) -> u32 {
        // Relaxed: only ever written by us, or by a split that happened before (RL-10).
        // SAFETY: within the region, checked at the split.
        unsafe { self.region.load(self.shape.consumer_standing(), Ordering::Relaxed) }
    }

    #[inline]
    pub(super) fn tail(&self) -> u32 {
        // Acquire: pairs with the Release in `Producer::show`; every entry below it is visible (RL-1).
        // SAFETY: within the region, checked at the split.
        unsafe { self.region.load(self.shape.tail, Ordering::Acquire) }
    }

    #[inline]
    pub(super) fn claim(&self) -> u32 {
        // Acquire: pairs with the exchange of an evicting producer, whose `tail` is then visible at or beyond it.
        // SAFETY: within the region, checked at the split.
        unsafe { self.region.load(self.shape.done, Ordering::Acquire) }
    }

    /// Entries below `next` taken and not yet released, on a ring that does not evict.
    #[inline]
    fn taken(&self, next: u32) -> u32 {
        // Relaxed: nobody writes it but us.
        // SAFETY: within the region, checked at the split.
        next.wrapping_sub(unsafe { self.region.load(self.shape.done, Ordering::Relaxed) })
    }

    #[inline]
    fn show(&mut self, next: u32) {
        // Release: pairs with the Acquire in `Producer::look`; the entries are read before their slots are given (RL-2).
        // SAFETY: within the region, checked at the split.
        unsafe { self.region.store(self.shape.done, next, Ordering::Release) };
    }

    /// Learns how far the producer is; whether anything waits now. A cursor outside the ring teaches nothing (RL-18).
    #[inline]
    fn look(&mut self) -> bool {
        self.look_from(self.next)
    }

    /// As `look`.
    #[inline]
    fn look_from(&mut self, next: u32) -> bool {
        let mask = self.shape.mask;
        let tail = self.tail();
        if tail.wrapping_sub(next).wrapping_sub(1) > mask {
            return false;
        }
        self.known = tail;
        true
    }

    #[inline]
    pub(super) fn entry(&self, position: u32) -> [u32; W] {
        let mut entry = [0; W];
        // SAFETY: the slot lies within the region, checked at the split.
        unsafe { self.shape.read::<R, W>(&self.region, position, &mut entry) };
        entry
    }

    /// Copies the entries from `position` on: at most `capacity` of them.
    pub(super) fn copy(&self, position: u32, into: &mut [[u32; W]]) {
        let to_end = self.capacity() - (position & self.shape.mask);
        let here = into.len().min(to_end as usize);
        let (here, wrapped) = into.split_at_mut(here);
        for (position, run) in [(position, here), (position.wrapping_add(to_end), wrapped)] {
            // SAFETY: `run` ends before the last slot does, and the slots lie within the region.
            unsafe { self.shape.read::<R, W>(&self.region, position, run.as_flattened_mut()) };
        }
    }
}

impl<R: Region, const W: usize> Drop for Consumer<R, W> {
    fn drop(&mut self) {
        self.release();
        if !self.is_stale() {
            let at = self.shape.consumer_standing();
            // Release: pairs with the Acquire in `Producer::is_closed` and `recover`; `done` is visible with it.
            // SAFETY: within the region, checked at the split.
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
