//! Twins that keep one promise less. Each must fail, or the model beside it proves nothing.
//!
//! Shuttle runs everything in one order that all threads agree on, so twins that weaken an ordering are loom's alone.
#![cfg(any(feature = "loom", feature = "shuttle"))]

use loom_tests::histories::{self, Habit};
#[cfg(feature = "loom")]
use loom_tests::{CONSUMER_STANDING, DONE, PRODUCER_STANDING, TAIL};
use loom_tests::{Flaw, check};

#[test]
#[cfg(feature = "loom")]
#[should_panic(expected = "what came out is not what went in")]
fn a_tail_published_relaxed_is_caught_rl_1() {
    check(|| histories::offers(Flaw::StoreRelaxed(TAIL), false));
}

#[test]
#[cfg(feature = "loom")]
#[should_panic(expected = "what came out is not what went in")]
fn a_tail_read_relaxed_is_caught_rl_1() {
    check(|| histories::offers(Flaw::LoadRelaxed(TAIL), false));
}

#[test]
#[should_panic(expected = "what came out is not what went in")]
fn done_published_before_the_read_is_caught_rl_2() {
    check(|| histories::offers(Flaw::DoneBeforeRead, false));
}

#[test]
#[cfg(feature = "loom")]
#[should_panic(expected = "Causality violation")]
fn done_published_relaxed_is_caught_rl_2() {
    check(|| histories::offers(Flaw::StoreRelaxed(DONE), true));
}

#[test]
#[cfg(feature = "loom")]
#[should_panic(expected = "Causality violation")]
fn done_read_relaxed_is_caught_rl_2() {
    check(|| histories::offers(Flaw::LoadRelaxed(DONE), true));
}

#[test]
#[should_panic(expected = "evict beside take")]
fn eviction_that_decides_on_one_cursor_and_exchanges_on_another_is_caught_e8() {
    check(|| histories::evict_and_take(Flaw::ExchangeRereads));
}

#[test]
#[cfg(feature = "loom")]
#[should_panic(expected = "half of two entries")]
fn eviction_without_its_fence_is_caught_e13() {
    check(|| histories::peek_beside_eviction(Flaw::NoFence));
}

#[test]
#[cfg(feature = "loom")]
#[should_panic(expected = "closed before the last entry was seen")]
fn a_close_published_relaxed_is_caught_e20() {
    check(|| histories::close_after_push(Flaw::StoreRelaxed(PRODUCER_STANDING)));
}

#[test]
#[cfg(feature = "loom")]
#[should_panic(expected = "an entry lost or doubled")]
fn a_consumer_close_published_relaxed_is_caught_e20() {
    check(|| histories::recover_after_close(Flaw::StoreRelaxed(CONSUMER_STANDING)));
}

#[test]
#[should_panic(expected = "deadlock")]
fn a_sleep_without_a_second_look_is_caught_e27() {
    check(|| histories::sleep_and_wake(Habit::Sound, Flaw::NoRecheck));
}

#[test]
#[cfg(feature = "loom")]
#[should_panic(expected = "deadlock")]
fn a_wake_without_its_fences_is_caught_e27() {
    check(|| histories::sleep_and_wake(Habit::Sound, Flaw::NoFence));
}

#[test]
#[should_panic(expected = "deadlock")]
fn a_bell_before_the_publication_is_caught_e27() {
    check(|| histories::sleep_and_wake(Habit::BellFirst, Flaw::None));
}

#[test]
#[should_panic(expected = "deadlock")]
fn an_epoch_taken_after_the_last_look_is_caught_e27() {
    check(|| histories::sleep_and_wake(Habit::EpochLate, Flaw::None));
}
