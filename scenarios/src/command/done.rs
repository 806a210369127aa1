//! What stories came to: as a table, as JSON, as JUnit, as annotations.

use super::strategy;
use super::text::{Table, count, span};
use quick_junit::{NonSuccessKind, Report as Junit, TestCase, TestCaseStatus, TestSuite};
use serde_json::{Value, json};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tidemill_sim::ClaimId;
use tidemill_sim::harness::{Group, Report, Story, Tally, tag};

/// What one story came to.
pub(super) struct Done {
    pub story: &'static Story,
    pub tally: Tally,
    pub real_ns: u128,
    /// Processor time, over all threads.
    pub cpu_ns: u128,
    /// Every run, where each was asked for.
    pub runs: Vec<Brief>,
    /// A tape for each group of failures, or why there is none.
    pub tapes: Vec<Result<PathBuf, String>>,
    /// Whether time was up before all seeds had run.
    pub cut: bool,
    /// Whether as many seeds ran as the story wants, as the story is: what must be met in some run can be judged.
    pub whole: bool,
}

/// One line about one run.
pub(super) struct Brief {
    seed: u64,
    hash: u128,
    failure: Option<String>,
}

impl Brief {
    pub(super) fn of(report: &Report) -> Self {
        Self { seed: report.seed, hash: report.hash, failure: report.failure.as_ref().map(tag) }
    }
}

pub(super) fn table(done: &[Done]) -> Table<8> {
    let mut table = Table::new("");
    let head = ["story", "seeds", "failed", "messages", "virtual", "real", "virtual/real", "seeds/s"];
    table.row(head.map(str::to_owned));
    for Done { story, tally, real_ns, .. } in done {
        let real_ns = (*real_ns).max(1);
        table.row([
            story.name.to_owned(),
            count(tally.seeds),
            count(tally.failed),
            count(tally.messages),
            span(tally.virtual_ns),
            span(real_ns),
            count(tally.virtual_ns / real_ns),
            count(u128::from(tally.seeds) * 1_000_000_000 / real_ns),
        ]);
    }
    table
}

/// Every story as a suite, every way of failing as a case; a story that passed is one case.
pub(super) fn junit(done: &[Done], into: &Path) -> io::Result<()> {
    let mut junit = Junit::new("tidemill");
    for done in done {
        junit.add_test_suite(done.suite());
    }
    let mut text = Vec::new();
    junit.serialize(&mut text).map_err(io::Error::other)?;
    std::fs::write(into, text)
}

/// Every way of failing as a line that GitHub shows at the file that it is about.
pub(super) fn annotations(done: &[Done]) -> String {
    let mut text = String::new();
    for done in done {
        for claim in done.unmet() {
            let title = format!("{}: not met in any of {} seeds", done.story.name, done.tally.seeds);
            text += &format!("::error title={}::{}\n", property(&title), escaped(&claim.to_string()));
        }
        for (group, tape) in done.tally.groups.iter().zip(&done.tapes) {
            let (file, line) = done.place(group, tape);
            let title = format!("{} failed with seed {}", done.story.name, group.first.seed);
            let message =
                format!("{}\n{}\n{}", group.failure.id, group.failure.message, done.cure(group, tape));
            text += &format!(
                "::error file={}{line},title={}::{}\n",
                property(&file),
                property(&title),
                escaped(&message)
            );
        }
    }
    text
}

/// A value of an annotation's property, in the escapes of GitHub's workflow commands.
fn property(text: &str) -> String {
    escaped(text).replace(':', "%3A").replace(',', "%2C")
}

fn escaped(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

impl Done {
    fn suite(&self) -> TestSuite {
        let mut suite = TestSuite::new(self.story.name);
        suite.add_property(("seeds", self.tally.seeds.to_string().as_str()));
        suite.add_property(("digest", hex(self.tally.digest).as_str()));
        let mut cases: Vec<TestCase> = Vec::new();
        for (group, tape) in self.tally.groups.iter().zip(&self.tapes) {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_type(group.tag.as_str());
            status.set_message(group.failure.id.as_str());
            let seed = group.first.seed;
            let text = format!("seed {seed} of {} alike: {}\n", group.seeds, group.failure.message);
            status.set_description(text + &self.cure(group, tape));
            cases.push(TestCase::new(format!("{} {}", self.story.name, group.failure.id), status));
        }
        for claim in self.unmet() {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_message(format!("not met in any of {} seeds", self.tally.seeds));
            cases.push(TestCase::new(format!("{} {claim}", self.story.name), status));
        }
        if cases.is_empty() {
            cases.push(TestCase::new(self.story.about, TestCaseStatus::success()));
        }
        let real = Duration::from_nanos(whole(self.real_ns));
        suite.set_time(real);
        suite.add_test_cases(cases);
        suite
    }

    /// The file that a failure is about: where it panicked, if that lies below us; otherwise its tape.
    fn place(&self, group: &Group, tape: &Result<PathBuf, String>) -> (String, String) {
        let mut parts = group.failure.id.splitn(3, ':');
        if let (Some(file), Some(line)) =
            (parts.next(), parts.next().and_then(|line| line.parse::<u32>().ok()))
        {
            let found = ["", "core/"]
                .map(|room| format!("{room}{file}"))
                .into_iter()
                .find(|path| Path::new(path).is_file());
            if let Some(path) = found {
                return (path, format!(",line={line}"));
            }
        }
        let tape =
            tape.as_ref().map_or_else(|_| self.story.name.to_owned(), |path| path.display().to_string());
        (tape, String::new())
    }

    /// The one command that repeats a failure, and why it needs no tape if there is none.
    fn cure(&self, group: &Group, tape: &Result<PathBuf, String>) -> String {
        let replay = self.replay(group, tape);
        tape.as_ref().map_or_else(|why| format!("{why}\nreplay: {replay}"), |_| format!("replay: {replay}"))
    }

    fn replay(&self, group: &Group, tape: &Result<PathBuf, String>) -> String {
        match tape {
            Ok(path) => format!("cargo sim replay {}", path.display()),
            Err(_) => format!("cargo sim run {} --seed {}", self.story.name, group.first.seed),
        }
    }

    pub(super) fn hashes(&self, out: &mut impl Write) -> io::Result<()> {
        self.runs.iter().try_for_each(|run| {
            let failed = run.failure.as_ref().map(|tag| format!("  failed {tag}")).unwrap_or_default();
            writeln!(out, "{} seed {} hash {:032x}{failed}", self.story.name, run.seed, run.hash)
        })
    }

    /// What happened to the messages: a fault that was never seen proves nothing.
    pub(super) fn counts(&self, out: &mut impl Write) -> io::Result<()> {
        let happened = self.tally.counts.iter().filter(|(_, sum)| *sum > 0);
        let seen: Vec<String> = happened.map(|(name, sum)| format!("{} {name}", count(*sum))).collect();
        if !seen.is_empty() {
            writeln!(out, "{}: {}", self.story.name, seen.join(", "))?;
        }
        if self.cut {
            writeln!(out, "{}: time was up after {} seeds", self.story.name, count(self.tally.seeds))?;
        }
        Ok(())
    }

    pub(super) fn failures(&self, out: &mut impl Write) -> io::Result<()> {
        for (group, tape) in self.tally.groups.iter().zip(&self.tapes) {
            let (seed, name) = (group.first.seed, self.story.name);
            let seeds =
                if group.seeds == 1 { "1 seed".to_owned() } else { format!("{} seeds", count(group.seeds)) };
            writeln!(out, "\n{name} failed with seed {seed} ({seeds} alike): {}", group.failure.id)?;
            writeln!(
                out,
                "  {:?}, event {}, {}",
                group.failure.at, group.failure.event, group.failure.entity
            )?;
            group.failure.message.lines().try_for_each(|line| writeln!(out, "  {line}"))?;
            strategy::finds(group, out)?;
            writeln!(out, "{}", self.cure(group, tape))?;
        }
        Ok(())
    }

    /// Claims that must be met in some run and were not, if enough have run.
    pub(super) fn unmet(&self) -> impl Iterator<Item = &ClaimId> {
        self.tally.coverage.unmet().filter(|_| self.whole)
    }

    pub(super) fn unmet_claims(&self, out: &mut impl Write) -> io::Result<()> {
        let (name, seeds) = (self.story.name, count(self.tally.seeds));
        self.unmet().try_for_each(|claim| writeln!(out, "\n{name}: not met in any of {seeds} seeds: {claim}"))
    }

    pub(super) fn object(&self) -> Value {
        let run = |run: &Brief| json!({ "seed": run.seed, "hash": hex(run.hash), "failure": run.failure });
        let failure = |(group, tape): (&Group, &Result<PathBuf, String>)| {
            json!({
                "tag": group.tag,
                "id": group.failure.id,
                "message": group.failure.message,
                "seeds": group.seeds,
                "seed": group.first.seed,
                "hash": hex(group.first.hash),
                "tape": tape.as_ref().ok().map(|path| path.display().to_string()),
                "no_tape": tape.as_ref().err(),
                "replay": self.replay(group, tape),
            })
        };
        let tally = &self.tally;
        json!({
            "story": self.story.name,
            "seeds": tally.seeds,
            "failed": tally.failed,
            "time_was_up": self.cut,
            "digest": hex(tally.digest),
            "virtual_ns": whole(tally.virtual_ns),
            "real_ns": whole(self.real_ns),
            "cpu_ns": whole(self.cpu_ns),
            "events": tally.events,
            "messages": tally.messages,
            "counts": tally.counts.iter().map(|(name, sum)| ((*name).to_owned(), json!(sum))).collect::<serde_json::Map<_, _>>(),
            "unmet": self.unmet().map(ToString::to_string).collect::<Vec<_>>(),
            "failures": tally.groups.iter().zip(&self.tapes).map(failure).collect::<Vec<_>>(),
            "strategies": strategy::objects(tally),
            "runs": self.runs.iter().map(run).collect::<Vec<_>>(),
        })
    }
}

fn hex(hash: u128) -> String {
    format!("{hash:032x}")
}

/// JSON has no longer whole numbers that every reader agrees on.
fn whole(ns: u128) -> u64 {
    u64::try_from(ns).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{escaped, property};

    #[test]
    fn an_annotation_stays_on_its_line_whatever_the_message_says() {
        assert_eq!(escaped("50 % of\r\nthem: a, b"), "50 %25 of%0D%0Athem: a, b");
        assert_eq!(property("50 % of\nthem: a, b"), "50 %25 of%0Athem%3A a%2C b");
    }
}
