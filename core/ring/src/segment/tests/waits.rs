//! Waits over a segment, in a world where time passes and others act only while somebody rests.

extern crate std;
use super::party::{MS, Party, ring, spec};
use crate::follow::{End, Next};
use crate::join::Start;
use crate::layout::{Layout, Spec};
use crate::producer::Why;
use crate::segment::Position;
use crate::sync::Ordering;
use crate::table::Policy;
use crate::wait::{Cancel, Ended, PROBE_DEFAULT, Parking, SpinOnly, Until, Wait};
use core::cell::RefCell;
use std::rc::Rc;

fn strategies() -> [Wait; 4] {
    [Wait::Yield { spins: 3 }, Wait::Sleep(MS), Wait::Park { spins: 0 }, Wait::DEFAULT]
}

fn taken(next: Result<Next<crate::Lease<'_, u64, Party, Party>>, Ended>) -> Result<Next<u64>, Ended> {
    next.map(|next| next.map(|lease| *lease))
}

// RING-WAIT: a consumer that waits over a segment is given what comes meanwhile, and is woken for it.
#[test]
fn what_is_published_meanwhile_ends_the_wait_rl_16() {
    for wait in strategies() {
        let party = ring(4);
        let (mut tx, mut rx) = (party.producer(), party.consumer("risk", Start::Earliest));
        rx.wait_by(wait).unwrap();
        tx.try_push(7).unwrap();
        assert_eq!(taken(rx.next(Until::now())), Ok(Next::Item(7)), "what is there is found at once");
        party.meanwhile(move || {
            tx.try_push(8).unwrap();
            core::mem::forget(tx);
        });
        assert_eq!(taken(rx.next(Until::forever())), Ok(Next::Item(8)), "{wait:?}");
        assert_eq!(party.0.wakes.get(), u32::from(wait.parks()), "{wait:?}: who sleeps is woken, once");
    }
}

// RING-WAIT: every wait of a consumer ends: by a deadline, a cancel, a close, a shutdown, a death, a fault.
#[test]
fn a_consumer_waits_no_longer_than_there_is_reason_to_rl_16() {
    for wait in strategies() {
        let party = ring(4);
        let (tx, mut rx) = (party.producer(), party.consumer("risk", Start::Earliest));
        rx.wait_by(wait).unwrap();
        assert_eq!(taken(rx.next(party.at(25))), Err(Ended::Deadline));
        assert!((25_000_000..=25_001_000).contains(&party.0.now.get()), "{wait:?}: {}", party.0.now.get());
        let cancel = Rc::new(Cancel::new());
        let cancels = Rc::clone(&cancel);
        party.meanwhile(move || cancels.cancel());
        assert_eq!(taken(rx.next(Until::forever().or(&cancel))), Err(Ended::Cancelled));
        party.meanwhile(move || tx.close());
        assert_eq!(taken(rx.next(Until::forever())), Ok(Next::Closed(End::Finished)));
        let tx = party.producer();
        let restarted = Next::Restarted { old: 1, new: 2 };
        assert_eq!(taken(rx.next(Until::now())), Ok(restarted));
        party.meanwhile(move || tx.shut_down());
        assert_eq!(taken(rx.next(Until::forever())), Ok(Next::Closed(End::Shut)));
        core::mem::forget(party.producer());
        assert!(matches!(taken(rx.next(Until::now())), Ok(Next::Restarted { .. })));
        let (dies, died) = (party.clone(), party.0.now.get());
        party.meanwhile(move || dies.kill(Layout::PRODUCER));
        assert_eq!(taken(rx.next(Until::forever())), Ok(Next::Closed(End::Crashed)), "{wait:?}");
        let late = party.0.now.get() - died;
        assert!(late <= 2 * PROBE_DEFAULT.as_nanos(), "{wait:?}: heard of {late} ns late");
        let lies = party.clone();
        party.meanwhile(move || {
            lies.0.words.word(Layout::STATE.0).unwrap().store(7, Ordering::Relaxed);
        });
        core::mem::forget(party.producer());
        assert!(matches!(taken(rx.next(Until::now())), Ok(Next::Restarted { .. })));
        assert!(matches!(taken(rx.next(Until::forever())), Ok(Next::Fault(_))), "{wait:?}");
    }
}

// RING-WAIT: a dead producer is heard of by many short waits as by one long one.
#[test]
fn short_waits_hear_of_a_death_too_rl_8() {
    let party = ring(4);
    core::mem::forget(party.producer());
    let mut rx = party.consumer("risk", Start::Earliest);
    party.kill(Layout::PRODUCER);
    let mut waits = 0;
    while taken(rx.next(party.at(1))) != Ok(Next::Closed(End::Crashed)) {
        waits += 1;
        assert!(waits < 20, "twenty waits of a millisecond, and nobody asked");
    }
}

// RING-WAIT, RING-POLICY: a reader waits as a consumer does, and hears that it was evicted.
#[test]
fn a_reader_waits_and_is_woken_too_rl_9_rl_16() {
    let party = Party::new(&spec(4).history(1));
    let (mut tx, mut ui) = (party.producer(), party.reader(Policy::Lossy));
    assert_eq!(ui.next(party.at(5)), Err(Ended::Deadline));
    party.meanwhile(move || {
        tx.try_push(5).unwrap();
        core::mem::forget(tx);
    });
    assert_eq!(ui.next(Until::forever()), Ok(Next::Item(5)));
    assert_eq!(party.0.wakes.get(), 1);
    drop(ui);
    party.kill(Layout::PRODUCER);
    let (mut tx, mut slow) = (party.producer(), party.reader(Policy::Evict { after: MS }));
    while tx.try_push(0).is_ok() {}
    tx.publish(|_| 9, party.at(1_000)).expect("whoever does not move is out");
    assert!(matches!(slow.next(Until::forever()), Ok(Next::Evicted { .. })));
}

// RING-WAIT: a producer that waits for room is woken by who makes it, and frees the dead itself.
#[test]
fn a_publication_waits_for_room_and_ends_as_every_wait_rl_8_rl_15_rl_16() {
    for wait in strategies() {
        let party = ring(2);
        let (mut tx, mut rx) = (party.producer(), party.consumer("risk", Start::Earliest));
        tx.wait_by(wait).unwrap();
        tx.batch(2, |at| at.0, Until::now()).expect("a fresh ring has room");
        let full = Why::Full { by: 0, missing: 1 };
        assert_eq!(tx.publish(|_| panic!("a refused closure runs"), party.at(20)).unwrap_err().why, full);
        let cancel = Cancel::new();
        cancel.cancel();
        let refused = tx.publish(|at| at.0, Until::cancel(&cancel));
        assert_eq!(refused.unwrap_err().why, Why::Cancelled);
        let large = Why::TooLarge { max: 2 };
        assert_eq!(tx.batch(3, |at| at.0, Until::forever()).unwrap_err().why, large, "R-RING-14");
        let takes = Rc::new(RefCell::new(None));
        let taken = Rc::clone(&takes);
        party.meanwhile(move || {
            assert!(matches!(rx.try_next(), Some(Next::Item(item)) if *item == 0));
            *taken.borrow_mut() = Some(rx);
        });
        assert_eq!(tx.publish(|at| at.0, Until::forever()).unwrap(), Position(2));
        assert_eq!(party.0.wakes.get(), u32::from(wait.parks()), "{wait:?}");
        let rx = takes.take().expect("it took one");
        let slot = rx.slot();
        core::mem::forget(rx);
        party.kill(slot);
        assert_eq!(tx.publish(|at| at.0, Until::forever()).unwrap(), Position(3), "{wait:?}");
    }
}

// RING-WAIT: what was published is waited for until it was taken, and whoever never will is no reason to wait on.
#[test]
fn a_drain_ends_with_the_last_item_or_the_last_reader_rl_8() {
    let party = ring(4);
    let (mut tx, mut rx) = (party.producer(), party.consumer("risk", Start::Earliest));
    assert_eq!(tx.drained(Until::now()), Ok(()));
    tx.batch(3, |at| at.0, Until::now()).unwrap();
    assert_eq!(tx.drained(party.at(30)), Err(Ended::Deadline));
    let slot = rx.slot();
    party.meanwhile(move || {
        assert_eq!(rx.poll(9, |_, _, _| ()).0, 3);
        core::mem::forget(rx);
    });
    assert_eq!(tx.drained(Until::forever()), Ok(()));
    tx.try_push(3).unwrap();
    party.kill(slot);
    assert_eq!(tx.drained(Until::forever()), Ok(()), "the dead take nothing");
}

// RING-WAIT: where everything is there nobody sleeps, is woken, is asked for or reads a clock.
#[test]
fn the_steady_path_calls_nobody() {
    let party = ring(8);
    let (mut tx, mut rx) = (party.producer(), party.consumer("risk", Start::Earliest));
    let before = (party.0.reads.get(), party.0.probes.get());
    for at in 0..crate::cases::turns(10_000) {
        tx.publish(|at| at.0, Until::forever()).unwrap();
        assert_eq!(taken(rx.next(Until::forever())), Ok(Next::Item(at)));
    }
    assert_eq!((party.0.sleeps.get(), party.0.wakes.get()), (0, 0));
    assert_eq!((party.0.reads.get(), party.0.probes.get()), before);
}

// RING-WAIT: a ring where nobody sleeps takes no fence for it, and refuses who wants to.
#[test]
fn a_ring_that_spins_only_has_no_fence_and_refuses_to_park_rl_16() {
    let fences = |spec: &Spec| {
        let party = Party::new(spec);
        let (mut tx, mut rx) = (party.producer(), party.consumer("risk", Start::Earliest));
        tx.try_push(0).unwrap();
        let before = party.0.fences.get();
        (0..7).for_each(|i| assert_eq!(tx.try_push(i), Ok(Position(i + 1))));
        (0..8).for_each(|_| assert!(matches!(rx.try_next(), Some(Next::Item(_)))));
        assert!(rx.try_next().is_none());
        party.0.fences.get() - before
    };
    assert_eq!((fences(&spec(8)), fences(&spec(8).spin_only())), (8, 0));
    let party = Party::new(&spec(8).spin_only());
    let (mut tx, mut rx) = (party.producer(), party.consumer("risk", Start::Earliest));
    assert_eq!((tx.wait_by(Wait::DEFAULT), rx.wait_by(Wait::DEFAULT)), (Err(SpinOnly), Err(SpinOnly)));
    assert_eq!((tx.wait_by(Wait::SpinHint), rx.wait_by(Wait::Sleep(MS))), (Ok(()), Ok(())));
    assert_eq!(taken(rx.next(party.at(3))), Err(Ended::Deadline));
}

// RING-WAIT: who cannot block says that it sleeps, and finds what came in between.
#[test]
fn what_falls_between_the_look_and_the_sleep_is_found_rl_16() {
    let party = ring(2);
    let (mut tx, mut rx) = (party.producer(), party.consumer("risk", Start::Earliest));
    assert!(rx.try_next().is_none() && rx.lie_down());
    let word = |at: u32| party.0.words.word(at).unwrap().load(Ordering::Relaxed);
    assert_eq!(word(rx.bed()), Parking::<Party>::ASLEEP);
    tx.try_push(0).unwrap();
    assert_eq!((word(rx.bed()), party.0.wakes.get()), (0, 1));
    assert!(!rx.lie_down(), "an item came meanwhile");
    tx.try_push(1).unwrap();
    assert!(tx.lie_down(1) && word(tx.bed()) == Parking::<Party>::ASLEEP);
    assert!(rx.try_next().is_some());
    assert_eq!((word(tx.bed()), tx.lie_down(1)), (0, false), "there is room");
}
