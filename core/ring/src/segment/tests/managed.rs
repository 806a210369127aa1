//! A managed producer over a segment, on a clock that the test moves.

extern crate std;
use super::party::{Party, Tx};
use crate::coordinate::Held;
use crate::follow::{End, Next};
use crate::join::Start;
use crate::layout::Spec;
use crate::name::Name;
use crate::producer::{Managed, Why};
use crate::required::{Alert, Alerted, OnFail, Required, RequiredError, State};
use crate::segment::Position;
use crate::table::{Peer, PeerName, Policy};
use crate::wait::Until;
use core::cell::RefCell;
use std::boxed::Box;
use std::rc::Rc;
use std::vec::Vec;
use tidemill_seam::Duration;

type Rx = crate::Consumer<u64, Party, Party>;
type Hook = Box<dyn FnMut(&Alert)>;
type Watched = Managed<Tx, Hook, 1>;

const MS: u64 = 1_000_000;

fn required(on_fail: OnFail) -> Required<1> {
    Required { on_fail, ..Required::new([Name::parse("risk").unwrap()]) }
}

/// A ring of two with a managed producer, the consumer it needs, and what was said.
struct Desk {
    party: Party,
    tx: Watched,
    rx: Option<Rx>,
    said: Rc<RefCell<Vec<Alerted>>>,
}

fn managed(tx: Tx, on_fail: OnFail, said: &Rc<RefCell<Vec<Alerted>>>) -> Watched {
    let heard = Rc::clone(said);
    let hook: Hook = Box::new(move |alert| {
        assert_eq!(alert.id.as_str(), "risk");
        heard.borrow_mut().push(alert.what);
    });
    tx.managed(required(on_fail)).on_alert(hook)
}

impl Desk {
    fn new(on_fail: OnFail) -> Self {
        let party = Party::new(&Spec::of::<u64>(2).line(1).page(1).participants(4).journal(0));
        let said = Rc::default();
        let tx = managed(party.producer(), on_fail, &said);
        Self { party, tx, rx: None, said }
    }

    /// The consumer is there, and the ring is full because of it.
    fn blocked(on_fail: OnFail) -> Self {
        let mut desk = Self::new(on_fail);
        desk.joins(Start::Earliest);
        (0..2).for_each(|at| assert_eq!(desk.push(), Ok(at)));
        assert!(matches!(desk.push(), Err(Why::Full { .. })));
        desk
    }

    fn joins(&mut self, start: Start) {
        let rx = self.party.consumer("risk", start);
        rx.ready();
        self.rx = Some(rx);
        self.later(5);
    }

    fn push(&mut self) -> Result<u64, Why> {
        let at = self.tx.published().0;
        self.tx.try_push(at).map(|at| at.0).map_err(|refused| refused.why)
    }

    fn later(&self, ms: u64) {
        self.party.0.now.set(self.party.0.now.get() + ms * MS);
    }

    fn dies(&mut self) {
        let rx = self.rx.take().expect("it is there");
        let slot = rx.slot();
        core::mem::forget(rx);
        self.party.kill(slot);
    }

    fn takes(&mut self) -> u64 {
        u64::from(self.rx.as_mut().expect("it is there").poll(9, |item, at, _| assert_eq!(*item, at.0)).0)
    }

    fn said(&self) -> Vec<Alerted> {
        self.said.borrow_mut().drain(..).collect()
    }
}

// RING-REQUIRED: nothing is published before all of them are there, and never where they do not come in time.
#[test]
fn nothing_is_published_before_who_is_required_is_ready() {
    let mut desk = Desk::new(OnFail::Shutdown);
    assert_eq!(desk.push(), Err(Why::Held(Held::Awaiting { have: 0, want: 1 })));
    desk.joins(Start::Earliest);
    assert_eq!((desk.push(), desk.takes()), (Ok(0), 1));
    let mut late = Desk::new(OnFail::AlertOnly);
    let refused = late.tx.publish(|_| panic!("a refused closure runs"), Until::forever()).unwrap_err();
    assert!(matches!(refused.why, Why::Required(RequiredError::Startup { missing }) if missing.contains(0)));
    assert_eq!(late.party.0.now.get(), 5_000 * MS, "on the dot: it looks every check");
    late.joins(Start::Earliest);
    assert!(matches!(late.push(), Err(Why::Required(_))), "the same answer until it begins anew");
    late.tx.reset();
    assert_eq!(late.push(), Ok(0));
}

// RING-REQUIRED: who blocks and stands still is told of once; after the grace consumers drain and hear of a shutdown.
#[test]
fn who_stands_still_is_told_of_and_after_the_grace_the_ring_drains() {
    let mut desk = Desk::blocked(OnFail::Shutdown);
    desk.later(5);
    assert!(matches!(desk.push(), Err(Why::Full { .. })));
    desk.later(249);
    assert!(matches!(desk.push(), Err(Why::Full { .. })) && desk.said().is_empty());
    desk.later(5);
    assert!(matches!(desk.push(), Err(Why::Full { .. })));
    assert!(matches!(desk.said()[..], [Alerted::Stalled { .. }]));
    desk.later(999);
    assert!(matches!(desk.push(), Err(Why::Full { .. })));
    desk.later(5);
    let error = Why::Required(RequiredError::Stalled { id: Name::parse("risk").unwrap() });
    assert_eq!((desk.push(), desk.said().len()), (Err(error), 0));
    assert_eq!(desk.takes(), 2, "what was published is delivered");
    assert_eq!(desk.rx.as_mut().unwrap().poll(1, |_, _, _| ()), (0, Some(Next::Closed(End::Shut))));
    assert_eq!(desk.push(), Err(error), "full or not");
    desk.tx.reset();
    assert_eq!((desk.push(), desk.takes()), (Ok(2), 1), "who stayed goes on");
}

// RING-REQUIRED: the place of one that died is kept for the grace, so that the same name misses nothing.
#[test]
fn who_comes_back_within_the_grace_goes_on_where_it_stopped() {
    for on_fail in [OnFail::Shutdown, OnFail::Evict, OnFail::AlertOnly] {
        let mut desk = Desk::blocked(on_fail);
        desk.dies();
        desk.later(5);
        assert!(matches!(desk.push(), Err(Why::Full { .. })), "its place is kept");
        assert_eq!(desk.said(), [Alerted::Died]);
        desk.later(900);
        assert!(matches!(desk.push(), Err(Why::Full { .. })));
        desk.joins(Start::Resume);
        assert_eq!((desk.takes(), desk.push()), (2, Ok(2)), "{on_fail:?}");
        assert_eq!((desk.said(), desk.tx.states()), (std::vec![Alerted::Cleared], [State::Healthy]));
    }
}

// RING-REQUIRED: after the grace a dead one is let go where alerts or an eviction were asked for.
#[test]
fn after_the_grace_the_dead_are_let_go_or_the_ring_ends() {
    for (on_fail, state) in [(OnFail::Evict, State::Awaited), (OnFail::AlertOnly, State::Gone(at(10)))] {
        let mut desk = Desk::blocked(on_fail);
        desk.dies();
        desk.later(5);
        assert!(matches!(desk.push(), Err(Why::Full { .. })));
        desk.later(1_000);
        assert_eq!((desk.push(), desk.tx.states()), (Ok(2), [state]), "{on_fail:?}");
    }
    let mut desk = Desk::blocked(OnFail::Shutdown);
    desk.dies();
    desk.later(5);
    let died = Why::Required(RequiredError::Died { id: Name::parse("risk").unwrap() });
    let refused = desk.tx.publish(|at| at.0, Until::forever()).unwrap_err().why;
    assert_eq!((refused, desk.said()), (died, std::vec![Alerted::Died]), "whoever waits is told as well");
    let mut tx = desk.tx.raw();
    tx.publish(|at| at.0, Until::forever()).expect("without what was required the dead are let go");
}

fn at(ms: u64) -> tidemill_seam::Instant {
    tidemill_seam::Instant::ZERO + Duration::from_millis(ms)
}

// RING-REQUIRED: who left and said that it was done is missed by nobody, and who did not say so is.
#[test]
fn who_was_done_is_missed_by_nobody() {
    for says_so in [true, false] {
        let mut desk = Desk::blocked(OnFail::Shutdown);
        let rx = desk.rx.take().unwrap();
        if says_so {
            rx.done()
        } else {
            drop(rx)
        }
        desk.later(5);
        assert_eq!(desk.push(), Ok(2), "it holds nothing up");
        let (said, state) = if says_so {
            (std::vec![], State::Done)
        } else {
            (std::vec![Alerted::Left], State::Gone(at(10)))
        };
        assert_eq!((desk.said(), desk.tx.states()), (said, [state]));
    }
}

// RING-REQUIRED: a reader that is required and stands still is evicted, and may come back.
#[test]
fn a_required_reader_that_stands_still_is_evicted() {
    let mut desk = Desk::new(OnFail::Evict);
    let evict = Policy::Evict { after: Duration::from_secs(3_600) };
    let peer = Peer::new(PeerName::parse("risk").unwrap()).policy(evict);
    let reader = desk.party.segment().reader::<u64, _>(desk.party.clone(), &peer, Start::Earliest);
    let mut reader = reader.expect("there is room");
    reader.ready();
    desk.later(5);
    (0..2).for_each(|at| assert_eq!(desk.push(), Ok(at)));
    let refused = desk.tx.batch(1, |at| at.0, Until::forever()).expect("the reader is out");
    assert_eq!((refused, reader.try_next()), (Position(2), Some(Next::Evicted { at: Position(0) })));
    assert!(matches!(desk.said()[..], [Alerted::Stalled { .. }]));
}

// RING-REQUIRED: while it blocks the table is looked at once a check, and who is asked about is who is required.
#[test]
fn a_blocked_producer_asks_once_a_check() {
    let mut desk = Desk::blocked(OnFail::AlertOnly);
    desk.later(5);
    let before = desk.party.0.probes.get();
    for _ in 0..1_000 {
        assert!(matches!(desk.push(), Err(Why::Full { .. })));
    }
    let once = desk.party.0.probes.get() - before;
    assert!((1..=2).contains(&once), "{once} probes within one check");
}
