//! A patch and what its head says about it.
//!
//! ```text
//! what: The sender reads each selective acknowledgement one place too low: a lost item is never repeated.
//! kind: acknowledgements
//! story: pipeline
//! seeds: 1000
//! strategy: random
//! fails: every reading arrives
//! by hand: 1, for without a loss nothing is repeated
//!
//! --- a/core/flow/src/wire/sender.rs
//! ```
//! `also` names another story that the patch breaks: one that a patch beside it must not be looked for by.
//! `fails` is the beginning of a failure id, and may stand several times. `by hand` is the least number of choices that
//! shows the bug and how that was found; it is left out where nobody found it. A tape of that size may lie beside the patch,
//! under its name.

use crate::shell::{Failure, Place};
use std::path::{Path, PathBuf};

/// A planted bug.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Patch {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    /// What it breaks.
    pub(crate) what: String,
    pub(crate) kind: String,
    /// The story that finds it.
    pub(crate) story: String,
    /// Within so many seeds.
    pub(crate) seeds: u64,
    /// Under this strategy.
    pub(crate) strategy: String,
    /// Other stories that it breaks.
    pub(crate) also: Vec<String>,
    /// How the ids of its failures may begin.
    pub(crate) fails: Vec<String>,
    /// Files that it changes.
    pub(crate) files: Vec<String>,
    /// The fewest choices that show it, as found by hand.
    pub(crate) by_hand: Option<u64>,
    /// The tape with these choices, where there is one.
    pub(crate) tape: Option<PathBuf>,
}

impl Patch {
    /// Whether what breaks in one of them could be taken for the other.
    fn meets(&self, other: &Self) -> bool {
        self.story == other.story
            || self.also.contains(&other.story)
            || other.also.contains(&self.story)
            || self.files.iter().any(|path| other.files.contains(path))
    }
}

/// The patches in as few lots as taking each in turn gives, no two of a lot in each other's way: those are planted at once.
pub(crate) fn beds<'p>(patches: &[&'p Patch]) -> Vec<Vec<&'p Patch>> {
    let mut beds: Vec<Vec<&'p Patch>> = Vec::new();
    for patch in patches {
        match beds.iter_mut().find(|bed| bed.iter().all(|other| !other.meets(patch))) {
            Some(bed) => bed.push(patch),
            None => beds.push(vec![patch]),
        }
    }
    beds
}

/// Every patch, by name.
pub(crate) fn all(place: &Place) -> Result<Vec<Patch>, Failure> {
    let folder = place.root.join("ci/patches");
    let located = |error: std::io::Error| Failure::new(format!("{}: {error}", folder.display()));
    let mut patches = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(located)? {
        let path = entry.map_err(located)?.path();
        if path.extension().is_some_and(|extension| extension == "patch") {
            let text = std::fs::read_to_string(&path).map_err(located)?;
            let mut patch = parse(&path, &text)?;
            let tape = path.with_extension("tape");
            if tape.is_file() {
                written_by_hand(&patch, &std::fs::read_to_string(&tape).map_err(located)?)?;
                patch.tape = Some(tape);
            }
            patches.push(patch);
        }
    }
    patches.sort_by(|a, b| a.name.cmp(&b.name));
    if patches.is_empty() { Err(Failure::new("ci/patches holds no patch")) } else { Ok(patches) }
}

/// Whether a tape has as many choices as its patch says that it takes.
fn written_by_hand(patch: &Patch, tape: &str) -> Result<(), Failure> {
    let choices = tape.lines().filter(|line| line.starts_with("choice ")).count() as u64;
    if patch.by_hand == Some(choices) {
        return Ok(());
    }
    let said = patch.by_hand.map_or_else(|| "nothing".to_owned(), |said| said.to_string());
    Err(Failure::new(format!("{}: its tape has {choices} choices, `by hand` says {said}", patch.name)))
}

fn parse(path: &Path, text: &str) -> Result<Patch, Failure> {
    let bad = |what: &str| Failure::new(format!("{}: {what}", path.display()));
    let head: Vec<(&str, &str)> = text
        .lines()
        .take_while(|line| !line.starts_with("--- "))
        .filter(|line| !line.trim().is_empty())
        .map(|line| line.split_once(": ").ok_or_else(|| bad(&format!("no `key: value`: {line}"))))
        .collect::<Result<_, _>>()?;
    const KEYS: [&str; 8] = ["what", "kind", "story", "also", "seeds", "strategy", "fails", "by hand"];
    if let Some((key, _)) = head.iter().find(|(key, _)| !KEYS.contains(key)) {
        return Err(bad(&format!("unknown key `{key}`")));
    }
    let all = |key: &str| -> Vec<String> {
        head.iter().filter(|(known, _)| *known == key).map(|(_, value)| value.trim().to_owned()).collect()
    };
    let one = |key: &str| match <[String; 1]>::try_from(all(key)) {
        Ok([value]) => Ok(value),
        Err(found) => Err(bad(&format!("`{key}` stands {} times", found.len()))),
    };
    let number = |key: &str, text: &str| {
        let digits = text.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
        digits.parse::<u64>().map_err(|_| bad(&format!("`{key}` begins with no number")))
    };
    let by_hand = match all("by hand").as_slice() {
        [] => None,
        [text] if text.contains(", ") => Some(number("by hand", text)?),
        _ => return Err(bad("`by hand` is a number, a comma, and how it was found")),
    };
    let fails = all("fails");
    if fails.is_empty() {
        return Err(bad("`fails` does not stand there"));
    }
    Ok(Patch {
        name: path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        path: path.to_owned(),
        what: one("what")?,
        kind: one("kind")?,
        story: one("story")?,
        seeds: number("seeds", &one("seeds")?)?,
        strategy: one("strategy")?,
        also: all("also"),
        files: text.lines().filter_map(|line| line.strip_prefix("+++ b/")).map(str::to_owned).collect(),
        fails,
        by_hand,
        tape: None,
    })
}

#[cfg(test)]
mod tests {
    use super::{Patch, beds, parse, written_by_hand};
    use crate::shell::Failure;
    use std::path::Path;

    const HEAD: &str =
        "what: a: b\nkind: timers\nstory: pipeline\nseeds: 20\nstrategy: random\nfails: x\nfails: y\n";

    fn patch(text: &str) -> Result<Patch, Failure> {
        parse(Path::new("ci/patches/late.patch"), text)
    }

    #[test]
    fn a_head_is_read_up_to_the_first_file() {
        let patch =
            patch(&format!("{HEAD}by hand: 3, tried\n\n--- a/x\n+++ b/x\nkind: no\n")).expect("it is sound");
        assert_eq!((patch.name.as_str(), patch.what.as_str(), patch.seeds), ("late", "a: b", 20));
        assert_eq!((patch.fails, patch.by_hand), (vec!["x".to_owned(), "y".to_owned()], Some(3)));
    }

    #[test]
    fn a_tape_by_hand_is_as_large_as_its_patch_says() {
        let patch = patch(&format!("{HEAD}by hand: 2, tried\n\n--- a/x\n+++ b/x\n")).expect("it is sound");
        let tape = "story = a\nchoice a#b#0 = 1\nchoice a#b#1 = 1\nend\n";
        assert!(written_by_hand(&patch, tape).is_ok());
        let larger = written_by_hand(&Patch { by_hand: Some(1), ..patch.clone() }, tape);
        assert!(larger.expect_err("it has two").why.ends_with("has 2 choices, `by hand` says 1"));
        let unsaid = written_by_hand(&Patch { by_hand: None, ..patch }, tape);
        assert!(unsaid.expect_err("nobody said so").why.ends_with("says nothing"));
    }

    #[test]
    fn patches_of_one_story_of_one_file_or_of_what_another_breaks_lie_in_different_beds() {
        let made = |story: &str, also: &str, file: &str| {
            let head = HEAD.replace("story: pipeline", &format!("story: {story}{also}"));
            patch(&format!("{head}\n--- a/{file}\n+++ b/{file}\n")).expect("it is sound")
        };
        let all = [
            made("pipeline", "", "a"),
            made("streams", "", "b"),
            made("pipeline", "", "c"),
            made("ring", "\nalso: pipeline", "d"),
            made("register", "", "b"),
        ];
        let all: Vec<&Patch> = all.iter().collect();
        let found: Vec<Vec<&str>> =
            beds(&all).iter().map(|bed| bed.iter().map(|patch| patch.story.as_str()).collect()).collect();
        assert_eq!(found, [vec!["pipeline", "streams"], vec!["pipeline", "register"], vec!["ring"]]);
    }

    #[test]
    fn what_is_missing_unknown_twice_or_no_number_is_named() {
        let why = |text: &str| patch(text).expect_err("it is not sound").why;
        assert!(why(&HEAD.replace("kind", "sort")).ends_with("unknown key `sort`"));
        assert!(why(&HEAD.replace("seeds: 20\n", "")).ends_with("`seeds` stands 0 times"));
        assert!(why(&format!("{HEAD}what: c\n")).ends_with("`what` stands 2 times"));
        assert!(why(&HEAD.replace("20", "some")).ends_with("`seeds` begins with no number"));
        assert!(why(&format!("{HEAD}by hand: 3\n")).contains("how it was found"));
        assert!(why("words\n").ends_with("no `key: value`: words"));
    }
}
