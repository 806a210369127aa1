//! The bare-metal world: clock, notify, region and link for Cortex-M and RISC-V.
