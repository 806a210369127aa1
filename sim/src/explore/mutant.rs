//! One run of a guided search: an earlier run with something changed, and what came of it.

use std::collections::{BTreeMap, BTreeSet};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

use super::order::Ready;
use super::source::{Asked, Source};
use crate::choice::{Choice, Site};
use crate::coverage::Coverage;
use crate::oracle::Moment;
use crate::process::Process;
use crate::sim::Sim;
use crate::streams::{below, entropy_stream};

/// Decisions of a run that are kept to be changed.
const LOG_MAX: usize = 4096;

/// What a run showed, as a set of numbers: a guided search keeps a run that shows a number for the first time.
pub trait Features {
    /// Adds the numbers to a set.
    fn features(&self, into: &mut BTreeSet<u64>);
}

/// What is changed.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Change {
    /// Values by site; without one a decision is 0.
    pub pins: BTreeMap<Site, u64>,
    /// From this decision on, what is not pinned is drawn.
    pub drawn_from: u64,
    /// From the streams of this seed.
    pub seed: u64,
}

/// The source of one run.
#[derive(Debug)]
pub(crate) struct Mutant {
    change: Change,
    rng: ChaCha8Rng,
    decisions: u64,
    log: Vec<Choice>,
}

impl Mutant {
    pub(crate) fn new(change: Change) -> Self {
        let rng = entropy_stream(change.seed, "explore/mutant");
        Self { change, rng, decisions: 0, log: Vec::new() }
    }

    /// What was decided, in order.
    pub(crate) fn log(&mut self) -> Vec<Choice> {
        std::mem::take(&mut self.log)
    }
}

impl Source for Mutant {
    fn value(&mut self, asked: &Asked<'_>) -> u64 {
        let site = Site::new(asked.entity, asked.kind, asked.counter);
        let drawn = match asked.rate {
            Some(rate) => u64::from(rate.hits(self.rng.next_u32())),
            None => below(&mut self.rng, asked.n),
        };
        let fresh = if self.decisions < self.change.drawn_from { 0 } else { drawn };
        let value = self.change.pins.get(&site).map_or(fresh, |pin| (*pin).min(asked.n - 1));
        self.decisions += 1;
        if self.log.len() < LOG_MAX {
            self.log.push(Choice { site, value, n: asked.n });
        }
        value
    }

    fn next(&mut self, asked: &Asked<'_>, _: &[Ready]) -> usize {
        self.value(asked) as usize
    }
}

/// How processes went from one event to the next, and how much waited for them: pairs of kinds and powers of two.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    before: Vec<u64>,
    seen: BTreeSet<u64>,
}

fn number(parts: [u64; 4]) -> u64 {
    parts.into_iter().fold(0xcbf2_9ce4_8422_2325, |hash, part| {
        (hash ^ part).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(29)
    })
}

fn magnitude(count: u64) -> u64 {
    u64::from(64 - count.leading_zeros())
}

impl Steps {
    pub(crate) fn look<P: Process>(&mut self, sim: &Sim<P>, moment: Moment) {
        let Moment::Event(record) = moment else { return };
        let (kind, subject) = (record.kind() as u64 + 1, record.subject());
        if subject >= self.before.len() {
            self.before.resize(subject + 1, 0);
        }
        let before = std::mem::replace(&mut self.before[subject], kind);
        self.seen.insert(number([1, subject as u64, before, kind]));
        let waiting = sim.kernel.waiting_for(subject);
        self.seen.insert(number([2, subject as u64, magnitude(waiting), kind]));
    }
}

impl Features for Steps {
    fn features(&self, into: &mut BTreeSet<u64>) {
        into.extend(&self.seen);
    }
}

/// Claims that were met, and how far watermarks went.
impl Features for Coverage {
    fn features(&self, into: &mut BTreeSet<u64>) {
        for (claim, counts) in self {
            let name = crate::streams::stream_of(&claim.to_string());
            if counts.met > 0 {
                into.insert(number([3, name, claim.claims as u64, 0]));
            }
            let (least, most) = counts.range.unwrap_or_default();
            for (side, mark) in [(1, least), (2, most)] {
                into.insert(number([3, name, side, magnitude(mark.unsigned_abs())]));
            }
        }
    }
}
