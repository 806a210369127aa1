use crate::memory::{Memory, Words};
use crate::sync::AtomicU32;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ptr::NonNull;

const LINE: usize = 32;

#[derive(Debug)]
#[cfg_attr(target_pointer_width = "64", repr(align(128)))]
struct Line(#[expect(dead_code, reason = "reached through `Lines::all`")] [AtomicU32; LINE]);

const _: () = assert!(size_of::<Line>() == LINE * size_of::<AtomicU32>(), "a line has no padding");

/// A region on the heap. A clone is another handle to the same words; the last one frees them.
///
/// Starts on a pair of cache lines on 64-bit targets.
pub type Heap = Memory<Lines>;

/// The words of a [`Heap`].
#[derive(Clone, Debug)]
pub struct Lines {
    /// The words of `lines`, kept here to spare each access one hop.
    all: NonNull<[AtomicU32]>,
    #[expect(dead_code, reason = "owns what `all` points at")]
    lines: Arc<[Line]>,
}

// SAFETY: all a handle gives access to are atomics, which it keeps alive itself.
unsafe impl Send for Lines {}
// SAFETY: as for `Send`: every access through a shared handle is atomic.
unsafe impl Sync for Lines {}

impl Heap {
    /// A region of `words` zeroes.
    pub fn new(words: u32) -> Self {
        let lines: Vec<Line> = (0..(words as usize).div_ceil(LINE))
            .map(|_| Line(core::array::from_fn(|_| AtomicU32::new(0))))
            .collect();
        let lines: Arc<[Line]> = lines.into();
        // The pointer is taken from the whole slice, so it may reach every line of it.
        let first = NonNull::from(&*lines).cast();
        Self::of(Lines { all: NonNull::slice_from_raw_parts(first, words as usize), lines })
    }
}

// SAFETY: `lines` holds as many atomics back to back (a line has no padding), and every handle keeps it alive.
unsafe impl Words for Lines {
    #[inline]
    fn all(&self) -> &[AtomicU32] {
        // SAFETY: the words of `lines`, which lives as long as `self`.
        unsafe { self.all.as_ref() }
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
