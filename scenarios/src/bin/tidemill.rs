//! The `tidemill` command.
use std::process::ExitCode;
use tidemill_scenarios::command::{self, Fill};

#[global_allocator]
static MEMORY: Fill = Fill;

fn main() -> ExitCode {
    command::main()
}
