//! Quick nodes, and nodes with several outputs.

mod world;

use tidemill_flow::{
    Cx, Fault, Flags, Graph, Items, Node, Outcome, Permits, Relay, StaticPool, Step, bind, fold, join, run,
    sink, source,
};
use tidemill_seam::PoolId;
use world::{World, counting, log, logging, pool, wait};

#[test]
fn a_join_takes_one_of_each_and_ends_with_the_shorter_one() {
    let (p, q, r) = (pool(0), pool(1), pool(2));
    let (a, b, c) = (wait(), wait(), wait());
    let (a_tx, a_rx) = a.split(&p).unwrap();
    let (b_tx, b_rx) = b.split(&q).unwrap();
    let (c_tx, c_rx) = c.split(&r).unwrap();
    let out = log();
    let mut letters = 'a'..='d';
    let mut graph = Graph::new((
        bind("numbers", source(counting(9)), (), (p.home().unwrap().feed([a_tx]),)),
        bind("letters", source(move || letters.next()), (), (q.home().unwrap().feed([b_tx]),)),
        bind("pairs", join(|n: &u32, c: &char| (*n, *c)), (a_rx, b_rx), (r.home().unwrap().feed([c_tx]),)),
        bind("log", sink(logging(&out)), (c_rx,), ()),
    ))
    .unwrap();
    assert_eq!(run(&mut graph, &World::default(), &World::default()), Ok(Outcome::Done));
    assert_eq!(*out.borrow(), [(0, 'a'), (1, 'b'), (2, 'c'), (3, 'd')]);
}

#[test]
fn a_fold_gives_out_what_is_left_at_a_mark_and_at_the_end() {
    struct Marked(u32);
    impl Node for Marked {
        type In = ();
        type Out = (u32,);
        fn step(&mut self, _: &mut Cx, (): (), (out,): Permits<'_, Self>) -> Result<Step, Fault> {
            let n = self.0;
            self.0 += 1;
            if n == 12 {
                return Ok(Step::Done);
            }
            out.send_as(|header| header.flags = if n == 4 { Flags::END } else { Flags::NONE }, || n);
            Ok(Step::Progress)
        }
    }
    let (p, q) = (pool(0), pool(1));
    let (a, b) = (wait(), wait());
    let (a_tx, a_rx) = a.split(&p).unwrap();
    let (b_tx, b_rx) = b.split(&q).unwrap();
    let out = log();
    // Windows of three; what is left of a window counts as one.
    let windows = fold(
        Vec::new(),
        |window: &mut Vec<u32>, n: &u32| {
            window.push(*n);
            (window.len() == 3).then(|| window.drain(..).sum::<u32>())
        },
        |window| (!window.is_empty()).then(|| window.drain(..).sum::<u32>()),
    );
    let mut graph = Graph::new((
        bind("marked", Marked(0), (), (p.home().unwrap().feed([a_tx]),)),
        bind("windows", windows, (a_rx,), (q.home().unwrap().feed([b_tx]),)),
        bind("log", sink(logging(&out)), (b_rx,), ()),
    ))
    .unwrap();
    assert_eq!(run(&mut graph, &World::default(), &World::default()), Ok(Outcome::Done));
    assert_eq!(*out.borrow(), [3, 7, 5 + 6 + 7, 8 + 9 + 10, 11]);
}

/// Two ways to send on: even numbers left, odd ones right.
struct Route;

impl Node for Route {
    type In = (u32,);
    type Out = (Relay<u32>, Relay<u32>);
    fn step(
        &mut self,
        _: &mut Cx,
        (n,): Items<'_, Self>,
        (even, odd): Permits<'_, Self>,
    ) -> Result<Step, Fault> {
        let out = if n.is_multiple_of(2) { even } else { odd };
        out.forward(n).map_err(|_| Fault("another pool"))?;
        Ok(Step::Progress)
    }
}

#[test]
fn ports_of_one_node_are_told_apart() {
    let p: StaticPool<u32, 16, 5> = StaticPool::new(PoolId(0));
    let (a, b, c) = (wait(), wait(), wait());
    let (a_tx, a_rx) = a.split(&p).unwrap();
    let (b_tx, b_rx) = b.split(&p).unwrap();
    let (c_tx, c_rx) = c.split(&p).unwrap();
    let (left, right) = (log(), log());
    let relays = (p.returns().unwrap().relay([b_tx]), p.returns().unwrap().relay([c_tx]));
    let mut graph = Graph::new((
        bind("numbers", source(counting(50)), (), (p.home().unwrap().feed([a_tx]),)),
        bind("route", Route, (a_rx,), relays),
        bind("left", sink(logging(&left)), (b_rx,), ()),
        bind("right", sink(logging(&right)), (c_rx,), ()),
    ))
    .unwrap();
    assert_eq!(run(&mut graph, &World::default(), &World::default()), Ok(Outcome::Done));
    assert_eq!(*left.borrow(), (0..50).step_by(2).collect::<Vec<_>>());
    assert_eq!(*right.borrow(), (1..50).step_by(2).collect::<Vec<_>>());
}
