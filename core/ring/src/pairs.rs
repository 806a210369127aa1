//! Copies of whole pairs of words, one access a pair where 64 bits are atomic and a region starts on a pair.

use crate::sync::{AtomicU32, Ordering};

#[cfg(all(
    target_pointer_width = "64",
    target_has_atomic = "64",
    not(any(feature = "loom", feature = "shuttle"))
))]
mod wide {
    use super::AtomicU32;
    use core::slice;
    use core::sync::atomic::AtomicU64;

    /// The run as pairs.
    ///
    /// # Safety
    /// It begins and ends on a pair, and nothing that may race is accessed word by word (G7).
    #[inline]
    pub(super) unsafe fn pairs(run: &[AtomicU32]) -> &[AtomicU64] {
        let first = run.as_ptr().cast::<AtomicU64>();
        debug_assert!(
            first.is_aligned() && run.len().is_multiple_of(2),
            "a run of {} is no pairs",
            run.len()
        );
        // SAFETY: aligned and as long as the run, which is borrowed as long; the caller's promise.
        unsafe { slice::from_raw_parts(first, run.len() / 2) }
    }

    #[inline]
    pub(super) const fn join(pair: [u32; 2]) -> u64 {
        if cfg!(target_endian = "little") {
            pair[0] as u64 | (pair[1] as u64) << 32
        } else {
            pair[1] as u64 | (pair[0] as u64) << 32
        }
    }

    #[inline]
    pub(super) const fn part(both: u64) -> [u32; 2] {
        let halves = [both as u32, (both >> 32) as u32];
        if cfg!(target_endian = "little") { halves } else { [halves[1], halves[0]] }
    }
}

/// Copies `run` out.
///
/// # Safety
/// The run begins and ends on a pair, of a region that begins on one, and nothing that may race is accessed word by word.
#[inline]
pub(crate) unsafe fn read(run: &[AtomicU32], into: &mut [u32]) {
    #[cfg(all(
        target_pointer_width = "64",
        target_has_atomic = "64",
        not(any(feature = "loom", feature = "shuttle"))
    ))]
    // SAFETY: the caller's promise.
    for (pair, into) in unsafe { wide::pairs(run) }.iter().zip(into.as_chunks_mut().0) {
        *into = wide::part(pair.load(Ordering::Relaxed));
    }
    #[cfg(not(all(
        target_pointer_width = "64",
        target_has_atomic = "64",
        not(any(feature = "loom", feature = "shuttle"))
    )))]
    for (word, into) in run.iter().zip(into) {
        *into = word.load(Ordering::Relaxed);
    }
}

/// Copies `from` into `run`.
///
/// # Safety
/// As for [`read`].
#[inline]
pub(crate) unsafe fn write(run: &[AtomicU32], from: &[u32]) {
    #[cfg(all(
        target_pointer_width = "64",
        target_has_atomic = "64",
        not(any(feature = "loom", feature = "shuttle"))
    ))]
    // SAFETY: the caller's promise.
    for (pair, from) in unsafe { wide::pairs(run) }.iter().zip(from.as_chunks().0) {
        pair.store(wide::join(*from), Ordering::Relaxed);
    }
    #[cfg(not(all(
        target_pointer_width = "64",
        target_has_atomic = "64",
        not(any(feature = "loom", feature = "shuttle"))
    )))]
    for (word, from) in run.iter().zip(from) {
        word.store(*from, Ordering::Relaxed);
    }
}
