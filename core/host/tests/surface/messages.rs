use super::{Own, soon};
use tidemill_host::ring::{TypedConsumer, TypedProducer};
use tidemill_ring::codec::{Codec, CodecId, DecodeError, EncodeError, View};
use tidemill_ring::frame::{Broken, Cause};
use tidemill_ring::typed::PublishError;
use tidemill_ring::wait::{Ended, Until};
use tidemill_ring::{Next, Policies, Position, Start, Trusting, Why};

const PAYLOAD: [u8; 100] = [7; 100];

// RING-FRAMES: messages in parts: published whole, granted and written in pieces, polled, held, broken by a refusal of nobody
#[test]
fn surface_frames() {
    for own in Own::each() {
        let of = || own.ring().frames::<32>(8);
        let mut tx = of().frame_producer().expect("nobody else does");
        let mut rx = of().name("risk").frame_consumer().expect("there is room");
        assert_eq!(tx.payload_max(), 8 * 32);
        assert_eq!(tx.try_publish(&PAYLOAD, 3).map_err(|_| ()), Ok(Position(0)));
        let Some(Next::Item(held)) = rx.try_next() else { panic!("a message") };
        assert_eq!((&*held, held.message().kind, held.message().parts), (&PAYLOAD[..], 3, 4));
        held.put_back();
        let mut grant = tx.grant(40, 4).expect("there is room");
        assert_eq!((grant.write(&PAYLOAD[..30]), grant.missing()), (30, 10));
        grant.write(&PAYLOAD[..10]);
        assert_eq!(grant.commit().map_err(|_| ()), Ok(Position(4)));
        assert!(tx.grant(8, 5).expect("there is room").commit().is_err(), "nothing was written");
        let late = tx.publish(&PAYLOAD, 6, soon(2)).expect_err("nobody takes anything");
        assert!(matches!(late.why, Why::Full { .. }));
        let large = tx.try_publish(&[0; 257], 6).expect_err("never").why;
        assert_eq!(large, Why::TooLarge { max: 256 });
        let mut kinds = Vec::new();
        assert_eq!(rx.poll(9, |message, at| kinds.push((message.kind, at.0))), (2, None));
        assert_eq!(kinds, [(3, 0), (4, 4)]);
        assert!(matches!(rx.next(soon(2)), Err(Ended::Deadline)));
    }
}

// RING-FRAMES: messages in runs, by the same verbs
#[test]
fn surface_runs() {
    for own in Own::each() {
        let of = || own.ring().runs::<16>(16);
        let mut tx = of().var_producer().expect("nobody else does");
        let mut rx = of().name("risk").message_max(100).var_consumer().expect("there is room");
        let mut screen = of().name("screen").start(Start::Earliest).var_consumer().expect("there is room");
        tx.publish(&PAYLOAD, 3, Until::forever()).expect("there is room");
        assert!(matches!(rx.next(Until::forever()), Ok(Next::Item(message)) if *message == PAYLOAD));
        tx.try_publish(&[1; 120], 4).expect("there is room");
        let Some(Next::Broken { what: Broken { cause, .. }, .. }) = rx.try_next() else {
            panic!("it is long")
        };
        assert_eq!(cause, Cause::TooLarge { max: 100 });
        assert_eq!(screen.poll(9, |_, _| ()).0, 2, "it has room for as much as the ring");
    }
}

// RING-FRAMES, RING-LOAN: messages written and seen where they lie, in parts and in runs
#[test]
fn surface_messages_in_place() {
    for own in Own::each() {
        let of = || own.ring().runs::<16>(16).policies(Policies::BLOCK);
        let (tx, rx) = (of().var_producer().expect("nobody else does"), of().var_consumer().expect("room"));
        // SAFETY: the ring is this test's, and both halves keep the laws.
        let mut tx = unsafe { Trusting::new(tx) }.expect("everybody is waited for");
        // SAFETY: as above.
        let mut rx = unsafe { Trusting::new(rx) }.expect("bytes lie anywhere");
        let mut loan = tx.try_loan(64, 3).expect("there is room");
        loan[..2].copy_from_slice(b"in");
        loan.commit(2).expect("no more than was granted");
        assert!(matches!(rx.try_next(), Some(Next::Item(seen)) if *seen == *b"in"));
    }
    for own in Own::each() {
        let of = || own.ring().frames::<32>(8).policies(Policies::BLOCK);
        let (tx, rx) =
            (of().frame_producer().expect("nobody else does"), of().frame_consumer().expect("room"));
        // SAFETY: as above.
        let mut tx = unsafe { Trusting::new(tx) }.expect("slots begin on lines");
        // SAFETY: as above.
        let mut rx = unsafe { Trusting::new(rx) }.expect("bytes lie anywhere");
        let mut loan = tx.loan(40, 3, Until::forever()).expect("there is room");
        loan.parts().for_each(|room| room.fill(5));
        loan.commit(40).expect("no more than was granted");
        assert!(matches!(rx.try_next(), Some(Next::Item(seen)) if *seen == [5; 40]));
    }
}

/// A codec as somebody brings it along: a number in decimal.
#[derive(Clone, Copy)]
struct Decimal;

impl Codec<u64> for Decimal {
    const ID: CodecId = CodecId(1000);

    fn encode(&self, value: &u64, grant: &mut [u8]) -> Result<usize, EncodeError> {
        let (text, have) = (value.to_string(), grant.len());
        let room = grant.get_mut(..text.len()).ok_or(EncodeError::NoRoom { have })?;
        room.copy_from_slice(text.as_bytes());
        Ok(text.len())
    }

    fn decode(&self, bytes: &[u8]) -> Result<u64, DecodeError> {
        View::<u64>::view(self, bytes)?.parse().map_err(|_| DecodeError::Invalid)
    }
}

impl View<u64> for Decimal {
    type Ref<'a> = &'a str;

    fn view<'a>(&self, bytes: &'a [u8]) -> Result<&'a str, DecodeError>
    where
        u64: 'a,
    {
        let digits = std::str::from_utf8(bytes).map_err(|_| DecodeError::Invalid)?;
        if digits.bytes().all(|digit| digit.is_ascii_digit()) {
            Ok(digits)
        } else {
            Err(DecodeError::Invalid)
        }
    }
}

// RING-CODECS, RING-LAYERS: values by a codec of one's own, decoded or viewed, and the messages beneath them
#[test]
fn surface_typed() {
    for own in Own::each() {
        let of = || own.ring().frames::<16>(8).typed::<u64, _>(Decimal);
        let mut tx: TypedProducer<_, _, _> = of().producer().expect("nobody else does");
        let mut rx: TypedConsumer<_, _, _> = of().consumer().expect("there is room");
        tx.try_publish(&300).expect("there is room");
        tx.publish(&7, Until::forever()).expect("there is room");
        tx.raw().try_publish(b"seven", 0).expect("there is room");
        tx.try_publish(&8).expect("there is room");
        assert_eq!(rx.try_next(), Some(Next::Item(300)));
        assert_eq!(rx.view(str::len), Some(Next::Item(1)));
        let broken = rx.next(Until::forever());
        let cause = Cause::Codec(DecodeError::Invalid);
        assert!(matches!(broken, Ok(Next::Broken { what, .. }) if what.cause == cause));
        let mut heard = Vec::new();
        assert_eq!(rx.poll(9, |value, _| heard.push(value)), (1, None));
        assert_eq!(heard, [8]);
        for _ in 0..8 {
            tx.try_publish(&9).expect("there is room");
        }
        assert!(matches!(tx.try_publish(&9), Err(PublishError::Refused(Why::Full { .. }))));
        assert!(own.ring().frames::<16>(8).frame_consumer().is_ok(), "who wants bytes gets bytes");
        drop(rx.into_raw());
    }
}

// RING-MPSC, RING-FRAMES: messages and values of several producers, in parts and in runs, by the same verbs
#[test]
fn surface_messages_of_several() {
    for own in Own::each() {
        let of = || own.ring().frames::<32>(8).producers(2);
        let mut one = of().multi_frame_producer().expect("a place");
        let mut two = of().multi_frame_producer().expect("a place");
        let mut rx = of().name("risk").frame_consumer().expect("there is room");
        let grant = one.grant(40, 9).expect("there is room");
        assert_eq!(two.try_publish(&PAYLOAD, 3).map_err(|_| ()), Ok(Position(2)));
        drop(grant);
        let mut grant = one.grant(40, 4).expect("there is room");
        assert_eq!((grant.write(&PAYLOAD), grant.missing()), (40, 0));
        assert_eq!(grant.commit().map_err(|_| ()), Ok(Position(6)));
        let late = two.publish(&PAYLOAD, 6, soon(2)).expect_err("nobody takes anything");
        assert!(matches!(late.why, Why::Full { .. }));
        let mut heard = Vec::new();
        assert_eq!(rx.poll(9, |message, _| heard.push((message.kind, message.bytes.len()))), (2, None));
        assert_eq!(heard, [(3, 100), (4, 40)]);
    }
    for own in Own::each() {
        let of = || own.ring().runs::<16>(16).producers(2).typed::<u64, _>(Decimal);
        let mut one = of().multi_producer().expect("a place");
        let mut two = of().multi_producer().expect("a place");
        let mut rx = of().consumer().expect("there is room");
        assert_eq!(one.try_publish(&7), Ok(Position(0)));
        assert_eq!(two.publish(&8, Until::forever()), Ok(Position(1)));
        assert_eq!((rx.try_next(), rx.try_next()), (Some(Next::Item(7)), Some(Next::Item(8))));
        assert!(one.raw().grant(40, 1).is_ok(), "it is given up");
    }
}
