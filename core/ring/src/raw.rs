use crate::memory::{Memory, Words};
use crate::sync::AtomicU32;
use core::ptr::NonNull;

/// Words at an address that somebody else keeps: a mapped file, memory of a device, a section of a linker script.
///
/// A copy is another handle to the same words. Keeps nothing alive: what it lies in owns it.
pub type Raw = Memory<Address>;

/// Where the words of a [`Raw`] are.
#[derive(Clone, Copy, Debug)]
pub struct Address(NonNull<[AtomicU32]>);

// SAFETY: all a handle gives access to are atomics, which whoever made it keeps there.
unsafe impl Send for Address {}
// SAFETY: as for `Send`: every access through a shared handle is atomic.
unsafe impl Sync for Address {}

impl Raw {
    /// Where a region has to begin, in bytes: whole pairs of words are accessed at once (G7).
    pub const ALIGN: usize = 8;

    /// The `words` words from `first` on.
    ///
    /// # Safety
    /// They are aligned to [`ALIGN`](Self::ALIGN), readable and writable memory for as long as any copy of this handle is
    /// used, and whoever else touches them does so atomically. What stands there at first is all zero where that matters
    /// (G4).
    pub const unsafe fn new(first: NonNull<u32>, words: u32) -> Self {
        Self::of(Address(NonNull::slice_from_raw_parts(first.cast(), words as usize)))
    }
}

// SAFETY: whoever made the handle keeps the words there.
unsafe impl Words for Address {
    #[inline]
    fn all(&self) -> &[AtomicU32] {
        // SAFETY: words that are there for as long as this handle is used: its maker's promise.
        unsafe { self.0.as_ref() }
    }
}

#[cfg(test)]
mod tests {
    use super::Raw;
    use core::ptr::NonNull;
    use core::sync::atomic::Ordering;
    use tidemill_seam::{Exchange, Region};

    #[repr(align(8))]
    struct Memory([u32; 6]);

    #[test]
    fn words_at_an_address_are_a_region_and_two_handles_see_the_same() {
        let mut memory = Memory([0; 6]);
        let first = NonNull::from(&mut memory.0).cast();
        // SAFETY: six words, aligned, which nobody else touches while the handles are used.
        let one = unsafe { Raw::new(first, 6) };
        let other = one;
        // SAFETY: four words from the third on, a run of pairs.
        unsafe { one.write_pairs(2, &[1, 2, 3, 4]) };
        // SAFETY: the first word of six.
        unsafe { other.store(0, 7, Ordering::Relaxed) };
        // SAFETY: the second word of six.
        assert_eq!(unsafe { other.compare_exchange(1, 9, 8) }, Err(0), "another word stands there");
        let mut into = [9; 6];
        // SAFETY: six words from the first on.
        unsafe { other.read(0, &mut into) };
        assert_eq!(into, [7, 0, 1, 2, 3, 4]);
        assert!(one.word(5).is_some() && one.word(6).is_none());
    }
}
