//! Faults of memory managers: allocations that fail, pools that run dry, slots that are poisoned, payloads that move.
//!
//! A [`Faulty`] manager wraps any [`Manager`](tidemill_flow::Manager) of `tidemill-flow` and keeps its laws, except that
//! a free slot may be refused (M3) where a fault says so. A [`Saboteur`] decides for it, by choices of the world.

mod faulty;

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;

use crate::choice::Rate;
use crate::machine::MachineId;
use crate::process::Process;
use crate::sim::Sim;
use crate::streams::{Choices, StreamId, stream_of};

pub use faulty::{Berth, Faulty, Share};

/// What may go wrong with a pool, at each reservation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MemoryFaults {
    /// The reservation fails although a slot is free.
    pub fail: Rate,
    /// Somebody else takes every free slot, so that this and the next reservations fail.
    pub exhaust: Rate,
    /// How many reservations fail until the slots come back, at most; at least one does.
    pub held_for: u32,
    /// A payload moves to another slot, if one is free.
    pub relocate: Rate,
}

/// What a saboteur has done.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Sabotage {
    /// Reservations asked for.
    pub reserves: u64,
    /// Those that failed by themselves.
    pub failed: u64,
    /// Those that failed because somebody held every slot.
    pub exhausted: u64,
    /// Payloads that moved.
    pub relocated: u64,
    /// Slots that were poisoned when they became free.
    pub poisoned: u64,
}

/// Decides what goes wrong with one pool. A clone is another handle of the same one.
///
/// Made by [`Sim::saboteur`]; at work in a [`Faulty`] manager.
#[derive(Clone)]
pub struct Saboteur(Rc<Plans>);

struct Plans {
    name: String,
    choices: RefCell<Choices>,
    stream: Cell<StreamId>,
    faults: Cell<MemoryFaults>,
    fail_at: Cell<u64>,
    done: Cell<Sabotage>,
}

/// What becomes of one reservation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    Served,
    Failed,
    /// Somebody takes every slot, for so many reservations.
    Exhausted(u32),
}

impl MemoryFaults {
    /// Nothing goes wrong; draws nothing.
    pub const NONE: Self =
        Self { fail: Rate::NEVER, exhaust: Rate::NEVER, held_for: 1, relocate: Rate::NEVER };
}

impl Default for MemoryFaults {
    fn default() -> Self {
        Self::NONE
    }
}

impl Saboteur {
    /// Other faults from now on.
    pub fn set(&self, faults: MemoryFaults) {
        self.0.faults.set(faults);
    }

    pub(crate) fn faults(&self) -> MemoryFaults {
        self.0.faults.get()
    }

    /// The `n`-th reservation from now on fails, counted from one; the latest call counts.
    ///
    /// # Panics
    /// If `n` is zero.
    pub fn fail_nth(&self, n: u64) {
        assert!(n > 0, "reservations are counted from one");
        self.0.fail_at.set(self.done().reserves + n);
    }

    /// What it has done so far.
    pub fn done(&self) -> Sabotage {
        self.0.done.get()
    }

    fn note(&self, note: impl FnOnce(&mut Sabotage)) {
        let mut done = self.done();
        note(&mut done);
        self.0.done.set(done);
    }

    fn chance(&self, kind: &'static str, rate: Rate) -> bool {
        rate != Rate::NEVER && self.decide(|choices, stream| choices.chance_by(stream, kind, rate))
    }

    fn decide<T>(&self, ask: impl FnOnce(&mut Choices, StreamId) -> T) -> T {
        let choices = &mut *self.0.choices.borrow_mut();
        if self.0.stream.get() == StreamId::NONE {
            self.0.stream.set(choices.open(stream_of(&self.0.name), || self.0.name.clone()));
        }
        ask(choices, self.0.stream.get())
    }

    fn reservation(&self) -> Fate {
        self.note(|done| done.reserves += 1);
        let faults = self.0.faults.get();
        if self.done().reserves == self.0.fail_at.get() || self.chance("fail", faults.fail) {
            return Fate::Failed;
        }
        if self.chance("exhaust", faults.exhaust) {
            let most = u64::from(faults.held_for.max(1));
            return Fate::Exhausted(
                1 + self.decide(|choices, s| choices.choose_by(s, "exhaust-for", most)) as u32,
            );
        }
        Fate::Served
    }

    /// Which of `n` payloads moves at this reservation, if one does.
    fn moves(&self, n: usize) -> Option<usize> {
        let moves = n > 0 && self.chance("relocate", self.0.faults.get().relocate);
        moves.then(|| self.decide(|choices, s| choices.choose_by(s, "relocate-which", n as u64)) as usize)
    }
}

impl<P: Process> Sim<P> {
    /// One who decides what goes wrong with a pool. Kinds of choice, by `machine/memory→name`: `fail`, `exhaust`,
    /// `relocate`, and where one of the latter happens `exhaust-for`, `relocate-which`.
    ///
    /// # Panics
    /// If the name is empty, or holds a blank or `#`.
    pub fn saboteur(&mut self, machine: MachineId, name: &str, faults: MemoryFaults) -> Saboteur {
        assert!(crate::choice::is_name(name), "{name:?} cannot name a pool");
        let saboteur = Saboteur(Rc::new(Plans {
            name: format!("{}/memory→{name}", self.machine_name(machine)),
            choices: RefCell::new(self.kernel.choices.branch()),
            stream: Cell::new(StreamId::NONE),
            faults: Cell::new(faults),
            fail_at: Cell::new(0),
            done: Cell::default(),
        }));
        self.kernel.pools.push(saboteur.clone());
        self.kernel.beset_pool(&saboteur);
        saboteur
    }
}

impl fmt::Debug for Saboteur {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, done) = (&self.0.name, self.done());
        f.debug_struct("Saboteur").field("name", name).field("done", &done).finish_non_exhaustive()
    }
}
