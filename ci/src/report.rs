//! What the run found, as lines for people and one closing line for machines.

use crate::cost::{Cost, Meter};
use crate::table::Outcome;
use std::fmt::Write as _;

const HEAD: &str = "── summary ──";
const TOTAL: &str = "total";

/// The outcomes so far, in the order in which the steps ran.
#[derive(Debug)]
pub(crate) struct Report {
    meter: Meter,
    rows: Vec<(&'static str, Cost, Outcome)>,
    /// The rows of another process, as it printed them.
    told: String,
    told_counts: [usize; 3],
}

impl Default for Report {
    fn default() -> Self {
        Self { meter: Meter::start(), rows: Vec::new(), told: String::new(), told_counts: [0; 3] }
    }
}

impl Report {
    pub(crate) fn add(&mut self, name: &'static str, cost: Cost, outcome: Outcome) {
        self.rows.push((name, cost, outcome));
    }

    /// Takes over the rows and counts of what another process said. No summary in it is a failure.
    pub(crate) fn add_told(&mut self, said: &str) {
        match rows_and_counts(said) {
            Some((rows, counts)) => {
                self.told.push_str(&rows);
                (0..3).for_each(|i| self.told_counts[i] += counts[i]);
            }
            None => {
                self.told.push_str("beside                          FAILED   it ended without a summary\n");
                self.told_counts[1] += 1;
            }
        }
    }

    pub(crate) fn failed(&self) -> usize {
        self.counts()[1]
    }

    /// Passed, failed, skipped.
    fn counts(&self) -> [usize; 3] {
        let [passed, failed, skipped] = self.told_counts;
        [
            passed + self.count(|outcome| matches!(outcome, Outcome::Passed(_))),
            failed + self.count(|outcome| matches!(outcome, Outcome::Failed { .. })),
            skipped + self.count(|outcome| matches!(outcome, Outcome::Skipped { .. })),
        ]
    }

    fn count(&self, which: impl Fn(&Outcome) -> bool) -> usize {
        self.rows.iter().filter(|(_, _, outcome)| which(outcome)).count()
    }

    /// The table of all steps, then the counts on a line of their own, which is always the last.
    pub(crate) fn summary(&self) -> String {
        let mut text = format!("\n{HEAD}\n");
        for (name, cost, outcome) in &self.rows {
            text.push_str(&line(name, *cost, outcome));
            text.push('\n');
        }
        text.push_str(&self.told);
        let _ = writeln!(text, "{TOTAL:<12} {:>18}", self.meter.read());
        let [passed, failed, skipped] = self.counts();
        let _ = writeln!(text, "{passed} passed, {failed} failed, {skipped} skipped");
        text
    }
}

/// The rows of the last summary in `said`, and its closing counts.
fn rows_and_counts(said: &str) -> Option<(String, [usize; 3])> {
    let (_, summary) = said.rsplit_once(HEAD)?;
    let mut lines = summary.trim_start().lines();
    let rows =
        lines.by_ref().take_while(|line| !line.starts_with(TOTAL)).map(|line| format!("{line}\n")).collect();
    let counts: Vec<usize> =
        lines.next()?.split(", ").filter_map(|count| count.split(' ').next()?.parse().ok()).collect();
    Some((rows, counts.try_into().ok()?))
}

/// One step on one line; a failure has a second line with its cure.
pub(crate) fn line(name: &str, cost: Cost, outcome: &Outcome) -> String {
    let head = format!("{name:<12} {cost:>18} ");
    match outcome {
        Outcome::Passed(note) if note.is_empty() => format!("{head} ok"),
        Outcome::Passed(note) => format!("{head} ok       {note}"),
        Outcome::Failed { why, repeat } => format!("{head} FAILED   {why}\n{:<32} repeat: {repeat}", ""),
        Outcome::Skipped { what, why } => format!("{head} SKIPPED {what} {why}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Report, line};
    use crate::cost::Cost;
    use crate::table::Outcome;

    #[test]
    fn the_last_line_counts_steps_and_nothing_follows_it() {
        let mut report = Report::default();
        report.add("fmt", Cost::default(), Outcome::Passed(String::new()));
        report.add("miri", Cost::default(), Outcome::skipped("miri", "no nightly toolchain"));
        report.add("docs", Cost::default(), Outcome::failed("two warnings", "cargo doc"));
        assert_eq!(report.summary().lines().last(), Some("1 passed, 1 failed, 1 skipped"));
        assert_eq!(report.failed(), 1);
    }

    #[test]
    fn what_another_process_found_counts_too_and_its_silence_is_a_failure() {
        let mut other = Report::default();
        other.add("miri", Cost::default(), Outcome::Passed(String::new()));
        other.add("boards", Cost::default(), Outcome::failed("a digest differs", "cargo ci boards"));
        let mut report = Report::default();
        report.add("fmt", Cost::default(), Outcome::Passed(String::new()));
        report.add_told(&format!("── miri ──\nmuch{}", other.summary()));
        let summary = report.summary();
        assert!(summary.contains("repeat: cargo ci boards"), "{summary}");
        assert_eq!(summary.lines().last(), Some("2 passed, 1 failed, 0 skipped"));
        report.add_told("killed");
        assert_eq!(report.failed(), 2);
    }

    #[test]
    fn a_failure_prints_its_one_cure_and_a_skip_says_what_and_why() {
        let failure = line("docs", Cost::default(), &Outcome::failed("two warnings", "cargo doc --lib"));
        assert!(failure.contains("FAILED   two warnings"), "{failure}");
        assert!(failure.ends_with("repeat: cargo doc --lib"), "{failure}");
        let skip = line("miri", Cost::default(), &Outcome::skipped("miri", "no nightly toolchain"));
        assert!(skip.ends_with("SKIPPED miri no nightly toolchain"), "{skip}");
    }
}
