//! The edge suite passes our edge and the model, and rejects each broken twin by the law that its documentation names.

use tidemill_contracts::broken::admission;
use tidemill_contracts::broken::edge::{Fault, World};
use tidemill_contracts::edge::{
    Parcel, PooledRx, PooledTx, SharedRx, SharedTx, pooled, shared, shared_words,
};
use tidemill_contracts::{Effort, Verdict, edge_contract};
use tidemill_flow::{Caps, Edge, StaticPool, admit};
use tidemill_ring::{Heap, Local};
use tidemill_seam::PoolId;

fn ours(caps: Caps, start: u32) -> Option<(PooledTx<'static>, PooledRx<'static>)> {
    fn build<const N: usize, const M: usize>(
        caps: Caps,
        start: u32,
    ) -> Option<(PooledTx<'static>, PooledRx<'static>)> {
        let edge = Box::leak(Box::new(Edge::<Parcel, N>::new(caps).starting_at(start)));
        pooled(edge, Box::leak(Box::new(StaticPool::<Parcel, M, 1>::new(PoolId(0))))).ok()
    }
    match caps.hard_items.next_power_of_two() {
        1 => build::<1, 3>(caps, start),
        2 => build::<2, 4>(caps, start),
        4 => build::<4, 6>(caps, start),
        8 => build::<8, 10>(caps, start),
        16 => build::<16, 18>(caps, start),
        64 => build::<64, 66>(caps, start),
        1_024 => build::<1_024, 1_026>(caps, start),
        _ => None,
    }
}

edge_contract!(our_edge, ours, threads);

type Claims = &'static Local;

fn in_a_segment(caps: Caps, start: u32) -> Option<(SharedTx<Heap, Claims>, SharedRx<Heap, Claims>)> {
    let (memory, live): (_, Claims) = (Heap::new(shared_words(&caps)), Box::leak(Box::default()));
    shared((memory.clone(), live), (memory, live), caps, start)
}

// RING-EDGE: the laws of an edge, between two handles of a segment on the heap, alone and with the ends on two threads.
edge_contract!(edge_in_a_segment, in_a_segment, threads);

#[test]
fn our_admission_is_the_table() {
    if let Err(violation) = tidemill_contracts::admission(admit, Effort::Quick) {
        panic!("{violation}");
    }
}

fn caught(law: &str, name: impl std::fmt::Debug, verdict: Verdict) {
    match verdict {
        Ok(passed) => panic!("{name:?} passes: {passed:?}"),
        Err(violation) => assert_eq!(violation.law, law, "{name:?} is caught by another law: {violation}"),
    }
}

fn judge(fault: Option<Fault>, effort: Effort) -> Verdict {
    let world = World::new(fault);
    tidemill_contracts::edge(|caps, start| world.edge(caps, start), effort)
}

// SIM-CONTRACTS: negative controls, each rejected by the law it breaks
#[test]
fn every_broken_edge_is_rejected_by_its_law() {
    if let Err(violation) = judge(None, Effort::Quick) {
        panic!("the model itself breaks a law: {violation}");
    }
    // A thousand steps, cut into histories, are enough for each of them: boards run no more.
    for fault in Fault::ALL {
        caught(fault.law(), fault, judge(Some(*fault), Effort::Board));
    }
}

#[test]
fn every_broken_admission_is_rejected_by_its_law() {
    for fault in admission::Fault::ALL {
        let judge =
            |caps: &_, waiting, item: &_, now| admission::judge(Some(*fault), caps, waiting, item, now);
        caught(fault.law(), fault, tidemill_contracts::admission(judge, Effort::Board));
    }
}
