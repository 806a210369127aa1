//! The processes that run stories for a check: their making, and what they do.

use super::way::Way;
use super::{Check, Exit};
use crate::command::fill;
use crate::command::select::settle;
use std::ffi::OsString;
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;
use tidemill_sim::Overlay;
use tidemill_sim::harness::{Params, Story, Trial};
use tidemill_sim::trace::Trace;

/// What one run came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Line {
    pub(super) story: String,
    pub(super) seed: u64,
    hash: String,
}

/// The run whose trace is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Kept {
    story: String,
    seed: u64,
    path: PathBuf,
}

impl FromStr for Kept {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.splitn(3, ':');
        let (Some(story), Some(seed), Some(path)) = (parts.next(), parts.next(), parts.next()) else {
            return Err("not STORY:SEED:FILE");
        };
        let seed = seed.parse().map_err(|_| "not STORY:SEED:FILE")?;
        Ok(Self { story: story.to_owned(), seed, path: PathBuf::from(path) })
    }
}

/// A process that can be run, and run again.
pub(super) struct Probe {
    program: io::Result<PathBuf>,
    arguments: Vec<OsString>,
}

impl Probe {
    pub(super) fn new(way: Way, stories: &[String], settings: &[String], seeds: Range<u64>) -> Self {
        let mut arguments: Vec<OsString> = vec!["check".into()];
        arguments.extend(stories.iter().map(OsString::from));
        for setting in settings {
            arguments.extend(["--set".into(), setting.into()]);
        }
        let name = clap::ValueEnum::to_possible_value(&way).map(|value| value.get_name().to_owned());
        arguments.extend(["--way".into(), name.unwrap_or_default().into()]);
        // The first seed is the last one where only one runs.
        arguments.extend(["--seeds".into(), seeds.end.to_string().into()]);
        Self { program: std::env::current_exe(), arguments }
    }

    /// The same question to another program.
    pub(super) fn of(self, program: PathBuf) -> Self {
        Self { program: Ok(program), ..self }
    }

    fn say(&self, more: &[OsString]) -> io::Result<String> {
        let program =
            self.program.as_ref().map_err(|error| io::Error::new(error.kind(), error.to_string()))?;
        let output = Command::new(program).args(&self.arguments).args(more).output()?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            let why = String::from_utf8_lossy(&output.stderr);
            return Err(io::Error::other(format!("{}: {}: {why}", program.display(), output.status)));
        }
        Ok(said)
    }

    /// What every run came to, and a number that stands for the process's hash keys.
    pub(super) fn hashes(&self) -> io::Result<(Vec<Line>, u64)> {
        let bad = |line: &str| io::Error::other(format!("a probe said `{line}`"));
        let (mut lines, mut keys) = (Vec::new(), 0);
        for line in self.say(&[])?.lines() {
            match line.split(' ').collect::<Vec<_>>()[..] {
                ["keys", number] => keys = number.parse().map_err(|_| bad(line))?,
                [story, seed, hash] => lines.push(Line {
                    story: story.to_owned(),
                    seed: seed.parse().map_err(|_| bad(line))?,
                    hash: hash.to_owned(),
                }),
                _ => return Err(bad(line)),
            }
        }
        Ok((lines, keys))
    }

    /// The trace of one of the runs.
    pub(super) fn trace(&self, line: &Line) -> io::Result<Trace> {
        let path = std::env::temp_dir().join(format!("tidemill-check-{}.trace", std::process::id()));
        let kept = format!("{}:{}:{}", line.story, line.seed, path.display());
        self.say(&["--keep".into(), kept.into()])?;
        let bytes = fs::read(&path);
        let _ = fs::remove_file(&path);
        Trace::decode(&bytes?).map_err(io::Error::other)
    }
}

/// The stories with their parameters.
pub(super) fn params(
    stories: &[&'static Story],
    settings: &[String],
) -> Result<Vec<(&'static Story, Params)>, String> {
    stories.iter().map(|story| settle(story, settings).map(|params| (*story, params))).collect()
}

impl Check {
    /// Runs the stories in one way, and says what they came to.
    pub(super) fn act(&self, way: Way, stories: &[&'static Story], out: &mut impl Write) -> io::Result<Exit> {
        match way {
            Way::Filled => fill::fill_with(0xa5),
            Way::Inverted => fill::fill_with(0x3c),
            _ => {}
        }
        writeln!(out, "keys {}", RandomState::new().hash_one(0_u8))?;
        let stories = params(stories, &self.settings).map_err(io::Error::other)?;
        let seeds = if way == Way::First { self.seeds - 1..self.seeds } else { 0..self.seeds };
        let mut runs: Vec<_> =
            stories.iter().flat_map(|story| seeds.clone().map(move |seed| (story, seed))).collect();
        if way == Way::Later {
            // Others before: what they leave behind must not matter.
            for (story, params) in &stories {
                drop(story.run(u64::MAX, params, Overlay::new()));
            }
            runs.reverse();
        }
        for ((story, params), seed) in runs {
            let hash = if way == Way::Threads {
                on_a_thread(|| self.one(story, params, seed))?
            } else {
                self.one(story, params, seed)?
            };
            writeln!(out, "{} {seed} {hash:032x}", story.name)?;
        }
        Ok(Exit::Passed)
    }

    fn one(&self, story: &Story, params: &Params, seed: u64) -> io::Result<u128> {
        let Some(kept) = self.keep.as_ref().filter(|kept| kept.story == story.name && kept.seed == seed)
        else {
            return Ok(story.run(seed, params, Overlay::new()).hash);
        };
        let (report, trace) = story.trace(params, &Trial::seed(seed));
        write(&kept.path, &trace)?;
        Ok(report.hash)
    }
}

fn write(path: &Path, trace: &Trace) -> io::Result<()> {
    fs::write(path, trace.encode())
}

fn on_a_thread(run: impl FnOnce() -> io::Result<u128> + Send) -> io::Result<u128> {
    std::thread::scope(|scope| scope.spawn(run).join())
        .unwrap_or_else(|_| Err(io::Error::other("a run panicked outside of the simulation")))
}
