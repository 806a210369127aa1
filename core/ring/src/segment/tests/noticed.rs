//! Waits in a world where deaths are noticed, and slept through by nobody.

extern crate std;
use super::party::{Party, Rx, ring};
use crate::follow::{End, Next};
use crate::join::Start;
use crate::layout::Layout;
use crate::wait::{Cancel, Ended, Until, Wait};
use std::rc::Rc;

// RING-WAIT, RING-DEATH: who sleeps for long is woken by who notices a death, asks at once, and asks once
#[test]
fn a_death_that_is_noticed_is_asked_about_at_once_rl_16() {
    let ring = ring(4);
    core::mem::forget(ring.producer());
    let mut rx = ring.consumer("risk", Start::Earliest);
    rx.wait_by(Wait::Park { spins: 0 }).expect("this ring wakes who sleeps");
    ring.0.deep.set(true);
    let notice = |ring: &Party| ring.0.noticed.set((ring.0.noticed.get().0 + 1, ring.0.noticed.get().1));
    let stage = ring.clone();
    ring.meanwhile(move || {
        stage.kill(Layout::PRODUCER);
        notice(&stage);
    });
    let crashed = |rx: &mut Rx, until| matches!(rx.next(until), Ok(Next::Closed(End::Crashed)));
    assert!(crashed(&mut rx, Until::forever()));
    assert_eq!((ring.0.now.get(), ring.0.sleeps.get()), (0, 1), "no time has passed");
    assert!(crashed(&mut rx, Until::forever()));
    assert_eq!((ring.0.now.get(), ring.0.sleeps.get()), (1_000_000_000, 2), "it is told again by the slice");
    notice(&ring);
    assert!(crashed(&mut rx, Until::forever()));
    assert_eq!(ring.0.sleeps.get(), 2, "what was noticed before keeps it awake");
    let bell = rx.bell();
    (0..2).for_each(|_| bell.ring());
    assert_eq!(ring.0.wakes.get(), 1, "of a sleep that is over, once in vain");
    let cancel = Rc::new(Cancel::new());
    let cancels = Rc::clone(&cancel);
    ring.meanwhile(move || {
        cancels.cancel();
        bell.ring();
    });
    assert_eq!(rx.next(Until::cancel(&cancel)).err(), Some(Ended::Cancelled));
    assert_eq!((ring.0.now.get(), ring.0.wakes.get()), (1_000_000_000, 2), "no time has passed");
}
