//! The plain ring of several producers under every schedule (loom) or many (shuttle), and twins that keep one promise less.
#![cfg(any(feature = "loom", feature = "shuttle"))]

use loom_tests::{Lapse, check, queues};

// RING-MPSC, RING-LOOM: two producers push into one slot and into two, and a consumer pops.
#[test]
fn every_entry_of_several_is_popped_whole_and_in_order_e1_e2_rl_1() {
    for capacity in [1, 2] {
        check(move || queues::two_push_and_one_pops(Lapse::None, capacity));
    }
}

#[cfg(feature = "loom")]
mod litmus {
    use loom_tests::{Lapse, check, queues};

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
