//! What a process does that is to be killed: a role over a region that ends the process before its k-th store.

use std::cell::Cell;
use std::os::fd::AsFd;
use std::path::Path;
use std::ptr::NonNull;
use std::sync::atomic::Ordering;
use tidemill_host::ring::{self, Backing, Draft, Lock};
use tidemill_ring::header::{Creator, SegmentId};
use tidemill_ring::wait::{Until, Wait};
use tidemill_ring::{Next, Peer, PeerName, Policy, Refused, Segment, Spec, Start, Trusting, Why};
use tidemill_seam::{Clock, Duration, Exchange, Lend, Region};

pub(crate) type Item = [u32; 3];

pub(crate) fn item(at: u64) -> Item {
    [at as u32, !(at as u32), at as u32 ^ 0x5A5A_5A5A]
}

pub(crate) fn spec() -> Spec {
    Spec::of::<Item>(8).participants(4).history(2)
}

/// The same for several producers.
pub(crate) fn shared() -> Spec {
    spec().producers(3)
}

/// One with few words, so that every store of its making is worth a death.
pub(crate) fn small() -> Spec {
    Spec::of::<Item>(4).participants(1).line(1).page(1).journal(0)
}

pub(crate) fn peer(name: &str) -> Peer {
    Peer::new(PeerName::parse(name).expect("a name")).who(ring::identity())
}

/// A region of a process that dies before its `left`-th store.
#[derive(Debug)]
pub(crate) struct KillAt<R> {
    inner: R,
    left: Cell<u64>,
}

impl<R> KillAt<R> {
    pub(crate) fn new(inner: R, left: u64) -> Self {
        Self { inner, left: Cell::new(left) }
    }

    fn count(&self) {
        match self.left.get() {
            0 => {
                let own = rustix::process::getpid();
                rustix::process::kill_process(own, rustix::process::Signal::KILL).expect("ourselves");
                unreachable!("a process outlives its own SIGKILL");
            }
            left => self.left.set(left - 1),
        }
    }
}

// SAFETY: the words of the inner region, each store of which is made as it was asked for, or never.
unsafe impl<R: Region> Region for KillAt<R> {
    fn words(&self) -> u32 {
        self.inner.words()
    }
    unsafe fn load(&self, at: u32, order: Ordering) -> u32 {
        // SAFETY: the caller's promise, handed on.
        unsafe { self.inner.load(at, order) }
    }
    unsafe fn store(&self, at: u32, value: u32, order: Ordering) {
        self.count();
        // SAFETY: the caller's promise, handed on.
        unsafe { self.inner.store(at, value, order) }
    }
    fn is_wide(&self) -> bool {
        self.inner.is_wide()
    }
    unsafe fn load_pair(&self, at: u32, order: Ordering) -> u64 {
        // SAFETY: the caller's promise, handed on.
        unsafe { self.inner.load_pair(at, order) }
    }
    unsafe fn store_pair(&self, at: u32, value: u64, order: Ordering) {
        self.count();
        // SAFETY: the caller's promise, handed on.
        unsafe { self.inner.store_pair(at, value, order) }
    }
    fn fence(&self, order: Ordering) {
        self.inner.fence(order);
    }
    fn wait(&self, at: u32, value: u32, span: Duration) {
        self.inner.wait(at, value, span);
    }
    fn wake(&self, at: u32) {
        self.inner.wake(at);
    }
}

// SAFETY: the words of the inner region.
unsafe impl<R: Lend> Lend for KillAt<R> {
    fn first(&self) -> NonNull<u32> {
        self.inner.first()
    }
}

// SAFETY: as for `Region`.
unsafe impl<R: Exchange> Exchange for KillAt<R> {
    unsafe fn compare_exchange(&self, at: u32, current: u32, new: u32) -> Result<(), u32> {
        self.count();
        // SAFETY: the caller's promise, handed on.
        unsafe { self.inner.compare_exchange(at, current, new) }
    }
    unsafe fn compare_exchange_pair(&self, at: u32, current: u64, new: u64) -> Result<(), u64> {
        self.count();
        // SAFETY: the caller's promise, handed on.
        unsafe { self.inner.compare_exchange_pair(at, current, new) }
    }
}

/// The ring at that path, or behind the descriptor that stands where input does.
pub(crate) fn backing(place: &str) -> Backing {
    let backing = match place {
        "-" => {
            let file = std::io::stdin().as_fd().try_clone_to_owned().expect("a descriptor");
            ring::over(file).backing()
        }
        path => Backing::open(Path::new(path)),
    };
    backing.expect("the ring is there")
}

/// Plays `role` in the ring at `place`, a path, or `-` for the descriptor that stands where input does.
pub(crate) fn play(role: &str, place: &str, left: u64) {
    if role == "creator" {
        return create(Path::new(place), left);
    }
    let Backing { mapping, lock } = backing(place);
    let segment = Segment::attach(KillAt::new(mapping, left)).expect("a segment");
    match role {
        "producer" => produce(segment, lock, false),
        "batches" => produce(segment, lock, true),
        "consumer" => consume(segment, lock),
        "holder" => hold(segment, lock),
        "reader" => read(segment, lock),
        "stream" => stream(segment, lock),
        "sleeper" => sleep(segment, lock),
        "produces" => {
            let mut tx = segment.producer::<Item, _>(lock, ring::identity()).expect("nobody else does");
            tx.try_batch(3, |at| item(at.0)).expect("there is room");
            stay();
        }
        "lingers" => {
            let rx = segment.consumer::<Item, _>(lock, &peer("victim"), Start::Earliest).expect("room");
            rx.ready();
            stay();
        }
        "clings" => {
            let mut tx = segment.multi_producer::<Item, _>(lock, ring::identity()).expect("a place is free");
            for _ in 0..2 {
                tx.try_publish(|at| item(at.0)).expect("there is room");
            }
            let _claim = tx.claim().expect("there is room");
            stay();
        }
        "shares" => share(segment, lock),
        "claims" => claim_and_die(segment, lock),
        "mends" => drop(segment.heal(&lock)),
        other => panic!("nobody plays {other}"),
    }
}

fn create(path: &Path, left: u64) {
    let bytes = tidemill_ring::Layout::of(&small()).expect("a ring").bytes();
    let draft = Draft::new(path.to_owned(), bytes).expect("there is room");
    let Backing { mapping, lock } = draft.backing();
    let region = KillAt::new(mapping, left);
    let fill = |slot| item(u64::from(slot));
    Segment::create_filled(region, &small(), SegmentId(1), Creator::default(), lock, fill).expect("a ring");
    draft.link().expect("the folder is ours");
}

/// Six items, in the order of their positions, one by one or by threes.
fn produce<R: Exchange>(segment: Segment<R>, lock: Lock, batches: bool) {
    let mut tx = segment.producer::<Item, _>(lock, ring::identity()).expect("nobody else does");
    for _ in 0..if batches { 2 } else { 6 } {
        if batches {
            tx.try_batch(3, |at| item(at.0)).expect("there is room");
        } else {
            tx.try_publish(|at| item(at.0)).expect("there is room");
        }
    }
}

fn consume<R: Exchange>(segment: Segment<R>, lock: Lock) {
    let mut rx = segment.consumer::<Item, _>(lock, &peer("victim"), Start::Earliest).expect("there is room");
    for _ in 0..3 {
        match rx.try_next() {
            Some(Next::Item(lease)) => assert_eq!(*lease, item(lease.position().0)),
            other => panic!("no item, but {other:?}"),
        }
    }
}

/// As `consume`, and sees items where they lie.
fn hold<R: Exchange + Lend>(segment: Segment<R>, lock: Lock) {
    let rx = segment.consumer::<Item, _>(lock, &peer("victim"), Start::Earliest).expect("there is room");
    // SAFETY: everybody in this ring is one of these tests', which keep the laws or die.
    let mut rx = unsafe { Trusting::new(rx) }.expect("words lie on words");
    for _ in 0..3 {
        match rx.try_next() {
            Some(Next::Item(seen)) => {
                assert_eq!(*seen, item(seen.position().0));
                seen.ack();
            }
            other => panic!("no item, but {other:?}"),
        }
    }
}

fn read<R: Exchange>(segment: Segment<R>, lock: Lock) {
    let lossy = peer("victim").policy(Policy::Lossy);
    let mut rx = segment.reader::<Item, _>(lock, &lossy, Start::Earliest).expect("there is room");
    for _ in 0..3 {
        let at = rx.position().0;
        assert_eq!(rx.try_next(), Some(Next::Item(item(at))));
    }
}

/// Items without an end.
fn stream<R: Exchange>(segment: Segment<R>, lock: Lock) {
    let mut tx = segment.producer::<Item, _>(lock, ring::identity()).expect("nobody else does");
    loop {
        match tx.try_publish(|at| item(at.0)) {
            Ok(_) => {}
            Err(Refused { why: Why::Full { .. }, .. }) => {
                tx.tend(tidemill_host::MonotonicClock.now());
                std::thread::yield_now();
            }
            Err(refused) => panic!("{refused}"),
        }
    }
}

/// Takes what comes, asleep in between, until the stream ends.
fn sleep<R: Exchange>(segment: Segment<R>, lock: Lock) {
    let mut rx = segment.consumer::<Item, _>(lock, &peer("victim"), Start::Earliest).expect("there is room");
    rx.wait_by(Wait::Park { spins: 0 }).expect("this ring wakes who sleeps");
    rx.ready();
    loop {
        match rx.next(Until::forever()) {
            Ok(Next::Item(lease)) => assert_eq!(*lease, item(lease.position().0)),
            Ok(Next::Restarted { .. }) => {}
            Ok(Next::Closed(_)) => return,
            other => panic!("a consumer that is waited for is told {other:?}"),
        }
    }
}

/// Does nothing more, and does not end.
pub(crate) fn stay() -> ! {
    loop {
        std::thread::sleep(std::time::Duration::from_secs(1));
    }
}

/// Four items beside those of others, and a claim that it gives up.
fn share<R: Exchange>(segment: Segment<R>, lock: Lock) {
    let mut tx = segment.multi_producer::<Item, _>(lock, ring::identity()).expect("a place is free");
    for i in 0..5 {
        if i == 2 {
            drop(tx.claim().expect("there is room"));
        } else {
            tx.try_publish(|at| item(at.0)).expect("there is room");
        }
    }
}

/// Two items, and a claim that it does not outlive.
fn claim_and_die<R: Exchange>(segment: Segment<R>, lock: Lock) {
    let mut tx = segment.multi_producer::<Item, _>(lock, ring::identity()).expect("a place is free");
    for _ in 0..2 {
        tx.try_publish(|at| item(at.0)).expect("there is room");
    }
    std::mem::forget(tx.claim().expect("there is room"));
    let own = rustix::process::getpid();
    rustix::process::kill_process(own, rustix::process::Signal::KILL).expect("ourselves");
    unreachable!("a process outlives its own SIGKILL");
}
