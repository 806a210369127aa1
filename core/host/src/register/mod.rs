//! Registers of one machine: in memory, and in two slots of a store.

mod memory;
mod slots;

pub use memory::MemoryRegister;
pub use slots::{FormatError, SlotRegister};
