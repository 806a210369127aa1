use super::{Exchanger, Full, Shape, Stale};
use crate::sync::Ordering;
use core::fmt;
use tidemill_seam::Region;

/// The half that pushes. Dropping it closes the ring; what waits can still be popped.
///
/// Each use reads its own positions before the first atomic and writes them after the last, as in [`Consumer`](super::Consumer).
pub struct Producer<R: Region, const W: usize> {
    pub(super) region: R,
    pub(super) shape: Shape,
    /// The next position to write.
    pub(super) tail: u32,
    /// The first position without room, as far as was seen.
    pub(super) limit: u32,
    pub(super) tag: u32,
    pub(super) exchange: Option<Exchanger<R>>,
}

impl<R: Region, const W: usize> Producer<R, W> {
    pub(super) fn new(region: R, shape: Shape, start: u32, tag: u32, exchange: Option<Exchanger<R>>) -> Self {
        let limit = start.wrapping_add(shape.mask).wrapping_add(1);
        Self { region, shape, tail: start, limit, tag, exchange }
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

    /// Entries that can be pushed now. May grow under you; shrinks only by your own pushes. Looks at the consumer's
    /// cursor only when no room is known of; [`has_room`](Self::has_room) when less is known of than you need.
    #[inline]
    pub fn room(&mut self) -> u32 {
        if self.is_stale() {
            return 0;
        }
        if self.tail == self.limit {
            self.look();
        }
        self.limit.wrapping_sub(self.tail)
    }

    /// Whether `n` more entries fit.
    #[inline]
    pub fn has_room(&mut self, n: u32) -> bool {
        if self.is_stale() {
            return n == 0;
        }
        if self.limit.wrapping_sub(self.tail) < n {
            self.look();
        }
        self.limit.wrapping_sub(self.tail) >= n
    }

    /// Entries that hold a slot at this moment: staged, or published and not yet taken (E11). On a ring that releases
    /// lazily those that were taken and not yet released count too.
    #[inline]
    pub fn waiting(&self) -> u32 {
        if self.is_stale() {
            return 0;
        }
        // Acquire: pairs with `Consumer::release`, so an emptied ring also shows what the consumer did before.
        // SAFETY: within the region, checked at the split.
        let done = unsafe { self.region.load(self.shape.done, Ordering::Acquire) };
        self.tail.wrapping_sub(done).min(self.capacity())
    }

    /// Writes `entry` and shows it to the consumer.
    ///
    /// # Errors
    /// [`Full`] with the entry where there is no room, or where this half is [`Stale`].
    #[inline]
    pub fn push(&mut self, entry: [u32; W]) -> Result<(), Full<[u32; W]>> {
        let after = self.put(entry)?;
        self.show(after);
        self.tail = after;
        Ok(())
    }

    /// Writes `entry` where the consumer does not see it until [`publish`](Self::publish).
    ///
    /// # Errors
    /// As for [`push`](Self::push).
    #[inline]
    pub fn stage(&mut self, entry: [u32; W]) -> Result<(), Full<[u32; W]>> {
        self.tail = self.put(entry)?;
        Ok(())
    }

    /// Writes `entry` into the next slot. Returns the position after it.
    #[inline]
    fn put(&mut self, entry: [u32; W]) -> Result<u32, Full<[u32; W]>> {
        let (tail, limit) = (self.tail, self.limit);
        if self.is_stale() || (tail == limit && !self.look_from(tail)) {
            return Err(Full(entry));
        }
        // SAFETY: the slot lies within the region, checked at the split; RL-2 makes it ours, since `tail` is below
        // `limit`.
        unsafe { self.shape.write::<R, W>(&self.region, tail, &entry) };
        Ok(tail.wrapping_add(1))
    }

    /// Shows every staged entry to the consumer. Free where nothing is staged.
    #[inline]
    pub fn publish(&mut self) {
        if self.staged() > 0 {
            self.show(self.tail);
        }
    }

    /// Entries staged and not yet published; none where this half is [`Stale`].
    #[inline]
    pub fn staged(&self) -> u32 {
        if self.is_stale() { 0 } else { self.tail.wrapping_sub(self.shown()) }
    }

    /// Takes back the newest staged entry.
    pub fn unstage(&mut self) -> Option<[u32; W]> {
        // No more than is known to hold a slot: `tail` may have been overwritten by a peer (RL-18).
        let held = self.capacity().wrapping_sub(self.limit.wrapping_sub(self.tail));
        if self.staged().wrapping_sub(1) >= held {
            return None;
        }
        self.tail = self.tail.wrapping_sub(1);
        Some(self.entry(self.tail))
    }

    /// Pushes the longest prefix of `entries` that fits and shows it at once (E14). Returns its length.
    pub fn push_batch(&mut self, entries: &[[u32; W]]) -> usize {
        let wanted = u32::try_from(entries.len()).unwrap_or(u32::MAX);
        if !self.has_room(wanted) && self.room() == 0 {
            return 0;
        }
        let n = wanted.min(self.limit.wrapping_sub(self.tail));
        let to_end = self.capacity() - (self.tail & self.shape.mask);
        let (here, wrapped) = entries[..n as usize].split_at(n.min(to_end) as usize);
        for (position, run) in [(self.tail, here), (self.tail.wrapping_add(to_end), wrapped)] {
            // SAFETY: `run` ends before the last slot does, and all its positions are below `limit` (RL-2).
            unsafe { self.shape.write::<R, W>(&self.region, position, run.as_flattened()) };
        }
        let after = self.tail.wrapping_add(n);
        if n > 0 {
            self.show(after);
        }
        self.tail = after;
        n as usize
    }

    /// Whether nobody will ever take an entry again: the consumer is gone, or this half is [`Stale`].
    #[inline]
    pub fn is_closed(&self) -> bool {
        // Acquire: pairs with the Release in the consumer's drop; its last `done` is visible with it.
        // SAFETY: within the region, checked at the split.
        let standing = unsafe { self.region.load(self.shape.consumer_standing(), Ordering::Acquire) };
        standing != self.tag
    }

    /// Whether this half still belongs to the newest split of its region.
    ///
    /// # Errors
    /// [`Stale`] where it does not, for ever after.
    pub fn check(&self) -> Result<(), Stale> {
        if self.is_stale() { Err(Stale) } else { Ok(()) }
    }

    /// Takes back, oldest first, what a consumer that is gone has left, staged entries last (E20). Returns how many.
    ///
    /// Does nothing while the consumer lives.
    pub fn recover(&mut self, mut back: impl FnMut([u32; W])) -> u32 {
        // Acquire: pairs with the Release in the consumer's drop, which leaves `done` to us.
        // SAFETY: within the region, checked at the split.
        let standing = unsafe { self.region.load(self.shape.consumer_standing(), Ordering::Acquire) };
        if self.is_stale() || standing != self.tag | Shape::CLOSED {
            return 0;
        }
        self.publish();
        let left = self.waiting();
        for position in (0..left).map(|i| self.tail.wrapping_sub(left).wrapping_add(i)) {
            let entry = self.entry(position);
            self.limit = position.wrapping_add(1).wrapping_add(self.capacity());
            // SAFETY: within the region, checked at the split.
            // Relaxed: nobody but us is left to read it.
            unsafe { self.region.store(self.shape.done, position.wrapping_add(1), Ordering::Relaxed) };
            back(entry);
        }
        left
    }

    #[inline]
    pub(super) fn is_stale(&self) -> bool {
        // Relaxed: only ever written by us, or by a split that happened before (RL-10).
        // SAFETY: within the region, checked at the split.
        let standing = unsafe { self.region.load(self.shape.producer_standing(), Ordering::Relaxed) };
        standing != self.tag
    }

    /// `tail` as the consumer sees it.
    #[inline]
    pub(super) fn shown(&self) -> u32 {
        // Relaxed: nobody writes it but us.
        // SAFETY: within the region, checked at the split.
        unsafe { self.region.load(self.shape.tail, Ordering::Relaxed) }
    }

    #[inline]
    fn show(&mut self, tail: u32) {
        // Release: pairs with the Acquire in `Consumer::look`; the entries are visible before the position (RL-1).
        // SAFETY: within the region, checked at the split.
        unsafe { self.region.store(self.shape.tail, tail, Ordering::Release) };
    }

    /// Learns how far the consumer is; whether there is room now. A cursor outside the ring teaches nothing (RL-18).
    #[inline]
    fn look(&mut self) -> bool {
        self.look_from(self.tail)
    }

    /// As `look`.
    #[inline]
    fn look_from(&mut self, tail: u32) -> bool {
        let Shape { mask, .. } = self.shape;
        // Acquire: pairs with the Release of `done`; the consumer has read what we are about to overwrite (RL-2).
        // SAFETY: within the region, checked at the split.
        let done = unsafe { self.region.load(self.shape.done, Ordering::Acquire) };
        if tail.wrapping_sub(done) > mask {
            return false;
        }
        self.limit = done.wrapping_add(mask).wrapping_add(1);
        true
    }

    /// The entry at a position that this half wrote and has not overwritten.
    pub(super) fn entry(&self, position: u32) -> [u32; W] {
        let mut entry = [0; W];
        // SAFETY: the slot lies within the region, checked at the split.
        unsafe { self.shape.read::<R, W>(&self.region, position, &mut entry) };
        entry
    }
}

impl<R: Region, const W: usize> Drop for Producer<R, W> {
    fn drop(&mut self) {
        if !self.is_stale() {
            let at = self.shape.producer_standing();
            // Release: pairs with the Acquire in `Consumer::is_closed`; the last `tail` is visible with it.
            // SAFETY: within the region, checked at the split.
            unsafe { self.region.store(at, self.tag | Shape::CLOSED, Ordering::Release) };
        }
    }
}

impl<R: Region, const W: usize> fmt::Debug for Producer<R, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer")
            .field("capacity", &self.capacity())
            .field("tail", &self.tail)
            .field("staged", &self.staged())
            .finish_non_exhaustive()
    }
}
