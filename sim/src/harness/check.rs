use super::{Finish, Replay, Report, Trial, campaign, replay, run, steady, story, tag};
use crate::explore::{BadStrategy, Plan, Strategy};
use crate::tape::Tape;
use crate::{Coverage, Sim};
use core::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// A simulated test, as `#[tidemill_sim::test]` describes it.
#[derive(Clone, Copy, Debug)]
pub struct Test<'a> {
    /// Its path, crate first: `mycrate::tests::frames_survive`.
    pub name: &'a str,
    /// The package it belongs to, for the command that repeats it.
    pub package: &'a str,
    /// The package's folder.
    pub folder: &'a str,
    /// How many seeds run, from 0.
    pub seeds: u64,
    /// Where tapes are written and found, from the package's folder.
    pub tapes: &'a str,
    /// Where choices come from, as [`Strategy`] reads it: `random`, `pct:3`.
    pub strategy: &'a str,
}

/// Where the run of a tape went the way that the tape says.
const AS_RECORDED: &str = "as recorded";

/// What the caller of `cargo test` asked for.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Asked {
    pub seeds: Option<u64>,
    pub seed: Option<u64>,
    pub tape: Option<PathBuf>,
    pub strategy: Option<String>,
}

/// Runs a test: its tapes, then its seeds, the first of them twice: a run that takes another path then is no function of
/// its seed, and fails. `TIDEMILL_SEEDS`, `TIDEMILL_SEED`, `TIDEMILL_TAPE` and `TIDEMILL_STRATEGY` change what runs.
///
/// # Panics
/// With the first failure, the seed that met it, and the command that repeats it.
#[track_caller]
pub fn check<R: Finish>(test: &Test<'_>, body: impl Fn(&mut Sim) -> R) {
    let asked = Asked::from_environment().and_then(|asked| test.run(&asked, &body));
    if let Err(message) = asked {
        panic!("{message}");
    }
}

impl Asked {
    #[expect(
        clippy::disallowed_methods,
        reason = "read before any simulation begins; it chooses which ones run"
    )]
    fn from_environment() -> Result<Self, String> {
        let number = |name: &str| match std::env::var(name) {
            Ok(text) => {
                text.parse().map(Some).map_err(|_| format!("{name}={text}: not a whole number below 2^64"))
            }
            Err(_) => Ok(None),
        };
        let tape = std::env::var_os("TIDEMILL_TAPE").map(PathBuf::from);
        let strategy = std::env::var("TIDEMILL_STRATEGY").ok();
        Ok(Self { seeds: number("TIDEMILL_SEEDS")?, seed: number("TIDEMILL_SEED")?, tape, strategy })
    }
}

impl Test<'_> {
    pub(super) fn run<R: Finish>(&self, asked: &Asked, body: &impl Fn(&mut Sim) -> R) -> Result<(), String> {
        if let Some(path) = &asked.tape {
            return self.play(path, true, body);
        }
        if let Some(seed) = asked.seed {
            let report = run::aloud(seed, body);
            return report
                .failure
                .is_none()
                .then_some(())
                .ok_or_else(|| self.complaint(&report, "", &Trial::seed(seed), body));
        }
        for path in self.own_tapes() {
            self.play(&path, false, body)?;
        }
        let seeds = asked.seeds.unwrap_or(self.seeds);
        let strategy: Strategy = asked
            .strategy
            .as_deref()
            .unwrap_or(self.strategy)
            .parse()
            .map_err(|bad: BadStrategy| bad.to_string())?;
        if strategy != Strategy::Random {
            return self.search(strategy, seeds, body);
        }
        let mut coverage = Coverage::default();
        for seed in 0..seeds {
            let report = run::once(&Trial::seed(seed), body);
            if report.failure.is_some() {
                return Err(self.complaint(&report, &format!(" of {seeds}"), &Trial::seed(seed), body));
            }
            if seed == 0
                && let Some(parted) = steady::parted(self.name, &report, body)
            {
                return Err(parted);
            }
            coverage.merge(report.coverage);
        }
        self.judge(&coverage)
    }

    /// As many runs as there are seeds, by a strategy.
    fn search<R: Finish>(
        &self,
        strategy: Strategy,
        seeds: u64,
        body: &impl Fn(&mut Sim) -> R,
    ) -> Result<(), String> {
        let mut batch = |plans: &[Plan]| plans.iter().map(|plan| run::planned(plan, body)).collect();
        let tally = campaign::search(strategy, 0..seeds, 1, &mut batch, &mut |_| true);
        let Some(group) = tally.groups.first() else { return self.judge(&tally.coverage) };
        let found = group.finds.first().map(|find| format!(" in run {} of {}", find.run, find.strategy));
        Err(self.complaint(&group.first, &found.unwrap_or_default(), &group.trial, body))
    }

    /// After all seeds of its budget, what must be met once was met; fewer seeds prove nothing.
    fn judge(&self, coverage: &Coverage) -> Result<(), String> {
        let unmet: Vec<String> = coverage.unmet().map(|claim| format!("\n  {claim}")).collect();
        if unmet.is_empty() || coverage.runs < self.seeds {
            return Ok(());
        }
        Err(format!("{}: not met in any of {} seeds:{}", self.name, coverage.runs, unmet.concat()))
    }

    /// Runs one tape; whatever it recorded, the test must pass. One that was named must fit.
    fn play<R: Finish>(&self, path: &Path, named: bool, body: &impl Fn(&mut Sim) -> R) -> Result<(), String> {
        let located = |error: &dyn core::fmt::Display| format!("{}: {error}", path.display());
        let file = File::open(path).map_err(|error| located(&error))?;
        let tape = Tape::read(file).map_err(|error| located(&error))?.map_err(|error| located(&error))?;
        if tape.story.value != self.name {
            if named {
                println!("skipped {}: the tape is about {}", self.name, tape.story.value);
            }
            return Ok(());
        }
        let (report, end) = match replay::replay(&tape, body) {
            Ok(Replay::Same(report)) => (report, AS_RECORDED.to_owned()),
            Ok(Replay::Left { departure, report, .. }) => {
                (report, format!("off the recorded path: {departure}"))
            }
            // The code moved on, and what the tape pinned is no more; other tapes and the seeds still count.
            Err(error) if named => return Err(located(&error)),
            Err(error) => {
                println!("skipped {}: {error}", path.display());
                return Ok(());
            }
        };
        let Some(failure) = &report.failure else {
            if end != AS_RECORDED {
                println!("{}: passed, {end}", path.display());
            }
            return Ok(());
        };
        let command = self.command(&format!("TIDEMILL_TAPE={}", path.display()));
        let (name, seed, path) = (self.name, report.seed, path.display());
        Err(format!("{name} failed with seed {seed} of {path}, {end}\n  {failure}\nreplay: {command}"))
    }

    /// Tapes of this test in its folder, in the order of their names.
    fn own_tapes(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.tape_folder()) else { return Vec::new() };
        let prefix = format!("{}-", self.file_stem());
        let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        paths.retain(|path| {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            name.starts_with(&prefix) && name.ends_with(".tape")
        });
        paths.sort();
        paths
    }

    /// What a failed seed says: which, how, and the command that repeats it; for a run that its seed alone does not
    /// settle, by its tape.
    fn complaint<R: Finish>(
        &self,
        report: &Report,
        of: &str,
        trial: &Trial,
        body: &impl Fn(&mut Sim) -> R,
    ) -> String {
        let Some(failure) = &report.failure else { return String::new() };
        let mut text =
            format!("{} failed with seed {}{of}: {}\n  {failure}\n", self.name, report.seed, tag(failure));
        let path = self.tape_folder().join(format!("{}-{}.tape", self.file_stem(), tag(failure)));
        let setting = match *trial == Trial::seed(report.seed) {
            true => format!("TIDEMILL_SEED={}", report.seed),
            false => format!("TIDEMILL_TAPE={}", path.display()),
        };
        let _ = writeln!(text, "replay: {}", self.command(&setting));
        match story::tape(self.name, Vec::new(), trial, report, body) {
            Err(unsteady) => text += &unsteady.to_string(),
            Ok(tape) => {
                match fs::create_dir_all(self.tape_folder()).and_then(|()| fs::write(&path, tape.to_string()))
                {
                    Ok(()) => text += &format!("tape:   {}", path.display()),
                    Err(error) => text += &format!("tape:   not written: {}: {error}", path.display()),
                }
            }
        }
        text
    }

    fn command(&self, setting: &str) -> String {
        let path = self.name.split_once("::").map_or(self.name, |(_, path)| path);
        format!("{setting} cargo test -p {} -- --exact {path}", self.package)
    }

    fn file_stem(&self) -> String {
        self.name.replace("::", ".")
    }

    fn tape_folder(&self) -> PathBuf {
        Path::new(self.folder).join(self.tapes)
    }
}
