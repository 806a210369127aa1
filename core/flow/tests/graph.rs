//! The judge: each rule with a graph that it accepts and one that it rejects, by place.

mod world;

use tidemill_flow::{
    Any, Bytes, Caps, Cx, Edge, Fault, Graph, Items, Node, Payload, Permits, Relay, Rule, StaticPool, Step,
    bind, filter, map, sink, source,
};
use tidemill_seam::{PoolId, WorkerId};

type Pool<P> = StaticPool<P, 12, 4>;

fn pool<P: Payload>(id: u16) -> Pool<P> {
    StaticPool::new(PoolId(id))
}

const fn edge<P: Payload>() -> Edge<P, 4> {
    Edge::new(Caps::wait(4))
}

/// What a judgement says, one line a fault.
fn said<S>(judged: Result<S, tidemill_flow::Faults>) -> Vec<String> {
    match judged {
        Ok(_) => vec![],
        Err(faults) => faults.iter().map(ToString::to_string).collect(),
    }
}

/// source → map → sink, with these caps on the second edge and that many slots behind it.
fn three<const SLOTS: usize>(caps: Caps) -> Vec<String> {
    let (p, q): (Pool<u32>, StaticPool<Bytes<8>, SLOTS>) = (pool(0), StaticPool::new(PoolId(1)));
    let (a, b): (Edge<u32, 4>, Edge<Bytes<8>, 4>) = (edge(), Edge::new(caps));
    let (a_tx, a_rx) = a.split(&p).unwrap();
    let (b_tx, b_rx) = b.split(&q).unwrap();
    said(Graph::new((
        bind("numbers", source(|| Some(1)), (), (p.home().unwrap().feed([a_tx]),)),
        bind("bytes", map(|_: &u32| Bytes::EMPTY), (a_rx,), (q.home().unwrap().feed([b_tx]),)),
        bind("sink", sink(|_: &Bytes<8>| ()), (b_rx,), ()),
    )))
}

#[test]
fn a_sound_graph_is_accepted_g1() {
    assert_eq!(three::<6>(Caps::wait(4)), [""; 0]);
    assert_eq!(three::<6>(Caps::drop_oldest(4).soft(2).bytes(8, 8)), [""; 0]);
}

#[test]
fn r_flow_32_zero_capacity_and_crossed_caps_are_located_v6() {
    let fault = ["bytes.out0: V6: a soft cap above its hard cap, or a hard cap of zero (sink)"];
    assert_eq!(three::<6>(Caps::wait(0)), fault);
    assert_eq!(three::<6>(Caps::wait(4).soft(5)), fault);
    assert_eq!(three::<6>(Caps::wait(4).bytes(20, 10)), fault);
    assert_eq!(three::<6>(Caps::wait(4).bytes(0, 0)), fault);
}

#[test]
fn a_byte_cap_below_the_longest_payload_is_located_v7() {
    assert_eq!(
        three::<6>(Caps::wait(4).bytes(7, 7)),
        ["bytes.out0: V7: the byte cap is below the longest payload (sink)"]
    );
}

#[test]
fn a_pool_that_could_run_dry_is_located_v9() {
    assert_eq!(three::<5>(Caps::wait(4)), ["bytes.out0: V9: the pool can run dry"]);
    assert_eq!(three::<5>(Caps::wait(3)), [""; 0]);
}

#[test]
fn a_hard_cap_above_the_capacity_is_located_v13() {
    assert_eq!(
        three::<7>(Caps::wait(5)),
        ["bytes.out0: V13: the hard cap is above the capacity of the edge (sink)"]
    );
}

#[test]
fn an_edge_end_outside_the_graph_is_located_v1() {
    let (p, q): (Pool<u32>, Pool<u32>) = (pool(0), pool(1));
    let (a, b) = (edge(), edge());
    let (a_tx, _kept) = a.split(&p).unwrap();
    let (_lost, b_rx) = b.split(&q).unwrap();
    let faults = said(Graph::new((
        bind("numbers", source(|| Some(1)), (), (p.home().unwrap().feed([a_tx]),)),
        bind("sink", sink(|_: &u32| ()), (b_rx,), ()),
        bind("mute", source(|| Some(1)), (), (q.home().unwrap().feed([]),)),
    )));
    let end = "V1: the other end of its edge is not bound in this graph";
    assert_eq!(
        faults,
        [format!("numbers.out0: {end}"), format!("sink.in0: {end}"), format!("mute.out0: {end}")]
    );
}

#[test]
fn an_edge_over_another_pool_than_its_port_is_located_v3() {
    let (p, q): (Pool<u32>, Pool<u32>) = (pool(0), pool(0));
    let a = edge();
    let (tx, rx) = a.split(&p).unwrap();
    let faults = said(Graph::new((
        bind("numbers", source(|| Some(1)), (), (q.home().unwrap().feed([tx]),)),
        bind("sink", sink(|_: &u32| ()), (rx,), ()),
    )));
    assert_eq!(faults, ["numbers.out0: V3: the edge belongs to another pool (sink)"]);
}

#[test]
fn a_name_that_is_taken_is_located_v4() {
    let p: Pool<u32> = pool(0);
    let a = edge();
    let (tx, rx) = a.split(&p).unwrap();
    let faults = said(Graph::new((
        bind("same", source(|| Some(1)), (), (p.home().unwrap().feed([tx]),)),
        bind("same", sink(|_: &u32| ()), (rx,), ()),
    )));
    assert_eq!(faults, ["same: V4: the name is taken (same)"]);
}

struct Merge;
impl Node for Merge {
    type In = Any<(u32, u32)>;
    type Out = (u32,);
    fn step(&mut self, _: &mut Cx, _: Items<'_, Self>, _: Permits<'_, Self>) -> Result<Step, Fault> {
        Ok(Step::Idle)
    }
}

struct Tee;
impl Node for Tee {
    type In = (u32,);
    type Out = (u32, u32);
    fn step(&mut self, _: &mut Cx, _: Items<'_, Self>, _: Permits<'_, Self>) -> Result<Step, Fault> {
        Ok(Step::Idle)
    }
}

#[test]
fn a_cycle_is_listed_and_what_hangs_on_it_is_not_v5() {
    let pools: [Pool<u32>; 5] = std::array::from_fn(|n| pool(n as u16));
    let edges: [Edge<u32, 4>; 5] = std::array::from_fn(|_| edge());
    let [(a_tx, a_rx), (b_tx, b_rx), (c_tx, c_rx), (d_tx, d_rx), _] =
        std::array::from_fn(|n| edges[n].split(&pools[n]).unwrap());
    let home = |n: usize| pools[n].home().unwrap();
    let faults = said(Graph::new((
        bind("in", source(|| Some(1)), (), (home(0).feed([a_tx]),)),
        bind("merge", Merge, (a_rx, d_rx), (home(1).feed([b_tx]),)),
        bind("tee", Tee, (b_rx,), (home(2).feed([c_tx]), home(3).feed([d_tx]))),
        bind("out", sink(|_: &u32| ()), (c_rx,), ()),
    )));
    assert_eq!(faults, ["merge: V5: a cycle without delay (tee)", "tee: V5: a cycle without delay (merge)"]);
}

struct PassAny;
impl Node for PassAny {
    type In = Any<(u32, u32)>;
    type Out = (Relay<u32>,);
    fn step(
        &mut self,
        _: &mut Cx,
        (a, b): Items<'_, Self>,
        (out,): Permits<'_, Self>,
    ) -> Result<Step, Fault> {
        let Some(item) = a.or(b) else { return Ok(Step::Idle) };
        out.forward(item).map_err(|_| Fault("another pool"))?;
        Ok(Step::Progress)
    }
}

#[test]
fn a_slot_that_would_reach_one_consumer_twice_is_located_v14() {
    let p: StaticPool<u32, 40, 8> = StaticPool::new(PoolId(0));
    let (a, b, c) = (edge(), edge(), edge());
    let (a_tx, a_rx) = a.split(&p).unwrap();
    let (b_tx, b_rx) = b.split(&p).unwrap();
    let (c_tx, c_rx) = c.split(&p).unwrap();
    let faults = said(Graph::new((
        bind("numbers", source(|| Some(1)), (), (p.home().unwrap().feed([a_tx, b_tx]),)),
        bind("merge", PassAny, (a_rx, b_rx), (p.returns().unwrap().relay([c_tx]),)),
        bind("sink", sink(|_: &u32| ()), (c_rx,), ()),
    )));
    assert_eq!(faults, ["merge.out0: V14: too many forks, or a slot that reaches one consumer twice"]);
}

/// A source with so many sinks.
macro_rules! forks {
    ($($name:ident)+) => {{
        let p: StaticPool<u32, 120, 40> = StaticPool::new(PoolId(0));
        let edges = [$((stringify!($name), Edge::<u32, 1>::new(Caps::wait(1)))),+];
        let mut rxs = vec![];
        let txs = std::array::from_fn(|n: usize| {
            let (tx, rx) = edges[n].1.split(&p).unwrap();
            rxs.push(rx);
            tx
        });
        let mut rxs = rxs.into_iter();
        let from = bind("numbers", source(|| Some(1)), (), (p.home().unwrap().feed::<{ [$(stringify!($name)),+].len() }>(txs),));
        let to = forks!(rxs, $($name)+);
        said(Graph::new((from, to)))
    }};
    ($rxs:ident, $name:ident) => {
        bind(stringify!($name), sink(|_: &u32| ()), ($rxs.next().unwrap(),), ())
    };
    ($rxs:ident, $name:ident $($rest:ident)+) => {
        (forks!($rxs, $name), forks!($rxs, $($rest)+))
    };
}

#[test]
fn forks_that_use_up_a_slots_weight_are_located_v14() {
    assert_eq!(forks!(a b c d e f g h i j k l m n o p), [""; 0], "sixteen branches: fifteen halvings");
    let fault = "numbers.out0: V14: too many forks, or a slot that reaches one consumer twice";
    assert_eq!(forks!(a b c d e f g h i j k l m n o p q), [fault]);
}

#[test]
fn at_most_ten_faults_are_reported_in_graph_order() {
    let p: StaticPool<u32, 40, 20> = StaticPool::new(PoolId(0));
    let edges: [Edge<u32, 1>; 12] = std::array::from_fn(|_| Edge::new(Caps::wait(1)));
    let mut rxs = vec![];
    let txs: [_; 12] = std::array::from_fn(|n: usize| {
        let (tx, rx) = edges[n].split(&p).unwrap();
        rxs.push(rx);
        tx
    });
    let judged = Graph::new((bind("numbers", source(|| Some(1)), (), (p.home().unwrap().feed(txs),)),));
    let faults = judged.unwrap_err();
    assert_eq!(faults.iter().count(), 10);
    assert!(
        faults
            .iter()
            .all(|fault| fault.rule == Rule::V1 && fault.node == "numbers" && fault.port == Some(("out", 0)))
    );
}

#[test]
fn tuples_of_stages_nest() {
    let (p, q): (Pool<u32>, Pool<u32>) = (pool(0), pool(1));
    let (a, b) = (edge(), edge());
    let (a_tx, a_rx) = a.split(&p).unwrap();
    let (b_tx, b_rx) = b.split(&q).unwrap();
    let mut numbers = 0..10;
    let mut sum = 0;
    let mut graph = Graph::new((
        (
            bind("numbers", source(move || numbers.next()), (), (p.home().unwrap().feed([a_tx]),)),
            (bind("double", map(|n: &u32| n * 2), (a_rx,), (q.home().unwrap().feed([b_tx]),)),),
        ),
        bind("sum", sink(|n: &u32| sum += n), (b_rx,), ()),
    ))
    .unwrap();
    let world = world::World::default();
    assert_eq!(tidemill_flow::run(&mut graph, &world, &world), Ok(tidemill_flow::Outcome::Done));
    drop(graph);
    assert_eq!(sum, 90);
}

#[test]
fn a_shape_says_who_feeds_whom_in_whose_slots_and_on_which_worker() {
    let (p, q): (Pool<u32>, Pool<u32>) = (pool(0), pool(1));
    let (a, b, c) = (edge(), edge(), edge());
    let (a_tx, a_rx) = a.split(&p).unwrap();
    let (b_tx, b_rx) = b.split(&p).unwrap();
    let (c_tx, c_rx) = c.split(&q).unwrap();
    let mut graph = Graph::new((
        bind("numbers", source(|| Some(1)), (), (p.home().unwrap().feed([a_tx]),)),
        bind("even", filter(|n: &u32| n.is_multiple_of(2)), (a_rx,), (p.returns().unwrap().relay([b_tx]),))
            .on(WorkerId(2)),
        bind("double", map(|n: &u32| n * 2), (b_rx,), (q.home().unwrap().feed([c_tx]),)),
        bind("sink", sink(|_: &u32| ()), (c_rx,), ()).on(WorkerId(1)),
    ))
    .unwrap();
    let shape = graph.shape();
    let edges: Vec<_> = shape
        .edges()
        .map(|feed| [feed.from, feed.to, feed.home].join(" ") + &format!(" {}", feed.items))
        .collect();
    assert_eq!(edges, ["numbers even numbers 4", "even double numbers 4", "double sink double 4"]);
    let workers: Vec<_> = shape.nodes().map(|node| shape.worker(node)).collect();
    assert_eq!(workers, [0, 2, 0, 1].map(|worker| Some(WorkerId(worker))));
    assert_eq!(shape.worker("nobody"), None);
}
