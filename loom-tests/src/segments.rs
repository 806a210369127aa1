//! Histories of the segment form of the ring.

use crate::{Lapse, Sparse, lengths, thread};
use std::sync::{Arc, Mutex};
use tidemill_ring::header::{Creator, SegmentId};
use tidemill_ring::table::Identity;
use tidemill_ring::wait::Parking;
use tidemill_ring::{Consumer, Layout, Next, Peer, PeerName, Policy, Producer, Reader, Segment, Spec, Start};
use tidemill_seam::{Claimed, Duration, Life, Liveness, Region};

type Tx = Producer<[u32; 1], Sparse, Claims>;
type Rx = Consumer<[u32; 1], Sparse, Claims>;
type Ui = Reader<[u32; 1], Sparse, Claims>;

/// The claims of one segment. The model does not follow them: each is made by one thread.
#[derive(Clone, Default, Debug)]
pub struct Claims(Arc<Mutex<Vec<(u32, u32)>>>);

/// Words of a segment of `spec()`, lines of one word each, as its header states them.
pub const PUBLISHED: u32 = 136;
/// The low word of the gate.
pub const GATE: u32 = 138;
const READERS_BED: u32 = 148;
const PRODUCER_BED: u32 = 149;
const TABLE: u32 = 152;
const PARTICIPANTS: u32 = 153;
const DATA: u32 = 188;

fn spec(history: u32) -> Spec {
    Spec::of::<[u32; 1]>(2).line(1).page(1).participants(1).journal(0).history(history)
}

/// What is raced for: the state, both positions, both park words, the control word, the cursor and the slots.
fn followed(at: u32) -> bool {
    matches!(at, 128 | PUBLISHED | GATE | READERS_BED | PRODUCER_BED | TABLE | PARTICIPANTS) || at >= DATA
}

fn ring(history: u32, lapse: Lapse) -> (Segment<Sparse>, Claims) {
    let spec = spec(history);
    let words = Layout::of(&spec).expect("a ring").words();
    assert_eq!(words, DATA + 2, "the words above are those of this layout");
    let (region, live) = (Sparse::new(words, lapse, followed), Claims::default());
    let segment = Segment::create(region, &spec, SegmentId(1), Creator::default(), &live);
    (segment.expect("it fits"), live)
}

impl Liveness for Claims {
    fn claim(&self, slot: u32, generation: u32) -> Result<(), Claimed> {
        let mut claims = self.0.lock().expect("nobody panics here");
        if claims.contains(&(slot, generation)) {
            return Err(Claimed);
        }
        claims.push((slot, generation));
        Ok(())
    }

    fn probe(&self, slot: u32, generation: u32) -> Life {
        let held = self.0.lock().expect("nobody panics here").contains(&(slot, generation));
        if held { Life::Alive } else { Life::Dead }
    }

    fn release(&self, slot: u32, generation: u32) {
        self.0.lock().expect("nobody panics here").retain(|claim| *claim != (slot, generation));
    }
}

fn item(at: u64) -> [u32; 1] {
    [at as u32 + 1]
}

fn opened(segment: &Segment<Sparse>, live: &Claims) -> Tx {
    segment.clone().producer(live.clone(), Identity::default()).expect("nobody else produces")
}

fn peer(policy: Policy) -> Peer {
    Peer::new(PeerName::parse("reads").expect("a name")).policy(policy)
}

fn joined(segment: &Segment<Sparse>, live: &Claims) -> Rx {
    segment.clone().consumer(live.clone(), &peer(Policy::Block), Start::Earliest).expect("a free slot")
}

fn push(mut tx: Tx, n: u64) {
    for at in 0..n {
        while tx.try_push(item(at)).is_err() {
            thread::yield_now();
        }
    }
    // Its end is no part of the history.
    std::mem::forget(tx);
}

/// Takes an item if one is there; it has to be that of its position.
fn take(rx: &mut Rx) -> bool {
    match rx.try_next() {
        Some(Next::Item(lease)) => {
            assert_eq!(*lease, item(lease.position().0), "another item stands in the slot");
            true
        }
        None => false,
        Some(other) => panic!("another item stands in the slot, or none: {other:?}"),
    }
}

/// Two laps through a ring of two: every item whole and in order (RL-1, RL-2).
pub fn two_laps(lapse: Lapse) {
    let n = u64::from(lengths(3, 40));
    let (segment, live) = ring(0, lapse);
    let (tx, mut rx) = (opened(&segment, &live), joined(&segment, &live));
    let pusher = thread::spawn(move || push(tx, n));
    let mut taken = 0;
    while taken < n {
        if take(&mut rx) {
            taken += 1;
        } else {
            thread::yield_now();
        }
    }
    pusher.join().expect("the producer ran through");
    std::mem::forget(rx);
}

/// Somebody joins while the producer goes round a ring that nobody gates: what it reads is what stands at its position
/// (RL-3, RL-4).
pub fn join_beside_a_rescan(lapse: Lapse) {
    let (segment, live) = ring(0, lapse);
    let tx = opened(&segment, &live);
    let pusher = thread::spawn(move || offer(tx, lengths(4, 12)));
    let mut rx = joined(&segment, &live);
    for _ in 0..lengths(1, 12) {
        take(&mut rx);
    }
    let tx = pusher.join().expect("the producer ran through");
    while take(&mut rx) {}
    std::mem::forget((rx, tx));
}

/// Offers items without waiting for room.
fn offer(mut tx: Tx, n: u32) -> Tx {
    for _ in 0..n {
        // Refused where somebody has joined and is waited for.
        let _ = tx.try_push(item(tx.published().0));
    }
    tx
}

/// A lossy reader beside a producer that goes round: what it is given is whole, whatever it missed (RL-5).
pub fn read_beside_an_overwrite(lapse: Lapse) {
    let (segment, live) = ring(1, lapse);
    let mut tx = opened(&segment, &live);
    let mut ui: Ui =
        segment.reader(live.clone(), &peer(Policy::Lossy), Start::Earliest).expect("a free slot");
    tx.try_push(item(0)).expect("a fresh ring has room");
    let pusher = thread::spawn(move || offer(tx, lengths(2, 20)));
    for _ in 0..lengths(1, 20) {
        let at = ui.position().0;
        match ui.try_next() {
            Some(Next::Item(got)) => assert_eq!(got, item(at), "an item of another lap"),
            Some(Next::Lagged { from, to }) => assert!(from.0 == at && to > from),
            None => {}
            Some(other) => panic!("a reader hears {other:?}"),
        }
    }
    let tx = pusher.join().expect("the producer ran through");
    std::mem::forget((ui, tx));
}

/// A consumer takes one item and leaves beside a producer that waits for it (RL-2, RL-7).
pub fn leave_beside_a_rescan(lapse: Lapse) {
    let (segment, live) = ring(0, lapse);
    let (tx, mut rx) = (opened(&segment, &live), joined(&segment, &live));
    let pusher = thread::spawn(move || push(tx, u64::from(lengths(3, 8))));
    while !take(&mut rx) {
        thread::yield_now();
    }
    drop(rx);
    pusher.join().expect("the producer ran through");
}

/// Sleeps as whoever has lain down: until woken.
fn sleep(region: &Sparse, bed: u32) {
    region.wait(bed, Parking::<Sparse>::ASLEEP, Duration::MAX);
}

/// A consumer sleeps whenever there is nothing beside a producer that publishes: it is woken for every item (RL-16).
pub fn sleep_beside_a_publication(lapse: Lapse) {
    let n = lengths(2, 12);
    let (segment, live) = ring(0, lapse);
    let (tx, mut rx) = (opened(&segment, &live), joined(&segment, &live));
    let pusher = thread::spawn(move || push(tx, u64::from(n)));
    for _ in 0..n {
        while !take(&mut rx) {
            if rx.lie_down() {
                sleep(segment.region(), rx.bed());
            }
        }
    }
    pusher.join().expect("the producer ran through");
    std::mem::forget(rx);
}

/// A consumer sleeps beside a producer that closes: it hears of the end (RL-16).
pub fn sleep_beside_a_close(lapse: Lapse) {
    let (segment, live) = ring(0, lapse);
    let (tx, mut rx) = (opened(&segment, &live), joined(&segment, &live));
    let closer = thread::spawn(move || tx.close());
    while !matches!(rx.try_next(), Some(Next::Closed(_))) {
        if rx.lie_down() {
            sleep(segment.region(), rx.bed());
        }
    }
    closer.join().expect("the producer ran through");
    std::mem::forget(rx);
}

/// A producer sleeps for room beside a consumer that takes what there is: it is woken (RL-16).
pub fn sleep_for_room(lapse: Lapse) {
    let (segment, live) = ring(0, lapse);
    let (mut tx, mut rx) = (opened(&segment, &live), joined(&segment, &live));
    (0..2).for_each(|at| assert!(tx.try_push(item(at)).is_ok(), "a fresh ring has room"));
    let taker = thread::spawn(move || {
        while take(&mut rx) {}
        rx
    });
    for at in 2..u64::from(lengths(3, 4)) {
        while tx.try_push(item(at)).is_err() {
            if tx.lie_down(1) {
                sleep(segment.region(), tx.bed());
            }
        }
    }
    let mut rx = taker.join().expect("the consumer ran through");
    while take(&mut rx) {}
    std::mem::forget((rx, tx));
}

/// The same beside a reader that is waited for, and evicted only by who loses patience: it wakes the producer as a consumer does
/// (RL-16).
pub fn sleep_for_room_behind_a_reader(lapse: Lapse) {
    let (segment, live) = ring(0, lapse);
    let mut tx = opened(&segment, &live);
    let evict = peer(Policy::Evict { after: Duration::MAX });
    let mut ui: Ui = segment.clone().reader(live.clone(), &evict, Start::Earliest).expect("a free slot");
    (0..2).for_each(|at| assert!(tx.try_push(item(at)).is_ok(), "a fresh ring has room"));
    let taker = thread::spawn(move || {
        while let Some(next) = ui.try_next() {
            assert!(matches!(next, Next::Item(_)), "another item stands in the slot, or none: {next:?}");
        }
        ui
    });
    for at in 2..u64::from(lengths(3, 4)) {
        while tx.try_push(item(at)).is_err() {
            if tx.lie_down(1) {
                sleep(segment.region(), tx.bed());
            }
        }
    }
    std::mem::forget((taker.join().expect("the reader ran through"), tx));
}
