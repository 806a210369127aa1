use super::cpu::CpuTimer;
use super::done::{Brief, Done, annotations, junit, table};
use super::partition::{Partition, Wanted};
use super::select::{select, settle};
use super::strategy::{self, Choice};
use super::{Exit, complain, cores};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use std::fs;
use std::io::{self, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tidemill_sim::CoverageFile;
use tidemill_sim::explore::Strategy;
use tidemill_sim::harness::{Campaign, Group, Must, Params, Story};

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  tidemill run                              every story, its default seeds
  tidemill run 'ping*' --seeds 100000       stories by a pattern
  tidemill run ping_pong --seed 8123        one seed
  tidemill run ping_pong --strategy pct:3   orders that turn at two points, whatever they are
  tidemill run ping_pong --set loss=200     a story's parameter; `tidemill list` shows them
  tidemill run --time 600 --partition 3/8   ten minutes of the third eighth of all seeds

CI_NODE_INDEX with CI_NODE_TOTAL, and their like of CircleCI, Buildkite, Slurm and AWS Batch, say which part runs where
--partition does not; Kubernetes says k and not n: `--partition /n`. `--partition 1/1` runs all, whatever they say.
Parts are whole: what the n parts run is what one machine runs, seed by seed, and no result depends on --jobs.
With GITHUB_ACTIONS=true every failure is also an annotation on standard error.

A `sometimes!`, a `reachable!` or something expected that no run met fails a story once as many seeds as it wants by
itself have run, with the parameters that it has by itself; `tidemill coverage` judges parts.

Exit codes: 0 every seed passed, 1 a seed failed or a claim was not met, 2 bad usage.")]
pub(super) struct Run {
    /// Stories to run, by name or pattern (`ping*`, `p?ng_*`); none runs all that must pass.
    #[arg(value_name = "STORY")]
    stories: Vec<String>,

    /// How many seeds run, from 0 [default: the story's own number].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    seeds: Option<u64>,

    /// Runs this seed alone.
    #[arg(long, value_name = "S", conflicts_with = "seeds")]
    seed: Option<u64>,

    /// Ends after so many seconds, in equal shares; without `--seeds` seeds run until then.
    #[arg(long, value_name = "SECONDS", conflicts_with = "seed", value_parser = clap::value_parser!(u64).range(1..))]
    time: Option<u64>,

    /// Runs the k-th of n parts of the seeds [default: what the environment says].
    #[arg(long, value_name = "K/N", conflicts_with = "seed")]
    partition: Option<Wanted>,

    #[command(flatten)]
    strategy: Choice,

    /// Threads [default: one a core]; the results do not depend on it.
    #[arg(long, value_name = "J", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,

    /// Sets a parameter of the stories.
    #[arg(long = "set", value_name = "NAME=VALUE")]
    settings: Vec<String>,

    /// Ends a story after this many failed seeds.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    stop_after: u64,

    /// Where tapes of failed seeds are written.
    #[arg(long, value_name = "FOLDER", default_value = "sim-failures")]
    tapes: PathBuf,

    /// Prints the trace hash of every seed.
    #[arg(long)]
    trace_hash: bool,

    /// Writes what the claims came to, for `tidemill coverage`.
    #[arg(long, value_name = "FILE")]
    coverage: Option<PathBuf>,

    /// Writes a JUnit report.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,

    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

/// Stories with their parameters.
type Plan = Vec<(&'static Story, Params)>;

impl Run {
    pub(super) fn run(&self, out: &mut impl Write) -> io::Result<Exit> {
        let (plan, partition) = match self.settled(&variable) {
            Ok(plan) => plan,
            Err(message) => {
                complain(&message);
                return Ok(Exit::Usage);
            }
        };
        if partition.is_part() {
            eprintln!("tidemill: part {partition} of the seeds");
        }
        let done = self.play_all(&plan, partition);
        if self.json {
            let stories: Vec<Value> = done.iter().map(Done::object).collect();
            writeln!(out, "{:#}", json!({ "stories": stories }))?;
        } else {
            done.iter().try_for_each(|done| done.hashes(out))?;
            write!(out, "{}", table(&done))?;
            done.iter().try_for_each(|done| done.counts(out))?;
            done.iter().try_for_each(|done| strategy::shares(done.story.name, &done.tally, out))?;
            done.iter().try_for_each(|done| done.failures(out))?;
            done.iter().try_for_each(|done| done.unmet_claims(out))?;
        }
        if let Some(path) = &self.coverage {
            let mut coverage = CoverageFile::default();
            done.iter().for_each(|done| coverage.add(done.story.name, done.tally.coverage.clone()));
            super::coverage::write(&coverage, path)?;
        }
        if let Some(path) = &self.junit {
            junit(&done, path)?;
        }
        if variable("GITHUB_ACTIONS").is_some_and(|value| value == "true") {
            eprint!("{}", annotations(&done));
        }
        let green = done.iter().all(|done| done.tally.failed == 0 && done.unmet().next().is_none());
        Ok(if green { Exit::Passed } else { Exit::Failed })
    }

    /// What runs, and which part of the seeds.
    pub(super) fn settled(
        &self,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<(Plan, Partition), String> {
        let plan = self.plan()?;
        let whole = self.seed.is_some();
        let partition = if whole { Partition::ALL } else { Partition::settle(self.partition, variable)? };
        Ok((plan, partition))
    }

    /// Every story with its parameters, settled before anything runs.
    fn plan(&self) -> Result<Plan, String> {
        let stories = select(&self.stories).map_err(|unknown| unknown.to_string())?;
        let settled = |story| settle(story, &self.settings).map(|params| (story, params));
        stories.into_iter().map(settled).collect()
    }

    pub(super) fn range(&self, story: &Story) -> Range<u64> {
        match self.seed {
            Some(seed) => seed..seed.saturating_add(1).max(seed),
            None if self.time.is_some() => 0..self.seeds.unwrap_or(u64::MAX),
            None => 0..self.seeds.unwrap_or(story.seeds),
        }
    }

    fn play_all(&self, plan: &[(&'static Story, Params)], partition: Partition) -> Vec<Done> {
        let mut left = self.time.map(Duration::from_secs);
        let mut done = Vec::new();
        for (at, (story, params)) in plan.iter().enumerate() {
            let share = left.map(|left| left / (plan.len() - at) as u32);
            let played = self.play(story, params, partition.part(&self.range(story)), share);
            let used = Duration::from_nanos(u64::try_from(played.real_ns).unwrap_or(u64::MAX));
            left = left.map(|left| left.saturating_sub(used));
            done.push(played);
        }
        done
    }

    #[expect(
        clippy::disallowed_types,
        reason = "the ratio of virtual to real time and the end of `--time` are measured outside the runs"
    )]
    fn play(
        &self,
        story: &'static Story,
        params: &Params,
        seeds: Range<u64>,
        limit: Option<Duration>,
    ) -> Done {
        let bar = bar(story.name, seeds.end - seeds.start);
        let jobs = self.jobs.map_or_else(cores, usize::from);
        let (strategy, failures_max) = (self.strategy.get(), self.stop_after);
        let campaign = Campaign { story, params, strategy, seeds, jobs, failures_max };
        let every_run = self.trace_hash || self.seed.is_some();
        let mut runs = Vec::new();
        let (start, cpu) = (std::time::Instant::now(), CpuTimer::start());
        let mut cut = false;
        let tally = campaign.run_while(&mut |report| {
            bar.inc(1);
            if every_run {
                runs.push(Brief::of(report));
            }
            cut = limit.is_some_and(|limit| start.elapsed() >= limit);
            !cut
        });
        let (real_ns, cpu_ns) = (start.elapsed().as_nanos(), cpu.elapsed().as_nanos());
        bar.finish_and_clear();
        let tapes = tally.groups.iter().map(|group| write_tape(story, params, group, &self.tapes)).collect();
        let usual = *params == story.params() && self.strategy.get() == Strategy::Random;
        let whole = tally.seeds >= story.seeds && usual && story.must == Must::Pass;
        Done { story, tally, real_ns, cpu_ns, runs, tapes, cut, whole }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "read by the command, before any simulation begins and after the last"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// A bar on standard error; invisible where that is no terminal.
fn bar(name: &'static str, seeds: u64) -> ProgressBar {
    let style =
        ProgressStyle::with_template("{msg:12} {wide_bar} {human_pos}/{human_len} seeds  {per_sec}  {eta}");
    ProgressBar::new(seeds)
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        .with_message(name)
}

fn write_tape(story: &Story, params: &Params, group: &Group, folder: &Path) -> Result<PathBuf, String> {
    let tape = story.tape_of(params, &group.trial, &group.first).map_err(|unsteady| unsteady.to_string())?;
    let path = folder.join(format!("{}-{}.tape", story.name, group.tag));
    let written = fs::create_dir_all(folder).and_then(|()| fs::write(&path, tape.to_string()));
    written.map_err(|error| format!("no tape written: {}: {error}", path.display()))?;
    Ok(path)
}
