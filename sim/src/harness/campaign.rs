use super::{Params, Report, Story, tag};
use crate::{Failure, Overlay};
use core::ops::Range;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
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

/// What the threads share.
struct Shared {
    next: AtomicU64,
    stop: AtomicBool,
}

impl Campaign<'_> {
    /// Runs the campaign. `watch` sees every report in seed order.
    pub fn run(&self, watch: &mut dyn FnMut(&Report)) -> Tally {
        let shared = Shared { next: AtomicU64::new(self.seeds.start), stop: AtomicBool::new(false) };
        let jobs = self.jobs.max(1);
        let (send, receive) = sync_channel(jobs * 64);
        std::thread::scope(|scope| {
            for _ in 0..jobs {
                let (send, shared) = (send.clone(), &shared);
                scope.spawn(move || self.work(shared, &send));
            }
            drop(send);
            self.merge(&shared, receive, watch)
        })
    }

    fn work(&self, shared: &Shared, send: &SyncSender<Report>) {
        // Relaxed: the counter hands out numbers and publishes nothing; the channel carries the reports.
        while !shared.stop.load(Ordering::Relaxed) {
            let seed = shared.next.fetch_add(1, Ordering::Relaxed);
            if seed >= self.seeds.end {
                break;
            }
            if send.send(self.story.run(seed, self.params, Overlay::new())).is_err() {
                break;
            }
        }
    }

    /// Takes reports as they come and counts them in seed order, up to the failure that ends the campaign.
    fn merge(&self, shared: &Shared, receive: Receiver<Report>, watch: &mut dyn FnMut(&Report)) -> Tally {
        let mut tally = Tally::default();
        let mut early = BTreeMap::new();
        let mut due = self.seeds.start;
        for report in receive {
            early.insert(report.seed, report);
            while let Some(report) = early.remove(&due) {
                due += 1;
                watch(&report);
                tally.add(report);
                if tally.failed >= self.failures_max.max(1) {
                    // Relaxed: a hint to the workers; what they still send is dropped with the channel.
                    shared.stop.store(true, Ordering::Relaxed);
                    return tally;
                }
            }
        }
        tally
    }
}

impl Tally {
    fn add(&mut self, report: Report) {
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
