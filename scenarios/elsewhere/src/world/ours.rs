//! The simulator of this repository. Programs run on its own seams, with no socket in between.

use tidemill_flow::{Graph, Outcome, Stages};
use tidemill_seam::{Duration, Instant};
use tidemill_sim::{
    Address, Env, Latency, LinkConfig, MachineId, ProcessId, Rate, Sim, SimClock, SimLink, SimStreams,
    StreamConfig, flow,
};

use super::{PATIENCE, Told, World, play};
use crate::{Act, Board, Here, Stage, Step};

impl Here for Env {
    type Address = Address;
    type Link = SimLink;
    type Streams = SimStreams;
    type Clock = SimClock;

    fn clock(&self) -> SimClock {
        self.seams().clock()
    }

    async fn link(&mut self) -> (SimLink, Address) {
        (self.seams().link(), self.address())
    }

    async fn streams(&mut self) -> (SimStreams, Address) {
        let streams = Self::streams(self);
        let at = streams.address();
        (streams, at)
    }

    fn nobody(at: Address) -> Address {
        Address { port: 9, ..at }
    }

    fn epoch(&self) -> u64 {
        Self::epoch(self)
    }

    async fn changed(&mut self, seen: u64, due: Option<Instant>) {
        Self::changed(self, seen, due).await;
    }

    async fn run<G: Stages>(&mut self, graph: &mut Graph<G>) -> Outcome {
        flow::run(graph, self).await.expect("no node refuses to start")
    }
}

struct Ours {
    sim: Sim,
    hosts: [MachineId; 2],
    server: ProcessId,
    slice: Duration,
}

impl World for Ours {
    fn pass(&mut self) {
        self.sim.run_for(self.slice).expect_ok();
    }

    fn perform(&mut self, act: Act) -> Result<(), &'static str> {
        let [server, client] = self.hosts;
        match act {
            Act::Cut | Act::Hush | Act::Outage => self.sim.partition(server, client),
            Act::Heal => self.sim.heal(server, client),
            Act::Lossy => self.sim.links(links(Rate::percent(20))),
            Act::Crash => self.sim.kill(self.server),
            Act::Restart => self.sim.restart(self.server),
        }
        Ok(())
    }
}

fn links(loss: Rate) -> LinkConfig {
    let latency = Latency::Uniform { min: Duration::from_millis(1), max: Duration::from_millis(5) };
    LinkConfig { latency, loss, ..LinkConfig::PERFECT }
}

/// Plays a step in a world of its own.
pub fn run(step: Step<Env>, seed: u64, slice: Duration) -> Told {
    let mut sim: Sim = Sim::new(seed);
    sim.links(links(Rate::NEVER));
    sim.streams(StreamConfig { patience: PATIENCE, ..StreamConfig::default() });
    let (hosts, board) = ([sim.machine("server"), sim.machine("client")], Board::new());
    let notes = board.clone();
    let server = sim.spawn_async(hosts[0], "server", move |here| {
        let stage = Stage { here, board: notes.clone() };
        (step.server)(stage)
    });
    let notes = board.clone();
    let client = sim.spawn_async(hosts[1], "client", move |here| {
        let (stage, notes) = (Stage { here, board: notes.clone() }, notes.clone());
        async move { notes.say((step.client)(stage).await) }
    });
    sim.daemon(server);
    sim.daemon(client);
    play(&mut Ours { sim, hosts, server, slice }, &board)
}
