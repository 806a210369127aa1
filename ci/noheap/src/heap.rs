//! What must not be in the program, put into it on purpose.

extern crate alloc;

use alloc::boxed::Box;
use core::alloc::{GlobalAlloc, Layout};
use core::hint::black_box;
use core::ptr;

struct Empty;

// SAFETY: it never hands out memory, so it never hands out memory that is not there.
unsafe impl GlobalAlloc for Empty {
    unsafe fn alloc(&self, _: Layout) -> *mut u8 {
        ptr::null_mut()
    }
    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static EMPTY: Empty = Empty;

pub(crate) fn boxed() -> Box<u32> {
    Box::new(black_box(1))
}
