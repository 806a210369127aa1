use super::select::select;
use super::text::{Table, count, span};
use super::{Exit, complain};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use std::fs;
use std::io::{self, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use tidemill_sim::Overlay;
use tidemill_sim::harness::{Campaign, Group, Params, Report, Story, Tally, tag};

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  tidemill run                              every story, its default seeds
  tidemill run 'ping*' --seeds 100000       stories by the beginning of their names
  tidemill run ping_pong --seed 8123        one seed
  tidemill run ping_pong --set loss=200     a story's parameter; `tidemill list` shows them

Exit codes: 0 every seed passed, 1 a seed failed, 2 bad usage.")]
pub(super) struct Run {
    /// Stories to run, by name or by beginning and `*`; none runs all that must pass.
    #[arg(value_name = "STORY")]
    stories: Vec<String>,

    /// How many seeds run, from 0 [default: the story's own number].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    seeds: Option<u64>,

    /// Runs this seed alone.
    #[arg(long, value_name = "S", conflicts_with = "seeds")]
    seed: Option<u64>,

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

    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

/// What one story came to.
struct Done {
    story: &'static Story,
    tally: Tally,
    real_ns: u128,
    /// Every run, where each was asked for.
    runs: Vec<Brief>,
    /// A tape for each group of failures, or why there is none.
    tapes: Vec<Result<PathBuf, String>>,
}

/// One line about one run.
struct Brief {
    seed: u64,
    hash: u128,
    failure: Option<String>,
}

impl Run {
    pub(super) fn run(&self, out: &mut impl Write) -> io::Result<Exit> {
        let plan = match self.plan() {
            Ok(plan) => plan,
            Err(message) => {
                complain(&message);
                return Ok(Exit::Usage);
            }
        };
        let done: Vec<Done> = plan.into_iter().map(|(story, params)| self.play(story, &params)).collect();
        if self.json {
            let stories: Vec<Value> = done.iter().map(Done::object).collect();
            writeln!(out, "{:#}", json!({ "stories": stories }))?;
        } else {
            done.iter().try_for_each(|done| done.hashes(out))?;
            write!(out, "{}", table(&done))?;
            done.iter().try_for_each(|done| done.counts(out))?;
            done.iter().try_for_each(|done| done.failures(out))?;
        }
        let green = done.iter().all(|done| done.tally.failed == 0);
        Ok(if green { Exit::Passed } else { Exit::Failed })
    }

    /// Every story with its parameters, settled before anything runs.
    fn plan(&self) -> Result<Vec<(&'static Story, Params)>, String> {
        let stories = select(&self.stories).map_err(|unknown| unknown.to_string())?;
        stories
            .into_iter()
            .map(|story| {
                let mut params = story.params();
                for setting in &self.settings {
                    let (name, value) =
                        setting.split_once('=').ok_or_else(|| format!("--set {setting}: not NAME=VALUE"))?;
                    let bad = |bad| format!("--set {setting}: {}: {bad}", story.name);
                    story.set(&mut params, name, value).map_err(bad)?;
                }
                Ok((story, params))
            })
            .collect()
    }

    fn range(&self, story: &Story) -> Range<u64> {
        match self.seed {
            Some(seed) => seed..seed.saturating_add(1).max(seed),
            None => 0..self.seeds.unwrap_or(story.seeds),
        }
    }

    #[expect(
        clippy::disallowed_types,
        reason = "the ratio of virtual to real time is measured outside the runs"
    )]
    fn play(&self, story: &'static Story, params: &Params) -> Done {
        let seeds = self.range(story);
        let bar = bar(story.name, seeds.end - seeds.start);
        let jobs = self.jobs.map_or_else(cores, usize::from);
        let campaign = Campaign { story, params, seeds, jobs, failures_max: self.stop_after };
        let every_run = self.trace_hash || self.seed.is_some();
        let mut runs = Vec::new();
        let start = std::time::Instant::now();
        let tally = campaign.run(&mut |report| {
            bar.inc(1);
            if every_run {
                runs.push(Brief::of(report));
            }
        });
        let real_ns = start.elapsed().as_nanos();
        bar.finish_and_clear();
        let tapes = tally.groups.iter().map(|group| write_tape(story, params, group, &self.tapes)).collect();
        Done { story, tally, real_ns, runs, tapes }
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
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
    let tape = story.tape(params, &Overlay::new(), &group.first).map_err(|unsteady| unsteady.to_string())?;
    let path = folder.join(format!("{}-{}.tape", story.name, group.tag));
    let written = fs::create_dir_all(folder).and_then(|()| fs::write(&path, tape.to_string()));
    written.map_err(|error| format!("no tape written: {}: {error}", path.display()))?;
    Ok(path)
}

impl Brief {
    fn of(report: &Report) -> Self {
        Self { seed: report.seed, hash: report.hash, failure: report.failure.as_ref().map(tag) }
    }
}

fn table(done: &[Done]) -> Table<8> {
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

impl Done {
    fn hashes(&self, out: &mut impl Write) -> io::Result<()> {
        self.runs.iter().try_for_each(|run| {
            let failed = run.failure.as_ref().map(|tag| format!("  failed {tag}")).unwrap_or_default();
            writeln!(out, "{} seed {} hash {:032x}{failed}", self.story.name, run.seed, run.hash)
        })
    }

    /// What happened to the messages: a fault that was never seen proves nothing.
    fn counts(&self, out: &mut impl Write) -> io::Result<()> {
        let happened = self.tally.counts.iter().filter(|(_, sum)| *sum > 0);
        let seen: Vec<String> = happened.map(|(name, sum)| format!("{} {name}", count(*sum))).collect();
        if seen.is_empty() { Ok(()) } else { writeln!(out, "{}: {}", self.story.name, seen.join(", ")) }
    }

    fn failures(&self, out: &mut impl Write) -> io::Result<()> {
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
            match tape {
                Ok(path) => writeln!(out, "replay: cargo sim replay {}", path.display())?,
                Err(why) => writeln!(out, "{why}\nreplay: cargo sim run {name} --seed {seed}")?,
            }
        }
        Ok(())
    }

    fn object(&self) -> Value {
        let hex = |hash: u128| format!("{hash:032x}");
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
            })
        };
        let tally = &self.tally;
        json!({
            "story": self.story.name,
            "seeds": tally.seeds,
            "failed": tally.failed,
            "digest": hex(tally.digest),
            "virtual_ns": whole(tally.virtual_ns),
            "real_ns": whole(self.real_ns),
            "events": tally.events,
            "messages": tally.messages,
            "counts": tally.counts.iter().map(|(name, sum)| ((*name).to_owned(), json!(sum))).collect::<serde_json::Map<_, _>>(),
            "failures": tally.groups.iter().zip(&self.tapes).map(failure).collect::<Vec<_>>(),
            "runs": self.runs.iter().map(run).collect::<Vec<_>>(),
        })
    }
}

/// JSON has no longer whole numbers that every reader agrees on.
fn whole(ns: u128) -> u64 {
    u64::try_from(ns).unwrap_or(u64::MAX)
}
