//! Graphs: nodes bound to edges, judged before anything runs.

mod judge;
mod shape;
mod stage;
mod stages;

pub use judge::{Fault as WiringFault, Faults, Rule};
pub use shape::{Feed, Shape};
pub use stage::{Stage, bind};
pub use stages::Stages;

pub(crate) use judge::{Wire, caps};
pub(crate) use stage::{AnyStage, Attempt, State};
pub(crate) use stages::Visit;

use core::fmt;

use tidemill_ring::sync::AtomicU32;
use tidemill_seam::{Instant, WorkerId};

use crate::node::Fault;
use crate::worker::Worker;

/// The most stages that a graph can have.
pub const STAGES_MAX: usize = 32;

/// Stages joined by edges, which have passed the judge.
pub struct Graph<S> {
    stages: S,
    /// Stages, producers before their consumers.
    order: [u8; STAGES_MAX],
    phase: Phase,
    /// What every worker of this graph looks at: the stage that halted it, plus one; [`STOP`] on request.
    pub(crate) halted: AtomicU32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    New,
    Started,
    Stopped,
}

pub(crate) const STOP: u32 = u32::MAX;

/// Why a graph did not start. What had started was stopped again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StartError {
    /// A node's `init` or `start` failed.
    Node {
        /// Which.
        node: &'static str,
        /// In its words.
        fault: Fault,
    },
    /// It was started before.
    Again,
}

impl<S: Stages> Graph<S> {
    /// Judges the stages and links them.
    ///
    /// # Errors
    /// The first ten [`Faults`], each with its rule, node, port, and other party.
    #[expect(
        clippy::result_large_err,
        reason = "built once, before anything runs, and there is no heap to box it on"
    )]
    pub fn new(mut stages: S) -> Result<Self, Faults> {
        const { assert!(S::COUNT <= STAGES_MAX, "a graph has at most 32 stages") };
        let order = judge::judge(&mut stages)?;
        Ok(Self { stages, order, phase: Phase::New, halted: AtomicU32::new(0) })
    }

    /// Initialises every node, then starts them, consumers first. If one fails, those that had started are stopped.
    ///
    /// # Errors
    /// [`StartError`]; the graph is stopped then.
    pub fn start(&mut self, now: Instant) -> Result<(), StartError> {
        if self.phase != Phase::New {
            return Err(StartError::Again);
        }
        self.phase = Phase::Started;
        for index in 0..S::COUNT {
            self.hook(index, now, Hook::Init)?;
        }
        for k in (0..S::COUNT).rev() {
            self.hook(usize::from(self.order[k]), now, Hook::Start)?;
        }
        Ok(())
    }

    fn hook(&mut self, index: usize, now: Instant, hook: Hook) -> Result<(), StartError> {
        let (node, result) = self.stages.visit_mut(index, Run { hook, now });
        result.map_err(|fault| {
            self.stop(now);
            StartError::Node { node, fault }
        })
    }

    /// Stops every node that was started and has not stopped, producers first; edges close, what waits is flushed.
    /// Does nothing the second time.
    pub fn stop(&mut self, now: Instant) {
        if self.phase == Phase::Stopped {
            return;
        }
        self.phase = Phase::Stopped;
        for k in 0..S::COUNT {
            let _ = self.stages.visit_mut(usize::from(self.order[k]), Run { hook: Hook::Stop, now });
        }
    }

    /// Who feeds whom. Asked for before the graph runs: a stage that is over has let go of its inputs.
    pub fn shape(&mut self) -> Shape {
        judge::shape(&mut self.stages)
    }

    /// One worker that steps every stage, wherever it was placed.
    pub fn worker(&mut self) -> Worker<'_, S> {
        // SAFETY: `&mut self`, and one worker for all stages.
        unsafe { Worker::new(self, WorkerId(0), |_| WorkerId(0)) }
    }

    /// `K` workers, each with the stages that were placed on it. A stage on a worker beyond `K` goes to the last.
    ///
    /// A worker may be sent to another thread if the nodes may. Whoever drives it rings the
    /// [foreign workers](Worker::take_bells) after each poll.
    pub fn workers<const K: usize>(&mut self) -> [Worker<'_, S>; K] {
        const { assert!(K > 0 && K <= 32, "between 1 and 32 workers") };
        let this = &*self;
        let place = |stage: WorkerId| WorkerId(stage.0.min(K as u16 - 1));
        // SAFETY: `&mut self`, and every stage belongs to exactly one of the ids.
        core::array::from_fn(|id| unsafe { Worker::new(this, WorkerId(id as u16), place) })
    }

    pub(crate) const fn stages(&self) -> &S {
        &self.stages
    }

    pub(crate) const fn is_started(&self) -> bool {
        matches!(self.phase, Phase::Started)
    }
}

#[derive(Clone, Copy)]
enum Hook {
    Init,
    Start,
    Stop,
}

struct Run {
    hook: Hook,
    now: Instant,
}

impl Visit for Run {
    type Output = (&'static str, Result<(), Fault>);
    fn visit<A: AnyStage>(self, stage: &mut A) -> Self::Output {
        let result = match self.hook {
            Hook::Init => stage.init(self.now),
            Hook::Start => stage.start(self.now),
            Hook::Stop => {
                stage.finish(self.now, State::Stopped);
                Ok(())
            }
        };
        (stage.name(), result)
    }
}

impl<S> fmt::Debug for Graph<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Graph").field("phase", &self.phase).finish_non_exhaustive()
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node { node, fault } => write!(f, "{node} did not start: {fault}"),
            Self::Again => f.write_str("a graph starts once"),
        }
    }
}

impl core::error::Error for StartError {}
