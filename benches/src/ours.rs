//! The cases as tidemill-sim programs, the hash of every event on.
//!
//! A client is one process with all its flows on one port; the peers give each flow a task and a socket of its own.

use tidemill_seam::{Duration, Instant};
use tidemill_sim::oracle::{
    Bounds, Journal, agreement, at_least_once, at_most_once, bounded, bounded_world, conservation,
    exactly_once, network_conservation, no_leak, order, order_per_key, refines, watermark, within,
    world_leak,
};
use tidemill_sim::{
    Address, Config, Context, Event, Happened, Latency, LinkConfig, Moment, Outcome, Process, Rate, Sim,
    TimerId,
};

use crate::case::{Case, Eyes, LATENCY_MAX_MS, LATENCY_MIN_MS, LOSS_ONE_IN, PAYLOAD, RESEND_MS};

const SEED: u64 = 7;
const RESEND: Duration = Duration::from_millis(RESEND_MS);
const SECOND: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_millis(1);
const FAR: Duration = Duration::from_secs(3600);
const CANCELLED_A_TICK: u64 = 1000;

/// Runs `case`; every case can be expressed.
#[must_use]
pub fn run(case: Case, work: u64) -> Option<(u64, u64)> {
    let lasting = Duration::from_millis(work);
    Some(match case {
        Case::PingPong { servers, clients, flows } => {
            let mut sim = players(servers, clients, flows);
            advance(&mut sim, lasting);
            (sim.stats().delivered, sim.now().as_nanos())
        }
        Case::Watched { by } => {
            let mut sim = watched(by);
            advance(&mut sim, lasting);
            if by == Eyes::Oracles || by == Eyes::World {
                sim.conclude().expect_ok();
            }
            (sim.stats().delivered, sim.now().as_nanos())
        }
        Case::Empty { machines } => empty(machines, work),
        Case::Idle { machines } => {
            let mut sim = inhabited(&names(machines), || Dweller::Ticking);
            advance(&mut sim, lasting);
            (sim.stats().timers, sim.now().as_nanos())
        }
        Case::Cancelled => {
            let mut sim = inhabited(&names(1), || Dweller::Wavering);
            advance(&mut sim, Duration::from_millis(work / CANCELLED_A_TICK));
            (sim.stats().timers * CANCELLED_A_TICK, sim.now().as_nanos())
        }
    })
}

fn advance<P: Process>(sim: &mut Sim<P>, lasting: Duration) {
    assert_eq!(sim.run_until(Instant::ZERO + lasting), Outcome::Due, "it would go on for ever");
}

/// Who plays ping-pong.
#[derive(Debug)]
pub enum Player {
    /// Sends back what it gets.
    Server,
    /// Asks, waits for the answer, asks again.
    Client(Vec<Flow>),
}

/// One ping at a time to one server.
#[derive(Debug)]
pub struct Flow {
    server: Address,
    sequence: u64,
    resend: Option<TimerId>,
}

impl Flow {
    fn ping(&mut self, context: &mut Context<'_>, index: usize) {
        let mut bytes = [0; PAYLOAD];
        bytes[..8].copy_from_slice(&self.sequence.to_le_bytes());
        bytes[8..16].copy_from_slice(&(index as u64).to_le_bytes());
        context.send(self.server, &bytes).expect("the server can be named");
        self.resend = Some(context.timer(RESEND, index as u64));
    }

    fn pong(&mut self, context: &mut Context<'_>, index: usize, sequence: u64) {
        if sequence != self.sequence {
            return;
        }
        self.sequence += 1;
        if let Some(resend) = self.resend.take() {
            context.cancel(resend);
        }
        self.ping(context, index);
    }
}

impl Process for Player {
    fn on(&mut self, context: &mut Context<'_>, event: Event<'_>) {
        match (self, event) {
            (Self::Server, Event::Datagram { from, bytes, .. }) => {
                context.send(from, bytes).expect("the client can be named");
            }
            (Self::Client(flows), Event::Datagram { bytes, .. }) => {
                let word = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
                let (sequence, index) = (word(0), word(8) as usize);
                flows[index].pong(context, index, sequence);
            }
            (Self::Client(flows), Event::Timer { token }) => {
                flows[token as usize].ping(context, token as usize)
            }
            (Self::Client(flows), Event::Start) => {
                flows.iter_mut().enumerate().for_each(|(index, flow)| flow.ping(context, index));
            }
            _ => {}
        }
    }
}

/// The world in which [`Player`]s play, before its first event.
#[must_use]
pub fn players(servers: u32, clients: u32, flows: u32) -> Sim<Player> {
    players_of(SEED, servers, clients, flows)
}

/// Runs so many seeds of ping-pong on 5 machines, each to its thousandth message; the messages delivered.
#[must_use]
pub fn smoke(seeds: u64) -> u64 {
    let mut delivered = 0;
    for seed in 0..seeds {
        let mut sim = players_of(seed, 2, 3, 1);
        while sim.stats().delivered < 1_000 {
            assert!(sim.step(), "seed {seed}: nothing is left to happen");
        }
        delivered += sim.stats().delivered;
    }
    delivered
}

fn players_of(seed: u64, servers: u32, clients: u32, flows: u32) -> Sim<Player> {
    players_in(Sim::new(seed), servers, clients, flows)
}

fn players_in(mut sim: Sim<Player>, servers: u32, clients: u32, flows: u32) -> Sim<Player> {
    let (min, max) = (Duration::from_millis(LATENCY_MIN_MS), Duration::from_millis(LATENCY_MAX_MS));
    let loss = Rate::per_million(1_000_000 / LOSS_ONE_IN as u32);
    sim.links(LinkConfig { latency: Latency::Uniform { min, max }, loss, ..LinkConfig::default() });
    let addresses = (0..servers).map(|server| {
        let machine = sim.machine(&format!("server{server}"));
        let process = sim.spawn(machine, "server", Player::Server);
        sim.address(process)
    });
    let addresses: Vec<Address> = addresses.collect();
    for client in 0..clients {
        let machine = sim.machine(&format!("client{client}"));
        let flow = |flow| Flow {
            server: addresses[((client + flow) % servers) as usize],
            sequence: 0,
            resend: None,
        };
        sim.spawn(machine, "client", Player::Client((0..flows).map(flow).collect()));
    }
    sim
}

/// Ping-pong under somebody's eyes.
fn watched(by: Eyes) -> Sim<Player> {
    let sim = Sim::with(SEED, Config { trace: by == Eyes::Trace, ..Config::default() });
    let mut sim = players_in(sim, 5, 5, 1);
    match by {
        Eyes::Nobodys => sim.leave_hash_out(),
        Eyes::Hash | Eyes::Trace => {}
        Eyes::World => watch_world(&mut sim),
        Eyes::Oracles => {
            watch_world(&mut sim);
            watch_edge(&mut sim);
        }
    }
    sim
}

fn watch_world(sim: &mut Sim<Player>) {
    sim.watch(network_conservation());
    sim.watch(bounded_world(Bounds { pending: 10_000, inbox: 10_000, tasks: 1 }));
    sim.watch(world_leak());
}

/// Every datagram that arrives is an item that crosses an edge; the first oracle writes the book that the others read.
fn watch_edge(sim: &mut Sim<Player>) {
    let (edge, journal, mut numbers, mut all) = (sim.probe("edge"), Journal::new(), [0; 16], 0);
    let entries = journal.clone();
    sim.oracle("writes", move |sim: &Sim<_>, moment: Moment| {
        if let Moment::Event(record) = moment
            && record.kind() == Happened::Datagram
        {
            let (key, number) = (record.subject() as u64, &mut numbers[record.subject()]);
            let item = (key, *number);
            edge.sent(item);
            edge.took(item);
            edge.stamped(key, sim.now().as_nanos());
            edge.watermark(key, sim.now().as_nanos());
            edge.delivered(item);
            edge.gave(item);
            edge.level(1);
            (0..2).for_each(|replica| edge.state(replica, all, record.digest()));
            entries.write(item);
            (*number, all) = (*number + 1, all + 1);
        }
        Ok(())
    });
    sim.watch(exactly_once("edge"));
    sim.watch(at_least_once("edge"));
    sim.watch(at_most_once("edge"));
    sim.watch(conservation("edge"));
    sim.watch(order("edge"));
    sim.watch(order_per_key("edge"));
    sim.watch(watermark("edge"));
    sim.watch(no_leak("edge"));
    sim.watch(bounded("edge", 1));
    sim.watch(within("edge", SECOND));
    sim.watch(agreement("edge"));
    let mut model = [0; 16];
    sim.watch(refines("edge", &journal, move |(key, number): &(u64, u64)| {
        let expected = &mut model[*key as usize];
        *expected += 1;
        (*number + 1 == *expected).then_some(()).ok_or_else(|| format!("item {number} of {key}"))
    }));
}

enum Dweller {
    /// Does nothing.
    Still,
    /// One timer a second.
    Ticking,
    /// Sets far timers and cancels them.
    Wavering,
}

impl Process for Dweller {
    fn on(&mut self, context: &mut Context<'_>, _: Event<'_>) {
        match self {
            Self::Still => {}
            Self::Ticking => {
                context.timer(SECOND, 0);
            }
            Self::Wavering => {
                context.timer(TICK, 0);
                for token in 0..CANCELLED_A_TICK {
                    let far = context.timer(FAR, token);
                    context.cancel(far);
                }
            }
        }
    }
}

fn names(machines: u32) -> Vec<String> {
    (0..machines).map(|machine| format!("machine{machine}")).collect()
}

fn inhabited(names: &[String], dweller: impl Fn() -> Dweller) -> Sim<Dweller> {
    let mut sim = Sim::new(SEED);
    for name in names {
        let machine = sim.machine(name);
        sim.spawn(machine, "dweller", dweller());
    }
    sim
}

fn empty(machines: u32, worlds: u64) -> (u64, u64) {
    let names = names(machines);
    for _ in 0..worlds {
        assert_eq!(inhabited(&names, || Dweller::Still).run(), Outcome::Quiet);
    }
    (worlds, 0)
}
