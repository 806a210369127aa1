use tidemill_ring::spsc;
use tidemill_ring::sync::{AtomicU32, Ordering, fence};
#[cfg(any(target_has_atomic = "32", feature = "critical-section"))]
use tidemill_seam::Exchange;
use tidemill_seam::Region;

/// The words of a ring of `N` tickets.
#[repr(C)]
#[cfg_attr(target_pointer_width = "64", repr(align(128)))]
pub(super) struct Words<const N: usize> {
    head: [AtomicU32; HEAD],
    slots: [[AtomicU32; 4]; N],
}

/// Words before the first slot.
const HEAD: usize = spsc::words::<4>(1) as usize - 4;

impl<const N: usize> Words<N> {
    pub(super) const HEAD: usize = HEAD;

    pub(super) const fn new() -> Self {
        assert!(spsc::words::<4>(N as u32) as usize == HEAD + 4 * N, "the slots follow the control words");
        Self {
            head: [const { AtomicU32::new(0) }; HEAD],
            slots: [const { [const { AtomicU32::new(0) }; 4] }; N],
        }
    }

    pub(super) const fn cells(&self) -> Cells<'_> {
        let first = (&raw const *self).cast::<AtomicU32>();
        // SAFETY: `repr(C)` puts HEAD + 4·N words of one type and alignment side by side from the first byte on.
        Cells(unsafe { core::slice::from_raw_parts(first, HEAD + 4 * N) })
    }
}

/// The words of some edge, whatever its size.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cells<'a>(&'a [AtomicU32]);

impl<'a> Cells<'a> {
    #[inline]
    unsafe fn at(&self, at: u32) -> &'a AtomicU32 {
        debug_assert!((at as usize) < self.0.len(), "word {at} lies outside the edge");
        // SAFETY: the caller keeps `at` below the length.
        unsafe { self.0.get_unchecked(at as usize) }
    }
}

// SAFETY: the words are atomics behind a reference, and a slice never changes its length.
unsafe impl Region for Cells<'_> {
    #[inline]
    fn words(&self) -> u32 {
        self.0.len() as u32
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
    fn fence(&self, order: Ordering) {
        fence(order);
    }
}

#[cfg(target_has_atomic = "32")]
// SAFETY: `compare_exchange` of an atomic is one step in its modification order.
unsafe impl Exchange for Cells<'_> {
    #[inline]
    unsafe fn compare_exchange(&self, at: u32, current: u32, new: u32) -> Result<(), u32> {
        // SAFETY: `at` is within the region: the caller's promise.
        let word = unsafe { self.at(at) };
        // AcqRel, Acquire: the orderings that `Exchange` states; each caller names the partner.
        word.compare_exchange(current, new, Ordering::AcqRel, Ordering::Acquire).map(|_| ())
    }
}

#[cfg(all(not(target_has_atomic = "32"), feature = "critical-section"))]
// SAFETY: within a critical section nothing else runs that could touch the word: one step.
unsafe impl Exchange for Cells<'_> {
    unsafe fn compare_exchange(&self, at: u32, current: u32, new: u32) -> Result<(), u32> {
        // SAFETY: `at` is within the region: the caller's promise.
        let word = unsafe { self.at(at) };
        critical_section::with(|_| {
            // Acquire, Release: the orderings that `Exchange` states; each caller names the partner.
            let stands = word.load(Ordering::Acquire);
            if stands != current {
                return Err(stands);
            }
            word.store(new, Ordering::Release);
            Ok(())
        })
    }
}
