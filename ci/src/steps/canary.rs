//! The story that must fail: it proves that somebody looks.

use super::tidemill::{Build, Tidemill, json, replay_line, reproduced};
use crate::shell::{Failure, Place};
use crate::table::Verdict;

pub(crate) fn run(place: &Place) -> Verdict {
    let tidemill = Tidemill::build(place, Build::Release)?;
    let dir = place.scratch("canary")?;
    let sung = tidemill.call(&dir, ["run", "canary"]).capture()?;
    print!("{}", sung.all());
    if sung.code() != Some(1) {
        return Err(Failure::new(format!("the canary does not sing: {}, not exit code 1", sung.ending())));
    }
    let line =
        replay_line(&sung.stdout).ok_or_else(|| Failure::new("the canary failed without a replay line"))?;
    let args = line
        .strip_prefix("cargo sim ")
        .ok_or_else(|| Failure::new(format!("not a command of ours: {line}")))?;
    let replay = tidemill.call(&dir, args.split(' ').chain(["--json"])).capture()?;
    let report = json(&replay)?;
    match (replay.code(), reproduced(&report)) {
        (Some(1), Some((tag, _))) => Ok(format!("sang {tag}, and again from its tape")),
        _ => Err(Failure::new(format!("`{line}` does not reproduce: {}\n{report:#}", replay.ending()))),
    }
}
