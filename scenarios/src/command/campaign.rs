use super::ledger::{Finding, Lane, Ledger};
use super::select::{select, settle};
use super::text::{Table, count, plain};
use super::{Exit, complain, cores, spinner};
use clap::Args;
use serde_json::json;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tidemill_sim::explore::Strategy;
use tidemill_sim::harness::{Campaign, Group, Params, Story, Subject, Tally};
use tidemill_sim::shrink::shrink;

#[derive(Args, Debug)]
#[command(after_help = "\
Every story runs under every strategy, block by block in turn. After each block the file is written anew, and the same
command goes on from it: what a campaign comes to does not depend on how often it was interrupted, nor on --jobs. A failure
that is new gets a tape, shrunk at once; failures are told apart by story and id.

Example:
  tidemill campaign night.json 'p*' --strategies random,swarm,pct:3 --time 28800

A `sometimes!`, a `reachable!` or something expected that no run met fails the campaign once as many runs as a story wants
by itself are done with its own parameters.

Exit codes: 0 nothing was found, 1 something was, or a claim was not met, 2 bad usage, or a file of another campaign.")]
pub(super) struct Long {
    /// Where the campaign is kept; it goes on from there.
    file: PathBuf,

    /// Stories to run, by name or pattern; none runs all that must pass.
    #[arg(value_name = "STORY")]
    stories: Vec<String>,

    /// Strategies: random, swarm, pct:DEPTH, exhaustive:FAULTS, guided, portfolio.
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "random")]
    strategies: Vec<Strategy>,

    /// Runs of every story under every strategy, up to a whole block.
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    runs: u64,

    /// Runs of a block.
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u64).range(1..))]
    block: u64,

    /// Ends after the block during which so many seconds are over.
    #[arg(long, value_name = "SECONDS")]
    time: Option<u64>,

    /// Threads [default: one a core]; the results do not depend on it.
    #[arg(long, value_name = "J", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,

    /// Sets a parameter of the stories.
    #[arg(long = "set", value_name = "NAME=VALUE")]
    settings: Vec<String>,

    /// Where tapes of new failures are written.
    #[arg(long, value_name = "FOLDER", default_value = "sim-failures")]
    tapes: PathBuf,

    /// Runs that shrinking a new failure may take; 0 leaves the tape as it is.
    #[arg(long, value_name = "N", default_value_t = 5_000)]
    shrink: u64,

    /// Writes what the claims came to, for `tidemill coverage`.
    #[arg(long, value_name = "FILE")]
    coverage: Option<PathBuf>,

    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

/// A story with its parameters, under a strategy.
pub(super) struct Way {
    story: &'static Story,
    params: Params,
    strategy: Strategy,
}

impl Long {
    pub(super) fn run(&self, out: &mut impl Write) -> io::Result<Exit> {
        let begun = self.ways().and_then(|ways| {
            let names: Vec<_> = ways.iter().map(|way| (way.story.name, way.strategy.to_string())).collect();
            let ledger = Ledger::new(self.block, &self.settings, &names).resume(&self.file);
            ledger.map(|ledger| (ways, ledger)).map_err(|bad| format!("{}: {bad}", self.file.display()))
        });
        let (ways, mut ledger) = match begun {
            Ok(begun) => begun,
            Err(message) => {
                complain(&message);
                return Ok(Exit::Usage);
            }
        };
        self.go_on(&ways, &mut ledger)?;
        let unmet = self.unmet(&ways, &ledger)?;
        if self.json {
            writeln!(out, "{:#}", json!({ "campaign": ledger, "unmet": unmet }))?;
        } else {
            print(out, &ledger)?;
            unmet.iter().try_for_each(|claim| writeln!(out, "\nnot met: {claim}"))?;
        }
        Ok(if ledger.findings.is_empty() && unmet.is_empty() { Exit::Passed } else { Exit::Failed })
    }

    /// Every story under every strategy, settled before anything runs.
    pub(super) fn ways(&self) -> Result<Vec<Way>, String> {
        let mut ways = Vec::new();
        for story in select(&self.stories).map_err(|unknown| unknown.to_string())? {
            let params = settle(story, &self.settings)?;
            let way = |strategy: &Strategy| Way { story, params: params.clone(), strategy: *strategy };
            ways.extend(self.strategies.iter().map(way));
        }
        Ok(ways)
    }

    /// Block by block in turn, until every lane has its runs or time is up.
    #[expect(clippy::disallowed_types, reason = "the end of `--time` is measured outside the runs")]
    fn go_on(&self, ways: &[Way], ledger: &mut Ledger) -> io::Result<()> {
        let (start, limit) = (std::time::Instant::now(), self.time.map(Duration::from_secs));
        let bar = spinner();
        loop {
            let left = |lane: &Lane| !lane.exhausted && lane.blocks.saturating_mul(self.block) < self.runs;
            let next = (0..ways.len()).filter(|at| left(&ledger.lanes[*at]));
            let Some(at) = next.min_by_key(|at| ledger.lanes[*at].blocks) else { break };
            if limit.is_some_and(|limit| start.elapsed() >= limit) {
                break;
            }
            let way = &ways[at];
            bar.set_message(format!(
                "{} {}: {} failures",
                way.story.name,
                way.strategy,
                ledger.findings.len()
            ));
            let begin = ledger.lanes[at].blocks * self.block;
            let tally = self.block(way, begin, &mut || bar.inc(1));
            self.enter(way, &tally, begin, ledger)?;
            let lane = &mut ledger.lanes[at];
            lane.add(tally.seeds, tally.failed, tally.digest);
            // Seeds do not matter to an exhaustive search: another block would be the same one.
            lane.exhausted = matches!(way.strategy, Strategy::Exhaustive(_));
            ledger.cover(way.story.name, tally.coverage)?;
            ledger.save(&self.file)?;
        }
        bar.finish_and_clear();
        Ok(())
    }

    /// What must be met once and was not, in as many runs as the story wants by itself, with its own parameters. The
    /// coverage file is written, too.
    fn unmet(&self, ways: &[Way], ledger: &Ledger) -> io::Result<Vec<String>> {
        let coverage = ledger.coverage().map_err(|bad| io::Error::other(bad.to_string()))?;
        if let Some(path) = &self.coverage {
            super::coverage::write(&coverage, path)?;
        }
        let mut unmet = Vec::new();
        for (name, coverage) in &coverage.stories {
            let enough = |way: &Way| way.story.name == name && coverage.runs >= way.story.seeds;
            if self.settings.is_empty() && ways.iter().any(enough) {
                unmet.extend(coverage.unmet().map(|claim| format!("{name}: {claim}")));
            }
        }
        Ok(unmet)
    }

    fn block(&self, way: &Way, begin: u64, tick: &mut dyn FnMut()) -> Tally {
        let length = match way.strategy {
            Strategy::Exhaustive(_) => self.runs,
            _ => self.block,
        };
        let campaign = Campaign {
            story: way.story,
            params: &way.params,
            strategy: way.strategy,
            seeds: begin..begin.saturating_add(length),
            jobs: self.jobs.map_or_else(cores, usize::from),
            failures_max: u64::MAX,
        };
        campaign.run(&mut |_| tick())
    }

    fn enter(&self, way: &Way, tally: &Tally, begin: u64, ledger: &mut Ledger) -> io::Result<()> {
        for group in &tally.groups {
            let (strategy, run) =
                group.finds.first().map_or((way.strategy, 0), |find| (find.strategy, begin + find.run));
            let new = ledger.meet(Finding {
                story: way.story.name.to_owned(),
                tag: group.tag.clone(),
                id: group.failure.id.clone(),
                runs: group.seeds,
                strategy: strategy.to_string(),
                run,
                tape: None,
                choices: None,
            });
            if let (true, Some(finding)) = (new, ledger.findings.last_mut()) {
                self.keep(way, group, finding)?;
            }
        }
        Ok(())
    }

    /// Shrinks a new failure and writes its tape; the tape as it is, where it cannot be shrunk.
    fn keep(&self, way: &Way, group: &Group, finding: &mut Finding) -> io::Result<()> {
        let Ok(tape) = way.story.tape_of(&way.params, &group.trial, &group.first) else {
            complain(&format_args!("{} {}: its run cannot be repeated", finding.story, finding.id));
            return Ok(());
        };
        let small = match self.shrink {
            0 => None,
            runs => shrink(&Subject::from(way.story), &tape, runs, &mut |_| true).ok(),
        };
        finding.choices = small.as_ref().map(|small| (small.before.choices, small.after.choices));
        let path = self.tapes.join(format!("{}-{}.tape", finding.story, finding.tag));
        write(&path, &small.map_or(tape, |small| small.tape).to_string())?;
        finding.tape = Some(path.display().to_string());
        Ok(())
    }
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)?;
    fs::write(path, text)
}

pub(super) fn print(out: &mut impl Write, ledger: &Ledger) -> io::Result<()> {
    let mut table = Table::new("");
    table.row(["story", "strategy", "runs", "failed", "digest"].map(str::to_owned));
    for lane in &ledger.lanes {
        let (runs, failed) = (count(lane.runs), count(lane.failed));
        let digest = lane.digest.chars().take(8).collect();
        table.row([plain(&lane.story), plain(&lane.strategy), runs, failed, digest]);
    }
    write!(out, "{table}")?;
    for finding in &ledger.findings {
        let Finding { story, tag, id, runs, strategy, run, .. } = finding;
        let (story, tag, id, strategy) = (plain(story), plain(tag), plain(id), plain(strategy));
        writeln!(out, "\n{story} {tag}: {id}")?;
        writeln!(out, "  met by {} runs, first by {strategy} in run {}", count(*runs), count(*run))?;
        if let Some((before, after)) = finding.choices {
            writeln!(out, "  shrunk from {} choices to {}", count(before), count(after))?;
        }
        if let Some(tape) = &finding.tape {
            writeln!(out, "replay: cargo sim replay {}", plain(tape))?;
        }
    }
    Ok(())
}
