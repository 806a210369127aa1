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
    pub(super) const fn part(both: u64) -> [u32; 2] {
        let halves = [both as u32, (both >> 32) as u32];
        if cfg!(target_endian = "little") { halves } else { [halves[1], halves[0]] }
    }

    /// Two neighbouring pairs.
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    #[inline]
    pub(super) fn store_two(pairs: &[AtomicU64; 2], values: &[u32; 4]) {
        use core::sync::atomic::Ordering::Relaxed;
        let &[a, b, c, d] = values;
        pairs[0].store(super::join([a, b]), Relaxed);
        pairs[1].store(super::join([c, d]), Relaxed);
    }

    /// Two neighbouring pairs.
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    #[inline]
    pub(super) fn load_two(pairs: &[AtomicU64; 2], into: &mut [u32; 4]) {
        use core::sync::atomic::Ordering::Relaxed;
        let ([a, b], [c, d]) = (part(pairs[0].load(Relaxed)), part(pairs[1].load(Relaxed)));
        *into = [a, b, c, d];
    }

    /// Two neighbouring pairs by one instruction. A store waits in the store buffer until its cache line comes back from
    /// the other side, so entries on their way are as many as places in it, divided by the stores of an entry.
    ///
    /// The processor writes aligned halves of such a store one by one at worst: two relaxed atomic stores.
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    #[inline]
    pub(super) fn store_two(pairs: &[AtomicU64; 2], values: &[u32; 4]) {
        use core::arch::{asm, x86_64::_mm_loadu_si128};
        // SAFETY: every x86-64 has SSE2; four words are sixteen bytes.
        let both = unsafe { _mm_loadu_si128(values.as_ptr().cast()) };
        // SAFETY: the sixteen bytes are two atomics, borrowed, on which a race is defined.
        unsafe {
            asm!("movups xmmword ptr [{at}], {both}", at = in(reg) pairs.as_ptr(), both = in(xmm_reg) both,
                options(nostack, preserves_flags));
        }
    }

    /// Two neighbouring pairs by one instruction: two relaxed atomic loads, as in [`store_two`].
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    #[inline]
    pub(super) fn load_two(pairs: &[AtomicU64; 2], into: &mut [u32; 4]) {
        use core::arch::x86_64::{__m128i, _mm_storeu_si128};
        let both: __m128i;
        // SAFETY: the sixteen bytes are two atomics, borrowed, on which a race is defined.
        unsafe {
            core::arch::asm!("movups {both}, xmmword ptr [{at}]", at = in(reg) pairs.as_ptr(), both = out(xmm_reg) both,
                options(nostack, preserves_flags, readonly));
        }
        // SAFETY: every x86-64 has SSE2; four words are sixteen bytes.
        unsafe { _mm_storeu_si128(into.as_mut_ptr().cast(), both) };
    }
}

/// The number that two words are where a pair is one.
#[inline]
pub(crate) const fn join(pair: [u32; 2]) -> u64 {
    if cfg!(target_endian = "little") {
        pair[0] as u64 | (pair[1] as u64) << 32
    } else {
        pair[1] as u64 | (pair[0] as u64) << 32
    }
}

/// Whether a pair is one atomic.
pub(crate) const WIDE: bool = cfg!(all(
    target_pointer_width = "64",
    target_has_atomic = "64",
    not(any(feature = "loom", feature = "shuttle"))
));

/// The pair that a run of two words is, as one atomic.
///
/// # Safety
/// The run begins on a pair of a region that begins on one, and what may race is accessed by pairs.
#[cfg(all(
    target_pointer_width = "64",
    target_has_atomic = "64",
    not(any(feature = "loom", feature = "shuttle"))
))]
#[inline]
pub(crate) unsafe fn one(run: &[AtomicU32]) -> &core::sync::atomic::AtomicU64 {
    // SAFETY: the caller's promise.
    let pairs = unsafe { wide::pairs(run) };
    &pairs[0]
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
    {
        // SAFETY: the caller's promise.
        let (twos, last) = unsafe { wide::pairs(run) }.as_chunks();
        let (into_twos, into_last) = into.as_chunks_mut();
        for (two, into) in twos.iter().zip(into_twos) {
            wide::load_two(two, into);
        }
        for (pair, into) in last.iter().zip(into_last.as_chunks_mut().0) {
            *into = wide::part(pair.load(Ordering::Relaxed));
        }
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
    {
        // SAFETY: the caller's promise.
        let (twos, last) = unsafe { wide::pairs(run) }.as_chunks();
        let (from_twos, from_last) = from.as_chunks();
        for (two, from) in twos.iter().zip(from_twos) {
            wide::store_two(two, from);
        }
        for (pair, from) in last.iter().zip(from_last.as_chunks().0) {
            pair.store(join(*from), Ordering::Relaxed);
        }
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
