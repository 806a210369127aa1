//! Waits over a segment, in a world where time passes and others act only while somebody rests.

extern crate std;
use crate::Inline;
use crate::consumer::Consumer;
use crate::coordinate::{Coordinate, Held};
use crate::follow::{End, Next};
use crate::header::{Creator, SegmentId};
use crate::join::Start;
use crate::layout::{Layout, Spec};
use crate::local::Local;
use crate::producer::{Producer, Refused, Why};
use crate::reader::Reader;
use crate::required::Presence;
use crate::segment::{Position, Segment};
use crate::sync::Ordering;
use crate::table::{Identity, Peer, PeerName, Policy};
use crate::wait::{Cancel, Ended, Idle, PROBE_DEFAULT, Parking, SpinOnly, Until, Wait};
use core::cell::{Cell, RefCell};
use std::boxed::Box;
use std::collections::VecDeque;
use std::rc::Rc;
use tidemill_seam::{Claimed, Clock, Duration, Exchange, Instant, Life, Liveness, Region};

const MS: Duration = Duration::from_millis(1);

/// The words, the claims and the time, and what happens in whose sleep.
#[derive(Default)]
pub(super) struct Stage {
    words: Inline<2048>,
    local: Local,
    pub(super) now: Cell<u64>,
    meanwhile: RefCell<VecDeque<Box<dyn FnOnce()>>>,
    pub(super) sleeps: Cell<u32>,
    pub(super) wakes: Cell<u32>,
    pub(super) fences: Cell<u32>,
    pub(super) probes: Cell<u32>,
    pub(super) reads: Cell<u32>,
    /// Deaths that were noticed, and how many of them were asked about.
    pub(super) noticed: Cell<(u32, u32)>,
    /// Sleeps last a second.
    pub(super) deep: Cell<bool>,
}

/// One party's view of the stage: its region, its claims and its clock at once.
#[derive(Clone)]
pub(super) struct Party(pub(super) Rc<Stage>);

pub(super) type Tx = Producer<u64, Party, Party>;
pub(super) type Rx = Consumer<u64, Party, Party>;
type Ui = Reader<u64, Party, Party>;

impl Stage {
    fn count(cell: &Cell<u32>) {
        cell.set(cell.get() + 1);
    }

    /// Time passes; what was to happen meanwhile does, and ends the rest.
    fn rest(&self, until: u64) {
        let next = self.meanwhile.borrow_mut().pop_front();
        match next {
            Some(happens) => happens(),
            None => self.now.set(self.now.get().max(until)),
        }
    }
}

// SAFETY: the words of an inline region, for as long as the stage stands.
unsafe impl Region for Party {
    fn words(&self) -> u32 {
        self.0.words.words()
    }
    unsafe fn load(&self, at: u32, order: Ordering) -> u32 {
        // SAFETY: the caller's promise, handed on.
        unsafe { self.0.words.load(at, order) }
    }
    unsafe fn store(&self, at: u32, value: u32, order: Ordering) {
        // SAFETY: the caller's promise, handed on.
        unsafe { self.0.words.store(at, value, order) }
    }
    fn is_wide(&self) -> bool {
        self.0.words.is_wide()
    }
    unsafe fn load_pair(&self, at: u32, order: Ordering) -> u64 {
        // SAFETY: the caller's promise, handed on.
        unsafe { self.0.words.load_pair(at, order) }
    }
    unsafe fn store_pair(&self, at: u32, value: u64, order: Ordering) {
        // SAFETY: the caller's promise, handed on.
        unsafe { self.0.words.store_pair(at, value, order) }
    }
    fn fence(&self, order: Ordering) {
        Stage::count(&self.0.fences);
        self.0.words.fence(order);
    }
    fn wait(&self, at: u32, value: u32, span: Duration) {
        assert_eq!(self.0.words.word(at).unwrap().load(Ordering::Relaxed), value, "asleep on the word");
        assert!(span <= self.slice(), "a slice of {span}");
        Stage::count(&self.0.sleeps);
        self.0.rest(self.0.now.get() + span.as_nanos());
    }
    fn wake(&self, _: u32) {
        Stage::count(&self.0.wakes);
    }
}

// SAFETY: as for `Region`.
unsafe impl Exchange for Party {
    unsafe fn compare_exchange(&self, at: u32, current: u32, new: u32) -> Result<(), u32> {
        // SAFETY: the caller's promise, handed on.
        unsafe { self.0.words.compare_exchange(at, current, new) }
    }
    unsafe fn compare_exchange_pair(&self, at: u32, current: u64, new: u64) -> Result<(), u64> {
        // SAFETY: the caller's promise, handed on.
        unsafe { self.0.words.compare_exchange_pair(at, current, new) }
    }
}

impl Liveness for Party {
    fn claim(&self, slot: u32, generation: u32) -> Result<(), Claimed> {
        self.0.local.claim(slot, generation)
    }
    fn probe(&self, slot: u32, generation: u32) -> Life {
        Stage::count(&self.0.probes);
        self.0.local.probe(slot, generation)
    }
    fn release(&self, slot: u32, generation: u32) {
        self.0.local.release(slot, generation);
    }
}

impl Clock for Party {
    fn now(&self) -> Instant {
        Stage::count(&self.0.reads);
        Instant::from_nanos(self.0.now.get())
    }
}

impl Idle for Party {
    fn yield_now(&self) {
        self.0.rest(self.0.now.get() + 1_000);
    }
    fn sleep(&self, until: Instant) {
        self.0.rest(until.as_nanos());
    }
    fn slice(&self) -> Duration {
        if self.0.deep.get() { Duration::from_secs(1) } else { PROBE_DEFAULT }
    }
    fn noticed(&self) -> bool {
        let (noticed, asked) = self.0.noticed.get();
        noticed != asked
    }
    fn asks(&self) {
        let (noticed, _) = self.0.noticed.get();
        self.0.noticed.set((noticed, noticed));
    }
}

impl Party {
    pub(super) fn new(spec: &Spec) -> Self {
        let party = Self(Rc::default());
        Segment::create(party.clone(), spec, SegmentId(1), Creator::default(), &party).expect("it fits");
        party
    }

    pub(super) fn segment(&self) -> Segment<Self> {
        Segment::attach(self.clone()).expect("it was made")
    }

    pub(super) fn producer(&self) -> Tx {
        self.segment().producer(self.clone(), Identity::default()).expect("nobody else produces")
    }

    pub(super) fn consumer(&self, name: &str, start: Start) -> Rx {
        let peer = Peer::new(PeerName::parse(name).expect("a name"));
        self.segment().consumer(self.clone(), &peer, start).expect("there is room")
    }

    fn reader(&self, policy: Policy) -> Ui {
        let peer = Peer::new(PeerName::parse("ui").expect("a name")).policy(policy);
        self.segment().reader(self.clone(), &peer, Start::Earliest).expect("there is room")
    }

    /// Happens in the next sleep that has nothing else to wait for.
    pub(super) fn meanwhile(&self, happens: impl FnOnce() + 'static) {
        self.0.meanwhile.borrow_mut().push_back(Box::new(happens));
    }

    /// Whoever holds the claim of `slot` is dead.
    pub(super) fn kill(&self, slot: u32) {
        let holder = (0..64).find(|generation| self.0.local.probe(slot, *generation) == Life::Alive);
        self.0.local.release(slot, holder.expect("somebody lives there"));
    }

    pub(super) fn at(&self, ms: u64) -> Until<'static> {
        Until::deadline(Instant::from_nanos(self.0.now.get()) + MS.saturating_mul(ms))
    }
}

fn spec(capacity: u32) -> Spec {
    Spec::of::<u64>(capacity).line(1).page(1).participants(4).journal(8)
}

pub(super) fn ring(capacity: u32) -> Party {
    Party::new(&spec(capacity))
}

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
