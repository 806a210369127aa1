//! `tidemill ring tail --codec` and `--type`: messages and values of rings that were made for them.

use super::{desk, run, slots};
use serde_json::{Value, json};
use std::path::Path;
use tidemill_host::ring::{Ring, ring};
use tidemill_ring::Plain;
use tidemill_ring::codec::{Bincode, Codec, CodecId, DecodeError, EncodeError, Postcard};
use tidemill_ring::frame::{Fixed, Meta};

type Order = (u64, String, Option<u32>);

const ORDER: &str = "id: u64, note: String, size: Option<u32>";

fn of(desk: &Path) -> Ring {
    ring("orders").expect("a name").under(desk)
}

fn tail(desk: &Path, more: &[&str]) -> (Option<i32>, String, String) {
    run(desk, &[&["ring", "tail", "./orders.ring"][..], more].concat())
}

fn lines(out: &str) -> Vec<Value> {
    out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn order(id: u64) -> Order {
    (id, "limit\n".repeat(id as usize % 5), id.is_multiple_of(2).then_some(7))
}

/// What a name says of a ring; nothing goes through it here.
#[derive(Clone, Copy)]
struct Named<const ID: u32>;

impl<const ID: u32> Codec<Order> for Named<ID> {
    const ID: CodecId = CodecId(ID);

    fn encode(&self, _: &Order, _: &mut [u8]) -> Result<usize, EncodeError> {
        Err(EncodeError::Value)
    }

    fn decode(&self, _: &[u8]) -> Result<Order, DecodeError> {
        Err(DecodeError::Invalid)
    }
}

// RING-TOOL, RING-CODECS: values of the codec that the header names, in parts and in runs, by the words of their type
#[test]
fn values_are_shown_by_the_codec_of_the_header_and_the_words_of_their_type() {
    let desk = desk("values");
    let typed = || of(&desk).frames::<16>(16).typed::<Order, _>(Postcard);
    let mut tx = typed().producer().expect("nobody else does");
    let _rx = typed().consumer().expect("there is room");
    for id in [0, 1, 4] {
        tx.try_publish(&order(id)).expect("there is room");
    }
    tx.raw().try_publish(&[0xff; 3], 9).expect("there is room");
    tx.try_publish(&order(5)).expect("there is room");
    let (code, out, err) = tail(&desk, &["--type", ORDER]);
    assert_eq!((code, err.as_str()), (Some(1), ""), "three bytes are no order");
    let want = "\
        0  {id: 0, note: \"\", size: Some(7)}\n\
        1  {id: 1, note: \"limit\\n\", size: None}\n\
        2  {id: 4, note: \"limit\\nlimit\\nlimit\\nlimit\\n\", size: Some(7)}\n\
        4  broken: the bytes end before the value does\n\
        5  {id: 5, note: \"\", size: None}\n";
    assert_eq!(out, want);
    let (code, out, _) = tail(&desk, &["--type", ORDER, "--codec", "postcard", "--json", "--count", "4"]);
    let lines = lines(&out);
    let note = "limit\n".repeat(4);
    assert_eq!(lines[2], json!({ "position": 2, "kind": 0, "value": { "id": 4, "note": note, "size": 7 } }));
    let why = "the bytes end before the value does";
    assert_eq!((code, &lines[3]), (Some(1), &json!({ "broken": { "position": 4, "why": why } })));
    // Without names it is a row.
    assert_eq!(
        tail(&desk, &["--type", "u64,String,Option<u32>", "--count", "1"]).1,
        "0  (0, \"\", Some(7))\n"
    );
    drop(tx);
    std::fs::remove_file(of(&desk).path()).expect("ours");
    let typed = || of(&desk).runs::<16>(16).typed::<Order, _>(Bincode);
    let mut tx = typed().producer().expect("nobody else does");
    for id in 0..20 {
        tx.try_publish(&order(id)).expect("nobody is waited for");
    }
    let (code, out, err) = tail(&desk, &["--type", ORDER]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    let shown: Vec<&str> = out.lines().filter_map(|line| Some(line.split_once("{id: ")?.1)).collect();
    let first: u64 = shown[0].split_once(',').expect("a field").0.parse().expect("a number");
    let all = (first..20).map(|id| format!("{id}, note: {:?}, size: {:?}}}", order(id).1, order(id).2));
    assert_eq!(shown, all.collect::<Vec<_>>(), "{out}");
    assert!(shown.len() > 4, "{out}");
}

// RING-TOOL, RING-FRAMES: messages are shown as they are, put together from their parts, and what is none is told of, once
#[test]
fn messages_are_put_together_and_what_is_none_is_told_of() {
    let desk = desk("messages");
    let mut tx = of(&desk).frames::<16>(8).frame_producer().expect("nobody else does");
    let publish = |tx: &mut tidemill_host::ring::FrameProducer<16>, text: &str, kind| {
        tx.try_publish(text.as_bytes(), kind).expect("nobody is waited for");
    };
    publish(&mut tx, "{\"id\": 7, \"note\": \"a\u{9b}b\"}", 3);
    publish(&mut tx, "déjà vu", 0);
    let mut part = Fixed::<16>::new();
    part.write(Meta { parts: 2, message: 9, ..Meta::default() }, &[1; 16]).expect("it fits");
    tx.raw().try_push(part).expect("nobody is waited for");
    publish(&mut tx, "{}", 0);
    let show = |codec| tail(&desk, &["--codec", codec]);
    let cut = "3  broken: another began before its last part\n";
    let broken = |at, why| format!("{at}  broken: {why}\n");
    let json = "0  kind 3  {\"id\":7,\"note\":\"a\\u009bb\"}\n";
    let none = broken(2, "expected value at line 1 column 1");
    assert_eq!(show("json"), (Some(1), format!("{json}{none}{cut}4  {{}}\n"), String::new()));
    let text = "0  kind 3  {\"id\": 7, \"note\": \"a\\u{9b}b\"}\n2  déjà vu\n";
    assert_eq!(show("utf8").1, format!("{text}{cut}4  {{}}\n"));
    let bytes =
        "0  kind 3  {\\\"id\\\": 7, \\\"note\\\": \\\"a\\xc2\\x9bb\\\"}\n2  d\\xc3\\xa9j\\xc3\\xa0 vu\n";
    assert_eq!(show("bytes").1, format!("{bytes}{cut}4  {{}}\n"));
    assert!(show("hex").1.ends_with(&format!("4\n  0000  {:<47}  {{}}\n", "7b 7d")));
    let all = lines(&tail(&desk, &["--codec", "bytes", "--json"]).1);
    assert_eq!(all[1], json!({ "position": 2, "kind": 0, "hex": "64c3a96ac3a0207675" }));
    assert_eq!(all[2], json!({ "broken": { "position": 3, "why": "another began before its last part" } }));
    // From the middle of a message on nothing is wrong but where it was begun.
    let (code, out, _) = tail(&desk, &["--codec", "utf8", "--from", "1", "--count", "1"]);
    assert_eq!((code, out.as_str()), (Some(0), "1  broken: its first part is missing\n2  déjà vu\n"));
    tx.raw().try_push(part).expect("nobody is waited for");
    tx.into_raw().close();
    let (code, out, _) = tail(&desk, &["--codec", "utf8", "--from", "4", "-f"]);
    let last = "4  {}\n5  broken: its owner ended the stream before its last part\n";
    assert_eq!((code, out.as_str()), (Some(1), last));
}

// RING-TOOL, RING-MPSC, RING-FRAMES: messages of several producers are put together whoever publishes beside them; what was given up is
// nobody's, and parts of two are never one message
#[test]
fn messages_of_several_producers_are_put_together() {
    let desk = desk("several-messages");
    let frames = || of(&desk).frames::<16>(16).producers(2);
    let mut one = frames().multi_frame_producer().expect("a place is free");
    let mut two = frames().multi_frame_producer().expect("a place is free");
    one.try_publish(b"a message of three parts, of which the last is short", 1).expect("room");
    let given_up = one.grant(20, 9).expect("room");
    two.try_publish(b"a second one, of two", 2).expect("room");
    drop(given_up);
    let part = |part, bytes: &[u8]| {
        let mut slot = Fixed::<16>::new();
        let meta = Meta { part, parts: 2, message: 77, ..Meta::default() };
        slot.write(meta, bytes).expect("it fits");
        slot
    };
    // As only somebody publishes them who claims no message at once.
    one.raw().try_push(part(0, &[1; 16])).expect("room");
    two.raw().try_push(part(1, &[2; 16])).expect("room");
    one.raw().try_push(part(0, &[1; 16])).expect("room");
    drop(one.raw().claim().expect("room"));
    two.try_publish(b"the last", 3).expect("room");
    let (code, out, err) = tail(&desk, &["--codec", "utf8"]);
    let want = "\
        0  kind 1  a message of three parts, of which the last is short\n\
        6  kind 2  a second one, of two\n\
        8  broken: another began before its last part\n\
        9  broken: its first part is missing\n\
        10  broken: its owner died, or gave it up\n\
        12  kind 3  the last\n";
    assert_eq!((code, out.as_str(), err.as_str()), (Some(1), want, ""));
    drop((one, two));
    std::fs::remove_file(of(&desk).path()).expect("ours");
    let typed = || of(&desk).runs::<16>(16).producers(2).typed::<Order, _>(Postcard);
    let mut all = [typed().multi_producer().expect("a place"), typed().multi_producer().expect("a place")];
    drop(all[0].raw().grant(40, 9).expect("room"));
    for id in 0..4 {
        all[id as usize % 2].try_publish(&order(id)).expect("room");
    }
    let (code, out, err) = tail(&desk, &["--type", ORDER, "--from", "0"]);
    let want = "\
        3  {id: 0, note: \"\", size: Some(7)}\n\
        4  {id: 1, note: \"limit\\n\", size: None}\n\
        5  {id: 2, note: \"limit\\nlimit\\n\", size: Some(7)}\n\
        6  {id: 3, note: \"limit\\nlimit\\nlimit\\n\", size: None}\n";
    assert_eq!((code, out.as_str(), err.as_str()), (Some(0), want, ""));
    // From the middle of a message on nothing is wrong but where it was begun.
    let (code, out, _) = tail(&desk, &["--type", ORDER, "--from", "7"]);
    assert_eq!((code, out.as_str()), (Some(0), "7  broken: its first part is missing\n"));
}

#[derive(Clone, Copy, Plain)]
#[repr(C)]
struct Tick {
    price: u64,
    lots: [Lot; 2],
}

#[derive(Clone, Copy, Plain)]
#[repr(C)]
struct Lot {
    size: u32,
    venue: [u8; 4],
}

// RING-TOOL, RING-TYPES: elements are shown as they lie; a type with names has to be the ring's own
#[test]
fn elements_are_shown_by_the_words_of_their_type() {
    let desk = desk("elements");
    let mut tx = of(&desk).slots::<Tick>(4).producer().expect("nobody else does");
    let lot = |size| Lot { size, venue: *b"XLON" };
    tx.try_push(Tick { price: 7, lots: [lot(1), lot(2)] }).expect("nobody is waited for");
    let own = "price: u64, lots: [{size: u32, venue: [u8; 4]}; 2]";
    let (code, out, err) = tail(&desk, &["--type", own]);
    let want = "0  {price: 7, lots: [{size: 1, venue: b\"XLON\"}, {size: 2, venue: b\"XLON\"}]}\n";
    assert_eq!((code, out.as_str(), err.as_str()), (Some(0), want, ""));
    let lots = json!([{ "size": 1, "venue": "584c4f4e" }, { "size": 2, "venue": "584c4f4e" }]);
    let value = json!({ "position": 0, "value": { "price": 7, "lots": lots } });
    assert_eq!(lines(&tail(&desk, &["--type", own, "--json"]).1), [value]);
    // Without names it is a way to look at the bytes.
    assert_eq!(tail(&desk, &["--type", "[u64; 3]"]).1.matches(", ").count(), 2);
    let other = own.replace("price", "cost");
    for (kind, why) in [
        (other.as_str(), "the segment's Fingerprint is 0x"),
        ("price: u64", "the segment's ElementSize is 0x18, and 0x8 is asked for"),
        ("u64, String", "no slot holds a String as it is"),
    ] {
        let (code, out, err) = tail(&desk, &["--type", kind]);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{err}");
        assert!(err.starts_with(&format!("tidemill: ./orders.ring: {why}")), "{err}");
    }
    drop(tx);
    std::fs::remove_file(of(&desk).path()).expect("ours");
    let mut tx = of(&desk).slots::<u64>(4).producers(2).multi_producer().expect("a place is free");
    tx.try_push(7).expect("nobody is waited for");
    drop(tx.claim().expect("nobody is waited for"));
    tx.try_push(9).expect("nobody is waited for");
    assert_eq!(tail(&desk, &["--type", "u64"]).1, "0  7\n1  skipped\n2  9\n");
    let all = lines(&tail(&desk, &["--type", "u64", "--json"]).1);
    assert_eq!(all[1..], [json!({ "skipped": 1 }), json!({ "position": 2, "value": 9 })]);
}

// RING-TOOL, RING-CODECS: what cannot be shown is refused with the reason and with what can be
#[test]
fn what_cannot_be_shown_says_why_and_what_can() {
    fn refusal<const ID: u32>(test: &str, more: &[&str]) -> String {
        let desk = desk(test);
        drop(of(&desk).frames::<16>(4).typed::<Order, _>(Named::<ID>).producer().expect("nobody else does"));
        let (code, out, err) = tail(&desk, more);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{err}");
        err
    }
    let desk = desk("refused");
    drop(slots(&desk, "orders").producer().expect("nobody else does"));
    let said = [
        refusal::<0>("refused-0", &["--type", "u8"]),
        refusal::<1>("refused-1", &["--codec", "postcard"]),
        refusal::<2>("refused-2", &["--codec", "postcard", "--type", "u8"]),
        refusal::<3>("refused-3", &["--type", "u8"]),
        refusal::<4>("refused-4", &["--codec", "flatbuffers"]),
        refusal::<77>("refused-77", &["--type", "u8"]),
        refusal::<1>("refused-8", &["--codec", "json", "--type", "u8"]),
        tail(&desk, &["--codec", "bincode", "--type", "u64"]).2,
    ];
    insta::assert_snapshot!(said.concat());
    for usage in [
        &["--type", "u65"][..],
        &["--type", "a: u8, u8"],
        &["--codec", "xml"],
        &["--hex", "--type", "u64"],
        &["--hex", "--codec", "utf8"],
    ] {
        let (code, out, err) = tail(&desk, usage);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{err}");
        assert!(err.starts_with("error: "), "{err}");
    }
}
