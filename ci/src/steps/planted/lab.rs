//! Where a bug is planted, looked for, replayed and shrunk.

use super::patch::Patch;
use super::tree::Tree;
use super::written::{Hunt, Row, STRATEGIES, Small};
use crate::shell::{Failure, INCREMENTAL, Place, Said};
use crate::steps::tidemill::{json, reproduced, selected};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// How the crates of a copy are built: as fast as they compile, for they run for seconds. Cargo names what it builds of a
/// package by its path below the workspace and by its settings, and no other build of ours has these: what is not ours, the
/// copy takes from the tests; what is ours and broken, nobody takes from the copy.
const SETTINGS: [(&str, &str); 5] = [
    ("opt-level", "1"),
    ("codegen-units", "63"),
    ("debug", "false"),
    ("debug-assertions", "false"),
    ("overflow-checks", "false"),
];
/// The longest that one search may take, in seconds: a planted bug may well be an endless loop.
const LIMIT: u64 = 240;

#[derive(Debug)]
pub(crate) struct Lab {
    place: Place,
    tree: Tree,
    /// Where its programs lie: not where our own do.
    target: PathBuf,
    /// The crates of the copy.
    crates: Vec<String>,
}

impl Lab {
    pub(crate) fn new(place: &Place) -> Result<Self, Failure> {
        let target = place.target.join("ci/planted/target");
        let tree = Tree::copy(place)?;
        let crates = crates(place, &tree.root)?;
        Ok(Self { place: place.clone(), tree, target, crates })
    }

    pub(crate) fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Plants the bugs of a bed and finds each, by the strategy of its patch or by every one of them; takes them out again.
    pub(crate) fn plant(&self, bed: &[&Patch], every: bool) -> Result<Vec<Result<Row, Failure>>, Failure> {
        bed.iter().try_for_each(|patch| self.tree.plant(patch))?;
        let built = self.build();
        let rows = bed.iter().map(|patch| {
            let row = built.clone().and_then(|()| self.examine(patch, every));
            row.map_err(|failure| {
                let repeat =
                    failure.repeat.unwrap_or_else(|| format!("cargo ci planted --only {}", patch.name));
                Failure::new(format!("{}: {}", patch.name, failure.why)).repeat(repeat)
            })
        });
        let rows = rows.collect();
        bed.iter().rev().try_for_each(|patch| self.tree.heal(patch))?;
        Ok(rows)
    }

    fn build(&self) -> Result<(), Failure> {
        let set = |name: &String| {
            let name = name.clone();
            SETTINGS.map(|(key, value)| format!("--config=profile.dev.package.{name}.{key}={value}"))
        };
        let call = selected(&self.place, "tidemill", false).args(self.crates.iter().flat_map(set));
        // One file differs from build to build.
        let call = call.args(["--quiet"]).env(INCREMENTAL, "1").dir(&self.tree.root);
        let call = call.env("CARGO_BUILD_BUILD_DIR", &self.place.target);
        call.env("CARGO_TARGET_DIR", &self.target).read().map(drop)
    }

    fn examine(&self, patch: &Patch, every: bool) -> Result<Row, Failure> {
        let (hunt, failure) = self.hunt(patch, &patch.strategy)?;
        let Some(failure) = failure else {
            return Err(Failure::new(format!("{} seeds did not find it", patch.seeds)));
        };
        let text = |key: &str| failure[key].as_str().unwrap_or_default().to_owned();
        let (id, tag) = (text("id"), text("tag"));
        if !patch.fails.iter().any(|begins| id.starts_with(begins)) {
            return Err(Failure::new(format!("it fails otherwise than its patch says: {id}")));
        }
        self.replay(patch, &text("replay"), &tag)?;
        self.replay_by_hand(patch, &tag)?;
        let small = self.shrink(patch, &text("tape"), &tag)?;
        let others = STRATEGIES.iter().filter(|strategy| every || **strategy == patch.strategy);
        let hunts = others.map(|strategy| {
            Ok(if *strategy == patch.strategy { hunt } else { self.hunt(patch, strategy)?.0 })
        });
        Ok(Row::new(patch, &id, hunts.collect::<Result<_, Failure>>()?, &small))
    }

    /// Runs the story until it fails: how long that took, and the failure as the report has it.
    fn hunt(&self, patch: &Patch, strategy: &str) -> Result<(Hunt, Option<Value>), Failure> {
        let seeds = patch.seeds.to_string();
        let args = ["run", &patch.story, "--seeds", &seeds, "--strategy", strategy];
        let said = self.sim(patch, &[&args[..], &["--stop-after", "1", "--jobs", "1", "--json"]].concat())?;
        let report = json(&said)?;
        let story = &report["stories"][0];
        let (Some(runs), Some(cpu_ns)) = (story["seeds"].as_u64(), story["cpu_ns"].as_u64()) else {
            return Err(Failure::new(format!("no report of {}: {}", patch.story, said.all().trim())));
        };
        let failure = story["failures"].as_array().and_then(|all| all.first().cloned());
        Ok((Hunt { runs, cpu_ns, found: failure.is_some() }, failure))
    }

    /// Runs the command that the report gave.
    fn replay(&self, patch: &Patch, line: &str, tag: &str) -> Result<(), Failure> {
        let args = line
            .strip_prefix("cargo sim ")
            .ok_or_else(|| Failure::new(format!("no command of ours: {line}")))?;
        let args: Vec<&str> = args.split(' ').chain(["--json"]).collect();
        let said = self.sim(patch, &args)?;
        let report = json(&said)?;
        match (said.code(), reproduced(&report)) {
            (Some(1), Some((found, _))) if found == tag => Ok(()),
            _ => Err(Failure::new(format!("`{line}` does not reproduce it: {}\n{report:#}", said.ending()))),
        }
    }

    /// Runs the tape that lies beside the patch: it ends in the same way, whatever else has changed on its path.
    fn replay_by_hand(&self, patch: &Patch, tag: &str) -> Result<(), Failure> {
        let Some(tape) = &patch.tape else { return Ok(()) };
        let tape = tape.display().to_string();
        let said = self.sim(patch, &["replay", &tape, "--json"])?;
        let report = json(&said)?;
        if report["same_end"] == true && report["failure"]["tag"] == tag {
            return Ok(());
        }
        Err(Failure::new(format!("{tape} does not show it: {}\n{report:#}", said.ending())))
    }

    /// Shrinks the tape, and replays what came of it.
    fn shrink(&self, patch: &Patch, tape: &str, tag: &str) -> Result<Small, Failure> {
        let said = self.sim(patch, &["shrink", tape, "--json"])?;
        let report = json(&said)?;
        let number = |value: &Value| {
            value
                .as_u64()
                .ok_or_else(|| Failure::new(format!("no report of a search: {}", said.all().trim())))
        };
        let path = report["tape"].as_str().unwrap_or_default();
        let replayed = json(&self.sim(patch, &["replay", path, "--json"])?)?;
        Ok(Small {
            before: number(&report["before"]["choices"])?,
            after: number(&report["after"]["choices"])?,
            cpu_ns: number(&report["cpu_ns"])?,
            whole: report["complete"] == true,
            kept: report["tag"] == tag && reproduced(&replayed).is_some_and(|(found, _)| found == tag),
        })
    }

    /// The program that was built of the copy, where tapes of this patch lie.
    fn sim(&self, patch: &Patch, args: &[&str]) -> Result<Said, Failure> {
        let dir = self.target.with_file_name("runs").join(&patch.name);
        std::fs::create_dir_all(&dir).map_err(|error| Failure::new(format!("{}: {error}", dir.display())))?;
        let program = self.target.join("debug/tidemill");
        self.place.call(program).args(args).dir(&dir).limit(LIMIT).capture()
    }
}

/// The names of all crates of a workspace.
fn crates(place: &Place, root: &Path) -> Result<Vec<String>, Failure> {
    let call = place.cargo(["metadata", "--no-deps", "--format-version", "1", "--offline"]).dir(root);
    let metadata = json(&call.read()?)?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    Ok(packages.filter_map(|package| package["name"].as_str().map(String::from)).collect())
}
