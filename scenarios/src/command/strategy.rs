//! `--strategy`, and what the report says about strategies.

use super::text::count;
use clap::Args;
use serde_json::{Value, json};
use std::io::{self, Write};
use tidemill_sim::explore::{Extent, Share, Strategy};
use tidemill_sim::harness::{Group, Tally};

#[derive(Args, Clone, Copy, Debug)]
pub(super) struct Choice {
    /// Where choices come from: random, swarm, pct:DEPTH, exhaustive:FAULTS, guided, portfolio.
    #[arg(long, value_name = "STRATEGY", default_value_t = Strategy::Random)]
    strategy: Strategy,
}

impl Choice {
    pub(super) fn get(self) -> Strategy {
        self.strategy
    }
}

/// What each strategy did, where it was not just seeds.
pub(super) fn shares(name: &str, tally: &Tally, out: &mut impl Write) -> io::Result<()> {
    if matches!(tally.shares[..], [Share { strategy: Strategy::Random, .. }]) {
        return Ok(());
    }
    tally.shares.iter().try_for_each(|share| {
        let Share { strategy, runs, failed, extent } = share;
        write!(out, "{name}: {strategy}: {} runs, {} failed", count(*runs), count(*failed))?;
        if let Some(Extent { complete, states, cut, held }) = extent {
            let whole = if *complete { "complete" } else { "not complete" };
            write!(out, ", {whole}: {} states, {} runs cut", count(*states), count(*cut))?;
            write!(out, ", {} decisions not varied", count(*held))?;
        }
        writeln!(out)
    })
}

/// Who found a failure, where there was more to it than its seed.
pub(super) fn finds(group: &Group, out: &mut impl Write) -> io::Result<()> {
    let found = group.finds.iter().filter(|find| find.strategy != Strategy::Random || group.finds.len() > 1);
    let found: Vec<String> = found.map(|find| format!("{} in run {}", find.strategy, find.run)).collect();
    if found.is_empty() { Ok(()) } else { writeln!(out, "  found by {}", found.join(", ")) }
}

pub(super) fn objects(tally: &Tally) -> Vec<Value> {
    let object = |share: &Share| {
        let extent = share.extent.map(|extent| {
            json!({
                "complete": extent.complete,
                "states": extent.states,
                "cut": extent.cut,
                "held": extent.held,
            })
        });
        json!({
            "strategy": share.strategy.to_string(),
            "runs": share.runs,
            "failed": share.failed,
            "extent": extent,
        })
    };
    tally.shares.iter().map(object).collect()
}
