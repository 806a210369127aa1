//! The suite of shared rings passes our segment and the model, and rejects each broken twin by its law.

use tidemill_contracts::broken::segment::{Fault, Twin};
use tidemill_contracts::segment::{Claims, Ours, words};
use tidemill_contracts::{Effort, segment};
use tidemill_ring::Heap;

// RING-LAWS: every twin is rejected by the law that it breaks.
#[test]
fn every_broken_shared_ring_is_rejected_by_its_law() {
    let judge = |fault| segment(|capacity, history| Twin::new(capacity, history, fault), Effort::Board);
    if let Err(violation) = judge(None) {
        panic!("the model itself breaks a law: {violation}");
    }
    for fault in Fault::ALL {
        match judge(Some(*fault)) {
            Ok(passed) => panic!("{fault:?} passes: {passed:?}"),
            Err(violation) => assert_eq!(violation.law, fault.law(), "{fault:?}: {violation}"),
        }
    }
    assert_eq!(Fault::ALL.len(), 20);
}

// RING-LAWS: the shipped segment keeps every law of the suite.
#[test]
fn the_shipped_segment_keeps_every_law() {
    let claims = Claims::default();
    let make = |capacity, history| Ours::new(Heap::new(words(capacity, history)), &claims, capacity, history);
    match segment(make, Effort::Quick) {
        Ok(passed) => assert!(passed.checks > 50_000, "{passed:?}"),
        Err(violation) => panic!("{violation}"),
    }
}
