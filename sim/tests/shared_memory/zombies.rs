//! Processes that pause and wake too late, and processes that die and come back, over a ring in shared memory.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::atomic::Ordering::{Acquire, Relaxed};

use crate::shared::{Desk, NS, arena, get, resident};
use tidemill_ring::spsc::{Consumer, Full, Producer, Spec, split};
use tidemill_seam::Region;
use tidemill_sim::{Duration, Env, Lateness, Rate, Sim, StoreOrder, TwoSided};

const US: Duration = Duration::from_micros(1);

// SIM-PROCESSES: a paused producer that wakes after its ring was split again is a zombie: its half is stale, refuses
// everything and closes nobody (RL-10).
#[test]
fn a_zombie_that_wakes_after_eviction_does_nothing_rl_10() {
    let spec = Spec::new(4).line(1);
    let mut sim: Sim = Sim::new(1);
    let (host, words) = arena(&mut sim, spec.words::<1>(), None);
    let refused = Rc::new(Cell::new(0));
    let counts = Rc::clone(&refused);
    let pushes = move |env: Env, half: Desk<Producer<TwoSided, 1>>| {
        let counts = Rc::clone(&counts);
        async move {
            let mut producer = half.take().expect("the ring was split");
            for i in 0..20 {
                if producer.push([i]) == Err(Full([i])) && producer.check().is_err() {
                    counts.set(counts.get() + 1);
                }
                env.sleep(US).await;
            }
        }
    };
    let (zombie, old, desk) = resident(&mut sim, (host, &words), "zombie", pushes);
    let idle = |_: Env, _: Desk<()>| async {};
    let (_, heir, _) = resident(&mut sim, (host, &words), "heir", idle);
    let (_, reader, _) = resident(&mut sim, (host, &words), "reader", idle);
    let (producer, consumer) = split::<_, 1>(TwoSided::new(old, reader.clone()), spec).expect("it fits");
    *desk.borrow_mut() = Some(producer);
    let first = Rc::new(RefCell::new(consumer));
    sim.after(US.saturating_mul(3), move |sim| sim.pause(zombie));
    let got = Rc::new(RefCell::new(Vec::new()));
    let takes = Rc::clone(&got);
    sim.after(US.saturating_mul(10), move |sim| {
        takes.borrow_mut().extend(std::iter::from_fn(|| first.borrow_mut().pop()));
        let (mut producer, consumer) = split::<_, 1>(TwoSided::new(heir, reader), spec).expect("it fits");
        producer.push([99]).expect("a fresh ring has room");
        let mut consumer: Consumer<TwoSided, 1> = consumer;
        sim.resume(zombie);
        sim.after(US.saturating_mul(40), move |_| {
            assert!(!consumer.is_closed(), "the zombie's end closes nobody");
            takes.borrow_mut().extend(std::iter::from_fn(|| consumer.pop()));
            drop(producer);
            assert!(consumer.is_closed());
        });
    });
    sim.run().expect_ok();
    assert!(sim.is_alive(zombie));
    assert_eq!((got.take(), refused.get()), (vec![[0], [1], [2], [99]], 17));
}

// SIM-PROCESSES, SIM-SHM: what a paused process stored late stays late while it sleeps, and lands when it wakes: the
// store of a zombie that was stopped right before it.
#[test]
fn a_late_store_of_a_paused_process_lands_after_it_wakes() {
    let mut sim: Sim = Sim::new(1);
    let late = Lateness { rate: Rate::ALWAYS, accesses: 3, within: NS, order: StoreOrder::Fifo };
    let (host, words) = arena(&mut sim, 2, Some(late));
    let shared = words.clone();
    let stores = move |env: Env, _: Desk<()>| {
        let memory = env.seams().map(&shared);
        async move {
            // SAFETY: the first of two words.
            unsafe { memory.store(0, 1, Relaxed) };
            env.sleep(US.saturating_mul(50)).await;
        }
    };
    let (zombie, _, _) = resident(&mut sim, (host, &words), "zombie", stores);
    let seen = Rc::new(RefCell::new(Vec::new()));
    let sees = Rc::clone(&seen);
    let looks = sim.spawn_async(host, "looks", move |env| {
        let (memory, sees) = (env.seams().map(&words), Rc::clone(&sees));
        async move {
            for _ in 0..30 {
                env.sleep(US).await;
                sees.borrow_mut().push(get(&memory, 0, Acquire));
            }
        }
    });
    sim.after(NS.saturating_mul(0), move |sim| sim.pause(zombie));
    sim.after(US.saturating_mul(20), move |sim| sim.resume(zombie));
    sim.run().expect_ok();
    assert!(sim.is_alive(looks));
    let seen = seen.take();
    assert!(
        seen[..19].iter().all(|value| *value == 0) && seen[20..].iter().all(|value| *value == 1),
        "{seen:?}"
    );
}

// SIM-SHM: a process that was paused with nothing late, and resumed, has its later stores seen as before.
#[test]
fn a_resumed_process_is_heard_again() {
    let mut sim: Sim = Sim::new(1);
    let late = Lateness { rate: Rate::ALWAYS, accesses: 3, within: NS, order: StoreOrder::PerWord };
    let (host, words) = arena(&mut sim, 2, Some(late));
    let shared = words.clone();
    let stores = sim.spawn_async(host, "stores", move |env| {
        let memory = env.seams().map(&shared);
        async move {
            for i in 1..=10 {
                // SAFETY: the first of two words.
                unsafe { memory.store(0, i, Relaxed) };
                memory.fence(std::sync::atomic::Ordering::SeqCst);
                // SAFETY: the second of two words.
                unsafe { memory.store(1, i, Relaxed) };
                env.sleep(US).await;
                get(&memory, 0, Relaxed);
            }
        }
    });
    sim.after(US.saturating_mul(3), move |sim| sim.pause(stores));
    sim.after(US.saturating_mul(5), move |sim| sim.resume(stores));
    let last = words.clone();
    sim.spawn_async(host, "looks", move |env| {
        let memory = env.seams().map(&words);
        async move {
            for _ in 0..30 {
                get(&memory, 1, Acquire);
                env.sleep(US).await;
            }
        }
    });
    sim.run().expect_ok();
    assert_eq!((last.look(0), last.look(1), last.late()), (Some(10), Some(10), 0));
}

// SIM-PROCESSES: power takes shared memory with it, and a death does not.
#[test]
fn shared_memory_survives_a_death_and_not_a_loss_of_power() {
    let mut sim: Sim = Sim::new(1);
    let (host, words) = arena(&mut sim, 2, None);
    let shared = words.clone();
    let stores = sim.spawn_async(host, "stores", move |env| {
        let memory = env.seams().map(&shared);
        async move {
            let next = get(&memory, 0, Relaxed) + 1;
            // SAFETY: the first of two words.
            unsafe { memory.store(0, next, Relaxed) };
        }
    });
    sim.run().expect_ok();
    sim.restart(stores);
    sim.run().expect_ok();
    assert_eq!(words.look(0), Some(2));
    sim.lose_power(host);
    assert_eq!(words.look(0), Some(0));
    sim.restore_power(host);
    sim.run().expect_ok();
    assert_eq!(words.look(0), Some(1));
}
