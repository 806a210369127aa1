use crate::pairs;
use crate::sync::{AtomicU32, Ordering, fence};
use core::ptr::NonNull;
use core::slice;
use tidemill_seam::{Exchange, Region};

/// Words at an address that somebody else keeps: a mapped file, memory of a device, a section of a linker script.
///
/// A copy is another handle to the same words. Keeps nothing alive: what it lies in wraps it.
#[derive(Clone, Copy, Debug)]
pub struct Raw {
    first: NonNull<AtomicU32>,
    words: u32,
}

// SAFETY: all a handle gives access to are atomics, which whoever made it keeps there.
unsafe impl Send for Raw {}
// SAFETY: as for `Send`: every access through a shared handle is atomic.
unsafe impl Sync for Raw {}

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
        Self { first: first.cast(), words }
    }

    /// The word at index `at`: for what needs an address, such as a futex.
    pub fn word(&self, at: u32) -> Option<&AtomicU32> {
        // SAFETY: `at` was just found to lie within the region.
        (at < self.words).then(|| unsafe { self.at(at) })
    }

    #[inline]
    unsafe fn at(&self, at: u32) -> &AtomicU32 {
        debug_assert!(at < self.words, "word {at} lies outside a region of {}", self.words);
        // SAFETY: the caller keeps `at` below `words`.
        let word = unsafe { self.first.add(at as usize) };
        // SAFETY: a word of the region, there for as long as this handle is used.
        unsafe { word.as_ref() }
    }

    #[inline]
    unsafe fn run(&self, at: u32, len: usize) -> &[AtomicU32] {
        debug_assert!(at as usize + len <= self.words as usize, "{len} words at {at} end outside the region");
        // SAFETY: the caller keeps the end of the run at or below `words`.
        let first = unsafe { self.first.add(at as usize) };
        // SAFETY: words of the region, there for as long as this handle is used.
        unsafe { slice::from_raw_parts(first.as_ptr(), len) }
    }
}

// SAFETY: every word below `words` is an atomic that its maker keeps there; `words` never changes.
unsafe impl Region for Raw {
    #[inline]
    fn words(&self) -> u32 {
        self.words
    }

    #[inline]
    unsafe fn load(&self, at: u32, order: Ordering) -> u32 {
        // SAFETY: `at` is within the region: the caller's promise.
        unsafe { self.at(at) }.load(order)
    }

    #[inline]
    unsafe fn store(&self, at: u32, value: u32, order: Ordering) {
        // SAFETY: `at` is within the region: the caller's promise.
        unsafe { self.at(at) }.store(value, order);
    }

    #[inline]
    unsafe fn read(&self, at: u32, into: &mut [u32]) {
        // SAFETY: the run is within the region: the caller's promise.
        for (word, into) in unsafe { self.run(at, into.len()) }.iter().zip(into) {
            *into = word.load(Ordering::Relaxed);
        }
    }

    #[inline]
    unsafe fn write(&self, at: u32, from: &[u32]) {
        // SAFETY: the run is within the region: the caller's promise.
        for (word, from) in unsafe { self.run(at, from.len()) }.iter().zip(from) {
            word.store(*from, Ordering::Relaxed);
        }
    }

    #[inline]
    unsafe fn read_pairs(&self, at: u32, into: &mut [u32]) {
        // SAFETY: the run is within the region: the caller's promise.
        let run = unsafe { self.run(at, into.len()) };
        // SAFETY: the region begins on a pair, and `at` is even: the caller's promise.
        unsafe { pairs::read(run, into) };
    }

    #[inline]
    unsafe fn write_pairs(&self, at: u32, from: &[u32]) {
        // SAFETY: the run is within the region: the caller's promise.
        let run = unsafe { self.run(at, from.len()) };
        // SAFETY: the region begins on a pair, and `at` is even: the caller's promise.
        unsafe { pairs::write(run, from) };
    }

    #[inline]
    fn fence(&self, order: Ordering) {
        fence(order);
    }
}

// SAFETY: `compare_exchange` of an atomic is one step in its modification order.
unsafe impl Exchange for Raw {
    #[inline]
    unsafe fn compare_exchange(&self, at: u32, current: u32, new: u32) -> Result<(), u32> {
        // SAFETY: `at` is within the region: the caller's promise.
        let word = unsafe { self.at(at) };
        // AcqRel, Acquire: the orderings that `Exchange` states; each caller names the partner.
        word.compare_exchange(current, new, Ordering::AcqRel, Ordering::Acquire).map(|_| ())
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
