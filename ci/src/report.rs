//! What the run found, as lines for people and one closing line for machines.

use crate::table::Outcome;
use std::fmt::Write as _;
use std::time::Duration;

/// The outcomes so far, in the order in which the steps ran.
#[derive(Default, Debug)]
pub(crate) struct Report {
    rows: Vec<(&'static str, Duration, Outcome)>,
}

impl Report {
    pub(crate) fn add(&mut self, name: &'static str, took: Duration, outcome: Outcome) {
        self.rows.push((name, took, outcome));
    }

    pub(crate) fn failed(&self) -> usize {
        self.count(|outcome| matches!(outcome, Outcome::Failed { .. }))
    }

    fn count(&self, which: impl Fn(&Outcome) -> bool) -> usize {
        self.rows.iter().filter(|(_, _, outcome)| which(outcome)).count()
    }

    /// The table of all steps, then the counts on a line of their own, which is always the last.
    pub(crate) fn summary(&self) -> String {
        let mut text = String::from("\n── summary ──\n");
        for (name, took, outcome) in &self.rows {
            text.push_str(&line(name, *took, outcome));
            text.push('\n');
        }
        let total: Duration = self.rows.iter().map(|(_, took, _)| *took).sum();
        let _ = writeln!(text, "{:<12} {:>8}", "total", seconds(total));
        let passed = self.count(|outcome| matches!(outcome, Outcome::Passed(_)));
        let skipped = self.count(|outcome| matches!(outcome, Outcome::Skipped { .. }));
        let _ = writeln!(text, "{passed} passed, {} failed, {skipped} skipped", self.failed());
        text
    }
}

/// One step on one line; a failure has a second line with its cure.
pub(crate) fn line(name: &str, took: Duration, outcome: &Outcome) -> String {
    let head = format!("{name:<12} {:>8} ", seconds(took));
    match outcome {
        Outcome::Passed(note) if note.is_empty() => format!("{head} ok"),
        Outcome::Passed(note) => format!("{head} ok       {note}"),
        Outcome::Failed { why, repeat } => format!("{head} FAILED   {why}\n{:<22} repeat: {repeat}", ""),
        Outcome::Skipped { what, why } => format!("{head} SKIPPED {what} {why}"),
    }
}

fn seconds(took: Duration) -> String {
    format!("{:.1} s", took.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::{Report, line};
    use crate::table::Outcome;
    use std::time::Duration;

    #[test]
    fn the_last_line_counts_steps_and_nothing_follows_it() {
        let mut report = Report::default();
        report.add("fmt", Duration::from_millis(1_250), Outcome::Passed(String::new()));
        report.add("miri", Duration::ZERO, Outcome::skipped("miri", "no nightly toolchain"));
        report.add("docs", Duration::ZERO, Outcome::failed("two warnings", "cargo doc"));
        assert_eq!(report.summary().lines().last(), Some("1 passed, 1 failed, 1 skipped"));
        assert_eq!(report.failed(), 1);
    }

    #[test]
    fn a_failure_prints_its_one_cure_and_a_skip_says_what_and_why() {
        let failure = line("docs", Duration::ZERO, &Outcome::failed("two warnings", "cargo doc --lib"));
        assert!(failure.contains("FAILED   two warnings"), "{failure}");
        assert!(failure.ends_with("repeat: cargo doc --lib"), "{failure}");
        let skip = line("miri", Duration::ZERO, &Outcome::skipped("miri", "no nightly toolchain"));
        assert!(skip.ends_with("SKIPPED miri no nightly toolchain"), "{skip}");
    }
}
