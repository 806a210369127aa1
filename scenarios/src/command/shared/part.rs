use std::sync::atomic::Ordering;
use tidemill_host::ring::Mapping;
use tidemill_seam::{Exchange, Region};

/// Some words of a mapping, from an even one on.
#[derive(Clone, Debug)]
pub(super) struct Part {
    inner: Mapping,
    first: u32,
    words: u32,
}

impl Part {
    /// `None` where they end behind the mapping, or begin in the middle of a pair.
    pub(super) fn of(inner: Mapping, first: u32, words: u32) -> Option<Self> {
        let ends = first.checked_add(words)? <= inner.words();
        (ends && first.is_multiple_of(2)).then_some(Self { inner, first, words })
    }
}

// SAFETY: words of the mapping, which ends behind them; what is even here is even there.
unsafe impl Region for Part {
    fn words(&self) -> u32 {
        self.words
    }
    unsafe fn load(&self, at: u32, order: Ordering) -> u32 {
        // SAFETY: the caller's promise, and as many words further on.
        unsafe { self.inner.load(self.first + at, order) }
    }
    unsafe fn store(&self, at: u32, value: u32, order: Ordering) {
        // SAFETY: as for `load`.
        unsafe { self.inner.store(self.first + at, value, order) }
    }
    fn fence(&self, order: Ordering) {
        self.inner.fence(order);
    }
}

// SAFETY: as for `Region`.
unsafe impl Exchange for Part {
    unsafe fn compare_exchange(&self, at: u32, current: u32, new: u32) -> Result<(), u32> {
        // SAFETY: as for `load`.
        unsafe { self.inner.compare_exchange(self.first + at, current, new) }
    }
}
