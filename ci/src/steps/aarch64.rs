//! Another architecture, by an emulator of its user programs.
//!
//! It proves byte order, alignment and word size of what we assume about the machine. It does not show weak memory on
//! an x86 host: that is what loom and miri are for.

use crate::shell::{Call, Failure, Place};
use crate::steps::cargo::tests_passed;
use crate::table::Verdict;
use std::path::{Path, PathBuf};

pub(crate) const TARGET: &str = "aarch64-unknown-linux-gnu";

/// Where the cross compiler keeps the libraries of the other architecture.
const LIBRARIES: &str = "/usr/aarch64-linux-gnu";

/// What of the simulator asks something of the machine: its golden hashes, shared memory, fixed-point time. The stories
/// themselves are compared with every other world's by the step `determinism`, whose command is of the same crates.
const OF_SIM: [&str; 8] = [
    "-p",
    "tidemill-sim",
    "-p",
    "tidemill-scenarios",
    "--test=determinism",
    "--test=links",
    "--test=arena",
    "--test=time",
];

/// Long lives of what is no other on another machine: with the long budget only.
const FOR_LONG: [&str; 6] =
    ["--skip", "doctor::", "--skip", "histories::", "--skip", "required::tests::model"];

pub(crate) fn run(place: &Place) -> Verdict {
    let core = ["tidemill-seam", "tidemill-ring"];
    let mut all = vec!["--lib", "--tests", "--features", "tidemill-ring/alloc"];
    all.extend(core.into_iter().flat_map(|package| ["-p", package]));
    all.push("--");
    all.extend(if place.long { &[][..] } else { &FOR_LONG });
    let mut tests = 0;
    for args in [all, OF_SIM.to_vec()] {
        let said = equipped(place, place.cargo(["test", "--target", TARGET]).args(args)).read()?;
        tests += tests_passed(&said.stdout);
    }
    Ok(format!("{tests} tests"))
}

/// The command for the other architecture, of the same crates as the tests.
pub(crate) fn tidemill(place: &Place) -> Result<PathBuf, Failure> {
    equipped(place, place.cargo(["build", "--target", TARGET]).args(OF_SIM).args(["--bin=tidemill"]))
        .run()?;
    Ok(target_dir(place).join(TARGET).join("debug/tidemill"))
}

/// Where it is built: in a directory of its own, so that it waits for nobody's lock.
pub(crate) fn target_dir(place: &Place) -> PathBuf {
    place.target.join("aarch64")
}

/// A cargo call that knows how to link and run programs of the other architecture.
///
/// By variables and not in `.cargo/config.toml`: there they would also apply on a machine that *is* an aarch64.
pub(crate) fn equipped(place: &Place, call: Call) -> Call {
    let call = call.env("CARGO_TARGET_DIR", target_dir(place));
    if cfg!(target_arch = "aarch64") {
        return call;
    }
    call.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", "aarch64-linux-gnu-gcc")
        .env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER", format!("qemu-aarch64 -L {LIBRARIES}"))
}

/// A call of a program of the other architecture.
pub(crate) fn emulated(place: &Place, program: &Path) -> Call {
    if cfg!(target_arch = "aarch64") {
        return place.call(program);
    }
    place.call("qemu-aarch64").args(["-L", LIBRARIES]).args([program])
}
