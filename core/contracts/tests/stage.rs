//! The suite of the store of a stage passes what is right and rejects each broken twin by the law that it names.

use tidemill_contracts::broken::stage::{Fault, World};
use tidemill_contracts::{Effort, stage};

#[test]
fn a_stage_over_a_rough_world_keeps_its_laws() {
    let passed = stage(|| World::new(None), Effort::Quick).unwrap_or_else(|violation| panic!("{violation}"));
    println!("{passed:?}");
    assert!(passed.checks > 1_000, "a suite that compares nothing proves nothing: {passed:?}");
}

#[test]
fn every_broken_stage_is_rejected_by_its_law() {
    for fault in Fault::ALL {
        match stage(|| World::new(Some(*fault)), Effort::Quick) {
            Ok(passed) => panic!("{fault:?} passes: {passed:?}"),
            Err(violation) => {
                println!("{fault:?}: {violation}");
                assert_eq!(violation.law, fault.law(), "{fault:?} is caught by another law: {violation}");
            }
        }
    }
}
