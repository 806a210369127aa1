use std::cell::Cell;
use std::fmt;
use std::rc::Rc;

use tidemill_seam::{Duration, Instant};

use super::heal::Phase;
use super::placement::{Budget, Placement};
use super::stock::Stock;
use super::{Deed, Dice, Fault, Lasts, When};
use crate::assert::{Claims, Witness};
use crate::coverage::{ClaimId, Counts, Coverage};
use crate::kernel::Kernel;
use crate::machine::{MachineId, ProcessId};
use crate::net::{FilterGuard, Guarded, LinkConfig, Verdict};
use crate::process::{Context, Process, TimerId};
use crate::sim::Sim;
use crate::streams::{Choices, StreamId, stream_of};
use crate::task::Env;

/// How often a fault did what.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct FaultCounts {
    /// Occasions that it looked at, and moments at which it was due.
    pub looked: u64,
    /// How often it did not pass.
    pub fired: u64,
    /// How often that changed what the world did next: a loss of what was lost anyway, or a death of the dead, does not.
    pub changed: u64,
    /// How often the budget refused it.
    pub refused: u64,
}

/// A fault in its world.
pub(crate) struct Installed {
    pub(crate) name: String,
    pub(crate) deed: Deed,
    pub(crate) when: When,
    pub(crate) lasts: Lasts,
    pub(crate) stream: StreamId,
    /// What each target's name means; the second one only matters for a cut.
    pub(crate) targets: [Vec<ProcessId>; 2],
    /// One of the targets is chosen, instead of all.
    pub(crate) pick: bool,
    /// Events until it strikes; 0 if it does not strike by events, or not again.
    pub(crate) countdown: u64,
    /// Strikes left after that.
    pub(crate) left: u64,
    pub(crate) counts: FaultCounts,
    pub(crate) state: Rc<Cell<Guarded>>,
}

/// The faults of a world, and what bounds them.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    pub(crate) list: Vec<Installed>,
    pub(crate) budget: Budget,
    pub(crate) phase: Option<Phase>,
    pub(crate) families: Vec<(&'static str, bool)>,
    /// What the swarm made of links between machines that have no setting of their own; before.
    pub(crate) links_before: Option<LinkConfig>,
    pub(crate) stock: Stock,
    /// What faults planned: strikes, and the ends of their consequences.
    pub(crate) timers: Vec<TimerId>,
    /// Who ends with the present event.
    pub(crate) doomed: Vec<(ProcessId, Verdict)>,
}

impl<P: Process> Sim<P> {
    /// Installs a fault until the guard is dropped.
    ///
    /// # Panics
    /// If the fault's name is empty or holds a blank or `#`, if a target is called as nobody is, or if the fault is to
    /// strike in an empty window.
    pub fn install(&mut self, fault: Fault) -> FilterGuard {
        let Fault { name, targets, deed, when, lasts } = fault;
        assert!(crate::choice::is_name(&name), "{name:?} cannot name a fault");
        let pick = targets.iter().any(|target| target.contains('*'));
        let mut found = targets.iter().map(|target| self.named(target));
        let targets = [found.next().unwrap_or_default(), found.next().unwrap_or_default()];
        let state = Rc::new(Cell::new(Guarded::Installed));
        let stream = self.fault_stream(&name);
        let counts = FaultCounts::default();
        let guard = FilterGuard(Rc::clone(&state));
        let left = if let When::Events { times } = when { times } else { u64::MAX };
        let (countdown, faults) = (0, self.kernel.faults());
        let judges = matches!(deed, Deed::Judge(_));
        faults.list.push(Installed {
            name,
            deed,
            when,
            lasts,
            stream,
            targets,
            pick,
            countdown,
            left,
            counts,
            state,
        });
        let index = faults.list.len() - 1;
        if judges {
            (self.kernel.judges_sends, self.kernel.judges_takes) = (true, true);
        } else {
            self.arm(index);
        }
        guard
    }

    /// A stream of its own; the second fault of a name has another one than the first.
    fn fault_stream(&mut self, name: &str) -> StreamId {
        let same = self.kernel.faults().list.iter().filter(|other| other.name == name).count();
        let twin = if same == 0 { String::new() } else { format!("~{}", same + 1) };
        let name = format!("fault/{name}{twin}");
        self.kernel.choices.open(stream_of(&name), || name)
    }

    /// Sets the clock or the counter of a ready-made fault.
    fn arm(&mut self, index: usize) {
        let Kernel { choices, faults: Some(faults), .. } = &mut self.kernel else { return };
        let fault = &mut faults.list[index];
        match fault.when {
            When::Events { .. } | When::Often(_) => {
                fault.count_down(choices);
                self.kernel.judges_takes = true;
            }
            When::At(at) => self.later(at, move |sim| sim.strike(index)),
            When::Between(from, to) => {
                let width = to.as_nanos().saturating_sub(from.as_nanos());
                assert!(width > 0, "{} strikes in an empty window", fault.name);
                let mut dice = Dice { choices, stream: fault.stream };
                let at = from + Duration::from_nanos(dice.choose("at-ns", width));
                self.later(at, move |sim| sim.strike(index));
            }
            When::Every(span) => self.again(index, span),
        }
    }

    fn again(&mut self, index: usize, span: Duration) {
        assert!(span > Duration::ZERO, "a fault that strikes for ever at one instant");
        self.later(self.now() + span, move |sim| {
            if sim.strikes(index) {
                sim.strike(index);
                sim.again(index, span);
            }
        });
    }

    /// Does something at an instant, unless the world is healed before.
    pub(crate) fn later(&mut self, at: Instant, action: impl FnOnce(&mut Self) + 'static) {
        let timer = self.plan(at, action);
        let Kernel { queue, faults, .. } = &mut self.kernel;
        let timers = &mut faults.get_or_insert_default().timers;
        if timers.len() == timers.capacity() {
            timers.retain(|timer| queue.get(timer.index, timer.generation).is_some());
        }
        timers.push(timer);
    }

    /// Whether the fault is still installed, and the world still suffers faults.
    pub(crate) fn strikes(&self, index: usize) -> bool {
        let Some(faults) = &self.kernel.faults else { return false };
        faults.active() && faults.list[index].state.get() != Guarded::Removed
    }

    /// Every process that `name` means: `machine`, `machine/process`, either with one `*` in the place of any part.
    ///
    /// # Panics
    /// If it means nobody.
    pub(crate) fn named(&self, name: &str) -> Vec<ProcessId> {
        let fits = |process: &ProcessId| {
            let own = self.name(*process);
            let machine = own.split('/').next().unwrap_or(&own);
            fits(name, if name.contains('/') { &own } else { machine })
        };
        let found: Vec<ProcessId> = self.processes().filter(fits).collect();
        if found.is_empty() {
            let known: Vec<String> = self.processes().map(|process| self.name(process)).collect();
            panic!("nobody is called `{name}`; there are: {}", known.join(", "));
        }
        found
    }

    /// Bounds what faults may do from now on.
    ///
    /// # Panics
    /// If a process is named that is not there: place what was spawned.
    pub fn place(&mut self, placement: Placement) {
        let budget = Budget::new(placement, |name| self.named(name));
        self.kernel.faults().budget = budget;
    }

    /// How often each installed fault did what, in the order of installation.
    pub fn faults(&self) -> impl Iterator<Item = (&str, FaultCounts)> {
        let list = self.kernel.faults.iter().flat_map(|faults| &faults.list);
        list.map(|fault| (fault.name.as_str(), fault.counts))
    }

    /// A process holds again what it held before it was killed: it counts as up in a volatile group.
    pub fn recovered(&mut self, process: ProcessId) {
        self.kernel.notebook().recovered(process);
    }
}

impl Context<'_> {
    /// This process holds again what it held before it was killed: it counts as up in a volatile group.
    pub fn recovered(&mut self) {
        self.kernel.notebook().recovered(self.process);
    }
}

impl Env {
    /// This process holds again what it held before it was killed: it counts as up in a volatile group.
    pub fn recovered(&self) {
        self.notebook().recovered(self.seams().me());
    }
}

fn fits(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((start, end)) => {
            name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end)
        }
    }
}

impl Kernel {
    pub(crate) fn faults(&mut self) -> &mut Faults {
        self.faults.get_or_insert_default()
    }

    pub(crate) fn machine_of(&self, process: ProcessId) -> MachineId {
        self.meta(process).machine
    }
}

impl Installed {
    /// How many events pass before it strikes. A magnitude of 0 is never.
    pub(crate) fn count_down(&mut self, choices: &mut Choices) {
        /// The latest event that a fault waits for is number 2¹² − 1.
        const BITS: u32 = 12;
        let mut dice = Dice { choices, stream: self.stream };
        self.countdown = match self.when {
            _ if self.left == 0 => 0,
            When::Events { .. } => dice.magnitude("after-magnitude", "after", BITS),
            When::Often(mean) => 1 + dice.choose("gap", mean.saturating_mul(2).saturating_sub(1)),
            When::At(_) | When::Between(..) | When::Every(_) => 0,
        };
        self.left = self.left.saturating_sub(1);
    }
}

impl Faults {
    /// Whether faults strike: outside of phases, and in the phase of safety.
    pub(crate) fn active(&self) -> bool {
        matches!(self.phase, None | Some(Phase::Safety))
    }

    /// Adds what the faults and their families did in this run.
    pub(crate) fn report(&self, coverage: &mut Coverage, seed: u64) {
        let id =
            |claims, name: &str| ClaimId { claims, name: name.to_owned().into(), file: "".into(), line: 0 };
        for Installed { name, counts: FaultCounts { looked, fired, changed, refused }, .. } in &self.list {
            let (evaluated, met, changed, refused) = (*looked, *fired, *changed, *refused);
            let seed = (met > 0).then_some(seed);
            let counts = Counts { runs: 1, evaluated, met, changed, refused, range: None, seed };
            coverage.add_claim(id(Claims::Fault, name), &counts);
        }
        for (name, on) in &self.families {
            let (met, seed) = (u64::from(*on), on.then_some(seed));
            let counts = Counts { runs: 1, evaluated: 1, met, seed, ..Counts::default() };
            coverage.add_claim(id(Claims::Family, name), &counts);
        }
    }
}

impl fmt::Debug for Installed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Installed")
            .field("name", &self.name)
            .field("counts", &self.counts)
            .finish_non_exhaustive()
    }
}
