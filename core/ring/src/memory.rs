use crate::pairs;
use crate::sync::{AtomicU32, Ordering, fence};
#[cfg(target_has_atomic = "32")]
use tidemill_seam::Exchange;
#[cfg(not(any(feature = "loom", feature = "shuttle")))]
use tidemill_seam::Lend;
use tidemill_seam::{Duration, Region};

/// Atomics that stay where they are: what [`Memory`] is a region of.
///
/// # Safety
/// [`all`](Self::all) gives the same words at the same place for as long as the value or a clone of it lives, at most
/// `u32::MAX` of them. The first begins on a pair: eight bytes, where 64 bits are atomic (G7).
pub unsafe trait Words {
    /// The words, first to last.
    fn all(&self) -> &[AtomicU32];

    /// As [`Region::wait`], where whatever keeps the words knows how to sleep.
    fn wait(&self, _word: &AtomicU32, _value: u32, _span: Duration) {}

    /// As [`Region::wake`].
    fn wake(&self, _word: &AtomicU32) {}
}

/// A region in memory that this process can address, with whatever keeps it there. A clone is another handle to the same
/// words.
///
/// [`Inline`](crate::Inline), `Heap` and `Raw` are three; a mapped file is another.
#[derive(Clone, Copy, Debug)]
pub struct Memory<W>(W);

impl<W: Words> Memory<W> {
    /// The region of these words.
    pub const fn of(words: W) -> Self {
        Self(words)
    }

    /// What keeps the words.
    pub const fn keeper(&self) -> &W {
        &self.0
    }

    /// The word at index `at`: for what needs an address, such as a futex.
    pub fn word(&self, at: u32) -> Option<&AtomicU32> {
        self.0.all().get(at as usize)
    }

    #[inline]
    unsafe fn at(&self, at: u32) -> &AtomicU32 {
        let all = self.0.all();
        debug_assert!((at as usize) < all.len(), "word {at} lies outside a region of {}", all.len());
        // SAFETY: the caller keeps `at` within the region.
        unsafe { all.get_unchecked(at as usize) }
    }

    #[inline]
    unsafe fn run(&self, at: u32, len: usize) -> &[AtomicU32] {
        let (all, at) = (self.0.all(), at as usize);
        debug_assert!(at + len <= all.len(), "{len} words at {at} end outside a region of {}", all.len());
        // SAFETY: the caller keeps the end of the run within the region.
        unsafe { all.get_unchecked(at..at + len) }
    }
}

// SAFETY: the words are atomics that their keeper keeps where they are, always as many.
unsafe impl<W: Words> Region for Memory<W> {
    #[inline]
    fn words(&self) -> u32 {
        self.0.all().len() as u32
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
    fn is_wide(&self) -> bool {
        pairs::WIDE
    }

    #[cfg(all(
        target_pointer_width = "64",
        target_has_atomic = "64",
        not(any(feature = "loom", feature = "shuttle"))
    ))]
    #[inline]
    unsafe fn load_pair(&self, at: u32, order: Ordering) -> u64 {
        // SAFETY: the pair is within the region: the caller's promise.
        let run = unsafe { self.run(at, 2) };
        // SAFETY: the region begins on a pair, and `at` is even: the caller's promise.
        unsafe { pairs::one(run) }.load(order)
    }

    #[cfg(all(
        target_pointer_width = "64",
        target_has_atomic = "64",
        not(any(feature = "loom", feature = "shuttle"))
    ))]
    #[inline]
    unsafe fn store_pair(&self, at: u32, value: u64, order: Ordering) {
        // SAFETY: the pair is within the region: the caller's promise.
        let run = unsafe { self.run(at, 2) };
        // SAFETY: the region begins on a pair, and `at` is even: the caller's promise.
        unsafe { pairs::one(run) }.store(value, order);
    }

    #[inline]
    fn fence(&self, order: Ordering) {
        fence(order);
    }

    fn wait(&self, at: u32, value: u32, span: Duration) {
        if let Some(word) = self.word(at) {
            self.0.wait(word, value, span);
        }
    }

    fn wake(&self, at: u32) {
        if let Some(word) = self.word(at) {
            self.0.wake(word);
        }
    }
}

#[cfg(not(any(feature = "loom", feature = "shuttle")))]
// SAFETY: an atomic is as long as its word, and a slice of them has no gaps; its keeper keeps it where it is. The pointer is
// made of the whole slice, and may write because atomics may be written through a shared reference.
unsafe impl<W: Words> Lend for Memory<W> {
    #[inline]
    fn first(&self) -> core::ptr::NonNull<u32> {
        core::ptr::NonNull::from(self.0.all()).cast()
    }
}

#[cfg(target_has_atomic = "32")]
// SAFETY: `compare_exchange` of an atomic is one step in its modification order.
unsafe impl<W: Words> Exchange for Memory<W> {
    #[inline]
    unsafe fn compare_exchange(&self, at: u32, current: u32, new: u32) -> Result<(), u32> {
        // SAFETY: `at` is within the region: the caller's promise.
        let word = unsafe { self.at(at) };
        // AcqRel, Acquire: the orderings that `Exchange` states; each caller names the partner.
        word.compare_exchange(current, new, Ordering::AcqRel, Ordering::Acquire).map(|_| ())
    }

    #[cfg(all(
        target_pointer_width = "64",
        target_has_atomic = "64",
        not(any(feature = "loom", feature = "shuttle"))
    ))]
    #[inline]
    unsafe fn compare_exchange_pair(&self, at: u32, current: u64, new: u64) -> Result<(), u64> {
        // SAFETY: the pair is within the region: the caller's promise.
        let run = unsafe { self.run(at, 2) };
        // SAFETY: the region begins on a pair, and `at` is even: the caller's promise.
        let pair = unsafe { pairs::one(run) };
        // AcqRel, Acquire: as for a word; each caller names the partner.
        pair.compare_exchange(current, new, Ordering::AcqRel, Ordering::Acquire).map(|_| ())
    }
}
