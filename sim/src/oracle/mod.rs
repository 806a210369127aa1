//! Oracles: laws about a whole run, looked at after every event.
//!
//! An oracle is one trait with one method. It sees the world between two events, and what user code wrote into a
//! [`Probe`] (the words of an edge or a sink, by name) or a [`Journal`] (anything else). Writing decides nothing and is
//! no event: a run with oracles has the hash of a run without.
//!
//! | law | constructor | memory |
//! |---|---|---|
//! | each item once | [`exactly_once`], [`at_least_once`], [`at_most_once`] | items on their way, and gaps |
//! | nothing vanishes | [`conservation`] of an edge, [`network_conservation`] | items on their way; nothing |
//! | first sent, first arrived | [`order`], [`order_per_key`] | items on their way, and gaps |
//! | event time goes forward | [`watermark`] | keys |
//! | what was taken is given back | [`no_leak`], [`no_leak_of`], [`world_leak`] | what is taken; nothing |
//! | nothing grows | [`bounded`], [`bounded_world`] | nothing |
//! | what is promised happens | [`within`] | open promises, and gaps |
//! | the real thing does what its model may | [`refines`] | the model |
//! | answers have an explanation | [`linearizable`] | the history |
//! | replicas agree | [`agreement`] | steps that not all have taken |
//!
//! Every failure's id begins with the oracle's [name](Oracle::name): `exactly_once(sink): item # arrived twice`.

mod agree;
mod bound;
mod conserve;
mod delivery;
mod journal;
mod leak;
mod linear;
mod liveness;
mod order;
mod probe;
mod refine;
mod spans;

use std::borrow::Cow;

use crate::process::Process;
use crate::sim::Sim;
use crate::trace::TraceRecord;

pub use agree::{Agreement, agreement};
pub use bound::{Bounded, BoundedWorld, Bounds, bounded, bounded_world};
pub use conserve::{Conservation, NetworkConservation, conservation, network_conservation};
pub use delivery::{Delivery, at_least_once, at_most_once, exactly_once};
pub use journal::Journal;
pub use leak::{NoLeak, NoLeakOf, WorldLeak, no_leak, no_leak_of, world_leak};
pub use linear::{
    Call, History, Linearizable, Linearization, Map, MapOp, MapRet, Model, Operation, Queue, QueueOp,
    QueueRet, Register, RegisterOp, RegisterRet, STEPS, Set, SetOp, Unplaced, linearizable, linearize,
};
pub use liveness::{Within, within};
pub use order::{Order, Watermark, order, order_per_key, watermark};
pub use probe::{Item, Note, Probe};
pub use refine::{Reference, Refines, refines};

/// When an oracle looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Moment {
    /// This just happened.
    Event(TraceRecord),
    /// Nothing will ever happen again.
    Quiet,
    /// The run [ends here](Sim::conclude), although more would happen later: what is on its way stays there.
    Due,
}

/// A law about a whole run.
///
/// ```
/// use tidemill_sim::{Moment, Oracle, Process, Sim};
///
/// /// Never more than `0` datagrams are under way.
/// struct Calm(u64);
///
/// impl<P: Process> Oracle<P> for Calm {
///     fn check(&mut self, sim: &Sim<P>, _: Moment) -> Result<(), String> {
///         let there = sim.in_flight();
///         if there <= self.0 { Ok(()) } else { Err(format!("{there} datagrams are under way")) }
///     }
/// }
///
/// let mut sim: Sim = Sim::new(7);
/// sim.watch(Calm(10));
/// sim.run().expect_ok();
/// ```
pub trait Oracle<P: Process> {
    /// Says what is wrong, if anything is.
    fn check(&mut self, sim: &Sim<P>, moment: Moment) -> Result<(), String>;

    /// What failures found by it are called: the first part of their id. The name of the type, if not said.
    fn name(&self) -> Cow<'static, str> {
        let name = std::any::type_name::<Self>();
        let plain = name.split('<').next().unwrap_or(name);
        Cow::Borrowed(plain.rsplit("::").find(|part| !part.starts_with('{')).unwrap_or(plain))
    }
}

impl<P: Process, F: FnMut(&Sim<P>, Moment) -> Result<(), String>> Oracle<P> for F {
    fn check(&mut self, sim: &Sim<P>, moment: Moment) -> Result<(), String> {
        self(sim, moment)
    }
}

impl<P: Process> Oracle<P> for Box<dyn Oracle<P>> {
    fn check(&mut self, sim: &Sim<P>, moment: Moment) -> Result<(), String> {
        (**self).check(sim, moment)
    }

    fn name(&self) -> Cow<'static, str> {
        (**self).name()
    }
}

impl<P: Process> Sim<P> {
    /// Has an oracle look at every event, and at the end of the run, under the name it gives itself.
    pub fn watch(&mut self, oracle: impl Oracle<P> + 'static) {
        self.oracle(oracle.name(), oracle);
    }

    /// The probe of that name: one book, however often it is asked for.
    pub fn probe(&mut self, name: &str) -> Probe {
        match self.find_probe(name) {
            Some(probe) => probe.clone(),
            None => {
                let probe = Probe::new(name);
                self.kernel.probes.push(probe.clone());
                probe
            }
        }
    }

    /// The probe of that name, if somebody asked for it.
    pub fn find_probe(&self, name: &str) -> Option<&Probe> {
        self.kernel.probes.iter().find(|probe| *probe.name() == *name)
    }
}

/// What an oracle knows of the probe it listens to.
#[derive(Debug)]
struct Tap {
    name: String,
    probe: Option<Probe>,
}

impl Tap {
    fn new(name: &str) -> Self {
        Self { name: name.to_owned(), probe: None }
    }

    /// Shows every note that was written since the last moment. At the end of a run nobody may still look for a probe
    /// that nobody opened: the law would hold of nothing.
    fn read<P: Process>(
        &mut self,
        sim: &Sim<P>,
        moment: Moment,
        each: impl FnMut(Note) -> Result<(), String>,
    ) -> Result<(), String> {
        if self.probe.is_none() {
            self.probe = sim.find_probe(&self.name).cloned();
        }
        match &self.probe {
            Some(probe) => probe.fresh().iter().copied().try_for_each(each),
            None if matches!(moment, Moment::Event(_)) => Ok(()),
            None => {
                let known: Vec<&str> = sim.kernel.probes.iter().map(Probe::name).collect();
                Err(format!("nobody opened the probe `{}`; open are: [{}]", self.name, known.join(", ")))
            }
        }
    }
}
