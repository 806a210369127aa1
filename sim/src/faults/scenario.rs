use std::fmt;

use tidemill_seam::{Duration, Instant};

use super::{Fault, Phase, Placement, Swarm};
use crate::machine::ProcessId;
use crate::oracle::Oracle;
use crate::process::Process;
use crate::sim::Sim;

/// Work that is put into a world: it begins once, and says whether it still has something to give.
///
/// A closure over the simulation is a load that has given everything at once. Processes that it spawns, datagrams that
/// they send and items that they note in a [probe](crate::oracle::Probe) are the load's affair.
pub trait Load<P: Process> {
    /// Begins.
    fn begin(&mut self, sim: &mut Sim<P>);

    /// How many items it has not put into the world yet: the phase of safety lasts until there are none.
    fn left(&self, sim: &Sim<P>) -> u64 {
        let _ = sim;
        0
    }
}

impl<P: Process, F: FnMut(&mut Sim<P>)> Load<P> for F {
    fn begin(&mut self, sim: &mut Sim<P>) {
        self(sim);
    }
}

/// What must hold in the end, and how it does not.
type Goal<P> = Box<dyn FnMut(&Sim<P>) -> Result<(), String>>;

/// A run in three phases: *safety*, in which faults strike; *heal*, which repairs what the budget lets be repaired;
/// *liveness*, in which the world must converge, come to rest, and leak nothing.
///
/// ```
/// use tidemill_sim::oracle::exactly_once;
/// use tidemill_sim::{Duration, Sim, kill};
///
/// let mut sim: Sim = Sim::new(7);
/// let (near, far) = (sim.machine("camera-host"), sim.machine("queue-host"));
/// let probe = sim.probe("sink");
/// let seen = probe.clone();
/// let sink = sim.spawn_async(far, "sink", move |env| {
///     let seen = seen.clone();
///     async move {
///         let (from, frame) = env.recv().await;
///         seen.delivered(u64::from(frame[0]));
///         env.send(from, &frame).unwrap();
///     }
/// });
/// let to = sim.address(sink);
/// sim.load(move |sim: &mut Sim| {
///     let probe = probe.clone();
///     sim.spawn_async(near, "camera", move |env| {
///         let probe = probe.clone();
///         async move {
///             probe.sent(7);
///             loop {
///                 env.send(to, &[7]).unwrap();
///                 env.sleep(Duration::from_millis(50)).await;
///                 if env.try_recv().is_some() { break }
///             }
///         }
///     });
/// })
/// .fault(kill("queue-host").once())
/// .check(exactly_once("sink"))
/// .live_within(Duration::from_secs(5));
/// assert!(sim.failure().is_none());
/// ```
#[must_use = "nothing runs before `live_within`"]
pub struct Scenario<'a, P: Process> {
    sim: &'a mut Sim<P>,
    load: Box<dyn Load<P>>,
    goals: Vec<(&'static str, Goal<P>)>,
    safe_for: Duration,
}

/// How long the phases of a run were, in virtual time.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Lived {
    /// Safety.
    pub safety: Duration,
    /// From the heal until the world had converged and come to rest; `None` if it did not, or a law broke before.
    pub liveness: Option<Duration>,
}

/// Events between two looks at what still waits, at least.
const STRIDE: u64 = 16;

impl<P: Process> Sim<P> {
    /// Puts work into the world and describes a run of three phases around it.
    pub fn load(&mut self, mut load: impl Load<P> + 'static) -> Scenario<'_, P> {
        load.begin(self);
        let safe_for = Duration::from_secs(10);
        Scenario { sim: self, load: Box::new(load), goals: Vec::new(), safe_for }
    }
}

impl<P: Process> Scenario<'_, P> {
    /// With a fault in the phase of safety.
    pub fn fault(self, fault: Fault) -> Self {
        self.sim.install(fault).keep();
        self
    }

    /// With the families of faults that the swarm draws for this run.
    pub fn swarm(self, swarm: &Swarm) -> Self {
        self.sim.swarm(swarm);
        self
    }

    /// Within this budget.
    pub fn place(self, placement: Placement) -> Self {
        self.sim.place(placement);
        self
    }

    /// Under this law.
    pub fn check(self, oracle: impl Oracle<P> + 'static) -> Self {
        self.sim.watch(oracle);
        self
    }

    /// Towards this goal: the run converges when every goal holds. It is asked after events, so it looks and does not count.
    pub fn goal(
        mut self,
        name: &'static str,
        holds: impl FnMut(&Sim<P>) -> Result<(), String> + 'static,
    ) -> Self {
        self.goals.push((name, Box::new(holds)));
        self
    }

    /// Faults strike for `span` of virtual time at most, ten seconds if not said; less if the load is all given, or nothing
    /// is left to happen, before.
    pub fn safe_for(self, span: Duration) -> Self {
        Self { safe_for: span, ..self }
    }

    /// Runs the phases. The healed world must converge, come to rest and leak nothing within `span` of virtual time: the
    /// load is all given, every goal holds, nobody waits, and no timer, datagram or notification is left but those of
    /// [daemons](Sim::daemon). Then the oracles have their last word.
    ///
    /// A law that broke is [`Sim::failure`]; its message ends with the phase.
    pub fn live_within(mut self, span: Duration) -> Lived {
        let begin = self.sim.now();
        self.sim.enter_phase(Phase::Safety);
        self.safety(begin + self.safe_for);
        let healed = self.sim.now();
        let mut lived = Lived { safety: healed.since(begin), liveness: None };
        if self.sim.kernel.ended {
            return lived;
        }
        self.sim.enter_phase(Phase::Heal);
        let left = self.sim.heal_core();
        self.sim.enter_phase(Phase::Liveness);
        match self.liveness(healed + span, &left) {
            Ok(()) => self.sim.rest(),
            Err(_) if self.sim.kernel.ended => {}
            Err((site, why)) => self.sim.fail_phase(site, format!("{why} within {span:?}")),
        }
        if self.sim.failure().is_none() {
            lived.liveness = Some(self.sim.now().since(healed));
        }
        lived
    }

    /// Until the load is all given; and, where it gives everything at once, until nothing happens any more.
    fn safety(&mut self, until: Instant) {
        self.sim.settle_all();
        let gives = self.load.left(self.sim) > 0;
        while !(gives && self.load.left(self.sim) == 0) && self.sim.step_within(until.as_nanos()) {}
        self.sim.catch_up();
        self.sim.refresh_all();
    }

    /// Whether the world converges and comes to rest by the deadline; who or what does not.
    fn liveness(&mut self, deadline: Instant, left: &[ProcessId]) -> Result<(), (&'static str, String)> {
        let mut looked = 0;
        loop {
            let waiting = u64::from(self.sim.kernel.queue.len());
            // A look costs as much as there are events waiting, so that many are taken in between.
            let look = waiting == 0 || self.sim.stats().events >= looked + waiting.max(STRIDE);
            if look {
                looked = self.sim.stats().events;
                if self.open(left).is_none() {
                    return Ok(());
                }
            }
            if !self.sim.step_within(deadline.as_nanos()) {
                return self.open(left).map_or(Ok(()), Err);
            }
        }
    }

    /// What keeps the world from being done.
    fn open(&mut self, behind: &[ProcessId]) -> Option<(&'static str, String)> {
        let did_not = |what: String| Some(("liveness", format!("did not converge: {what}")));
        let left = self.load.left(self.sim);
        if left > 0 {
            return did_not(format!("the load still has {left} items"));
        }
        for (name, holds) in &mut self.goals {
            if let Err(why) = holds(self.sim) {
                return did_not(format!("{name}: {why}"));
            }
        }
        if let Some((process, what)) = self.sim.stuck_but(behind) {
            return did_not(format!("{} waits: {what}", self.sim.name(process)));
        }
        self.sim.unrest(behind).map(|unrest| ("leak", format!("did not come to rest: {unrest}")))
    }
}

impl<P: Process> fmt::Debug for Scenario<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scenario").field("safe_for", &self.safe_for).finish_non_exhaustive()
    }
}
