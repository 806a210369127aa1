//! Arbitrary bytes against everything that reads bytes, on stable Rust.

use super::tidemill::program;
use crate::shell::Place;
use crate::table::Verdict;

/// Mutations of each target's corpus. `TIDEMILL_FUZZ` sets another number.
const SHORT: &str = "2000";
const LONG: &str = "200000";

pub(crate) fn run(place: &Place) -> Verdict {
    let wanted = std::env::var("TIDEMILL_FUZZ").ok();
    let runs = wanted.as_deref().unwrap_or(if place.long { LONG } else { SHORT });
    let call = if place.long {
        let codecs = ["--release", "-p", "tidemill-fuzz", "--features", "codecs", "--"];
        place.cargo(["run", "--locked"]).args(codecs)
    } else {
        place.call(program(place, "tidemill-fuzz", false)?)
    };
    let said = call.args(["--runs", runs]).read()?;
    print!("{}", said.stdout);
    Ok(format!("{} targets, {runs} mutations each", said.stdout.lines().count()))
}
