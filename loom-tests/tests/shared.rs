//! A segment of several producers under every schedule (loom) or many (shuttle), and twins that keep one promise less.
#![cfg(any(feature = "loom", feature = "shuttle"))]

use loom_tests::{Lapse, check, check_long, crowds, shared};

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

// RING-MPSC, RING-LOOM: one producer claims and shows two positions at once, another one claims, and a consumer reads.
#[test]
fn a_run_is_one_producers_and_is_seen_at_once_rl_1_rl_11() {
    check_long(|| shared::a_run_beside_a_claim(Lapse::None));
}

// RING-MPSC, RING-LOOM, RING-WAIT: a consumer's park beside a gap and an item of one of several producers.
#[test]
fn who_sleeps_is_woken_for_every_item_of_several_rl_16() {
    check(|| crowds::sleep_beside_a_settled_claim(Lapse::None));
}

// RING-MPSC, RING-LOOM, RING-WAIT: a producer's park beside who reads, and beside who passes a gap.
#[test]
fn who_sleeps_for_room_among_several_is_woken_for_it_rl_16() {
    for gap in [false, true] {
        check(move || crowds::sleep_for_room_among_several(Lapse::None, gap));
    }
}

// RING-MPSC, RING-LOOM, RING-WAIT: a producer's park beside the one whose claim everybody waits for, and that nobody reads.
#[test]
fn who_sleeps_for_the_claim_of_another_is_woken_rl_11_rl_16() {
    for gives_up in [false, true] {
        check(move || crowds::sleep_for_a_claim(Lapse::None, gives_up));
    }
}

// RING-MPSC, RING-COORDINATE, RING-LOOM: a producer that keeps what it publishes beside one that goes round the ring.
#[test]
fn what_one_of_several_keeps_is_not_overwritten_rl_3() {
    check(|| shared::keep_beside_a_lap(Lapse::None));
}

#[cfg(feature = "shuttle")]
// RING-MPSC: two producers, three who read under mixed policies and one who heals, under random schedules.
#[test]
fn a_crowd_loses_nothing_but_what_died_rl_1_rl_11_rl_12() {
    check(|| shared::a_crowd(6));
}

#[cfg(feature = "loom")]
mod litmus {
    use loom_tests::{Lapse, check, check_long, crowds, shared};
    use tidemill_ring::sync::Ordering;

    #[test]
    #[should_panic(expected = "what was kept is overwritten")]
    fn what_is_kept_without_a_word_is_caught_rl_3() {
        check(|| shared::keep_beside_a_lap(Lapse::StoreLost(shared::second_pin())));
    }

    #[test]
    #[should_panic(expected = "deadlock")]
    fn a_settled_claim_without_a_fence_is_slept_through_rl_16() {
        check(|| crowds::sleep_beside_a_settled_claim(Lapse::Fence(Ordering::SeqCst)));
    }

    #[test]
    #[should_panic(expected = "deadlock")]
    fn room_among_several_without_a_fence_is_slept_through_rl_16() {
        check(|| crowds::sleep_for_room_among_several(Lapse::Fence(Ordering::SeqCst), true));
    }

    #[test]
    #[should_panic(expected = "deadlock")]
    fn the_claim_of_another_without_a_fence_is_slept_through_rl_16() {
        check(|| crowds::sleep_for_a_claim(Lapse::Fence(Ordering::SeqCst), false));
    }

    #[test]
    #[should_panic(expected = "item of")]
    fn a_commit_that_releases_nothing_is_caught_rl_1() {
        check(|| shared::two_claim_and_commit(Lapse::StoreRelaxed(shared::first_commit())));
    }

    #[test]
    #[should_panic(expected = "item of")]
    fn a_commit_that_is_not_acquired_is_caught_rl_1() {
        check(|| shared::two_claim_and_commit(Lapse::ReaderRelaxed(shared::first_commit())));
    }

    #[test]
    #[should_panic(expected = "claims of two that overlap")]
    fn a_run_that_is_claimed_by_no_exchange_is_caught_rl_11() {
        check_long(|| shared::a_run_beside_a_claim(Lapse::PairExchange));
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
    #[should_panic(expected = "another item of 2 than its next")]
    fn a_healer_without_a_proof_is_caught_rl_8_rl_12() {
        check(|| {
            shared::two_heal_beside_a_producer(Lapse::None, super::STORES, true, 1);
        });
    }
}
