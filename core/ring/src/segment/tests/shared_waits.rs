//! Waits over a segment of several producers: for room, for each other's claims, for consumers, and for what they publish.

extern crate std;
use super::party::Party;
use crate::follow::{End, Next};
use crate::join::Start;
use crate::layout::{Layout, Spec};
use crate::multi::MultiProducer;
use crate::producer::Why;
use crate::segment::Position;
use crate::table::Identity;
use crate::wait::{Cancel, Ended, PROBE_DEFAULT, Until, Wait};

type Many = MultiProducer<u64, Party, Party>;

const PARK: Wait = Wait::Park { spins: 2 };

fn ring(capacity: u32) -> Party {
    Party::new(&Spec::of::<u64>(capacity).line(1).page(1).participants(2).journal(0).producers(3))
}

fn joined(ring: &Party) -> Many {
    let joined = ring.segment().multi_producer(ring.clone(), Identity::default());
    let mut tx = joined.expect("a place is free");
    tx.wait_by(PARK).expect("this ring wakes who sleeps");
    tx
}

// RING-WAIT, RING-MPSC: a full ring is waited for asleep, and each of several is woken by who reads (RL-16).
#[test]
fn producers_among_several_wait_for_room_and_are_woken_rl_16() {
    let ring = ring(2);
    let (mut one, mut other) = (joined(&ring), joined(&ring));
    let mut rx = ring.consumer("risk", Start::Earliest);
    for number in 0..20 {
        let tx = if number % 2 == 0 { &mut one } else { &mut other };
        if number >= 2 {
            let at = rx.position();
            let mut reader = rx;
            let (give, take) = std::sync::mpsc::channel();
            ring.meanwhile(move || {
                assert!(matches!(reader.try_next(), Some(Next::Item(item)) if *item == at.0));
                give.send(reader).expect("it is waited for");
            });
            let (sleeps, wakes) = (ring.0.sleeps.get(), ring.0.wakes.get());
            assert!(tx.publish(|at| at.0, Until::forever()).is_ok());
            assert_eq!(ring.0.sleeps.get(), sleeps + 1, "it slept once");
            assert!(ring.0.wakes.get() > wakes, "nobody woke it");
            rx = take.try_recv().expect("it has read");
        } else {
            assert!(tx.publish(|at| at.0, Until::forever()).is_ok());
        }
    }
}

// RING-WAIT, RING-MPSC: a wait ends by its deadline with what stood in the way, by a cancel, and claims nothing then.
#[test]
fn a_wait_for_a_claim_ends_and_leaves_nothing_rl_16() {
    let ring = ring(2);
    let (mut one, mut other) = (joined(&ring), joined(&ring));
    let rx = ring.consumer("risk", Start::Earliest);
    for _ in 0..2 {
        one.try_push(7).expect("there is room");
    }
    let refused = other.publish(|_| 9, ring.at(50)).expect_err("it is full");
    assert_eq!(refused.why, Why::Full { by: rx.slot(), missing: 1 });
    let cancel = Cancel::new();
    cancel.cancel();
    let refused = other.claim_until(Until::forever().or(&cancel)).expect_err("it was cancelled");
    assert_eq!(refused.why, Why::Cancelled);
    assert_eq!((one.published(), other.drained(ring.at(20))), (Position(2), Err(Ended::Deadline)));
    drop(rx);
    assert_eq!(other.drained(ring.at(20)), Ok(()));
    assert_eq!(other.publish(|at| at.0, ring.at(20)).ok(), Some(Position(2)), "no gap before it");
}

// RING-WAIT, RING-MPSC, RING-DEATH: who waits for the claim of a producer that died voids it itself, by proof (RL-8, RL-12).
#[test]
fn who_waits_for_a_dead_producers_claim_voids_it_rl_8_rl_12() {
    let ring = ring(2);
    let (mut dead, mut tx) = (joined(&ring), joined(&ring));
    let slot = dead.slot();
    core::mem::forget(dead.claim().expect("there is room"));
    core::mem::forget(dead);
    tx.try_push(1).expect("there is room");
    let refused = tx.publish(|_| 2, ring.at(100)).expect_err("nobody reads behind that claim");
    assert_eq!(refused.why, Why::Full { by: slot, missing: 1 });
    ring.kill(slot);
    assert_eq!(tx.publish(|at| at.0, Until::forever()).ok(), Some(Position(2)));
    assert!(ring.0.now.get() <= 100_000_000 + 2 * PROBE_DEFAULT.as_nanos(), "it asked in its first probe");
}

// RING-WAIT, RING-MPSC: a consumer of several is woken for each item, for a gap with what stands behind it, and for the end.
#[test]
fn a_consumer_of_several_is_woken_rl_16() {
    let ring = ring(4);
    let mut rx = ring.consumer("risk", Start::Earliest);
    rx.wait_by(Wait::Park { spins: 0 }).expect("this ring wakes who sleeps");
    let (mut one, mut other) = (joined(&ring), joined(&ring));
    let (give, take) = std::sync::mpsc::channel();
    ring.meanwhile(move || {
        drop(one.claim().expect("there is room"));
        give.send(one).expect("it is waited for");
    });
    ring.meanwhile(move || {
        other.try_push(5).expect("there is room");
    });
    let heard = rx.next(Until::forever()).expect("an item comes").item::<()>();
    assert_eq!(heard.map(|item| (item.position(), *item)).expect("an item"), (Position(1), 5));
    let slept = ring.0.sleeps.get();
    assert_eq!(slept, 2, "it slept through neither");
    let one = take.try_recv().expect("it has given up a claim");
    ring.meanwhile(move || one.close());
    assert!(matches!(rx.next(Until::forever()), Ok(Next::Closed(End::Finished))));
    assert_eq!(ring.0.sleeps.get(), slept + 1);
}

// RING-WAIT, RING-MPSC: what lands between the look and the sleep is seen by who lies down, and nothing is slept through.
#[test]
fn who_lies_down_looks_at_the_claims_of_several_rl_16() {
    let ring = ring(4);
    let (rx, mut tx) = (ring.consumer("risk", Start::Earliest), joined(&ring));
    assert!(rx.lie_down(), "nothing is there");
    drop(tx.claim().expect("there is room"));
    assert!(rx.lie_down(), "a gap is nothing");
    tx.try_push(1).expect("there is room");
    assert!(!rx.lie_down(), "an item is there");
    assert!(!tx.lie_down(1), "there is room");
    for _ in 0..2 {
        tx.try_push(1).expect("there is room");
    }
    assert!(tx.lie_down(1) && tx.held().is_none(), "there is none, and none was claimed");
}

// RING-COORDINATE, RING-MPSC: producers among several begin with their consumers by name.
#[test]
fn producers_among_several_wait_for_their_consumers() {
    let ring = ring(4);
    let mut tx = joined(&ring);
    let missing = tx.wait_for(&["risk"], ring.at(30)).unwrap_err();
    assert_eq!((missing.have, missing.want, missing.missing.iter().next()), (0, 1, Some(0)));
    let stage = ring.clone();
    ring.meanwhile(move || {
        let rx = stage.consumer("risk", Start::Earliest);
        rx.ready();
        core::mem::forget(rx);
    });
    assert_eq!(tx.wait_for(&["risk"], Until::forever()), Ok(()));
    assert!(tx.slot() >= Layout::POSTS);
}
