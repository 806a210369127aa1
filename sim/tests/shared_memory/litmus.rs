//! Late stores: what the declared orderings forbid is never seen, and what they allow is found.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::atomic::Ordering::{self, Acquire, Relaxed, Release, SeqCst};

use crate::shared::{Desk, NS, arena, get, resident};
use tidemill_ring::spsc::{Consumer, Producer, Spec, split};
use tidemill_ring::wake::EventCount;
use tidemill_seam::{Exchange, Notify, Region};
use tidemill_sim::{Duration, Env, Lateness, Mapping, Outcome, Rate, Sim, SimNotify, StoreOrder, TwoSided};

const SEEDS: u64 = 400;
const DATA: u32 = 0;
const FLAG: u32 = 1;

/// Half of all stores are late, by up to twelve accesses.
const LATE: Lateness = Lateness {
    rate: Rate::percent(50),
    accesses: 12,
    within: Duration::from_micros(1),
    order: StoreOrder::PerWord,
};

fn put(memory: &impl Region, at: u32, value: u32, order: Ordering) {
    assert!(at < memory.words());
    // SAFETY: `at` was just found to lie within the region.
    unsafe { memory.store(at, value, order) };
}

/// The promise that a [`Weak`] region breaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Flaw {
    /// Keeps every promise.
    None,
    /// Stores to this word are `Relaxed`.
    StoreRelaxed(u32),
    /// An exchange is a load and a `Relaxed` store, and fences do nothing.
    NoFence,
}

/// A region that breaks at most one promise about orderings.
#[derive(Clone, Debug)]
struct Weak<R>(R, Flaw);

// SAFETY: every access is the inner region's; what is weakened are orderings, which no memory safety rests on.
unsafe impl<R: Region> Region for Weak<R> {
    fn words(&self) -> u32 {
        self.0.words()
    }

    unsafe fn load(&self, at: u32, order: Ordering) -> u32 {
        // SAFETY: the caller's promise, handed on.
        unsafe { self.0.load(at, order) }
    }

    unsafe fn store(&self, at: u32, value: u32, order: Ordering) {
        let order = if self.1 == Flaw::StoreRelaxed(at) { Relaxed } else { order };
        // SAFETY: the caller's promise, handed on.
        unsafe { self.0.store(at, value, order) };
    }

    fn fence(&self, order: Ordering) {
        if self.1 != Flaw::NoFence {
            self.0.fence(order);
        }
    }
}

// SAFETY: as for the region; in a simulation nothing comes between the load and the store.
unsafe impl<R: Exchange> Exchange for Weak<R> {
    unsafe fn compare_exchange(&self, at: u32, current: u32, new: u32) -> Result<(), u32> {
        if self.1 != Flaw::NoFence {
            // SAFETY: the caller's promise, handed on.
            return unsafe { self.0.compare_exchange(at, current, new) };
        }
        let stands = get(&self.0, at, Relaxed);
        if stands != current {
            return Err(stands);
        }
        put(&self.0, at, new, Relaxed);
        Ok(())
    }
}

/// How many of the seeds show what `run` looks for.
fn seen(run: impl Fn(u64) -> bool) -> u64 {
    (0..SEEDS).map(|seed| u64::from(run(seed))).sum()
}

/// Message passing: whether the flag is seen and the data behind it is not.
fn message(seed: u64, late: Lateness, publish: fn(&Mapping)) -> bool {
    let mut sim: Sim = Sim::new(seed);
    let (host, words) = arena(&mut sim, 2, Some(late));
    let stale = Rc::new(Cell::new(false));
    let (shared, found) = (words.clone(), Rc::clone(&stale));
    sim.spawn_async(host, "writer", move |env| {
        let memory = env.seams().map(&shared);
        async move {
            env.sleep(NS.saturating_mul(env.choose("when", 4))).await;
            publish(&memory);
        }
    });
    sim.spawn_async(host, "reader", move |env| {
        let (memory, found) = (env.seams().map(&words), Rc::clone(&found));
        async move {
            for _ in 0..20 {
                if get(&memory, FLAG, Acquire) == 1 {
                    found.set(found.get() || get(&memory, DATA, Relaxed) != 1);
                }
                env.sleep(NS).await;
            }
            assert_eq!(get(&memory, FLAG, Acquire), 1, "a late store becomes visible in the end");
        }
    });
    sim.run().expect_ok();
    stale.get()
}

// SIM-SHM: message passing by relaxed stores fails for some seed, by a release store or behind a release fence never.
#[test]
fn a_message_behind_a_relaxed_flag_is_lost_and_behind_a_release_never() {
    let relaxed: fn(&Mapping) = |memory| {
        put(memory, DATA, 1, Relaxed);
        put(memory, FLAG, 1, Relaxed);
    };
    let found = seen(|seed| message(seed, LATE, relaxed));
    assert!(found > SEEDS / 20, "only {found} of {SEEDS} seeds see the flag before the data");
    let release: fn(&Mapping) = |memory| {
        put(memory, DATA, 1, Relaxed);
        put(memory, FLAG, 1, Release);
    };
    assert_eq!(seen(|seed| message(seed, LATE, release)), 0);
    let fenced: fn(&Mapping) = |memory| {
        put(memory, DATA, 1, Relaxed);
        memory.fence(Release);
        put(memory, FLAG, 1, Relaxed);
    };
    assert_eq!(seen(|seed| message(seed, LATE, fenced)), 0);
    let in_order = Lateness { order: StoreOrder::Fifo, ..LATE };
    assert_eq!(seen(|seed| message(seed, in_order, relaxed)), 0, "total store order");
}

/// Store buffering: whether each of two processes stores and then misses what the other one stored.
fn both_miss(seed: u64, order: Ordering, fence: Option<Ordering>) -> bool {
    let mut sim: Sim = Sim::new(seed);
    let (host, words) = arena(&mut sim, 2, Some(Lateness { order: StoreOrder::Fifo, ..LATE }));
    let missed = Rc::new(Cell::new(0));
    for (name, mine, other) in [("left", 0, 1), ("right", 1, 0)] {
        let (words, missed) = (words.clone(), Rc::clone(&missed));
        sim.spawn_async(host, name, move |env| {
            let (memory, missed) = (env.seams().map(&words), Rc::clone(&missed));
            async move {
                env.sleep(NS.saturating_mul(env.choose("when", 3))).await;
                put(&memory, mine, 1, order);
                if let Some(fence) = fence {
                    memory.fence(fence);
                }
                missed.set(missed.get() + 1 - get(&memory, other, Acquire));
                assert_eq!(get(&memory, mine, Relaxed), 1, "a process sees its own stores at once");
            }
        });
    }
    sim.run().expect_ok();
    missed.get() == 2
}

// SIM-SHM: store buffering is seen without a sequentially consistent fence between, and never with one.
#[test]
fn both_sides_miss_each_other_unless_a_fence_stands_between() {
    for (order, fence) in
        [(Relaxed, None), (Release, None), (Relaxed, Some(Release)), (Release, Some(Acquire))]
    {
        let found = seen(|seed| both_miss(seed, order, fence));
        assert!(found > SEEDS / 20, "only {found} of {SEEDS} seeds with {order:?} and {fence:?}");
    }
    assert_eq!(seen(|seed| both_miss(seed, Relaxed, Some(SeqCst))), 0);
    assert_eq!(seen(|seed| both_miss(seed, SeqCst, None)), 0);
}

// SIM-SHM: coherence: a word never goes back, however late its stores are, and no exchange is lost.
#[test]
fn a_word_never_goes_back() {
    for seed in 0..SEEDS {
        let mut sim: Sim = Sim::new(seed);
        let (host, words) = arena(&mut sim, 2, Some(LATE));
        let (shared, last) = (words.clone(), words.clone());
        sim.spawn_async(host, "counts", move |env| {
            let memory = env.seams().map(&shared);
            async move {
                for i in 1..=20 {
                    put(&memory, 0, i, Relaxed);
                    // SAFETY: the second of two words.
                    unsafe { memory.compare_exchange(1, i - 1, i) }.expect("nobody else exchanges");
                    put(&memory, 0, i, Relaxed);
                    env.sleep(NS.saturating_mul(env.choose("when", 3))).await;
                }
            }
        });
        sim.spawn_async(host, "looks", move |env| {
            let memory = env.seams().map(&words);
            async move {
                let mut last = 0;
                for _ in 0..60 {
                    let now = get(&memory, 0, Relaxed);
                    assert!(now >= last, "{now} after {last}");
                    last = now;
                    assert!(get(&memory, 0, Relaxed) + 1 >= get(&memory, 1, Relaxed), "an exchange flushes");
                    env.sleep(NS).await;
                }
            }
        });
        sim.run().expect_ok();
        assert_eq!((last.look(1), last.late()), (Some(20), 0), "seed {seed}");
    }
}

// SIM-SHM: what a process stored before it sent a message, rang a bell or died, everybody sees afterwards.
#[test]
fn a_message_carries_the_stores_before_it() {
    for seed in 0..100 {
        let mut sim: Sim = Sim::new(seed);
        let long = Lateness { rate: Rate::ALWAYS, accesses: 1 << 20, ..LATE };
        let (host, words) = arena(&mut sim, 4, Some(Lateness { within: NS.saturating_mul(1 << 40), ..long }));
        let (shared, seen) = (words.clone(), words.clone());
        let hears = sim.spawn_async(host, "hears", move |env| {
            let memory = env.seams().map(&shared);
            async move {
                env.recv().await;
                assert_eq!(get(&memory, 0, Relaxed), 7);
            }
        });
        let to = sim.address(hears);
        let speaks = sim.spawn_async(host, "speaks", move |env| {
            let memory = env.seams().map(&words);
            async move {
                put(&memory, 0, 7, Relaxed);
                env.send(to, b"look").expect("a short datagram");
                env.sleep(NS).await;
                put(&memory, 1, 8, Relaxed);
                put(&memory, 2, 9, Relaxed);
            }
        });
        sim.kill_at_store(speaks, 3, None);
        sim.run().expect_ok();
        assert_eq!([0, 1, 2].map(|at| seen.look(at)), [Some(7), Some(8), Some(0)], "seed {seed}");
    }
}

const ENTRIES: u32 = 60;
const TAIL: u32 = 0;
type Sides = Weak<TwoSided>;

/// Sixty entries through a ring of four: whether they came out whole and in order.
fn through_a_ring(seed: u64, flaw: Flaw) -> bool {
    let spec = Spec::new(4).line(1).starting_at(u32::MAX - 17);
    let mut sim: Sim = Sim::new(seed);
    let (host, words) = arena(&mut sim, spec.words::<2>(), Some(LATE));
    let got = Rc::new(RefCell::new(Vec::new()));
    let takes = Rc::clone(&got);
    let pushes = |env: Env, half: Desk<Producer<Sides, 2>>| async move {
        let mut producer = half.take().expect("the ring was split");
        for i in 0..ENTRIES {
            while producer.push([i, !i]).is_err() {
                env.sleep(NS).await;
            }
            env.sleep(NS.saturating_mul(env.choose("rest", 3))).await;
        }
    };
    let pops = move |env: Env, half: Desk<Consumer<Sides, 2>>| {
        let takes = Rc::clone(&takes);
        async move {
            let mut consumer = half.take().expect("the ring was split");
            loop {
                let closed = consumer.is_closed();
                takes.borrow_mut().extend(std::iter::from_fn(|| consumer.pop()));
                if closed {
                    break;
                }
                env.sleep(NS.saturating_mul(1 + env.choose("rest", 3))).await;
            }
        }
    };
    let (_, producers, push_desk) = resident(&mut sim, (host, &words), "producer", pushes);
    let (_, consumers, pop_desk) = resident(&mut sim, (host, &words), "consumer", pops);
    let region = Weak(TwoSided::new(producers, consumers), flaw);
    let (producer, consumer) = split(region, spec).expect("it fits");
    (*push_desk.borrow_mut(), *pop_desk.borrow_mut()) = (Some(producer), Some(consumer));
    sim.run().expect_ok();
    let expected: Vec<[u32; 2]> = (0..ENTRIES).map(|i| [i, !i]).collect();
    got.take() == expected
}

// SIM-SHM: the shipped ring survives late stores, and a twin whose tail is published relaxed does not (RL-1, E20).
#[test]
fn the_shipped_ring_survives_late_stores_and_a_relaxed_tail_is_caught_rl_1() {
    assert_eq!(seen(|seed| !through_a_ring(seed, Flaw::None)), 0);
    let caught = seen(|seed| !through_a_ring(seed, Flaw::StoreRelaxed(TAIL)));
    assert!(caught > SEEDS / 2, "a relaxed tail is caught by {caught} of {SEEDS} seeds only");
}

/// How a sleeper leaves `wait` without coming back: its process sleeps in the middle of it.
struct Asleep;

/// Work handed over by an event count: whether the sleeper was woken for each piece.
fn through_a_bell(seed: u64, flaw: Flaw) -> Outcome {
    const WORK: u32 = 2;
    const PIECES: u32 = 12;
    let mut sim: Sim = Sim::new(seed);
    let (host, words) = arena(&mut sim, 3, Some(LATE));
    let (shared, futex) = (words.clone(), Rc::new(RefCell::new(None::<SimNotify>)));
    let wakes = Rc::clone(&futex);
    sim.spawn_async(host, "works", move |env| {
        let memory = Weak(env.seams().map(&shared), flaw);
        *futex.borrow_mut() = Some(env.seams().notify());
        async move {
            let bell = EventCount::new(memory, 0).expect("two of three words");
            let mut done = 0;
            while done < PIECES {
                let (epoch, seen) = (env.epoch(), bell.epoch());
                let there = get(bell.region(), WORK, Acquire);
                if there > done {
                    done = there;
                    continue;
                }
                let wait = AssertUnwindSafe(|| bell.wait(seen, || resume_unwind(Box::new(Asleep))));
                match catch_unwind(wait) {
                    Ok(_) => {}
                    Err(payload) if payload.is::<Asleep>() => {
                        env.changed(epoch, None).await;
                        // What `wait` would do now: the sleeper counts itself out.
                        let asleep = get(bell.region(), 1, Relaxed);
                        // SAFETY: the second of three words.
                        unsafe { bell.region().compare_exchange(1, asleep, asleep - 1) }
                            .expect("one sleeper");
                    }
                    Err(payload) => resume_unwind(payload),
                }
            }
        }
    });
    sim.spawn_async(host, "gives", move |env| {
        let (memory, wakes) = (Weak(env.seams().map(&words), flaw), Rc::clone(&wakes));
        async move {
            let bell = EventCount::new(memory, 0).expect("two of three words");
            for piece in 1..=PIECES {
                env.sleep(NS.saturating_mul(env.choose("rest", 4))).await;
                put(bell.region(), WORK, piece, Relaxed);
                bell.notify(|| wakes.borrow().as_ref().expect("it was born").notify());
            }
        }
    });
    sim.run()
}

// SIM-SHM: the shipped event count loses no wake-up however late stores are; without its fences it does (E27).
#[test]
fn the_shipped_event_count_loses_no_wake_up_and_without_fences_it_does_e27() {
    let lost = |flaw| seen(|seed| matches!(through_a_bell(seed, flaw), Outcome::Failed(_)));
    assert_eq!(lost(Flaw::None), 0);
    let caught = lost(Flaw::NoFence);
    assert!(caught > SEEDS / 20, "a missing fence is caught by {caught} of {SEEDS} seeds only");
}
