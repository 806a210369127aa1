//! A crate of a user: built, tested and linted with its own lock file, as far from our workspace as a user is.

use crate::shell::{Call, Failure, Place};
use crate::table::Verdict;

pub(crate) fn run(place: &Place) -> Verdict {
    let locked = cargo(place, ["metadata", "--locked", "--format-version", "1"]).capture()?;
    if !locked.status.success() {
        println!("{}", locked.stderr);
        let cure = "cargo fetch --manifest-path scenarios/downstream/Cargo.toml";
        return Err(
            Failure::new("a crate of ours has other dependencies than its lock file says").repeat(cure)
        );
    }
    cargo(place, ["clippy", "--locked", "--all-targets", "--", "-D", "warnings"]).run()?;
    cargo(place, ["test", "--locked"]).run()?;
    // The tape was written by a bug. With the bug back, the tape must find it before any seed does.
    let twin = cargo(place, ["test", "--locked", "--features", "acknowledge-early", "--test", "collector"]);
    let line = twin.line();
    println!("$ {line}");
    let said = twin.capture()?;
    let (all, tape) = (said.all(), "sim-failures/collector.every_reading_is_stored_once_and_in_order-");
    match (said.status.success(), all.contains(tape)) {
        (false, true) => Ok("the checked-in tape finds the bug that wrote it".to_owned()),
        (true, _) => Err(Failure::new("the bug is back, and no test fails").repeat(line)),
        (false, false) => {
            println!("{all}");
            Err(Failure::new("the bug is back, and the tape is not what finds it").repeat(line))
        }
    }
}

fn cargo<const N: usize>(place: &Place, args: [&str; N]) -> Call {
    let call = place.cargo(args).dir(&place.root.join("scenarios/downstream"));
    let call = call.env("CARGO_TARGET_DIR", place.target.join("downstream"));
    call.env("CARGO_PROFILE_DEV_DEBUG", "false")
}
