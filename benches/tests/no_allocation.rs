//! Nothing allocates in steady state: an allocator that counts stands behind everything here.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;

use benches::ours::players;
use benches::steady::Work;
use benches::three_nodes::ThreeNodes;
use tidemill_flow::{Caps, Edge, Header, Manager, StaticPool};
use tidemill_ring::{Heap, spsc};
use tidemill_seam::{Duration, Instant, PoolId};
use tidemill_sim::Outcome;

/// The system's allocator, counting what each thread asks of it.
struct Counting;

thread_local! {
    static ASKED: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    ASKED.with(|asked| asked.set(asked.get() + 1));
}

// SAFETY: every call goes on to `System` unchanged; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise, handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise, handed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's promise, handed on.
        unsafe { System.realloc(at, layout, size) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise, handed on.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// How often this thread allocated while `work` ran.
fn allocations(work: impl FnOnce()) -> u64 {
    let before = ASKED.with(Cell::get);
    work();
    ASKED.with(Cell::get) - before
}

#[test]
fn the_allocator_counts() {
    assert_eq!(allocations(|| drop(black_box(Box::new(1)))), 1);
    let grown = allocations(|| {
        let mut growing = vec![1_u8];
        growing.reserve_exact(black_box(100));
        black_box(&growing);
    });
    assert_eq!(grown, 2, "one to make it, one to grow it");
    assert_eq!(allocations(|| drop(black_box(vec![0_u64; 9]))), 1);
}

#[test]
fn a_ring_moves_items_without_the_heap() {
    let (mut producer, mut consumer) =
        spsc::split::<_, 2>(Heap::new(spsc::words::<2>(64)), spsc::Spec::new(64)).expect("a ring");
    let mut batch = [[7, 7]; 48];
    let asked = allocations(|| {
        for i in 0..10_000 {
            producer.push([i, i]).expect("room");
            assert_eq!(consumer.pop(), Some([i, i]));
            assert_eq!(producer.push_batch(&batch), 48);
            assert_eq!(consumer.pop_batch(&mut batch), 48);
        }
    });
    assert_eq!(asked, 0);
}

#[test]
fn a_segment_carries_items_and_messages_without_the_heap() {
    for work in Work::ALL {
        let mut round = work.begin();
        round.run();
        assert_eq!(allocations(|| (0..500).for_each(|_| round.run())), 0, "{work:?}");
    }
}

/// E29, and M10 with it: what does not depend on the fill cannot grow.
#[test]
fn a_pool_and_an_edge_carry_messages_without_the_heap() {
    static POOL: StaticPool<[u8; 64], 64> = StaticPool::new(PoolId(0));
    static EDGE: Edge<[u8; 64], 16> = Edge::new(Caps::wait(16));
    let (mut tx, mut rx) = EDGE.split(&POOL).expect("split once");
    let mut home = POOL.home().expect("opened once");
    let asked = allocations(|| {
        for i in 0..10_000_u64 {
            let header = Header::new(1, i, Instant::ZERO);
            let loan = home.reserve().expect("a slot");
            home.abort(loan);
            let token = home.loan().expect("a slot").commit(header, || [i as u8; 64]);
            tx.push(token, Instant::ZERO, |_| ()).expect("room");
            let token = rx.pop().expect("a message");
            assert_eq!(token[63], i as u8);
            rx.give_back(token).expect("its own pool");
        }
    });
    assert_eq!(asked, 0);
    assert!(home.live() <= 64);
}

#[test]
fn a_graph_carries_messages_without_the_heap() {
    let mut graph = ThreeNodes::new();
    graph.carry(100);
    let mut carried = 0;
    assert_eq!(allocations(|| carried = graph.carry(10_000)), 0);
    assert!(carried >= 10_000);
}

/// K5: nothing is allocated for an event, once queues and buffers have grown to what the program needs.
#[test]
fn a_simulation_runs_without_the_heap() {
    for flows in [1, 32] {
        let mut sim = players(5, 5, flows);
        assert_eq!(sim.run_for(Duration::from_secs(20)), Outcome::Due);
        let before = sim.stats().delivered;
        let mut outcome = Outcome::Quiet;
        assert_eq!(allocations(|| outcome = sim.run_for(Duration::from_secs(10))), 0, "{flows} flows");
        assert_eq!(outcome, Outcome::Due);
        assert!(sim.stats().delivered - before > 5_000 * u64::from(flows));
    }
}
