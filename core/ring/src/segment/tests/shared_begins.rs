//! How several producers begin with their consumers, each for itself.

extern crate std;
use super::party::{MS, Party};
use crate::coordinate::{Coordinate, Held};
use crate::follow::Next;
use crate::join::Start;
use crate::layout::Spec;
use crate::multi::MultiProducer;
use crate::producer::Why;
use crate::segment::Position;
use crate::table::{Identity, Policy};
use crate::wait::Until;
use core::cell::RefCell;
use std::rc::Rc;
use std::vec::Vec;
use tidemill_seam::Clock;

type Many = MultiProducer<u64, Party, Party>;

fn ring(capacity: u32) -> Party {
    Party::new(&Spec::of::<u64>(capacity).line(1).page(1).participants(3).journal(0).producers(3))
}

fn joined(ring: &Party) -> Many {
    ring.segment().multi_producer(ring.clone(), Identity::default()).expect("a place is free")
}

fn begins(ring: &Party, how: Coordinate) -> Many {
    joined(ring).coordinate(how, ring.now())
}

/// The producer dies: whatever it holds stays as it is.
fn die(ring: &Party, tx: Many) {
    ring.kill(tx.slot());
    core::mem::forget(tx);
}

fn push(tx: &mut Many, item: u64) -> Result<u64, Why> {
    tx.try_push(item).map(|at| at.0).map_err(|refused| refused.why)
}

/// What somebody is given who comes now, and reads from the oldest item on.
fn given(ring: &Party, name: &str) -> Vec<u64> {
    let mut rx = ring.consumer(name, Start::Earliest);
    let mut all = Vec::new();
    while let Some(Next::Item(item)) = rx.try_next() {
        all.push(*item);
    }
    all
}

// RING-COORDINATE, RING-MPSC: each of several begins for itself: one that waits for consumers publishes to no fewer, while another
// begins at once; and one that waited too long never begins.
#[test]
fn each_of_several_begins_with_its_consumers_or_not_at_all() {
    let party = ring(4);
    let how = Coordinate::WaitFor { n: 2, by: MS.saturating_mul(100) };
    let (mut tx, mut at_once) = (begins(&party, how), begins(&party, Coordinate::Immediate));
    let one = party.consumer("one", Start::Earliest);
    let awaiting = |have| Err(Why::Held(Held::Awaiting { have, want: 2 }));
    assert_eq!((push(&mut tx, 9), push(&mut at_once, 0)), (awaiting(0), Ok(0)));
    one.ready();
    assert_eq!(
        (push(&mut tx, 9), tx.try_batch(2, |at| at.0).map_err(|refused| refused.why).map(|at| at.0)),
        (awaiting(1), awaiting(1))
    );
    let other = party.clone();
    let second = Rc::new(RefCell::new(None));
    let joins = Rc::clone(&second);
    party.meanwhile(move || {
        let two = other.consumer("two", Start::Earliest);
        two.ready();
        *joins.borrow_mut() = Some(two);
    });
    assert_eq!(tx.publish(|at| at.0, Until::forever()).map_err(|refused| refused.why), Ok(Position(1)));
    assert_eq!(party.0.wakes.get(), 1, "whoever is ready wakes the producers");
    drop((one, second.take()));
    assert_eq!(push(&mut tx, 2), Ok(2), "who leaves later is a matter of other rules");
    drop(tx);
    let mut tx = begins(&party, how);
    let late = Why::Held(Held::Startup { have: 0, want: 2 });
    assert_eq!(tx.publish(|at| at.0, Until::forever()).unwrap_err().why, late);
    let _all = ["one", "two"].map(|name| {
        let rx = party.consumer(name, Start::Earliest);
        rx.ready();
        rx
    });
    assert_eq!((push(&mut tx, 3), push(&mut at_once, 3)), (Err(late), Ok(3)), "the same answer for ever");
}

// RING-COORDINATE, RING-MPSC: what one of several keeps stays whoever publishes behind it: the others find the ring full by its
// place; and once its consumers are there they go on, and are woken (RL-3, RL-15)
#[test]
fn what_one_of_several_keeps_stays_whoever_publishes_rl_3() {
    let party = ring(4);
    let mut at_once = joined(&party);
    (0..6).for_each(|item| assert_eq!(push(&mut at_once, item), Ok(item)));
    let mut tx = begins(&party, Coordinate::BufferUntil { n: 1, max: 2 });
    assert_eq!((push(&mut tx, 6), push(&mut at_once, 7)), (Ok(6), Ok(7)));
    let awaiting = Err(Why::Held(Held::Awaiting { have: 0, want: 1 }));
    assert_eq!((push(&mut tx, 8), push(&mut at_once, 8), push(&mut at_once, 9)), (awaiting, Ok(8), Ok(9)));
    let full = Why::Full { by: tx.slot(), missing: 1 };
    assert_eq!((push(&mut tx, 10), push(&mut at_once, 10)), (awaiting, Err(full)));
    // An evictable reader that stands there holds up nobody who could go on without it.
    let ui = party.reader(Policy::Evict { after: MS });
    at_once.tend(party.now() + MS);
    at_once.tend(party.now() + MS.saturating_mul(9));
    assert!(
        !matches!(party.segment().ctl(ui.slot()), Some(ctl) if ctl.state == crate::table::State::Evicted)
    );
    drop(ui);
    assert_eq!(given(&party, "late"), [6, 7, 8, 9]);
    let rx = party.consumer("one", Start::Earliest);
    assert_eq!(rx.position(), Position(6));
    rx.ready();
    let wakes = party.0.wakes.get();
    at_once.lie_down(1);
    assert_eq!(
        (push(&mut tx, 10), party.0.wakes.get()),
        (Err(Why::Full { by: rx.slot(), missing: 1 }), wakes + 1)
    );
    drop(rx);
    assert_eq!((push(&mut tx, 10), push(&mut at_once, 11)), (Ok(10), Ok(11)));
}

// RING-COORDINATE, RING-MPSC, RING-DEATH: what a dead one kept is kept on by whoever begins in the same way, and by nobody else
#[test]
fn what_a_dead_one_kept_is_kept_on_by_who_begins_in_the_same_way() {
    let how = Coordinate::BufferUntil { n: 1, max: 4 };
    for same in [true, false] {
        let party = ring(4);
        let (mut dies, mut beside) = (begins(&party, how), begins(&party, how));
        assert_eq!((push(&mut dies, 0), push(&mut beside, 1)), (Ok(0), Ok(1)));
        die(&party, dies);
        // The other one keeps it too.
        assert_eq!(beside.tend(party.now()).freed, 1);
        assert_eq!((push(&mut beside, 2), party.segment().gate()), (Ok(2), Position(0)));
        die(&party, beside);
        party.segment().heal(&party);
        let mut next = if same { begins(&party, how) } else { joined(&party) };
        assert_eq!(push(&mut next, 3), Ok(3));
        let awaiting = Err(Why::Held(Held::Awaiting { have: 0, want: 1 }));
        assert_eq!(push(&mut next, 4), if same { awaiting } else { Ok(4) });
        if same {
            assert_eq!(given(&party, "late"), [0, 1, 2, 3]);
        } else {
            // What is not intact any more is not kept.
            let mut late = begins(&party, how);
            assert_eq!(push(&mut late, 5), Ok(5));
            (6..9).for_each(|item| assert_eq!(push(&mut next, item), Ok(item)));
            assert_eq!(given(&party, "late"), [5, 6, 7, 8]);
        }
    }
}

// RING-COORDINATE, RING-MPSC: who leaves keeps nothing, and wakes who waits for that
#[test]
fn who_leaves_among_several_keeps_nothing() {
    let party = ring(2);
    let mut other = joined(&party);
    let mut tx = begins(&party, Coordinate::BufferUntil { n: 1, max: 9 });
    assert_eq!((push(&mut tx, 0), push(&mut other, 1)), (Ok(0), Ok(1)));
    let held = Rc::new(RefCell::new(Some(tx)));
    let leaves = Rc::clone(&held);
    party.meanwhile(move || drop(leaves.take()));
    let wakes = party.0.wakes.get();
    assert_eq!(other.publish(|at| at.0, Until::forever()).map_err(|refused| refused.why), Ok(Position(2)));
    assert_eq!(party.0.wakes.get(), wakes + 1);
}
