//! The laws of workers and of the graph's life.

mod world;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::mpsc;

use proptest::prelude::*;
use tidemill_flow::{
    Caps, Cause, Cx, Edge, Fault, Graph, Items, Node, Outcome, Permits, Polled, StartError, StaticPool, Step,
    Why, bind, filter, join, map, run, sink, source,
};
use tidemill_seam::{Instant, PoolId, WorkerId};
use world::{Log, T0, World};

/// A node that writes its hooks down.
struct Hooked {
    name: &'static str,
    fails: &'static str,
    log: Log<String>,
}

impl Hooked {
    fn note(&self, hook: &str) -> Result<(), Fault> {
        self.log.borrow_mut().push(format!("{hook} {}", self.name));
        if self.fails == hook { Err(Fault("as told")) } else { Ok(()) }
    }
}

/// A hooked node at the start of the chain, in the middle, and at its end.
struct First(Hooked);
struct Middle(Hooked);
struct Last(Hooked);

macro_rules! hooks {
    () => {
        fn init(&mut self, _: Instant) -> Result<(), Fault> {
            self.0.note("init")
        }
        fn start(&mut self, _: Instant) -> Result<(), Fault> {
            self.0.note("start")
        }
        fn stop(&mut self, _: Instant) {
            let _ = self.0.note("stop");
        }
    };
}

impl Node for First {
    type In = ();
    type Out = (u32,);
    hooks!();
    fn step(&mut self, _: &mut Cx, (): (), (out,): Permits<'_, Self>) -> Result<Step, Fault> {
        out.send(1);
        Ok(Step::Wait)
    }
}

impl Node for Middle {
    type In = (u32,);
    type Out = (u32,);
    hooks!();
    fn step(&mut self, _: &mut Cx, (n,): Items<'_, Self>, (out,): Permits<'_, Self>) -> Result<Step, Fault> {
        out.send(*n);
        Ok(Step::Progress)
    }
}

impl Node for Last {
    type In = (u32,);
    type Out = ();
    hooks!();
    fn step(&mut self, _: &mut Cx, _: Items<'_, Self>, (): ()) -> Result<Step, Fault> {
        self.0.note("step").map(|()| Step::Progress)
    }
}

/// Starts first → middle → last, listed backwards, runs it until idle, and stops it.
fn life(fails: (&'static str, &'static str)) -> (Result<(), StartError>, Vec<String>) {
    let log = Log::<String>::default();
    let hooked = |name| Hooked { name, fails: if fails.0 == name { fails.1 } else { "" }, log: log.clone() };
    let (p, q): (StaticPool<u32, 4>, StaticPool<u32, 4>) =
        (StaticPool::new(PoolId(0)), StaticPool::new(PoolId(1)));
    let (a, b): (Edge<u32, 2>, Edge<u32, 2>) = (Edge::new(Caps::wait(2)), Edge::new(Caps::wait(2)));
    let (a_tx, a_rx) = a.split(&p).unwrap();
    let (b_tx, b_rx) = b.split(&q).unwrap();
    let mut graph = Graph::new((
        bind("last", Last(hooked("last")), (b_rx,), ()),
        bind("middle", Middle(hooked("middle")), (a_rx,), (q.home().unwrap().feed([b_tx]),)),
        bind("first", First(hooked("first")), (), (p.home().unwrap().feed([a_tx]),)),
    ))
    .unwrap();
    let started = graph.start(T0);
    if started.is_ok() {
        let mut worker = graph.worker();
        while let Polled::Ran(_) = worker.poll(T0, 1) {}
    }
    graph.stop(T0);
    graph.stop(T0);
    assert_eq!(graph.start(T0), Err(StartError::Again));
    (started, log.take())
}

#[test]
fn all_init_then_consumers_start_first_and_producers_stop_first_r1_n1() {
    let (started, log) = life(("", ""));
    assert_eq!(started, Ok(()));
    let expected = [
        "init last",
        "init middle",
        "init first",
        "start last",
        "start middle",
        "start first",
        "step last",
        "stop first",
        "stop middle",
        "stop last",
    ];
    assert_eq!(log, expected);
}

#[test]
fn a_failed_start_stops_what_had_started_r2() {
    let (started, log) = life(("first", "start"));
    assert_eq!(started, Err(StartError::Node { node: "first", fault: Fault("as told") }));
    assert_eq!(log[3..], ["start last", "start middle", "start first", "stop middle", "stop last"]);
    let (started, log) = life(("middle", "init"));
    assert_eq!(started, Err(StartError::Node { node: "middle", fault: Fault("as told") }));
    assert_eq!(log, ["init last", "init middle"]);
}

#[test]
fn r_flow_23_a_fault_halts_with_the_nodes_name_and_words() {
    let p: StaticPool<u32, 4> = StaticPool::new(PoolId(0));
    let a: Edge<u32, 2> = Edge::new(Caps::wait(2));
    let (tx, rx) = a.split(&p).unwrap();
    let log = Log::<String>::default();
    let last = Hooked { name: "last", fails: "step", log: log.clone() };
    let mut graph = Graph::new((
        bind("numbers", source(|| Some(1)), (), (p.home().unwrap().feed([tx]),)),
        bind("last", Last(last), (rx,), ()),
    ))
    .unwrap();
    let why = Why::Fault { node: "last", fault: Fault("as told") };
    assert_eq!(run(&mut graph, &World::default(), &World::default()), Ok(Outcome::Halted(why)));
    assert_eq!(*log.borrow(), ["init last", "start last", "step last", "stop last"], "each hook once");
    assert_eq!(a.dropped(Cause::NodeFault), 1);
}

#[test]
fn a_stall_is_reported_with_its_cycle_r12() {
    let (p, q): (StaticPool<u32, 8, 4>, StaticPool<u32, 4>) =
        (StaticPool::new(PoolId(0)), StaticPool::new(PoolId(1)));
    let (a, b, c): (Edge<u32, 1>, Edge<u32, 1>, Edge<u32, 1>) =
        (Edge::new(Caps::wait(1)), Edge::new(Caps::wait(1)), Edge::new(Caps::wait(1)));
    let d: Edge<u32, 1> = Edge::new(Caps::wait(1));
    let (a_tx, a_rx) = a.split(&p).unwrap();
    let (b_tx, b_rx) = b.split(&p).unwrap();
    let (c_tx, c_rx) = c.split(&p).unwrap();
    let (d_tx, d_rx) = d.split(&q).unwrap();
    let mut numbers = 0..;
    let mut graph = Graph::new((
        bind("numbers", source(move || numbers.next()), (), (p.home().unwrap().feed([a_tx, b_tx]),)),
        bind("none", filter(|_: &u32| false), (b_rx,), (p.returns().unwrap().relay([c_tx]),)),
        bind("join", join(|a: &u32, b: &u32| a + b), (a_rx, c_rx), (q.home().unwrap().feed([d_tx]),)),
        bind("sink", sink(|_: &u32| ()), (d_rx,), ()),
    ))
    .unwrap();
    let Ok(Outcome::Stalled(cycle)) = run(&mut graph, &World::default(), &World::default()) else {
        panic!("a join that waits for what a filter keeps stalls")
    };
    assert_eq!(cycle.to_string(), "numbers → join → none → numbers");
}

#[test]
fn a_stop_is_seen_at_the_next_poll_and_twice_is_once_r3_r14() {
    let p: StaticPool<u32, 4> = StaticPool::new(PoolId(0));
    let a: Edge<u32, 2> = Edge::new(Caps::wait(2));
    let (tx, rx) = a.split(&p).unwrap();
    let mut graph = Graph::new((
        bind("numbers", source(|| Some(1)), (), (p.home().unwrap().feed([tx]),)),
        bind("sink", sink(|_: &u32| ()), (rx,), ()),
    ))
    .unwrap();
    graph.start(T0).unwrap();
    let mut worker = graph.worker();
    let handle = worker.stop_handle();
    assert_eq!(worker.poll(T0, 5), Polled::Ran(5));
    handle.stop();
    handle.stop();
    assert_eq!(worker.poll(T0, 5), Polled::Halted(Why::Stopped));
    assert_eq!(worker.poll(T0, 5), Polled::Halted(Why::Stopped));
}

#[test]
fn nobody_waits_longer_than_a_round_r10() {
    let pools: [StaticPool<u32, 4>; 3] = std::array::from_fn(|n| StaticPool::new(PoolId(n as u16)));
    let edges: [Edge<u32, 2>; 3] = std::array::from_fn(|_| Edge::new(Caps::drop_newest(2)));
    let order = Log::<usize>::default();
    let busy = |n: usize| {
        let order = order.clone();
        source(move || {
            order.borrow_mut().push(n);
            Some(0)
        })
    };
    let [(a, ra), (b, rb), (c, rc)] = std::array::from_fn(|n| edges[n].split(&pools[n]).unwrap());
    let mut graph = Graph::new((
        bind("a", busy(0), (), (pools[0].home().unwrap().feed([a]),)),
        bind("b", busy(1), (), (pools[1].home().unwrap().feed([b]),)),
        bind("c", busy(2), (), (pools[2].home().unwrap().feed([c]),)),
        bind("ra", sink(|_: &u32| ()), (ra,), ()),
        bind("rb", sink(|_: &u32| ()), (rb,), ()),
        bind("rc", sink(|_: &u32| ()), (rc,), ()),
    ))
    .unwrap();
    graph.start(T0).unwrap();
    let mut worker = graph.worker();
    let _ = worker.poll(T0, 300);
    assert!(order.borrow().chunks(3).take(40).all(|round| round == [0, 1, 2]));
}

/// Runs a diamond of three stages over one payload on so many workers, each on its own thread, and tells what came out.
fn on_threads(workers: usize, caps: u32, to: u32) -> Vec<(u32, u64)> {
    let p: StaticPool<u32, 64, 4> = StaticPool::new(PoolId(0));
    let (q, r): (StaticPool<u64, 32>, StaticPool<(u32, u64), 32>) =
        (StaticPool::new(PoolId(1)), StaticPool::new(PoolId(2)));
    let (a, b): (Edge<u32, 16>, Edge<u32, 16>) = (Edge::new(Caps::wait(caps)), Edge::new(Caps::wait(caps)));
    let (c, d): (Edge<u64, 16>, Edge<(u32, u64), 16>) =
        (Edge::new(Caps::wait(caps)), Edge::new(Caps::wait(caps)));
    let (a_tx, a_rx) = a.split(&p).unwrap();
    let (b_tx, b_rx) = b.split(&p).unwrap();
    let (c_tx, c_rx) = c.split(&q).unwrap();
    let (d_tx, d_rx) = d.split(&r).unwrap();
    let (send, receive) = mpsc::channel();
    let mut numbers = 0..to;
    let mut graph = Graph::new((
        bind("numbers", source(move || numbers.next()), (), (p.home().unwrap().feed([a_tx, b_tx]),)),
        bind("squares", map(|n: &u32| u64::from(*n).pow(2)), (b_rx,), (q.home().unwrap().feed([c_tx]),))
            .on(WorkerId(1)),
        bind("pairs", join(|n: &u32, m: &u64| (*n, *m)), (a_rx, c_rx), (r.home().unwrap().feed([d_tx]),))
            .on(WorkerId(2)),
        bind("send", sink(move |pair: &(u32, u64)| send.send(*pair).unwrap()), (d_rx,), ()).on(WorkerId(3)),
    ))
    .unwrap();
    graph.start(T0).unwrap();
    match workers {
        1 => drive([graph.worker()]),
        2 => drive(graph.workers::<2>()),
        _ => drive(graph.workers::<4>()),
    }
    graph.stop(T0);
    drop(graph);
    receive.into_iter().collect()
}

/// A driver of its own: one thread a worker, which sleeps on a channel.
fn drive<S: tidemill_flow::Stages + Send, const K: usize>(workers: [tidemill_flow::Worker<'_, S>; K]) {
    let (bells, sleepers): (Vec<_>, Vec<_>) = (0..K).map(|_| mpsc::channel::<()>()).unzip();
    std::thread::scope(|scope| {
        for (mut worker, sleeper) in workers.into_iter().zip(sleepers) {
            let bells = bells.clone();
            scope.spawn(move || {
                loop {
                    while sleeper.try_recv().is_ok() {
                        worker.notified();
                    }
                    let polled = worker.poll(T0, 8);
                    for id in worker.take_bells() {
                        // A worker that is done no longer listens.
                        let _ = bells[id.index()].send(());
                    }
                    match polled {
                        Polled::Ran(_) => {}
                        Polled::Idle { due: None } => {
                            sleeper.recv().unwrap();
                            worker.notified();
                        }
                        Polled::Done => break,
                        other => panic!("{other:?}"),
                    }
                }
            });
        }
    });
}

#[test]
fn the_same_sequence_comes_out_on_any_number_of_threads_g3_g7_g8() {
    let to = if cfg!(miri) { 6 } else { 5_000 };
    let expected: Vec<_> = (0..to).map(|n| (n, u64::from(n).pow(2))).collect();
    for workers in [1, 2, 4] {
        for caps in [1, 3, 16] {
            assert_eq!(on_threads(workers, caps, to), expected, "{workers} workers, caps {caps}");
        }
    }
}

#[test]
fn a_worker_rings_only_for_others() {
    let p: StaticPool<u32, 4> = StaticPool::new(PoolId(0));
    let a: Edge<u32, 2> = Edge::new(Caps::wait(2));
    let (tx, rx) = a.split(&p).unwrap();
    let mut graph = Graph::new((
        bind("numbers", source(|| Some(1)), (), (p.home().unwrap().feed([tx]),)),
        bind("sink", sink(|_: &u32| ()), (rx,), ()).on(WorkerId(1)),
    ))
    .unwrap();
    graph.start(T0).unwrap();
    {
        let [mut producer, mut consumer] = graph.workers::<2>();
        assert_eq!(producer.poll(T0, 9), Polled::Ran(2));
        assert_eq!(producer.take_bells().collect::<Vec<_>>(), [WorkerId(1)]);
        assert_eq!(producer.take_bells().count(), 0);
        assert_eq!(producer.poll(T0, 9), Polled::Idle { due: None }, "full: the other worker may make room");
        assert_eq!(consumer.poll(T0, 9), Polled::Ran(2));
        assert_eq!(consumer.take_bells().collect::<Vec<_>>(), [WorkerId(0)]);
        assert_eq!(producer.poll(T0, 9), Polled::Idle { due: None }, "not looked at before the bell");
        producer.notified();
        assert_eq!(producer.poll(T0, 9), Polled::Ran(2));
    }
    let mut all = graph.worker();
    assert!(matches!(all.poll(T0, 9), Polled::Ran(_)));
    assert_eq!(all.take_bells().count(), 0);
}

#[test]
fn a_fault_on_one_worker_halts_the_others_r6() {
    let p: StaticPool<u32, 4> = StaticPool::new(PoolId(0));
    let a: Edge<u32, 2> = Edge::new(Caps::wait(2));
    let (tx, rx) = a.split(&p).unwrap();
    let last = Hooked { name: "last", fails: "step", log: Rc::new(RefCell::default()) };
    let mut graph = Graph::new((
        bind("numbers", source(|| Some(1)), (), (p.home().unwrap().feed([tx]),)),
        bind("last", Last(last), (rx,), ()).on(WorkerId(1)),
    ))
    .unwrap();
    graph.start(T0).unwrap();
    let [mut producer, mut consumer] = graph.workers::<2>();
    assert_eq!(producer.poll(T0, 1), Polled::Ran(1));
    let halted = consumer.poll(T0, 9);
    assert_eq!(halted, Polled::Halted(Why::Fault { node: "last", fault: Fault("as told") }));
    assert!(consumer.take_bells().any(|id| id == WorkerId(0)), "the others are woken to hear of it");
    assert_eq!(producer.poll(T0, 9), Polled::Halted(Why::Stopped));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 2 } else { 128 }, failure_persistence: None, ..Default::default() })]

    /// Whatever the caps and the rhythm of polling, the sequence is the same (G8), and nothing is lost (G3).
    #[test]
    fn the_rhythm_of_polling_changes_nothing_g8(caps in 1_u32..=4, limits in proptest::collection::vec(1_u32..9, 1..9)) {
        let (p, q): (StaticPool<u32, 8>, StaticPool<u32, 8>) = (StaticPool::new(PoolId(0)), StaticPool::new(PoolId(1)));
        let (a, b): (Edge<u32, 4>, Edge<u32, 4>) = (Edge::new(Caps::wait(caps)), Edge::new(Caps::wait(caps)));
        let (a_tx, a_rx) = a.split(&p).unwrap();
        let (b_tx, b_rx) = b.split(&q).unwrap();
        let mut numbers = 0..30;
        let out = Log::<u32>::default();
        let seen = out.clone();
        let mut graph = Graph::new((
            bind("numbers", source(move || numbers.next()), (), (p.home().unwrap().feed([a_tx]),)),
            bind("triple", map(|n: &u32| n * 3), (a_rx,), (q.home().unwrap().feed([b_tx]),)),
            bind("log", sink(move |n: &u32| seen.borrow_mut().push(*n)), (b_rx,), ()),
        ))
        .unwrap();
        graph.start(T0).unwrap();
        let mut worker = graph.worker();
        for limit in limits.iter().cycle() {
            match worker.poll(T0, *limit) {
                Polled::Ran(_) => {}
                Polled::Done => break,
                other => panic!("{other:?}"),
            }
        }
        prop_assert_eq!(&*out.borrow(), &(0..30).map(|n| n * 3).collect::<Vec<_>>());
    }
}
