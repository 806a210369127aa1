use super::cpu::CpuTimer;
use super::tape::{load, refuse};
use super::text::{Table, count, span};
use super::why::percent;
use super::{Exit, complain, spinner};
use crate::stories;
use clap::Args;
use serde_json::json;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;
use tidemill_sim::harness::{Params, Story, Subject};
use tidemill_sim::why::{Finding, clean_seeds, measure};

#[derive(Args, Debug)]
#[command(after_help = "\
Run it before the fix: it measures how often seeds meet the failure. A rate p leaves n clean seeds the doubt (1-p)^n, so
n = ln(doubt) / ln(1-p), with p at the lower end of its 95 % interval. Where no seed meets the failure, p is below 3/n
with 95 % confidence (rule of three), and no number of clean seeds proves a fix: replay the tape.

Exit codes: 0 measured, 2 bad usage, or the tape cannot be read.")]
pub(super) struct Findability {
    /// A story, for any failure of it; or a tape, for the failure that it records.
    #[arg(value_name = "STORY|TAPE")]
    what: PathBuf,

    /// How many seeds run, from 0 [default: the story's own number].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    seeds: Option<u64>,

    /// Ends the measurement after so many seconds of processor time.
    #[arg(long, value_name = "S", default_value_t = 60)]
    time: u64,

    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

/// What is measured: a story, its parameters, and tag and id of the failure; any failure where there is none.
type Question = (&'static Story, Params, Option<(String, String)>);

/// Doubts that the table answers.
const DOUBTS: [(f64, &str); 3] = [(0.05, "5 %"), (0.01, "1 %"), (0.001, "0.1 %")];

impl Findability {
    pub(super) fn run(&self, out: &mut impl Write) -> io::Result<Exit> {
        let (story, params, wanted) = match self.question() {
            Ok(question) => question,
            Err(exit) => return Ok(exit),
        };
        let (timer, limit) = (CpuTimer::start(), Duration::from_secs(self.time));
        let bar = spinner();
        let seeds = self.seeds.unwrap_or(story.seeds);
        let tag = wanted.as_ref().map(|(tag, _)| tag.as_str());
        let finding = measure(&Subject::from(story), &params, seeds, tag, &mut |finding| {
            bar.inc(1);
            bar.set_message(format!("{} met it", finding.share.hits));
            timer.elapsed() < limit
        });
        bar.finish_and_clear();
        let id = wanted.map_or_else(|| "any failure".to_owned(), |(tag, id)| format!("{tag}  {id}"));
        if self.json {
            writeln!(out, "{:#}", object(story, &id, &finding))?;
        } else {
            print(out, story, &id, &finding, timer.elapsed())?;
        }
        Ok(Exit::Passed)
    }

    fn question(&self) -> Result<Question, Exit> {
        if let Some(story) = self.what.to_str().and_then(stories::find) {
            return Ok((story, story.params(), None));
        }
        if !self.what.exists() && self.what.extension().is_none() {
            let names: Vec<&str> = stories::all().iter().map(|story| story.name).collect();
            complain(&format_args!(
                "{}: neither a tape nor a story; the stories are: {}",
                self.what.display(),
                names.join(", ")
            ));
            return Err(Exit::Usage);
        }
        let (tape, story) = load(&self.what)?;
        let params = Subject::from(story).params_of(&tape).map_err(|error| refuse(&self.what, &error))?;
        let Some(ending) = tape.failure else {
            return Err(refuse(
                &self.what,
                &"the tape records a run that passed: there is no failure to find",
            ));
        };
        Ok((story, params, Some((ending.tag, ending.id))))
    }
}

fn print(out: &mut impl Write, story: &Story, id: &str, finding: &Finding, cpu: Duration) -> io::Result<()> {
    let (low, high) = finding.share.interval();
    writeln!(out, "story    {}\nfailure  {id}", story.name)?;
    write!(out, "met by   {} of {} seeds", count(finding.share.hits), count(finding.share.of))?;
    match finding.first {
        Some(first) => writeln!(out, ", seed {first} first")?,
        None => writeln!(out)?,
    }
    if finding.otherwise > 0 {
        writeln!(out, "         {} seeds failed in another way", count(finding.otherwise))?;
    }
    let rate = percent(finding.share.rate());
    writeln!(out, "rate     {rate}, between {} and {} with 95 % confidence", percent(low), percent(high))?;
    writeln!(out, "time     {} of processor time", span(cpu.as_nanos()))?;
    if finding.share.hits == 0 {
        return writeln!(
            out,
            "\nno seed met it, so clean seeds cannot show that it is fixed: replay its tape"
        );
    }
    let mut table = Table::new("");
    table.row(["doubt".to_owned(), "clean seeds until a fix is believed".to_owned()]);
    for (doubt, name) in DOUBTS {
        let seeds = clean_seeds(low, doubt).map_or_else(|| "none is enough".to_owned(), count);
        table.row([name.to_owned(), seeds]);
    }
    write!(out, "\n{table}")
}

fn object(story: &Story, id: &str, finding: &Finding) -> serde_json::Value {
    let (low, high) = finding.share.interval();
    let seeds = |(doubt, _): &(f64, &str)| json!({ "doubt": doubt, "clean_seeds": clean_seeds(low, *doubt) });
    json!({
        "story": story.name,
        "failure": id,
        "hits": finding.share.hits,
        "seeds": finding.share.of,
        "otherwise": finding.otherwise,
        "first": finding.first,
        "rate": finding.share.rate(),
        "interval": [low, high],
        "believed_after": DOUBTS.iter().map(seeds).collect::<Vec<_>>(),
    })
}
