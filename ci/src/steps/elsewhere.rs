//! The links of `core/host` inside tokio, and the same source inside other simulators. madsim wants a cfg for the whole
//! build, and so a target directory of its own.

use crate::shell::{Call, Failure, Place};
use crate::steps::cargo::linted;
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
    // What it has of others, the crate of a user has as well.
    let tokio = cargo(place, ["test", "--locked"]);
    let tokio = linted(tokio.env("CARGO_TARGET_DIR", place.target.join("downstream")))?;
    let madsim = cargo(place, ["test", "--locked", "--test", "madsim"]).args(MADSIM);
    let madsim = madsim.env("RUSTFLAGS", "--cfg madsim");
    let madsim = linted(madsim.env("CARGO_TARGET_DIR", place.target.join("elsewhere-madsim")))?;
    let tests = format!("{tokio} with tokio and turmoil, {madsim} with madsim");
    if place.long { refused(place).map(|()| tests) } else { Ok(tests) }
}

/// Without the cfg madsim would run in real time, on real sockets: nothing may come of such a build.
fn refused(place: &Place) -> Result<(), Failure> {
    let plain = cargo(place, ["check", "--locked", "--test", "madsim"]).args(MADSIM);
    let plain = plain.env("CARGO_TARGET_DIR", place.target.join("downstream"));
    let line = plain.line();
    println!("$ {line}");
    let said = plain.capture()?;
    if !said.status.success() && said.all().contains("without it madsim runs in real time") {
        return Ok(());
    }
    println!("{}", said.all());
    Err(Failure::new("without `--cfg madsim` the build does not say that it is refused").repeat(line))
}

fn cargo<const N: usize>(place: &Place, args: [&str; N]) -> Call {
    place.cargo(args).dir(&place.root.join("scenarios/elsewhere"))
}
