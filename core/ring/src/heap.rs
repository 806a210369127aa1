use crate::pairs;
use crate::sync::{AtomicU32, Ordering, fence};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ptr::NonNull;
use core::slice;
use tidemill_seam::{Exchange, Region};

const LINE: usize = 32;

#[derive(Debug)]
#[cfg_attr(target_pointer_width = "64", repr(align(128)))]
struct Line(#[expect(dead_code, reason = "reached through `Heap::first`")] [AtomicU32; LINE]);

/// A region on the heap. A clone is another handle to the same words; the last one frees them.
///
/// Starts on a pair of cache lines on 64-bit targets.
#[derive(Clone, Debug)]
pub struct Heap {
    /// The first word of `lines`, kept here to spare each access one hop.
    first: NonNull<AtomicU32>,
    words: u32,
    #[expect(dead_code, reason = "owns what `first` points at")]
    lines: Arc<[Line]>,
}

// SAFETY: all a handle gives access to are atomics, which it keeps alive itself.
unsafe impl Send for Heap {}
// SAFETY: as for `Send`: every access through a shared handle is atomic.
unsafe impl Sync for Heap {}

impl Heap {
    /// A region of `words` zeroes.
    pub fn new(words: u32) -> Self {
        let lines: Vec<Line> = (0..(words as usize).div_ceil(LINE))
            .map(|_| Line(core::array::from_fn(|_| AtomicU32::new(0))))
            .collect();
        let lines: Arc<[Line]> = lines.into();
        // The pointer is taken from the whole slice, so it may reach every line of it.
        let first = NonNull::from(&*lines).cast();
        Self { first, words, lines }
    }

    /// The word at index `at`: for what needs an address, such as a futex.
    pub fn word(&self, at: u32) -> Option<&AtomicU32> {
        // SAFETY: `at` was just found to lie within the region.
        (at < self.words).then(|| unsafe { self.at(at) })
    }

    #[inline]
    unsafe fn at(&self, at: u32) -> &AtomicU32 {
        // SAFETY: the caller keeps `at` below `words`.
        let run = unsafe { self.run(at, 1) };
        // SAFETY: a run of one word has a first.
        unsafe { run.get_unchecked(0) }
    }

    #[inline]
    unsafe fn run(&self, at: u32, len: usize) -> &[AtomicU32] {
        debug_assert!(at as usize + len <= self.words as usize, "{len} words at {at} end outside the region");
        // SAFETY: `lines` holds at least `words` atomics back to back (a line has no padding), and `at < words`.
        let first = unsafe { self.first.add(at as usize) };
        // SAFETY: the run ends at `words` at the latest, and `lines` keeps it alive as long as `self`.
        unsafe { slice::from_raw_parts(first.as_ptr(), len) }
    }
}

const _: () = assert!(size_of::<Line>() == LINE * size_of::<AtomicU32>(), "a line has no padding");

// SAFETY: every word below `words` is an atomic that `lines` keeps alive; `words` never changes.
unsafe impl Region for Heap {
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

// SAFETY: `compare_exchange` of an atomic is one step in its modification order.
unsafe impl Exchange for Heap {
    #[inline]
    unsafe fn compare_exchange(&self, at: u32, current: u32, new: u32) -> Result<(), u32> {
        // SAFETY: `at` is within the region: the caller's promise.
        let word = unsafe { self.at(at) };
        // AcqRel, Acquire: the orderings that `Exchange` states; each caller names the partner.
        word.compare_exchange(current, new, Ordering::AcqRel, Ordering::Acquire).map(|_| ())
    }
}

#[cfg(all(test, not(any(feature = "loom", feature = "shuttle"))))]
mod tests {
    extern crate std;
    use super::Heap;
    use crate::spsc::{Spec, split};
    use std::thread;
    use tidemill_seam::Region;

    #[test]
    fn a_clone_is_the_same_words_and_a_fresh_region_is_zero_g4() {
        let region = Heap::new(70);
        let other = region.clone();
        let mut into = [9; 70];
        // SAFETY: seventy words from the first on.
        unsafe { region.read(0, &mut into) };
        assert_eq!(into, [0; 70]);
        // SAFETY: the last two of seventy.
        unsafe { region.write(68, &[1, 2]) };
        drop(region);
        // SAFETY: the last three of seventy.
        unsafe { other.read(67, &mut into[..3]) };
        assert_eq!(into[..3], [0, 1, 2]);
        assert!(other.word(69).is_some() && other.word(70).is_none());
        assert!(Heap::new(0).word(0).is_none());
    }

    #[test]
    fn two_threads_share_a_ring_on_the_heap_e25() {
        let n = if cfg!(miri) { 50 } else { 20_000 };
        let spec = Spec::new(8).starting_at(u32::MAX - 20);
        let (mut producer, mut consumer) = split::<_, 2>(Heap::new(spec.words::<2>()), spec).unwrap();
        let pusher = thread::spawn(move || {
            for i in 0..n {
                while producer.push([i, !i]).is_err() {
                    thread::yield_now();
                }
            }
        });
        let mut next = 0;
        loop {
            let closed = consumer.is_closed();
            while let Some(entry) = consumer.take() {
                assert_eq!(entry, [next, !next]);
                next += 1;
            }
            consumer.release();
            if closed {
                break;
            }
            thread::yield_now();
        }
        assert_eq!(next, n);
        pusher.join().unwrap();
    }
}
