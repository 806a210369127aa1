//! Exact instruction counts under callgrind, a thousand operations each: read the last three digits as decimals.
//!
//! ```text
//! ring:   push ─▶ pop                 rtrb, ArrayQueue and channel do the same beside it
//! pool:   reserve ─▶ give back        at 1 and at 4,095 of 4,096 slots: the same count
//! edge:   store ─▶ push ─▶ pop ─▶ read ─▶ return
//! graph:  a message through three nodes
//! ```
//! The counts are the same on every run with one compiler, so they are gated: a limit that is broken fails the bench.
#![expect(unused_qualifications, missing_docs, reason = "so expand gungraun's macros")]

use std::hint::black_box;

use benches::three_nodes::ThreeNodes;
use crossbeam::channel;
use crossbeam::queue::ArrayQueue;
use gungraun::prelude::*;
use gungraun::{Callgrind, EventKind};
use tidemill_flow::{Caps, Edge, Header, Home, Manager, Rx, StaticPool, Token, Tx};
use tidemill_ring::{Heap, spsc};
use tidemill_seam::{Instant, PoolId};

const OPERATIONS: u32 = 1000;
const CAPACITY: u32 = 1024;
const SLOTS: usize = 4096;
const BATCH: usize = 64;

type Item = [u32; 2];
type Ring = (spsc::Producer<Heap, 2>, spsc::Consumer<Heap, 2>);

/// At most this many instructions an operation, and one in twenty more for another compiler.
fn at_most(instructions: u64) -> LibraryBenchmarkConfig {
    let limit = instructions * u64::from(OPERATIONS) * 21 / 20;
    LibraryBenchmarkConfig::default().tool(Callgrind::default().hard_limits([(EventKind::Ir, limit)])).clone()
}

fn ring() -> Ring {
    let region = Heap::new(spsc::words::<2>(CAPACITY));
    spsc::split(region, spsc::Spec::new(CAPACITY)).expect("the region is as long as the ring")
}

fn rtrb() -> (rtrb::Producer<Item>, rtrb::Consumer<Item>) {
    rtrb::RingBuffer::new(CAPACITY as usize)
}

fn array_queue() -> ArrayQueue<Item> {
    ArrayQueue::new(CAPACITY as usize)
}

fn crossbeam_channel() -> (channel::Sender<Item>, channel::Receiver<Item>) {
    channel::bounded(CAPACITY as usize)
}

#[library_benchmark]
#[bench::tidemill(args = (ring()), config = at_most(53))]
fn ring_push_pop((mut producer, mut consumer): Ring) -> Ring {
    for i in 0..OPERATIONS {
        producer.push([black_box(i), i]).expect("room");
        black_box(consumer.pop().expect("an item")[0]);
    }
    (producer, consumer)
}

#[library_benchmark]
#[bench::rtrb(rtrb())]
fn ring_push_pop_of_rtrb(
    (mut producer, mut consumer): (rtrb::Producer<Item>, rtrb::Consumer<Item>),
) -> (rtrb::Producer<Item>, rtrb::Consumer<Item>) {
    for i in 0..OPERATIONS {
        producer.push([black_box(i), i]).expect("room");
        black_box(consumer.pop().expect("an item")[0]);
    }
    (producer, consumer)
}

#[library_benchmark]
#[bench::array_queue(array_queue())]
fn ring_push_pop_of_array_queue(queue: ArrayQueue<Item>) -> ArrayQueue<Item> {
    for i in 0..OPERATIONS {
        queue.push([black_box(i), i]).expect("room");
        black_box(queue.pop().expect("an item")[0]);
    }
    queue
}

#[library_benchmark]
#[bench::channel(crossbeam_channel())]
fn ring_push_pop_of_channel(
    (sender, receiver): (channel::Sender<Item>, channel::Receiver<Item>),
) -> (channel::Sender<Item>, channel::Receiver<Item>) {
    for i in 0..OPERATIONS {
        sender.try_send([black_box(i), i]).expect("room");
        black_box(receiver.try_recv().expect("an item")[0]);
    }
    (sender, receiver)
}

// A thousand batches of 64: divide by 64 for an item.
#[library_benchmark]
#[bench::tidemill(args = (ring()), config = at_most(862))]
fn ring_batch_of_64((mut producer, mut consumer): Ring) -> Ring {
    let (batch, mut into) = ([[1, 2]; BATCH], [[0; 2]; BATCH]);
    for _ in 0..OPERATIONS {
        assert_eq!(producer.push_batch(black_box(&batch)), BATCH);
        assert_eq!(consumer.pop_batch(black_box(&mut into)), BATCH);
    }
    (producer, consumer)
}

type Pool = (Home<'static, u32>, Vec<Token<'static, u32>>);

/// A pool with `used` slots in use: one message is allocated and freed on top of them.
fn pool_with(used: usize) -> Pool {
    let pool: &'static StaticPool<u32, SLOTS> = Box::leak(Box::new(StaticPool::new(PoolId(0))));
    let mut home = pool.home().expect("opened once");
    let held = (0..used).map(|_| home.loan().expect("a slot").commit(header(0), || 0)).collect();
    (home, held)
}

#[inline]
const fn header(sequence: u64) -> Header {
    Header::new(1, sequence, Instant::ZERO)
}

#[library_benchmark]
#[bench::first_of_4096_slots(args = (pool_with(0)), config = at_most(54))]
#[bench::last_of_4096_slots(args = (pool_with(4095)), config = at_most(54))]
fn pool_allocate_free((mut home, held): Pool) -> Pool {
    for i in 0..OPERATIONS {
        let loan = home.reserve().expect("a slot");
        let token = home.commit(loan, header(u64::from(i)), black_box(i));
        assert_eq!(*black_box(&*token), i);
        Manager::give_back(&mut home, token).expect("its own pool");
    }
    (home, held)
}

type Hop = (Home<'static, u32>, Tx<'static, u32>, Rx<'static, u32>);

fn edge() -> Hop {
    let pool: &'static StaticPool<u32, 64> = Box::leak(Box::new(StaticPool::new(PoolId(0))));
    let edge: &'static Edge<u32, 64> = Box::leak(Box::new(Edge::new(Caps::wait(64))));
    let (tx, rx) = edge.split(pool).expect("split once");
    (pool.home().expect("opened once"), tx, rx)
}

#[library_benchmark]
#[bench::tidemill(args = (edge()), config = at_most(232))]
fn edge_hop((mut home, mut tx, mut rx): Hop) -> Hop {
    for i in 0..OPERATIONS {
        let token = home.loan().expect("a slot").commit(header(u64::from(i)), || black_box(i));
        tx.push(token, Instant::ZERO, |_| ()).expect("room");
        let token = rx.pop().expect("a message");
        assert_eq!(*black_box(&*token), i);
        rx.give_back(token).expect("its own pool");
    }
    (home, tx, rx)
}

fn three_nodes() -> ThreeNodes {
    let mut graph = ThreeNodes::new();
    graph.carry(100);
    graph
}

#[library_benchmark]
#[bench::tidemill(args = (three_nodes()), config = at_most(766))]
fn three_node_message(mut graph: ThreeNodes) -> ThreeNodes {
    black_box(graph.carry(OPERATIONS));
    graph
}

library_benchmark_group!(
    name = ring_group,
    benchmarks = [
        ring_push_pop,
        ring_push_pop_of_rtrb,
        ring_push_pop_of_array_queue,
        ring_push_pop_of_channel,
        ring_batch_of_64
    ]
);
library_benchmark_group!(name = flow_group, benchmarks = [pool_allocate_free, edge_hop, three_node_message]);

main!(library_benchmark_groups = [ring_group, flow_group]);
