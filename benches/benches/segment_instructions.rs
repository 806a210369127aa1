//! Exact instruction counts of a segment under callgrind, a thousand operations each: read the last three digits as decimals.
//!
//! ```text
//! slot:   publish ▪ consume ▪ both           where readers may sleep, and where everybody spins
//! batch:  64 slots granted and shown ▪ taken and acknowledged together
//! frame:  64 bytes, 1 KiB                    in one run, and in parts
//! empty:  a poll that finds nothing
//! ```
//! A segment has a header, a table and a journal beside its slots, and asks nobody about them while there is room: these are
//! the paths that a message takes. The counts are gated: a limit that is broken fails the bench. A program of its own, because
//! what the compiler inlines depends on what else there is.
#![expect(unused_qualifications, missing_docs, reason = "so expand gungraun's macros")]

use std::hint::black_box;

use gungraun::prelude::*;
use gungraun::{Callgrind, EventKind};
use tidemill_ring::frame::{Fixed, FrameConsumer, FrameProducer, Memory, Var, VarConsumer, VarProducer};
use tidemill_ring::header::{Creator, SegmentId};
use tidemill_ring::table::Identity;
use tidemill_ring::{
    Consumer, Heap, Layout, Local, MultiProducer, Next, Peer, PeerName, Position, Producer, Segment, Spec,
    Start,
};

const OPERATIONS: u32 = 1000;
const CAPACITY: u32 = 1024;
const BATCH: u32 = 64;
/// Granules for a thousand messages of 1 KiB and no lap.
const GRANULES: u32 = 1 << 14;

type Live = &'static Local;
type Slots = (Producer<u64, Heap, Live>, Consumer<u64, Heap, Live>);
type Shared = (MultiProducer<u64, Heap, Live>, Consumer<u64, Heap, Live>);
type Runs = (VarProducer<64, Heap, Live>, VarConsumer<64, Heap, Live, Memory>);
type Parts<const N: usize> = (FrameProducer<N, Heap, Live>, FrameConsumer<N, Heap, Live, Memory>);

/// At most this many instructions an operation, and one in fifty more for another compiler.
fn at_most(instructions: u64) -> LibraryBenchmarkConfig {
    let limit = instructions * u64::from(OPERATIONS) * 51 / 50;
    LibraryBenchmarkConfig::default().tool(Callgrind::default().hard_limits([(EventKind::Ir, limit)])).clone()
}

fn segment(spec: Spec) -> (Segment<Heap>, Live) {
    let live: Live = Box::leak(Box::new(Local::new()));
    let region = Heap::new(Layout::of(&spec).expect("a ring").words());
    let segment = Segment::create(region, &spec, SegmentId(1), Creator::default(), &live);
    (segment.expect("the region is as long as the ring"), live)
}

fn peer() -> Peer {
    Peer::new(PeerName::parse("bench").expect("a name"))
}

fn slots(spec: Spec) -> Slots {
    let (segment, live) = segment(spec);
    let consumer = segment.clone().consumer(live, &peer(), Start::Earliest).expect("a free place");
    (segment.producer(live, Identity::default()).expect("nobody produces"), consumer)
}

fn parks() -> Slots {
    slots(Spec::of::<u64>(CAPACITY))
}

fn spins() -> Slots {
    slots(Spec::of::<u64>(CAPACITY).spin_only())
}

/// With so many items that nobody has taken.
fn filled((mut producer, consumer): Slots) -> Slots {
    for i in 0..OPERATIONS {
        producer.try_push(u64::from(i)).expect("room");
    }
    (producer, consumer)
}

#[library_benchmark]
#[bench::parks(args = (parks()), config = at_most(28))]
#[bench::spins(args = (spins()), config = at_most(22))]
fn segment_publish((mut producer, consumer): Slots) -> Slots {
    for i in 0..OPERATIONS {
        black_box(producer.try_push(u64::from(black_box(i))).expect("room"));
    }
    (producer, consumer)
}

#[library_benchmark]
#[bench::parks(args = (filled(parks())), config = at_most(26))]
#[bench::spins(args = (filled(spins())), config = at_most(19))]
fn segment_consume((producer, mut consumer): Slots) -> Slots {
    for _ in 0..OPERATIONS {
        let Some(Next::Item(item)) = consumer.try_next() else { unreachable!("it is filled") };
        black_box(*item);
    }
    (producer, consumer)
}

#[library_benchmark]
#[bench::parks(args = (parks()), config = at_most(64))]
#[bench::spins(args = (spins()), config = at_most(51))]
fn segment_publish_consume((mut producer, mut consumer): Slots) -> Slots {
    for i in 0..OPERATIONS {
        producer.try_push(u64::from(black_box(i))).expect("room");
        let Some(Next::Item(item)) = consumer.try_next() else { unreachable!("it was just published") };
        black_box(*item);
    }
    (producer, consumer)
}

// What all of these count besides: the loop, and the boxes that hide from the compiler what goes in and comes out.
#[library_benchmark]
#[bench::alone(args = (spins()), config = at_most(7))]
fn segment_loop(slots: Slots) -> Slots {
    for i in 0..OPERATIONS {
        black_box(u64::from(black_box(i)));
    }
    slots
}

// A thousand batches of 64: divide by 64 for an item.
#[library_benchmark]
#[bench::parks(args = (parks()), config = at_most(497))]
#[bench::spins(args = (spins()), config = at_most(487))]
fn segment_batch_of_64((mut producer, mut consumer): Slots) -> Slots {
    for _ in 0..OPERATIONS {
        producer.try_batch(black_box(BATCH), |Position(at)| at).expect("room");
        let mut sum = 0_u64;
        let (taken, _) = consumer.poll(BATCH, |item, _, _| sum = sum.wrapping_add(*item));
        assert_eq!(taken, BATCH);
        black_box(sum);
    }
    (producer, consumer)
}

#[library_benchmark]
#[bench::parks(args = (parks()), config = at_most(28))]
#[bench::spins(args = (spins()), config = at_most(28))]
fn segment_poll_of_empty((producer, mut consumer): Slots) -> Slots {
    for _ in 0..OPERATIONS {
        assert!(black_box(consumer.try_next().is_none()));
    }
    (producer, consumer)
}

fn shared() -> Shared {
    let (segment, live) = segment(Spec::of::<u64>(CAPACITY).producers(4));
    let consumer = segment.clone().consumer(live, &peer(), Start::Earliest).expect("a free place");
    (segment.multi_producer(live, Identity::default()).expect("a free post"), consumer)
}

// One of several producers, and nobody beside it: a claim by an exchange, a settled word an item.
#[library_benchmark]
#[bench::parks(args = (shared()), config = at_most(358))]
fn segment_of_several_publish_consume((mut producer, mut consumer): Shared) -> Shared {
    for i in 0..OPERATIONS {
        producer.try_push(u64::from(black_box(i))).expect("room");
        let Some(Next::Item(item)) = consumer.try_next() else { unreachable!("it was just published") };
        black_box(*item);
    }
    (producer, consumer)
}

fn runs() -> Runs {
    let (segment, live) = segment(Var::<64>::spec(GRANULES));
    let memory = Memory::new(1 << 17);
    let consumer =
        segment.clone().var_consumer(live, &peer(), Start::Earliest, memory).expect("a free place");
    (segment.var_producer(live, Identity::default()).expect("nobody produces"), consumer)
}

fn filled_runs(bytes: usize) -> Runs {
    let (mut producer, consumer) = runs();
    let payload = vec![7; bytes];
    for _ in 0..OPERATIONS {
        producer.try_publish(&payload, 1).expect("room");
    }
    (producer, consumer)
}

#[library_benchmark]
#[bench::of_64_bytes(args = (runs(), vec![7; 64]), config = at_most(254))]
#[bench::of_1_kib(args = (runs(), vec![7; 1024]), config = at_most(539))]
fn segment_run_publish((mut producer, consumer): Runs, payload: Vec<u8>) -> Runs {
    for _ in 0..OPERATIONS {
        black_box(producer.try_publish(black_box(&payload), 1).expect("room"));
    }
    (producer, consumer)
}

#[library_benchmark]
#[bench::of_64_bytes(args = (filled_runs(64)), config = at_most(365))]
#[bench::of_1_kib(args = (filled_runs(1024)), config = at_most(635))]
fn segment_run_consume((producer, mut consumer): Runs) -> Runs {
    for _ in 0..OPERATIONS {
        let Some(Next::Item(message)) = consumer.try_next() else { unreachable!("it is filled") };
        black_box(&*message);
    }
    (producer, consumer)
}

fn parts<const N: usize>() -> Parts<N> {
    let (segment, live) = segment(Spec::of::<Fixed<N>>(GRANULES));
    let memory = Memory::new(1 << 17);
    let consumer =
        segment.clone().frame_consumer(live, &peer(), Start::Earliest, memory).expect("a free place");
    (segment.frame_producer(live, Identity::default()).expect("nobody produces"), consumer)
}

fn filled_parts<const N: usize>(bytes: usize) -> Parts<N> {
    let (mut producer, consumer) = parts();
    let payload = vec![7; bytes];
    for _ in 0..OPERATIONS {
        producer.try_publish(&payload, 1).expect("room");
    }
    (producer, consumer)
}

fn publish_parts<const N: usize>((mut producer, consumer): Parts<N>, payload: &[u8]) -> Parts<N> {
    for _ in 0..OPERATIONS {
        black_box(producer.try_publish(black_box(payload), 1).expect("room"));
    }
    (producer, consumer)
}

fn consume_parts<const N: usize>((producer, mut consumer): Parts<N>) -> Parts<N> {
    for _ in 0..OPERATIONS {
        let Some(Next::Item(message)) = consumer.try_next() else { unreachable!("it is filled") };
        black_box(&*message);
    }
    (producer, consumer)
}

#[library_benchmark]
#[bench::tidemill(args = (parts(), vec![7; 64]), config = at_most(192))]
fn segment_part_of_64_bytes_publish(parts: Parts<64>, payload: Vec<u8>) -> Parts<64> {
    publish_parts(parts, &payload)
}

#[library_benchmark]
#[bench::tidemill(args = (filled_parts(64)), config = at_most(376))]
fn segment_part_of_64_bytes_consume(parts: Parts<64>) -> Parts<64> {
    consume_parts(parts)
}

#[library_benchmark]
#[bench::tidemill(args = (parts(), vec![7; 1024]), config = at_most(688))]
fn segment_parts_of_1_kib_publish(parts: Parts<256>, payload: Vec<u8>) -> Parts<256> {
    publish_parts(parts, &payload)
}

#[library_benchmark]
#[bench::tidemill(args = (filled_parts(1024)), config = at_most(1494))]
fn segment_parts_of_1_kib_consume(parts: Parts<256>) -> Parts<256> {
    consume_parts(parts)
}

library_benchmark_group!(
    name = slot_group,
    benchmarks = [
        segment_publish,
        segment_consume,
        segment_publish_consume,
        segment_loop,
        segment_batch_of_64,
        segment_poll_of_empty,
        segment_of_several_publish_consume
    ]
);
library_benchmark_group!(
    name = frame_group,
    benchmarks = [
        segment_run_publish,
        segment_run_consume,
        segment_part_of_64_bytes_publish,
        segment_part_of_64_bytes_consume,
        segment_parts_of_1_kib_publish,
        segment_parts_of_1_kib_consume
    ]
);

main!(library_benchmark_groups = [slot_group, frame_group]);
