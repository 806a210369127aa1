//! The text rules: what a reviewer would otherwise have to say by hand, again and again.
//!
//! A rule is a function from the files of the tree to findings. Each has a test in which it must find something:
//! a rule that cannot fail is no rule.

mod arrows;
mod code;
mod laws;
mod layout;
mod words;

use crate::shell::{Failure, Place};
use crate::table::Verdict;
use std::fmt;

/// A text file of the tree.
#[derive(Clone, Debug)]
pub(crate) struct File {
    /// Relative to the root, with `/` between folders.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl File {
    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    fn is_prose(&self) -> bool {
        self.path.ends_with(".md")
    }

    /// Lines with their numbers, which start at one.
    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(i, line)| (i + 1, line))
    }

    fn finding(&self, line: usize, why: impl Into<String>) -> Finding {
        Finding { path: self.path.clone(), line, why: why.into(), fatal: true }
    }

    #[cfg(test)]
    fn new(path: &str, text: &str) -> Self {
        Self { path: path.into(), text: text.into() }
    }
}

/// A place that breaks a rule, or comes near it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Finding {
    path: String,
    line: usize,
    why: String,
    /// Whether it fails the step; the others are printed and counted.
    fatal: bool,
}

impl Finding {
    fn warning(mut self) -> Self {
        self.fatal = false;
        self
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.fatal { "error" } else { "warning" };
        write!(f, "{kind}: {}:{}: {}", self.path, self.line, self.why)
    }
}

/// A rule over all files at once.
type Rule = fn(&[File]) -> Vec<Finding>;

const RULES: &[Rule] = &[
    words::forbidden,
    words::long_files,
    words::ignored_examples,
    words::unsung_orderings,
    code::attributes,
    code::unfinished,
    code::long_functions,
    laws::cited_laws_exist,
    layout::links_lead_somewhere,
    layout::names_say_something,
    layout::lints_are_inherited,
    layout::top_level_is_known,
    layout::rooms_exist,
];

/// The step.
pub(crate) fn run(place: &Place) -> Verdict {
    let files = files(place)?;
    let mut findings: Vec<Finding> = RULES.iter().flat_map(|rule| rule(&files)).collect();
    let arrows = arrows::read(place)?;
    println!("{}", arrows.drawing());
    findings.extend(arrows.findings());
    findings.sort();
    for finding in &findings {
        println!("{finding}");
    }
    let errors = findings.iter().filter(|finding| finding.fatal).count();
    let warnings = findings.len() - errors;
    if errors == 0 {
        return Ok(format!("{} files, {warnings} warnings", files.len()));
    }
    Err(Failure::new(format!("{errors} errors, {warnings} warnings in {} files", files.len())))
}

/// What git tracks, and what it would track: build output and ignored files are nobody's text.
fn files(place: &Place) -> Result<Vec<File>, Failure> {
    let listed = place.call("git").args(["ls-files", "--cached", "--others", "--exclude-standard"]).read()?;
    let mut paths: Vec<&str> = listed.stdout.lines().collect();
    paths.sort_unstable();
    paths.dedup();
    let mut files = Vec::new();
    for path in paths {
        match std::fs::read(place.root.join(path)) {
            Ok(bytes) => {
                // A file that is not text has a path to judge, but no lines.
                let text = String::from_utf8(bytes).unwrap_or_default();
                files.push(File { path: path.to_owned(), text });
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(Failure::new(format!("{path}: {error}"))),
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::{File, RULES, files};
    use crate::shell::Place;

    #[test]
    fn the_tree_is_read_without_build_output() {
        let files = files(&Place::find(false).expect("the workspace is here")).expect("git lists it");
        assert!(files.iter().any(|file| file.path == "ci/src/tidy/mod.rs"));
        assert!(
            files.iter().all(|file| !file.path.starts_with("target/") && !file.path.starts_with(".git/"))
        );
    }

    #[test]
    fn a_tree_of_one_plain_file_breaks_no_rule() {
        let tree = [File::new("core/seam/src/a.rs", "//! A thing.\npub fn one() -> u8 {\n    1\n}\n")];
        for rule in RULES {
            assert_eq!(rule(&tree), []);
        }
    }
}
