use super::{Complaint, EdgeRecord, Floor, Frontier, Seg, Terms, Unfit};
use crate::bad::{Bad, Object, Why};
use crate::bytes::CRC;
use crate::{Chain, ChainKind, EdgeId, FenceEpoch, HostId, Incarnation, Nonce, Owner, StageId};
use alloc::vec::Vec;
use tidemill_seam::Duration;

const TERMS: Terms = Terms { ttl: Duration::from_secs(10), drift_ppm: 200 };

fn seg(generation: u64, base: u64) -> Seg {
    Seg {
        generation: FenceEpoch::new(generation),
        host: HostId(70 + generation),
        nonce: Nonce(base ^ 0x5a),
        base,
    }
}

fn owner(inc: u64) -> Owner {
    Owner { stage: StageId([7; 16]), inc: Incarnation(inc) }
}

/// An edge that moved twice, with something in every field.
fn record() -> EdgeRecord {
    let mut record = EdgeRecord::new(EdgeId([3; 16]), ChainKind::Content, TERMS);
    record.hand_over(owner(1), seg(1, 0)).expect("room for one");
    record.frontier = Frontier { off: 9, chain: Chain(0x1111_2222), seq: 4 };
    record.floor = Floor { off: 5, chain: Chain(1 << 100), inc: Incarnation(2), seq: 8 };
    record.hand_over(owner(2), seg(3, 7)).expect("room for two");
    (record.ver, record.end, record.accepted_loss) = (12, 40, 2);
    record.complaint = Complaint { generation: FenceEpoch::new(3), off: 9 };
    record
}

/// The bytes after a change that somebody put a good checksum on.
fn forged(change: impl FnOnce(&mut [u8; 512])) -> Result<EdgeRecord, Bad> {
    let mut bytes = record().encode();
    change(&mut bytes);
    let checksum = CRC.checksum(&bytes[..508]);
    bytes[508..].copy_from_slice(&checksum.to_le_bytes());
    EdgeRecord::decode(&bytes)
}

#[test]
fn a_record_reads_back_as_it_was_written() {
    assert_eq!(EdgeRecord::decode(&record().encode()), Ok(record()));
    let fresh = EdgeRecord::new(EdgeId([3; 16]), ChainKind::Origin, TERMS);
    assert_eq!(EdgeRecord::decode(&fresh.encode()), Ok(fresh));
}

// The offsets of the document: what is written today is read for ever.
#[test]
fn every_field_lies_where_the_document_says() {
    let bytes = record().encode();
    let word = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
    assert_eq!(bytes.len(), 512);
    assert_eq!((&bytes[..4], bytes[4], bytes[6], bytes[7]), (&b"TMER"[..], 1, 0, 2));
    assert_eq!((word(8), bytes[16], word(32), bytes[40], word(56)), (12, 3, 3, 7, 2));
    assert_eq!((word(64), word(72), word(88)), (9, 0x1111_2222, 4));
    assert_eq!((word(96), word(112), word(120), word(128)), (5, 1 << 36, 2, 8));
    assert_eq!((word(136), word(144), word(152)), (40, 3, 9));
    assert_eq!((word(160), bytes[168], bytes[172], bytes[173], bytes[174]), (10_000_000_000, 200, 1, 0, 2));
    assert_eq!((word(176), word(184), word(192), word(200)), (1, 71, 0x5a, 0));
    assert_eq!((word(208), word(216), word(224), word(232)), (3, 73, 7 ^ 0x5a, 7));
    assert_eq!(word(432), 2);
    assert!(bytes[440..508].iter().all(|byte| *byte == 0));
    assert_eq!(bytes[508..], CRC.checksum(&bytes[..508]).to_le_bytes());
}

#[test]
fn every_flipped_bit_is_refused() {
    let bytes = record().encode();
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes;
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(EdgeRecord::decode(&flipped).is_err(), "bit {bit}");
    }
}

#[test]
fn every_cut_prefix_is_refused_and_so_is_a_byte_too_many() {
    let bytes = record().encode();
    let wrong = Err(Bad::Corrupt { object: Object::EdgeRecord, why: Why::Length });
    for len in 0..bytes.len() {
        assert_eq!(EdgeRecord::decode(&bytes[..len]), wrong, "{len} bytes");
    }
    assert_eq!(EdgeRecord::decode(&[&bytes[..], &[0]].concat()), wrong);
}

#[test]
fn blank_is_not_zero() {
    for blank in [[0; 512], [0xff; 512]] {
        assert_eq!(
            EdgeRecord::decode(&blank),
            Err(Bad::Corrupt { object: Object::EdgeRecord, why: Why::Magic })
        );
    }
}

#[test]
fn a_later_version_is_named_and_not_guessed() {
    let later = forged(|bytes| bytes[4] = 2);
    assert_eq!(later, Err(Bad::Unsupported { object: Object::EdgeRecord, version: 2 }));
}

// A checksum proves only that somebody computed it.
#[test]
fn a_record_that_no_writer_leaves_is_refused_by_the_name_of_the_field() {
    let cases: &[(&str, usize, &[u8])] = &[
        ("len", 7, &[1]),
        ("ver", 8, &[0; 8]),
        ("generation", 32, &[4]),
        ("owner", 40, &[0; 24]),
        ("floor", 96, &[10]),
        ("end", 136, &[8]),
        ("complaint", 144, &[9]),
        ("complaint", 144, &[0]),
        ("chain kind", 172, &[9]),
        ("flags", 173, &[2]),
        ("nsegs", 174, &[9]),
        ("reserved bytes", 175, &[1]),
        ("segs", 176, &[0]),
        ("segs", 176, &[3]),
        ("segs", 200, &[6]),
        ("segs", 232, &[0]),
        ("segs", 240, &[1]),
        ("segs", 431, &[1]),
        ("reserved bytes", 440, &[1]),
        ("reserved bytes", 507, &[1]),
    ];
    for &(field, at, new) in cases {
        let refused = forged(|bytes| bytes[at..at + new.len()].copy_from_slice(new));
        let why = Why::Field(field);
        assert_eq!(refused, Err(Bad::Corrupt { object: Object::EdgeRecord, why }), "{field} at {at}");
    }
}

#[test]
fn only_a_deterministic_edge_commits_past_its_frontier() {
    let past = forged(|bytes| (bytes[96], bytes[173]) = (10, 1));
    assert_eq!(past.map(|record| (record.floor.off, record.frontier.off)), Ok((10, 9)));
}

#[test]
fn an_offset_is_served_by_the_newest_segment_that_begins_before_it() {
    let record = record();
    let serves = |off| record.serves(off).map(|seg| seg.generation.get());
    assert_eq!([0, 6, 7, 99].map(serves), [Some(1), Some(1), Some(3), Some(3)]);
    assert_eq!(EdgeRecord::new(EdgeId([3; 16]), ChainKind::Origin, TERMS).serves(0), None);
}

#[test]
fn handing_over_drops_what_is_covered_and_what_lies_below_the_floor() {
    let mut drained = record();
    drained.floor.off = 7;
    drained.hand_over(owner(3), seg(4, 9)).expect("room");
    let generations =
        |record: &EdgeRecord| record.segs().iter().map(|seg| seg.generation.get()).collect::<Vec<_>>();
    assert_eq!(generations(&drained), [3, 4], "generation 1 ends at the floor");
    assert_eq!((drained.complaint, drained.owner), (Complaint::default(), owner(3)));
    let mut abandoned = record();
    abandoned.hand_over(owner(3), seg(4, 6)).expect("room");
    assert_eq!(generations(&abandoned), [1, 4], "generation 3 begins above the new base");
    assert_eq!(EdgeRecord::decode(&abandoned.encode()), Ok(abandoned));
}

#[test]
fn nine_segments_do_not_fit_and_change_nothing() {
    let mut full = EdgeRecord::new(EdgeId([3; 16]), ChainKind::Origin, TERMS);
    for generation in 1..=8 {
        full.hand_over(owner(1), seg(generation, 10 * (generation - 1))).expect("room for eight");
    }
    let before = full.clone();
    assert_eq!(full.hand_over(owner(1), seg(9, 80)), Err(Unfit::TooMany));
    assert_eq!(full, before);
    assert_eq!(full.hand_over(owner(1), seg(9, 0)), Ok(()), "one that covers them all fits");
}

#[test]
fn a_segment_that_leaves_a_gap_or_comes_late_is_unfit() {
    let mut fresh = EdgeRecord::new(EdgeId([3; 16]), ChainKind::Origin, TERMS);
    assert_eq!(fresh.hand_over(owner(1), seg(1, 1)), Err(Unfit::AboveFloor));
    assert_eq!(fresh.hand_over(owner(1), seg(0, 0)), Err(Unfit::Older));
    let mut moved = record();
    assert_eq!(moved.hand_over(owner(3), seg(3, 9)), Err(Unfit::Older));
    assert_eq!(moved, record());
}
