//! A peer that stores what it likes into words that it can reach, between any two accesses of ours (RL-18).

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;

use crate::shared::{Desk, NS, arena, get, resident};
use tidemill_ring::spsc::{Consumer, Producer, Spec, split, split_evicting};
use tidemill_sim::{Arena, Env, Hostile, Rate, Sim, TwoSided};

const CAPACITY: u32 = 8;
const CALLS: u64 = 300;
const SEEDS: u64 = 150;

/// Counts what a call touched, and how often the traitor struck meanwhile.
struct Watch {
    arena: Arena,
    strikes: Rc<Cell<u64>>,
    worst: Cell<u64>,
}

impl Watch {
    /// A call that touches more than a ring full of words, for each strike anew, does not end by itself.
    fn bounded<R>(&self, call: &str, run: impl FnOnce() -> R) -> R {
        let (accesses, strikes) = (self.arena.accesses(), self.strikes.get());
        let result = run();
        let touched = self.arena.accesses() - accesses;
        let struck = self.strikes.get() - strikes;
        let allowed = u64::from(CAPACITY * 8 + 64) * (1 + struck);
        assert!(touched <= allowed, "{call} touched {touched} words, with {struck} strikes");
        self.worst.set(self.worst.get().max(touched));
        result
    }
}

type Pushes = Producer<TwoSided, 2>;
type Pops = Consumer<TwoSided, 2>;

/// One honest half against a hostile peer; how often the peer struck.
fn against<H: 'static>(
    seed: u64,
    evicts: bool,
    honest: fn(Pushes, Pops) -> H,
    call: impl Fn(&Env, &mut H, &Watch) + Copy + 'static,
) -> u64 {
    let mut sim: Sim = Sim::new(seed);
    let spec = Spec::new(CAPACITY).line(1).starting_at(u32::MAX - 20);
    let (host, words) = arena(&mut sim, spec.words::<2>(), None);
    let strikes = Rc::new(Cell::new(0));
    let watch = Rc::new(Watch { arena: words.clone(), strikes: Rc::clone(&strikes), worst: Cell::new(0) });
    let body = move |env: Env, half: Desk<H>| {
        let watch = Rc::clone(&watch);
        async move {
            let mut half = half.take().expect("the ring was split");
            for _ in 0..CALLS {
                call(&env, &mut half, &watch);
                env.sleep(NS).await;
            }
            watch.bounded("drop", || drop(half));
        }
    };
    let (_, mine, desk) = resident(&mut sim, (host, &words), "honest", body);
    let idle = |_: Env, _: Desk<()>| async {};
    let (traitor, theirs, _) = resident(&mut sim, (host, &words), "hostile", idle);
    let region = TwoSided::new(mine.clone(), mine);
    let halves = if evicts { split_evicting(region, spec) } else { split(region, spec) };
    let (producer, consumer) = halves.expect("it fits");
    *desk.borrow_mut() = Some(honest(producer, consumer));
    let count = Rc::clone(&strikes);
    words.watch(move |stored| count.set(count.get() + u64::from(stored.process == traitor)));
    let all = 0..words.words();
    sim.betray(traitor, &words, Hostile { rate: Rate::percent(25), words: all, stores: 400 });
    sim.run().expect_ok();
    drop(theirs);
    strikes.get()
}

fn produce(env: &Env, ring: &mut Pushes, watch: &Watch) {
    let number = env.choose("number", 1 << 32) as u32;
    match env.choose("call", 9) {
        0 => drop(watch.bounded("push", || ring.push([number, !number]))),
        1 => drop(watch.bounded("stage", || ring.stage([number, !number]))),
        2 => watch.bounded("publish", || ring.publish()),
        3 => drop(watch.bounded("unstage", || ring.unstage())),
        4 => {
            let pushed = watch.bounded("push_batch", || ring.push_batch(&[[number, !number]; 11]));
            assert!(pushed <= CAPACITY as usize);
        }
        5 => assert!(watch.bounded("room", || ring.room()) <= CAPACITY),
        6 => assert!(watch.bounded("waiting", || ring.waiting()) <= CAPACITY),
        7 => {
            let back = watch.bounded("recover", || ring.recover(|_| ()));
            assert!(back <= CAPACITY);
        }
        _ => {
            let keep = env.choose("keep", 9) as u32;
            watch.bounded("evict_over", || ring.evict_over(keep, |_| ()));
        }
    }
}

fn consume(env: &Env, ring: &mut Pops, watch: &Watch) {
    match env.choose("call", 7) {
        0 => drop(watch.bounded("pop", || ring.pop())),
        1 => drop(watch.bounded("take", || ring.take())),
        2 => watch.bounded("release", || ring.release()),
        3 => {
            let mut into = [[0; 2]; 11];
            let popped = watch.bounded("pop_batch", || ring.pop_batch(&mut into));
            assert!(popped <= CAPACITY as usize);
        }
        4 => drop(watch.bounded("peek", || ring.peek(env.choose("at", 9) as u32))),
        5 => assert!(watch.bounded("waiting", || ring.waiting()) <= CAPACITY),
        _ => drop((watch.bounded("is_closed", || ring.is_closed()), ring.check().is_ok())),
    }
}

/// The producer; whose peer it is needs no half to do harm, and must not close the ring by dropping one.
fn producing(producer: Pushes, consumer: Pops) -> Pushes {
    std::mem::forget(consumer);
    producer
}

fn consuming(producer: Pushes, consumer: Pops) -> Pops {
    std::mem::forget(producer);
    consumer
}

// SIM-SHM: the shipped ring never panics, never reads out of bounds and never loops for ever under a hostile peer
// (RL-18). An access outside of the arena would panic.
#[test]
fn the_shipped_ring_stands_a_hostile_peer_rl_18() {
    let mut strikes = 0;
    for seed in 0..SEEDS {
        for evicts in [false, true] {
            strikes += against(seed, evicts, producing, produce);
            strikes += against(seed, evicts, consuming, consume);
        }
    }
    assert!(strikes > SEEDS * 4 * 100, "only {strikes} strikes");
}

// SIM-SHM: what it stores comes from choices: near what stands there, copied from elsewhere, or anything.
#[test]
fn a_hostile_process_stores_values_near_and_far() {
    let (mut near, mut far, mut quiet) = (0, 0, 0);
    for seed in 0..40 {
        let mut sim: Sim = Sim::new(seed);
        let (host, words) = arena(&mut sim, 4, None);
        let (shared, kinds) = (words.clone(), Rc::new(RefCell::new((0, 0))));
        sim.spawn_async(host, "looks", move |env| {
            let memory = env.seams().map(&shared);
            async move {
                for at in 0..40 {
                    get(&memory, at % 4, Relaxed);
                    env.sleep(NS).await;
                }
            }
        });
        let idle = |_: Env, _: Desk<()>| async {};
        let (traitor, _, _) = resident(&mut sim, (host, &words), "hostile", idle);
        (0..4).for_each(|at| assert!(words.poke(at, 1000)));
        let into = Rc::clone(&kinds);
        words.watch(move |stored| {
            let (near, far) = &mut *into.borrow_mut();
            *(if stored.value.abs_diff(1000) <= 16 { near } else { far }) += 1;
        });
        sim.betray(traitor, &words, Hostile { rate: Rate::percent(10), words: 1..3, stores: 5 });
        sim.run().expect_ok();
        assert!(words.stores() <= 5, "no more than it may");
        assert_eq!([0, 3].map(|at| words.look(at)), [Some(1000); 2], "only words that it can reach");
        quiet += u32::from(words.stores() == 0);
        near += kinds.borrow().0;
        far += kinds.borrow().1;
    }
    assert!(near > 20 && far > 20 && quiet < 20, "{near} near, {far} far, {quiet} quiet");
}

// SIM-SHM: a dead or paused traitor stores nothing.
#[test]
fn a_traitor_that_is_dead_or_paused_stores_nothing() {
    for kill in [false, true] {
        let mut sim: Sim = Sim::new(1);
        let (host, words) = arena(&mut sim, 4, None);
        let shared = words.clone();
        sim.spawn_async(host, "looks", move |env| {
            let memory = env.seams().map(&shared);
            async move {
                for at in 0..40 {
                    get(&memory, at % 4, Relaxed);
                    env.sleep(NS).await;
                }
            }
        });
        let idle = |_: Env, _: Desk<()>| async {};
        let (traitor, _, _) = resident(&mut sim, (host, &words), "hostile", idle);
        sim.betray(traitor, &words, Hostile { rate: Rate::ALWAYS, words: 0..4, stores: 100 });
        sim.after(NS.saturating_mul(9), move |sim| if kill { sim.kill(traitor) } else { sim.pause(traitor) });
        sim.run().expect_ok();
        assert_eq!(words.stores(), 9, "one before each access up to its end");
    }
}
