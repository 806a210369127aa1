//! An allocator that keeps count of what the thread holds.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::OnceLock;

/// The system's allocator, counting. A program in which inputs are hunted makes it its own:
///
/// ```
/// #[global_allocator]
/// static HEAP: tidemill_fuzz::Heap = tidemill_fuzz::Heap;
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Heap;

thread_local! {
    /// What this thread holds. Less than nothing, where it frees what others allocated.
    static HELD: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
    static ALARMED: Cell<bool> = const { Cell::new(false) };
}

/// Called where a thread asks for more than the ceiling.
static ALARM: OnceLock<fn()> = OnceLock::new();

impl Heap {
    /// What one thread may hold, in bytes, before the alarm is raised: far more than any target may.
    pub const CEILING: usize = 1 << 30;

    /// Calls `alarm` where a thread is about to hold more than [`CEILING`](Self::CEILING): it had better end the process.
    /// Only the first alarm counts.
    pub fn alarm(alarm: fn()) {
        let _ = ALARM.set(alarm);
    }

    /// The most that this thread held more than before, while it worked, in bytes. 0 where another allocator serves.
    pub fn peak_of<T>(work: impl FnOnce() -> T) -> (T, usize) {
        let before = HELD.get();
        PEAK.set(before);
        let result = work();
        (result, usize::try_from(PEAK.get() - before).unwrap_or(0))
    }

    fn ask(size: usize) {
        // A thread that ends frees without a place to count in.
        let held = HELD.try_with(|held| {
            held.set(held.get().saturating_add_unsigned(size));
            held.get()
        });
        let Ok(held) = held else { return };
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(held)));
        if held > Self::CEILING as isize && !ALARMED.replace(true) {
            ALARM.get().inspect(|alarm| alarm());
        }
    }

    fn give_back(size: usize) {
        let _ = HELD.try_with(|held| held.set(held.get().saturating_sub_unsigned(size)));
    }
}

// SAFETY: every call goes on to `System` unchanged; counting allocates nothing, and the alarm is raised once a thread.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::ask(layout.size());
        // SAFETY: the caller's promise, handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        Self::ask(layout.size());
        // SAFETY: the caller's promise, handed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        Self::ask(size);
        Self::give_back(layout.size());
        // SAFETY: the caller's promise, handed on.
        unsafe { System.realloc(at, layout, size) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        Self::give_back(layout.size());
        // SAFETY: the caller's promise, handed on.
        unsafe { System.dealloc(at, layout) }
    }
}

#[cfg(test)]
mod tests {
    use super::Heap;

    #[test]
    fn the_peak_is_what_was_held_at_once() {
        let ((), once) = Heap::peak_of(|| drop(vec![1_u8; 100_000]));
        let ((), twice) = Heap::peak_of(|| (0..2).for_each(|_| drop(vec![1_u8; 100_000])));
        let (both, at_once) = Heap::peak_of(|| [vec![1_u8; 100_000], vec![1_u8; 100_000]]);
        assert!((100_000..101_000).contains(&once) && once == twice, "{once} and {twice}");
        assert!((200_000..201_000).contains(&at_once), "{at_once}");
        drop(both);
    }
}
