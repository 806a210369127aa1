use crate::pairs;
use crate::sync::{AtomicU32, Ordering, fence};
#[cfg(target_has_atomic = "32")]
use tidemill_seam::Exchange;
use tidemill_seam::Region;

/// A region of `WORDS` words, wherever you put it: a static, a stack frame, a field.
///
/// Shared by reference: `&Inline` is a [`Region`] too. On 64-bit targets it starts on a pair of cache lines.
///
/// ```
/// # #[cfg(not(any(feature = "loom", feature = "shuttle")))] {
/// use tidemill_ring::{Inline, spsc};
///
/// const SPEC: spsc::Spec = spsc::Spec::new(8);
/// static MEMORY: Inline<{ SPEC.words::<2>() as usize }> = Inline::new();
///
/// let (mut producer, mut consumer) = spsc::split::<_, 2>(&MEMORY, SPEC).unwrap();
/// producer.push([1, 2]).unwrap();
/// assert_eq!(consumer.pop(), Some([1, 2]));
/// # }
/// ```
#[derive(Debug)]
#[cfg_attr(target_pointer_width = "64", repr(align(128)))]
pub struct Inline<const WORDS: usize> {
    words: [AtomicU32; WORDS],
}

impl<const WORDS: usize> Inline<WORDS> {
    /// A region of zeroes.
    #[cfg(not(feature = "loom"))]
    pub const fn new() -> Self {
        const { assert!(WORDS <= u32::MAX as usize, "a region counts its words in 32 bits") };
        Self { words: [const { AtomicU32::new(0) }; WORDS] }
    }

    /// A region of zeroes. Not `const`: a model's atomics are born inside the model.
    #[cfg(feature = "loom")]
    pub fn new() -> Self {
        const { assert!(WORDS <= u32::MAX as usize, "a region counts its words in 32 bits") };
        Self { words: core::array::from_fn(|_| AtomicU32::new(0)) }
    }

    /// The word at index `at`: for what needs an address, such as a futex.
    pub fn word(&self, at: u32) -> Option<&AtomicU32> {
        self.words.get(at as usize)
    }

    #[inline]
    unsafe fn at(&self, at: u32) -> &AtomicU32 {
        debug_assert!((at as usize) < WORDS, "word {at} lies outside a region of {WORDS}");
        // SAFETY: the caller keeps `at` below WORDS.
        unsafe { self.words.get_unchecked(at as usize) }
    }

    #[inline]
    unsafe fn run(&self, at: u32, len: usize) -> &[AtomicU32] {
        debug_assert!(at as usize + len <= WORDS, "{len} words at {at} end outside a region of {WORDS}");
        // SAFETY: the caller keeps the end of the run at or below WORDS.
        unsafe { self.words.get_unchecked(at as usize..at as usize + len) }
    }
}

impl<const WORDS: usize> Default for Inline<WORDS> {
    fn default() -> Self {
        Self::new()
    }
}

// SAFETY: the words are atomics of this very struct, and an array never changes its length.
unsafe impl<const WORDS: usize> Region for Inline<WORDS> {
    #[inline]
    fn words(&self) -> u32 {
        WORDS as u32
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
        // SAFETY: the region begins on a line, and `at` is even: the caller's promise.
        unsafe { pairs::read(run, into) };
    }

    #[inline]
    unsafe fn write_pairs(&self, at: u32, from: &[u32]) {
        // SAFETY: the run is within the region: the caller's promise.
        let run = unsafe { self.run(at, from.len()) };
        // SAFETY: the region begins on a line, and `at` is even: the caller's promise.
        unsafe { pairs::write(run, from) };
    }

    #[inline]
    fn fence(&self, order: Ordering) {
        fence(order);
    }
}

#[cfg(target_has_atomic = "32")]
// SAFETY: `compare_exchange` of an atomic is one step in its modification order.
unsafe impl<const WORDS: usize> Exchange for Inline<WORDS> {
    #[inline]
    unsafe fn compare_exchange(&self, at: u32, current: u32, new: u32) -> Result<(), u32> {
        // SAFETY: `at` is within the region: the caller's promise.
        let word = unsafe { self.at(at) };
        // AcqRel, Acquire: the orderings that `Exchange` states; each caller names the partner.
        word.compare_exchange(current, new, Ordering::AcqRel, Ordering::Acquire).map(|_| ())
    }
}
