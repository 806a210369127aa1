//! How a producer begins with its consumers, in a world where others act only while somebody rests.

extern crate std;
use super::party::{MS, ring};
use crate::coordinate::{Coordinate, Held};
use crate::follow::Next;
use crate::join::Start;
use crate::layout::Layout;
use crate::producer::{Refused, Why};
use crate::required::Presence;
use crate::segment::Position;
use crate::wait::Until;
use core::cell::RefCell;
use std::rc::Rc;
use tidemill_seam::Clock;

// RING-COORDINATE: nothing is published before those are there with whom it begins, and never to fewer.
#[test]
fn a_producer_begins_with_its_consumers_or_not_at_all() {
    let party = ring(4);
    let how = Coordinate::WaitFor { n: 2, by: MS.saturating_mul(100) };
    let mut tx = party.producer().coordinate(how, party.now());
    let one = party.consumer("one", Start::Earliest);
    let awaiting = |have| Why::Held(Held::Awaiting { have, want: 2 });
    assert_eq!(tx.try_push(0).unwrap_err().why, awaiting(0), "it has not said that it is ready");
    one.ready();
    assert_eq!(tx.try_push(0).unwrap_err().why, awaiting(1));
    let other = party.clone();
    let second = Rc::new(RefCell::new(None));
    let joins = Rc::clone(&second);
    party.meanwhile(move || {
        let two = other.consumer("two", Start::Earliest);
        two.ready();
        *joins.borrow_mut() = Some(two);
    });
    assert_eq!(tx.publish(|at| at.0, Until::forever()).unwrap(), Position(0));
    assert_eq!(party.0.wakes.get(), 1, "whoever is ready wakes the producer");
    drop((one, second.take()));
    assert_eq!(tx.try_push(1), Ok(Position(1)), "who leaves later is a matter of other rules");
    drop(tx);
    let mut tx = party.producer().coordinate(how, party.now());
    let late = Why::Held(Held::Startup { have: 0, want: 2 });
    assert_eq!(tx.publish(|at| at.0, Until::forever()).unwrap_err().why, late);
    let _all = ["one", "two"].map(|name| {
        let rx = party.consumer(name, Start::Earliest);
        rx.ready();
        rx
    });
    assert_eq!(tx.try_push(2).unwrap_err().why, late, "the same answer for ever");
}

// RING-COORDINATE: the first items are kept for all of those with whom it begins, whoever reads them before, and over
// the death of their producer.
#[test]
fn the_first_items_are_there_for_everybody_who_was_waited_for_rl_3() {
    let party = ring(4);
    let how = Coordinate::BufferUntil { n: 2, max: 3 };
    let mut tx = party.producer().coordinate(how, party.now());
    let mut one = party.consumer("one", Start::Earliest);
    one.ready();
    for at in 0..2 {
        assert_eq!(tx.try_push(at), Ok(Position(at)));
        assert!(matches!(one.try_next(), Some(Next::Item(item)) if *item == at));
    }
    core::mem::forget(tx);
    party.kill(Layout::PRODUCER);
    let mut tx = party.producer().coordinate(how, party.now());
    assert_eq!(tx.try_push(2), Ok(Position(2)));
    let awaiting = Why::Held(Held::Awaiting { have: 1, want: 2 });
    assert_eq!(tx.publish(|at| at.0, party.at(50)).unwrap_err().why, awaiting);
    assert!(matches!(one.try_next(), Some(Next::Restarted { .. })));
    assert_eq!((tx.gate(), one.poll(9, |_, _, _| ()).0), (Position(0), 1));
    let mut two = party.consumer("two", Start::Earliest);
    assert_eq!(two.position(), Position(0));
    two.ready();
    assert_eq!(tx.publish(|at| at.0, Until::now()).unwrap(), Position(3));
    for at in 0..4 {
        assert!(matches!(two.try_next(), Some(Next::Item(item)) if *item == at));
    }
    (4..40).for_each(|at| {
        assert_eq!(tx.try_push(at), Ok(Position(at)));
        assert_eq!(
            (one.poll(9, |_, _, _| ()).0, two.poll(9, |_, _, _| ()).0),
            (if at == 4 { 2 } else { 1 }, 1)
        );
    });
}

// RING-COORDINATE: a successor that begins at once keeps nothing for those who did not come.
#[test]
fn what_was_kept_is_let_go_by_who_begins_at_once() {
    let party = ring(4);
    let mut tx = party.producer().coordinate(Coordinate::BufferUntil { n: 2, max: 4 }, party.now());
    (0..4).for_each(|at| assert_eq!(tx.try_push(at), Ok(Position(at))));
    let held = Held::Awaiting { have: 0, want: 2 };
    assert_eq!(tx.try_push(4).unwrap_err().why, Why::Held(held), "no more than the ring can keep");
    drop(tx);
    let mut tx = party.producer();
    (4..20).for_each(|at| assert_eq!(tx.try_push(at), Ok(Position(at))));
}

// RING-COORDINATE: who is there is found by name and by prefix, and waited for by name.
#[test]
fn participants_are_found_and_waited_for_by_name() {
    let party = ring(4);
    let mut tx = party.producer();
    let segment = party.segment();
    let (a, b) = (party.consumer("risk-a", Start::Earliest), party.consumer("risk-b", Start::Earliest));
    let found = segment.find("risk-b").map(|one| (one.slot, one.ready));
    assert_eq!(found, Some((b.slot(), false)));
    assert!(segment.find("risk").is_none());
    assert_eq!(segment.find_prefix("risk").count(), 2);
    a.ready();
    let missing = tx.wait_for(&["risk-a", "risk-b", "audit"], party.at(20)).unwrap_err();
    assert_eq!((missing.have, missing.want), (1, 3));
    assert!(missing.missing.iter().eq([1, 2]));
    party.meanwhile(move || {
        b.ready();
        core::mem::forget(b);
    });
    assert_eq!(tx.wait_for(&["risk-a", "risk-b"], Until::forever()), Ok(()));
    assert_eq!((tx.presence("risk-a"), tx.presence("audit")), (Presence::Ready, Presence::Absent));
    a.done();
    assert_eq!(tx.presence("risk-a"), Presence::Done);
    drop(party.consumer("risk-a", Start::Earliest));
    assert_eq!(tx.presence("risk-a"), Presence::Left, "it did not say that it was done");
    party.kill(segment.find("risk-b").unwrap().slot);
    assert_eq!(tx.presence("risk-b"), Presence::Dead);
    let refused: Result<_, Refused<u64>> = tx.try_push(0);
    assert!(refused.is_ok());
}
