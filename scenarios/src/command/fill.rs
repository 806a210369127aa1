use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU32, Ordering};

/// No pattern.
const OFF: u32 = u32::MAX;

static PATTERN: AtomicU32 = AtomicU32::new(OFF);
/// Blocks that were filled when they were handed out.
static FILLED: AtomicU32 = AtomicU32::new(0);

/// The system's allocator, which fills fresh and freed memory with a pattern where `tidemill check` asks for one: who
/// reads either then reads something else from run to run.
#[derive(Clone, Copy, Debug)]
pub struct Fill;

/// From now on memory is filled with `byte`.
pub(super) fn fill_with(byte: u8) {
    PATTERN.store(u32::from(byte), Ordering::Relaxed);
}

/// Whether the program's allocator is one that fills.
pub(super) fn fills() -> bool {
    let before = FILLED.load(Ordering::Relaxed);
    drop(std::hint::black_box(Box::new(before)));
    FILLED.load(Ordering::Relaxed) != before
}

#[inline]
fn pattern() -> Option<u8> {
    let pattern = PATTERN.load(Ordering::Relaxed);
    (pattern != OFF).then_some(pattern as u8)
}

// SAFETY: every block comes from `System` and goes back to it with the same layout.
unsafe impl GlobalAlloc for Fill {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the law of `GlobalAlloc::alloc`.
        let block = unsafe { System.alloc(layout) };
        if let (Some(byte), false) = (pattern(), block.is_null()) {
            // SAFETY: the block is ours and as long as the layout says.
            unsafe { block.write_bytes(byte, layout.size()) };
            FILLED.fetch_add(1, Ordering::Relaxed);
        }
        block
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the law of `GlobalAlloc::alloc_zeroed`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if let Some(byte) = pattern() {
            // SAFETY: the caller gives up a block of this layout.
            unsafe { block.write_bytes(!byte, layout.size()) };
        }
        // SAFETY: it came from `System` with this layout.
        unsafe { System.dealloc(block, layout) };
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller keeps the law of `GlobalAlloc::realloc`.
        let moved = unsafe { System.realloc(block, layout, new_size) };
        if let (Some(byte), false) = (pattern(), moved.is_null())
            && new_size > layout.size()
        {
            // SAFETY: the block is `new_size` long, and what is past its old size is fresh.
            let fresh = unsafe { moved.add(layout.size()) };
            // SAFETY: as above.
            unsafe { fresh.write_bytes(byte, new_size - layout.size()) };
        }
        moved
    }
}
