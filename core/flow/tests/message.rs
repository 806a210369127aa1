//! Headers and payloads.

use proptest::prelude::*;
use tidemill_flow::{Bytes, Criticality, Flags, Header, HeaderError, MemoryClass, Payload, TooLong};
use tidemill_seam::{Duration, Instant};

fn sample() -> Header {
    let mut header = Header::new(1, 2, Instant::from_nanos(3))
        .with_deadline(Instant::from_nanos(4))
        .with_max_age(Duration::from_micros(5))
        .with_flags(Flags::END);
    header.clock_domain = 6;
    header.criticality = Criticality::Safety;
    header
}

#[test]
fn a_header_is_48_bytes_in_the_order_of_the_document() {
    assert_eq!((size_of::<Header>(), align_of::<Header>()), (48, align_of::<u64>()));
    let bytes = sample().to_bytes();
    for (at, value) in
        [(0, 1), (8, 2), (16, 3), (24, 4), (32, 5), (36, 0), (40, 1), (42, 6), (43, 2), (44, 0)]
    {
        assert_eq!(bytes[at], value, "byte {at}");
    }
}

#[test]
fn what_is_not_a_header_is_refused_by_cause() {
    let good = sample().to_bytes();
    assert_eq!(Header::check(&good, 0), Ok(sample()));
    assert_eq!(Header::check(&good[..47], 0), Err(HeaderError::Short { len: 47 }));
    let spoiled = |at: usize, value: u8| {
        let mut bytes = good;
        bytes[at] = value;
        Header::check(&bytes, 8)
    };
    assert_eq!(spoiled(45, 1), Err(HeaderError::Reserved));
    assert_eq!(spoiled(47, 255), Err(HeaderError::Reserved));
    assert_eq!(spoiled(40, 3), Err(HeaderError::Flags(3)));
    assert_eq!(spoiled(43, 3), Err(HeaderError::Criticality(3)));
    assert_eq!(spoiled(44, 1).map(|header| header.class()), Ok(MemoryClass::Shared));
    assert_eq!(spoiled(44, 2), Err(HeaderError::Class(2)));
    assert_eq!(spoiled(36, 9), Err(HeaderError::Bytes { bytes: 9, slot: 8 }));
    assert_eq!(spoiled(36, 8).map(|header| header.bytes()), Ok(8));
}

#[test]
fn times_that_are_not_set_mean_never() {
    let header = Header::new(0, 0, Instant::ZERO);
    assert_eq!((header.deadline(), header.max_age()), (Instant::MAX, Duration::MAX));
    assert_eq!(
        header.with_max_age(Duration::from_secs(1 << 20)).max_age(),
        Duration::MAX,
        "longer than 71 minutes"
    );
}

#[test]
fn payloads_know_their_length() {
    assert_eq!((<(u8, [u32; 3])>::MAX_BYTES, (1_u8, [0_u32; 3]).bytes()), (13, 13));
    let bytes: Bytes<4> = Bytes::new(b"abc").unwrap();
    assert_eq!((Bytes::<4>::MAX_BYTES, bytes.bytes(), &*bytes), (4, 3, &b"abc"[..]));
    assert_eq!([bytes, Bytes::EMPTY].bytes(), 3);
    assert_eq!(Bytes::<2>::new(b"abc"), Err(TooLong { len: 3, max: 2 }));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 8 } else { 4096 }, failure_persistence: None, ..Default::default() })]

    /// Whatever the bytes: a typed answer, and what is taken for a header reads back the same.
    #[test]
    fn any_bytes_are_refused_or_read_back(mut bytes in proptest::collection::vec(any::<u8>(), 0..60), tame in any::<bool>(), slot in any::<u32>()) {
        if tame && bytes.len() >= 48 {
            bytes[40..48].copy_from_slice(&[1, 0, 9, 1, 0, 0, 0, 0]);
        }
        if let Ok(header) = Header::check(&bytes, slot) {
            prop_assert_eq!(&header.to_bytes()[..], &bytes[..48]);
            prop_assert!(header.bytes() <= slot);
        }
    }
}
