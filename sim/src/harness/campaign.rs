use super::{Params, Report, Story, tag};
use crate::{Coverage, Failure, Overlay};
use core::ops::Range;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// A story over a range of seeds.
#[derive(Clone, Debug)]
pub struct Campaign<'a> {
    /// What runs.
    pub story: &'a Story,
    /// With which parameters.
    pub params: &'a Params,
    /// For which seeds.
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
}

/// Reports that a thread may be ahead of the merge.
const AHEAD: usize = 64;

impl Campaign<'_> {
    /// Runs the campaign. `watch` sees every report in seed order.
    pub fn run(&self, watch: &mut dyn FnMut(&Report)) -> Tally {
        self.run_while(&mut |report| {
            watch(report);
            true
        })
    }

    /// Runs the campaign until `watch`, who sees every report in seed order, has seen enough. What ran is the beginning
    /// of the range, whatever the threads had in hand.
    pub fn run_while(&self, watch: &mut dyn FnMut(&Report) -> bool) -> Tally {
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
            tally.add(report);
            if enough || tally.failed >= self.failures_max.max(1) {
                break;
            }
        }
        tally
    }
}

impl Tally {
    fn add(&mut self, mut report: Report) {
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
            Some(group) => group.seeds += 1,
            None => self.groups.push(Group { tag, seeds: 1, first: report, failure }),
        }
    }
}

/// FNV-1a's step at 128 bits, a whole hash at a time: the order counts.
fn fold(digest: u128, hash: u128) -> u128 {
    const PRIME: u128 = (1 << 88) + 0x13b;
    (digest ^ hash).wrapping_mul(PRIME).rotate_left(64)
}
