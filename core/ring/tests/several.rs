//! Messages of several producers over one segment: whole, in the order of their claims, and never of two owners.
#![cfg(all(feature = "alloc", target_pointer_width = "64"))]

use std::collections::VecDeque;
use std::mem;
use tidemill_ring::frame::{
    Broken, Cause, Fixed, FrameConsumer, FrameReader, Message, Meta, MultiFrameProducer, MultiVarProducer,
    Room, Sink, Source, Unfilled, Var, VarConsumer,
};
use tidemill_ring::header::{Creator, Field, SegmentId};
use tidemill_ring::producer::OpenError;
use tidemill_ring::table::Identity;
use tidemill_ring::{
    End, Heap, JoinError, Layout, Local, MultiProducer, Next, Peer, PeerName, Policy, Position, Segment,
    Spec, Start, Why,
};
use tidemill_seam::{Liveness, Region};

const N: usize = 16;
/// Messages of a long exchange; few where every step is interpreted.
const COUNT: u64 = if cfg!(miri) { 30 } else { 600 };
const WHO: Identity = Identity { process: 1, started: 2, namespace: 3 };

type Live<'r> = &'r Local;
type Tx<'r> = MultiFrameProducer<N, Heap, Live<'r>>;
type VarTx<'r> = MultiVarProducer<N, Heap, Live<'r>>;
type Rx<'r> = FrameConsumer<N, Heap, Live<'r>, Room<2048>>;
type VarRx<'r> = VarConsumer<N, Heap, Live<'r>, Room<2048>>;

/// What somebody hears.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Heard {
    Message(u8, Vec<u8>),
    Broken(u64, Cause, u16),
    Lagged(u64, u64),
    Closed(End),
}

/// A ring of three producers in memory, and the claims on it.
struct Ring {
    region: Heap,
    live: Local,
}

impl Ring {
    fn new(spec: Spec) -> Self {
        let spec = spec.participants(3).producers(3);
        let region = Heap::new(Layout::of(&spec).expect("a ring").words());
        let live = Local::new();
        Segment::create(region.clone(), &spec, SegmentId(1), Creator::default(), &live).expect("it fits");
        Self { region, live }
    }

    fn parts(slots: u32) -> Self {
        Self::new(Spec::of::<Fixed<N>>(slots))
    }

    fn granules(granules: u32) -> Self {
        Self::new(Var::<N>::spec(granules))
    }

    fn segment(&self) -> Segment<Heap> {
        Segment::attach(self.region.clone()).expect("it is there")
    }

    fn tx(&self) -> Tx<'_> {
        self.segment().multi_frame_producer(&self.live, WHO).expect("a place is free")
    }

    fn var_tx(&self) -> VarTx<'_> {
        self.segment().multi_var_producer(&self.live, WHO).expect("a place is free")
    }

    fn rx(&self, name: &str, start: Start) -> Rx<'_> {
        self.segment().frame_consumer(&self.live, &peer(name), start, Room::new()).expect("there is a place")
    }

    fn var_rx(&self, name: &str, start: Start) -> VarRx<'_> {
        self.segment().var_consumer(&self.live, &peer(name), start, Room::new()).expect("there is a place")
    }

    fn ui(&self) -> FrameReader<N, Heap, Live<'_>, Room<2048>> {
        let lossy = peer("ui").policy(Policy::Lossy);
        let joined = self.segment().frame_reader(&self.live, &lossy, Start::Earliest, Room::new());
        joined.expect("there is a place")
    }

    /// Whoever has that claim is dead from now on.
    fn bury(&self, slot: u32, generation: u32) {
        self.live.release(slot, generation);
    }
}

fn peer(name: &str) -> Peer {
    Peer::new(PeerName::parse(name).expect("a name"))
}

fn payload(number: u64, len: usize) -> Vec<u8> {
    (0..len as u64).map(|at| (number * 31 + at * 7) as u8).collect()
}

/// What comes next, which is taken.
fn hear(rx: &mut impl Source) -> Option<Heard> {
    let whole = |message: Message<'_>, _| Heard::Message(message.kind, message.bytes.to_vec());
    Some(match rx.hear(whole)? {
        Next::Item(heard) => heard,
        Next::Broken { at, what: Broken { cause, parts_seen, .. } } => Heard::Broken(at.0, cause, parts_seen),
        Next::Lagged { from, to } => Heard::Lagged(from.0, to.0),
        Next::Closed(end) => Heard::Closed(end),
        other => panic!("{other:?}"),
    })
}

fn drain(rx: &mut impl Source) -> Vec<Heard> {
    let mut all = Vec::new();
    while let Some(heard) = hear(rx) {
        let closed = matches!(heard, Heard::Closed(_));
        all.push(heard);
        if closed {
            break;
        }
    }
    all
}

/// A part as somebody publishes it who does not claim all of its message at once.
fn part(items: &mut MultiProducer<Fixed<N>, Heap, Live<'_>>, number: u32, part: u16, parts: u16) {
    let mut slot = Fixed::new();
    let meta = Meta { part, parts, message: number, ..Meta::default() };
    slot.write(meta, &[number as u8; N]).expect("it fits");
    assert!(items.try_push(slot).is_ok(), "there is room");
}

/// Every message of three producers arrives at both who take it, whole and in the order of what was claimed.
fn exchange<T: Sink, X: Source>(
    mut all: [T; 3],
    mut readers: [X; 2],
    mut give_up: impl FnMut(&mut T, usize),
) {
    let mut waiting = [VecDeque::new(), VecDeque::new()];
    let (mut number, mut turn) = (0, 0);
    let max = all[0].payload_max();
    while number < COUNT {
        turn += 1;
        let (tx, sent) = (&mut all[turn % 3], payload(number, (number * 37) as usize % (max + 1)));
        if turn % 7 == 0 {
            give_up(tx, sent.len());
        }
        if tx.try_publish(&sent, number as u8).is_ok() {
            for queue in &mut waiting {
                queue.push_back(Heard::Message(number as u8, sent.clone()));
            }
            number += 1;
            continue;
        }
        for (rx, queue) in readers.iter_mut().zip(&mut waiting) {
            assert_eq!(drain(rx), queue.drain(..).collect::<Vec<_>>());
        }
    }
    drop(all);
    for (rx, mut queue) in readers.iter_mut().zip(waiting) {
        queue.push_back(Heard::Closed(End::Finished));
        assert_eq!(drain(rx), Vec::from(queue));
    }
}

// RING-MPSC, RING-FRAMES, RING-LAYERS: messages of several in parts arrive whole, each once, in the order of their claims; what is
// given up leaves nothing (RL-1, RL-11, RL-14)
#[test]
fn messages_of_several_in_parts_arrive_whole() {
    for slots in [1, 4, 8, 128] {
        let ring = Ring::parts(slots);
        let readers = ["a", "b"].map(|name| ring.rx(name, Start::Earliest));
        exchange([ring.tx(), ring.tx(), ring.tx()], readers, |tx, len| {
            if let Ok(mut grant) = tx.grant(len, 9) {
                grant.write(&vec![1; len / 2]);
            }
        });
    }
}

// RING-MPSC, RING-FRAMES, RING-LAYERS: and so do messages in runs, whatever is left of the ring where they begin
#[test]
fn messages_of_several_in_runs_arrive_whole() {
    for granules in [1, 4, 8, 128] {
        let ring = Ring::granules(granules);
        let readers = ["a", "b"].map(|name| ring.var_rx(name, Start::Earliest));
        exchange([ring.var_tx(), ring.var_tx(), ring.var_tx()], readers, |tx, len| {
            if let Ok(mut grant) = tx.grant(len, 9) {
                grant.write(&vec![1; len / 2]);
            }
        });
    }
}

// RING-MPSC, RING-FRAMES: parts that lie between each other are of nobody's message: the numbers of two owners are two numbers, and
// what is broken is told with how much of it had come (RL-14)
#[test]
fn parts_of_two_owners_are_never_one_message_rl_14() {
    let ring = Ring::parts(16);
    let (mut one, mut other) = (ring.tx(), ring.tx());
    let mut rx = ring.rx("rx", Start::Earliest);
    part(one.raw(), 5, 0, 2);
    part(other.raw(), 5, 1, 2);
    part(one.raw(), 5, 1, 2);
    one.try_publish(&[7; 20], 1).expect("there is room");
    let broken = |at, cause, seen| Heard::Broken(at, cause, seen);
    let message = |len| Heard::Message(1, vec![7; len]);
    let none = Cause::NoFirst;
    let want = [broken(1, Cause::Cut, 1), broken(1, none, 0), broken(2, none, 0), message(20)];
    assert_eq!(drain(&mut rx), want);
    // A new first part of the same owner, and parts that are nothing new.
    part(one.raw(), 6, 0, 3);
    part(one.raw(), 7, 0, 3);
    part(one.raw(), 7, 2, 3);
    part(one.raw(), 7, 1, 3);
    other.try_publish(&[7; 3], 1).expect("there is room");
    let gap = Cause::Gap { want: 1, have: 2 };
    assert_eq!(drain(&mut rx), [broken(6, Cause::Cut, 1), broken(7, gap, 1), message(3)]);
}

// RING-MPSC, RING-FRAMES, RING-DEATH: what its owner gave up, and what is void since it died, ends the open message, whoever is heard
// next, by who is waited for and by who may be overtaken (RL-12, RL-14)
#[test]
fn a_gap_ends_the_open_message_rl_14() {
    for dies in [false, true] {
        let ring = Ring::new(Spec::of::<Fixed<N>>(16).history(8));
        let (mut one, mut other) = (ring.tx(), ring.tx());
        let (mut rx, mut ui) = (ring.rx("rx", Start::Earliest), ring.ui());
        part(one.raw(), 3, 0, 3);
        part(one.raw(), 3, 1, 3);
        let (slot, generation) = (one.raw().slot(), one.raw().generation());
        let claims = one.raw().claims(2).expect("there is room");
        if dies {
            mem::forget(claims);
        } else {
            drop(claims);
        }
        assert_eq!(hear(&mut rx), if dies { None } else { Some(Heard::Broken(2, Cause::Void, 2)) });
        other.try_publish(&[7; 40], 1).expect("there is room");
        if dies {
            assert_eq!(drain(&mut rx), [], "nobody has proved it");
            mem::forget(one);
            ring.bury(slot, generation);
            assert!(rx.tend().is_none());
            assert_eq!(hear(&mut rx), Some(Heard::Broken(2, Cause::Void, 2)));
        }
        let whole = Heard::Message(1, vec![7; 40]);
        assert_eq!(drain(&mut rx), std::slice::from_ref(&whole));
        assert_eq!(drain(&mut ui), [Heard::Broken(2, Cause::Void, 2), whole]);
        if dies {
            // The end of the stream ends it too.
            part(other.raw(), 8, 0, 2);
            drop(other);
            let ended = [Heard::Broken(8, Cause::Ended, 1), Heard::Closed(End::Crashed)];
            assert_eq!(drain(&mut rx), ended);
        }
    }
}

// RING-MPSC, RING-LOAN: a message of more parts than are looked for at once is taken as a whole: who dies with it gets it again
#[test]
fn a_long_message_of_several_is_taken_as_a_whole() {
    let ring = Ring::parts(128);
    let (mut one, mut other) = (ring.tx(), ring.tx());
    let mut rx = ring.rx("rx", Start::Earliest);
    other.try_publish(&[1], 0).expect("there is room");
    let long = payload(3, 100 * N + 5);
    one.try_publish(&long, 1).expect("there is room");
    other.try_publish(&[2], 2).expect("there is room");
    assert_eq!(hear(&mut rx), Some(Heard::Message(0, vec![1])));
    let Some(Next::Item(held)) = rx.try_next() else { panic!("a message waits") };
    assert_eq!((held.message().parts, held.len()), (101, long.len()));
    held.put_back();
    assert_eq!(rx.position(), Position(1), "none of it is passed");
    let (slot, generation) = (rx.slot(), ring.segment().ctl(rx.slot()).expect("ours").generation);
    mem::forget(rx);
    ring.bury(slot, generation);
    let mut rx = ring.rx("rx", Start::Resume);
    assert_eq!(drain(&mut rx), [Heard::Message(1, long), Heard::Message(2, vec![2])]);
}

// RING-MPSC, RING-FRAMES: what never fits is refused at once, in bytes; what does not fit now, with whom it waits for; and nothing of
// either is published (RL-15)
#[test]
fn a_message_of_several_is_refused_as_a_whole_rl_15() {
    let ring = Ring::new(Spec::of::<Fixed<N>>(8).history(2));
    let (mut one, mut other) = (ring.tx(), ring.tx());
    let mut rx = ring.rx("rx", Start::Earliest);
    let max = 6 * N as u32;
    assert_eq!(one.payload_max(), 6 * N);
    assert_eq!(one.try_publish(&[0; 6 * N + 1], 0).unwrap_err().why, Why::TooLarge { max });
    assert_eq!(one.grant(6 * N + 1, 0).map(drop).unwrap_err().why, Why::TooLarge { max });
    let by = one.raw().slot();
    let mut grant = one.grant(5 * N, 4).expect("there is room");
    assert_eq!((grant.write(&[4; 3 * N]), grant.missing()), (3 * N, 2 * N));
    let why = other.try_publish(&[1; 4 * N], 0).unwrap_err().why;
    assert_eq!(why, Why::Full { by, missing: 1 }, "everybody waits for that one");
    assert_eq!(grant.commit(), Err(Unfilled { missing: 2 * N }));
    assert_eq!(drain(&mut rx), []);
    let mut grant = one.grant(3 * N, 4).expect("there is room");
    grant.write(&[4; 9 * N]);
    assert_eq!(grant.commit(), Ok(Position(5)));
    assert_eq!(drain(&mut rx), [Heard::Message(4, vec![4; 3 * N])]);
    let wide = Ring::granules(2048);
    let mut tx = wide.var_tx();
    assert_eq!(tx.payload_max(), 1023 * N, "what a word has bits for");
    let max = 1023 * N as u32;
    assert_eq!(tx.try_publish(&vec![0; 1023 * N + 1], 0).unwrap_err().why, Why::TooLarge { max });
    assert_eq!(tx.try_publish(&vec![0; 1023 * N], 0).map_err(|refused| refused.why), Ok(Position(0)));
}

// RING-MPSC, RING-LAYERS: of a run that its producer died in nothing is a message, and what others publish behind it is (RL-12)
#[test]
fn a_dead_producers_run_is_nobodys_message_rl_8_rl_12() {
    let ring = Ring::granules(8);
    let (mut dies, mut lives) = (ring.var_tx(), ring.var_tx());
    let mut rx = ring.var_rx("rx", Start::Earliest);
    lives.try_publish(&[3; 2 * N], 3).expect("there is room");
    let mut grant = dies.grant(3 * N, 1).expect("there is room");
    grant.write(&[1; 3 * N]);
    mem::forget(grant);
    lives.try_publish(&[2; N], 2).expect("there is room");
    assert_eq!(drain(&mut rx), [Heard::Message(3, vec![3; 2 * N])]);
    let (slot, generation) = (dies.slot(), dies.generation());
    mem::forget(dies);
    ring.bury(slot, generation);
    assert_eq!(lives.tend(tidemill_seam::Instant::ZERO).voided, 3);
    assert_eq!(drain(&mut rx), [Heard::Message(2, vec![2; N])]);
    assert_eq!(lives.try_publish(&[4; 4 * N], 4).map_err(|refused| refused.why), Ok(Position(8)));
    assert_eq!(drain(&mut rx), [Heard::Message(4, vec![4; 4 * N])], "two granules are left before the end");
}

/// Says something else about the message that begins at a position.
fn belie(ring: &Ring, at: Position, len: u32) {
    let segment = ring.segment();
    let entry = segment.header().layout.index_entry(at.0).expect("it has an index");
    // Relaxed: on the thread that looks.
    // SAFETY: the third word of an entry, within the segment.
    unsafe { segment.region().store(entry + 2, len, std::sync::atomic::Ordering::Relaxed) };
}

// RING-MPSC, RING-UNTRUSTED: whoever lies about the length of its run takes nothing of what others publish with it (RL-18)
#[test]
fn a_lying_length_takes_no_message_of_others_with_it_rl_18() {
    for says in [3 * N as u32, 8 * N as u32, 1_000_000, u32::MAX] {
        let ring = Ring::granules(16);
        let (mut lies, mut other) = (ring.var_tx(), ring.var_tx());
        let mut rx = ring.var_rx("rx", Start::Earliest);
        let at = lies.try_publish(&[1; 2 * N], 1).expect("there is room");
        other.try_publish(&[2; 3 * N], 2).expect("there is room");
        belie(&ring, at, says);
        let broken = Heard::Broken(0, Cause::Length { says, has: 2 * N as u32 }, 0);
        assert_eq!(drain(&mut rx), [broken, Heard::Message(2, vec![2; 3 * N])]);
        // A shorter one is a shorter message of its own, and the rest of it none.
        let at = lies.try_publish(&[1; 3 * N], 1).expect("there is room");
        belie(&ring, at, 5);
        let rest = Heard::Broken(at.0 + 1, Cause::NoFirst, 0);
        assert_eq!(drain(&mut rx), [Heard::Message(1, vec![1; 5]), rest]);
    }
}

// RING-MPSC, RING-JOIN: who comes in the middle of a message is told once that its first part is missing, in either form
#[test]
fn who_comes_in_the_middle_of_a_message_of_several_is_told_once() {
    let (parts, runs) = (Ring::parts(128), Ring::granules(128));
    let (mut tx, mut var_tx) = (parts.tx(), runs.var_tx());
    for sink in [&mut tx as &mut dyn Sends, &mut var_tx] {
        sink.send(&[1; 90 * N], 1);
        sink.send(&[2; 2], 2);
    }
    let (at, seen) = (Start::At(Position(10)), Heard::Message(2, vec![2; 2]));
    let want = [Heard::Broken(10, Cause::NoFirst, 0), seen];
    assert_eq!(drain(&mut parts.rx("rx", at)), want);
    assert_eq!(drain(&mut runs.var_rx("rx", at)), want);
}

/// Either form, by one name.
trait Sends {
    fn send(&mut self, payload: &[u8], kind: u8);
}

impl<S: Sink> Sends for S {
    fn send(&mut self, payload: &[u8], kind: u8) {
        self.try_publish(payload, kind).expect("nobody is waited for");
    }
}

// RING-TYPES, RING-MPSC: elements of several are no granules, and granules of several no elements
#[test]
fn what_lies_in_the_slots_of_several_is_agreed_upon() {
    let (slots, granules) = (Ring::new(Spec::of::<Var<N>>(4)), Ring::granules(4));
    let wrong = |field| field == Field::Kind;
    let refused = slots.segment().multi_var_producer::<N, _>(&slots.live, WHO).map(drop);
    assert!(matches!(refused, Err(OpenError::Incompatible(why)) if wrong(why.field)));
    let refused = granules.segment().multi_producer::<Var<N>, _>(&granules.live, WHO).map(drop);
    assert!(matches!(refused, Err(OpenError::Incompatible(why)) if wrong(why.field)));
    let refused =
        slots.segment().var_consumer::<N, _, _>(&slots.live, &peer("rx"), Start::Latest, Room::<16>::new());
    assert!(matches!(refused.map(drop), Err(JoinError::Incompatible(why)) if wrong(why.field)));
}

// RING-MPSC, RING-MEMORY: two threads publish messages of all lengths and a third takes them: each is whole, and those of one are in
// its order
#[test]
fn two_threads_publish_messages_and_a_third_takes_them() {
    fn run<T: Sink + Send, X: Source>(all: [T; 2], mut rx: X) {
        let each = COUNT / 2;
        std::thread::scope(|scope| {
            for (who, mut tx) in all.into_iter().enumerate() {
                scope.spawn(move || {
                    for number in 0..each {
                        let sent = payload(number, (number * 13) as usize % (tx.payload_max() + 1));
                        while tx.try_publish(&sent, who as u8).is_err() {
                            std::thread::yield_now();
                        }
                    }
                });
            }
            let mut next = [0; 2];
            loop {
                match hear(&mut rx) {
                    Some(Heard::Message(who, bytes)) => {
                        let number = &mut next[usize::from(who)];
                        assert_eq!(bytes, payload(*number, bytes.len()), "message {number} of {who}");
                        *number += 1;
                    }
                    Some(Heard::Closed(_)) => break,
                    Some(other) => panic!("{other:?}"),
                    None => std::thread::yield_now(),
                }
            }
            assert_eq!(next, [each; 2]);
        });
    }
    let (parts, runs) = (Ring::parts(8), Ring::granules(8));
    run([parts.tx(), parts.tx()], parts.rx("rx", Start::Earliest));
    run([runs.var_tx(), runs.var_tx()], runs.var_rx("rx", Start::Earliest));
}
