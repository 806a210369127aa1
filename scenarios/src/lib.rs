//! Stories, one file each, and the `tidemill` command that runs them.

pub mod command;
pub mod stories;
