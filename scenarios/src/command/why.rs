use super::cpu::CpuTimer;
use super::tape::{decline, load};
use super::text::{Table, count, span};
use super::{Exit, spinner};
use clap::Args;
use serde_json::{Value, json};
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;
use tidemill_sim::harness::{Story, Subject};
use tidemill_sim::trace::{STEPS_MAX, Trace};
use tidemill_sim::why::{Ask, Curve, curve, slice};

#[derive(Args, Debug)]
#[command(after_help = "\
The run is repeated up to some event and then goes on by other seeds, again and again. Where the share of runs that
still fail in the same way rises, the failure was decided; around the steepest rise as many points again are measured.
The causal slice holds the events that could have influenced the failure, and no other.

Exit codes: 0 explained, 2 the tape cannot be read or does not fit, 3 its run does not fail as recorded.")]
pub(super) struct Why {
    /// The tape of a failed run.
    tape: PathBuf,

    /// Points of the run at which it is left.
    #[arg(long, value_name = "K", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    cuts: u32,

    /// Seeds by which it goes on from each.
    #[arg(long, value_name = "M", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,

    /// Ends the measurement after so many seconds of processor time.
    #[arg(long, value_name = "S", default_value_t = 60)]
    time: u64,

    /// Writes the curve as a picture.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,

    /// Writes the causal slice as a Mermaid sequence diagram.
    #[arg(long, value_name = "FILE")]
    mermaid: Option<PathBuf>,

    /// Prints so many events of the causal slice, the last ones.
    #[arg(long, value_name = "N", default_value_t = 30)]
    events: usize,

    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

impl Why {
    pub(super) fn run(&self, out: &mut impl Write) -> io::Result<Exit> {
        let (tape, story) = match load(&self.tape) {
            Ok(loaded) => loaded,
            Err(exit) => return Ok(exit),
        };
        let (timer, limit) = (CpuTimer::start(), Duration::from_secs(self.time));
        let bar = spinner();
        let measured =
            curve(&Subject::from(story), &tape, Ask { cuts: self.cuts, runs: self.runs }, &mut |done, of| {
                bar.set_message(format!("{done} of {of} points"));
                bar.inc(u64::from(self.runs));
                timer.elapsed() < limit
            });
        bar.finish_and_clear();
        let curve = match measured {
            Ok(curve) => curve,
            Err(refusal) => return Ok(decline(&self.tape, &refusal)),
        };
        let (_, trace) = story.trace_tape(&tape).map_err(io::Error::other)?;
        let slice = slice(&trace);
        if let Some(path) = &self.svg {
            let id = trace.failure().map_or("", |failure| failure.id.as_str());
            fs::write(path, curve.svg(&format!("{}: {id}", story.name)))?;
        }
        if let Some(path) = &self.mermaid {
            fs::write(path, trace.mermaid(last(&slice, STEPS_MAX)))?;
        }
        if self.json {
            writeln!(out, "{:#}", object(story, &curve, &trace, &slice))?;
        } else {
            self.print(out, story, &curve, &trace, &slice, timer.elapsed())?;
        }
        Ok(Exit::Passed)
    }

    fn print(
        &self,
        out: &mut impl Write,
        story: &Story,
        curve: &Curve,
        trace: &Trace,
        slice: &[usize],
        cpu: Duration,
    ) -> io::Result<()> {
        if let Some(failure) = trace.failure() {
            writeln!(out, "{} fails: {}", story.name, failure.id)?;
            failure.message.lines().try_for_each(|line| writeln!(out, "  {line}"))?;
            writeln!(out)?;
        }
        let mut table = Table::new("");
        let head = ["events kept", "virtual", "fail so", "of", "share", "95 % interval", "otherwise"];
        table.row(head.map(str::to_owned));
        for point in &curve.points {
            let (low, high) = point.share.interval();
            table.row([
                count(point.events),
                span(u128::from(point.at.as_nanos())),
                count(point.share.hits),
                count(point.share.of),
                percent(point.share.rate()),
                format!("{} to {}", percent(low), percent(high)),
                count(point.otherwise),
            ]);
        }
        write!(out, "{table}\n{}│\n", curve.sparkline())?;
        match curve.rise() {
            None => writeln!(out, "decided nowhere: it fails as often wherever the run is left")?,
            Some((low, high)) => writeln!(
                out,
                "decided between event {} and event {}: {} of the runs that keep the first fail so, {} of those that \
                 keep the second",
                count(low.events),
                count(high.events),
                percent(low.share.rate()),
                percent(high.share.rate())
            )?,
        }
        let ended = if curve.complete { "" } else { ", ended by its limit" };
        writeln!(out, "{} runs, {} of processor time{ended}", count(curve.runs), span(cpu.as_nanos()))?;
        let shown = last(slice, self.events);
        let (size, all) = (count(slice.len() as u64), count(trace.len() as u64));
        writeln!(out, "\ncausal slice: {size} of {all} events could have influenced the failure")?;
        if shown.len() < slice.len() {
            writeln!(out, "  … the last {} of them", shown.len())?;
        }
        write!(out, "{}", trace.text(shown))
    }
}

fn last(slice: &[usize], most: usize) -> &[usize] {
    &slice[slice.len().saturating_sub(most)..]
}

/// A share in percent: `12.5 %`.
pub(super) fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

fn object(story: &Story, curve: &Curve, trace: &Trace, slice: &[usize]) -> Value {
    let points = curve.points.iter().map(|point| {
        json!({
            "events": point.events,
            "at_ns": point.at.as_nanos(),
            "decisions": point.decisions,
            "failed": point.share.hits,
            "runs": point.share.of,
            "otherwise": point.otherwise,
        })
    });
    json!({
        "story": story.name,
        "id": trace.failure().map(|failure| &failure.id),
        "events": curve.events,
        "points": points.collect::<Vec<_>>(),
        "decided": curve.rise().map(|(low, high)| [low.events, high.events]),
        "runs": curve.runs,
        "complete": curve.complete,
        "slice": slice,
        "mermaid": trace.mermaid(last(slice, STEPS_MAX)),
    })
}
