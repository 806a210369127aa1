extern crate std;
use super::{
    Assembler, Broken, Cause, Fed, Fixed, Lie, Meta, Owners, Part, SizeClasses, SizesError, Stamp, split,
};
use crate::element::{Plain, bytes, from_bytes};
use proptest::prelude::{Strategy, any, prop_assert, prop_assert_eq, proptest};
use std::string::ToString;
use std::vec::Vec;
use tidemill_seam::{Duration, Instant};

const ROOM: usize = 16;

/// The parts of a payload in slots of 16 bytes.
fn parts(payload: &[u8], message: u32) -> Vec<Part<'_>> {
    split(payload, ROOM, 3, message, Stamp::default()).unwrap().collect()
}

fn payload(message: u32, len: usize) -> Vec<u8> {
    (0..len as u32).map(|at| (message * 31 + at * 7) as u8).collect()
}

/// Feeds one part; what broke, and the payload that was completed.
fn fed<B: AsRef<[u8]> + AsMut<[u8]>>(
    assembler: &mut Assembler<B>,
    part: Part<'_>,
) -> (Vec<Broken>, Option<(u32, Vec<u8>)>) {
    let (cut, fed) = assembler.feed(part.meta, part.bytes);
    let mut broken: Vec<Broken> = cut.into_iter().collect();
    let mut whole = None;
    match fed {
        Fed::Message(message) => whole = Some((message.message, message.bytes.to_vec())),
        Fed::Broken(more) => broken.push(more),
        Fed::Kept | Fed::Skipped => {}
    }
    (broken, whole)
}

// RING-FRAMES: any payload comes back whole from its parts.
#[test]
fn a_payload_is_split_and_comes_back_whole() {
    let mut assembler = Assembler::new([0; 100]);
    for len in [0, 1, 15, 16, 17, 32, 99, 100] {
        let sent = payload(5, len);
        let parts = parts(&sent, 5);
        assert_eq!(parts.len(), len.div_ceil(ROOM).max(1));
        let (last, before) = parts.split_last().unwrap();
        assert!(before.iter().all(|part| fed(&mut assembler, *part) == (std::vec![], None)));
        assert_eq!(fed(&mut assembler, *last), (std::vec![], Some((5, sent.clone()))));
    }
}

#[test]
fn a_message_of_one_part_needs_no_memory_and_is_not_copied() {
    let mut assembler = Assembler::new([0; 0]);
    let sent = payload(1, 16);
    let part = parts(&sent, 1)[0];
    let (None, Fed::Message(message)) = assembler.feed(part.meta, part.bytes) else { panic!("it is whole") };
    assert_eq!(message.bytes.as_ptr(), sent.as_ptr());
    assert_eq!((message.kind, message.message), (3, 1));
}

#[test]
fn a_payload_of_too_many_parts_is_refused_with_the_limit() {
    let huge = std::vec![0; 65_536];
    assert_eq!(split(&huge, 1, 0, 0, Stamp::default()).unwrap_err().max, 65_535);
    assert_eq!(split(&huge[1..], 1, 0, 0, Stamp::default()).unwrap().len(), 65_535);
    assert_eq!(split(&[], 0, 0, 0, Stamp::default()).unwrap_err().max, 0);
}

// RING-FRAMES: an orphan first part costs one message (R-RING-06).
#[test]
fn an_orphan_first_part_costs_one_message_r_ring_06() {
    let mut assembler = Assembler::new([0; 64]);
    let orphan = payload(0, 40);
    assert_eq!(fed(&mut assembler, parts(&orphan, 0)[0]), (std::vec![], None));
    let (mut broken, mut whole) = (Vec::new(), 0);
    for message in 1..=50 {
        let sent = payload(message, 40);
        for part in parts(&sent, message) {
            let (broke, got) = fed(&mut assembler, part);
            broken.extend(broke);
            whole += u32::from(got == Some((message, sent.clone())));
        }
    }
    assert_eq!(broken, [Broken { cause: Cause::Cut, message: 0, parts_seen: 1 }]);
    assert_eq!(whole, 50);
}

// RING-FRAMES: a tail part is never a message (R-RING-07).
#[test]
fn a_tail_part_is_never_a_message_r_ring_07() {
    for from in 1..4 {
        let mut assembler = Assembler::new([0; 64]);
        let (begun, next) = (payload(7, 60), payload(8, 5));
        let mut broken = Vec::new();
        for part in &parts(&begun, 7)[from..] {
            let (broke, got) = fed(&mut assembler, *part);
            broken.extend(broke);
            assert_eq!(got, None, "a short delivery from part {from} on");
        }
        assert_eq!(broken, [Broken { cause: Cause::NoFirst, message: 7, parts_seen: 0 }]);
        assert_eq!(fed(&mut assembler, parts(&next, 8)[0]), (std::vec![], Some((8, next.clone()))));
    }
}

// RING-FRAMES: a lying length is a fault, not a poison pill (R-RING-08).
#[test]
fn a_lying_length_is_a_fault_not_a_poison_pill_r_ring_08() {
    let mut slot = Fixed::<64>::new();
    slot.write(Meta { parts: 1, ..Meta::default() }, b"good").unwrap();
    bytes_of_header(&mut slot, 1_000_000);
    assert_eq!(slot.check().unwrap_err(), Lie { len: 1_000_000, max: 64 });
    let mut assembler = Assembler::new([0; 64]);
    let lie = Meta { len: 1_000_000, parts: 1, message: 4, ..Meta::default() };
    let broken = Broken { cause: Cause::Length { says: 1_000_000, has: 4 }, message: 4, parts_seen: 0 };
    assert_eq!(assembler.feed(lie, b"good"), (None, Fed::Broken(broken)));
    let next = payload(5, 3);
    assert_eq!(fed(&mut assembler, parts(&next, 5)[0]).1, Some((5, next.clone())));
}

fn bytes_of_header<const N: usize>(slot: &mut Fixed<N>, len: u32) {
    crate::element::bytes_mut(slot)[..4].copy_from_slice(&len.to_ne_bytes());
}

// RING-FRAMES: each way in which parts can be wrong breaks one message, with its cause.
#[test]
fn every_wrong_part_breaks_its_message_with_its_cause() {
    let sent = payload(9, 60);
    let good = parts(&sent, 9);
    let other = |meta: Meta| Part { meta, ..good[1] };
    let short = Part { meta: Meta { len: 15, ..good[1].meta }, bytes: &good[1].bytes[..15] };
    let meta = good[1].meta;
    for (wrong, cause) in [
        (good[2], Cause::Gap { want: 1, have: 2 }),
        (other(Meta { kind: 4, ..meta }), Cause::Header),
        (other(Meta { parts: 5, ..meta }), Cause::Header),
        (other(Meta { part: 9, ..meta }), Cause::Header),
        (other(Meta { parts: 0, ..meta }), Cause::Header),
        (other(Meta { len: 4, ..meta }), Cause::Length { says: 4, has: 16 }),
        (short, Cause::Length { says: 15, has: 15 }),
    ] {
        let mut assembler = Assembler::new([0; 64]);
        assert_eq!(fed(&mut assembler, good[0]).0, []);
        assert_eq!(fed(&mut assembler, wrong).0, [Broken { cause, message: 9, parts_seen: 1 }]);
        assert_eq!(assembler.feed(good[3].meta, good[3].bytes), (None, Fed::Skipped), "{cause}");
        let whole: Vec<_> = good.iter().map(|part| fed(&mut assembler, *part)).collect();
        assert_eq!(whole[3], (std::vec![], Some((9, sent.clone()))), "{cause}: the next one is whole");
    }
    let mut assembler = Assembler::new([0; 48]);
    let long = Broken { cause: Cause::TooLarge { max: 48 }, message: 9, parts_seen: 0 };
    assert_eq!(fed(&mut assembler, good[0]).0, [long], "the first part says how long it will be at least");
    let mut assembler = Assembler::new([0; 50]);
    let long = Broken { cause: Cause::TooLarge { max: 50 }, message: 9, parts_seen: 3 };
    let broken: Vec<Broken> = good.iter().flat_map(|part| fed(&mut assembler, *part).0).collect();
    assert_eq!(broken, [long]);
    let empty = Meta { len: 0, parts: 2, ..Meta::default() };
    assert!(matches!(assembler.feed(empty, &[]).1, Fed::Broken(Broken { cause: Cause::Header, .. })));
}

// RING-FRAMES: a restart, a void and a lag end the open message.
#[test]
fn a_restart_a_void_and_a_lag_end_the_open_message() {
    let sent = payload(9, 40);
    let good = parts(&sent, 9);
    for cause in [Cause::Restart, Cause::Void, Cause::Lagged] {
        let mut assembler = Assembler::new([0; 64]);
        assert_eq!(assembler.end(cause), None);
        fed(&mut assembler, good[0]);
        assert_eq!(assembler.open(), Some((9, 1)));
        assert_eq!(assembler.end(cause), Some(Broken { cause, message: 9, parts_seen: 1 }));
        let (cut, rest) = assembler.feed(good[1].meta, good[1].bytes);
        assert_eq!(cut, None);
        if cause == Cause::Restart {
            let orphan = Broken { cause: Cause::NoFirst, message: 9, parts_seen: 0 };
            assert_eq!(rest, Fed::Broken(orphan), "numbers begin anew, so this is another message");
        } else {
            assert_eq!(rest, Fed::Skipped);
        }
    }
}

#[test]
fn a_header_is_16_bytes_beside_its_payload_which_is_aligned() {
    let mut slot = Fixed::<32>::new();
    let meta =
        Meta { kind: 255, len: 5, part: 2, parts: 9, message: u32::MAX, sent: Stamp::of(Instant::MAX) };
    slot.write(meta, b"bytes").unwrap();
    assert_eq!((size_of::<Fixed<32>>(), align_of::<Fixed<32>>()), (48, 16));
    assert_eq!(slot.check().unwrap(), (meta, &b"bytes"[..]));
    assert!(slot.check().unwrap().1.as_ptr().addr().is_multiple_of(16));
    assert_eq!(slot.write(meta, &[0; 33]), Err(Lie { len: 33, max: 32 }));
    slot.room()[..2].copy_from_slice(b"in");
    assert_eq!(slot.commit(Meta { len: 33, ..meta }), Err(Lie { len: 33, max: 32 }));
    slot.commit(Meta { len: 2, ..meta }).unwrap();
    let copied: Fixed<32> = from_bytes(bytes(&slot)).unwrap();
    assert_eq!(copied.check().unwrap().1, b"in");
    assert_ne!(Fixed::<32>::FINGERPRINT, Fixed::<64>::FINGERPRINT);
}

#[test]
fn a_stamp_tells_how_long_ago_it_was_over_its_wrap() {
    let wrap = Duration::from_nanos(64 << 32);
    let sent = Instant::ZERO + wrap - Duration::from_nanos(640);
    let stamp = Stamp::of(sent);
    assert_eq!(stamp.age(sent), Duration::ZERO);
    assert_eq!(stamp.age(sent + Duration::from_nanos(6_400)), Duration::from_nanos(6_400));
    assert_eq!(stamp.age(sent + Duration::from_secs(274)).as_nanos() / 1_000_000_000, 274);
}

// RING-FRAMES: each message on the ring with the smallest slot that holds it whole.
#[test]
fn a_size_class_is_the_smallest_that_holds_the_message() {
    let sizes = SizeClasses::new([64, 256, 1024]).unwrap();
    for len in 0..=1024 {
        let class = sizes.class(len).unwrap();
        assert!(len <= sizes.sizes()[class] as usize);
        assert!(class == 0 || len > sizes.sizes()[class - 1] as usize);
    }
    assert_eq!(sizes.class(1025).unwrap_err().to_string(), "1024 bytes are the most");
    assert_eq!(SizeClasses::new([64, 64]), Err(SizesError::Order(64)));
    assert_eq!(SizeClasses::new([60]), Err(SizesError::Size(60)));
    assert_eq!(SizeClasses::new([0]), Err(SizesError::Size(0)));
    assert_eq!(SizeClasses::<0>::new([]), Err(SizesError::Empty));
}

const OWNERS: usize = 3;

/// Messages of each owner with the parts that get lost, and the order in which the owners speak.
type Traffic = (Vec<Vec<(usize, u64)>>, Vec<usize>);

fn traffic() -> impl Strategy<Value = Traffic> {
    let lost = proptest::prop_oneof![2 => proptest::strategy::Just(0), 1 => any::<u64>(), 1 => (0..8_u32).prop_map(|at| 1 << at)];
    let messages = proptest::collection::vec((0..100_usize, lost), 0..12);
    (proptest::collection::vec(messages, OWNERS), proptest::collection::vec(0..OWNERS, 200..400))
}

/// What is left of one owner's parts, in order: the message's number, and the part.
fn survivors<'p>(payloads: &'p [Vec<u8>], messages: &[(usize, u64)]) -> Vec<Part<'p>> {
    let each = payloads.iter().zip(messages).enumerate();
    each.flat_map(|(message, (payload, (_, lost)))| {
        let kept = parts(payload, message as u32).into_iter().enumerate();
        kept.filter(|(at, _)| lost >> (at % 64) & 1 == 0).map(|(_, part)| part).collect::<Vec<_>>()
    })
    .collect()
}

proptest! {
    #![proptest_config(crate::cases::cases(512))]

    // RING-FRAMES: however the parts of several owners mix, and whichever are lost, what is delivered was sent, and
    // each message of which a part came is delivered or broken, once.
    #[test]
    fn nothing_is_delivered_that_was_not_sent((sent, order) in traffic()) {
        let payloads: Vec<Vec<Vec<u8>>> = sent.iter().enumerate().map(|(owner, messages)| {
            let one = |(at, (len, _)): (usize, &(usize, u64))| payload((owner * 100 + at) as u32, *len);
            messages.iter().enumerate().map(one).collect()
        }).collect();
        let mut left: Vec<_> =
            payloads.iter().zip(&sent).map(|(payloads, messages)| survivors(payloads, messages).into_iter()).collect();
        let mut owners = Owners::new([[0; 100]; OWNERS]);
        let mut ends: Vec<Vec<(u32, bool)>> = std::vec![Vec::new(); OWNERS];
        let turns = order.into_iter().chain((0..OWNERS).flat_map(|owner| [owner; 100]));
        for owner in turns {
            let Some(part) = left[owner].next() else { continue };
            let (broken, whole) = fed(owners.of(owner).unwrap(), part);
            ends[owner].extend(broken.iter().map(|broken| (broken.message, false)));
            if let Some((message, bytes)) = whole {
                prop_assert_eq!(&bytes, &payloads[owner][message as usize]);
                ends[owner].push((message, true));
            }
        }
        for owner in 0..OWNERS {
            prop_assert!(left[owner].next().is_none());
            let open = owners.of(owner).unwrap().end(Cause::Void);
            ends[owner].extend(open.map(|broken| (broken.message, false)));
            let expected: Vec<(u32, bool)> = sent[owner].iter().enumerate().filter_map(|(message, (len, lost))| {
                let parts = len.div_ceil(ROOM).max(1);
                let lost = (0..parts).filter(|at| lost >> at & 1 == 1).count();
                (lost < parts).then_some((message as u32, lost == 0))
            }).collect();
            prop_assert_eq!(&ends[owner], &expected, "owner {}", owner);
        }
        prop_assert!(owners.of(OWNERS).is_none());
    }

    // RING-FRAMES: no header, however wrong, makes an assembler panic or deliver more than it was fed.
    #[test]
    fn headers_of_any_kind_neither_panic_nor_invent(
        fed in proptest::collection::vec((any::<[u32; 4]>(), 0..20_u32, any::<bool>()), 0..60),
    ) {
        let mut assembler = Assembler::new([0xaa; 50]);
        let bytes = [7; 20];
        let mut total = 0;
        for (words, len, tame) in fed {
            let mut meta = Meta::unpack(words);
            prop_assert_eq!(Meta::unpack(meta.pack()), meta);
            if tame {
                let (part, parts) = (meta.part % 4, meta.parts % 5);
                meta = Meta { len, part, parts, message: meta.message % 3, kind: 0, ..meta };
            }
            total += len as usize;
            if let (_, Fed::Message(message)) = assembler.feed(meta, &bytes[..len as usize]) {
                prop_assert!(message.bytes.len() <= total);
                prop_assert!(message.bytes.iter().all(|byte| *byte == 7));
            }
        }
    }
}
