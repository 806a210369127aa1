use super::{By, decode};
use crate::command::ring::tail::schema::Type;
use serde::Serialize;
use tidemill_ring::codec::{Bincode, DecodeError, bincode, postcard};

const ORDER: &str =
    "id: u64, delta: i32, price: f64, live: bool, side: char, note: Option<String>, legs: Vec<(u16, i64)>,
    venue: [u8; 4], tag: bytes, what: enum {New, Amend(u32), Move {from: u8, to: u8}}";
const SAID: &str = "{id: 300, delta: -7, price: 1.25, live: true, side: 'é', note: Some(\"a \\\"b\\\"\"), legs: [(1, -1), (65535, 9)], \
    venue: b\"XLON\", tag: b\"\\x00\\xff\", what: Amend(5)}";

#[derive(Serialize)]
struct Order {
    id: u64,
    delta: i32,
    price: f64,
    live: bool,
    side: char,
    note: Option<&'static str>,
    legs: Vec<(u16, i64)>,
    venue: [u8; 4],
    tag: Vec<u8>,
    what: What,
}

#[derive(Serialize)]
#[expect(dead_code, reason = "what comes before decides about the number of the one that is sent")]
enum What {
    New,
    Amend(u32),
    Move { from: u8, to: u8 },
}

fn kind(text: &str) -> Type {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn order() -> Order {
    let legs = vec![(1, -1), (65_535, 9)];
    let (note, what) = (Some("a \"b\""), What::Amend(5));
    let (id, delta, price, live, side, venue) = (300, -7, 1.25, true, 'é', *b"XLON");
    Order { id, delta, price, live, side, note, legs, venue, tag: vec![0, 255], what }
}

/// The same by each codec. bincode has a variant as its number and what it carries, and a struct as a row of fields.
fn encoded() -> [(By, Vec<u8>); 2] {
    let Order { id, delta, price, live, side, note, legs, venue, tag, .. } = order();
    let row = (id, delta, price, live, side, note, legs, venue, tag, (1_u32, 5_u32));
    let bincode = bincode::encode_to_vec(row, Bincode::CONFIG).expect("a value");
    [(By::Postcard, postcard::to_allocvec(&order()).expect("a value")), (By::Bincode, bincode)]
}

// RING-TOOL, RING-CODECS: what a codec wrote of a compiled type is read by the words of that type
#[test]
fn a_value_is_read_by_the_words_of_its_type() {
    for (by, bytes) in encoded() {
        let value = decode(by, &kind(ORDER), &bytes).expect("a value");
        assert_eq!(value.to_string(), SAID, "{by:?}");
        let json = value.json();
        assert_eq!(json["legs"], serde_json::json!([[1, -1], [65_535, 9]]));
        assert_eq!((&json["tag"], &json["what"]["Amend"]), (&"00ff".into(), &5.into()));
        assert_eq!((&json["note"], &json["price"]), (&"a \"b\"".into(), &1.25.into()));
    }
}

// RING-TOOL, RING-CODECS: bytes that are cut, or go on, are no value; and none of any kind make a reader panic
#[test]
fn bytes_that_are_no_value_say_why() {
    for (by, bytes) in encoded() {
        for len in 0..bytes.len() {
            assert_eq!(
                decode(by, &kind(ORDER), &bytes[..len]),
                Err(DecodeError::Short),
                "{by:?}, {len} bytes"
            );
        }
        let longer = [&bytes[..], &[0, 0]].concat();
        assert_eq!(decode(by, &kind(ORDER), &longer), Err(DecodeError::Long { left: 2 }));
    }
    for by in [By::Postcard, By::Bincode] {
        for (text, bytes) in [
            ("bool", &[2][..]),
            ("Option<u8>", &[2, 0]),
            ("enum {A, B(u8)}", &[2, 0]),
            ("String", &[1, 0xff]),
        ] {
            assert_eq!(decode(by, &kind(text), bytes), Err(DecodeError::Invalid), "{by:?}, {text}");
        }
    }
    // A length that nobody wrote costs no more than the bytes that are there.
    let long = [&[0x87, 0xff, 0xff, 0xff, 0x7f][..], &[0; 100]].concat();
    assert_eq!(decode(By::Postcard, &kind("Vec<u16>"), &long), Err(DecodeError::Short));
    assert_eq!(decode(By::Postcard, &kind("String"), &long), Err(DecodeError::Short));
    assert_eq!(decode(By::Bincode, &kind("String"), &[252, 0, 0, 0, 0x80, 0]), Err(DecodeError::TooLarge));
    assert_eq!(decode(By::Postcard, &kind("[bool; 65537]"), &[1; 65_537]), Err(DecodeError::TooLarge));
    let mut bits = 1_u64;
    for _ in 0..2_000 {
        let bytes: Vec<u8> = (0..bits % 90)
            .map(|_| {
                bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (bits >> 56) as u8
            })
            .collect();
        bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        for by in [By::Postcard, By::Bincode] {
            if let Ok(value) = decode(by, &kind(ORDER), &bytes) {
                assert!(!value.to_string().is_empty() && value.json().is_object());
            }
        }
    }
}

// RING-TOOL, RING-PLAIN: fields that lie in a slot as they are, back to back
#[test]
fn fields_are_read_where_they_lie() {
    let bytes = [&7_u64.to_ne_bytes()[..], &(-2_i32).to_ne_bytes(), b"XLON", &0.1_f32.to_ne_bytes()].concat();
    let read = |text: &str| decode(By::Plain, &kind(text), &bytes);
    let value = read("price: u64, delta: i32, venue: [u8; 4], rate: f32").expect("a value");
    assert_eq!(value.to_string(), "{price: 7, delta: -2, venue: b\"XLON\", rate: 0.1}");
    assert_eq!(value.json().to_string(), "{\"delta\":-2,\"price\":7,\"rate\":0.1,\"venue\":\"584c4f4e\"}");
    assert_eq!(read("[u64; 2], [i16; 2]").map(|_| ()), Ok(()));
    assert_eq!(read("[u64; 3]"), Err(DecodeError::Short));
    assert_eq!(read("u64"), Err(DecodeError::Long { left: 12 }));
    let wide = decode(By::Plain, &kind("u128, f64"), &[0xff; 24]).expect("a value");
    assert_eq!(wide.to_string(), "(340282366920938463463374607431768211455, NaN)");
    assert_eq!(wide.json().to_string(), "[\"340282366920938463463374607431768211455\",\"NaN\"]");
}
