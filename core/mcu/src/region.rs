use core::sync::atomic::Ordering;
use tidemill_seam::{Exchange, Region};

/// A region whose exchange is a critical section, for cores without a compare-and-swap instruction.
///
/// On one core a section is one step to every interrupt and to the main loop (G6): nobody's store can fall in between.
/// Everything but the exchange is handed to the region inside unchanged.
#[derive(Clone, Copy, Default, Debug)]
pub struct Guarded<R>(pub R);

// SAFETY: every access goes to the region inside, under its promise.
unsafe impl<R: Region> Region for Guarded<R> {
    #[inline]
    fn words(&self) -> u32 {
        self.0.words()
    }

    #[inline]
    unsafe fn load(&self, at: u32, order: Ordering) -> u32 {
        // SAFETY: the caller's promise, handed on.
        unsafe { self.0.load(at, order) }
    }

    #[inline]
    unsafe fn store(&self, at: u32, value: u32, order: Ordering) {
        // SAFETY: the caller's promise, handed on.
        unsafe { self.0.store(at, value, order) }
    }

    #[inline]
    unsafe fn read(&self, at: u32, into: &mut [u32]) {
        // SAFETY: the caller's promise, handed on.
        unsafe { self.0.read(at, into) }
    }

    #[inline]
    unsafe fn write(&self, at: u32, from: &[u32]) {
        // SAFETY: the caller's promise, handed on.
        unsafe { self.0.write(at, from) }
    }

    #[inline]
    fn fence(&self, order: Ordering) {
        self.0.fence(order);
    }
}

// SAFETY: on one core nothing runs between the load and the store of a critical section, so they are one step.
unsafe impl<R: Region> Exchange for Guarded<R> {
    unsafe fn compare_exchange(&self, at: u32, current: u32, new: u32) -> Result<(), u32> {
        critical_section::with(|_| {
            // SAFETY: `at` lies within the region: the caller's promise.
            // Acquire: the half of AcqRel that a failed exchange keeps too.
            let found = unsafe { self.0.load(at, Ordering::Acquire) };
            if found != current {
                return Err(found);
            }
            // SAFETY: as above.
            // Release: the other half; each caller names the partner.
            unsafe { self.0.store(at, new, Ordering::Release) };
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Guarded;
    use core::sync::atomic::Ordering;
    use tidemill_ring::{Inline, spsc};
    use tidemill_seam::{Exchange, Region};

    #[test]
    fn g6_an_exchange_that_expects_another_value_changes_nothing_and_shows_what_stands() {
        let region = Guarded(Inline::<4>::new());
        let exchange = |current, new| {
            // SAFETY: word 3 of 4.
            unsafe { region.compare_exchange(3, current, new) }
        };
        assert_eq!(exchange(0, 7), Ok(()));
        assert_eq!(exchange(0, 8), Err(7));
        // SAFETY: word 3 of 4.
        assert_eq!(unsafe { region.load(3, Ordering::Acquire) }, 7);
    }

    #[test]
    fn e8_a_ring_over_a_guarded_region_evicts_its_oldest() {
        const SPEC: spsc::Spec = spsc::Spec::new(4);
        let memory = Guarded(Inline::<{ SPEC.words::<1>() as usize }>::new());
        let (mut producer, mut consumer) = spsc::split_evicting::<_, 1>(&memory, SPEC).expect("a ring fits");
        (0..4).for_each(|i| producer.push([i]).expect("room"));
        let mut evicted = 0;
        producer.evict_over(3, |[oldest]| evicted = oldest + 100);
        assert_eq!(evicted, 100);
        assert_eq!(consumer.pop(), Some([1]));
    }
}
