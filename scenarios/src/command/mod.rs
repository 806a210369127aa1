//! The `tidemill` command: one file a subcommand, each a function from its arguments to an exit code.
//!
//! Results go to standard output, complaints and the progress bar to standard error. No colours, no cursor movement
//! unless standard error is a terminal.

mod campaign;
mod check;
mod coverage;
mod cpu;
mod diff;
mod done;
mod fill;
mod findability;
mod ledger;
mod list;
mod partition;
mod pipeline;
mod replay;
mod ring;
mod run;
mod select;
mod shared;
mod shrink;
mod source;
mod strategy;
mod tape;
mod text;
mod trace;
mod understand;
mod why;

pub use fill::Fill;
pub use understand::{campaign_file, understand};

use clap::{Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;
use tidemill_sim::harness::Story;

const ABOUT: &str =
    "Runs stories in a simulated world, thousands of seeds at a time, and replays the seeds that fail.";

const AFTER: &str = "\
Exit codes:
  0  everything passed
  1  a seed failed, or a claim was not met in any; or a replayed tape reproduced its failure
  2  bad usage: unknown story or option, or a tape that cannot be read (the message names line and reason)
  3  a tape no longer reproduces (the message names where the run left the recorded path)

Examples:
  tidemill list                                    what there is to run
  tidemill run                                     every story, its default seeds
  tidemill run ping_pong --seeds 100000 --jobs 8   one story, many seeds
  tidemill run ping_pong --seed 8123 --json        one seed; the report holds its trace hash
  tidemill replay sim-failures/canary-20f78d0c.tape
  tidemill shrink sim-failures/canary-20f78d0c.tape  the same failure, as small as it gets";

/// The exit code of a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
enum Exit {
    Passed = 0,
    Failed = 1,
    Usage = 2,
    Departed = 3,
}

#[derive(Parser, Debug)]
#[command(name = "tidemill", version, about = ABOUT, after_help = AFTER, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Lists the stories.
    List(list::List),
    /// Runs stories over many seeds.
    Run(run::Run),
    /// Adds up and judges what the claims of many runs came to.
    Coverage(coverage::CoverageOf),
    /// Runs stories under several strategies for long, and goes on where it was interrupted.
    Campaign(campaign::Long),
    /// Runs a tape again.
    Replay(replay::Replay),
    /// Makes a failing tape small.
    Shrink(shrink::Shrink),
    /// Explains a failing tape: where it was decided, and what could have influenced it.
    Why(why::Why),
    /// Says how many clean seeds are needed before a fix is believed.
    Findability(findability::Findability),
    /// Shows what happened in a run, and because of what.
    Trace(trace::Trace),
    /// Names the first event at which two runs part.
    Diff(diff::Diff),
    /// Runs stories in every way that must make no difference, and compares.
    Check(check::Check),
    /// The thermometer pipeline as real processes on this machine.
    Pipeline(pipeline::Pipeline),
    /// Looks at rings between processes, in use or left behind.
    Ring(ring::RingOf),
}

/// The command with stories of your own in the place of ours.
pub fn main_with(stories: &'static [Story]) -> ExitCode {
    crate::stories::replace(stories);
    main()
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut out = io::BufWriter::new(io::stdout().lock());
    let exit = match &arguments.command {
        Command::List(list) => list.run(&mut out),
        Command::Run(run) => run.run(&mut out),
        Command::Coverage(coverage) => coverage.run(&mut out),
        Command::Campaign(campaign) => campaign.run(&mut out),
        Command::Replay(replay) => replay.run(&mut out),
        Command::Shrink(shrink) => shrink.run(&mut out),
        Command::Why(why) => why.run(&mut out),
        Command::Findability(findability) => findability.run(&mut out),
        Command::Trace(trace) => trace.run(&mut out),
        Command::Diff(diff) => diff.run(&mut out),
        Command::Check(check) => check.run(&mut out),
        Command::Pipeline(pipeline) => pipeline.run(&mut out),
        Command::Ring(ring) => ring.run(&mut out),
    };
    match exit.and_then(|exit| out.flush().map(|()| exit)) {
        Ok(exit) => ExitCode::from(exit as u8),
        // Whoever read our output has seen enough: `tidemill list | head -1`. The code is the one of SIGPIPE.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::from(141),
        Err(error) => {
            complain(&error);
            ExitCode::from(Exit::Usage as u8)
        }
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// A line on standard error that counts runs; invisible where that is no terminal.
fn spinner() -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {human_pos} runs  {per_sec}  {msg}");
    ProgressBar::new_spinner().with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
}

/// Says on standard error what is wrong.
fn complain(what: &dyn Display) {
    eprintln!("tidemill: {what}");
}
