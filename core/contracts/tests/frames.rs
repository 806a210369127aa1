//! The suite of messages passes both of our forms and the model, and rejects each broken twin by its law.

use tidemill_contracts::broken::frames::{Fault, Twin};
use tidemill_contracts::frames::{
    Parts, PartsInPlace, PartsOfSeveral, Runs, RunsInPlace, RunsOfSeveral, parts_words, runs_words,
    several_parts_words, several_runs_words,
};
use tidemill_contracts::segment::Claims;
use tidemill_contracts::{Effort, Verdict, frames};
use tidemill_ring::Heap;

fn passes(verdict: Verdict) {
    match verdict {
        Ok(passed) => assert!(passed.checks > 50_000, "{passed:?}"),
        Err(violation) => panic!("{violation}"),
    }
}

// RING-LAWS: every twin is rejected by the law that it breaks.
#[test]
fn every_broken_ring_of_messages_is_rejected_by_its_law() {
    let judge = |fault| frames(|capacity| Twin::new(capacity, fault), Effort::Board);
    if let Err(violation) = judge(None) {
        panic!("the model itself breaks a law: {violation}");
    }
    for fault in Fault::ALL {
        match judge(Some(*fault)) {
            Ok(passed) => panic!("{fault:?} passes: {passed:?}"),
            Err(violation) => assert_eq!(violation.law, fault.law(), "{fault:?}: {violation}"),
        }
    }
    assert_eq!(Fault::ALL.len(), 16);
}

// RING-LAWS, RING-LAYERS: messages in parts keep every law of the suite.
#[test]
fn messages_in_parts_keep_every_law() {
    let claims = Claims::default();
    let make = |capacity| Parts::new(Heap::new(parts_words(capacity)), &claims, capacity);
    passes(frames(make, Effort::Quick));
}

// RING-LAWS, RING-LAYERS: messages in runs keep every law of the suite.
#[test]
fn messages_in_runs_keep_every_law() {
    let claims = Claims::default();
    let make = |capacity| Runs::new(Heap::new(runs_words(capacity)), &claims, capacity);
    passes(frames(make, Effort::Quick));
}

// RING-LAWS, RING-LOAN: messages in parts, written where they lie and seen there where they are one part, keep every law of
// the suite.
#[test]
fn messages_in_parts_seen_in_place_keep_every_law() {
    let claims = Claims::default();
    let make = |capacity| PartsInPlace::new(Heap::new(parts_words(capacity)), &claims, capacity);
    passes(frames(make, Effort::Quick));
}

// RING-LAWS, RING-LOAN: messages in runs, written and seen where they lie, keep every law of the suite.
#[test]
fn messages_in_runs_seen_in_place_keep_every_law() {
    let claims = Claims::default();
    let make = |capacity| RunsInPlace::new(Heap::new(runs_words(capacity)), &claims, capacity);
    passes(frames(make, Effort::Quick));
}

// RING-LAWS, RING-MPSC: messages in parts of one among several producers keep every law of the suite.
#[test]
fn messages_in_parts_of_several_keep_every_law() {
    let claims = Claims::default();
    let make = |capacity| PartsOfSeveral::new(Heap::new(several_parts_words(capacity)), &claims, capacity);
    passes(frames(make, Effort::Quick));
}

// RING-LAWS, RING-MPSC: messages in runs of one among several producers keep every law of the suite.
#[test]
fn messages_in_runs_of_several_keep_every_law() {
    let claims = Claims::default();
    let make = |capacity| RunsOfSeveral::new(Heap::new(several_runs_words(capacity)), &claims, capacity);
    passes(frames(make, Effort::Quick));
}
