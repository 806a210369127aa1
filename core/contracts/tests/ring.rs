//! The ring suite passes our ring and the model, and rejects each broken twin by the law that its documentation names.

use tidemill_contracts::broken::crowd as broken;
use tidemill_contracts::broken::ring::{Fault, World, Wrong, evicting};
use tidemill_contracts::ring::InTurn;
use tidemill_contracts::{Effort, Verdict, ring_contract};
use tidemill_ring::{Heap, mpsc, spsc};

fn caught(law: &str, name: impl std::fmt::Debug, verdict: Verdict) {
    match verdict {
        Ok(passed) => panic!("{name:?} passes: {passed:?}"),
        Err(violation) => assert_eq!(violation.law, law, "{name:?} is caught by another law: {violation}"),
    }
}

fn judge(wrong: Wrong, effort: Effort) -> Verdict {
    let world = World::new(wrong);
    tidemill_contracts::ring(|capacity, start| world.ring(capacity, start), effort)?;
    tidemill_contracts::ring_evicting(|capacity, start| world.ring(capacity, start), effort)
}

#[test]
fn every_broken_ring_is_rejected_by_its_law() {
    if let Err(violation) = judge(Wrong::Nothing, Effort::Quick) {
        panic!("the model itself breaks a law: {violation}");
    }
    // A thousand steps are enough for each of them: boards run no more.
    for fault in Fault::ALL {
        caught(fault.law(), fault, judge(Wrong::Queue(*fault), Effort::Board));
    }
    for fault in evicting::Fault::ALL {
        caught(fault.law(), fault, judge(Wrong::Evicting(*fault), Effort::Board));
    }
}

type Halves<const W: usize> = (spsc::Producer<Heap, W>, spsc::Consumer<Heap, W>);

fn plain<const W: usize>(capacity: u32, start: u32) -> Option<Halves<W>> {
    let spec = spsc::Spec::new(capacity).starting_at(start);
    spsc::split(Heap::new(spec.words::<W>()), spec).ok()
}

fn evicts<const W: usize>(capacity: u32, start: u32) -> Option<Halves<W>> {
    let spec = spsc::Spec::new(capacity).starting_at(start);
    spsc::split_evicting(Heap::new(spec.words::<W>()), spec).ok()
}

type Crowd<const W: usize> = (mpsc::Producer<Heap, W>, mpsc::Consumer<Heap, W>);

fn crowd<const W: usize>(capacity: u32, start: u32) -> Option<Crowd<W>> {
    let spec = mpsc::Spec::new(capacity).starting_at(start.into());
    mpsc::split(Heap::new(spec.words::<W>()), spec).ok()
}

fn side_by_side<const W: usize>(
    capacity: u32,
    start: u32,
) -> Option<([mpsc::Producer<Heap, W>; 3], mpsc::Consumer<Heap, W>)> {
    let (one, consumer) = crowd(capacity, start)?;
    Some(([one.clone(), one.clone(), one], consumer))
}

// RING-MPSC: three threads push side by side: everything comes out once, whole, in its order, and batches in one piece
#[test]
fn three_threads_share_a_ring_and_the_last_one_closes_it_e14_e20_e25() {
    for verdict in [
        tidemill_contracts::ring_crowd(side_by_side::<2>, Effort::Quick),
        tidemill_contracts::ring_crowd(side_by_side::<3>, Effort::Quick),
    ] {
        if let Err(violation) = verdict {
            panic!("{violation}");
        }
    }
}

type Halves3 = ([broken::Producer<'static>; 3], broken::Consumer<'static>);

fn wrong(fault: Option<broken::Fault>) -> impl FnMut(u32, u32) -> Option<Halves3> {
    move |capacity, start| {
        broken::Ring::new(capacity, start, fault).map(|ring| Box::leak(Box::new(ring)).halves())
    }
}

fn judge_crowd(fault: Option<broken::Fault>, effort: Effort) -> Verdict {
    let mut make = wrong(fault);
    // Where somebody has to come in between, one after the other shows nothing.
    if fault.is_none_or(|fault| fault.law() != "E25") {
        let in_turn = |capacity, start| make(capacity, start).map(|(all, rx)| (InTurn::new(all), rx));
        tidemill_contracts::ring(in_turn, effort)?;
    }
    tidemill_contracts::ring_crowd(make, effort)
}

// RING-MPSC: every twin of several producers is rejected by its law, in turn or side by side
#[test]
fn every_broken_ring_of_a_crowd_is_rejected_by_its_law() {
    if let Err(violation) = judge_crowd(None, Effort::Board) {
        panic!("the model itself breaks a law: {violation}");
    }
    for fault in broken::Fault::ALL {
        caught(fault.law(), fault, judge_crowd(Some(*fault), Effort::Board));
    }
}

type Three<const W: usize> = (InTurn<mpsc::Producer<Heap, W>, 3>, mpsc::Consumer<Heap, W>);

fn in_turn<const W: usize>(capacity: u32, start: u32) -> Option<Three<W>> {
    let (one, consumer) = crowd(capacity, start)?;
    Some((InTurn::new([one.clone(), one.clone(), one]), consumer))
}

ring_contract!(two_words, plain::<2>, threads);
ring_contract!(four_words, plain::<4>, threads);
ring_contract!(evicting two_words_evicting, evicts::<2>, threads);
ring_contract!(evicting four_words_evicting, evicts::<4>, threads);
ring_contract!(one_of_several, crowd::<2>, threads);
ring_contract!(three_in_turn, in_turn::<4>, threads);
ring_contract!(three_in_turn_of_odd_words, in_turn::<3>);
