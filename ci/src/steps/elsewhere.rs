//! The links of `core/host` inside tokio, and the same source inside other simulators. madsim wants a cfg for the whole
//! build, and so a target directory of its own.

use crate::shell::{Call, Failure, Place};
use crate::steps::cargo::counted;
use crate::table::Verdict;

const MADSIM: [&str; 3] = ["--no-default-features", "--features", "madsim"];

pub(crate) fn run(place: &Place) -> Verdict {
    let locked = cargo(place, ["metadata", "--locked", "--format-version", "1"]).capture()?;
    if !locked.status.success() {
        println!("{}", locked.stderr);
        let cure = "cargo fetch --manifest-path scenarios/elsewhere/Cargo.toml";
        return Err(
            Failure::new("a crate of ours has other dependencies than its lock file says").repeat(cure)
        );
    }
    // clippy is a compiler too: one build, with its lints, instead of two.
    let tokio = linted(cargo(place, ["test", "--locked"]), "-D warnings");
    let tokio = counted(tokio.env("CARGO_TARGET_DIR", place.target.join("elsewhere")))?;
    let madsim = cargo(place, ["test", "--locked", "--test", "madsim"]).args(MADSIM);
    let madsim = linted(madsim, "-D warnings --cfg madsim");
    let madsim = counted(madsim.env("CARGO_TARGET_DIR", place.target.join("elsewhere-madsim")))?;
    let tests = format!("{tokio} with tokio and turmoil, {madsim} with madsim");
    if place.long { refused(place).map(|()| tests) } else { Ok(tests) }
}

/// Without the cfg madsim would run in real time, on real sockets: nothing may come of such a build.
fn refused(place: &Place) -> Result<(), Failure> {
    let plain = cargo(place, ["check", "--locked", "--test", "madsim"]).args(MADSIM);
    let plain = plain.env("CARGO_TARGET_DIR", place.target.join("elsewhere"));
    let line = plain.line();
    println!("$ {line}");
    let said = plain.capture()?;
    if !said.status.success() && said.all().contains("without it madsim runs in real time") {
        return Ok(());
    }
    println!("{}", said.all());
    Err(Failure::new("without `--cfg madsim` the build does not say that it is refused").repeat(line))
}

fn linted(call: Call, flags: &str) -> Call {
    call.env("RUSTC_WORKSPACE_WRAPPER", "clippy-driver").env("RUSTFLAGS", flags)
}

fn cargo<const N: usize>(place: &Place, args: [&str; N]) -> Call {
    place.cargo(args).dir(&place.root.join("scenarios/elsewhere"))
}
