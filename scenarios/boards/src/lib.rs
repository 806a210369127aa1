//! What the firmware of every board has in common: a clock, a bell, exact instruction counts, sizes, and a way out.
//!
//! One source serves QEMU's `mps2-an386` (Cortex-M4), `microbit` (Cortex-M0, no compare-and-swap, 16 KiB of RAM) and
//! `virt` (RISC-V 32). Links no allocator: there is none in the dependency tree, and none is declared here.
#![no_std]

mod arena;
#[cfg_attr(target_arch = "arm", path = "board/arm.rs")]
#[cfg_attr(target_arch = "riscv32", path = "board/riscv.rs")]
mod board;
mod count;
mod interrupt;
mod lent;
mod size;

/// The name QEMU knows this board by.
pub const BOARD: &str = env!("BOARD");

/// The first rows of the real readings, behind their header: as many as [`ROWS`].
pub const READINGS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/readings.csv"));

/// How many readings there are in [`READINGS`].
pub const ROWS: &str = env!("ROWS");

pub use arena::Arena;
pub use board::{BoardClock, entry, instructions, start};
pub use count::count_down;
pub use interrupt::{BELL, Unlucky};
pub use lent::Lent;
pub use semihosting::{self, println};
pub use size::{flash_bytes, ram_bytes};
