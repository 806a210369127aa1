//! `tidemill check`: one seed, one hash, however it runs.
//!
//! The reference is a process of its own that runs every seed in order on its main thread. Every other way is another
//! process, with other hash keys and other addresses, that must report the same hashes. Where one differs, both ways run
//! again until the first event that differs is found by bisection, and it is printed with its causal past in both.

mod child;
mod look;
mod probe;
mod sibling;
mod way;

use super::{Exit, complain, select::select};
use clap::Args;
use look::Look;
use probe::{Line, Probe, Reached, Said};
use std::io::{self, Write};
use std::path::PathBuf;
use tidemill_sim::harness;
use way::Way;

#[derive(Args, Debug)]
#[command(after_help = "\
Exit codes:
  0  every run has the same hash in every way
  1  one does not; the first event that differs is printed with both causal pasts
  2  unknown story or parameter

Examples:
  tidemill check                            every story that must pass, three seeds each
  tidemill check pipeline --seeds 20 --set rows=500
  tidemill check --with target/debug/tidemill")]
pub(super) struct Check {
    /// Stories, or beginnings of their names and `*`; none means every one that must pass.
    stories: Vec<String>,

    /// Seeds of each story, from 0.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,

    /// Sets a parameter of the stories.
    #[arg(long = "set", value_name = "NAME=VALUE")]
    settings: Vec<String>,

    /// Compares with another build of this program, besides the one of the other profile that stands beside it.
    #[arg(long, value_name = "PROGRAM")]
    with: Vec<PathBuf>,

    /// Runs as one of the ways, and reports to the check that asked.
    #[arg(long, value_name = "WAY", hide = true)]
    way: Option<Way>,

    /// Looks at one run of that way: STORY:SEED:UNTIL:AT,AT….
    #[arg(long, value_name = "RUN", hide = true, requires = "way")]
    look: Option<Look>,

    /// Keeps the trace of that run.
    #[arg(long, value_name = "FILE", hide = true, requires = "look")]
    keep: Option<PathBuf>,
}

impl Check {
    pub(super) fn run(&self, out: &mut impl Write) -> io::Result<Exit> {
        let stories = match select(&self.stories) {
            Ok(stories) => stories,
            Err(unknown) => {
                complain(&unknown);
                return Ok(Exit::Usage);
            }
        };
        if let Some(way) = self.way {
            return self.act(way, &stories, out);
        }
        if let Err(why) = child::params(&stories, &self.settings) {
            complain(&why);
            return Ok(Exit::Usage);
        }
        let (siblings, unbuilt) = sibling::find();
        let probe = Way::Reference.probe(self, 0);
        let mut reference = Reference { said: probe.ask()?, probe, reached: Vec::new() };
        reference.reached = reference.said.reached.clone();
        let mut same = true;
        for way in Way::OTHERS {
            let probes: Vec<Probe> = way.probes(self);
            same &= reference.compare(out, &way.to_string(), &probes)?;
        }
        for path in siblings.into_iter().chain(self.with.iter().cloned()) {
            let name = format!("another build, {}", path.display());
            same &= reference.compare(out, &name, &[Way::Reference.probe(self, 0).of(path)])?;
        }
        for why in unbuilt {
            writeln!(out, "SKIPPED {why}")?;
        }
        for Reached { story, seed, site, what } in &reference.reached {
            writeln!(out, "REACHED OUTSIDE  {story} seed {seed}, at {site}: {what}")?;
        }
        Ok(if same && reference.reached.is_empty() { Exit::Passed } else { Exit::Failed })
    }
}

/// What every way is compared with.
struct Reference {
    probe: Probe,
    said: Said,
    /// What reached outside in any way, one line a story and place.
    reached: Vec<Reached>,
}

impl Reference {
    /// Whether the probes of one way report what the reference did. Says so, and where they part.
    fn compare(&mut self, out: &mut impl Write, name: &str, probes: &[Probe]) -> io::Result<bool> {
        let mut runs = 0;
        for probe in probes {
            let found = probe.ask()?;
            self.gather(&found);
            if found.keys == self.said.keys {
                writeln!(
                    out,
                    "{name}: std's hash keys are those of the reference, so this way shows nothing"
                )?;
                return Ok(false);
            }
            if found.unfilled {
                writeln!(out, "{name}: the program's allocator is not `Fill`, so this way shows nothing")?;
                return Ok(false);
            }
            runs += found.runs.len();
            let strange = |line: &&Line| !self.said.runs.contains(line);
            if let Some(line) = found.runs.iter().find(strange) {
                writeln!(out, "{name:<44} DIFFERS  {} seed {}\n", line.story, line.seed)?;
                write!(out, "{}", self.part(probe, line)?)?;
                return Ok(false);
            }
        }
        let expected = self.said.runs.len();
        if runs != expected {
            writeln!(out, "{name:<44} DIFFERS  {runs} runs were reported, {expected} were asked for")?;
            return Ok(false);
        }
        writeln!(out, "{name:<44} {runs} runs, equal hashes")?;
        Ok(true)
    }

    fn gather(&mut self, said: &Said) {
        for reached in &said.reached {
            let known = |other: &Reached| other.story == reached.story && other.site == reached.site;
            if !self.reached.iter().any(known) {
                self.reached.push(reached.clone());
            }
        }
    }

    /// Runs both again, and tells where they part.
    fn part(&self, probe: &Probe, line: &Line) -> io::Result<String> {
        Ok(match harness::part(&self.probe.at(line), &probe.at(line))? {
            Some(parted) => parted.text(["reference", "this way"]) + "\n",
            None => {
                "run again and again, it was the same event for event: it differs now and then\n\n".into()
            }
        })
    }
}
