//! Rules over the tree itself: what may lie where, and that paths in prose are real.

use super::{File, Finding};
use std::collections::BTreeSet;

/// What the root may hold.
const TOP_LEVEL: &[&str] = &[
    ".cargo",
    ".ci",
    ".clippy.toml",
    ".gitattributes",
    ".gitignore",
    ".rustfmt.toml",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "benches",
    "ci",
    "core",
    "fuzz",
    "loom-tests",
    "scenarios",
    "sim",
];

/// File names that say only that somebody did not know where to put something.
const EMPTY_NAMES: [&str; 6] = ["util", "utils", "common", "helper", "helpers", "misc"];

/// A newcomer in the root is on purpose.
pub(super) fn top_level_is_known(files: &[File]) -> Vec<Finding> {
    let mut seen = BTreeSet::new();
    files
        .iter()
        .filter(|file| {
            let top = file.path.split('/').next().unwrap_or_default();
            !TOP_LEVEL.contains(&top) && seen.insert(top.to_owned())
        })
        .map(|file| {
            file.finding(1, "does not belong in the root: it belongs in a room, or in the list in ci")
        })
        .collect()
}

/// A file is named for what it holds.
pub(super) fn names_say_something(files: &[File]) -> Vec<Finding> {
    files
        .iter()
        .filter(|file| file.is_rust())
        .filter(|file| {
            file.path.split('/').any(|part| EMPTY_NAMES.contains(&part.strip_suffix(".rs").unwrap_or(part)))
        })
        .map(|file| file.finding(1, "this name says nothing about what is inside"))
        .collect()
}

/// Every crate takes the lints of the workspace; one outside of it states the rule on unsafe blocks itself.
pub(super) fn lints_are_inherited(files: &[File]) -> Vec<Finding> {
    files
        .iter()
        .filter(|file| file.path.ends_with("Cargo.toml") && file.text.contains("[package]"))
        .filter(|file| {
            let inherited = file.text.split("[lints]").nth(1).is_some_and(|rest| {
                rest.lines()
                    .find(|line| !line.trim().is_empty())
                    .is_some_and(|line| line.trim() == "workspace = true")
            });
            !inherited && !file.text.contains("undocumented_unsafe_blocks")
        })
        .map(|file| {
            file.finding(1, "no lints: add `[lints] workspace = true`, or deny undocumented_unsafe_blocks")
        })
        .collect()
}

/// A relative link in prose leads to a file or folder of the tree.
pub(super) fn links_lead_somewhere(files: &[File]) -> Vec<Finding> {
    let known = known_paths(files);
    let mut found = Vec::new();
    for file in files.iter().filter(|file| file.is_prose()) {
        let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for (number, line) in file.lines() {
            for target in line.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
                let path = target.split('#').next().unwrap_or_default();
                if path.is_empty() || path.contains("://") || path.starts_with("mailto:") {
                    continue;
                }
                if !known.contains(&joined(folder, path)) {
                    found.push(file.finding(number, format!("the link to {target} leads nowhere")));
                }
            }
        }
    }
    found
}

/// The table of rooms in the architecture lists folders that exist, and every crate has a row there.
pub(super) fn rooms_exist(files: &[File]) -> Vec<Finding> {
    let Some(plan) = files.iter().find(|file| file.path == "core/ARCHITECTURE.md") else { return Vec::new() };
    let known = known_paths(files);
    let rooms: Vec<(usize, &str)> =
        plan.lines().filter_map(|(number, line)| Some((number, room(line)?))).collect();
    let mut found: Vec<Finding> = rooms
        .iter()
        .filter(|(_, room)| !known.contains(room.trim_end_matches('/')))
        .map(|(number, room)| plan.finding(*number, format!("there is no room {room}")))
        .collect();
    for manifest in files.iter().filter(|file| file.path.ends_with("/Cargo.toml")) {
        let folder = manifest.path.trim_end_matches("/Cargo.toml");
        let listed = rooms.iter().any(|(_, room)| {
            let room = room.trim_end_matches('/');
            room == folder || (room != "core" && folder.starts_with(&format!("{room}/")))
        });
        if !listed {
            found.push(manifest.finding(1, "this crate has no row in the rooms of core/ARCHITECTURE.md"));
        }
    }
    found
}

/// The folder in the first cell of a row of the table of rooms: a row names a folder and, next to it, a crate.
fn room(line: &str) -> Option<&str> {
    let mut cells = line.strip_prefix('|')?.split('|').map(str::trim);
    let folder = cells.next()?.strip_prefix('`')?.strip_suffix('`')?;
    let holds_crate = cells.next()?.starts_with('`');
    (holds_crate && (folder.contains('/'))).then_some(folder)
}

/// Every file, and every folder above a file.
fn known_paths(files: &[File]) -> BTreeSet<String> {
    let mut known = BTreeSet::from([String::new()]);
    for file in files {
        let mut path = file.path.as_str();
        while known.insert(path.to_owned()) {
            let Some((folder, _)) = path.rsplit_once('/') else { break };
            path = folder;
        }
    }
    known
}

/// `path` seen from `folder`, with `.` and `..` taken out. A leading `/` means the root.
fn joined(folder: &str, path: &str) -> String {
    let base = if path.starts_with('/') { "" } else { folder };
    let mut parts: Vec<&str> = Vec::new();
    for part in base.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::{
        links_lead_somewhere, lints_are_inherited, names_say_something, rooms_exist, top_level_is_known,
    };
    use crate::tidy::File;

    #[test]
    fn a_stranger_in_the_root_is_found_once() {
        let tree = [File::new("notes/a.txt", ""), File::new("notes/b.txt", ""), File::new("core/a.rs", "")];
        assert_eq!(top_level_is_known(&tree).len(), 1);
    }

    #[test]
    fn an_empty_name_is_found_and_a_speaking_one_is_not() {
        assert_eq!(names_say_something(&[File::new("sim/src/utils.rs", "")]).len(), 1);
        assert_eq!(names_say_something(&[File::new("sim/src/helpers/x.rs", "")]).len(), 1);
        assert_eq!(names_say_something(&[File::new("sim/src/commonplace.rs", "")]), []);
    }

    #[test]
    fn a_crate_without_lints_is_found() {
        let manifest =
            |lints: &str| [File::new("a/Cargo.toml", &format!("[package]\nname = \"a\"\n{lints}"))];
        assert_eq!(lints_are_inherited(&manifest("")).len(), 1);
        assert_eq!(lints_are_inherited(&manifest("[lints]\nworkspace = false\n")).len(), 1);
        assert_eq!(lints_are_inherited(&manifest("[lints]\nworkspace = true\n")), []);
        assert_eq!(
            lints_are_inherited(&manifest("[lints.clippy]\nundocumented_unsafe_blocks = \"deny\"\n")),
            []
        );
    }

    #[test]
    fn a_link_is_followed_from_its_own_folder() {
        let tree = |text: &str| [File::new("core/README.md", text), File::new("sim/src/lib.rs", "")];
        assert_eq!(
            links_lead_somewhere(&tree("[sim](../sim/src) [lib](../sim/src/lib.rs#L1) [web](https://a.b)")),
            []
        );
        assert_eq!(links_lead_somewhere(&tree("[gone](../sim/src/gone.rs)\n[here](sim)")).len(), 2);
    }

    #[test]
    fn a_room_without_a_folder_and_a_crate_without_a_row_are_found() {
        let plan = "| folder | crate |\n|---|---|\n| `core/` | `tidemill` |\n| `core/gone` | `tidemill-gone` |\n| `sim/` | `s` |\n";
        let tree = [
            File::new("core/ARCHITECTURE.md", plan),
            File::new("core/Cargo.toml", ""),
            File::new("core/new/Cargo.toml", ""),
            File::new("sim/macros/Cargo.toml", ""),
        ];
        let found = rooms_exist(&tree);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].why.contains("core/gone") && found[1].path == "core/new/Cargo.toml");
    }
}
