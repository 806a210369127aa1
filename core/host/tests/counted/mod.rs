//! A mapping on which calls to the kernel for a sleep are counted, and sleeps may last longer than a slice.

use rustix::event::Timespec;
use rustix::thread::futex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tidemill_host::ring::Mapping;
use tidemill_seam::{Duration, Exchange, Region};

/// What was asked of the kernel.
#[derive(Default)]
pub(crate) struct Calls {
    sleeps: AtomicU64,
    wakes: AtomicU64,
    /// Sleeps that nobody ended.
    overslept: AtomicU64,
    /// Sleep for so many seconds at once instead of a slice, if not zero.
    seconds: AtomicU64,
}

impl Calls {
    fn count(count: &AtomicU64) {
        // Relaxed: counts, orders nothing.
        count.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn sleeping_for(seconds: u64) -> Arc<Self> {
        Arc::new(Self { seconds: AtomicU64::new(seconds), ..Self::default() })
    }

    /// Sleeps, wakes, and sleeps that nobody ended.
    pub(crate) fn all(&self) -> [u64; 3] {
        [&self.sleeps, &self.wakes, &self.overslept].map(|count| count.load(Ordering::Relaxed))
    }
}

/// A mapping that counts who asks the kernel for a sleep or a wake.
#[derive(Clone)]
pub(crate) struct Counted {
    pub(crate) mapping: Mapping,
    pub(crate) calls: Arc<Calls>,
}

// SAFETY: the words of the mapping.
unsafe impl Region for Counted {
    fn words(&self) -> u32 {
        self.mapping.words()
    }
    unsafe fn load(&self, at: u32, order: Ordering) -> u32 {
        // SAFETY: the caller's promise, handed on.
        unsafe { self.mapping.load(at, order) }
    }
    unsafe fn store(&self, at: u32, value: u32, order: Ordering) {
        // SAFETY: the caller's promise, handed on.
        unsafe { self.mapping.store(at, value, order) }
    }
    fn is_wide(&self) -> bool {
        self.mapping.is_wide()
    }
    unsafe fn load_pair(&self, at: u32, order: Ordering) -> u64 {
        // SAFETY: the caller's promise, handed on.
        unsafe { self.mapping.load_pair(at, order) }
    }
    unsafe fn store_pair(&self, at: u32, value: u64, order: Ordering) {
        // SAFETY: the caller's promise, handed on.
        unsafe { self.mapping.store_pair(at, value, order) }
    }
    fn fence(&self, order: Ordering) {
        self.mapping.fence(order);
    }
    fn wait(&self, at: u32, value: u32, span: Duration) {
        Calls::count(&self.calls.sleeps);
        match self.calls.seconds.load(Ordering::Relaxed) {
            0 => self.mapping.wait(at, value, span),
            seconds => {
                let word = self.mapping.word(at).expect("within the mapping");
                let span = Timespec { tv_sec: seconds as i64, tv_nsec: 0 };
                let slept = futex::wait(word, futex::Flags::empty(), value, Some(&span));
                if slept == Err(rustix::io::Errno::TIMEDOUT) {
                    Calls::count(&self.calls.overslept);
                }
            }
        }
    }
    fn wake(&self, at: u32) {
        Calls::count(&self.calls.wakes);
        self.mapping.wake(at);
    }
}

// SAFETY: as for `Region`.
unsafe impl Exchange for Counted {
    unsafe fn compare_exchange(&self, at: u32, current: u32, new: u32) -> Result<(), u32> {
        // SAFETY: the caller's promise, handed on.
        unsafe { self.mapping.compare_exchange(at, current, new) }
    }
    unsafe fn compare_exchange_pair(&self, at: u32, current: u64, new: u64) -> Result<(), u64> {
        // SAFETY: the caller's promise, handed on.
        unsafe { self.mapping.compare_exchange_pair(at, current, new) }
    }
}
