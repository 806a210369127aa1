//! What a process of a check does: runs the stories in one way, and says what they came to.
//!
//! One line a run, `run STORY SEED HASH`; before it, where somebody at the door saw the run reach outside, `reached STORY
//! SEED SITE WHAT`. Of the one run that is looked at, `mark EVENTS HASH` and `end EVENTS HASH` instead. Last, `keys NUMBER`,
//! which stands for the hash keys of the process, and `fill no` where memory was to be filled and is not.

use super::look::Look;
use super::way::Way;
use super::{Check, Exit};
use crate::command::fill;
use crate::command::select::settle;
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use tidemill_sim::Overlay;
use tidemill_sim::harness::{Params, Report, Story, Trial};
use tidemill_sim::tape::Mark;

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
        let fill = match way {
            Way::Filled => Some(0xa5),
            Way::Inverted => Some(0x3c),
            _ => None,
        };
        fill.into_iter().for_each(fill::fill_with);
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
            let one = || self.one(story, params, seed);
            let (report, looked) = if way == Way::Threads { on_a_thread(one)? } else { one()? };
            tell(out, story.name, &report, looked)?;
            if looked {
                // What would run after it is not asked about.
                break;
            }
        }
        // After the runs: whoever makes the first hash keys of a thread inside of a run is seen to.
        writeln!(out, "keys {}", RandomState::new().hash_one(0_u8))?;
        if fill.is_some() && !fill::fills() {
            writeln!(out, "fill no")?;
        }
        Ok(Exit::Passed)
    }

    /// One run, and whether it is the one that is looked at.
    fn one(&self, story: &Story, params: &Params, seed: u64) -> io::Result<(Report, bool)> {
        let Some(look) = self.look.as_ref().filter(|look| look.is_at(story.name, seed)) else {
            return Ok((story.run(seed, params, Overlay::new()), false));
        };
        let Look { until, at, .. } = look;
        let trial = Trial { events_max: *until, ..Trial::seed(seed) };
        let report = match &self.keep {
            None => story.marked(params, &trial, at.clone()),
            Some(path) => {
                let (report, trace) = story.trace(params, &trial);
                fs::write(path, trace.encode())?;
                report
            }
        };
        Ok((report, true))
    }
}

fn tell(out: &mut impl Write, story: &str, report: &Report, looked: bool) -> io::Result<()> {
    let Report { seed, hash, events, .. } = report;
    if let Some(intrusion) = &report.intrusion {
        let site = intrusion.site.replace(' ', "_");
        writeln!(out, "reached {story} {seed} {site} {}", intrusion.what)?;
    }
    if !looked {
        return writeln!(out, "run {story} {seed} {hash:032x}");
    }
    for Mark { events, hash } in &report.marks {
        writeln!(out, "mark {events} {hash:032x}")?;
    }
    writeln!(out, "end {events} {hash:032x}")
}

fn on_a_thread<T: Send>(run: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    std::thread::scope(|scope| scope.spawn(run).join())
        .unwrap_or_else(|_| Err(io::Error::other("a run panicked outside of the simulation")))
}
