//! The table of planted bugs in `scenarios/PLANTED.md`, made from what was measured.

use super::patch::Patch;
use crate::shell::{Failure, Place};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

/// Every bug is looked for by each of them.
pub(crate) const STRATEGIES: [&str; 3] = ["random", "swarm", "pct:3"];

const FILE: &str = "scenarios/PLANTED.md";
const BEGIN: &str = "<!-- planted: made by `cargo ci planted --long` -->";
const END: &str = "<!-- end of planted -->";

/// A search for a bug.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Hunt {
    /// Runs until it was found, that one counted; all of them where it was not.
    pub(crate) runs: u64,
    /// Processor time.
    pub(crate) cpu_ns: u64,
    pub(crate) found: bool,
}

/// What shrinking came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Small {
    /// Choices of the run that found the bug.
    pub(crate) before: u64,
    /// Choices of the small tape.
    pub(crate) after: u64,
    pub(crate) cpu_ns: u64,
    /// Nothing was left to try; otherwise time was up.
    pub(crate) whole: bool,
    /// The small tape fails with the same id, and replays.
    pub(crate) kept: bool,
}

/// A line of the table: its cells.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Row(Vec<String>);

const HEAD: [&str; 8] =
    ["patch", "what is broken", "kind", "story", "failure", "choices", "id kept", "shrunk in"];
/// Cells in front of those of the strategies.
const FRONT: usize = 5;

impl Row {
    /// The row of a patch; a strategy that was not asked has no cell.
    pub(crate) fn new(patch: &Patch, id: &str, hunts: Vec<Hunt>, small: &Small) -> Self {
        let mut cells = Self::front(patch);
        cells.push(cell(id.split(": ").next().unwrap_or(id)));
        cells.extend(hunts.iter().map(|hunt| {
            let seconds = seconds(hunt.cpu_ns);
            if hunt.found {
                format!("{} in {seconds}", hunt.runs)
            } else {
                format!("none of {} in {seconds}", hunt.runs)
            }
        }));
        cells.push(format!("{} → {}", small.before, small.after));
        cells.push(if small.kept { "yes" } else { "no" }.to_owned());
        cells.push(seconds(small.cpu_ns) + if small.whole { "" } else { ", cut" });
        cells.push(String::new());
        Self(cells).beside(patch)
    }

    /// The row with what the patch says of its size by hand: a number that no tape was as small as stands in brackets.
    fn beside(mut self, patch: &Patch) -> Self {
        let small = self.kept() && patch.by_hand.is_some_and(|by_hand| self.after() <= Some(by_hand));
        let ran = small || patch.tape.is_some();
        let cell = patch.by_hand.map_or_else(
            || "–".to_owned(),
            |choices| if ran { choices.to_string() } else { format!("({choices})") },
        );
        self.0.pop();
        self.0.push(cell);
        self
    }

    /// The cells that the patch itself settles.
    fn front(patch: &Patch) -> Vec<String> {
        let name = format!("`{}`", patch.name);
        vec![name, cell(&patch.what), cell(&patch.kind), cell(&patch.story)]
    }

    fn read(line: &str) -> Option<Self> {
        let cells = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ");
        let row = Self(cells.map(str::to_owned).collect());
        (row.0.len() == HEAD.len() + STRATEGIES.len() + 1).then_some(row)
    }

    pub(crate) fn name(&self) -> &str {
        self.0[0].trim_matches('`')
    }

    pub(crate) fn line(&self) -> String {
        format!("| {} |", self.0.join(" | "))
    }

    /// The row in words, for the note of the step.
    pub(crate) fn said(&self) -> String {
        format!("{}: {} ({})", self.name(), self.0[FRONT], self.0[FRONT - 1])
    }

    /// Whether the row is about the patch as it is.
    fn fits(&self, patch: &Patch) -> bool {
        self.0.starts_with(&Self::front(patch)) && *self == self.clone().beside(patch)
    }

    fn found(&self, strategy: usize) -> bool {
        !self.0[FRONT + strategy].starts_with("none")
    }

    fn kept(&self) -> bool {
        self.behind(3) == "yes"
    }

    /// Seconds of processor time that shrinking took.
    fn shrunk_in(&self) -> f64 {
        let cell = &self.0[FRONT + STRATEGIES.len() + 2];
        cell.split(' ').next().and_then(|seconds| seconds.parse().ok()).unwrap_or(f64::INFINITY)
    }

    /// Choices of the small tape.
    fn after(&self) -> Option<u64> {
        self.behind(4).split_once(" → ")?.1.parse().ok()
    }

    /// A cell behind those of the strategies, of which there may be one or all.
    fn behind(&self, cell: usize) -> &str {
        &self.0[self.0.len() - cell]
    }

    /// The size by hand was thought out, and no tape of that size ran.
    fn is_thought(&self) -> bool {
        self.0.last().is_some_and(|cell| cell.starts_with('('))
    }

    /// How many times as large as by hand.
    fn ratio(&self) -> Option<f64> {
        let by_hand = self.0.last()?.trim_matches(['(', ')']).parse::<u64>().ok()?;
        Some(self.after()?.max(1) as f64 / by_hand.max(1) as f64)
    }
}

/// Text that does not end its cell.
fn cell(text: &str) -> String {
    text.replace('|', "¦").split_whitespace().collect::<Vec<_>>().join(" ")
}

fn seconds(ns: u64) -> String {
    format!("{:.2} s", ns as f64 / 1e9)
}

/// The rows by name, and the text around them.
#[derive(Debug)]
pub(crate) struct Written {
    path: PathBuf,
    head: String,
    tail: String,
    /// Between the marks, as it stood.
    stood: String,
    rows: BTreeMap<String, Row>,
}

impl Written {
    pub(crate) fn read(place: &Place) -> Result<Self, Failure> {
        let path = place.root.join(FILE);
        let text = fs::read_to_string(&path).map_err(|error| Failure::new(format!("{FILE}: {error}")))?;
        let lost = || Failure::new(format!("{FILE}: `{BEGIN}` and `{END}` do not stand there"));
        let (head, rest) = text.split_once(BEGIN).ok_or_else(lost)?;
        let (stood, tail) = rest.split_once(END).ok_or_else(lost)?;
        let rows = stood.lines().filter(|line| line.starts_with("| `")).filter_map(Row::read);
        let rows = rows.map(|row| (row.name().to_owned(), row)).collect();
        Ok(Self { path, head: head.to_owned(), tail: tail.to_owned(), stood: stood.to_owned(), rows })
    }

    /// Whether every patch has its row, every row its patch, and nothing else stands between the marks.
    pub(crate) fn fits(&self, patches: &[Patch]) -> Result<(), Failure> {
        let why = |why: &str, name: &str| {
            Failure::new(format!("{FILE}: {why} {name}")).repeat(format!("cargo ci planted --only {name}"))
        };
        for patch in patches {
            match self.rows.get(&patch.name) {
                None => return Err(why("there is no row of", &patch.name)),
                Some(row) if !row.fits(patch) => return Err(why("out of date is the row of", &patch.name)),
                Some(_) => {}
            }
        }
        if let Some(name) = self.rows.keys().find(|name| patches.iter().all(|patch| patch.name != **name)) {
            return Err(why("there is no patch of the row", name));
        }
        if self.stood != self.text() {
            return Err(Failure::new(format!("{FILE} was edited by hand")).repeat("cargo ci planted --long"));
        }
        self.goals()
    }

    /// What shrinking has to come to, over all rows.
    fn goals(&self) -> Result<(), Failure> {
        let (kept, all) = (self.rows.values().filter(|row| row.kept()).count(), self.rows.len());
        if kept * 100 < all * 95 {
            return Err(Failure::new(format!("shrinking kept the failure id of {kept} in {all}")));
        }
        match self.median() {
            Some(median) if median > 2.0 => Err(Failure::new(format!(
                "the median of shrunk tapes is {median:.1} times as large as by hand"
            ))),
            _ => Ok(()),
        }
    }

    fn median(&self) -> Option<f64> {
        let mut ratios: Vec<f64> = self.rows.values().filter_map(Row::ratio).collect();
        ratios.sort_by(f64::total_cmp);
        ratios.get(ratios.len() / 2).copied()
    }

    pub(crate) fn enter(&mut self, row: Row) {
        self.rows.insert(row.name().to_owned(), row);
    }

    /// Writes the file anew: without rows whose patch is gone, and with what patches say of themselves.
    pub(crate) fn write(&mut self, patches: &[Patch]) -> Result<(), Failure> {
        self.rows.retain(|name, _| patches.iter().any(|patch| patch.name == *name));
        for patch in patches {
            if let Some(row) = self.rows.get_mut(&patch.name).filter(|row| row.0[3] == patch.story) {
                row.0.splice(..4, Row::front(patch));
                *row = row.clone().beside(patch);
            }
        }
        self.stood = self.text();
        let text = format!("{}{BEGIN}{}{END}{}", self.head, self.stood, self.tail);
        fs::write(&self.path, text).map_err(|error| Failure::new(format!("{FILE}: {error}")))
    }

    fn text(&self) -> String {
        let mut out = String::from("\n");
        let (front, back) = HEAD.split_at(FRONT);
        let head: Vec<&str> =
            front.iter().chain(&STRATEGIES).chain(back).chain(&["by hand"]).copied().collect();
        let _ = writeln!(out, "| {} |\n|{}", head.join(" | "), "---|".repeat(head.len()));
        self.rows.values().for_each(|row| out += &format!("{}\n", row.line()));
        let all = self.rows.len();
        let by = STRATEGIES.iter().enumerate().map(|(at, strategy)| {
            format!("{strategy} {}", self.rows.values().filter(|row| row.found(at)).count())
        });
        let kept = self.rows.values().filter(|row| row.kept()).count();
        let slowest = self.rows.values().map(Row::shrunk_in).fold(0.0, f64::max);
        let _ = writeln!(out, "\n{all} bugs; found by {}.", by.collect::<Vec<_>>().join(", "));
        let _ = write!(out, "Shrinking kept the failure id of {kept} and took {slowest:.2} s at most");
        let known = self.rows.values().filter_map(Row::ratio).count();
        let thought = self.rows.values().filter(|row| row.is_thought()).count();
        let _ = match self.median() {
            Some(median) => writeln!(
                out,
                "; of {known} the size by hand is known, {thought} of them by thought alone, and the median is \
                 {median:.1} times it."
            ),
            None => writeln!(out, "."),
        };
        out
    }
}

#[cfg(test)]
mod tests {
    use super::{HEAD, Hunt, Row, Small, Written};
    use crate::steps::planted::patch::Patch;
    use std::collections::BTreeMap;
    use std::path::PathBuf;

    fn patch(name: &str, by_hand: Option<u64>) -> Patch {
        Patch {
            name: name.to_owned(),
            path: PathBuf::new(),
            what: "a | b".to_owned(),
            kind: "timers".to_owned(),
            story: "pipeline".to_owned(),
            seeds: 100,
            strategy: "random".to_owned(),
            also: Vec::new(),
            files: Vec::new(),
            fails: Vec::new(),
            by_hand,
            tape: None,
        }
    }

    fn row(patch: &Patch, after: u64, kept: bool) -> Row {
        let hunt = |found| Hunt { runs: 3, cpu_ns: 1_250_000_000, found };
        let small = Small { before: 40, after, cpu_ns: 70_000_000, whole: kept, kept };
        Row::new(patch, "order: # came", [true, true, false].map(hunt).to_vec(), &small)
    }

    fn written(rows: Vec<Row>) -> Written {
        let rows: BTreeMap<_, _> = rows.into_iter().map(|row| (row.name().to_owned(), row)).collect();
        let text = String::new();
        let mut written =
            Written { path: PathBuf::new(), head: text.clone(), tail: text.clone(), stood: text, rows };
        written.stood = written.text();
        written
    }

    #[test]
    fn a_row_reads_back_as_written() {
        let row = row(&patch("late", Some(2)), 3, true);
        assert_eq!(
            row.line(),
            "| `late` | a ¦ b | timers | pipeline | order | 3 in 1.25 s | 3 in 1.25 s | none of 3 in 1.25 s | \
             40 → 3 | yes | 0.07 s | (2) |"
        );
        assert_eq!(Row::read(&row.line()), Some(row.clone()));
        assert_eq!(
            (row.ratio(), row.found(0), row.found(2), row.shrunk_in()),
            (Some(1.5), true, false, 0.07)
        );
    }

    #[test]
    fn a_size_that_no_tape_had_stands_in_brackets() {
        let cell = |by_hand, after, kept| {
            let patch = patch("late", by_hand);
            let mut table = written(vec![row(&patch, after, kept)]);
            assert!(table.fits(std::slice::from_ref(&patch)).is_ok() == kept);
            table.rows.remove("late").and_then(|row| row.0.last().cloned())
        };
        assert_eq!(cell(Some(3), 3, true).as_deref(), Some("3"));
        assert_eq!(cell(Some(3), 4, true).as_deref(), Some("(3)"));
        assert_eq!(cell(Some(3), 3, false).as_deref(), Some("(3)"));
        assert_eq!(cell(None, 3, true).as_deref(), Some("–"));
        let (late, hunt) = (patch("late", Some(3)), Hunt { runs: 3, cpu_ns: 1, found: true });
        let small = Small { before: 40, after: 3, cpu_ns: 1, whole: true, kept: true };
        let short = Row::new(&late, "order", vec![hunt], &small);
        assert_eq!((short.0.len(), short.0.last().map(String::as_str)), (HEAD.len() + 2, Some("3")));
        let taped = Patch { tape: Some(PathBuf::new()), ..patch("late", Some(2)) };
        assert_eq!(row(&taped, 3, true).0.last().map(String::as_str), Some("2"));
        let table =
            written(vec![row(&patch("late", Some(2)), 3, true), row(&patch("early", Some(2)), 2, true)]);
        assert!(table.text().contains("of 2 the size by hand is known, 1 of them by thought alone"));
    }

    #[test]
    fn a_patch_without_a_row_a_row_without_a_patch_and_a_changed_patch_are_told() {
        let (late, early) = (patch("late", None), patch("early", None));
        let table = written(vec![row(&late, 1, true)]);
        let why = |patches: &[Patch]| table.fits(patches).expect_err("it does not fit").why;
        assert!(table.fits(std::slice::from_ref(&late)).is_ok());
        assert!(why(&[late.clone(), early]).ends_with("there is no row of early"));
        assert!(why(&[]).ends_with("there is no patch of the row late"));
        assert!(why(&[Patch { what: "c".to_owned(), ..late.clone() }]).contains("out of date"));
        let mut edited = written(vec![row(&late, 1, true)]);
        edited.stood.push('x');
        assert!(edited.fits(&[late]).expect_err("it was edited").why.ends_with("edited by hand"));
    }

    #[test]
    fn a_lost_failure_id_and_a_large_tape_do_not_pass() {
        let (late, early) = (patch("late", Some(1)), patch("early", Some(2)));
        let lost = written(vec![row(&late, 1, false), row(&early, 1, true)]);
        assert!(lost.goals().expect_err("half of them").why.ends_with("of 1 in 2"));
        let large = written(vec![row(&late, 3, true), row(&early, 6, true)]);
        assert!(large.goals().expect_err("three times").why.contains("3.0 times"));
        assert!(written(vec![row(&late, 2, true), row(&early, 4, true)]).goals().is_ok());
    }
}
