//! What the firmware of every board has in common: a clock, a bell, exact instruction counts, sizes, and a way out.
//!
//! One source serves QEMU's `mps2-an386` (Cortex-M4), `microbit` (Cortex-M0, no compare-and-swap, 16 KiB of RAM) and
//! `virt` (RISC-V 32). Links no allocator: there is none in the dependency tree, and none is declared here.
#![no_std]

#[cfg_attr(target_arch = "arm", path = "board/arm.rs")]
#[cfg_attr(target_arch = "riscv32", path = "board/riscv.rs")]
mod board;
mod count;
mod interrupt;
mod size;

/// The name QEMU knows this board by.
pub const BOARD: &str = env!("BOARD");

pub use board::{BoardClock, entry, instructions, start};
pub use count::count_down;
pub use interrupt::{BELL, Unlucky};
pub use semihosting::{self, println};
pub use size::{flash_bytes, ram_bytes};
