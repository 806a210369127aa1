//! `tidemill check`: one seed, one hash, however it runs.
//!
//! The reference is a process of its own that runs every seed in order on its main thread. Every other way is another
//! process, with other hash keys and other addresses, that must report the same hashes. Where one differs, both ways run
//! again with a trace of that run, and the first event that differs is printed with its causal past in both.

mod child;
mod sibling;
mod way;

use super::{Exit, complain, select::select};
use child::{Kept, Probe};
use clap::Args;
use std::io::{self, Write};
use tidemill_sim::trace::Trace;
use way::Way;

#[derive(Args, Debug)]
#[command(after_help = "\
Exit codes:
  0  every run has the same hash in every way
  1  one does not; the first event that differs is printed with both causal pasts
  2  unknown story or parameter

Examples:
  tidemill check                            every story that must pass, three seeds each
  tidemill check pipeline --seeds 20 --set rows=500")]
pub(super) struct Check {
    /// Stories, or beginnings of their names and `*`; none means every one that must pass.
    stories: Vec<String>,

    /// Seeds of each story, from 0.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,

    /// Sets a parameter of the stories.
    #[arg(long = "set", value_name = "NAME=VALUE")]
    settings: Vec<String>,

    /// Runs as one of the ways, and reports to the check that asked.
    #[arg(long, value_name = "WAY", hide = true)]
    way: Option<Way>,

    /// Keeps the trace of one run of that way: STORY:SEED:FILE.
    #[arg(long, value_name = "RUN", hide = true, requires = "way")]
    keep: Option<Kept>,
}

/// How often both ways run again until their traces differ.
const TRIES: usize = 5;

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
        let reference = Way::Reference.probe(self, 0);
        let (expected, keys) = reference.hashes()?;
        let mut same = true;
        for way in Way::OTHERS {
            let probes: Vec<Probe> = way.probes(self);
            same &= compare(out, &way.to_string(), &reference, &expected, &probes, keys)?;
        }
        for path in siblings {
            let probe = Way::Reference.probe(self, 0).of(path.clone());
            same &= compare(
                out,
                &format!("another build, {}", path.display()),
                &reference,
                &expected,
                &[probe],
                keys,
            )?;
        }
        for why in unbuilt {
            writeln!(out, "SKIPPED {why}")?;
        }
        Ok(if same { Exit::Passed } else { Exit::Failed })
    }
}

/// Whether the probes of one way report what the reference did. Says so, and where they part.
fn compare(
    out: &mut impl Write,
    name: &str,
    reference: &Probe,
    expected: &[child::Line],
    probes: &[Probe],
    keys: u64,
) -> io::Result<bool> {
    let mut runs = 0;
    for probe in probes {
        let (found, other_keys) = probe.hashes()?;
        if other_keys == keys {
            writeln!(out, "{name}: std's hash keys are those of the reference, so this way shows nothing")?;
            return Ok(false);
        }
        runs += found.len();
        let strange = |line: &&child::Line| !expected.contains(line);
        if let Some(line) = found.iter().find(strange) {
            writeln!(out, "{name:<44} DIFFERS  {} seed {}\n", line.story, line.seed)?;
            write!(out, "{}", part(reference, probe, line)?)?;
            return Ok(false);
        }
    }
    if runs != expected.len() {
        writeln!(out, "{name:<44} DIFFERS  {runs} runs were reported, {} were asked for", expected.len())?;
        return Ok(false);
    }
    writeln!(out, "{name:<44} {runs} runs, equal hashes")?;
    Ok(true)
}

/// Runs both again with a trace, and tells where they part.
fn part(reference: &Probe, probe: &Probe, line: &child::Line) -> io::Result<String> {
    for _ in 0..TRIES {
        let [one, other]: [Trace; 2] = [reference.trace(line)?, probe.trace(line)?];
        if let Some(parting) = one.parting(&other) {
            return Ok(one.parting_text(["reference", "this way"], &other, parting) + "\n");
        }
    }
    Ok(format!("run {TRIES} times more, it was the same event for event: it differs now and then\n\n"))
}
