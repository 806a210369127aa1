//! Registers of one machine: in memory, and in two slots of a store.

mod file;
mod memory;
mod slots;

pub use file::FileRegister;
pub use memory::MemoryRegister;
pub use slots::{FormatError, SlotRegister};
