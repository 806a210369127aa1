use crate::Duration;
use core::sync::atomic::Ordering;

/// Memory shared with someone who may die or lie: 32-bit words, addressed by their index.
///
/// A ring, a cursor or a flag touches shared memory only through this trait, so the same source runs over a static
/// array, the heap, a mapped file, a simulated arena where every store is a crash point, and a loom model.
///
/// # Laws
/// - **G1** A word is atomic: no reader ever sees a mixture of two stores.
/// - **G2** Orderings are those of [`core::sync::atomic`]; two handles of one region may live on two threads, in two
///   processes, or at two base addresses.
/// - **G3** `read` and `write` are atomic word by word, `Relaxed`, in ascending order, and nothing more.
/// - **G4** A fresh region is all zero.
/// - **G5** The length never changes while a handle lives.
/// - **G7** `read_pairs` and `write_pairs` are `read` and `write` of whole pairs (words 2k and 2k + 1): each pair is one
///   atomic access, or two in ascending order. Words on which accesses may race are accessed by pairs always, or never.
/// - **G8** *Sleep.* `wait` returns at once where the word is another than `value`. A `wake` after the word was changed ends
///   every `wait` on the value before, through whichever handle. Neither orders anything: fences do.
/// - **G9** Where [`is_wide`](Self::is_wide) says so, `load_pair`, `store_pair` and the exchange of a pair are each one access
///   to one atomic of 64 bits, which G2 orders. Elsewhere nobody calls them.
///
/// # Safety
/// An implementer promises that every word below [`words`](Self::words) may be accessed atomically through this
/// handle for as long as it lives, and that the accesses keep G1 to G5, G7 and G9.
pub unsafe trait Region {
    /// Length in words.
    fn words(&self) -> u32;

    /// The word at index `at`.
    ///
    /// # Safety
    /// `at < self.words()`; `order` is not `Release` or `AcqRel`.
    unsafe fn load(&self, at: u32, order: Ordering) -> u32;

    /// Replaces the word at index `at`.
    ///
    /// # Safety
    /// `at < self.words()`; `order` is not `Acquire` or `AcqRel`.
    unsafe fn store(&self, at: u32, value: u32, order: Ordering);

    /// Copies `into.len()` words out, starting at index `at`.
    ///
    /// # Safety
    /// `at + into.len() <= self.words()`.
    #[inline]
    unsafe fn read(&self, at: u32, into: &mut [u32]) {
        for (i, word) in (at..).zip(into) {
            // SAFETY: `i` stays below `at + into.len()`, which the caller keeps within the region.
            *word = unsafe { self.load(i, Ordering::Relaxed) };
        }
    }

    /// Copies `from` in, starting at index `at`.
    ///
    /// # Safety
    /// `at + from.len() <= self.words()`.
    #[inline]
    unsafe fn write(&self, at: u32, from: &[u32]) {
        for (i, word) in (at..).zip(from) {
            // SAFETY: `i` stays below `at + from.len()`, which the caller keeps within the region.
            unsafe { self.store(i, *word, Ordering::Relaxed) };
        }
    }

    /// As [`read`](Self::read), with half the accesses where the target has them twice as wide (G7).
    ///
    /// # Safety
    /// As for `read`; `at` and `into.len()` are even, and nothing that may race with it is accessed word by word.
    #[inline]
    unsafe fn read_pairs(&self, at: u32, into: &mut [u32]) {
        // SAFETY: the caller's promise, handed on.
        unsafe { self.read(at, into) }
    }

    /// As [`write`](Self::write), with half the accesses where the target has them twice as wide (G7).
    ///
    /// # Safety
    /// As for `write`; `at` and `from.len()` are even, and nothing that may race with it is accessed word by word.
    #[inline]
    unsafe fn write_pairs(&self, at: u32, from: &[u32]) {
        // SAFETY: the caller's promise, handed on.
        unsafe { self.write(at, from) }
    }

    /// Whether a pair of words is one atomic here (G9). Never changes.
    #[inline]
    fn is_wide(&self) -> bool {
        false
    }

    /// The pair of words at `at` and behind it, as one.
    ///
    /// # Panics
    /// Where pairs are not one atomic.
    ///
    /// # Safety
    /// The region [is wide](Self::is_wide); `at` is even and `at + 1 < self.words()`; `order` is as for `load`; what may race
    /// with this is accessed by pairs.
    #[inline]
    unsafe fn load_pair(&self, at: u32, order: Ordering) -> u64 {
        narrow(at, order)
    }

    /// Replaces the pair of words at `at` and behind it, as one.
    ///
    /// # Panics
    /// Where pairs are not one atomic.
    ///
    /// # Safety
    /// As for [`load_pair`](Self::load_pair); `order` is as for `store`.
    #[inline]
    unsafe fn store_pair(&self, at: u32, _value: u64, order: Ordering) {
        narrow(at, order)
    }

    /// A fence between this handle's accesses.
    fn fence(&self, order: Ordering);

    /// Sleeps while the word at index `at` is `value`, for `span` at most (G8). May come back at any time, and does so at
    /// once in a world that cannot sleep, or beyond the end.
    #[inline]
    fn wait(&self, _at: u32, _value: u32, _span: Duration) {}

    /// Wakes whoever sleeps on the word at index `at` (G8).
    #[inline]
    fn wake(&self, _at: u32) {}
}

#[cold]
fn narrow(at: u32, order: Ordering) -> ! {
    panic!("the pair at word {at} is no atomic that could be accessed {order:?}")
}

/// A region that can also compare and exchange a word: the one read-modify-write there is.
///
/// A trait of its own because some targets (Cortex-M0) have no such instruction: what works without it asks for
/// [`Region`] only, and the compiler proves it.
///
/// # Laws
/// - **G6** The exchange is one step in the modification order of the word: of two that expect the same value, one fails. So is
///   that of a pair, where the region is wide (G9).
///
/// # Safety
/// As for [`Region`], with G6.
pub unsafe trait Exchange: Region {
    /// Stores `new` where `current` stands (`AcqRel`); otherwise changes nothing and gives what stands there (`Acquire`).
    ///
    /// # Safety
    /// `at < self.words()`.
    unsafe fn compare_exchange(&self, at: u32, current: u32, new: u32) -> Result<(), u32>;

    /// As [`compare_exchange`](Self::compare_exchange), for a pair of words as one.
    ///
    /// # Panics
    /// Where pairs are not one atomic.
    ///
    /// # Safety
    /// As for [`Region::load_pair`].
    #[inline]
    unsafe fn compare_exchange_pair(&self, at: u32, _current: u64, _new: u64) -> Result<(), u64> {
        narrow(at, Ordering::AcqRel)
    }
}

// SAFETY: a shared reference accesses the same words under the same promise.
unsafe impl<R: Region + ?Sized> Region for &R {
    #[inline]
    fn words(&self) -> u32 {
        (**self).words()
    }
    #[inline]
    unsafe fn load(&self, at: u32, order: Ordering) -> u32 {
        // SAFETY: the caller's promise, handed on.
        unsafe { (**self).load(at, order) }
    }
    #[inline]
    unsafe fn store(&self, at: u32, value: u32, order: Ordering) {
        // SAFETY: the caller's promise, handed on.
        unsafe { (**self).store(at, value, order) }
    }
    #[inline]
    unsafe fn read(&self, at: u32, into: &mut [u32]) {
        // SAFETY: the caller's promise, handed on.
        unsafe { (**self).read(at, into) }
    }
    #[inline]
    unsafe fn write(&self, at: u32, from: &[u32]) {
        // SAFETY: the caller's promise, handed on.
        unsafe { (**self).write(at, from) }
    }
    #[inline]
    unsafe fn read_pairs(&self, at: u32, into: &mut [u32]) {
        // SAFETY: the caller's promise, handed on.
        unsafe { (**self).read_pairs(at, into) }
    }
    #[inline]
    unsafe fn write_pairs(&self, at: u32, from: &[u32]) {
        // SAFETY: the caller's promise, handed on.
        unsafe { (**self).write_pairs(at, from) }
    }
    #[inline]
    fn is_wide(&self) -> bool {
        (**self).is_wide()
    }
    #[inline]
    unsafe fn load_pair(&self, at: u32, order: Ordering) -> u64 {
        // SAFETY: the caller's promise, handed on.
        unsafe { (**self).load_pair(at, order) }
    }
    #[inline]
    unsafe fn store_pair(&self, at: u32, value: u64, order: Ordering) {
        // SAFETY: the caller's promise, handed on.
        unsafe { (**self).store_pair(at, value, order) }
    }
    #[inline]
    fn fence(&self, order: Ordering) {
        (**self).fence(order);
    }
    #[inline]
    fn wait(&self, at: u32, value: u32, span: Duration) {
        (**self).wait(at, value, span);
    }
    #[inline]
    fn wake(&self, at: u32) {
        (**self).wake(at);
    }
}

// SAFETY: a shared reference exchanges the same words under the same promise.
unsafe impl<R: Exchange + ?Sized> Exchange for &R {
    #[inline]
    unsafe fn compare_exchange(&self, at: u32, current: u32, new: u32) -> Result<(), u32> {
        // SAFETY: the caller's promise, handed on.
        unsafe { (**self).compare_exchange(at, current, new) }
    }
    #[inline]
    unsafe fn compare_exchange_pair(&self, at: u32, current: u64, new: u64) -> Result<(), u64> {
        // SAFETY: the caller's promise, handed on.
        unsafe { (**self).compare_exchange_pair(at, current, new) }
    }
}
