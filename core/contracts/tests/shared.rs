//! The suite of rings of several producers passes our segment and the model, and rejects each broken twin by its law.

use tidemill_contracts::broken::shared::{Fault, Twin};
use tidemill_contracts::segment::Claims;
use tidemill_contracts::shared::{Ours, words};
use tidemill_contracts::{Effort, shared};
use tidemill_ring::Heap;

// RING-MPSC, RING-LAWS: every twin is rejected by the law that it breaks.
#[test]
fn every_broken_ring_of_several_producers_is_rejected_by_its_law() {
    let judge = |fault| shared(|capacity| Twin::new(capacity, fault), Effort::Board);
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

// RING-MPSC, RING-LAWS: the shipped segment of several producers keeps every law of the suite.
#[test]
fn the_shipped_segment_of_several_producers_keeps_every_law() {
    let claims = Claims::default();
    match shared(|capacity| Ours::new(Heap::new(words(capacity)), &claims, capacity), Effort::Quick) {
        Ok(passed) => assert!(passed.checks > 50_000, "{passed:?}"),
        Err(violation) => panic!("{violation}"),
    }
}
