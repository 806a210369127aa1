//! The shipped code under every schedule (loom) or many (shuttle).
#![cfg(any(feature = "loom", feature = "shuttle"))]

use loom_tests::histories::{self, Habit};
use loom_tests::{Flaw, check, check_all};

#[test]
fn entries_cross_whole_and_in_order_over_two_laps_e1_rl_1_rl_2() {
    check(|| histories::two_laps(0, Flaw::None, false));
}

#[test]
fn positions_wrap_without_a_trace_e19() {
    check(|| histories::two_laps(u32::MAX - 1, Flaw::None, false));
}

#[test]
fn no_slot_is_ever_touched_by_both_at_once_rl_2() {
    check(|| histories::two_laps(u32::MAX, Flaw::None, true));
}

#[test]
fn a_refused_offer_changes_nothing_e4() {
    check_all(|| histories::offers(Flaw::None, true));
}

#[test]
fn batches_and_lazy_releases_keep_order_e14_rl_1() {
    check(|| histories::batches(Flaw::None, true));
}

#[test]
fn evict_and_take_never_share_nor_lose_an_entry_e2_e8() {
    check(|| histories::evict_and_take(Flaw::None));
}

#[test]
fn a_peek_beside_eviction_is_whole_e13() {
    check_all(|| histories::peek_beside_eviction(Flaw::None));
}

#[test]
fn a_closed_ring_shows_its_last_entry_e20() {
    check_all(|| histories::close_after_push(Flaw::None));
}

#[test]
fn a_producer_recovers_what_a_closed_consumer_left_e20() {
    check_all(|| histories::recover_after_close(Flaw::None));
}

#[test]
fn no_bell_is_lost_e27() {
    check_all(|| histories::sleep_and_wake(Habit::Sound, Flaw::None));
}

#[test]
fn no_bell_of_two_is_lost_e27() {
    check(|| histories::two_wakers(Flaw::None));
}
