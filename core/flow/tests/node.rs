//! The laws of nodes, seen through whole graphs.

mod world;

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use tidemill_flow::{
    Any, Caps, Cause, Cx, Edge, Fault, Flags, Graph, Header, Items, Node, OnFault, Outcome, Permits, Polled,
    StaticPool, Step, Why, bind, filter, map, run, sink, source,
};
use tidemill_seam::{Instant, PoolId};
use world::{Counted, Ledger, Log, Pool, T0, World, counting, log, logging, many, pool, wait};

/// A one-in, one-out node that does what a closure says.
struct Custom<F>(F);

impl<F: FnMut(&mut Cx, Items<'_, Probe>, Permits<'_, Probe>) -> Result<Step, Fault>> Node for Custom<F> {
    type In = (u32,);
    type Out = (u32,);
    fn step(&mut self, cx: &mut Cx, items: Items<'_, Self>, out: Permits<'_, Self>) -> Result<Step, Fault> {
        (self.0)(cx, items, out)
    }
}

/// The ports of [`Custom`].
struct Probe;

impl Node for Probe {
    type In = (u32,);
    type Out = (u32,);
    fn step(&mut self, _: &mut Cx, _: Items<'_, Self>, _: Permits<'_, Self>) -> Result<Step, Fault> {
        Ok(Step::Idle)
    }
}

fn custom<F>(f: F) -> Custom<F>
where
    F: FnMut(&mut Cx, Items<'_, Probe>, Permits<'_, Probe>) -> Result<Step, Fault>,
{
    Custom(f)
}

#[test]
fn r_flow_06_a_blocked_output_leaves_the_inputs_untouched_n3() {
    let (p, q) = (pool(0), pool(1));
    let (a, b): (Edge<u32, 4>, Edge<u32, 2>) = (wait(), Edge::new(Caps::wait(2)));
    let (a_tx, a_rx) = a.split(&p).unwrap();
    let (b_tx, b_rx) = b.split(&q).unwrap();
    let seen = Rc::new(RefCell::new(0));
    let steps = seen.clone();
    let closed = Rc::new(RefCell::new(true));
    struct Gate(Rc<RefCell<bool>>, u32);
    impl Node for Gate {
        type In = (u32,);
        type Out = ();
        fn open(&self) -> bool {
            !*self.0.borrow()
        }
        fn step(&mut self, _: &mut Cx, (n,): Items<'_, Self>, (): ()) -> Result<Step, Fault> {
            assert_eq!(*n, self.1, "nothing lost, in order");
            self.1 += 1;
            Ok(Step::Progress)
        }
    }
    let mut graph = Graph::new((
        bind("numbers", source(counting(20)), (), (p.home().unwrap().feed([a_tx]),)),
        bind(
            "count",
            custom(move |_, (n,), (out,)| {
                *steps.borrow_mut() += 1;
                out.send(*n);
                Ok(Step::Progress)
            }),
            (a_rx,),
            (q.home().unwrap().feed([b_tx]),),
        ),
        bind("gate", Gate(closed.clone(), 0), (b_rx,), ()),
    ))
    .unwrap();
    graph.start(T0).unwrap();
    let mut worker = graph.worker();
    while let Polled::Ran(_) = worker.poll(T0, 100) {}
    assert_eq!(*seen.borrow(), 2, "two fit behind the gate; the third step was never made");
    *closed.borrow_mut() = false;
    worker.notified();
    while let Polled::Ran(_) = worker.poll(T0, 100) {}
    assert_eq!(worker.poll(T0, 1), Polled::Done);
    assert_eq!(*seen.borrow(), 20);
}

#[test]
fn r_flow_04_a_failed_step_shows_nothing_and_leaks_nothing_n4() {
    let (p, q) = (pool(0), pool(1));
    let (a, b) = (wait(), wait());
    let (a_tx, a_rx) = a.split(&p).unwrap();
    let (b_tx, b_rx) = b.split(&q).unwrap();
    let out = log();
    let fussy = custom(|_, (n,), (out,)| {
        out.send(*n * 10);
        if *n % 3 == 1 { Err(Fault("one more than a multiple of three")) } else { Ok(Step::Progress) }
    });
    let mut graph = Graph::new((
        bind("numbers", source(counting(many(200))), (), (p.home().unwrap().feed([a_tx]),)),
        bind("fussy", fussy, (a_rx,), (q.home().unwrap().feed([b_tx]),)).on_fault(OnFault::Continue),
        bind("log", sink(logging(&out)), (b_rx,), ()),
    ))
    .unwrap();
    assert_eq!(run(&mut graph, &World::default(), &World::default()), Ok(Outcome::Done));
    let expected: Vec<_> = (0..many(200)).filter(|n| n % 3 != 1).map(|n| n * 10).collect();
    assert_eq!(*out.borrow(), expected);
    assert_eq!(a.dropped(Cause::NodeFault), (many(200) + 1) / 3);
}

#[test]
fn a_retried_step_sees_the_same_input_again_and_gives_up_after_its_limit_n4() {
    for (limit, outcome, seen) in [
        (2, Outcome::Done, vec![0, 1, 1, 1, 2]),
        (1, Outcome::Halted(Why::Fault { node: "flaky", fault: Fault("not yet") }), vec![0, 1, 1]),
    ] {
        let (p, q) = (pool(0), pool(1));
        let (a, b) = (wait(), wait());
        let (a_tx, a_rx) = a.split(&p).unwrap();
        let (b_tx, b_rx) = b.split(&q).unwrap();
        let tries = log();
        let tried = tries.clone();
        let flaky = custom(move |_, (n,), (out,)| {
            tried.borrow_mut().push(*n);
            let failed = tried.borrow().iter().filter(|tried| **tried == 1).count();
            out.send(*n);
            if *n == 1 && failed < 3 { Err(Fault("not yet")) } else { Ok(Step::Progress) }
        });
        let out = log();
        let mut graph = Graph::new((
            bind("numbers", source(counting(3)), (), (p.home().unwrap().feed([a_tx]),)),
            bind("flaky", flaky, (a_rx,), (q.home().unwrap().feed([b_tx]),)).on_fault(OnFault::Retry(limit)),
            bind("log", sink(logging(&out)), (b_rx,), ()),
        ))
        .unwrap();
        assert_eq!(run(&mut graph, &World::default(), &World::default()), Ok(outcome));
        assert_eq!(*tries.borrow(), seen);
    }
}

#[test]
fn r_flow_22_a_panicking_step_is_undone_and_halts_the_graph_n5_r6() {
    let ledger = Ledger::default();
    {
        let (p, q): (Pool<Counted>, Pool<Counted>) = (pool(0), pool(1));
        let (a, b) = (wait(), wait());
        let (a_tx, a_rx) = a.split(&p).unwrap();
        let (b_tx, b_rx) = b.split(&q).unwrap();
        let (make, copy) = (ledger.clone(), ledger.clone());
        let mut n = 0;
        struct Bomb(Ledger);
        impl Node for Bomb {
            type In = (Counted,);
            type Out = (Counted,);
            fn step(
                &mut self,
                _: &mut Cx,
                (item,): Items<'_, Self>,
                (out,): Permits<'_, Self>,
            ) -> Result<Step, Fault> {
                out.send(self.0.make(item.value));
                assert!(item.value < 2, "the bomb went off");
                Ok(Step::Progress)
            }
        }
        let values = log();
        let seen = values.clone();
        let mut graph = Graph::new((
            bind(
                "numbers",
                source(move || {
                    n += 1;
                    Some(make.make(n - 1))
                }),
                (),
                (p.home().unwrap().feed([a_tx]),),
            ),
            bind("bomb", Bomb(copy), (a_rx,), (q.home().unwrap().feed([b_tx]),)),
            bind("log", sink(move |c: &Counted| seen.borrow_mut().push(c.value)), (b_rx,), ()),
        ))
        .unwrap();
        graph.start(T0).unwrap();
        let mut worker = graph.worker();
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| ()));
        while catch_unwind(AssertUnwindSafe(|| worker.poll(T0, 8))).is_ok() {}
        std::panic::set_hook(hook);
        assert_eq!(worker.poll(T0, 8), Polled::Halted(Why::Panic { node: "bomb" }));
        assert_eq!(worker.poll(T0, 8), Polled::Halted(Why::Panic { node: "bomb" }), "and it stays so");
        graph.stop(T0);
        assert!(values.borrow().len() <= 2, "the third was never seen");
        assert_eq!(a.dropped(Cause::NodeFault), 1);
        drop(graph);
    }
    assert_eq!(ledger.born(), ledger.dropped());
}

#[test]
fn trace_deadline_and_flags_propagate_and_the_place_is_the_ports_own_n7() {
    struct Once(bool);
    impl Node for Once {
        type In = ();
        type Out = (u32,);
        fn step(&mut self, _: &mut Cx, (): (), (out,): Permits<'_, Self>) -> Result<Step, Fault> {
            if std::mem::replace(&mut self.0, true) {
                return Ok(Step::Done);
            }
            out.send_as(
                |header: &mut Header| {
                    header.trace = 77;
                    header.sequence = 1000;
                    *header = header.with_deadline(Instant::from_nanos(9)).with_flags(Flags::END);
                },
                || 1,
            );
            Ok(Step::Progress)
        }
    }
    struct See(Log<Header>);
    impl Node for See {
        type In = (u64,);
        type Out = ();
        fn step(&mut self, _: &mut Cx, (item,): Items<'_, Self>, (): ()) -> Result<Step, Fault> {
            self.0.borrow_mut().push(*item.header());
            Ok(Step::Progress)
        }
    }
    let (p, q) = (pool(0), pool(1));
    let (a, b) = (wait(), wait());
    let (a_tx, a_rx) = a.split(&p).unwrap();
    let (b_tx, b_rx) = b.split(&q).unwrap();
    let seen = log();
    let mut graph = Graph::new((
        bind("once", Once(false), (), (p.home().unwrap().feed([a_tx]),)),
        bind("wide", map(|n: &u32| u64::from(*n)), (a_rx,), (q.home().unwrap().feed([b_tx]),)),
        bind("see", See(seen.clone()), (b_rx,), ()),
    ))
    .unwrap();
    assert_eq!(run(&mut graph, &World::default(), &World::default()), Ok(Outcome::Done));
    let [header] = seen.borrow()[..] else { panic!("one message") };
    assert_eq!((header.trace, header.sequence, header.bytes()), (77, 0, 8));
    assert_eq!((header.deadline(), header.flags), (Instant::from_nanos(9), Flags::END));
}

/// Sends on what comes, from either port.
struct Merge;

impl Node for Merge {
    type In = Any<(u32, u32)>;
    type Out = (u32,);
    fn step(
        &mut self,
        _: &mut Cx,
        (a, b): Items<'_, Self>,
        (out,): Permits<'_, Self>,
    ) -> Result<Step, Fault> {
        let Some(item) = a.or(b) else { return Ok(Step::Idle) };
        out.send(*item);
        Ok(Step::Progress)
    }
}

#[test]
fn r_flow_25_the_ports_of_any_take_turns_n8() {
    let (p, q, r) = (pool(0), pool(1), pool(2));
    let (a, b, c) = (wait(), wait(), wait());
    let (a_tx, a_rx) = a.split(&p).unwrap();
    let (b_tx, b_rx) = b.split(&q).unwrap();
    let (c_tx, c_rx) = c.split(&r).unwrap();
    let out = log();
    let mut odd = (0..40).map(|n| 2 * n + 1);
    let mut even = (0..40).map(|n| 2 * n);
    let mut graph = Graph::new((
        bind("even", source(move || even.next()), (), (p.home().unwrap().feed([a_tx]),)),
        bind("odd", source(move || odd.next()), (), (q.home().unwrap().feed([b_tx]),)),
        bind("merge", Merge, (a_rx, b_rx), (r.home().unwrap().feed([c_tx]),)),
        bind("log", sink(logging(&out)), (c_rx,), ()),
    ))
    .unwrap();
    assert_eq!(run(&mut graph, &World::default(), &World::default()), Ok(Outcome::Done));
    assert_eq!(*out.borrow(), (0..80).collect::<Vec<_>>());
}

#[test]
fn a_forwarded_slot_keeps_its_address_and_its_header_n10() {
    let p = pool::<u32>(0);
    let (a, b) = (wait(), wait());
    let (a_tx, a_rx) = a.split(&p).unwrap();
    let (b_tx, b_rx) = b.split(&p).unwrap();
    let (before, after) = (log(), log());
    let (seen, kept) = (before.clone(), after.clone());
    let even = filter(move |n: &u32| {
        seen.borrow_mut().push(std::ptr::from_ref(n).addr());
        n.is_multiple_of(2)
    });
    let mut graph = Graph::new((
        bind("numbers", source(counting(many(100))), (), (p.home().unwrap().feed([a_tx]),)),
        bind("even", even, (a_rx,), (p.returns().unwrap().relay([b_tx]),)),
        bind(
            "log",
            sink(move |n: &u32| kept.borrow_mut().push((*n, std::ptr::from_ref(n).addr()))),
            (b_rx,),
            (),
        ),
    ))
    .unwrap();
    assert_eq!(run(&mut graph, &World::default(), &World::default()), Ok(Outcome::Done));
    assert_eq!(after.borrow().len() as u32, many(100) / 2);
    for (n, at) in after.borrow().iter() {
        assert_eq!(*at, before.borrow()[*n as usize]);
    }
}

#[test]
fn r_flow_30_nothing_that_a_source_made_is_lost_at_a_full_edge_n15() {
    let p: StaticPool<u32, 3> = StaticPool::new(PoolId(0));
    let edge: Edge<u32, 1> = Edge::new(Caps::wait(1));
    let (tx, rx) = edge.split(&p).unwrap();
    let out = log();
    let made = Rc::new(RefCell::new(0));
    let count = made.clone();
    let mut numbers = counting(many(1000));
    let mut graph = Graph::new((
        bind(
            "numbers",
            source(move || {
                *count.borrow_mut() += 1;
                numbers()
            }),
            (),
            (p.home().unwrap().feed([tx]),),
        ),
        bind("log", sink(logging(&out)), (rx,), ()),
    ))
    .unwrap();
    assert_eq!(run(&mut graph, &World::default(), &World::default()), Ok(Outcome::Done));
    assert_eq!(*out.borrow(), (0..many(1000)).collect::<Vec<_>>());
    assert_eq!(*made.borrow(), many(1000) + 1, "asked once more than it gave: no step for nothing");
}

#[test]
fn every_branch_sees_the_same_and_a_lossy_one_blocks_nobody_e28() {
    let p: StaticPool<Counted, 32, 3> = StaticPool::new(PoolId(0));
    let ledger = Ledger::default();
    let (a, b): (Edge<Counted, 4>, Edge<Counted, 4>) = (wait(), wait());
    let c: Edge<Counted, 2> = Edge::new(Caps::drop_oldest(2));
    let (a_tx, a_rx) = a.split(&p).unwrap();
    let (b_tx, b_rx) = b.split(&p).unwrap();
    let (c_tx, c_rx) = c.split(&p).unwrap();
    let (left, right) = (log(), log());
    let see = |log: &Log<u32>| {
        let log = log.clone();
        sink(move |c: &Counted| log.borrow_mut().push(c.value))
    };
    struct Never;
    impl Node for Never {
        type In = (Counted,);
        type Out = ();
        fn open(&self) -> bool {
            false
        }
        fn step(&mut self, _: &mut Cx, _: Items<'_, Self>, (): ()) -> Result<Step, Fault> {
            panic!("never open")
        }
    }
    let (make, mut numbers) = (ledger.clone(), counting(many(100)));
    let mut graph = Graph::new((
        bind(
            "numbers",
            source(move || Some(make.make(numbers()?))),
            (),
            (p.home().unwrap().feed([a_tx, b_tx, c_tx]),),
        ),
        bind("left", see(&left), (a_rx,), ()),
        bind("right", see(&right), (b_rx,), ()),
        bind("never", Never, (c_rx,), ()),
    ))
    .unwrap();
    graph.start(T0).unwrap();
    let mut worker = graph.worker();
    while let Polled::Ran(_) = worker.poll(T0, 7) {}
    assert_eq!(*left.borrow(), (0..many(100)).collect::<Vec<_>>());
    assert_eq!(left, right);
    assert_eq!(c.dropped(Cause::Evicted), many(100) - 2);
    graph.stop(T0);
    assert_eq!(c.dropped(Cause::Flushed), 2);
    drop(graph);
    drop(p);
    assert_eq!((ledger.born(), ledger.dropped()), (many(100), many(100)));
}
