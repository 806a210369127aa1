//! Cuts spend the budget of a group whose members must reach each other; a layout of graphs says which groups there are.

use std::cell::Cell;
use std::rc::Rc;

use tidemill_flow::{Caps, Edge, Graph, Shape, StaticPool, bind, map, sink, source};
use tidemill_seam::PoolId;
use tidemill_sim::{
    Address, Context, Duration, Event, Failure, FaultCounts, Instant, Keeps, Latency, Layout, LinkConfig,
    Placement, Process, ProcessId, Sim, isolate, kill, partition,
};

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn at(n: u64) -> Instant {
    Instant::ZERO + ms(n)
}

/// Keeps the latest of what it is sent.
struct Replica(Rc<Cell<u64>>);

impl Process for Replica {
    fn on(&mut self, _: &mut Context<'_>, event: Event<'_>) {
        if let Event::Datagram { bytes, .. } = event {
            self.0.set(u64::from_le_bytes(bytes.try_into().expect("eight bytes")));
        }
    }
}

/// Sends every number once to every replica, and counts on it that two of three have it two milliseconds later: a protocol
/// that one replica that is away does not harm, and that never asks.
struct Writer {
    replicas: Vec<Address>,
    kept: Vec<Rc<Cell<u64>>>,
    number: u64,
}

impl Process for Writer {
    fn on(&mut self, context: &mut Context<'_>, _: Event<'_>) {
        let have = self.kept.iter().filter(|kept| kept.get() == self.number).count();
        if have < 2 {
            context.fail("two have it", format!("{have} have number {}", self.number));
        }
        self.number += 1;
        for replica in &self.replicas {
            context.send(*replica, &self.number.to_le_bytes()).expect("it is there");
        }
        if self.number < 400 {
            context.timer(ms(2), 0);
        }
    }
}

/// Three replicas `m0` to `m2`, and who writes to them. A replica keeps what it has when it dies.
fn world(seed: u64) -> (Sim, Vec<ProcessId>) {
    let mut sim: Sim = Sim::new(seed);
    sim.links(LinkConfig { latency: Latency::Constant(ms(1)), ..LinkConfig::PERFECT });
    let kept: Vec<Rc<Cell<u64>>> = (0..3).map(|_| Rc::default()).collect();
    let mut replicas = Vec::new();
    for (number, kept) in kept.iter().enumerate() {
        let (machine, kept) = (sim.machine(&format!("m{number}")), kept.clone());
        replicas.push(sim.spawn_with(machine, "replica", move |_| Box::new(Replica(kept.clone()))));
    }
    let addresses = replicas.iter().map(|replica| sim.address(*replica)).collect();
    let machine = sim.machine("client");
    sim.spawn(machine, "writer", Box::new(Writer { replicas: addresses, kept, number: 0 }));
    (sim, replicas)
}

fn counts(sim: &Sim, name: &str) -> FaultCounts {
    sim.faults().find(|(own, _)| *own == name).expect("it was installed").1
}

const MEMBERS: [&str; 3] = ["m0", "m1", "m2"];

/// Replicas are cut off for a while, again and again. How the run ended, and how many cuts there were, and refusals.
fn storm(seed: u64, placement: Placement) -> (Option<Failure>, u64, u64) {
    let (mut sim, _) = world(seed);
    sim.place(placement);
    let faults = MEMBERS.map(|member| isolate(member).often(12).lasting(ms(15)));
    faults.into_iter().for_each(|fault| sim.install(fault).keep());
    sim.oracle("budget", |sim: &Sim, _| sim.budget_kept());
    while sim.step() {}
    let (cuts, refused) = sim
        .faults()
        .fold((0, 0), |(cuts, refused), (_, counts)| (cuts + counts.changed, refused + counts.refused));
    (sim.failure().cloned(), cuts, refused)
}

// SIM-BUDGET: partitions spend the budget: within it no write is ever lost, beyond it the protocol breaks.
#[test]
fn a_cut_spends_the_budget_of_those_whom_it_parts() {
    let (mut cuts, mut refused, mut broken) = (0, 0, 0);
    for seed in 0..100 {
        let connected = Placement::new().connected("register", &MEMBERS, 1, Keeps::Durable);
        let (end, cut, refusals) = storm(seed, connected);
        assert_eq!(end, None, "seed {seed}, within the budget");
        (cuts, refused) = (cuts + cut, refused + refusals);
        let replicas = Placement::new().replicas("register", &MEMBERS, 1, Keeps::Durable);
        let (end, ..) = storm(seed, replicas);
        broken += u32::from(end.is_some_and(|failure| failure.id.starts_with("two have it")));
    }
    assert!(cuts > 1_000 && refused > 500, "{cuts} cuts, {refused} refused");
    assert_eq!(broken, 100, "a budget that does not feel cuts lets every run break");
}

#[test]
fn the_dead_and_the_cut_off_are_counted_together_and_nobody_twice() {
    let placed = || {
        let (mut sim, replicas) = world(1);
        sim.place(Placement::new().connected("register", &MEMBERS, 1, Keeps::Durable));
        sim.install(isolate("m0").at(at(10)).lasting(ms(40))).keep();
        (sim, replicas)
    };
    // Who is cut off may die as well: it is away already.
    let (mut sim, replicas) = placed();
    sim.install(kill("m0").at(at(20)).restart_after(ms(5))).keep();
    sim.install(kill("m1").at(at(22)).restart_after(ms(5))).keep();
    sim.install(partition("m1", "m2").at(at(23)).lasting(ms(5))).keep();
    sim.install(partition("m0", "m2").at(at(24)).lasting(ms(5))).keep();
    // The cut is over.
    sim.install(kill("m1/replica").at(at(60)).restart_after(ms(5))).keep();
    sim.run_until(at(21)).expect_ok();
    assert!(!sim.is_alive(replicas[0]));
    sim.run_until(at(40)).expect_ok();
    sim.budget_kept().expect("it holds when who was cut off is back and still cut off");
    sim.run_until(at(61)).expect_ok();
    assert!(!sim.is_alive(replicas[1]), "what is over spends nothing");
    for (name, changed, refused) in [
        ("kill(m0)", 1, 0),
        ("kill(m1)", 0, 1),
        ("partition(m1,m2)", 0, 1),
        ("partition(m0,m2)", 0, 0),
        ("kill(m1/replica)", 1, 0),
    ] {
        let counts = counts(&sim, name);
        assert_eq!((counts.changed, counts.refused), (changed, refused), "{name}");
    }
    // What parts nobody of the group costs it nothing.
    let (mut sim, _) = placed();
    sim.install(isolate("client").at(at(12)).lasting(ms(5))).keep();
    sim.run_until(at(13)).expect_ok();
    assert_eq!(counts(&sim, "isolate(client)").refused, 0);
    sim.budget_kept().expect("one of three is away");
}

#[test]
fn what_the_story_cuts_beyond_the_budget_is_told() {
    let (mut sim, replicas) = world(1);
    sim.place(Placement::new().connected("register", &MEMBERS, 1, Keeps::Durable));
    let machines: Vec<_> = replicas.iter().map(|replica| sim.address(*replica).machine).collect();
    sim.partition(machines[0], machines[1]);
    sim.kill(replicas[1]);
    assert_eq!(sim.budget_kept(), Ok(()));
    sim.restart(replicas[1]);
    sim.kill(replicas[2]);
    let why = sim.budget_kept().expect_err("two are away");
    assert_eq!(why, "register: 1 are down, and more are cut off, 1 may be: m2/replica");
}

fn shape(names: [&'static str; 3]) -> Shape {
    let (pool, other) = (StaticPool::<u32, 4>::new(PoolId(0)), StaticPool::<u32, 4>::new(PoolId(1)));
    let (one, two) = (Edge::<u32, 2>::new(Caps::wait(2)), Edge::<u32, 2>::new(Caps::wait(2)));
    let (one_tx, one_rx) = one.split(&pool).expect("it is split once");
    let (two_tx, two_rx) = two.split(&other).expect("it is split once");
    let (feed, next) =
        (pool.home().expect("once").feed([one_tx]), other.home().expect("once").feed([two_tx]));
    let mut graph = Graph::new((
        bind(names[0], source(|| Some(7)), (), (feed,)),
        bind(names[1], map(|n: &u32| n + 1), (one_rx,), (next,)),
        bind(names[2], sink(|_: &u32| ()), (two_rx,), ()),
    ));
    graph.as_mut().expect("the graph is sound").shape()
}

// SIM-BUDGET: the placement of nodes on processes gives the groups and their limits.
#[test]
fn a_placement_follows_from_where_the_nodes_run_and_what_they_read_again() {
    let (head, tail) = (shape(["read", "parse", "near"]), shape(["far", "count", "store"]));
    let layout = Layout::new().runs("a/head", &head).runs("b/tail", &tail).wire("near", "far");
    let volatile =
        |placement: Placement, nodes: &str, homes: &[&str]| placement.edge(nodes, homes, Keeps::Volatile);
    let wire = |placement: Placement, ends: &[&str]| placement.connected("near→far", ends, 1, Keeps::Durable);
    let both = volatile(Placement::new(), "read,parse,near", &["a/head"]);
    let both = volatile(both, "far,count,store", &["b/tail"]);
    assert_eq!(layout.placement(), wire(both, &["a/head", "b/tail"]));
    let again = layout.clone().replays("read");
    let one = volatile(Placement::new(), "far,count,store", &["b/tail"]);
    assert_eq!(again.placement(), wire(one, &["a/head", "b/tail"]), "who reads again holds nothing");
    let copies = again.runs("c/tail", &tail);
    let two = volatile(Placement::new(), "far,count,store", &["b/tail", "c/tail"]);
    assert_eq!(
        copies.placement(),
        wire(two, &["a/head", "b/tail", "c/tail"]),
        "the last copy is what counts"
    );
}

#[test]
#[should_panic(expected = "no process runs a node `raed`")]
fn a_node_that_nobody_runs_is_refused() {
    let _ = Layout::new().runs("a/head", &shape(["read", "parse", "near"])).replays("raed").placement();
}
