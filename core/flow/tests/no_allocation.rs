//! Nothing is allocated once a graph runs (E29, R15): the allocator counts.

mod world;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use tidemill_flow::{
    Bytes, Caps, Edge, Graph, Outcome, Polled, StaticPool, bind, filter, map, run, sink, source,
};
use tidemill_seam::PoolId;
use world::{T0, World};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u32> = const { Cell::new(0) };
}

// SAFETY: everything is handed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise, handed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise, handed on.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn nothing_is_allocated_from_the_first_pool_to_the_last_stop_e29_r15() {
    drop(std::hint::black_box(Box::new(1)));
    let before = ALLOCATIONS.get();
    assert!(before > 0, "the counter counts");
    let world = World::default();
    let mut sum = 0;
    {
        let p: StaticPool<u32, 24, 4> = StaticPool::new(PoolId(0));
        let q: StaticPool<Bytes<16>, 8> = StaticPool::new(PoolId(1));
        let (a, b): (Edge<u32, 8>, Edge<u32, 8>) =
            (Edge::new(Caps::wait(8)), Edge::new(Caps::drop_oldest(8)));
        let c: Edge<Bytes<16>, 4> = Edge::new(Caps::drop_newest(4).bytes(40, 60));
        let (a_tx, a_rx) = a.split(&p).unwrap();
        let (b_tx, b_rx) = b.split(&p).unwrap();
        let (c_tx, c_rx) = c.split(&q).unwrap();
        let mut numbers = 0..10_000;
        let mut graph = Graph::new((
            bind("numbers", source(|| numbers.next()), (), (p.home().unwrap().feed([a_tx]),)),
            bind(
                "even",
                filter(|n: &u32| n.is_multiple_of(2)),
                (a_rx,),
                (p.returns().unwrap().relay([b_tx]),),
            ),
            bind(
                "bytes",
                map(|n: &u32| Bytes::new(&n.to_le_bytes()).unwrap()),
                (b_rx,),
                (q.home().unwrap().feed([c_tx]),),
            ),
            bind("sum", sink(|bytes: &Bytes<16>| sum += bytes.len()), (c_rx,), ()),
        ))
        .unwrap();
        assert_eq!(run(&mut graph, &world, &world), Ok(Outcome::Done));
        assert_eq!(graph.worker().poll(T0, 1), Polled::Done);
    }
    assert_eq!(sum, 20_000);
    assert_eq!(ALLOCATIONS.get(), before);
}
