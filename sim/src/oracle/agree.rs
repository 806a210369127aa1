use std::borrow::Cow;
use std::collections::BTreeMap;

use super::{Moment, Note, Oracle, Tap};
use crate::process::Process;
use crate::sim::Sim;

/// Replicas that took the same steps are in the same state: [`agreement`].
///
/// Reads `state`. Refuses, at the event, a hash that differs from the one that another replica (or the same, before a
/// restart) gave after as many steps; and, if they are to [converge](Agreement::converging), replicas that a quiet world
/// leaves at different steps. Costs a search in an ordered map a word; memory for a hash a step, or, where the
/// [number of replicas](Agreement::replicas) is known, for the steps that the slowest has still to take.
///
/// ```
/// use tidemill_sim::oracle::agreement;
/// use tidemill_sim::Sim;
///
/// let mut sim: Sim = Sim::new(1);
/// let log = sim.probe("log");
/// sim.watch(agreement("log").replicas(2).converging());
/// for replica in [1, 2] {
///     log.state(replica, 1, 0xaa);
/// }
/// log.state(1, 2, 0xbb);
/// log.state(2, 2, 0xcc);
/// let failure = sim.run().failure().unwrap().message.clone();
/// assert_eq!(failure, "after 2 steps replica 1 was in state 0xbb and replica 2 in state 0xcc");
/// ```
#[derive(Debug)]
pub struct Agreement {
    tap: Tap,
    converging: bool,
    minutes: Minutes,
}

#[derive(Debug, Default)]
struct Minutes {
    replicas: Option<usize>,
    /// After so many steps: who said first, and what.
    states: BTreeMap<u64, (u64, u64)>,
    /// How far each replica is.
    steps: BTreeMap<u64, u64>,
}

/// Replicas that write to the probe `name` agree on their state after every step.
pub fn agreement(name: &str) -> Agreement {
    Agreement { tap: Tap::new(name), converging: false, minutes: Minutes::default() }
}

impl Agreement {
    /// There are so many: what all of them have passed is forgotten.
    pub fn replicas(mut self, replicas: usize) -> Self {
        self.minutes.replicas = Some(replicas);
        self
    }

    /// In the end they have all taken the same number of steps.
    pub fn converging(mut self) -> Self {
        self.converging = true;
        self
    }
}

impl Minutes {
    fn hear(&mut self, replica: u64, at: u64, hash: u64) -> Result<(), String> {
        let (other, known) = *self.states.entry(at).or_insert((replica, hash));
        if known != hash {
            return Err(format!(
                "after {at} steps replica {other} was in state {known:#x} and replica {replica} in state {hash:#x}"
            ));
        }
        self.steps.insert(replica, at);
        if self.replicas.is_some_and(|replicas| self.steps.len() >= replicas)
            && let Some(slowest) = self.steps.values().min()
        {
            while self.states.first_key_value().is_some_and(|(at, _)| at < slowest) {
                self.states.pop_first();
            }
        }
        Ok(())
    }

    fn apart(&self) -> Option<String> {
        let (slow, least) = self.steps.iter().min_by_key(|(_, at)| **at)?;
        let (fast, most) = self.steps.iter().max_by_key(|(_, at)| **at)?;
        let apart = format!("replica {slow} ended after {least} steps and replica {fast} after {most}");
        (least != most).then_some(apart)
    }
}

impl<P: Process> Oracle<P> for Agreement {
    fn check(&mut self, sim: &Sim<P>, moment: Moment) -> Result<(), String> {
        let Self { tap, converging, minutes } = self;
        tap.read(sim, moment, |note| match note {
            Note::State { replica, at, hash } => minutes.hear(replica, at, hash),
            _ => Ok(()),
        })?;
        let ends = *converging && moment == Moment::Quiet;
        ends.then(|| minutes.apart()).flatten().map_or(Ok(()), Err)
    }

    fn name(&self) -> Cow<'static, str> {
        format!("agreement({})", self.tap.name).into()
    }
}
