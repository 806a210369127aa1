//! The plain ring of several producers under every schedule (loom) or many (shuttle), and twins that keep one promise less.
#![cfg(any(feature = "loom", feature = "shuttle"))]

use loom_tests::histories::Habit;
use loom_tests::{Flaw, Lapse, check, check_long, queues};

// RING-MPSC, RING-LOOM: two producers push into one slot and into two, and a consumer pops.
#[test]
fn every_entry_of_several_is_popped_whole_and_in_order_e1_e2_rl_1() {
    for capacity in [1, 2] {
        check(move || queues::two_push_and_one_pops(Lapse::None, capacity));
    }
}

// RING-MPSC, RING-LOOM: two producers claim side by side, and nothing of either is lost.
#[test]
fn no_two_claims_of_several_are_one_e2_rl_1() {
    check(|| queues::two_push_and_then_one_pops(Lapse::None));
}

// RING-MPSC, RING-LOOM: the last of two producers to go closes the ring, behind every entry.
#[test]
fn whoever_hears_of_the_end_of_several_has_seen_every_entry_e20() {
    check(|| queues::two_push_and_go(Lapse::None));
}

// RING-MPSC, RING-LOOM, RING-WAIT: a consumer's park beside two producers that ring one bell.
#[test]
fn no_bell_of_several_is_lost_e27() {
    check_long(|| queues::two_push_and_one_sleeps(Habit::Sound, Flaw::None));
}

// RING-MPSC: twins whose claims, entries, slots or bells come in another order. Each has to fail.
#[test]
#[should_panic(expected = "an entry that was pushed is lost")]
fn a_claim_that_is_no_exchange_is_caught_e2() {
    check(|| queues::two_push_and_then_one_pops(Lapse::PairExchange));
}

#[test]
#[should_panic(expected = "entry of")]
fn a_stamp_before_its_entry_is_caught_rl_1() {
    let lapse = Lapse::StoreLate(queues::ENTRY, queues::STAMP);
    check(move || queues::two_push_and_one_pops(lapse, 2));
}

#[test]
#[should_panic(expected = "entry of")]
fn a_slot_that_is_given_back_before_it_is_read_is_caught_rl_2() {
    let lapse = Lapse::ReadLate(queues::ENTRY, queues::DONE);
    check(move || queues::two_push_and_one_pops(lapse, 1));
}

#[test]
#[should_panic(expected = "deadlock")]
fn a_bell_of_several_before_the_entry_is_caught_e27() {
    check(|| queues::two_push_and_one_sleeps(Habit::BellFirst, Flaw::None));
}

#[test]
#[should_panic(expected = "deadlock")]
fn an_epoch_of_several_after_the_last_look_is_caught_e27() {
    check(|| queues::two_push_and_one_sleeps(Habit::EpochLate, Flaw::None));
}

#[cfg(feature = "loom")]
mod litmus {
    use loom_tests::histories::Habit;
    use loom_tests::{Flaw, Lapse, check, queues};

    #[test]
    #[should_panic(expected = "closed before the last entry was seen")]
    fn an_end_of_several_that_is_not_acquired_is_caught_e20() {
        check(|| queues::two_push_and_go(Lapse::LoadRelaxed(queues::PRODUCERS)));
    }

    #[test]
    #[should_panic(expected = "deadlock")]
    fn a_bell_of_several_without_its_fences_is_caught_e27() {
        check(|| queues::two_push_and_one_sleeps(Habit::Sound, Flaw::NoFence));
    }

    #[test]
    #[should_panic(expected = "entry of")]
    fn a_stamp_that_releases_nothing_is_caught_rl_1() {
        check(|| queues::two_push_and_one_pops(Lapse::StoreRelaxed(queues::STAMP), 2));
    }

    #[test]
    #[should_panic(expected = "entry of")]
    fn a_stamp_that_is_not_acquired_is_caught_rl_1() {
        check(|| queues::two_push_and_one_pops(Lapse::LoadRelaxed(queues::STAMP), 2));
    }
}
