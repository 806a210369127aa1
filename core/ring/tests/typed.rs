//! Values over a segment by each of the four codecs: decoded, viewed where they lie, and broken where they are none.
#![cfg(all(feature = "codecs", feature = "alloc"))]

use tidemill_ring::codec::{Bincode, Codec, CodecId, DecodeError, EncodeError, Flat, Postcard, Rkyv, View};
use tidemill_ring::frame::{Broken, Cause, Fixed, FrameConsumer, FrameProducer, Memory, Room, Var};
use tidemill_ring::header::{Creator, Field, SegmentId};
use tidemill_ring::table::Identity;
use tidemill_ring::typed::{PublishError, TypedConsumer, TypedProducer};
use tidemill_ring::{
    Heap, Layout, Local, Next, Peer, PeerName, Policies, Position, Segment, Spec, Start, Trusting, Why,
};

mod tick;

use tick::Tick;

const N: usize = 32;
type Quote = (u32, Option<i64>, String, Vec<u16>);
type Tx<'r> = FrameProducer<N, Heap, &'r Local>;
type Rx<'r> = FrameConsumer<N, Heap, &'r Local, Memory>;

fn made(spec: &Spec, live: &Local) -> Segment<Heap> {
    let region = Heap::new(Layout::of(spec).expect("a ring").words());
    Segment::create(region, spec, SegmentId(1), Creator::default(), live).expect("it fits")
}

fn peer() -> Peer {
    Peer::new(PeerName::parse("rx").expect("a name"))
}

fn frames<'r>(segment: &Segment<Heap>, live: &'r Local) -> (Tx<'r>, Rx<'r>) {
    let tx = segment.clone().frame_producer(live, Identity::default()).expect("nobody else produces");
    let rx = segment.clone().frame_consumer(live, &peer(), Start::Earliest, Memory::new(512));
    (tx, rx.expect("there is a place"))
}

fn quote(number: u32) -> Quote {
    let venue = "x".repeat(number as usize % 50);
    (number, number.is_multiple_of(3).then_some(-7), venue, (0..number as u16 % 20).collect())
}

/// Values go through in parts and in runs, and bytes that are none cost one of them.
fn goes_round<C: Codec<Quote> + Copy>(codec: C) {
    let live = Local::new();
    let segment = made(&Spec::of::<Fixed<N>>(16).codec(C::ID.0), &live);
    let (tx, rx) = frames(&segment, &live);
    let mut tx = TypedProducer::over(tx, codec, Room::<512>::new()).expect("the codec of the ring");
    let mut rx = TypedConsumer::<Quote, _, _>::over(rx, codec).expect("the codec of the ring");
    for number in 0..200 {
        tx.try_publish(&quote(number)).expect("there is room");
        if number % 10 == 5 {
            tx.raw().try_publish(&[0xff; 3], 0).expect("there is room");
        }
        assert_eq!(rx.try_next(), Some(Next::Item(quote(number))));
        if number % 10 == 5 {
            let Some(Next::Broken { what: Broken { cause: Cause::Codec(_), .. }, .. }) = rx.try_next() else {
                panic!("three bytes are no quote")
            };
        }
        assert_eq!(rx.try_next(), None);
    }
    let live = Local::new();
    let segment = made(&Var::<N>::spec(16).codec(C::ID.0), &live);
    let tx = segment.clone().var_producer::<N, _>(&live, Identity::default()).expect("nobody else produces");
    let rx = segment.var_consumer::<N, _, _>(&live, &peer(), Start::Earliest, Memory::new(512));
    let mut tx = TypedProducer::over(tx, codec, Room::<512>::new()).expect("the codec of the ring");
    let mut rx = TypedConsumer::<Quote, _, _>::over(rx.expect("there is a place"), codec).expect("its codec");
    for number in 0..200 {
        while tx.try_publish(&quote(number)).is_err() {
            assert_eq!(rx.try_next(), None, "what is in the way is a gap");
        }
        assert_eq!(rx.try_next(), Some(Next::Item(quote(number))));
    }
}

// RING-LAYERS, RING-CODECS: values by each codec, in parts and in runs.
#[test]
fn values_go_round_by_each_codec() {
    goes_round(Postcard);
    goes_round(Bincode);
    goes_round(Rkyv);
}

// RING-LAYERS, RING-CODECS: a value is looked at where it lies, whether it came in one part or in several.
#[test]
fn a_value_is_viewed_where_it_lies() {
    let live = Local::new();
    let segment = made(&Spec::of::<Fixed<N>>(16).codec(3), &live);
    let (tx, rx) = frames(&segment, &live);
    let mut tx = TypedProducer::<Quote, _, _, _>::over(tx, Rkyv, Room::<512>::new()).expect("its codec");
    let mut rx = TypedConsumer::<Quote, _, _>::over(rx, Rkyv).expect("its codec");
    for number in 0..100 {
        tx.try_publish(&quote(number)).expect("there is room");
        let seen = rx.view(|value| (value.0.to_native(), value.2.len(), value.3.len()));
        let (number, _, venue, sizes) = quote(number);
        assert_eq!(seen, Some(Next::Item((number, venue.len(), sizes.len()))));
    }
    tx.raw().try_publish(b"no quote", 0).expect("there is room");
    tx.try_publish(&quote(1)).expect("there is room");
    let broken = rx.view(|_| ());
    assert!(matches!(broken, Some(Next::Broken { what: Broken { cause: Cause::Codec(_), .. }, .. })));
    assert_eq!(rx.view(|value| value.0.to_native()), Some(Next::Item(1)));
}

/// Values that are encoded where they will lie, and viewed there by `look`, which says whether one is `number`'s.
fn stays<T, C: View<T> + Copy>(codec: C, value: fn(u32) -> T, look: fn(C::Ref<'_>) -> u32)
where
    T: 'static,
{
    let live = Local::new();
    let segment = made(&Var::<N>::spec(16).policies(Policies::BLOCK).codec(C::ID.0), &live);
    let tx = segment.clone().var_producer::<N, _>(&live, Identity::default()).expect("nobody else produces");
    let rx = segment.var_consumer::<N, _, _>(&live, &peer(), Start::Earliest, []).expect("there is a place");
    // SAFETY: nobody else has the region, and these halves keep the laws.
    let tx = unsafe { Trusting::new(tx) }.expect("everybody is waited for");
    // SAFETY: as above.
    let rx = unsafe { Trusting::new(rx) }.expect("bytes lie anywhere");
    let mut tx = TypedProducer::over(tx, codec, []).expect("the codec of the ring");
    let mut rx = TypedConsumer::<T, _, _>::over(rx, codec).expect("the codec of the ring");
    for number in 0..100 {
        while tx.try_publish_in_place(&value(number), 256).is_err() {
            assert!(rx.view(|_| ()).is_none(), "what is in the way is a gap");
        }
        assert_eq!(rx.view(look), Some(Next::Item(number)));
    }
    let small = tx.try_publish_in_place(&value(1), 4);
    assert!(matches!(small, Err(PublishError::Encode(EncodeError::NoRoom { .. }))), "{small:?}");
    assert!(rx.view(look).is_none(), "nothing of it is there");
}

// RING-LAYERS, RING-CODECS, RING-LOAN: a value is encoded where its message will lie, and viewed where it lies.
#[test]
fn a_value_is_encoded_and_viewed_where_it_lies() {
    stays::<Quote, _>(Rkyv, quote, |value| value.0.to_native());
    stays::<Tick, _>(Flat, tick, |value| {
        assert_eq!(value.venue().len() as u64, value.price() % 50);
        value.price() as u32
    });
}

fn tick(number: u32) -> Tick {
    Tick { price: u64::from(number), venue: "x".repeat(number as usize % 50) }
}

// RING-LAYERS, RING-CODECS: values with a table go through in parts and in runs.
#[test]
fn a_value_with_a_table_goes_round() {
    let live = Local::new();
    let segment = made(&Spec::of::<Fixed<N>>(16).codec(<Flat as Codec<Tick>>::ID.0), &live);
    let (tx, rx) = frames(&segment, &live);
    let mut tx = TypedProducer::over(tx, Flat, Room::<256>::new()).expect("the codec of the ring");
    let mut rx = TypedConsumer::<Tick, _, _>::over(rx, Flat).expect("the codec of the ring");
    for number in 0..100 {
        tx.try_publish(&tick(number)).expect("there is room");
        assert_eq!(rx.try_next(), Some(Next::Item(tick(number))));
        tx.raw().try_publish(&[0xff; 3], 0).expect("there is room");
        let broken = rx.view(|_| ());
        assert!(matches!(broken, Some(Next::Broken { what: Broken { cause: Cause::Codec(_), .. }, .. })));
    }
}

// RING-LAYERS, RING-CODECS: what cannot be published says why, and nothing of it is there.
#[test]
fn a_value_that_does_not_fit_says_why() {
    let live = Local::new();
    let segment = made(&Spec::of::<Fixed<N>>(2).codec(1), &live);
    let (tx, rx) = frames(&segment, &live);
    let mut tx = TypedProducer::<Vec<u8>, _, _, _>::over(tx, Postcard, Room::<80>::new()).expect("its codec");
    let mut rx = TypedConsumer::<Vec<u8>, _, _>::over(rx, Postcard).expect("its codec");
    let no_room = PublishError::Encode(EncodeError::NoRoom { have: 80 });
    assert_eq!(tx.try_publish(&vec![1; 80]), Err(no_room));
    assert_eq!(tx.try_publish(&vec![1; 70]), Err(PublishError::Refused(Why::TooLarge { max: 64 })));
    assert_eq!(tx.try_publish(&vec![1; 60]), Ok(Position(0)));
    assert!(matches!(tx.try_publish(&vec![1; 60]), Err(PublishError::Refused(Why::Full { .. }))));
    tx.into_raw().into_raw().close();
    let mut sum = 0;
    let (count, closed) = rx.poll(9, |value, at| sum += value.len() as u64 + at.0);
    assert!((count, sum) == (1, 60) && matches!(closed, Some(Next::Closed(_))));
}

// RING-LAYERS, RING-CODECS: a ring of one codec is not read by another, and the header says which it is of.
#[test]
fn another_codec_is_refused() {
    let live = Local::new();
    let segment = made(&Spec::of::<Fixed<N>>(16).codec(2), &live);
    assert!(segment.speaks(CodecId(2)).is_ok());
    let (tx, rx) = frames(&segment, &live);
    let error = TypedProducer::<Quote, _, _, _>::over(tx, Postcard, Room::<64>::new()).unwrap_err();
    assert_eq!((error.field, error.got, error.want), (Field::Codec, 2, 1));
    let error = TypedConsumer::<Quote, _, _>::over(rx, Rkyv).unwrap_err();
    assert_eq!((error.field, error.got, error.want), (Field::Codec, 2, 3));
    let error = Codec::<Quote>::decode(&Bincode, &[]).unwrap_err();
    assert_eq!(error, DecodeError::Short);
}
