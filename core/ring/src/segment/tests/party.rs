//! A world where time passes and others act only while somebody rests.

extern crate std;
use crate::Inline;
use crate::consumer::Consumer;
use crate::header::{Creator, SegmentId};
use crate::join::Start;
use crate::layout::Spec;
use crate::local::Local;
use crate::producer::Producer;
use crate::reader::Reader;
use crate::segment::Segment;
use crate::sync::Ordering;
use crate::table::{Identity, Peer, PeerName, Policy};
use crate::wait::{Idle, PROBE_DEFAULT, Until};
use core::cell::{Cell, RefCell};
use std::boxed::Box;
use std::collections::VecDeque;
use std::rc::Rc;
use tidemill_seam::{Claimed, Clock, Duration, Exchange, Instant, Life, Liveness, Region};

pub(super) const MS: Duration = Duration::from_millis(1);

/// The words, the claims and the time, and what happens in whose sleep.
#[derive(Default)]
pub(super) struct Stage {
    pub(super) words: Inline<2048>,
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
pub(super) type Ui = Reader<u64, Party, Party>;

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

    pub(super) fn reader(&self, policy: Policy) -> Ui {
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

pub(super) fn spec(capacity: u32) -> Spec {
    Spec::of::<u64>(capacity).line(1).page(1).participants(4).journal(8)
}

pub(super) fn ring(capacity: u32) -> Party {
    Party::new(&spec(capacity))
}
