//! The four codecs: what goes in comes out, and no bytes at all make one panic.
#![cfg(all(feature = "codecs", feature = "alloc"))]

use proptest::prelude::{ProptestConfig, Strategy, any, prop_assert, prop_assert_eq, proptest};
use std::fmt::Debug;
use tidemill_ring::codec::{Bincode, Codec, CodecId, DecodeError, EncodeError, Flat, Postcard, Rkyv, View};

mod tick;

use tick::Tick;

const LEN: usize = 512;

/// A grant as a frame has it: on a multiple of 16, with something old in it.
#[repr(align(16))]
struct Grant([u8; LEN]);

impl Grant {
    fn dirty() -> Self {
        Self([0xa5; LEN])
    }

    fn of(bytes: &[u8]) -> Self {
        let mut grant = Self::dirty();
        grant.0[..bytes.len()].copy_from_slice(bytes);
        grant
    }
}

/// What three of the codecs take as it is.
type Quote = (u32, Option<i64>, String, Vec<u16>);

fn encoded<T, C: Codec<T>>(codec: &C, value: &T) -> Vec<u8> {
    let mut grant = Grant::dirty();
    let len = codec.encode(value, &mut grant.0).expect("it fits");
    grant.0[..len].to_vec()
}

/// What goes in comes out; in a smaller grant nothing does; and the encoding does not depend on what lay there before.
fn round_trip<T: PartialEq + Debug, C: Codec<T>>(codec: &C, value: &T) {
    let bytes = encoded(codec, value);
    let decoded = codec.decode(&Grant::of(&bytes).0[..bytes.len()]);
    assert_eq!(decoded.as_ref(), Ok(value));
    let mut clean = Grant([0; LEN]);
    let len = codec.encode(value, &mut clean.0).expect("it fits");
    assert_eq!(clean.0[..len], bytes, "what lay in the grant before shows through");
    for have in 0..bytes.len() {
        let tight = codec.encode(value, &mut Grant::dirty().0[..have]);
        assert_eq!(tight, Err(EncodeError::NoRoom { have }), "{have} of {}", bytes.len());
    }
}

/// A prefix is no value, and no byte may follow one.
fn is_exact<T: PartialEq + Debug, C: Codec<T>>(codec: &C, value: &T) {
    let mut bytes = encoded(codec, value);
    for len in 0..bytes.len() {
        assert!(codec.decode(&bytes[..len]).is_err(), "{len} of {}", bytes.len());
    }
    bytes.push(0);
    assert_eq!(codec.decode(&bytes), Err(DecodeError::Long { left: 1 }));
}

/// Bytes from anywhere are an error, or a value that goes round.
fn takes_any<T: PartialEq + Debug, C: Codec<T>>(codec: &C, bytes: &[u8]) {
    let grant = Grant::of(bytes);
    let Ok(value) = codec.decode(&grant.0[..bytes.len()]) else { return };
    let mut again = Grant::dirty();
    if let Ok(len) = codec.encode(&value, &mut again.0) {
        assert_eq!(codec.decode(&again.0[..len]), Ok(value));
    }
}

fn quotes() -> impl Strategy<Value = Quote> {
    (any::<u32>(), any::<Option<i64>>(), "[a-z€]{0,20}", proptest::collection::vec(any::<u16>(), 0..40))
}

fn ticks() -> impl Strategy<Value = Tick> {
    (any::<u64>(), "[a-z€]{0,30}").prop_map(|(price, venue)| Tick { price, venue })
}

fn config(cases: u32) -> ProptestConfig {
    let cases = if cfg!(miri) { 2 } else { cases };
    ProptestConfig { cases, failure_persistence: None, ..Default::default() }
}

proptest! {
    #![proptest_config(config(64))]

    // RING-CODECS: postcard, bincode, rkyv and flatbuffers give back what they took, and refuse a grant too small.
    #[test]
    fn what_goes_in_comes_out(quote in quotes(), tick in ticks()) {
        round_trip(&Postcard, &quote);
        round_trip(&Bincode, &quote);
        round_trip(&Rkyv, &quote);
        round_trip(&Flat, &tick);
    }

    // RING-CODECS: a value is all of its bytes.
    #[test]
    fn a_prefix_is_no_value_and_nothing_follows_one(quote in quotes()) {
        is_exact(&Postcard, &quote);
        is_exact(&Bincode, &quote);
    }

    // RING-CODECS: a view reads in place what was encoded.
    #[test]
    fn a_view_is_the_value_where_it_lies(quote in quotes(), tick in ticks()) {
        let bytes = encoded(&Rkyv, &quote);
        let grant = Grant::of(&bytes);
        let view = View::<Quote>::view(&Rkyv, &grant.0[..bytes.len()]).unwrap();
        prop_assert_eq!((view.0.to_native(), view.2.as_str()), (quote.0, quote.2.as_str()));
        prop_assert!(view.3.iter().map(|number| number.to_native()).eq(quote.3));
        prop_assert!(grant.0.as_ptr_range().contains(&view.2.as_ptr()));
        let bytes = encoded(&Flat, &tick);
        let grant = Grant::of(&bytes);
        let view = View::<Tick>::view(&Flat, &grant.0[..bytes.len()]).unwrap();
        prop_assert_eq!((view.price(), view.venue()), (tick.price, tick.venue.as_str()));
    }
}

proptest! {
    #![proptest_config(config(1024))]

    // RING-CODECS: no bytes make a codec panic.
    #[test]
    fn any_bytes_are_a_value_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
        takes_any::<Quote, _>(&Postcard, &bytes);
        takes_any::<Quote, _>(&Bincode, &bytes);
        takes_any::<Quote, _>(&Rkyv, &bytes);
        takes_any::<Tick, _>(&Flat, &bytes);
    }

    // RING-CODECS: nor does an encoding of which some bytes were changed, or the end is missing.
    #[test]
    fn a_damaged_encoding_is_a_value_or_an_error(
        quote in quotes(),
        tick in ticks(),
        damage in proptest::collection::vec((any::<usize>(), any::<u8>()), 1..4),
        cut in 0..8_usize,
    ) {
        let damaged = |mut bytes: Vec<u8>| {
            for (at, byte) in &damage {
                let at = at % bytes.len();
                bytes[at] = *byte;
            }
            bytes.truncate(bytes.len() - cut.saturating_sub(4).min(bytes.len()));
            bytes
        };
        takes_any::<Quote, _>(&Postcard, &damaged(encoded(&Postcard, &quote)));
        takes_any::<Quote, _>(&Bincode, &damaged(encoded(&Bincode, &quote)));
        takes_any::<Quote, _>(&Rkyv, &damaged(encoded(&Rkyv, &quote)));
        takes_any::<Tick, _>(&Flat, &damaged(encoded(&Flat, &tick)));
    }
}

#[test]
fn a_length_that_lies_is_refused_before_memory_is_asked_for() {
    let huge = [0xff; 10];
    assert!(Codec::<Vec<u64>>::decode(&Postcard, &huge).is_err());
    // bincode's own form of 2^40 as a length.
    let claim = [253, 0, 0, 0, 0, 0, 1, 0, 0];
    assert_eq!(Codec::<Vec<u64>>::decode(&Bincode, &claim), Err(DecodeError::TooLarge));
}

#[test]
fn what_is_read_in_place_is_aligned_or_refused() {
    let quote: Quote = (1, None, String::from("x"), vec![7]);
    let bytes = encoded(&Rkyv, &quote);
    let mut shifted = Grant::dirty();
    shifted.0[1..=bytes.len()].copy_from_slice(&bytes);
    let view = View::<Quote>::view(&Rkyv, &shifted.0[1..=bytes.len()]);
    assert!(matches!(view, Err(DecodeError::Misaligned { need: 8 })), "{view:?}");
    assert_eq!(Codec::<Quote>::decode(&Rkyv, &[]), Err(DecodeError::Short));
}

#[test]
fn a_gap_in_a_flat_buffer_shows_nothing_of_what_lay_there_before() {
    let tick = Tick { price: 7, venue: String::from("x") };
    let encoded = |fill| {
        let mut grant = Grant([fill; LEN]);
        let len = Flat.encode(&tick, &mut grant.0).unwrap();
        grant.0[..len].to_vec()
    };
    assert_eq!(encoded(0), encoded(0xff));
}

#[test]
fn the_numbers_of_the_codecs_never_change() {
    let ids = [
        <Postcard as Codec<u8>>::ID,
        <Bincode as Codec<u8>>::ID,
        <Rkyv as Codec<u8>>::ID,
        <Flat as Codec<Tick>>::ID,
    ];
    assert_eq!(ids, [1, 2, 3, 4].map(CodecId));
}
