use super::cpu::CpuTimer;
use super::tape::{decline, load};
use super::text::{Table, count, span};
use super::{Exit, spinner};
use clap::Args;
use serde_json::{Value, json};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tidemill_sim::harness::{Story, Subject, tag};
use tidemill_sim::shrink::{Progress, Shrunk, Size, shrink, typed};

#[derive(Args, Debug)]
#[command(after_help = "\
The failure is looked for in smaller worlds, and the first run that shows it there takes the place of the tape's. Its
choices are laid out over zero; then faults, machines, work, order and times are made less, spans cut out and values
lowered, over and over, until nothing helps; then the same with other failing runs of the world that is left. Every step
runs the story and keeps the failure's id. A limit leaves the smallest tape so far. The result depends on the tape and
on --runs and --work alone; --time depends on the machine.

Exit codes: 0 a tape was written, 2 the tape cannot be read or does not fit, 3 its run does not fail as recorded.")]
pub(super) struct Shrink {
    /// The tape of a failed run.
    tape: PathBuf,

    /// Where the small tape is written [default: beside the tape, as NAME.small.tape].
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// Writes the ready Rust test to a file instead of printing it.
    #[arg(long, value_name = "FILE")]
    test: Option<PathBuf>,

    /// Ends the search after so many runs.
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    runs: u64,

    /// Ends the search after so much work: one for each event and each choice, a hundred for each run.
    #[arg(long, value_name = "N", default_value_t = 3_000_000)]
    work: u64,

    /// Ends the search after so many seconds of processor time.
    #[arg(long, value_name = "S")]
    time: Option<u64>,

    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

impl Shrink {
    pub(super) fn run(&self, out: &mut impl Write) -> io::Result<Exit> {
        let (tape, story) = match load(&self.tape) {
            Ok(loaded) => loaded,
            Err(exit) => return Ok(exit),
        };
        let (timer, limit) = (CpuTimer::start(), self.time.map(Duration::from_secs));
        let bar = spinner();
        let mut watch = |progress: &Progress<'_>| {
            bar.set_position(progress.runs);
            bar.set_message(format!("{}: {} choices", progress.pass, progress.best.choices));
            progress.work < self.work && limit.is_none_or(|limit| timer.elapsed() < limit)
        };
        let shrunk = shrink(&Subject::from(story), &tape, self.runs, &mut watch);
        bar.finish_and_clear();
        let cpu = timer.elapsed();
        let shrunk = match shrunk {
            Ok(shrunk) => shrunk,
            Err(refusal) => return Ok(decline(&self.tape, &refusal)),
        };
        let path = self.out.clone().unwrap_or_else(|| beside(&self.tape));
        fs::write(&path, shrunk.tape.to_string())?;
        let test = typed(&shrunk.tape, "tidemill_scenarios::stories::find", story.must);
        if let Some(file) = &self.test {
            fs::write(file, &test)?;
        }
        if self.json {
            writeln!(out, "{:#}", object(story, &shrunk, cpu, &path, &test))?;
            return Ok(Exit::Passed);
        }
        print(out, story, &shrunk, cpu, &path)?;
        if self.test.is_none() {
            write!(out, "\n{test}")?;
        }
        Ok(Exit::Passed)
    }
}

/// `folder/name.tape` becomes `folder/name.small.tape`.
fn beside(tape: &Path) -> PathBuf {
    tape.with_extension("small.tape")
}

fn print(out: &mut impl Write, story: &Story, shrunk: &Shrunk, cpu: Duration, path: &Path) -> io::Result<()> {
    let (before, after) = (&shrunk.before, &shrunk.after);
    let mut table = Table::new("");
    table.row([story.name.to_owned(), "before".to_owned(), "after".to_owned()]);
    let mut row = |name: &str, show: &dyn Fn(&Size) -> String| {
        table.row([name.to_owned(), show(before), show(after)]);
    };
    row("choices", &|size| count(size.choices));
    row("events", &|size| count(size.events));
    row("virtual time", &|size| span(u128::from(size.virtual_ns)));
    for (at, (name, _)) in before.params.iter().enumerate() {
        row(name, &|size| count(size.params[at].1));
    }
    write!(out, "{table}")?;
    let (failure, runs) = (&shrunk.failure, count(shrunk.runs));
    let end = if shrunk.complete { "nothing that is left can be spared" } else { "a limit ended the search" };
    writeln!(out, "failure  {}  {}", tag(failure), failure.id)?;
    failure.message.lines().try_for_each(|line| writeln!(out, "         {line}"))?;
    writeln!(out, "search   {runs} runs, {} of processor time: {end}", span(cpu.as_nanos()))?;
    writeln!(out, "replay: cargo sim replay {}", path.display())
}

fn object(story: &Story, shrunk: &Shrunk, cpu: Duration, path: &Path, test: &str) -> Value {
    let size = |size: &Size| {
        let params = size.params.iter().map(|(name, value)| ((*name).to_owned(), json!(value)));
        json!({
            "choices": size.choices,
            "events": size.events,
            "virtual_ns": size.virtual_ns,
            "params": params.collect::<serde_json::Map<_, _>>(),
        })
    };
    json!({
        "story": story.name,
        "tag": tag(&shrunk.failure),
        "id": shrunk.failure.id,
        "message": shrunk.failure.message,
        "before": size(&shrunk.before),
        "after": size(&shrunk.after),
        "runs": shrunk.runs,
        "work": shrunk.work,
        "complete": shrunk.complete,
        "cpu_ns": u64::try_from(cpu.as_nanos()).unwrap_or(u64::MAX),
        "tape": path.display().to_string(),
        "test": test,
    })
}
