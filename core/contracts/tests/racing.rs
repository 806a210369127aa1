//! What is right on one thread and wrong on two is rejected by E25.

use tidemill_contracts::broken::racing::{Edge, Fault, Ring};
use tidemill_contracts::{Effort, Verdict};
use tidemill_flow::Caps;

type RingHalves = (
    tidemill_contracts::broken::racing::Producer<'static>,
    tidemill_contracts::broken::racing::Consumer<'static>,
);
type EdgeEnds =
    (tidemill_contracts::broken::racing::Tx<'static>, tidemill_contracts::broken::racing::Rx<'static>);

fn ring(fault: Option<Fault>) -> impl FnMut(u32, u32) -> Option<RingHalves> {
    move |capacity, start| Ring::new(capacity, start, fault).map(|ring| Box::leak(Box::new(ring)).halves())
}

fn edge(fault: Option<Fault>) -> impl FnMut(Caps, u32) -> Option<EdgeEnds> {
    move |caps, _| Some(Box::leak(Box::new(Edge::new(caps, fault))).ends())
}

fn two_threads(fault: Option<Fault>, effort: Effort) -> Verdict {
    tidemill_contracts::ring_threads(ring(fault), effort)?;
    tidemill_contracts::edge_threads(edge(fault), effort)
}

#[test]
fn every_broken_race_is_rejected() {
    if let Err(violation) = two_threads(None, Effort::Board) {
        panic!("the model itself breaks a law: {violation}");
    }
    for fault in Fault::ALL {
        match two_threads(Some(*fault), Effort::Quick) {
            Ok(passed) => panic!("{fault:?} passes: {passed:?}"),
            Err(violation) => assert_eq!(violation.law, fault.law(), "{fault:?}: {violation}"),
        }
    }
}
