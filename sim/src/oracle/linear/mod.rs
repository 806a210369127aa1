//! Linearizability: every operation seems to take effect at one instant between its call and its return.
//!
//! The definition is Herlihy and Wing's (*Linearizability: A Correctness Condition for Concurrent Objects*, TOPLAS 12(3),
//! 1990). The search goes back to Wing and Gong (*Testing and Verifying Concurrent Objects*, JPDC 17, 1993) in Lowe's
//! just-in-time form (*Testing for Linearizability*, Concurrency and Computation 29(4), 2017): it walks along the history,
//! puts an operation into the order only when a return demands one, goes back where that leads nowhere, and never visits
//! the same configuration twice. Histories are split by key first, after Horn and Kroening (*Faster Linearizability
//! Checking via P-Compositionality*, FORTE 2015), which is Herlihy and Wing's locality put to use.
//!
//! An operation that never returned may take effect at any time after its call, or never. A configuration that used fewer
//! such operations up can do all that one can that used up more of them, so the latter is not visited once the former was.

mod history;
mod model;
mod models;
mod search;
mod verdict;

use std::borrow::Cow;
use std::fmt;

use super::{Moment, Oracle};
use crate::process::Process;
use crate::sim::Sim;

pub use history::{Call, History, Operation};
pub use model::Model;
pub use models::{
    Map, MapOp, MapRet, Queue, QueueOp, QueueRet, Register, RegisterOp, RegisterRet, Set, SetOp,
};
pub use search::linearize;
pub use verdict::{Linearization, Unplaced};

/// Steps of a model that a search may take, unless said otherwise.
pub const STEPS: u64 = 1_000_000;

/// Calls and returns before the first look.
const FIRST_LOOK: usize = 64;

/// What clients saw has an explanation: [`linearizable`].
pub struct Linearizable<M: Model> {
    model: M,
    history: History<M>,
    steps: u64,
    /// As many words make the next look worth its cost.
    next: usize,
}

/// Every operation of the history takes effect at one instant between its call and its return, as the model says.
///
/// Judges at the end of the run, quiet or not, and before that whenever the history has grown to twice its length: what is
/// wrong is found while it is short. Refuses a history that no order explains, and says which part of it one
/// explains and which operation comes next; refuses a history that it could not decide within its
/// [steps](Linearizable::steps), which are counted, not timed: every machine gives the same answer. Accepts an operation
/// that never returned whether it took effect or not.
///
/// Keeps the whole history. The cost of the search grows with the operations; where a history is illegal, also with two to
/// the power of the operations that are open at once, on one key.
///
/// ```
/// use tidemill_sim::oracle::{History, Register, RegisterOp, RegisterRet, linearizable};
/// use tidemill_sim::Sim;
///
/// let history = History::new("register");
/// let mut sim: Sim = Sim::new(1);
/// sim.watch(linearizable(Register::new(0), &history));
///
/// let write = history.call(1, RegisterOp::Write(5));
/// for seen in [5, 0] {
///     let read = history.call(2, RegisterOp::Read);
///     history.returned(read, RegisterRet::Value(seen));
/// }
/// history.returned(write, RegisterRet::Done);
///
/// let failure = sim.run().failure().unwrap().clone();
/// assert_eq!(failure.id, "linearizable(register): no order of the operations explains their answers");
/// assert!(failure.message.contains("client 2: Read → Value(0)"), "{failure}");
/// ```
pub fn linearizable<M: Model>(model: M, history: &History<M>) -> Linearizable<M> {
    Linearizable { model, history: history.clone(), steps: STEPS, next: FIRST_LOOK }
}

impl<M: Model> Linearizable<M> {
    /// The search gives up after so many steps of the model; [`STEPS`] if not said.
    pub fn steps(self, steps: u64) -> Self {
        Self { steps, ..self }
    }
}

impl<P: Process, M: Model> Oracle<P> for Linearizable<M> {
    fn check(&mut self, sim: &Sim<P>, moment: Moment) -> Result<(), String> {
        self.history.stamp(sim.now());
        let ends = !matches!(moment, Moment::Event(_));
        if !ends && self.history.words() < self.next {
            return Ok(());
        }
        self.next = self.history.words() * 2;
        match linearize(&self.model, &self.history.operations(), self.steps) {
            Linearization::Legal { .. } => Ok(()),
            // What could not be decided in the middle may be decided in the end.
            Linearization::Unknown { .. } if !ends => Ok(()),
            otherwise => Err(otherwise.to_string()),
        }
    }

    fn name(&self) -> Cow<'static, str> {
        format!("linearizable({})", self.history.name()).into()
    }
}

impl<M: Model> fmt::Debug for Linearizable<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Linearizable")
            .field("history", &self.history)
            .field("steps", &self.steps)
            .finish_non_exhaustive()
    }
}
