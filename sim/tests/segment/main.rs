//! The segment form of the ring in shared memory: every party dead at every store, with and without a next life.

mod asleep;
mod batches;
mod crowded;
mod frames;
mod held;
mod many;
mod many_tasks;
mod required;
mod several_begins;
mod several_frames;
mod tasks;
mod watch;
mod world;
mod written;

use std::cell::RefCell;
use std::rc::Rc;

use many::Crowd;
use tidemill_contracts::Effort;
use tidemill_seam::{Claimed, Life, Liveness};
use tidemill_sim::harness::{CrashPoints, Victim};
use tidemill_sim::{Mapping, ProcessId, Sim};
use world::{DOWN, Plan, TICK, play};

/// The story with `victim` dead at every store: what has to be true in the end besides.
fn at_every_store(victim: &str, plan: Plan) -> CrashPoints {
    let name = format!("host/{victim}");
    let who = Victim::new(&name);
    let who = if plan.returns { who.restarting(DOWN) } else { who };
    let points = CrashPoints::visit(1, &who, |sim: &mut Sim| {
        let desk = play(sim, plan);
        let died = sim.stats().store_deaths > 0;
        let stopped = died && !plan.returns;
        if !(stopped && (victim == "producer" || victim == "risk")) {
            assert_eq!(desk.taken.get(), plan.items, "everything that is published arrives");
        }
        if stopped && victim == "producer" {
            assert!(desk.taken.get() <= plan.items);
        }
    });
    println!("{victim}, {}: {points}", if plan.returns { "back again" } else { "gone for good" });
    points
}

// RING-CRASH, RING-RESTART: the producer dies at every store of making, opening, publishing, tending and closing.
#[test]
fn the_producer_dies_at_every_store_rl_2_rl_7_rl_10_rl_17() {
    for returns in [true, false] {
        at_every_store("producer", Plan { returns, ..Plan::ALL }).expect_ok();
    }
}

// RING-CRASH, RING-JOIN: a consumer whose place is kept dies at every store of joining, reading and leaving; back again, it
// sees everything.
#[test]
fn a_consumer_dies_at_every_store_rl_2_rl_7_rl_8() {
    for returns in [true, false] {
        at_every_store("risk", Plan { returns, ..Plan::ALL }).expect_ok();
        at_every_store("second", Plan { returns, ..Plan::ALL }).expect_ok();
    }
}

// RING-CRASH, RING-POLICY: a lossy reader dies at every store, and what it was told of stays true to the item.
#[test]
fn a_lossy_reader_dies_at_every_store_rl_17() {
    for returns in [true, false] {
        at_every_store("lossy", Plan { returns, ..Plan::ALL }).expect_ok();
    }
}

// RING-CRASH, RING-POLICY: a reader that is evicted again and again dies at every store.
#[test]
fn an_evicted_reader_dies_at_every_store_rl_9() {
    for returns in [true, false] {
        at_every_store("slow", Plan { returns, ..Plan::ALL }).expect_ok();
    }
}

// RING-CRASH: who goes on after a death dies too, at every store: the producer that heals, and the one it healed.
#[test]
fn two_die_at_every_pair_of_stores() {
    let (producer, risk) =
        (Victim::new("host/producer").restarting(DOWN), Victim::new("host/risk").restarting(DOWN));
    for (first, second) in [(&risk, &producer), (&producer, &producer)] {
        let points = CrashPoints::visit_pairs(1, first, second, |sim: &mut Sim| {
            let desk = play(sim, Plan::SMALL);
            assert_eq!(desk.taken.get(), Plan::SMALL.items, "everything that is published arrives");
        });
        println!("{} and {}: {points}", first.process, second.process);
        points.expect_ok();
    }
}

// RING-CRASH, RING-MEMORY: the same however late stores are seen and however often nothing can be proved.
#[test]
fn late_stores_and_doubtful_proofs_change_nothing_rl_3_rl_4_rl_8() {
    let (mut evicted, mut lagged, mut restarted, mut crashed) = (0, 0, 0, 0);
    for seed in 0..60 {
        let mut sim = Sim::new(seed);
        let desk = play(&mut sim, Plan { items: 40, late: true, ..Plan::ALL });
        assert_eq!(desk.taken.get(), 40, "seed {seed}");
        evicted += desk.evicted.get();
        lagged += desk.lagged.get();
    }
    for seed in 0..60 {
        let mut sim = Sim::new(seed);
        let plan = Plan { items: 40, late: true, ..Plan::ALL };
        sim.after(TICK.saturating_mul(10 + seed % 30), |sim| {
            let producer = sim.processes().find(|process| sim.name(*process) == "host/producer");
            let producer = producer.expect("it is there");
            sim.kill(producer);
            sim.after(DOWN, move |sim| sim.restart(producer));
        });
        let desk = play(&mut sim, plan);
        assert_eq!(desk.taken.get(), 40, "seed {seed}");
        restarted += desk.restarted.get();
        crashed += u64::from(desk.crashed.get());
    }
    assert!(
        evicted > 20 && lagged > 20 && restarted > 20 && crashed > 5,
        "{evicted} {lagged} {restarted} {crashed}"
    );
}

/// The story of several producers with `victim` dead at every store.
pub(crate) fn one_of_several_at_every_store(victim: &str, crowd: Crowd) -> CrashPoints {
    let name = format!("host/{victim}");
    let who = Victim::new(&name);
    let who = if crowd.returns { who.restarting(DOWN) } else { who };
    let points = CrashPoints::visit(1, &who, |sim: &mut Sim| {
        let board = many::play(sim, crowd);
        let gone = sim.stats().store_deaths > 0 && !crowd.returns;
        if !(gone && victim == "risk") {
            board.judge();
        }
        let producers = if gone && many::PRODUCERS.contains(&victim) { 1 } else { 2 };
        assert!(board.finished() >= producers, "who lives publishes all of its items");
    });
    println!("{victim} of several, {}: {points}", if crowd.returns { "back again" } else { "gone for good" });
    points
}

// RING-MPSC, RING-CRASH: each of two producers dies at every store of opening, claiming, writing, committing, aborting, tending
// and leaving.
#[test]
fn one_of_two_producers_dies_at_every_store_rl_11_rl_12() {
    for returns in [true, false] {
        for victim in many::PRODUCERS {
            one_of_several_at_every_store(victim, Crowd { returns, ..Crowd::ALL }).expect_ok();
        }
    }
}

// RING-MPSC, RING-CRASH: so does each of those who read beside two producers.
#[test]
fn who_reads_beside_two_producers_dies_at_every_store_rl_17() {
    for returns in [true, false] {
        for victim in ["risk", "lossy", "slow"] {
            one_of_several_at_every_store(victim, Crowd { returns, ..Crowd::ALL }).expect_ok();
        }
    }
}

// RING-MPSC, RING-CRASH: both producers die, at every pair of stores; and a producer and whoever heals it.
#[test]
fn two_of_several_die_at_every_pair_of_stores_rl_12() {
    let victim = |name| Victim::new(name).restarting(DOWN);
    let (left, right) = (victim("host/left"), victim("host/right"));
    let healer = victim("host/healer");
    for (first, second) in [(&left, &right), (&left, &left), (&left, &healer)] {
        // Where the healer is to die, nobody else does its work.
        let mends = second.process != healer.process;
        let points = CrashPoints::visit_pairs(1, first, second, |sim: &mut Sim| {
            let board = many::play(sim, Crowd { mends, ..Crowd::SMALL });
            board.judge();
            assert_eq!(board.finished(), 2, "who lives publishes all of its items");
        });
        println!("{} and {}: {points}", first.process, second.process);
        if let Some((store, failure)) = points.broken.first() {
            panic!("{points}; at store {store}: {failure}");
        }
        // Whose neighbour is dead may have less to do, and not come so far as its own last stores.
        assert!(points.visited * 100 >= points.stores * 95 && points.visited > 100, "{points}");
    }
}

// RING-MPSC, RING-MEMORY: the same however late stores are seen, however often nothing can be proved, and whoever sleeps in
// between.
#[test]
fn late_stores_and_doubtful_proofs_change_nothing_for_several_rl_3_rl_11_rl_12() {
    let (mut lagged, mut evicted, mut gaps, mut given) = (0, 0, 0, 0);
    for seed in 0..60 {
        let mut sim = Sim::new(seed);
        let named = |sim: &Sim, name: &str| {
            sim.processes().find(|process| sim.name(*process) == name).expect("it is there")
        };
        sim.after(TICK.saturating_mul(5 + seed % 30), move |sim| {
            let (left, right) = (named(sim, "host/left"), named(sim, "host/right"));
            sim.kill(left);
            sim.pause(right);
            sim.after(DOWN, move |sim| sim.resume(right));
            sim.after(DOWN.saturating_mul(2), move |sim| sim.restart(left));
        });
        let board = many::play(&mut sim, Crowd { items: 15, late: true, ..Crowd::ALL });
        board.judge();
        assert_eq!(board.finished(), 2, "seed {seed}");
        lagged += board.lagged.get();
        evicted += board.evicted.get();
        gaps += board.gaps.get();
        given += board.given();
    }
    println!("{given} items, {gaps} gaps, {lagged} missed, {evicted} evictions");
    assert!(
        lagged > 20 && evicted > 20 && gaps > 200 && given >= 60 * 30,
        "{lagged} {evicted} {gaps} {given}"
    );
}

// RING-DEATH: claims on an arena keep the laws of Liveness (P1, P4, P5, P7).
#[test]
fn claims_on_an_arena_keep_their_laws() {
    let mut sim: Sim = Sim::new(1);
    let (one, other, _) = two(&mut sim);
    let make = || (one.liveness(), other.liveness());
    if let Err(violation) = tidemill_contracts::liveness(make, || (), Effort::Quick) {
        panic!("{violation}");
    }
}

// RING-DEATH: a claim outlives a pause, ends with its process, and is seen by then to have stored what it stored (P2, P3).
#[test]
fn a_claim_ends_with_its_process_and_with_nothing_less_p2_p3() {
    let mut sim: Sim = Sim::new(1);
    let (one, other, process) = two(&mut sim);
    let probe = || other.liveness().probe(3, 7);
    assert_eq!(probe(), Life::Dead, "nobody ever made it");
    assert_eq!(one.liveness().claim(3, 7), Ok(()));
    assert_eq!((probe(), other.liveness().claim(3, 7)), (Life::Alive, Err(Claimed)));
    sim.pause(process);
    assert_eq!(probe(), Life::Alive);
    sim.resume(process);
    other.liveness().release(3, 7);
    assert_eq!((probe(), one.arena().claims()), (Life::Alive, 1), "nobody gives back what is not his");
    sim.kill(process);
    assert_eq!((probe(), one.arena().claims()), (Life::Dead, 0));
    assert_eq!(one.liveness().claim(3, 7), Err(Claimed), "the dead claim nothing");
    assert_eq!(other.liveness().claim(3, 7), Ok(()));
}

/// Two processes that map one arena, and the first of them.
fn two(sim: &mut Sim) -> (Mapping, Mapping, ProcessId) {
    let host = sim.machine("host");
    let arena = sim.arena(host, "claims", 1);
    let born = ["one", "other"].map(|name| {
        let (arena, shown) = (arena.clone(), Rc::new(RefCell::new(None)));
        let shows = Rc::clone(&shown);
        let process = sim.spawn_async(host, name, move |env| {
            *shows.borrow_mut() = Some(env.seams().map(&arena));
            async {}
        });
        (shown.take().expect("it was born"), process)
    });
    let [(one, process), (other, _)] = born;
    (one, other, process)
}
