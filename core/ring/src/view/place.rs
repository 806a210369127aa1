//! Slots where they lie in memory.

use super::View;
use core::ptr::NonNull;
use tidemill_seam::Lend;

impl<R: Lend> View<R> {
    /// Where the slot of a position is; what reaches it reaches all slots. Whoever looks there without atomics knows who may.
    #[inline]
    pub(crate) fn place(&self, position: u64) -> NonNull<u8> {
        let at = self.layout.slot(position).0 as usize;
        // SAFETY: a slot lies within the region (G10).
        unsafe { self.region.first().add(at) }.cast()
    }

    /// Whether every slot begins on a multiple of so many bytes, a power of two.
    pub(crate) fn is_aligned(&self, to: usize) -> bool {
        let first = self.place(0).as_ptr().addr();
        first.is_multiple_of(to) && (4 * self.layout.stride as usize).is_multiple_of(to)
    }
}
