//! Planted bugs: each patch in `ci/patches` breaks one line of shipped code, and the harness must find it.

use super::tidemill::{json, replay_line, reproduced};
use crate::shell::{Failure, Place, Said};
use crate::table::Verdict;
use std::path::{Path, PathBuf};

/// Within so many seeds every planted bug is found.
const SEEDS: &str = "1000";

pub(crate) fn run(place: &Place) -> Verdict {
    let patches = patches(place)?;
    let tree = copy_tree(place)?;
    let mut found = Vec::new();
    for patch in &patches {
        found.push(plant(place, &tree, patch)?);
    }
    Ok(found.join("; "))
}

fn patches(place: &Place) -> Result<Vec<PathBuf>, Failure> {
    let folder = place.root.join("ci/patches");
    let entries =
        std::fs::read_dir(&folder).map_err(|error| Failure::new(format!("{}: {error}", folder.display())))?;
    let mut patches: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "patch"))
        .collect();
    patches.sort();
    if patches.is_empty() { Err(Failure::new("ci/patches holds no patch")) } else { Ok(patches) }
}

/// A copy of what git sees, under the target directory: the working tree itself is never broken.
fn copy_tree(place: &Place) -> Result<PathBuf, Failure> {
    let tree = place.scratch("planted")?;
    let listed =
        place.call("git").args(["ls-files", "--cached", "--others", "--exclude-standard"]).capture()?;
    for path in listed.stdout.lines() {
        let (from, to) = (place.root.join(path), tree.join(path));
        if !from.is_file() {
            continue;
        }
        to.parent()
            .map_or(Ok(()), std::fs::create_dir_all)
            .and_then(|()| std::fs::copy(&from, &to))
            .map_err(|error| Failure::new(format!("{path}: {error}")))?;
    }
    Ok(tree)
}

/// Applies a patch, lets `cargo sim` find it and the printed command reproduce it, and takes the patch out again.
fn plant(place: &Place, tree: &Path, patch: &Path) -> Result<String, Failure> {
    let name = patch.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    apply(place, tree, patch, &[])?;
    let found = sim(place, tree, &["run", "--seeds", SEEDS, "--stop-after", "1"])?;
    print!("{}", found.all());
    if found.code() != Some(1) {
        return Err(Failure::new(format!("{name}: {SEEDS} seeds did not find it: {}", found.ending())));
    }
    let line = replay_line(&found.stdout)
        .ok_or_else(|| Failure::new(format!("{name}: found, but no replay line")))?;
    let args = line
        .strip_prefix("cargo sim ")
        .ok_or_else(|| Failure::new(format!("not a command of ours: {line}")))?;
    let args: Vec<&str> = args.split(' ').chain(["--json"]).collect();
    let replay = sim(place, tree, &args)?;
    let report = json(&replay)?;
    let (Some(1), Some((tag, _))) = (replay.code(), reproduced(&report)) else {
        return Err(Failure::new(format!(
            "{name}: `{line}` does not reproduce: {}\n{report:#}",
            replay.ending()
        )));
    };
    let seed = &report["seed"];
    apply(place, tree, patch, &["--reverse"])?;
    Ok(format!("{name} found at seed {seed} ({tag})"))
}

/// The tree lies inside of our own repository, which git must not look at: paths are those of the copy.
fn apply(place: &Place, tree: &Path, patch: &Path, how: &[&str]) -> Result<(), Failure> {
    let above = tree.parent().unwrap_or(tree);
    let call = place.call("git").args(["apply", "--whitespace=nowarn"]).args(how).args([patch]);
    call.dir(tree).env("GIT_CEILING_DIRECTORIES", above).read().map(drop).map_err(|failure| {
        Failure::new(format!("{} no longer fits the code: {}", patch.display(), failure.why))
    })
}

/// `cargo sim` in the copy, as a user would type it.
///
/// It shares our target directory, for the libraries; crates of the copy have other paths and so other artifacts. What
/// lies at `release/tidemill` afterwards is the broken one, until the next `cargo build`, which every step begins with.
fn sim(place: &Place, tree: &Path, args: &[&str]) -> Result<Said, Failure> {
    let call = place.cargo(["sim"]).args(args).dir(tree);
    call.env("CARGO_TARGET_DIR", &place.target).capture()
}
