//! The strategies as who asks for runs: batch by batch, so that what comes of a search does not depend on how many
//! threads ran the batches.

use std::collections::BTreeSet;
use std::ops::Range;

use rand_chacha::ChaCha8Rng;

use super::mutant::Change;
use super::plan::{Found, Learned, Plan, Way};
use super::strategy::{Bounds, Strategy};
use super::walk::Path;
use crate::choice::Choice;
use crate::harness::Trial;
use crate::streams::{below, entropy_stream};

/// Runs that a member may ask for at a time.
const BATCH: u64 = 32;
/// Runs that a guided search keeps.
const CORPUS_MAX: usize = 1_024;
/// Ways that an exhaustive search keeps to go later.
const WAYS_MAX: usize = 1 << 20;
/// States that are told apart.
const STATES_MAX: usize = 1 << 22;

/// What became of one strategy's part of a search.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Share {
    /// The strategy.
    pub strategy: Strategy,
    /// Runs that it had.
    pub runs: u64,
    /// How many of them failed.
    pub failed: u64,
    /// How far it got, if it was exhaustive.
    pub extent: Option<Extent>,
}

/// How far an exhaustive search got.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Extent {
    /// Every run within the bounds was run, or is covered by one that was.
    pub complete: bool,
    /// Different states that runs came through.
    pub states: u64,
    /// Runs that ended early, because others cover them.
    pub cut: u64,
    /// Decisions that were not varied: behind the depth, or with more values than the width.
    pub held: u64,
}

trait Member {
    /// The next runs, `most` at most; none if there are no more.
    fn ask(&mut self, most: usize) -> Vec<(Trial, Way)>;
    /// What came of one of them, in the order in which they were asked for. Whether the run counts.
    fn hear(&mut self, trial: &Trial, learned: Learned) -> bool;
    fn extent(&self) -> Option<Extent> {
        None
    }
}

/// A search under way.
pub(crate) struct Search {
    members: Vec<Box<dyn Member>>,
    shares: Vec<Share>,
    left: u64,
}

impl Search {
    /// A search with a budget of as many runs as there are seeds.
    pub(crate) fn new(strategy: Strategy, seeds: Range<u64>) -> Self {
        let bounds = Bounds::default();
        let strategies = match strategy {
            Strategy::Portfolio => vec![
                Strategy::Random,
                Strategy::Swarm,
                Strategy::Pct(2),
                Strategy::Pct(3),
                Strategy::Exhaustive(bounds),
                Strategy::Guided,
            ],
            one => vec![one],
        };
        let members = strategies.iter().map(|strategy| member(*strategy, seeds.start)).collect();
        let share = |strategy: &Strategy| Share { strategy: *strategy, runs: 0, failed: 0, extent: None };
        Self { members, shares: strategies.iter().map(share).collect(), left: seeds.end - seeds.start }
    }

    /// The next runs; none if the budget is spent, or nothing is left to run.
    pub(crate) fn ask(&mut self) -> Vec<Plan> {
        let mut plans = Vec::new();
        let share = self.left.div_ceil(self.members.len() as u64).min(BATCH);
        for (number, member) in self.members.iter_mut().enumerate() {
            let asked = member.ask(share.min(self.left) as usize);
            self.left -= asked.len() as u64;
            plans.extend(asked.into_iter().map(|(trial, way)| Plan { member: number, trial, way }));
        }
        plans
    }

    /// Hears what came of a run; gives how many runs its strategy had until then, or nothing for a run that another
    /// one covers.
    pub(crate) fn hear(&mut self, plan: &Plan, found: &mut Found) -> Option<u64> {
        let learned = std::mem::replace(&mut found.learned, Learned::Nothing);
        let share = &mut self.shares[plan.member];
        share.runs += 1;
        let counts = self.members[plan.member].hear(&plan.trial, learned);
        share.failed += u64::from(counts && found.report.failure.is_some());
        counts.then_some(share.runs)
    }

    pub(crate) fn strategy(&self, plan: &Plan) -> Strategy {
        self.shares[plan.member].strategy
    }

    /// What became of every strategy.
    pub(crate) fn shares(self) -> Vec<Share> {
        let extents = self.members.iter().map(|member| member.extent());
        self.shares.into_iter().zip(extents).map(|(share, extent)| Share { extent, ..share }).collect()
    }
}

fn member(strategy: Strategy, first: u64) -> Box<dyn Member> {
    match strategy {
        Strategy::Random | Strategy::Portfolio => Box::new(Seeds { next: first, way: Way::Plain }),
        Strategy::Swarm => Box::new(Seeds { next: first, way: Way::Swarm }),
        Strategy::Pct(depth) => Box::new(Depth { depth, next: first, decisions: None }),
        Strategy::Exhaustive(bounds) => {
            let (states, extent) = (BTreeSet::new(), Extent::default());
            Box::new(Everything { bounds, ways: vec![Path::default()], open: 0, states, extent })
        }
        Strategy::Guided => {
            let rng = entropy_stream(first, "explore/guided");
            Box::new(Guide { rng, next: first, corpus: Vec::new(), features: BTreeSet::new() })
        }
    }
}

/// One seed after the other.
struct Seeds {
    next: u64,
    way: Way,
}

impl Member for Seeds {
    fn ask(&mut self, most: usize) -> Vec<(Trial, Way)> {
        let seeds = self.next..self.next.saturating_add(most as u64);
        self.next = seeds.end;
        seeds.map(|seed| (Trial::seed(seed), self.way.clone())).collect()
    }

    fn hear(&mut self, _: &Trial, _: Learned) -> bool {
        true
    }
}

/// Probabilistic concurrency testing. Its first run has no points, and tells how many decisions there are.
struct Depth {
    depth: u32,
    next: u64,
    decisions: Option<u64>,
}

impl Member for Depth {
    fn ask(&mut self, most: usize) -> Vec<(Trial, Way)> {
        let most = if self.decisions.is_none() { most.min(1) } else { most };
        let seeds = self.next..self.next.saturating_add(most as u64);
        self.next = seeds.end;
        let way = Way::Pct { depth: self.depth, decisions: self.decisions.unwrap_or(0) };
        seeds.map(|seed| (Trial::seed(seed), way.clone())).collect()
    }

    fn hear(&mut self, _: &Trial, learned: Learned) -> bool {
        if let (None, Learned::Decisions(decisions)) = (self.decisions, learned) {
            self.decisions = Some(decisions);
        }
        true
    }
}

/// Every run within bounds, depth first.
struct Everything {
    bounds: Bounds,
    ways: Vec<Path>,
    /// Runs that were asked for and not heard of.
    open: usize,
    states: BTreeSet<u64>,
    extent: Extent,
}

impl Member for Everything {
    fn ask(&mut self, most: usize) -> Vec<(Trial, Way)> {
        let from = self.ways.len() - most.min(self.ways.len());
        let ways: Vec<Path> = self.ways.drain(from..).rev().collect();
        self.open += ways.len();
        ways.into_iter()
            .map(|way| {
                let base = crate::choice::Base::Zero;
                (Trial { base, ..Trial::seed(0) }, Way::Walk(self.bounds, way))
            })
            .collect()
    }

    fn hear(&mut self, _: &Trial, learned: Learned) -> bool {
        let Learned::Trail(trail) = learned else { return true };
        self.open -= 1;
        for way in trail.branches.into_iter().rev() {
            if self.ways.len() < WAYS_MAX {
                self.ways.push(way);
            } else {
                self.extent.held += 1;
            }
        }
        if self.states.len() < STATES_MAX {
            self.states.extend(trail.states);
        }
        self.extent.held += trail.held;
        self.extent.cut += u64::from(trail.cut);
        !trail.cut
    }

    fn extent(&self) -> Option<Extent> {
        let complete = self.ways.is_empty() && self.open == 0 && self.extent.held == 0;
        Some(Extent { complete, states: self.states.len() as u64, ..self.extent })
    }
}

/// Keeps what showed something new, and changes it.
struct Guide {
    rng: ChaCha8Rng,
    next: u64,
    corpus: Vec<Kept>,
    features: BTreeSet<u64>,
}

struct Kept {
    seed: u64,
    log: Vec<Choice>,
}

impl Guide {
    /// A run from nothing, one in so many.
    const FRESH: u64 = 5;

    fn change(&mut self) -> (u64, Change) {
        let seed = self.next;
        self.next = self.next.wrapping_add(1);
        if self.corpus.is_empty() || below(&mut self.rng, Self::FRESH) == 0 {
            return (seed, Change { seed, ..Change::default() });
        }
        // The younger of two: it is the one that less was tried with.
        let many = self.corpus.len() as u64;
        let which = below(&mut self.rng, many).max(below(&mut self.rng, many));
        let Kept { seed: old, log } = &self.corpus[which as usize];
        let fork = below(&mut self.rng, 2) == 0;
        let at = below(&mut self.rng, log.len() as u64) as usize;
        let kept = if fork { &log[..at] } else { &log[..] };
        let taken = kept.iter().filter(|choice| choice.value != 0);
        let mut pins: std::collections::BTreeMap<_, _> =
            taken.map(|choice| (choice.site.clone(), choice.value)).collect();
        let drawn_from = if fork { at as u64 } else { u64::MAX };
        if !fork {
            for _ in 0..=below(&mut self.rng, 3) {
                let choice = &log[below(&mut self.rng, log.len() as u64) as usize];
                let value = match below(&mut self.rng, 3) {
                    0 => 0,
                    _ => below(&mut self.rng, choice.n),
                };
                pins.insert(choice.site.clone(), value);
            }
        }
        (*old, Change { pins, drawn_from, seed })
    }
}

impl Member for Guide {
    fn ask(&mut self, most: usize) -> Vec<(Trial, Way)> {
        (0..most)
            .map(|_| {
                let (seed, change) = self.change();
                (Trial::seed(seed), Way::Mutant(change))
            })
            .collect()
    }

    fn hear(&mut self, trial: &Trial, learned: Learned) -> bool {
        let Learned::Log(log, features) = learned else { return true };
        let before = self.features.len();
        self.features.extend(features);
        if self.features.len() > before && !log.is_empty() && self.corpus.len() < CORPUS_MAX {
            self.corpus.push(Kept { seed: trial.seed, log });
        }
        true
    }
}
