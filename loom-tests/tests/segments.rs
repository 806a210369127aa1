//! The segment form of the ring under every schedule (loom) or many (shuttle), and twins that keep one promise less.
#![cfg(any(feature = "loom", feature = "shuttle"))]

use loom_tests::segments;
use loom_tests::{Lapse, check};

// RING-LOOM: publication and consumption over two laps.
#[test]
fn items_cross_whole_and_in_order_over_two_laps_rl_1_rl_2() {
    check(|| segments::two_laps(Lapse::None));
}

// RING-LOOM: a join beside a rescan of the table.
#[test]
fn who_joins_reads_nothing_overwritten_rl_3_rl_4() {
    check(|| segments::join_beside_a_rescan(Lapse::None));
}

// RING-LOOM: a copy beside an overwrite.
#[test]
fn who_is_overtaken_is_given_no_item_of_another_lap_rl_5() {
    check(|| segments::read_beside_an_overwrite(Lapse::None));
}

// RING-LOOM: a leave beside a rescan.
#[test]
fn who_leaves_is_waited_for_no_longer_rl_2_rl_7() {
    check(|| segments::leave_beside_a_rescan(Lapse::None));
}

// RING-LOOM, RING-WAIT: a park beside a publication.
#[test]
fn who_sleeps_is_woken_for_every_item_rl_16() {
    check(|| segments::sleep_beside_a_publication(Lapse::None));
}

// RING-LOOM, RING-WAIT: a park beside a close.
#[test]
fn who_sleeps_is_woken_for_the_end_rl_16() {
    check(|| segments::sleep_beside_a_close(Lapse::None));
}

// RING-LOOM, RING-WAIT: a producer's park beside acknowledgements.
#[test]
fn who_sleeps_for_room_is_woken_for_it_rl_16() {
    check(|| segments::sleep_for_room(Lapse::None));
}

// RING-LOOM, RING-WAIT, RING-POLICY: a producer's park beside a reader that is waited for.
#[test]
fn who_sleeps_for_room_behind_a_reader_is_woken_for_it_rl_16() {
    check(|| segments::sleep_for_room_behind_a_reader(Lapse::None));
}

#[cfg(feature = "loom")]
mod litmus {
    use loom_tests::{Lapse, check, segments};
    use tidemill_ring::sync::Ordering;

    #[test]
    #[should_panic(expected = "another item stands in the slot")]
    fn a_publication_that_releases_nothing_is_caught_rl_1() {
        check(|| segments::two_laps(Lapse::StoreRelaxed(segments::PUBLISHED)));
    }

    #[test]
    #[should_panic(expected = "another item stands in the slot")]
    fn a_publication_that_is_not_acquired_is_caught_rl_1() {
        check(|| segments::two_laps(Lapse::LoadRelaxed(segments::PUBLISHED)));
    }

    #[test]
    #[should_panic(expected = "another item stands in the slot")]
    fn a_join_without_fences_is_caught_rl_3_rl_4() {
        check(|| segments::join_beside_a_rescan(Lapse::Fence(Ordering::SeqCst)));
    }

    #[test]
    #[should_panic(expected = "an item of another lap")]
    fn a_copy_without_its_fence_is_caught_rl_5() {
        check(|| segments::read_beside_an_overwrite(Lapse::Fence(Ordering::Acquire)));
    }

    #[test]
    #[should_panic(expected = "deadlock")]
    fn a_publication_without_a_fence_is_slept_through_rl_16() {
        check(|| segments::sleep_beside_a_publication(Lapse::Fence(Ordering::SeqCst)));
    }

    #[test]
    #[should_panic(expected = "deadlock")]
    fn a_close_without_a_fence_is_slept_through_rl_16() {
        check(|| segments::sleep_beside_a_close(Lapse::Fence(Ordering::SeqCst)));
    }

    #[test]
    #[should_panic(expected = "deadlock")]
    fn an_acknowledgement_without_a_fence_is_slept_through_rl_16() {
        check(|| segments::sleep_for_room(Lapse::Fence(Ordering::SeqCst)));
    }

    #[test]
    #[should_panic(expected = "deadlock")]
    fn what_a_reader_reads_without_a_fence_is_slept_through_rl_16() {
        check(|| segments::sleep_for_room_behind_a_reader(Lapse::Fence(Ordering::SeqCst)));
    }
}
