use super::{Finish, Params, Report, Story, Trial, run, tag};
use crate::explore::{Found, Plan, Search, Share, Strategy};
use crate::{Coverage, Failure, Overlay, Sim};
use core::ops::Range;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// A story over a range of seeds.
#[derive(Clone, Debug)]
pub struct Campaign<'a> {
    /// What runs.
    pub story: &'a Story,
    /// With which parameters.
    pub params: &'a Params,
    /// Where choices come from.
    pub strategy: Strategy,
    /// For which seeds; a strategy that needs fewer, or other ones, has as many runs.
    pub seeds: Range<u64>,
    /// On how many threads.
    pub jobs: usize,
    /// After this many failed seeds the rest is not run. At least 1.
    pub failures_max: u64,
}

/// A campaign's reports, added up in seed order.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Seeds that ran.
    pub seeds: u64,
    /// Seeds that failed.
    pub failed: u64,
    /// The hashes of all runs, folded in seed order.
    pub digest: u128,
    /// Virtual time of all runs together, in nanoseconds.
    pub virtual_ns: u128,
    /// Events of all runs.
    pub events: u64,
    /// Datagrams of all runs.
    pub messages: u64,
    /// The reports' counts, summed.
    pub counts: Vec<(&'static str, u64)>,
    /// The claims of all runs.
    pub coverage: Coverage,
    /// Failures by id, in the order in which seeds met them.
    pub groups: Vec<Group>,
    /// What became of each strategy.
    pub shares: Vec<Share>,
}

/// Seeds that failed in the same way.
#[derive(Clone, Debug)]
pub struct Group {
    /// The failure's tag.
    pub tag: String,
    /// How many seeds met it.
    pub seeds: u64,
    /// The run of the smallest seed.
    pub first: Report,
    /// How that run failed.
    pub failure: Failure,
    /// What repeats that run without its strategy.
    pub trial: Trial,
    /// Which strategies met it, the first one first.
    pub finds: Vec<Find>,
}

/// A strategy met a failure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Find {
    /// The strategy.
    pub strategy: Strategy,
    /// In which of its runs, from 1, it did so for the first time.
    pub run: u64,
}

/// Reports that a thread may be ahead of the merge.
const AHEAD: usize = 64;

impl Campaign<'_> {
    /// Runs the campaign. `watch` sees every report in seed order, or in the order in which the strategy asked for them.
    pub fn run(&self, watch: &mut dyn FnMut(&Report)) -> Tally {
        self.run_while(&mut |report| {
            watch(report);
            true
        })
    }

    /// Runs the campaign until `watch`, who sees every report in seed order, has seen enough. What ran is the beginning
    /// of the range, whatever the threads had in hand.
    pub fn run_while(&self, watch: &mut dyn FnMut(&Report) -> bool) -> Tally {
        if self.strategy == Strategy::Random { self.stream(watch) } else { self.search(watch) }
    }

    /// Batch by batch: the strategy hears what came of one before it asks for the next.
    fn search(&self, watch: &mut dyn FnMut(&Report) -> bool) -> Tally {
        let body = |sim: &mut Sim| (self.story.body)(sim, self.params);
        search(
            self.strategy,
            self.seeds.clone(),
            self.failures_max,
            &mut |plans| self.batch(plans, &body),
            watch,
        )
    }

    /// Runs a batch on all threads, and gives it back in its own order.
    fn batch<R: Finish>(&self, plans: &[Plan], body: &(impl Fn(&mut Sim) -> R + Sync)) -> Vec<Found> {
        let jobs = self.jobs.clamp(1, plans.len().max(1));
        if jobs == 1 {
            return plans.iter().map(|plan| run::planned(plan, body)).collect();
        }
        let work = |lane: usize| {
            let mine = plans.iter().skip(lane).step_by(jobs);
            mine.map(|plan| run::planned(plan, body)).collect::<Vec<_>>()
        };
        let lanes: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..jobs).map(|lane| scope.spawn(move || work(lane))).collect();
            threads.into_iter().map(|thread| thread.join().expect("a run's panic is caught")).collect()
        });
        let mut lanes: Vec<_> = lanes.into_iter().map(Vec::into_iter).collect();
        (0..plans.len()).filter_map(|at| lanes[at % jobs].next()).collect()
    }

    /// One seed after the other, without a pause for the strategy.
    fn stream(&self, watch: &mut dyn FnMut(&Report) -> bool) -> Tally {
        let jobs = self.jobs.max(1);
        std::thread::scope(|scope| {
            // Thread k runs every jobs-th seed from the k-th on, and a full channel makes it wait: the reports come
            // out in seed order, and no slow seed lets the others pile up.
            let lanes: Vec<Receiver<Report>> = (0..jobs)
                .map(|lane| {
                    let (send, receive) = sync_channel(AHEAD);
                    scope.spawn(move || self.work(self.seeds.clone().skip(lane).step_by(jobs), &send));
                    receive
                })
                .collect();
            let tally = self.merge(&lanes, watch);
            drop(lanes);
            tally
        })
    }

    fn work(&self, seeds: impl Iterator<Item = u64>, send: &SyncSender<Report>) {
        for seed in seeds {
            if send.send(self.story.run(seed, self.params, Overlay::new())).is_err() {
                break;
            }
        }
    }

    /// Adds up the reports, up to the failure that ends the campaign; the threads stop when the lanes are dropped.
    fn merge(&self, lanes: &[Receiver<Report>], watch: &mut dyn FnMut(&Report) -> bool) -> Tally {
        let mut tally = Tally::default();
        for (_, lane) in self.seeds.clone().zip(lanes.iter().cycle()) {
            let report = lane.recv().expect("a thread reports every seed of its lane");
            let enough = !watch(&report);
            let trial = Trial::seed(report.seed);
            tally.add(report, trial, Find { strategy: Strategy::Random, run: tally.seeds + 1 });
            if enough || tally.failed >= self.failures_max.max(1) {
                break;
            }
        }
        let (runs, failed) = (tally.seeds, tally.failed);
        tally.shares = vec![Share { strategy: Strategy::Random, runs, failed, extent: None }];
        tally
    }
}

/// Searches with a strategy until its budget is spent, it has nothing left to ask, or enough runs failed.
pub(super) fn search(
    strategy: Strategy,
    seeds: Range<u64>,
    failures_max: u64,
    batch: &mut dyn FnMut(&[Plan]) -> Vec<Found>,
    watch: &mut dyn FnMut(&Report) -> bool,
) -> Tally {
    let (mut search, mut tally) = (Search::new(strategy, seeds), Tally::default());
    'batches: loop {
        let plans = search.ask();
        if plans.is_empty() {
            break;
        }
        for (plan, mut found) in plans.iter().zip(batch(&plans)) {
            let Some(run) = search.hear(plan, &mut found) else { continue };
            let enough = !watch(&found.report);
            let trial = plan.repeats(&found.report);
            tally.add(found.report, trial, Find { strategy: search.strategy(plan), run });
            if enough || tally.failed >= failures_max.max(1) {
                break 'batches;
            }
        }
    }
    tally.shares = search.shares();
    tally
}

impl Tally {
    fn add(&mut self, mut report: Report, trial: Trial, find: Find) {
        self.seeds += 1;
        self.digest = fold(self.digest, report.hash);
        self.virtual_ns += u128::from(report.virtual_ns);
        self.events += report.events;
        self.messages += report.messages;
        for (at, (name, count)) in report.counts.iter().enumerate() {
            match self.counts.get_mut(at) {
                Some(sum) => sum.1 += count,
                None => self.counts.push((name, *count)),
            }
        }
        self.coverage.merge(std::mem::take(&mut report.coverage));
        let Some(failure) = report.failure.clone() else { return };
        self.failed += 1;
        let tag = tag(&failure);
        match self.groups.iter_mut().find(|group| group.tag == tag) {
            Some(group) => {
                group.seeds += 1;
                if group.finds.iter().all(|known| known.strategy != find.strategy) {
                    group.finds.push(find);
                }
            }
            None => {
                let finds = vec![find];
                self.groups.push(Group { tag, seeds: 1, first: report, failure, trial, finds });
            }
        }
    }
}

/// FNV-1a's step at 128 bits, a whole hash at a time: the order counts.
fn fold(digest: u128, hash: u128) -> u128 {
    const PRIME: u128 = (1 << 88) + 0x13b;
    (digest ^ hash).wrapping_mul(PRIME).rotate_left(64)
}
