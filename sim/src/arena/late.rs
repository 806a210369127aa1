//! Stores that others see late: one queue a process, emptied by decisions, fences, exchanges, time and messages.
//!
//! The queue is a store buffer. `Fifo` is total store order (Sewell et al., "x86-TSO", 2010); `PerWord` is partial store
//! order (SPARC V8 manual, appendix K): stores to different words overtake each other unless a `Release` or a fence
//! stands between. Loads are never early and never stale beyond that.

use std::cell::{Cell, RefCell};
use std::sync::atomic::Ordering;

use tidemill_seam::{Duration, Instant};

use super::Arena;
use crate::choice::Rate;
use crate::machine::ProcessId;
use crate::seams::SeamsInner;

/// How stores may become visible late.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lateness {
    /// How often a store is late.
    pub rate: Rate,
    /// By how many accesses to the arena, at most, whoever makes them.
    pub accesses: u32,
    /// After this long on the machine's clock it is visible anyway.
    pub within: Duration,
    /// Which stores may overtake which.
    pub order: StoreOrder,
}

/// Which stores of one process may become visible before earlier ones.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StoreOrder {
    /// None: total store order, as on x86.
    Fifo,
    /// Those to other words, unless they release or a fence stands between: as on Arm.
    PerWord,
}

#[derive(Debug, Default)]
pub(super) struct LateStores {
    lateness: Cell<Option<Lateness>>,
    queues: RefCell<Vec<Queue>>,
    waiting: Cell<usize>,
}

#[derive(Debug)]
struct Queue {
    process: ProcessId,
    late: Vec<Late>,
    /// No later store is visible before this access: that of the last release fence.
    floor: u64,
    /// Its process is paused, and so are its stores.
    frozen: bool,
}

#[derive(Clone, Copy, Debug)]
struct Late {
    at: u32,
    value: u32,
    /// Visible at this access to the arena.
    due: u64,
    /// Visible at this instant of the machine's clock at the latest.
    by: Instant,
    /// The event in which it was stored, where a trace is kept.
    asked: u32,
}

impl LateStores {
    pub(super) fn is_on(&self) -> bool {
        self.lateness.get().is_some() || self.waiting.get() > 0
    }

    /// What the process itself last stored to a word, if nobody else sees it yet.
    pub(super) fn newest(&self, process: ProcessId, at: u32) -> Option<u32> {
        if self.waiting.get() == 0 {
            return None;
        }
        let queues = self.queues.borrow();
        let queue = queues.iter().find(|queue| queue.process == process)?;
        queue.late.iter().rev().find(|late| late.at == at).map(|late| late.value)
    }

    /// Takes the first store that `take` accepts of any queue that is not frozen.
    fn pop(&self, mut take: impl FnMut(&Queue, usize, &Late) -> bool) -> Option<(ProcessId, Late)> {
        for queue in &mut *self.queues.borrow_mut() {
            let found = (0..queue.late.len()).find(|i| take(queue, *i, &queue.late[*i]));
            if let Some(found) = found {
                self.waiting.set(self.waiting.get() - 1);
                return Some((queue.process, queue.late.remove(found)));
            }
        }
        None
    }

    fn with_queue<R>(&self, process: ProcessId, then: impl FnOnce(&mut Queue) -> R) -> R {
        let mut queues = self.queues.borrow_mut();
        let found = queues.iter().position(|queue| queue.process == process);
        let index = found.unwrap_or_else(|| {
            queues.push(Queue { process, late: Vec::new(), floor: 0, frozen: false });
            queues.len() - 1
        });
        then(&mut queues[index])
    }
}

impl Queue {
    /// The first access at which a store may be visible that becomes visible at `wanted` if nothing stands before it.
    fn earliest(&self, wanted: u64, at: u32, order: Ordering, model: StoreOrder) -> u64 {
        let release = matches!(order, Ordering::Release | Ordering::AcqRel | Ordering::SeqCst);
        let behind = |late: &&Late| release || model == StoreOrder::Fifo || late.at == at;
        let before = self.late.iter().filter(behind).map(|late| late.due).max();
        wanted.max(self.floor).max(before.unwrap_or(0))
    }
}

impl Arena {
    /// From now on stores of every process may become visible to the others late, or, with `None`, no further ones.
    /// Kinds of choice: `late`, `late-by`.
    pub fn delay(&self, lateness: Option<Lateness>) {
        self.0.late.lateness.set(lateness);
        self.reconsider();
    }

    pub(crate) fn lateness(&self) -> Option<Lateness> {
        self.0.late.lateness.get()
    }

    /// Stores that only their own process sees yet.
    pub fn late(&self) -> usize {
        self.0.late.waiting.get()
    }

    /// Makes visible what is due at this access.
    pub(super) fn surface(&self, now: Instant) {
        if self.0.late.waiting.get() == 0 {
            return;
        }
        let access = self.0.accesses.get();
        let due = |queue: &Queue, i: usize, late: &Late| {
            // Time is up for one store: whatever came before it goes first.
            let overdue = || i == 0 && queue.late.iter().any(|late| late.by <= now);
            !queue.frozen && (late.due <= access || overdue())
        };
        while let Some((process, late)) = self.0.late.pop(due) {
            self.put(process, late.at, late.value, late.asked);
        }
        self.reconsider();
    }

    /// Makes visible whatever the process stored, in order.
    pub(super) fn flush(&self, process: ProcessId) {
        if self.0.late.waiting.get() == 0 {
            return;
        }
        while let Some((_, late)) = self.0.late.pop(|queue, _, _| queue.process == process) {
            self.put(process, late.at, late.value, late.asked);
        }
        self.reconsider();
    }

    /// Holds back what a paused process stored, or lets go of it.
    pub(super) fn freeze(&self, process: ProcessId, frozen: bool) {
        let mut queues = self.0.late.queues.borrow_mut();
        if let Some(queue) = queues.iter_mut().find(|queue| queue.process == process) {
            queue.frozen = frozen;
        }
    }

    pub(super) fn store_late(&self, owner: &SeamsInner, at: u32, value: u32, order: Ordering) {
        let process = owner.process;
        if order == Ordering::SeqCst {
            self.flush(process);
        }
        let access = self.0.accesses.get();
        let (lateness, stores) = (self.0.late.lateness.get(), &self.0.late);
        let lag = match lateness {
            Some(lateness) if order != Ordering::SeqCst => self.lag(owner, lateness),
            _ => 0,
        };
        let model = lateness.map_or(StoreOrder::Fifo, |lateness| lateness.order);
        let due = stores.with_queue(process, |queue| queue.earliest(access + lag, at, order, model));
        if due <= access {
            self.put(process, at, value, self.asks());
            return;
        }
        let asked = self.asks();
        let by = owner.now() + lateness.map_or(Duration::ZERO, |lateness| lateness.within);
        stores.with_queue(process, |queue| queue.late.push(Late { at, value, due, by, asked }));
        stores.waiting.set(stores.waiting.get() + 1);
    }

    fn lag(&self, owner: &SeamsInner, lateness: Lateness) -> u64 {
        let drawn = self.decide(owner, |choices, stream| {
            let late = choices.chance_by(stream, "late", lateness.rate);
            late.then(|| 1 + choices.choose_by(stream, "late-by", u64::from(lateness.accesses.max(1))))
        });
        drawn.unwrap_or(0)
    }

    pub(super) fn fence(&self, process: ProcessId, order: Ordering) {
        match order {
            Ordering::SeqCst => self.flush(process),
            Ordering::Release | Ordering::AcqRel => self.0.late.with_queue(process, |queue| {
                queue.floor = queue.late.iter().map(|late| late.due).max().unwrap_or(0);
            }),
            _ => {}
        }
    }
}
