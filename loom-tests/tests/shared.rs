//! A segment of several producers under every schedule (loom) or many (shuttle), and twins that keep one promise less.
#![cfg(any(feature = "loom", feature = "shuttle"))]

use loom_tests::{Lapse, check, check_long, shared};

/// Stores of a publication: the note, the claim, the tail, two words of the item, the commit.
const STORES: u32 = 6;

// RING-MPSC, RING-LOOM: two producers claim, write and commit; a consumer reads.
#[test]
fn every_claim_is_one_producers_and_every_item_is_whole_rl_1_rl_11() {
    check(|| shared::two_claim_and_commit(Lapse::None));
}

// RING-MPSC, RING-LOOM: a producer claims the slot that a consumer still reads.
#[test]
fn nobody_claims_what_is_not_read_rl_2_rl_3() {
    check(|| shared::a_lap_beside_a_claim(Lapse::None));
}

// RING-MPSC, RING-LOOM: two heal what a producer left that died at each of its stores, beside one that lives.
#[test]
fn two_healers_of_any_death_void_what_is_dead_and_nothing_else_rl_12() {
    for stores in 0..=STORES {
        check_long(move || {
            let died = shared::two_heal_beside_a_producer(Lapse::None, stores, false, 1);
            assert_eq!(died, stores < STORES, "a publication has so many stores");
        });
    }
}

#[cfg(feature = "shuttle")]
// RING-MPSC: two producers, three who read under mixed policies and one who heals, under random schedules.
#[test]
fn a_crowd_loses_nothing_but_what_died_rl_1_rl_11_rl_12() {
    check(|| shared::a_crowd(6));
}

#[cfg(feature = "loom")]
mod litmus {
    use loom_tests::{Lapse, check, shared};

    #[test]
    #[should_panic(expected = "item of")]
    fn a_commit_that_releases_nothing_is_caught_rl_1() {
        check(|| shared::two_claim_and_commit(Lapse::StoreRelaxed(shared::first_commit())));
    }

    #[test]
    #[should_panic(expected = "item of")]
    fn a_commit_that_is_not_acquired_is_caught_rl_1() {
        check(|| shared::two_claim_and_commit(Lapse::LoadRelaxed(shared::first_commit())));
    }

    #[test]
    #[should_panic(expected = "an item that was published is lost")]
    fn a_claim_that_is_no_exchange_is_caught_rl_11() {
        check(|| shared::two_claim_and_commit(Lapse::PairExchange));
    }

    #[test]
    #[should_panic(expected = "the dead hold up the ring")]
    fn a_claim_that_is_not_written_down_is_caught_rl_11() {
        check(|| {
            shared::two_heal_beside_a_producer(Lapse::StoreLost(shared::first_note()), 2, false, 1);
        });
    }

    #[test]
    #[should_panic(expected = "is lost")]
    fn a_void_from_what_was_not_observed_is_caught_rl_12() {
        check(|| {
            shared::two_heal_beside_a_producer(Lapse::VoidExchange, 2, false, 2);
        });
    }

    #[test]
    #[should_panic(expected = "is lost")]
    fn a_healer_without_a_proof_is_caught_rl_8_rl_12() {
        check(|| {
            shared::two_heal_beside_a_producer(Lapse::None, super::STORES, true, 1);
        });
    }
}
