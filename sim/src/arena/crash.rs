//! Death at a store: the process ends before the store reaches memory, and its code does not run on.
//!
//! The store raises a private payload without calling the panic hook; the kernel catches it around the step. Destructors
//! run on the way, as they must for memory safety, but the process is dead by then: what they store reaches nobody.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::thread::panicking;

use tidemill_seam::Duration;

use super::Memory;
use crate::choice::Rate;
use crate::kernel::Kernel;
use crate::machine::ProcessId;
use crate::process::Process;
use crate::seams::SeamsInner;
use crate::sim::Sim;

/// What unwinds a process that died at a store.
struct Died;

/// How a process may die at a store into shared memory, in each of its lives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StoreCrash {
    /// How often a life ends so.
    pub rate: Rate,
    /// At one of so many first stores, each as likely.
    pub within: u64,
    /// How long it stays dead; for ever with `None`.
    pub restart: Option<Duration>,
}

/// A death that waits for a process of this name to be born.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) process: String,
    /// The store that never happens, counted from one over all lives.
    pub(crate) store: u64,
    pub(crate) restart: Option<Duration>,
}

/// The stores of one life of a process, and which of them never happens.
#[derive(Debug)]
pub(crate) struct Life {
    stores: Cell<u64>,
    dies_at: Cell<u64>,
    restart: Cell<Option<Duration>>,
    /// Code of the process runs right now, so that it can be unwound.
    running: Cell<bool>,
}

impl Default for Life {
    fn default() -> Self {
        Self {
            stores: Cell::new(0),
            dies_at: Cell::new(u64::MAX),
            restart: Cell::new(None),
            running: Cell::new(false),
        }
    }
}

impl Life {
    /// Stores so far, earlier lives included, and those that they ended at.
    pub(crate) fn stores(&self) -> u64 {
        self.stores.get()
    }

    /// Whether code of the process runs, and not to unwind it.
    pub(super) fn is_running(&self) -> bool {
        self.running.get() && !panicking()
    }

    fn doom(&self, store: u64, restart: Option<Duration>) {
        self.dies_at.set(store);
        self.restart.set(restart);
    }

    /// Counts a store, or dies instead of it.
    #[inline]
    pub(super) fn store(&self, die: impl FnOnce()) {
        if !self.is_running() {
            return;
        }
        let number = self.stores.get() + 1;
        self.stores.set(number);
        if number == self.dies_at.get() {
            die();
            panic::resume_unwind(Box::new(Died));
        }
    }

    /// Ends code that runs on after the death of its process. Destructors are let through.
    #[cold]
    pub(super) fn stay_dead(&self) {
        if self.is_running() {
            panic::resume_unwind(Box::new(Died));
        }
    }
}

/// Runs code of a process; `false` where the process died of it.
pub(crate) fn survives(seams: &SeamsInner, step: impl FnOnce()) -> bool {
    let before = seams.life.running.replace(true);
    let outcome = panic::catch_unwind(AssertUnwindSafe(step));
    seams.life.running.set(before);
    match outcome {
        Ok(()) => seams.alive.get(),
        Err(payload) if payload.is::<Died>() => false,
        Err(payload) => panic::resume_unwind(payload),
    }
}

impl Memory {
    /// Which store of this new life never happens.
    pub(crate) fn doom(kernel: &mut Kernel, process: ProcessId, life: &Life) {
        let Some(memory) = &kernel.memory else { return };
        life.stores.set(memory.stores_before(process));
        let crash = memory.crashes.iter().find(|(victim, _)| *victim == process).map(|(_, crash)| *crash);
        if let Some(crash) = crash {
            crash.decide(kernel, process, life);
        }
        let Some(memory) = &kernel.memory else { return };
        if memory.plans.is_empty() {
            return;
        }
        let name = kernel.process_name(process);
        let next = |plan: &&Plan| plan.process == name && plan.store > life.stores();
        let due = memory.plans.iter().filter(next).min_by_key(|plan| plan.store);
        if let Some(plan) = due {
            life.doom(plan.store, plan.restart);
        }
    }
}

impl StoreCrash {
    fn decide(self, kernel: &mut Kernel, process: ProcessId, life: &Life) {
        let stream = kernel.process_stream(process);
        if kernel.choices.chance_by(stream, "store-crash", self.rate) {
            let after = kernel.choices.choose_by(stream, "store-crash-at", self.within.max(1));
            life.doom(life.stores() + 1 + after, self.restart);
        }
    }
}

impl<P: Process> Sim<P> {
    /// The process dies at its `store`-th store into shared memory from now on, counted from one: that store never
    /// happens. It comes back after `restart`, if that is given. One death at a time: the latest call counts.
    ///
    /// # Panics
    /// If `store` is zero, if the process has no seams or is dead, or is to come back and has no factory.
    pub fn kill_at_store(&mut self, process: ProcessId, store: u64, restart: Option<Duration>) {
        assert!(store > 0, "stores are counted from one");
        self.assert_returns(process, restart);
        let name = self.name(process);
        let seams = self.kernel.meta(process).seams.as_ref();
        let life = &seams.unwrap_or_else(|| panic!("{name} is dead or was spawned without seams")).life;
        life.doom(life.stores() + store, restart);
    }

    /// From now on, and in each later life, the process may die at a store into shared memory. Kinds of choice:
    /// `store-crash`, `store-crash-at`.
    ///
    /// # Panics
    /// If it is to come back and was not spawned with a factory.
    pub fn crash_at_store(&mut self, process: ProcessId, crash: StoreCrash) {
        self.assert_returns(process, crash.restart);
        let memory = self.kernel.memory.get_or_insert_default();
        memory.crashes.retain(|(victim, _)| *victim != process);
        memory.crashes.push((process, crash));
        if let Some(seams) = self.kernel.meta(process).seams.clone() {
            crash.decide(&mut self.kernel, process, &seams.life);
        }
    }

    /// As [`kill_at_store`](Self::kill_at_store), for a process that is not there yet: `machine/process`, and the store
    /// counted over all its lives. It is asked again at every birth.
    pub(crate) fn plan_death(&mut self, plan: Plan) {
        self.kernel.memory.get_or_insert_default().plans.push(plan);
    }

    /// The crash point that this run visits, of those that [`CrashPoints`](crate::harness::CrashPoints) plans: who dies, and at
    /// which of its stores, counted from one over all its lives. Up to there the run is one that was without that death: an
    /// oracle that was asked at every store of that one need not be asked again before.
    pub fn crash_point(&self) -> Option<(&str, u64)> {
        let plan = self.kernel.memory.as_ref()?.plans.last()?;
        Some((&plan.process, plan.store))
    }

    fn assert_returns(&self, process: ProcessId, restart: Option<Duration>) {
        let can = restart.is_none() || self.bodies[process.index()].factory.is_some();
        assert!(can, "{} was spawned without a factory", self.name(process));
    }

    /// Takes a process out of the world that died at a store. What it sent before goes its way.
    #[cold]
    pub(crate) fn died(&mut self, process: ProcessId) {
        self.kernel.flush(process);
        self.kernel.answer_bells();
        let seams = self.kernel.meta(process).seams.clone();
        let restart = seams.and_then(|seams| seams.life.restart.get());
        self.kernel.stats.store_deaths += 1;
        self.announce_stores();
        self.kill(process);
        if let Some(span) = restart {
            self.after(span, move |sim| {
                if !sim.is_alive(process) {
                    sim.restart(process);
                }
            });
        }
    }
}
