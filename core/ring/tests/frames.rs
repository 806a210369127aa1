//! Messages over a segment: whole or broken, never short, and published whole or not at all.
#![cfg(feature = "alloc")]

use std::collections::VecDeque;
use std::mem::{self, ManuallyDrop};
use tidemill_ring::frame::{
    Broken, Cause, Fixed, FrameConsumer, FrameProducer, FrameReader, Memory, Message, Meta, Room, Unfilled,
    Var, VarConsumer, VarProducer,
};
use tidemill_ring::header::{Creator, Field, SegmentId};
use tidemill_ring::table::Identity;
use tidemill_ring::{
    End, Heap, JoinError, Layout, Local, Next, Peer, PeerName, Policy, Position, Producer, Segment, Spec,
    Start, Why,
};
use tidemill_seam::{Duration, Instant, Liveness};

const N: usize = 16;
/// Messages of a long exchange; few where every step is interpreted.
const COUNT: u64 = if cfg!(miri) { 36 } else { 600 };
type Live<'r> = &'r Local;
type Tx<'r> = FrameProducer<N, Heap, Live<'r>>;
type Rx<'r> = FrameConsumer<N, Heap, Live<'r>, Room<256>>;

/// A ring in memory, and the claims on it.
struct Ring {
    region: Heap,
    live: Local,
}

/// What somebody hears.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Heard {
    Message(u8, Vec<u8>),
    Broken(u64, Cause, u16),
    Lagged(u64, u64),
    Restarted,
    Closed(End),
}

impl Ring {
    fn new(spec: Spec) -> Self {
        let region = Heap::new(Layout::of(&spec).expect("a ring").words());
        let live = Local::new();
        Segment::create(region.clone(), &spec, SegmentId(1), Creator::default(), &live).expect("it fits");
        Self { region, live }
    }

    /// Slots for parts of 16 bytes.
    fn parts(slots: u32) -> Self {
        Self::new(Spec::of::<Fixed<N>>(slots).participants(2))
    }

    fn granules(granules: u32) -> Self {
        Self::new(Var::<N>::spec(granules).participants(2))
    }

    fn segment(&self) -> Segment<Heap> {
        Segment::attach(self.region.clone()).expect("it is there")
    }

    fn tx(&self) -> Tx<'_> {
        self.segment().frame_producer(&self.live, Identity::default()).expect("nobody else produces")
    }

    fn rx(&self, start: Start) -> Rx<'_> {
        let joined = self.segment().frame_consumer(&self.live, &peer("rx"), start, Room::new());
        joined.expect("there is a place")
    }

    fn ui(&self) -> FrameReader<N, Heap, Live<'_>, Room<256>> {
        let lossy = peer("ui").policy(Policy::Lossy);
        let joined = self.segment().frame_reader(&self.live, &lossy, Start::Earliest, Room::new());
        joined.expect("there is a place")
    }

    fn var_tx(&self) -> VarProducer<N, Heap, Live<'_>> {
        self.segment().var_producer(&self.live, Identity::default()).expect("nobody else produces")
    }

    fn var_rx(&self, start: Start) -> VarConsumer<N, Heap, Live<'_>, Memory> {
        let joined = self.segment().var_consumer(&self.live, &peer("rx"), start, Memory::new(256));
        joined.expect("there is a place")
    }

    /// Whoever has that slot is dead from now on.
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

fn told<T>(next: Next<T>, message: impl FnOnce(T) -> Heard) -> Heard {
    match next {
        Next::Item(item) => message(item),
        Next::Broken { at, what: Broken { cause, parts_seen, .. } } => Heard::Broken(at.0, cause, parts_seen),
        Next::Lagged { from, to } => Heard::Lagged(from.0, to.0),
        Next::Restarted { .. } => Heard::Restarted,
        Next::Closed(end) => Heard::Closed(end),
        other => panic!("{:?}", other.map(|_| ())),
    }
}

fn whole(message: Message<'_>) -> Heard {
    Heard::Message(message.kind, message.bytes.to_vec())
}

/// Everything that is to be heard, up to the first end of the stream.
fn drain(rx: &mut Rx<'_>) -> Vec<Heard> {
    let mut all = Vec::new();
    while let Some(next) = rx.try_next() {
        all.push(told(next, |received| whole(received.message())));
        if matches!(all.last(), Some(Heard::Closed(_))) {
            break;
        }
    }
    all
}

fn drain_var(rx: &mut VarConsumer<N, Heap, Live<'_>, Memory>) -> Vec<Heard> {
    std::iter::from_fn(|| rx.try_next().map(|next| told(next, |received| whole(received.message()))))
        .collect()
}

/// A part as somebody who keeps no law publishes it.
fn publish_part(items: &mut Producer<Fixed<N>, Heap, Live<'_>>, meta: Meta, bytes: &[u8]) {
    let mut slot = Fixed::new();
    slot.write(meta, bytes).expect("it fits");
    assert!(items.try_push(slot).is_ok(), "there is room");
}

fn first_of_three(tx: &mut Tx<'_>, message: u32) {
    publish_part(tx.raw(), Meta { parts: 3, message, ..Meta::default() }, &[9; N]);
}

/// Publishes messages of all lengths as long as there is room, and takes them, in turns.
fn exchange(max: usize, mut publish: impl FnMut(&[u8], u8) -> bool, mut drain: impl FnMut() -> Vec<Heard>) {
    let mut waiting = VecDeque::new();
    let (mut number, mut refused) = (0_u64, 0);
    while number < COUNT {
        let sent = payload(number, (number as usize * 37) % (max + 1));
        if publish(&sent, number as u8) {
            waiting.push_back(Heard::Message(number as u8, sent));
            number += 1;
            continue;
        }
        refused += 1;
        assert!(!waiting.is_empty(), "an empty ring refuses {} bytes", sent.len());
        assert_eq!(drain(), Vec::from(mem::take(&mut waiting)));
    }
    assert_eq!(drain(), Vec::from(waiting));
    assert!(refused > COUNT / 12, "{refused}");
}

// RING-FRAMES, RING-LAYERS: messages of every length go through rings of every size, whole and in order (RL-1, RL-14).
#[test]
fn messages_of_every_length_arrive_whole_and_in_order() {
    for slots in [1, 2, 4, 8, 16] {
        let ring = Ring::parts(slots);
        let (mut tx, mut rx) = (ring.tx(), ring.rx(Start::Earliest));
        let max = tx.payload_max();
        assert_eq!(max, slots as usize * N);
        exchange(max, |bytes, kind| tx.try_publish(bytes, kind).is_ok(), || drain(&mut rx));
        let ring = Ring::granules(slots);
        let (mut tx, mut rx) = (ring.var_tx(), ring.var_rx(Start::Earliest));
        assert_eq!(tx.payload_max(), max);
        exchange(max, |bytes, kind| tx.try_publish(bytes, kind).is_ok(), || drain_var(&mut rx));
    }
}

// RING-LAYERS, RING-LOAN: what is refused, given up or unfinished leaves nothing; what never fits is refused at once (RL-15).
#[test]
fn a_message_is_published_whole_or_not_at_all_rl_15() {
    let (ring, sent) = (Ring::parts(4), payload(1, 40));
    let (mut tx, mut rx) = (ring.tx(), ring.rx(Start::Earliest));
    assert_eq!(tx.try_publish(&[0; 65], 1).unwrap_err().why, Why::TooLarge { max: 64 });
    assert_eq!(tx.grant(65, 1).unwrap_err().why, Why::TooLarge { max: 64 });
    let mut grant = tx.grant(40, 1).expect("the ring is empty");
    assert_eq!((grant.write(&sent[..20]), grant.missing()), (20, 20));
    assert_eq!(grant.commit(), Err(Unfilled { missing: 20 }));
    assert_eq!(tx.grant(64, 1).expect("the ring is empty").missing(), 64);
    assert_eq!(drain(&mut rx), []);
    let mut grant = tx.grant(40, 1).expect("the ring is empty");
    assert_eq!(sent.chunks(7).map(|piece| grant.write(piece)).sum::<usize>(), 40);
    assert_eq!((grant.write(b"more"), grant.commit()), (0, Ok(Position(0))));
    assert!(matches!(tx.try_publish(&sent, 1).unwrap_err().why, Why::Full { missing: 2, .. }));
    assert_eq!(drain(&mut rx), [Heard::Message(1, sent.clone())]);

    let ring = Ring::granules(4);
    let (mut tx, mut rx) = (ring.var_tx(), ring.var_rx(Start::Earliest));
    assert_eq!(tx.try_publish(&[0; 65], 1).unwrap_err().why, Why::TooLarge { max: 64 });
    let mut grant = tx.grant(40, 1).expect("the ring is empty");
    assert_eq!((grant.write(&sent[..20]), grant.missing()), (20, 20));
    assert_eq!(grant.commit(), Err(Unfilled { missing: 20 }));
    assert_eq!((tx.published(), drain_var(&mut rx)), (Position(0), vec![]));
    let mut grant = tx.grant(40, 1).expect("the ring is empty");
    assert_eq!(sent.chunks(7).map(|piece| grant.write(piece)).sum::<usize>(), 40);
    assert_eq!(grant.commit(), Ok(Position(0)));
    assert!(matches!(tx.try_publish(&sent, 1).unwrap_err().why, Why::Full { .. }));
    assert_eq!(drain_var(&mut rx), [Heard::Message(1, sent)]);
}

// RING-FRAMES, RING-LAYERS: an orphan first part costs one message, and the fifty behind it arrive.
#[test]
fn an_orphan_first_part_costs_one_message_r_ring_06() {
    for slots in [4, 8] {
        let ring = Ring::parts(slots);
        let (mut tx, mut rx) = (ring.tx(), ring.rx(Start::Earliest));
        first_of_three(&mut tx, 7);
        assert_eq!(drain(&mut rx), [], "the rest of it may come");
        let mut heard = Vec::new();
        for number in 0..50 {
            // The longest one of the smaller ring needs every slot: the orphan holds none of them.
            tx.try_publish(&payload(number, 64), 1).expect("whatever was heard holds nothing back");
            heard.extend(drain(&mut rx));
        }
        let mut expected = vec![Heard::Broken(1, Cause::Cut, 1)];
        expected.extend((0..50).map(|number| Heard::Message(1, payload(number, 64))));
        assert_eq!(heard, expected);
    }
}

// RING-FRAMES, RING-LAYERS: who begins in the middle of a message hears of one that is broken, and of no short one.
#[test]
fn a_tail_part_is_never_a_message_r_ring_07() {
    for from in 1..4 {
        let ring = Ring::parts(8);
        let mut tx = ring.tx();
        for number in 0..2 {
            tx.try_publish(&payload(number, 60), 1).expect("there is room");
        }
        let mut rx = ring.rx(Start::At(Position(from)));
        let next = Heard::Message(1, payload(1, 60));
        assert_eq!(drain(&mut rx), [Heard::Broken(from, Cause::NoFirst, 0), next.clone()]);

        let ring = Ring::granules(8);
        let mut tx = ring.var_tx();
        for number in 0..2 {
            tx.try_publish(&payload(number, 60), 1).expect("there is room");
        }
        let mut rx = ring.var_rx(Start::At(Position(from)));
        assert_eq!(drain_var(&mut rx), [Heard::Broken(from, Cause::NoFirst, 0), next]);
    }
}

// RING-FRAMES, RING-LAYERS: a length that cannot be is a fault with a cause; the cursor moves on, and a restart is clean.
#[test]
fn a_lying_length_is_a_fault_not_a_poison_pill_r_ring_08() {
    let ring = Ring::parts(8);
    let (mut tx, mut rx) = (ring.tx(), ring.rx(Start::Earliest));
    let mut lie = Fixed::<N>::new();
    tidemill_ring::element::bytes_mut(&mut lie)[..4].copy_from_slice(&1_000_000_u32.to_ne_bytes());
    tidemill_ring::element::bytes_mut(&mut lie)[4..8].copy_from_slice(&(1_u32 << 16).to_ne_bytes());
    assert!(tx.raw().try_push(lie).is_ok());
    tx.try_publish(b"good", 1).expect("there is room");
    let cause = Cause::Length { says: 1_000_000, has: 16 };
    let good = Heard::Message(1, b"good".to_vec());
    assert_eq!(drain(&mut rx), [Heard::Broken(0, cause, 0), good.clone()]);
    drop(rx);
    let mut rx = ring.rx(Start::Latest);
    tx.try_publish(b"good", 1).expect("there is room");
    assert_eq!(drain(&mut rx), [good]);
}

// RING-LAYERS, RING-LOAN: a message that was put back, or whose reader died, comes again, whole.
#[test]
fn a_message_that_was_not_acknowledged_comes_again_whole() {
    let ring = Ring::parts(8);
    let (mut tx, mut rx) = (ring.tx(), ring.rx(Start::Earliest));
    let sent = payload(3, 40);
    tx.try_publish(&sent, 5).expect("there is room");
    let Some(Next::Item(received)) = rx.try_next() else { panic!("it was published") };
    assert_eq!((&*received, received.position()), (&sent[..], Position(0)));
    received.put_back();
    let Some(Next::Item(received)) = rx.try_next() else { panic!("it was put back") };
    assert_eq!(received.message().kind, 5);
    mem::forget(received);
    let slot = rx.raw().slot();
    let generation = ring.segment().ctl(slot).expect("it is there").generation;
    // Dead: it does nothing more. Its memory is given back in the end, for who looks for leaks.
    let dead = ManuallyDrop::new(rx);
    ring.bury(slot, generation);
    let mut rx = ring.rx(Start::Resume);
    assert_eq!(drain(&mut rx), [Heard::Message(5, sent)]);
    assert_eq!(drain(&mut rx), []);
    drop(ManuallyDrop::into_inner(dead));
}

// RING-LAYERS, RING-RESTART: a restart and an end break what is open, and are told behind it (RL-10, RL-14).
#[test]
fn a_restart_and_an_end_break_the_open_message() {
    let ring = Ring::parts(8);
    let (mut tx, mut rx) = (ring.tx(), ring.rx(Start::Earliest));
    first_of_three(&mut tx, 0);
    assert_eq!(drain(&mut rx), []);
    let generation = tx.raw().generation();
    let dead = ManuallyDrop::new(tx);
    ring.bury(Layout::PRODUCER, generation);
    let mut tx = ring.tx();
    tx.try_publish(b"anew", 2).expect("there is room");
    let restart = Heard::Broken(1, Cause::Restart, 1);
    assert_eq!(drain(&mut rx), [restart, Heard::Restarted, Heard::Message(2, b"anew".to_vec())]);
    first_of_three(&mut tx, 1);
    drop(tx);
    assert_eq!(drain(&mut rx), [Heard::Broken(3, Cause::Ended, 1), Heard::Closed(End::Finished)]);
    assert_eq!(drain(&mut rx), [Heard::Closed(End::Finished)]);
    drop(ManuallyDrop::into_inner(dead));
}

// RING-LAYERS, RING-POLICY: who is overtaken in the middle of a message hears that it is broken, then of the loss.
#[test]
fn a_lag_breaks_the_open_message_and_is_told_behind_it() {
    let ring = Ring::new(Spec::of::<Fixed<N>>(8).participants(2).history(2));
    let mut tx = ring.tx();
    let mut ui = ring.ui();
    first_of_three(&mut tx, 0);
    assert_eq!(ui.try_next(), None);
    for number in 0..20 {
        tx.try_publish(&payload(number, 10), 1).expect("nobody is waited for");
    }
    let mut heard = Vec::new();
    while let Some(next) = ui.try_next() {
        heard.push(told(next, whole));
    }
    assert_eq!(heard[0], Heard::Broken(1, Cause::Lagged, 1));
    let Heard::Lagged(1, to) = heard[1] else { panic!("{heard:?}") };
    let expected: Vec<Heard> = (to - 1..20).map(|number| Heard::Message(1, payload(number, 10))).collect();
    assert_eq!(heard[2..], expected);
}

// RING-LAYERS: a bounded poll hands out whole messages, and what else is heard behind them.
#[test]
fn a_poll_is_bounded_and_loses_no_news() {
    let ring = Ring::parts(8);
    let (mut tx, mut rx) = (ring.tx(), ring.rx(Start::Earliest));
    for number in 0..3 {
        tx.try_publish(&payload(number, 20), 1).expect("there is room");
    }
    tx.into_raw().close();
    let mut at = Vec::new();
    assert_eq!(rx.poll(2, |message, position| at.push((position.0, message.parts))), (2, None));
    let closed = Some(Next::Closed(End::Finished));
    assert_eq!(rx.poll(9, |message, position| at.push((position.0, message.parts))), (1, closed));
    assert_eq!(at, [(0, 2), (2, 2), (4, 2)]);
}

// RING-LAYERS: a stamped message says when it was sent, by the clock of its sender.
#[test]
fn a_stamped_message_says_when_it_was_sent() {
    let ring = Ring::parts(8);
    let (mut tx, mut rx) = (ring.tx(), ring.rx(Start::Earliest));
    tx.stamp(Instant::from_nanos(6_400));
    tx.try_publish(&[1; 20], 1).expect("there is room");
    let Some(Next::Item(received)) = rx.try_next() else { panic!("it was published") };
    let age = received.message().sent.age(Instant::from_nanos(64_000));
    assert_eq!(age, Duration::from_nanos(57_600));
}

// RING-LAYERS, RING-TYPES: the two forms are not taken for each other, nor for slots.
#[test]
fn rings_of_another_form_are_refused_by_what_differs() {
    let slots = Ring::new(Spec::of::<Var<N>>(8));
    let refused =
        slots.segment().var_consumer::<N, _, _>(&slots.live, &peer("rx"), Start::Latest, [0_u8; 16]);
    assert!(matches!(refused, Err(JoinError::Incompatible(error)) if error.field == Field::Kind));
    let granules = Ring::granules(8);
    let refused =
        granules.segment().frame_consumer::<N, _, _>(&granules.live, &peer("rx"), Start::Latest, [0_u8; 16]);
    assert!(matches!(refused, Err(JoinError::Incompatible(error)) if error.field == Field::ElementSize));
    let refused = granules.segment().var_producer::<32, _>(&granules.live, Identity::default());
    assert!(refused.is_err(), "granules of another size");
}
