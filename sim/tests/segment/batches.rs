//! What several producers publish together, with every party dead at every store.

use tidemill_sim::Sim;
use tidemill_sim::harness::{CrashPoints, Victim};

use super::many::{self, Crowd};
use super::one_of_several_at_every_store;
use super::world::{DOWN, TICK};

// RING-MPSC, RING-CRASH: each of two producers dies at every store of claiming a run, filling, showing, committing and aborting it:
// what was to be seen at once is seen at once or not at all.
#[test]
fn one_of_two_producers_dies_at_every_store_of_its_batches_rl_1_rl_11_rl_12() {
    for returns in [true, false] {
        for victim in many::PRODUCERS {
            one_of_several_at_every_store(victim, Crowd { returns, ..Crowd::BATCHES }).expect_ok();
        }
    }
}

// RING-MPSC, RING-CRASH: so do those who read batches.
#[test]
fn who_reads_batches_dies_at_every_store_rl_12_rl_17() {
    for victim in ["risk", "lossy"] {
        one_of_several_at_every_store(victim, Crowd::BATCHES).expect_ok();
    }
}

// RING-MPSC, RING-CRASH: a producer dies in its batch, and whoever heals that in the midst of it.
#[test]
fn whoever_voids_a_batch_dies_at_every_store_of_it_rl_12() {
    let victim = |name| Victim::new(name).restarting(DOWN);
    let (left, healer) = (victim("host/left"), victim("host/healer"));
    let points = CrashPoints::visit_pairs(1, &left, &healer, |sim: &mut Sim| {
        // Nobody else does the healer's work.
        let board = many::play(sim, Crowd { mends: false, ..Crowd::SMALL_BATCHES });
        board.judge();
        assert_eq!(board.finished(), 2, "who lives publishes all of its items");
    });
    println!("batches, {} and {}: {points}", left.process, healer.process);
    assert!(points.visited > 100, "{points}");
    points.expect_ok();
}

// RING-MPSC, RING-MEMORY: however late stores are seen and however often nothing can be proved, a batch is seen whole.
#[test]
fn late_stores_and_doubtful_proofs_cut_no_batch_rl_1_rl_11_rl_12() {
    let (mut gaps, mut given) = (0, 0);
    for seed in 0..60 {
        let mut sim = Sim::new(seed);
        sim.after(TICK.saturating_mul(5 + seed % 30), |sim| {
            let left =
                sim.processes().find(|process| sim.name(*process) == "host/left").expect("it is there");
            sim.kill(left);
            sim.after(DOWN.saturating_mul(2), move |sim| sim.restart(left));
        });
        let board = many::play(&mut sim, Crowd { items: 15, late: true, ..Crowd::BATCHES });
        board.judge();
        assert_eq!(board.finished(), 2, "seed {seed}");
        gaps += board.gaps.get();
        given += board.given();
    }
    println!("{given} items, {gaps} gaps");
    assert!(gaps > 200 && given >= 60 * 30, "{gaps} {given}");
}
