//! Death at every store: the same run once per crash point, and again for every pair of them.

use std::fmt;

use tidemill_seam::Duration;

use super::Finish;
use super::panics;
use crate::arena::Plan;
use crate::{Failure, Sim};

/// Who is to die at each of its stores into shared memory, and whether it comes back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Victim {
    /// `machine/process`.
    pub process: String,
    /// How long it stays dead; for ever with `None`.
    pub restart: Option<Duration>,
}

/// What became of a run that died at every store.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
#[must_use = "a crash point may have broken a law"]
pub struct CrashPoints {
    /// Stores of the victim while nobody dies; of pairs, those of the second victim in every run of the first.
    pub stores: u64,
    /// Runs in which the victim died where it was to die.
    pub visited: u64,
    /// The runs that broke a law, by the store that never happened, counted from one. Zero: nobody had to die for it.
    pub broken: Vec<(u64, Failure)>,
}

impl Victim {
    /// A process that stays dead.
    pub fn new(process: &str) -> Self {
        Self { process: process.to_owned(), restart: None }
    }

    /// The same, but it comes back after a while.
    #[must_use]
    pub fn restarting(self, after: Duration) -> Self {
        Self { restart: Some(after), ..self }
    }

    fn at(&self, store: u64) -> Plan {
        Plan { process: self.process.clone(), store, restart: self.restart }
    }
}

impl CrashPoints {
    /// Runs `body` on a fresh world of `seed` once without a death, and once for each store of the victim, which then
    /// never happens.
    pub fn visit<R: Finish>(seed: u64, victim: &Victim, body: impl Fn(&mut Sim) -> R) -> Self {
        Self::after(seed, &[], victim, &body)
    }

    /// As [`visit`](Self::visit), with a second death at every store of `second` in each of the runs that `first` died
    /// in: the one who repairs dies too. Failures are named by the store of the first.
    pub fn visit_pairs<R: Finish>(
        seed: u64,
        first: &Victim,
        second: &Victim,
        body: impl Fn(&mut Sim) -> R,
    ) -> Self {
        let mut all = Self::default();
        for store in 1..=once(seed, &[], &first.process, &body).stores {
            let Self { stores, visited, broken } = Self::after(seed, &[first.at(store)], second, &body);
            all.stores += stores;
            all.visited += visited;
            all.broken.extend(broken.into_iter().map(|(_, failure)| (store, failure)));
        }
        all
    }

    fn after<R: Finish>(seed: u64, before: &[Plan], victim: &Victim, body: &impl Fn(&mut Sim) -> R) -> Self {
        let deaths = before.len() as u64;
        let clean = once(seed, before, &victim.process, body);
        let mut points = Self::default();
        points.broken.extend(clean.failure.map(|failure| (0, failure)));
        let planned =
            |store: &u64| before.iter().any(|plan| plan.process == victim.process && plan.store == *store);
        for store in (1..=clean.stores).filter(|store| !planned(store)) {
            let plans: Vec<Plan> = before.iter().cloned().chain([victim.at(store)]).collect();
            let run = once(seed, &plans, &victim.process, body);
            points.stores += 1;
            points.visited += u64::from(run.deaths > deaths);
            points.broken.extend(run.failure.map(|failure| (store, failure)));
        }
        points
    }

    /// Insists that there were crash points, that each was visited, and that no law broke.
    ///
    /// # Panics
    /// Otherwise, naming the first store that broke a law.
    #[track_caller]
    pub fn expect_ok(self) {
        if let Some((store, failure)) = self.broken.first() {
            panic!("{self}; at store {store}: {failure}");
        }
        assert!(self.stores > 0 && self.visited == self.stores, "{self}");
    }
}

struct Run {
    stores: u64,
    deaths: u64,
    failure: Option<Failure>,
}

fn once<R: Finish>(seed: u64, plans: &[Plan], counted: &str, body: &impl Fn(&mut Sim) -> R) -> Run {
    let mut sim = Sim::new(seed);
    plans.iter().for_each(|plan| sim.plan_death(plan.clone()));
    let failure = match panics::catch(|| body(&mut sim)) {
        Ok(finish) => finish.failure(&sim).or_else(|| sim.failure().cloned()),
        Err(panicked) => {
            let (now, event, entity) = sim.locate();
            Some(Failure::new(&panicked.site, panicked.message, entity, now, event))
        }
    };
    let counted = sim.processes().find(|process| sim.name(*process) == counted);
    let stores = counted.map_or(0, |process| sim.stores(process));
    Run { stores, deaths: sim.stats().store_deaths, failure }
}

impl fmt::Display for CrashPoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stores, visited, broken } = self;
        write!(f, "{visited} of {stores} crash points visited, {} broke a law", broken.len())
    }
}
