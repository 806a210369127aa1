//! The steps that call other programs, one file a question.

pub(crate) mod aarch64;
pub(crate) mod bench;
pub(crate) mod boards;
pub(crate) mod browser;
pub(crate) mod canary;
pub(crate) mod cargo;
pub(crate) mod determinism;
pub(crate) mod downstream;
pub(crate) mod elsewhere;
pub(crate) mod features;
pub(crate) mod fuzz;
pub(crate) mod mutants;
pub(crate) mod noheap;
pub(crate) mod planted;
mod profiles;
pub(crate) mod sim;
mod tidemill;
