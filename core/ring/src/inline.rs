use crate::memory::{Memory, Words};
use crate::sync::AtomicU32;

/// A region of `WORDS` words, wherever you put it: a static, a stack frame, a field.
///
/// Shared by reference: `&Inline` is a [`Region`](tidemill_seam::Region) too. On 64-bit targets it starts on a pair of
/// cache lines.
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
pub type Inline<const WORDS: usize> = Memory<Cells<WORDS>>;

/// The words of an [`Inline`].
#[derive(Debug)]
#[cfg_attr(target_pointer_width = "64", repr(align(128)))]
pub struct Cells<const WORDS: usize>([AtomicU32; WORDS]);

impl<const WORDS: usize> Inline<WORDS> {
    /// A region of zeroes.
    #[cfg(not(feature = "loom"))]
    pub const fn new() -> Self {
        const { assert!(WORDS <= u32::MAX as usize, "a region counts its words in 32 bits") };
        Self::of(Cells([const { AtomicU32::new(0) }; WORDS]))
    }

    /// A region of zeroes. Not `const`: a model's atomics are born inside the model.
    #[cfg(feature = "loom")]
    pub fn new() -> Self {
        const { assert!(WORDS <= u32::MAX as usize, "a region counts its words in 32 bits") };
        Self::of(Cells(core::array::from_fn(|_| AtomicU32::new(0))))
    }
}

impl<const WORDS: usize> Default for Inline<WORDS> {
    fn default() -> Self {
        Self::new()
    }
}

// SAFETY: the words are atomics of this very struct, which is borrowed wherever a handle of it is, and is no `Clone`.
unsafe impl<const WORDS: usize> Words for Cells<WORDS> {
    #[inline]
    fn all(&self) -> &[AtomicU32] {
        &self.0
    }
}
