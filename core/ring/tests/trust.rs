//! Items and messages seen and written where they lie: held until they are acknowledged, shown whole or not at all.
#![cfg(feature = "alloc")]

use std::mem::ManuallyDrop;
use std::thread;
use tidemill_ring::frame::{
    Fixed, FrameConsumer, FrameProducer, Room, Sink, TooLarge, TryFill, Var, VarConsumer, VarProducer,
};
use tidemill_ring::header::{Creator, SegmentId};
use tidemill_ring::table::Identity;
use tidemill_ring::trust::NotInPlace;
use tidemill_ring::{
    Consumer, Heap, Layout, Local, Next, Peer, PeerName, Plain, Policies, Position, Producer, Raw, Segment,
    Spec, Start, Trusting, Why,
};
use tidemill_seam::{Instant, Liveness};

const N: usize = 16;
/// Items of a long exchange; few where every step is interpreted.
const COUNT: u64 = if cfg!(miri) { 12 } else { 20_000 };

type Live<'r> = &'r Local;

struct Ring {
    segment: Segment<Heap>,
    live: Local,
}

impl Ring {
    /// Everybody in it is waited for.
    fn new(spec: Spec) -> Self {
        let spec = spec.policies(Policies::BLOCK).participants(2);
        let (live, region) = (Local::new(), Heap::new(Layout::of(&spec).expect("a ring").words()));
        let segment = Segment::create(region, &spec, SegmentId(1), Creator::default(), &live);
        Self { segment: segment.expect("it fits"), live }
    }

    fn tx<E: Plain>(&self) -> Producer<E, Heap, Live<'_>> {
        self.segment.clone().producer(&self.live, Identity::default()).expect("nobody else produces")
    }

    fn rx<E: Plain>(&self) -> Trusting<Consumer<E, Heap, Live<'_>>> {
        let rx = self.segment.clone().consumer(&self.live, &peer(), Start::Resume);
        // SAFETY: all handles of the region are those of this ring, and its halves keep the laws.
        unsafe { Trusting::new(rx.expect("there is a place")) }.expect("a heap is aligned")
    }

    fn var_tx(&self) -> Trusting<VarProducer<N, Heap, Live<'_>>> {
        let tx = self.segment.clone().var_producer(&self.live, Identity::default());
        // SAFETY: as for `rx`, and nobody looks on.
        unsafe { Trusting::new(tx.expect("nobody else produces")) }.expect("everybody is waited for")
    }

    fn var_rx(&self) -> Trusting<VarConsumer<N, Heap, Live<'_>, [u8; 0]>> {
        let rx = self.segment.clone().var_consumer(&self.live, &peer(), Start::Resume, []);
        // SAFETY: as for `rx`.
        unsafe { Trusting::new(rx.expect("there is a place")) }.expect("bytes lie anywhere")
    }

    fn frame_tx(&self) -> Trusting<FrameProducer<N, Heap, Live<'_>>> {
        let tx = self.segment.clone().frame_producer(&self.live, Identity::default());
        // SAFETY: as for `var_tx`.
        unsafe { Trusting::new(tx.expect("nobody else produces")) }.expect("everybody is waited for")
    }

    fn parts_rx(&self) -> Trusting<FrameConsumer<N, Heap, Live<'_>, Room<64>>> {
        let rx = self.segment.clone().frame_consumer(&self.live, &peer(), Start::Resume, Room::new());
        // SAFETY: as for `rx`.
        unsafe { Trusting::new(rx.expect("there is a place")) }.expect("bytes lie anywhere")
    }

    /// Whether an address is one of the region's.
    fn has(&self, at: *const u8) -> bool {
        let region = self.segment.region();
        let (first, last) = (region.word(0), region.word(self.segment.header().layout.words() - 1));
        let (first, last) = (first.expect("a word").as_ptr().addr(), last.expect("a word").as_ptr().addr());
        (first..last + 4).contains(&at.addr())
    }
}

fn peer() -> Peer {
    Peer::new(PeerName::parse("rx").expect("a name"))
}

fn payload(number: u64) -> Vec<u8> {
    (0..number * 13 % 49).map(|at| (number * 31 + at * 7) as u8).collect()
}

// RING-LOAN: what is held is not overwritten; let go of without an acknowledgement, it comes again (RL-2).
#[test]
fn an_item_is_seen_where_it_lies_until_it_is_acknowledged_rl_2() {
    let ring = Ring::new(Spec::of::<[u64; 2]>(2));
    let (mut tx, mut rx) = (ring.tx::<[u64; 2]>(), ring.rx::<[u64; 2]>());
    assert!(rx.try_next().is_none());
    for number in 0..2 {
        tx.try_push([number, !number]).expect("there is room");
    }
    for _ in 0..3 {
        let Some(Next::Item(seen)) = rx.try_next() else { panic!("an item is there") };
        assert!(ring.has((&raw const *seen).cast()), "a copy");
        let refused = tx.try_push([9, 9]).expect_err("the slot is held");
        assert!(matches!(refused.why, Why::Full { missing: 1, .. }));
        assert_eq!((*seen, seen.position()), ([0, !0], Position(0)));
    }
    let Some(Next::Item(seen)) = rx.try_next() else { panic!("it comes again") };
    seen.ack();
    tx.try_push([2, !2]).expect("the slot is free");
    let mut numbers = Vec::new();
    let polled = rx.poll(9, |item, at, last| numbers.push((item[0], at.0, last)));
    assert_eq!((polled, &*numbers), ((2, None), &[(1, 1, false), (2, 2, true)][..]));
    tx.close();
    assert!(matches!(rx.try_next(), Some(Next::Closed(_))));
}

// RING-LOAN: an item is written where it will lie, and shown whole or not at all (RL-1, RL-15).
#[test]
fn a_loan_is_written_in_place_and_shown_whole_or_not_at_all_rl_1_rl_15() {
    let ring = Ring::new(Spec::of::<[u64; 2]>(2));
    // SAFETY: as for `rx`, and nobody looks on.
    let tx = unsafe { Trusting::new(ring.tx::<[u64; 2]>()) };
    let (mut tx, mut rx) = (tx.expect("everybody is waited for"), ring.rx::<[u64; 2]>());
    for number in 0..COUNT {
        tx.try_loan().expect("there is room")[0] = 99;
        assert!(rx.try_next().is_none(), "nothing was committed");
        let mut loan = tx.try_loan().expect("there is room");
        assert!(ring.has((&raw const *loan).cast()), "a copy");
        (loan[0], loan[1]) = (number, !number);
        assert_eq!(loan.commit(), Position(number));
        let Some(Next::Item(seen)) = rx.try_next() else { panic!("it was committed") };
        assert_eq!(*seen, [number, !number]);
        seen.ack();
    }
    tx.try_loan().expect("there is room").commit();
    tx.try_loan().expect("there is room").commit();
    assert!(matches!(tx.try_loan().expect_err("it is full").why, Why::Full { missing: 1, .. }));
}

// RING-LOAN: a message in one run, written and seen where it lies; shorter than its room where so much was not needed.
#[test]
fn a_message_is_written_and_seen_where_it_lies() {
    let ring = Ring::new(Var::<N>::spec(4));
    let (mut tx, mut rx) = (ring.var_tx(), ring.var_rx());
    for number in 0..COUNT {
        let whole = payload(number);
        let mut loan = loop {
            match tx.try_loan(48, number as u8) {
                Ok(loan) => break loan,
                Err(_) => assert!(rx.try_next().is_none(), "what is in the way is a gap"),
            }
        };
        assert!(ring.has(loan.as_ptr()) && loan.len() == 48);
        loan[..whole.len()].copy_from_slice(&whole);
        if number % 5 == 3 {
            continue;
        }
        let at = loan.commit(whole.len()).expect("no more than was granted");
        for _ in 0..2 {
            let Some(Next::Item(seen)) = rx.try_next() else { panic!("it was committed") };
            assert!(ring.has(seen.as_ptr()) && seen.position() == at);
            assert_eq!((&*seen, seen.message().kind), (&*whole, number as u8));
        }
        let (heard, _) = rx.poll(1, |message, _| assert_eq!(message.bytes, whole));
        assert_eq!(heard, 1);
    }
    let loan = tx.try_loan(16, 0);
    assert!(loan.expect("there is room").commit(17).is_err(), "longer than its room");
}

// RING-LOAN: of messages in parts those of one are seen where they lie, the others put together.
#[test]
fn a_message_of_one_part_is_seen_where_it_lies_and_others_are_put_together() {
    let ring = Ring::new(Spec::of::<Fixed<N>>(4));
    let tx = ring.segment.clone().frame_producer::<N, _>(&ring.live, Identity::default());
    let (mut tx, mut rx) = (tx.expect("nobody else produces"), ring.parts_rx());
    for number in 0..COUNT {
        let whole = payload(number);
        tx.try_publish(&whole, number as u8).expect("there is room");
        for _ in 0..2 {
            let Some(Next::Item(seen)) = rx.try_next() else { panic!("it was published") };
            assert_eq!((&*seen, seen.message().kind), (&*whole, number as u8));
            assert_eq!(ring.has(seen.as_ptr()), whole.len() <= N);
        }
        let Some(Next::Item(seen)) = rx.try_next() else { panic!("it comes again") };
        seen.ack();
    }
    tx.into_raw().close();
    assert!(matches!(rx.try_next(), Some(Next::Closed(_))));
}

// RING-LOAN: a message in parts is written where they will lie, and shown whole, shorter than its room, or not at all (RL-1, RL-15).
#[test]
fn a_message_in_parts_is_written_where_they_will_lie_rl_1_rl_15() {
    let ring = Ring::new(Spec::of::<Fixed<N>>(4));
    let (mut tx, mut rx) = (ring.frame_tx(), ring.parts_rx());
    for number in 0..COUNT {
        let (whole, kind) = (payload(number), number as u8);
        let mut loan = tx.try_loan(49, kind).expect("there is room");
        assert!(loan.parts().all(|room| ring.has(room.as_ptr())), "a copy");
        assert_eq!(loan.parts().map(|room| room.len()).collect::<Vec<_>>(), [16, 16, 16, 1]);
        assert!(loan.whole().is_none(), "four parts");
        loan.parts().for_each(|room| room.fill(99));
        assert!(rx.try_next().is_none(), "nothing was committed");
        if number % 5 == 3 {
            tx.try_publish(&whole, kind).expect("what was not committed is room");
        } else {
            let mut loan = tx.try_loan(49, kind).expect("what was not committed is room");
            for (room, bytes) in loan.parts().zip(whole.chunks(N)) {
                room[..bytes.len()].copy_from_slice(bytes);
            }
            let at = loan.position();
            assert_eq!(loan.commit(whole.len()), Ok(at));
        }
        let Some(Next::Item(seen)) = rx.try_next() else { panic!("it was committed") };
        let message = seen.message();
        assert_eq!((message.bytes, message.kind, message.message), (&*whole, kind, number as u32));
        seen.ack();
    }
    assert_eq!(tx.try_loan(16, 0).expect("there is room").commit(17), Err(TooLarge { max: 16 }));
    assert!(matches!(tx.try_loan(65, 0).expect_err("five parts").why, Why::TooLarge { max: 64 }));
    let mut one = tx.try_loan(16, 0).expect("there is room");
    one.whole().expect("one part").fill(7);
    one.commit(16).expect("as many as were granted");
    assert_eq!(rx.poll(9, |message, _| assert_eq!(message.bytes, [7; 16])), (1, None));
    let fill = |tx: &mut Trusting<FrameProducer<N, Heap, Live<'_>>>, len| {
        tx.try_fill(len, 0, |room| {
            room[..2].fill(5);
            if len == 3 { Err(()) } else { Ok(2) }
        })
    };
    assert!(matches!(fill(&mut tx, 3), Ok(Err(()))), "what fails shows nothing");
    assert!(matches!(fill(&mut tx, 16), Ok(Ok(_))));
    assert_eq!(fill(&mut tx, 17).expect_err("no room in one piece").why, Why::TooLarge { max: 16 });
    assert_eq!(rx.poll(9, |message, _| assert_eq!(message.bytes, [5; 2])), (1, None));
}

// RING-LOAN: two threads, none of which copies or waits for the other but by the laws (RL-1, RL-2).
#[test]
fn two_threads_write_and_see_in_place_rl_1_rl_2() {
    let ring = Ring::new(Var::<N>::spec(8));
    let (mut tx, mut rx) = (ring.var_tx(), ring.var_rx());
    thread::scope(|scope| {
        scope.spawn(move || {
            for number in 0..COUNT {
                let whole = payload(number);
                let mut loan = loop {
                    match tx.try_loan(whole.len(), number as u8) {
                        Ok(loan) => break loan,
                        Err(_) => thread::yield_now(),
                    }
                };
                loan.copy_from_slice(&whole);
                loan.commit(whole.len()).expect("as many as were granted");
            }
        });
        for number in 0..COUNT {
            loop {
                match rx.try_next() {
                    Some(Next::Item(seen)) => {
                        assert_eq!(&*seen, payload(number), "message {number}");
                        seen.ack();
                        break;
                    }
                    None => thread::yield_now(),
                    Some(other) => panic!("{:?}", other.map(|_| ())),
                }
            }
        }
    });
}

// RING-LOAN, RING-DEATH: who dies with an item in sight holds it until that is proved, and no longer (RL-8).
#[test]
fn who_dies_with_an_item_in_sight_holds_it_until_that_is_proved_rl_8() {
    let ring = Ring::new(Spec::of::<[u64; 2]>(2));
    let (mut tx, mut rx) = (ring.tx::<[u64; 2]>(), ring.rx::<[u64; 2]>());
    for number in 0..2 {
        tx.try_push([number, 0]).expect("there is room");
    }
    let slot = rx.half().slot();
    let Some(Next::Item(seen)) = rx.try_next() else { panic!("an item is there") };
    assert_eq!(*seen, [0, 0]);
    // Dead: it does nothing more. Its memory is given back in the end, for who looks for leaks.
    let dead = ManuallyDrop::new(rx);
    assert_eq!((tx.tend(Instant::ZERO).freed, tx.try_push([2, 0]).is_ok()), (0, false), "no proof");
    let generation = ring.segment.participant(slot).expect("its place").ctl.generation;
    ring.live.release(slot, generation);
    assert_eq!((tx.tend(Instant::ZERO).freed, tx.try_push([2, 0]).is_ok()), (1, true));
    assert_eq!(ring.segment.participant(slot).expect("its place").account.consumed, 0);
    drop(ManuallyDrop::into_inner(dead));
}

// RING-LOAN: a reference has to be aligned, and whoever reads what is overwritten never reads beside a loan.
#[test]
fn what_cannot_be_seen_in_place_is_refused() {
    #[repr(align(16))]
    struct Memory([u32; 602]);

    #[derive(Clone, Copy, Plain)]
    #[repr(C, align(16))]
    struct Wide([u64; 2]);

    let spec = Spec::of::<Wide>(2).line(1).page(1).participants(1).journal(0);
    let (mut memory, live) = (Memory([0; 602]), Local::new());
    let first = std::ptr::NonNull::from(&mut memory.0[2..]).cast();
    // SAFETY: 600 words on a pair, which nobody else touches while the handle is used.
    let region = unsafe { Raw::new(first, 600) };
    let segment = Segment::create(region, &spec, SegmentId(1), Creator::default(), &live).expect("it fits");
    let rx = segment.consumer::<Wide, _>(&live, &peer(), Start::Earliest).expect("there is a place");
    // SAFETY: nobody else has the region.
    let unfit = unsafe { Trusting::new(rx) }.expect_err("its address is 8 more than a multiple of 16");
    assert_eq!(unfit.why, NotInPlace::Misaligned { need: 16 });
    assert!(unfit.half.position() == Position(0), "the half comes back");

    let live = Local::new();
    let spec = Spec::of::<u64>(2);
    let region = Heap::new(Layout::of(&spec).expect("a ring").words());
    let segment = Segment::create(region, &spec, SegmentId(1), Creator::default(), &live).expect("it fits");
    let tx = segment.producer::<u64, _>(&live, Identity::default()).expect("nobody else produces");
    // SAFETY: nobody else has the region.
    let unfit = unsafe { Trusting::new(tx) }.expect_err("the ring admits lossy readers");
    assert_eq!(unfit.why, NotInPlace::Overtaken);
}

// RING-LOAN: the news of a stream are heard once by who sees in place as well.
#[test]
fn who_sees_in_place_hears_of_a_restart_and_of_what_it_breaks() {
    let ring = Ring::new(Spec::of::<Fixed<N>>(8));
    let mut rx = ring.parts_rx();
    for life in 0..3 {
        let tx = ring.segment.clone().frame_producer::<N, _>(&ring.live, Identity::default());
        let mut tx = tx.expect("the last one is gone");
        tx.try_publish(b"whole", life).expect("there is room");
        if life > 0 {
            assert!(matches!(rx.try_next(), Some(Next::Restarted { .. })));
        }
        let Some(Next::Item(seen)) = rx.try_next() else { panic!("a message") };
        assert_eq!((&*seen, seen.message().kind), (&b"whole"[..], life));
        seen.ack();
        let meta = tidemill_ring::frame::Meta { len: 16, parts: 2, message: 7, ..Default::default() };
        let mut part = Fixed::<N>::new();
        part.commit(meta).expect("it fits");
        tx.raw().try_push(part).expect("there is room");
        tx.into_raw().hand_over();
        assert!(rx.try_next().is_none(), "a part is no message");
        let next = ring.segment.clone().frame_producer::<N, _>(&ring.live, Identity::default());
        next.expect("the last one is gone").into_raw().hand_over();
        assert!(matches!(rx.try_next(), Some(Next::Broken { .. })));
        assert!(matches!(rx.try_next(), Some(Next::Restarted { .. })));
    }
}
