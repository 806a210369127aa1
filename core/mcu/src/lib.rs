//! The bare-metal world: what the seams promise, kept by one core, its timer and its interrupts.
//!
//! | seam | here | stands on |
//! |---|---|---|
//! | `Clock` | `SysTickClock` (Cortex-M), `MtimeClock` (RISC-V) | the 24-bit SysTick, counted on by its interrupt; the CLINT |
//! | `Notify` | [`Bell`] | WFI under masked interrupts |
//! | `Region` | [`Guarded`] | any region; the exchange is a critical section, for cores without compare-and-swap |
//! | `Link` | [`Loopback`] | two rings of cells between two workers of one firmware |
//!
//! Interrupts are masked through the `critical-section` crate: the firmware chooses the implementation, as it does
//! for every other driver on its chip. Without Cortex-M or RISC-V the portable parts remain, which is how their tests
//! run anywhere.
//!
//! Refuses: heap, compare-and-swap instructions, more than one core, and sleeping where an interrupt could slip by.
#![no_std]

mod clock;
mod link;
mod notify;
mod region;

pub use clock::Doze;
#[cfg(target_arch = "riscv32")]
pub use clock::MtimeClock;
#[cfg(target_arch = "arm")]
pub use clock::SysTickClock;
pub use link::{Loopback, loopback_words};
pub use notify::Bell;
pub use region::Guarded;
