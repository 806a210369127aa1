use super::search::{Search, Small};
use crate::harness::{Params, Shrink, Trial};
use crate::{Base, Choice, Fork};

/// Work that one size of world is searched for, and the part of all runs.
const WORLD_WORK: u64 = 30_000;
const WORLD_PART: u64 = 32;
/// Work on one run that is taken apart, before others are looked at as well; or so many times what it costs to run it.
const FIRST_WORK: u64 = 800_000;
const FIRST_TIMES: u64 = 1_000;
/// A run that costs no more than this is taken apart although a smaller world shows the failure too.
const SHORT: u64 = 1_500;
/// Work on other failing runs: so many times what was done before, no more than that, and for each of them a part.
const OTHERS_TIMES: u64 = 2;
const OTHERS_WORK: u64 = 800_000;
const OTHERS_PARTS: u64 = 2;

impl Search<'_, '_> {
    /// Shrinks until nothing helps, a few runs at most; `false` where a limit came first.
    pub(super) fn run(&mut self) -> bool {
        let given = self.smallest();
        if let Some((world, choices)) = self.smaller_world() {
            self.start_over(world, choices);
            self.shrink_within(FIRST_WORK.max(FIRST_TIMES * self.smallest().cost()));
            if given.cost() <= SHORT {
                self.rival(given.params.clone(), given.choices.clone(), FIRST_WORK);
            }
        } else {
            self.shrink_within(FIRST_WORK.max(FIRST_TIMES * given.cost()));
        }
        self.other_runs(&given);
        if !self.whole {
            self.shrink_within(u64::MAX);
        }
        self.whole && !self.ended()
    }

    /// Looks for the failure in smaller worlds, the smallest first: where every parameter that may be lowered stands at
    /// the start of its range, one above it, three, seven. A run there is short, so that many of them cost less than one
    /// of a large world, and a bug that needs no large world shows itself (the small scope hypothesis: Jackson and Damon,
    /// "Elements of Style", 1996).
    fn smaller_world(&mut self) -> Option<(Params, Vec<Choice>)> {
        self.pass = "smaller worlds";
        let mut above = 0;
        loop {
            let world = self.near_start(&self.params, above);
            if world == self.params || self.ended() {
                return None;
            }
            let runs_until = self.runs.saturating_add(self.runs_max / WORLD_PART);
            let until = self.work.saturating_add(WORLD_WORK);
            if let Some(choices) = self.fails_elsewhere(&world, until, runs_until) {
                return Some((world, choices));
            }
            above = 2 * above + 1;
        }
    }

    /// Shrinks other failing runs, in turn of the world that the smallest run is in and of the next larger one, where
    /// there may be more of them, and keeps what comes out smaller.
    fn other_runs(&mut self, given: &Small) {
        let budget = (OTHERS_TIMES * self.work).min(OTHERS_WORK);
        let until = self.work.saturating_add(budget);
        let mut larger = false;
        while self.choices.len() > 1 && self.work < until && !self.ended() {
            self.pass = "other runs";
            let reach = self.reach();
            let world = self.near_start(&given.params, if larger { 2 * reach + 1 } else { reach });
            larger = !larger;
            let part = self.work.saturating_add(budget / OTHERS_PARTS).min(until);
            if let Some(choices) = self.fails_elsewhere(&world, part, u64::MAX) {
                self.rival(world, choices, budget / OTHERS_PARTS);
            }
        }
    }

    /// Shrinks another failing run; what comes of it stays only if it is smaller.
    fn rival(&mut self, params: Params, choices: Vec<Choice>, work: u64) {
        let kept = self.smallest();
        if self.start_over(params, choices) {
            self.shrink_within(work);
            if self.measure_of(&kept.params, &kept.choices) <= self.measure() {
                self.take(kept);
            }
        }
    }

    /// How far any parameter that may be lowered stands from the start of its range.
    fn reach(&self) -> u64 {
        let stands = self.params.iter().zip(self.list());
        let lowered = stands.filter(|(_, param)| param.shrink != Shrink::No);
        lowered.map(|((_, value), param)| value.saturating_sub(*param.range.start())).max().unwrap_or(0)
    }

    /// These parameters, those that may be lowered no further from the start of their range than `above`.
    fn near_start(&self, params: &Params, above: u64) -> Params {
        let list = self.list().iter().enumerate().filter(|(_, param)| param.shrink != Shrink::No);
        list.fold(params.clone(), |params, (at, param)| {
            let stands = params.iter().nth(at).map_or(0, |(_, value)| value);
            params.with(at, stands.min(param.range.start().saturating_add(above)))
        })
    }

    /// Draws runs of this world, each from the next seed, until one fails as it should: its choices.
    fn fails_elsewhere(&mut self, params: &Params, until: u64, runs_until: u64) -> Option<Vec<Choice>> {
        while self.work < until && self.runs < runs_until && !self.ended() {
            let fork = Some(Fork { after: 0, seed: self.drawn });
            self.drawn += 1;
            let trial = Trial { base: Base::Zero, fork, record: true, ..Trial::seed(self.seed) };
            let report = self.one(params, trial)?;
            if self.is_wanted(&report) {
                return Some(report.choices);
            }
        }
        None
    }
}
