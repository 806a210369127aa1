//! The suite of the store of a stage passes what is right and rejects each broken twin by the law that it names.

use tidemill_contracts::broken::stage::{Fault, World};
use tidemill_contracts::{Effort, stage};

#[test]
fn a_stage_over_a_rough_world_keeps_its_laws() {
    let passed = stage(|| World::new(None), Effort::Quick).unwrap_or_else(|violation| panic!("{violation}"));
    println!("{passed:?}");
    assert!(passed.checks > 1_000, "a suite that compares nothing proves nothing: {passed:?}");
}

// S2, S3, S11
#[test]
fn every_safeguard_that_is_left_out_is_missed() {
    for fault in Fault::ALL {
        match stage(|| World::new(Some(*fault)), Effort::Quick) {
            Ok(passed) => panic!("{fault:?} passes: {passed:?}"),
            Err(violation) => {
                if let Some(name) = fault.safeguard() {
                    let when = format!("step {}", violation.step);
                    println!("mutant {name:<28} {when:>10}  {}: {}", violation.law, violation.what);
                }
                assert_eq!(violation.law, fault.law(), "{fault:?} is caught by another law: {violation}");
            }
        }
    }
}
