use rustix::process::{Signal, getpid, kill_process};
use std::sync::atomic::{AtomicU64, Ordering};
use tidemill_host::ring::Mapping;
use tidemill_seam::{Exchange, Region};

/// The memory of a process that ends by SIGKILL before it makes so many stores.
#[derive(Clone, Debug)]
pub(super) struct Mortal<'l> {
    inner: Mapping,
    left: &'l AtomicU64,
}

impl<'l> Mortal<'l> {
    pub(super) fn new(inner: Mapping, left: &'l AtomicU64) -> Self {
        Self { inner, left }
    }

    fn store_one(&self) {
        // Relaxed: a count, of which nothing is ordered.
        if self.left.fetch_sub(1, Ordering::Relaxed) == 0 {
            kill_process(getpid(), Signal::KILL).expect("ourselves");
            unreachable!("a process outlives its own SIGKILL");
        }
    }
}

// SAFETY: the words of the mapping, each store of which is made as it was asked for, or never.
unsafe impl Region for Mortal<'_> {
    fn words(&self) -> u32 {
        self.inner.words()
    }
    unsafe fn load(&self, at: u32, order: Ordering) -> u32 {
        // SAFETY: the caller's promise, handed on.
        unsafe { self.inner.load(at, order) }
    }
    unsafe fn store(&self, at: u32, value: u32, order: Ordering) {
        self.store_one();
        // SAFETY: the caller's promise, handed on.
        unsafe { self.inner.store(at, value, order) }
    }
    fn fence(&self, order: Ordering) {
        self.inner.fence(order);
    }
}

// SAFETY: as for `Region`.
unsafe impl Exchange for Mortal<'_> {
    unsafe fn compare_exchange(&self, at: u32, current: u32, new: u32) -> Result<(), u32> {
        self.store_one();
        // SAFETY: the caller's promise, handed on.
        unsafe { self.inner.compare_exchange(at, current, new) }
    }
}
