use super::search::{Measure, Search};
use crate::harness::{Params, Shrink, Trial, tag};
use crate::{Base, Choice, Fork};

/// Work that one size of world is searched for, and the part of all runs.
const WORLD_WORK: u64 = 30_000;
const WORLD_PART: u64 = 32;
/// Work on other failing runs of the smallest world: so many times what the first one took, and no more than that.
const OTHERS_TIMES: u64 = 2;
const OTHERS_WORK: u64 = 600_000;

impl Search<'_, '_> {
    /// Looks for the failure in smaller worlds, the smallest first: where every parameter that may be lowered stands at
    /// the start of its range, one above it, three, seven. A run there is short, so that many of them cost less than one
    /// of a large world, and a bug that needs no large world shows itself (the small scope hypothesis: Jackson and Damon,
    /// "Elements of Style", 1996). What fails as it should takes the place of the run that was given.
    pub(super) fn smaller_worlds(&mut self) {
        self.pass = "smaller worlds";
        let mut above = 0;
        loop {
            let params = self.near_start(above);
            if params == self.params || self.ended() {
                return;
            }
            let until = self.work.saturating_add(WORLD_WORK);
            let runs_until = self.runs.saturating_add(self.runs_max / WORLD_PART);
            while let Some(choices) = self.fails_elsewhere(&params, until, runs_until) {
                if self.attempt(params.clone(), choices) {
                    return;
                }
            }
            above = 2 * above + 1;
        }
    }

    /// Shrinks other failing runs of the world that the smallest run is in, and keeps what comes out smaller.
    pub(super) fn other_runs(&mut self) {
        let until = self.work.saturating_add((OTHERS_TIMES * self.work).min(OTHERS_WORK));
        while self.choices.len() > 1 && !self.ended() {
            self.pass = "other runs";
            let params = self.params.clone();
            let Some(choices) = self.fails_elsewhere(&params, until, u64::MAX) else { return };
            let kept = self.smallest();
            if self.start_over(params, choices) {
                self.shrink_until(until);
            }
            if Measure::of(&kept.params, &kept.choices) <= Measure::of(&self.params, &self.choices) {
                self.take(kept);
            }
        }
    }

    /// The parameters with those that may be lowered no further from the start of their range than `above`.
    fn near_start(&self, above: u64) -> Params {
        let list = self.list().iter().enumerate().filter(|(_, param)| param.shrink != Shrink::No);
        list.fold(self.params.clone(), |params, (at, param)| {
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
            if report.failure.as_ref().map(tag).as_ref() == Some(&self.wanted) {
                return Some(report.choices);
            }
        }
        None
    }
}
