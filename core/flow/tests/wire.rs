//! The link protocol against a link that does its worst: laws T1 to T5, sans-IO, thousands of schedules.
//! `Sender` and `Receiver` stand alone here; the worlds judge them again inside a graph.

use proptest::prelude::*;
use tidemill_flow::wire::{Receiver, Reject, Sender, Timing, WindowFull};
use tidemill_seam::{Duration, Instant};

const STREAM: u32 = 7;
/// Miri walks each step a hundred times slower.
const SMALL: bool = cfg!(miri);
const ITEMS: u64 = if SMALL { 6 } else { 40 };
const FATES: usize = if SMALL { 24 } else { 400 };
type Tx = Sender<4, 8>;
type Rx = Receiver<4, 8>;

/// What the link does to one datagram.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Pass,
    Drop,
    Twice,
    Later,
    Flip(usize),
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        4 => Just(Fate::Pass),
        1 => Just(Fate::Drop),
        1 => Just(Fate::Twice),
        1 => Just(Fate::Later),
        1 => (0..200usize).prop_map(Fate::Flip),
    ]
}

#[derive(Default)]
struct Wire(Vec<Vec<u8>>);

impl Wire {
    fn carry(&mut self, datagram: &[u8], fate: Fate) {
        let mut bytes = datagram.to_vec();
        match fate {
            Fate::Drop => return,
            Fate::Flip(bit) => {
                let bit = bit % (bytes.len() * 8);
                bytes[bit / 8] ^= 1 << (bit % 8);
            }
            Fate::Twice => self.0.push(bytes.clone()),
            Fate::Later => return self.0.insert(0, bytes),
            Fate::Pass => {}
        }
        self.0.push(bytes);
    }
}

fn fill(tx: &mut Tx, now: Instant) {
    while tx.has_room() && tx.pushed() < ITEMS {
        let item = tx.pushed();
        tx.push(now, |slot| {
            *slot = item.to_le_bytes();
            8
        })
        .expect("there was room");
    }
    if tx.pushed() == ITEMS {
        tx.end(now);
    }
}

/// Runs until both sides are done; `restart_at` kills the sender once that many items came out.
fn run(fates: &[Fate], restart_at: Option<u64>) -> Vec<u64> {
    let (mut tx, mut rx) = (Tx::new(STREAM, Timing::DEFAULT), Rx::new(STREAM));
    let (mut there, mut back) = (Wire::default(), Wire::default());
    let mut fates = fates.iter().copied().chain(std::iter::repeat(Fate::Pass));
    let (mut out, mut now, mut buffer) = (Vec::new(), Instant::ZERO, [0; 64]);
    let mut restart_at = restart_at;
    for _ in 0..10_000 {
        if restart_at.is_some_and(|at| rx.delivered() >= at) {
            restart_at = None;
            tx = Tx::new(STREAM, Timing::DEFAULT);
        }
        fill(&mut tx, now);
        while let Some(len) = tx.transmit(now, &mut buffer) {
            there.carry(&buffer[..len], fates.next().unwrap());
        }
        while let Some(datagram) = there.0.pop() {
            let _ = rx.on_datagram(&datagram);
            if let Some(len) = rx.transmit(&mut buffer) {
                back.carry(&buffer[..len], fates.next().unwrap());
            }
        }
        while let Some(item) = rx.deliver(|bytes| u64::from_le_bytes(bytes.try_into().unwrap())) {
            out.push(item);
        }
        while let Some(datagram) = back.0.pop() {
            let _ = tx.on_datagram(now, &datagram);
        }
        if tx.is_finished() && rx.is_ended() && restart_at.is_none() {
            return out;
        }
        now += Duration::from_millis(10);
    }
    panic!("T3: not done after 10,000 rounds: {out:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if SMALL { 2 } else { 128 }, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn t1_t3_every_item_arrives_once_and_in_order(fates in proptest::collection::vec(fate(), 0..FATES)) {
        prop_assert_eq!(run(&fates, None), (0..ITEMS).collect::<Vec<_>>());
    }

    #[test]
    fn t4_a_restarted_sender_resumes_where_the_receiver_stands(
        fates in proptest::collection::vec(fate(), 0..FATES),
        at in 0..ITEMS,
    ) {
        prop_assert_eq!(run(&fates, Some(at)), (0..ITEMS).collect::<Vec<_>>());
    }

    #[test]
    fn t5_arbitrary_bytes_never_panic_and_are_counted(datagrams in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..40)) {
        let (mut tx, mut rx) = (Tx::new(STREAM, Timing::DEFAULT), Rx::new(STREAM));
        let mut refused = 0;
        for datagram in &datagrams {
            refused += u64::from(rx.on_datagram(datagram).is_err());
            let _ = tx.on_datagram(Instant::ZERO, datagram);
        }
        prop_assert_eq!(rx.rejects().total(), refused);
    }
}

#[test]
fn t2_an_item_is_kept_until_it_is_acknowledged() {
    let mut tx = Tx::new(STREAM, Timing::DEFAULT);
    fill(&mut tx, Instant::ZERO);
    assert_eq!(tx.push(Instant::ZERO, |_| 0), Err(WindowFull));
    let mut buffer = [0; 64];
    let mut sent = 0;
    while tx.transmit(Instant::ZERO, &mut buffer).is_some() {
        sent += 1;
    }
    assert_eq!((sent, tx.due()), (4, Some(Instant::ZERO + Timing::DEFAULT.resend)));
    assert_eq!(tx.repeats(), 0);
    assert!(tx.transmit(Instant::ZERO + Timing::DEFAULT.resend, &mut buffer).is_some());
    assert_eq!(tx.repeats(), 1);
}

#[test]
fn a_frame_beyond_the_window_or_the_end_is_out_of_range() {
    let mut buffer = [0; 64];
    let mut rx = Rx::new(STREAM);
    let data = |sequence, buffer: &mut [u8]| {
        tidemill_flow::wire::Frame::Data { sequence, payload: b"x" }.write(STREAM, buffer)
    };
    let len = data(4, &mut buffer);
    assert_eq!(rx.on_datagram(&buffer[..len]), Err(Reject::Range));
    let len = data(2, &mut buffer);
    assert_eq!(rx.on_datagram(&buffer[..len]), Ok(()));
    let len = tidemill_flow::wire::Frame::End { sequence: 2 }.write(STREAM, &mut buffer);
    assert_eq!(rx.on_datagram(&buffer[..len]), Err(Reject::Range));
    assert_eq!(rx.rejects().of(Reject::Range), 2);
}

#[test]
fn silence_beyond_patience_means_abandoned() {
    let mut tx = Tx::new(STREAM, Timing { patience: Duration::from_secs(1), ..Timing::DEFAULT });
    assert!(!tx.is_abandoned(Instant::ZERO));
    fill(&mut tx, Instant::ZERO);
    assert!(!tx.is_abandoned(Instant::ZERO + Duration::from_secs(1)));
    assert!(tx.is_abandoned(Instant::ZERO + Duration::from_millis(2_001)));
}
