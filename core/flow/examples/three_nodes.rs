//! Three nodes: numbers, their squares, their sum.

use core::cell::Cell;

use tidemill_flow::{Caps, Edge, Graph, Outcome, StaticPool, bind, map, run, sink, source};
use tidemill_seam::{Clock, Epoch, Instant, Notify, PoolId, Woken};

static NUMBERS: StaticPool<u32, 10> = StaticPool::new(PoolId(0));
static SQUARES: StaticPool<u64, 6> = StaticPool::new(PoolId(1));
static A: Edge<u32, 8> = Edge::new(Caps::wait(8));
static B: Edge<u64, 4> = Edge::new(Caps::wait(4));

/// A world in which nothing happens but the graph.
struct Still;

impl Clock for Still {
    fn now(&self) -> Instant {
        Instant::ZERO
    }
}

impl Notify for Still {
    fn epoch(&self) -> Epoch {
        Epoch(0)
    }
    fn wait(&self, _: Epoch, _: Option<Instant>) -> Woken {
        Woken::Spurious
    }
    fn notify(&self) {}
}

fn main() {
    let (a_tx, a_rx) = A.split(&NUMBERS).unwrap();
    let (b_tx, b_rx) = B.split(&SQUARES).unwrap();
    let mut numbers = 1..=10;
    let sum = Cell::new(0);
    let mut graph = Graph::new((
        bind("numbers", source(move || numbers.next()), (), (NUMBERS.home().unwrap().feed([a_tx]),)),
        bind(
            "squares",
            map(|n: &u32| u64::from(*n).pow(2)),
            (a_rx,),
            (SQUARES.home().unwrap().feed([b_tx]),),
        ),
        bind("sum", sink(|n: &u64| sum.set(sum.get() + n)), (b_rx,), ()),
    ))
    .unwrap();
    assert_eq!(run(&mut graph, &Still, &Still), Ok(Outcome::Done));
    assert_eq!(sum.get(), 385);
}
