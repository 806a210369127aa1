//! The `tidemill` command.
use std::process::ExitCode;

fn main() -> ExitCode {
    tidemill_scenarios::command::main()
}
