//! Runs the targets on stable Rust: the corpus, then mutations of it, as the seed says.

use std::process::ExitCode;
use tidemill_fuzz::{Heap, TARGETS, main_with};

#[global_allocator]
static HEAP: Heap = Heap;

fn main() -> ExitCode {
    main_with(TARGETS, std::env::args().skip(1))
}
