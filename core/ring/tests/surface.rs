//! What is public of messages and codecs without a ring, used as somebody does who comes with the documentation only.
#![cfg(all(feature = "codecs", feature = "alloc"))]

use tidemill_ring::codec::{Bincode, Codec, DecodeError, EncodeError, Flat, Postcard, Rkyv, View};
use tidemill_ring::element::{Fingerprint, bytes, from_bytes};
use tidemill_ring::frame::{
    Assembler, Broken, Cause, Fed, Fixed, Lie, Memory, Meta, Owners, Room, SizeClasses, SizesError, Stamp,
    TooLarge, split,
};
use tidemill_ring::required::{Alerted, Machine, Peer, Presence, Required, RequiredError, Seen, State};
use tidemill_ring::{Plain, name::Name};
use tidemill_seam::{Duration, Instant};

mod tick;

use tick::Tick;

type Quote = (u32, Option<i64>, String, Vec<u16>);

#[derive(Clone, Copy, PartialEq, Debug, Plain)]
#[repr(C)]
struct Lot {
    price: u64,
    size: u32,
    side: u32,
}

// RING-PLAIN, RING-TYPES: what may lie in a slot as it is, and how two such types are told apart
#[test]
fn surface_plain() {
    let lot = Lot { price: 7, size: 3, side: 1 };
    assert_eq!(from_bytes(bytes(&lot)), Some(lot));
    assert_eq!(from_bytes::<Lot>(&[0; 15]), None);
    let named = Fingerprint::of_fields(16)
        .field("price", 0, u64::FINGERPRINT)
        .field("size", 8, u32::FINGERPRINT)
        .field("side", 12, u32::FINGERPRINT);
    assert_eq!((Lot::FINGERPRINT, Lot::FINGERPRINT == <[u64; 2]>::FINGERPRINT), (named, false));
}

// RING-FRAMES: a payload in parts, each in a slot with its header, and together again
#[test]
fn surface_parts() {
    let now = Instant::from_nanos(6_400);
    let parts = split(&[7; 40], 16, 3, 9, Stamp::of(now)).expect("few enough");
    assert_eq!(parts.len(), 3);
    let (mut all, mut slot) = (Assembler::new(Memory::new(64)), Fixed::<16>::new());
    let mut whole = None;
    for part in parts {
        slot.write(part.meta, part.bytes).expect("a part fits its slot");
        let (meta, bytes) = slot.check().expect("as it was written");
        assert_eq!(
            (meta.is_first(), meta.is_last(), meta.is_single()),
            (meta.part == 0, meta.part == 2, false)
        );
        if let (None, Fed::Message(message)) = all.feed(meta, bytes) {
            whole = Some((message.kind, message.message, message.parts, message.bytes.to_vec()));
            assert_eq!(message.sent.age(now + Stamp::TICK), Stamp::TICK);
        }
    }
    assert_eq!(whole, Some((3, 9, 3, vec![7; 40])));
    assert_eq!(slot.commit(Meta { len: 17, ..Meta::default() }), Err(Lie { len: 17, max: 16 }));
    let orphan = Meta { len: 16, part: 1, parts: 2, message: 10, ..Meta::default() };
    let (None, Fed::Broken(Broken { cause, .. })) = all.feed(orphan, &[0; 16]) else {
        panic!("no first part")
    };
    assert_eq!(cause, Cause::NoFirst);
    let mut owners = Owners::new([Room::<64>::new(), Room::new()]);
    assert!(owners.of(1).is_some() && owners.of(2).is_none());
    assert_eq!(split(&[0; 3], 0, 0, 0, Stamp::default()).err(), Some(TooLarge { max: 0 }));
}

// RING-FRAMES: a ring a size, so that a small message takes no large slot
#[test]
fn surface_size_classes() {
    let sizes = SizeClasses::new([64, 1024]).expect("ascending");
    assert_eq!([0, 64, 65].map(|len| sizes.class(len)), [Ok(0), Ok(0), Ok(1)]);
    assert_eq!(sizes.class(1025), Err(TooLarge { max: 1024 }));
    assert_eq!(SizeClasses::new([64, 64]), Err(SizesError::Order(64)));
}

/// There and back, cut short, and into too little room.
fn by<T: PartialEq + std::fmt::Debug, C: Codec<T>>(codec: C, value: &T) {
    let mut room = Room::<256>::new();
    let room = room.as_mut();
    let len = codec.encode(value, room).expect("it fits");
    assert_eq!(codec.decode(&room[..len]).as_ref(), Ok(value));
    assert!(codec.decode(&room[..len / 2]).is_err());
    assert!(matches!(codec.encode(value, &mut room[..4]), Err(EncodeError::NoRoom { have: 4 })));
}

// RING-CODECS: each codec, by the same two verbs; and those that read in place by a third
#[test]
fn surface_codecs() {
    let quote: Quote = (300, Some(-7), "limit".to_owned(), vec![1, 2]);
    by(Postcard, &quote);
    by(Bincode, &quote);
    by(Rkyv, &quote);
    by(Flat, &Tick { price: 7, venue: "XLON".to_owned() });
    let mut room = Room::<256>::new();
    let room = room.as_mut();
    let len = Rkyv.encode(&quote, room).expect("it fits");
    let seen = View::<Quote>::view(&Rkyv, &room[..len]).expect("it was written");
    assert_eq!((seen.0.to_native(), seen.2.as_str()), (300, "limit"));
    assert_eq!(Codec::<Quote>::decode(&Postcard, &[]), Err(DecodeError::Short));
}

// RING-REQUIRED: the machine alone, which is told the time and what is seen, and says what to do
#[test]
fn surface_required_machine() {
    let at = |ms| Instant::ZERO + Duration::from_millis(ms);
    let risk = Name::parse("risk").expect("a name");
    let mut machine = Machine::new(Required::new([risk]), at(0));
    let mut said = Vec::new();
    let mut step = |machine: &mut Machine<1>, ms, peer: Peer| {
        let seen = Seen { published: 9, peers: &[peer] };
        machine.step(at(ms), seen, &mut |alert| said.push(alert.what))
    };
    let ready = Peer { presence: Presence::Ready, cursor: 3, ..Peer::default() };
    assert_eq!(step(&mut machine, 10, ready).answer, Ok(()));
    assert_eq!(machine.states(), [State::Healthy]);
    let blocks = Peer { blocks: true, ..ready };
    let drains = [20, 300, 1_400].map(|ms| step(&mut machine, ms, blocks).drain);
    assert_eq!((drains, machine.answer()), ([false, false, true], Err(RequiredError::Stalled { id: risk })));
    assert!(matches!(said[..], [Alerted::Stalled { .. }]));
    machine.reset(at(1_500));
    assert_eq!(machine.answer(), Ok(()));
}
