//! Workers: who steps the stages, and when.

mod cycle;
mod single;

pub use cycle::Cycle;
pub use single::{Outcome, run};

use core::fmt;

use tidemill_ring::sync::Ordering;
use tidemill_seam::{Instant, WorkerId};

use crate::graph::{AnyStage, Attempt, Graph, STAGES_MAX, STOP, Stages, Visit};
use crate::node::Fault;

/// Steps the stages that were placed on it: a state machine that neither reads a clock nor sleeps.
///
/// ```text
///  bells, due timers, notified() ─▶ ready: one bit a stage ─▶ round robin ─▶ attempt ─▶ step, commit ─▶ bells
/// ```
/// A driver calls [`poll`](Self::poll) with the present instant, rings the [foreign workers](Self::take_bells), and
/// sleeps as the answer says. [`run`] drives one; hosts drive several, each on its own thread.
///
/// # Laws
/// - **R10** No ready stage waits for more than one step of each other stage.
/// - **R11** A timer fires at the first poll at or after its time, never before.
/// - **R14** The stop handle works from anywhere, before the start, and twice.
/// - **R15** Nothing is allocated between start and stop.
/// - **G8** The sequence on every edge is the same whatever the caps, the number of workers and the rhythm of polling,
///   where nodes are deterministic and no edge drops.
pub struct Worker<'g, S> {
    graph: &'g Graph<S>,
    id: WorkerId,
    /// Stages of this worker that are still running.
    mine: u32,
    /// All stages of the graph are here.
    alone: bool,
    ready: u32,
    /// Stages to which a notification has not yet been told.
    woken: u32,
    /// Stages with a timer.
    asleep: u32,
    /// Stages that listen to the world outside.
    listening: u32,
    due: [Instant; STAGES_MAX],
    /// The stage that each one waits for.
    on: [u8; STAGES_MAX],
    /// Which worker each stage belongs to.
    places: [u8; STAGES_MAX],
    last: u8,
    /// The stage in step: still set on entry if a step unwound.
    stepping: Option<u8>,
    bells: Bells,
    why: Option<Why>,
}

// SAFETY: a worker reaches only its own stages, which nobody else does, and words meant for all; so it may go where they
// may.
unsafe impl<S: Send> Send for Worker<'_, S> {}

/// What a poll came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Polled {
    /// So many steps were made; poll again.
    Ran(u32),
    /// Nothing to do until notified, or until then.
    Idle {
        /// The earliest timer.
        due: Option<Instant>,
    },
    /// Every node of this worker is done.
    Done,
    /// A node failed, or somebody asked to stop: no node is stepped any more.
    Halted(Why),
    /// Nobody can move, nobody listens to the world outside and no timer runs: it will stay so. See
    /// [`Worker::stalled`].
    Stalled,
}

/// Why a graph halted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// A step failed.
    Fault {
        /// Which node.
        node: &'static str,
        /// In its words.
        fault: Fault,
    },
    /// A step panicked.
    Panic {
        /// Which node.
        node: &'static str,
    },
    /// Somebody asked for it.
    Stopped,
}

/// A set of workers to be notified.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[must_use = "a bell that is not rung is a lost wake-up"]
pub struct Bells(u32);

impl Iterator for Bells {
    type Item = WorkerId;
    fn next(&mut self) -> Option<WorkerId> {
        let id = self.0.trailing_zeros();
        self.0 &= self.0.wrapping_sub(1);
        (id < 32).then_some(WorkerId(id as u16))
    }
}

/// Asks the workers of a graph to stop, from any thread. Ring their bells afterwards.
#[derive(Debug)]
pub struct StopHandle<'g>(&'g tidemill_ring::sync::AtomicU32);

impl StopHandle<'_> {
    /// Every worker halts at its next poll. Calling it again changes nothing.
    pub fn stop(&self) {
        // Release: pairs with the Acquire in `Worker::poll`.
        self.0.store(STOP, Ordering::Release);
    }
}

impl<'g, S: Stages> Worker<'g, S> {
    /// # Safety
    /// Of the workers of a graph that live at one time, no two have a stage in common: `place` maps the stages' own
    /// choice to a worker, and each id is made once.
    pub(crate) unsafe fn new(
        graph: &'g Graph<S>,
        id: WorkerId,
        place: impl Fn(WorkerId) -> WorkerId,
    ) -> Self {
        let mut worker = Self {
            graph,
            id,
            mine: 0,
            alone: true,
            ready: 0,
            woken: 0,
            asleep: 0,
            listening: 0,
            due: [Instant::MAX; STAGES_MAX],
            on: [u8::MAX; STAGES_MAX],
            places: [0; STAGES_MAX],
            last: STAGES_MAX as u8 - 1,
            stepping: None,
            bells: Bells(0),
            why: None,
        };
        for stage in 0..S::COUNT {
            // SAFETY: no worker polls while the workers are made.
            let (at, running) = unsafe { graph.stages().visit(stage, Place) };
            let at = place(at);
            worker.places[stage] = at.0 as u8;
            if at == id {
                worker.mine |= u32::from(running) << stage;
            } else {
                worker.alone = false;
            }
        }
        worker.ready = worker.mine;
        worker
    }

    /// Which worker this is.
    pub const fn id(&self) -> WorkerId {
        self.id
    }

    /// A handle that stops this graph from elsewhere.
    pub const fn stop_handle(&self) -> StopHandle<'g> {
        StopHandle(&self.graph.halted)
    }

    /// Somebody outside notified: nodes that wait are stepped, and every edge to another worker is looked at.
    pub const fn notified(&mut self) {
        self.ready |= self.mine;
        self.woken |= self.mine;
    }

    /// The other workers that this one's polls have given something to do since the last call. Notify each.
    #[inline]
    pub fn take_bells(&mut self) -> Bells {
        core::mem::take(&mut self.bells)
    }

    /// Makes at most `limit` steps at the instant `now`.
    ///
    /// If a step unwinds through this call, call it again: the step is undone, its node is faulted and the graph halts.
    #[inline]
    pub fn poll(&mut self, now: Instant, limit: u32) -> Polled {
        if let Some(stage) = self.stepping.take() {
            self.unwound(usize::from(stage), now);
        }
        if let Some(why) = self.halt() {
            return Polled::Halted(why);
        }
        let mut steps = 0;
        self.wake_due(now);
        while steps < limit && self.ready != 0 {
            let stage = self.pick();
            let woken = self.woken >> stage & 1 == 1;
            self.stepping = Some(stage);
            let attempt = self.visit(usize::from(stage), Try { now, woken });
            self.stepping = None;
            steps += 1;
            match attempt {
                Attempt::Stepped(bells) => {
                    let bit = 1 << stage;
                    self.woken &= !bit;
                    self.asleep &= !bit;
                    self.listening &= !bit;
                    self.ring(bells);
                }
                Attempt::Resting { on, due, listens } => {
                    steps -= 1;
                    self.rest(stage, on, due, listens);
                }
                Attempt::Over(bells) => self.leave(stage, bells),
                Attempt::Failed(bells, fault) => {
                    self.leave(stage, bells);
                    let node = self.visit(usize::from(stage), NameOf);
                    return Polled::Halted(self.announce(stage, Why::Fault { node, fault }));
                }
            }
        }
        if steps > 0 { Polled::Ran(steps) } else { self.quiet() }
    }

    /// After the last one stepped, in turn (R10).
    #[inline]
    const fn pick(&mut self) -> u8 {
        let beyond = self.ready & (u32::MAX << self.last << 1);
        let from = if beyond == 0 { self.ready } else { beyond };
        self.last = from.trailing_zeros() as u8;
        self.last
    }

    #[inline]
    fn visit<V: Visit>(&self, stage: usize, visit: V) -> V::Output {
        // SAFETY: only stages of this worker are asked for, and no two workers share one.
        unsafe { self.graph.stages().visit(stage, visit) }
    }

    #[inline]
    fn ring(&mut self, bells: u32) {
        self.ready |= bells & self.mine;
        if !self.alone {
            self.ring_foreign(bells & !self.mine);
        }
    }

    #[cold]
    fn ring_foreign(&mut self, mut bells: u32) {
        while bells != 0 {
            let at = self.places[bells.trailing_zeros() as usize];
            if u16::from(at) != self.id.0 {
                self.bells.0 |= 1 << at;
            }
            bells &= bells - 1;
        }
    }

    #[inline]
    fn rest(&mut self, stage: u8, on: u8, due: Option<Instant>, listens: bool) {
        let bit = 1 << stage;
        self.ready &= !bit;
        self.on[usize::from(stage)] = on;
        self.due[usize::from(stage)] = due.unwrap_or(Instant::MAX);
        self.asleep = if due.is_some() { self.asleep | bit } else { self.asleep & !bit };
        self.listening = if listens { self.listening | bit } else { self.listening & !bit };
    }

    fn leave(&mut self, stage: u8, bells: u32) {
        let bit = 1 << stage;
        for set in [&mut self.mine, &mut self.ready, &mut self.woken, &mut self.asleep, &mut self.listening] {
            *set &= !bit;
        }
        self.ring(bells);
    }

    #[inline]
    const fn wake_due(&mut self, now: Instant) {
        let mut asleep = self.asleep;
        while asleep != 0 {
            let stage = asleep.trailing_zeros();
            if self.due[stage as usize].as_nanos() <= now.as_nanos() {
                self.ready |= 1 << stage;
            }
            asleep &= asleep - 1;
        }
    }

    /// Nothing is ready.
    fn quiet(&self) -> Polled {
        if self.mine == 0 {
            return Polled::Done;
        }
        let stages = (0..S::COUNT).filter(|stage| self.asleep >> stage & 1 == 1);
        let due = stages.map(|stage| self.due[stage]).min();
        if due.is_none() && self.alone && self.listening == 0 {
            Polled::Stalled
        } else {
            Polled::Idle { due }
        }
    }

    #[cold]
    fn unwound(&mut self, stage: usize, now: Instant) {
        let (node, bells) = self.visit(stage, Unwound(now));
        self.leave(stage as u8, bells);
        self.announce(stage as u8, Why::Panic { node });
    }

    /// Tells every worker that the graph halts.
    #[cold]
    fn announce(&mut self, stage: u8, why: Why) -> Why {
        self.why = Some(why);
        // Release: pairs with the Acquire in `halt`.
        self.graph.halted.store(u32::from(stage) + 1, Ordering::Release);
        for stage in 0..S::COUNT {
            self.ring_foreign(1 << stage);
        }
        why
    }

    #[inline]
    fn halt(&mut self) -> Option<Why> {
        if self.why.is_some() {
            return self.why;
        }
        // Acquire: pairs with the Release in `announce` and `StopHandle::stop`.
        match self.graph.halted.load(Ordering::Acquire) {
            0 => None,
            _ => Some(*self.why.insert(Why::Stopped)),
        }
    }
}

struct Place;
impl Visit for Place {
    type Output = (WorkerId, bool);
    fn visit<A: AnyStage>(self, stage: &mut A) -> Self::Output {
        (stage.worker(), stage.is_running())
    }
}

struct NameOf;
impl Visit for NameOf {
    type Output = &'static str;
    fn visit<A: AnyStage>(self, stage: &mut A) -> &'static str {
        stage.name()
    }
}

struct Try {
    now: Instant,
    woken: bool,
}
impl Visit for Try {
    type Output = Attempt;
    #[inline]
    fn visit<A: AnyStage>(self, stage: &mut A) -> Attempt {
        stage.attempt(self.now, self.woken)
    }
}

struct Unwound(Instant);
impl Visit for Unwound {
    type Output = (&'static str, u32);
    fn visit<A: AnyStage>(self, stage: &mut A) -> Self::Output {
        (stage.name(), stage.unwound(self.0))
    }
}

impl<S> fmt::Debug for Worker<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").field("id", &self.id).field("ready", &self.ready).finish_non_exhaustive()
    }
}
