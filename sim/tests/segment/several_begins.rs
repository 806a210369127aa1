//! Producers among several that begin before anybody reads, with every party dead at every store.

use tidemill_sim::Sim;

use super::many::{self, Crowd};
use super::one_of_several_at_every_store;
use super::world::{DOWN, TICK};

const KEEPS: Crowd = Crowd { items: 3, capacity: 4, others: false, keeps: true, ..Crowd::ALL };

// RING-COORDINATE, RING-MPSC, RING-CRASH: each of two producers dies at every store of beginning and publishing while nobody reads yet:
// what either of them published is there for who comes, and the dead hold up nobody.
#[test]
fn what_several_keep_survives_a_death_at_every_store_rl_3_rl_8() {
    for returns in [true, false] {
        for victim in many::PRODUCERS {
            one_of_several_at_every_store(victim, Crowd { returns, ..KEEPS }).expect_ok();
        }
    }
    one_of_several_at_every_store("risk", KEEPS).expect_ok();
}

// RING-COORDINATE, RING-MEMORY: the same however late stores are seen and however often nothing can be proved.
#[test]
fn late_stores_and_doubtful_proofs_let_nothing_go_that_is_kept() {
    let mut given = 0;
    for seed in 0..30 {
        let mut sim = Sim::new(seed);
        sim.after(TICK.saturating_mul(3 + seed % 12), |sim| {
            let left = sim.processes().find(|process| sim.name(*process) == "host/left");
            let left = left.expect("it is there");
            sim.kill(left);
            sim.after(DOWN.saturating_mul(2), move |sim| sim.restart(left));
        });
        let board = many::play(&mut sim, Crowd { items: 6, late: true, ..KEEPS });
        board.judge();
        assert_eq!(board.finished(), 2, "seed {seed}");
        given += board.given();
    }
    assert!(given >= 30 * 12, "{given}");
}
