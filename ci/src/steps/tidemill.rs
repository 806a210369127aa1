//! The `tidemill` command as the steps call it: built once a profile, its JSON read once here.

use crate::shell::{Call, Failure, Place, Said};
use crate::steps::aarch64;
use serde_json::Value;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// How the command is built.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Build {
    Release,
    Debug,
    /// For aarch64, unoptimised, run by the emulator.
    Aarch64,
}

impl Build {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Debug => "debug",
            Self::Aarch64 => "aarch64",
        }
    }
}

/// A built command.
#[derive(Clone, Debug)]
pub(crate) struct Tidemill {
    place: Place,
    build: Build,
    program: PathBuf,
}

impl Tidemill {
    pub(crate) fn build(place: &Place, build: Build) -> Result<Self, Failure> {
        let program = match build {
            Build::Release => program(place, "tidemill", true)?,
            Build::Debug => program(place, "tidemill", false)?,
            Build::Aarch64 => aarch64::tidemill(place)?,
        };
        Ok(Self { place: place.clone(), build, program })
    }

    /// A call that leaves its tapes in `dir`, which is also where it runs.
    pub(crate) fn call<S: AsRef<OsStr>>(&self, dir: &Path, args: impl IntoIterator<Item = S>) -> Call {
        let call = match self.build {
            Build::Aarch64 => aarch64::emulated(&self.place, &self.program),
            Build::Release | Build::Debug => self.place.call(&self.program),
        };
        call.args(args).dir(dir)
    }
}

/// Builds a program of the workspace.
pub(crate) fn program(place: &Place, name: &str, release: bool) -> Result<PathBuf, Failure> {
    selected(place, name, release).run()?;
    Ok(place.target.join(if release { "release" } else { "debug" }).join(name))
}

/// The build of a program with the features that its tests or benches have: naming one of them makes cargo count in what
/// only they need, so that all crates are those that `cargo test` and `cargo bench` build, too.
pub(crate) fn selected(place: &Place, name: &str, release: bool) -> Call {
    let of: &[_] = if release { &["--release", "--bench", "ring"] } else { &["--test", "canary"] };
    place.cargo(["build", "--locked", "--workspace", "--bin", name]).args(of)
}

/// The report that `--json` prints.
pub(crate) fn json(said: &Said) -> Result<Value, Failure> {
    serde_json::from_str(&said.stdout)
        .map_err(|error| Failure::new(format!("no JSON report ({error}): {}", said.all().trim())))
}

/// One run of a story: its name, its seed, and the hash of everything that happened.
pub(crate) type Run = (String, u64, String);

/// The runs of a report, in the order of stories and seeds.
pub(crate) fn runs(report: &Value) -> Vec<Run> {
    let of = |story: &Value| {
        let name = story["story"].as_str().unwrap_or_default().to_owned();
        let runs = story["runs"].as_array().cloned().unwrap_or_default();
        runs.into_iter().filter_map(move |run| {
            Some((name.clone(), run["seed"].as_u64()?, run["hash"].as_str()?.to_owned()))
        })
    };
    report["stories"].as_array().into_iter().flatten().flat_map(of).collect()
}

/// The command behind `replay:` in what a failed run printed.
pub(crate) fn replay_line(said: &str) -> Option<&str> {
    said.lines().find_map(|line| line.trim().strip_prefix("replay: "))
}

/// What a replay found, without the words around it: tag of the failure and trace hash.
pub(crate) fn reproduced(report: &Value) -> Option<(&str, &str)> {
    let same = report["same_path"].as_bool()? && report["same_end"].as_bool()?;
    if same { Some((report["failure"]["tag"].as_str()?, report["hash"].as_str()?)) } else { None }
}

#[cfg(test)]
mod tests {
    use super::{replay_line, reproduced, runs};
    use serde_json::json;

    #[test]
    fn runs_are_read_with_story_seed_and_hash() {
        let run = json!({ "seed": 3, "hash": "ab", "failure": null });
        let report = json!({ "stories": [{ "story": "a", "runs": [run] }, { "story": "b", "runs": [] }] });
        assert_eq!(runs(&report), [(String::from("a"), 3, String::from("ab"))]);
    }

    #[test]
    fn the_replay_command_is_the_rest_of_its_line() {
        let said = "a failed with seed 7\nreplay: cargo sim replay sim-failures/a-1.tape\n";
        assert_eq!(replay_line(said), Some("cargo sim replay sim-failures/a-1.tape"));
        assert_eq!(replay_line("nothing failed"), None);
    }

    #[test]
    fn a_replay_by_another_path_or_without_a_failure_is_no_reproduction() {
        let report = |path: bool, failure| json!({ "same_path": path, "same_end": true, "failure": failure, "hash": "h" });
        assert_eq!(reproduced(&report(true, json!({ "tag": "t" }))), Some(("t", "h")));
        assert_eq!(reproduced(&report(false, json!({ "tag": "t" }))), None);
        assert_eq!(reproduced(&report(true, json!(null))), None);
    }
}
