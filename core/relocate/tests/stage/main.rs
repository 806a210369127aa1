//! The store of a stage by hand: what each life finds, whatever became of the one before it.

mod crash;
mod damage;
mod log;
mod rig;
mod state;
mod swap;
