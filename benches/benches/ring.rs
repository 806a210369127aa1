//! One producer, one consumer: tidemill-ring beside rtrb and crossbeam, the same items, all of them checksummed.
//!
//! ```text
//! one thread:    push ─▶ pop ─▶ sum       push 64 ─▶ pop 64 ─▶ sum
//! two threads:   push ─▶ ring ─▶ pop ─▶ sum, ring of 1,024
//! ```

use std::hint::{black_box, spin_loop};
use std::thread;
use std::time::{Duration, Instant};

use benches::contest::{Contestant, Effort, contest};
use benches::figure::{busy, cpu_time};
use criterion::Criterion;
use crossbeam::channel;
use crossbeam::queue::ArrayQueue;
use crossbeam::utils::Backoff;
use tidemill_ring::{Heap, spsc};

const CAPACITY: u32 = 1024;
const BATCH: usize = 64;
const SPINS: u32 = 1 << 10;

type Item<const W: usize> = [u32; W];

fn main() {
    let quick = std::env::args().any(|arg| arg == "--quick");
    let effort =
        |items| Effort { rounds: if quick { 9 } else { 51 }, items: if quick { items / 8 } else { items } };
    one_thread::<2>("one thread, 8 bytes", effort(2_000_000));
    one_thread::<4>("one thread, 16 bytes (a ticket)", effort(2_000_000));
    batches(effort(4_000_000));
    if let Some(warning) = busy() {
        println!("{warning}\n");
    }
    two_threads::<2>("two threads that back off, 8 bytes", Wait::BackOff, effort(2_000_000));
    two_threads::<4>("two threads that back off, 16 bytes (a ticket)", Wait::BackOff, effort(2_000_000));
    two_threads::<2>("two threads that spin, 8 bytes", Wait::Spin, effort(2_000_000));
    two_threads::<4>("two threads that spin, 16 bytes (a ticket)", Wait::Spin, effort(2_000_000));
    if !quick {
        absolute(&mut Criterion::default());
    }
}

fn item<const W: usize>(i: u32) -> Item<W> {
    let mut item = [i; W];
    item[W - 1] = !i;
    item
}

fn sum<const W: usize>(total: u64, item: Item<W>) -> u64 {
    item.iter().fold(total, |total, word| total.wrapping_mul(3).wrapping_add(u64::from(*word)))
}

fn expected<const W: usize>(items: u32) -> u64 {
    (0..items).fold(0, |total, i| sum(total, item::<W>(i)))
}

fn nanos(spent: Duration, items: u32) -> f64 {
    spent.as_nanos() as f64 / f64::from(items)
}

fn ours<const W: usize>(capacity: u32) -> (spsc::Producer<Heap, W>, spsc::Consumer<Heap, W>) {
    let region = Heap::new(spsc::words::<W>(capacity));
    spsc::split(region, spsc::Spec::new(capacity)).expect("the region is as long as the ring")
}

/// One item in, one item out, on one thread; processor time.
fn through<const W: usize>(items: u32, mut step: impl FnMut(Item<W>) -> Item<W>) -> f64 {
    let start = cpu_time();
    let total = (0..items).fold(0, |total, i| sum(total, step(item(black_box(i)))));
    let spent = cpu_time() - start;
    assert_eq!(total, expected::<W>(items), "an item was lost or changed");
    nanos(spent, items)
}

fn one_thread<const W: usize>(title: &str, effort: Effort) {
    let (mut producer, mut consumer) = ours::<W>(CAPACITY);
    let (mut rtrb_in, mut rtrb_out) = rtrb::RingBuffer::<Item<W>>::new(CAPACITY as usize);
    let queue = ArrayQueue::<Item<W>>::new(CAPACITY as usize);
    let (sender, receiver) = channel::bounded::<Item<W>>(CAPACITY as usize);
    let mut contestants = [
        Contestant::new("tidemill-ring", |items| {
            through(items, |item: Item<W>| {
                producer.push(item).expect("room");
                consumer.pop().expect("an item")
            })
        }),
        Contestant::new("rtrb 0.4", |items| {
            through(items, |item: Item<W>| {
                rtrb_in.push(item).expect("room");
                rtrb_out.pop().expect("an item")
            })
        }),
        Contestant::new("crossbeam ArrayQueue", |items| {
            through(items, |item: Item<W>| {
                queue.push(item).expect("room");
                queue.pop().expect("an item")
            })
        }),
        Contestant::new("crossbeam channel", |items| {
            through(items, |item: Item<W>| {
                sender.try_send(item).expect("room");
                receiver.try_recv().expect("an item")
            })
        }),
    ];
    contest(title, effort, &mut contestants);
}

/// Sixty-four items in, sixty-four items out, on one thread; processor time.
fn in_batches(items: u32, mut step: impl FnMut(&[Item<2>; BATCH], &mut [Item<2>; BATCH])) -> f64 {
    let (mut into, mut total) = ([[0; 2]; BATCH], 0);
    let start = cpu_time();
    for first in (0..items).step_by(BATCH) {
        let batch = std::array::from_fn(|i| item(black_box(first + i as u32)));
        step(&batch, &mut into);
        total = into.iter().fold(total, |total, item| sum(total, *item));
    }
    let spent = cpu_time() - start;
    let sent = items.next_multiple_of(BATCH as u32);
    assert_eq!(total, expected::<2>(sent), "an item was lost or changed");
    nanos(spent, sent)
}

fn batches(effort: Effort) {
    let (mut producer, mut consumer) = ours::<2>(CAPACITY);
    let (mut rtrb_in, mut rtrb_out) = rtrb::RingBuffer::<Item<2>>::new(CAPACITY as usize);
    let mut contestants = [
        Contestant::new("tidemill-ring", |items| {
            in_batches(items, |batch, into| {
                assert_eq!(producer.push_batch(batch), BATCH);
                assert_eq!(consumer.pop_batch(into), BATCH);
            })
        }),
        Contestant::new("rtrb 0.4", |items| {
            in_batches(items, |batch, into| {
                rtrb_in.push_entire_slice(batch).expect("room");
                rtrb_out.pop_entire_slice(into).expect("items");
            })
        }),
    ];
    contest("one thread, 8 bytes in batches of 64", effort, &mut contestants);
}

/// What a side does that finds the ring full, or empty.
#[derive(Clone, Copy)]
enum Wait {
    /// Looks again at once, a thousand times before it gives the processor away.
    Spin,
    /// Looks again after twice as long each time, then gives the processor away: `crossbeam::utils::Backoff`.
    BackOff,
}

impl Wait {
    fn persist<T>(self, mut attempt: impl FnMut() -> Option<T>) -> T {
        let (mut spins, backoff) = (0, Backoff::new());
        loop {
            if let Some(value) = attempt() {
                return value;
            }
            spins += 1;
            match self {
                Self::BackOff => backoff.snooze(),
                Self::Spin if spins % SPINS == 0 => thread::yield_now(),
                Self::Spin => spin_loop(),
            }
        }
    }

    /// Items from one thread to another; elapsed time, since both processors are paid for.
    fn across<const W: usize>(
        self,
        items: u32,
        mut push: impl FnMut(Item<W>) -> bool + Send,
        mut pop: impl FnMut() -> Option<Item<W>>,
    ) -> f64 {
        let start = Instant::now();
        let total = thread::scope(|scope| {
            scope.spawn(move || (0..items).for_each(|i| self.persist(|| push(item(i)).then_some(()))));
            (0..items).fold(0, |total, _| sum(total, self.persist(&mut pop)))
        });
        let spent = start.elapsed();
        assert_eq!(total, expected::<W>(items), "an item was lost or changed");
        nanos(spent, items)
    }
}

/// What one thread uses, on cache lines of its own.
#[repr(align(128))]
struct Own<T>(T);

fn two_threads<const W: usize>(title: &str, wait: Wait, effort: Effort) {
    let (producer, consumer) = ours::<W>(CAPACITY);
    let (mut producer, mut consumer) = (Own(producer), Own(consumer));
    let (stream_in, stream_out) = ours::<W>(CAPACITY);
    let (mut stream_in, mut stream_out) = (Own(stream_in), Own(stream_out));
    let (rtrb_in, rtrb_out) = rtrb::RingBuffer::<Item<W>>::new(CAPACITY as usize);
    let (mut rtrb_in, mut rtrb_out) = (Own(rtrb_in), Own(rtrb_out));
    let queue = ArrayQueue::<Item<W>>::new(CAPACITY as usize);
    let (sender, receiver) = channel::bounded::<Item<W>>(CAPACITY as usize);
    let mut contestants = [
        Contestant::new("tidemill-ring", |items| {
            let (producer, consumer) = (&mut producer.0, &mut consumer.0);
            wait.across(items, |item: Item<W>| producer.push(item).is_ok(), || consumer.pop())
        }),
        Contestant::new("tidemill-ring, push and take", |items| {
            let (producer, consumer) = (&mut stream_in.0, &mut stream_out.0);
            wait.across(items, |item: Item<W>| producer.push(item).is_ok(), || consumer.take())
        }),
        Contestant::new("rtrb 0.4", |items| {
            let (producer, consumer) = (&mut rtrb_in.0, &mut rtrb_out.0);
            wait.across(items, |item: Item<W>| producer.push(item).is_ok(), || consumer.pop().ok())
        }),
        Contestant::new("crossbeam ArrayQueue", |items| {
            wait.across(items, |item: Item<W>| queue.push(item).is_ok(), || queue.pop())
        }),
        Contestant::new("crossbeam channel", |items| {
            wait.across(items, |item: Item<W>| sender.try_send(item).is_ok(), || receiver.try_recv().ok())
        }),
    ];
    contest(title, effort, &mut contestants);
}

/// Our own figures with criterion's statistics, and its memory of the run before.
fn absolute(criterion: &mut Criterion) {
    let (mut producer, mut consumer) = ours::<2>(CAPACITY);
    criterion.bench_function("ring/push + pop, 8 bytes", |bench| {
        bench.iter(|| {
            producer.push(black_box([1, 2])).expect("room");
            consumer.pop()
        });
    });
    let (batch, mut into) = ([[1, 2]; BATCH], [[0; 2]; BATCH]);
    criterion.bench_function("ring/push_batch + pop_batch of 64, 8 bytes", |bench| {
        bench.iter(|| (producer.push_batch(black_box(&batch)), consumer.pop_batch(black_box(&mut into))));
    });
}
