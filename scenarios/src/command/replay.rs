use super::Exit;
use super::tape::{load, refuse};
use clap::Args;
use serde_json::json;
use std::io::{self, Write};
use std::path::PathBuf;
use tidemill_sim::harness::{self, Departure, Report, tag};
use tidemill_sim::tape::Tape;

#[derive(Args, Debug)]
#[command(after_help = "\
Exit codes:
  0  the tape records a run that passed, and it passed again along the same path
  1  the recorded failure was reproduced, event for event
  2  the tape cannot be read, or does not fit its story: the message names line and reason
  3  the run left the recorded path: the message names where")]
pub(super) struct Replay {
    /// The tape: a file that a failed run wrote.
    tape: PathBuf,

    /// Is content with the same failure by another path (after an edit of the code, say).
    #[arg(long)]
    any_path: bool,

    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

impl Replay {
    pub(super) fn run(&self, out: &mut impl Write) -> io::Result<Exit> {
        let (tape, story) = match load(&self.tape) {
            Ok(loaded) => loaded,
            Err(exit) => return Ok(exit),
        };
        let (departure, same_end, report) = match story.replay(&tape) {
            Err(error) => return Ok(refuse(&self.tape, &error)),
            Ok(harness::Replay::Same(report)) => (None, true, report),
            Ok(harness::Replay::Left { departure, same_end, report }) => (Some(departure), same_end, report),
        };
        let accepted = departure.is_none() || (self.any_path && same_end);
        let exit = match (accepted, &report.failure) {
            (false, _) => Exit::Departed,
            (true, Some(_)) => Exit::Failed,
            (true, None) => Exit::Passed,
        };
        if self.json {
            writeln!(out, "{:#}", object(story.name, &report, departure.as_ref(), same_end))?;
        } else {
            print(out, story.name, &report)?;
            writeln!(out, "{}", verdict(&tape, departure.as_ref(), same_end, &report))?;
        }
        Ok(exit)
    }
}

fn print(out: &mut impl Write, story: &str, report: &Report) -> io::Result<()> {
    writeln!(out, "story    {story}\nseed     {}", report.seed)?;
    match &report.failure {
        None => writeln!(out, "failure  none")?,
        Some(failure) => {
            writeln!(out, "failure  {}  {}", tag(failure), failure.id)?;
            writeln!(out, "         {}", failure.message)?;
            writeln!(out, "at       {:?}, event {}, {}", failure.at, failure.event, failure.entity)?;
        }
    }
    writeln!(out, "hash     {:032x}", report.hash)
}

fn verdict(tape: &Tape, departure: Option<&Departure>, same_end: bool, report: &Report) -> String {
    let name = |id: Option<&str>| id.map_or_else(|| "success".to_owned(), |id| format!("failure `{id}`"));
    match departure {
        None if report.failure.is_some() => "reproduced: the same failure along the same path".to_owned(),
        None => "repeated: the run passed, along the same path".to_owned(),
        Some(departure) if same_end => format!(
            "does not reproduce: the same end, by another path (`--any-path` accepts that)\n\
             left the recorded path {departure}"
        ),
        Some(departure) => {
            let expected = name(tape.failure.as_ref().map(|ending| ending.id.as_str()));
            let got = name(report.failure.as_ref().map(|failure| failure.id.as_str()));
            format!("does not reproduce: expected {expected}, got {got}\nleft the recorded path {departure}")
        }
    }
}

fn object(story: &str, report: &Report, departure: Option<&Departure>, same_end: bool) -> serde_json::Value {
    json!({
        "story": story,
        "seed": report.seed,
        "hash": format!("{:032x}", report.hash),
        "failure": report.failure.as_ref().map(|failure| json!({
            "tag": tag(failure),
            "id": failure.id,
            "message": failure.message,
            "at_ns": failure.at.as_nanos(),
            "event": failure.event,
            "entity": failure.entity,
        })),
        "same_path": departure.is_none(),
        "same_end": same_end,
        "left": departure.map(ToString::to_string),
    })
}
