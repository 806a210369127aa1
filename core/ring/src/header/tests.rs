extern crate std;

use super::{AttachError, Creator, Field, Header, Incompatible, SegmentId, WORDS, at, crc32c};
use crate::layout::{Kind, Layout, PARTICIPANTS_MAX, Spec, SpecError};
use crate::table::{Identity, Policies, Policy};
use proptest::prelude::{any, prop, proptest};
use std::format;
use std::vec::Vec;

fn header(spec: Spec) -> Header {
    let who = Identity { process: 7, started: 1 << 40, namespace: 3 };
    let creator = Creator { who, boot: 5 << 100 };
    Header { layout: Layout::of(&spec).unwrap(), id: SegmentId(1 << 127 | 9), creator }
}

fn sealed(mut words: [u32; WORDS]) -> [u32; WORDS] {
    words[at::CHECKSUM] = crc32c(&words[..at::CHECKSUM]);
    words
}

fn refused(words: &[u32; WORDS], have: u32) -> Incompatible {
    match Header::check(words, have) {
        Err(AttachError::Incompatible(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_checksum_is_the_one_of_rfc_3720() {
    assert_eq!(crc32c(&[0; 8]), 0x8A91_36AA);
    assert_eq!(crc32c(&[u32::MAX; 8]), 0x62A8_AB43);
    let ascending: Vec<u32> =
        (0..8).map(|i| u32::from_le_bytes([4 * i, 4 * i + 1, 4 * i + 2, 4 * i + 3])).collect();
    assert_eq!(crc32c(&ascending), 0x46DD_794E);
}

// RING-HEADER: what was written is what is found.
#[test]
fn a_header_comes_back_as_it_was_written() {
    for spec in [
        Spec::new(8, 4, 4, 1),
        Spec::new(1, 1, 1, u64::MAX).line(1).page(1).participants(1).journal(0),
        Spec::new(64, 32, 16, 3).kind(Kind::Frames).codec(4),
        Spec::new(1 << 20, 64, 64, 2)
            .history(9)
            .participants(64)
            .policies(Policies::BLOCK.and(Policy::Lossy)),
        Spec::new(8, 4, 4, 1).spin_only(),
        Spec::new(8, 4, 4, 1).counters(5),
    ] {
        let header = header(spec);
        assert_eq!(Header::check(&header.encode(), header.layout.words()), Ok(header));
    }
}

// RING-HEADER: a word that is not as it was written is never believed.
#[test]
fn every_flipped_bit_of_a_header_is_refused() {
    let header = header(Spec::new(64, 8, 8, 1));
    let words = header.encode();
    for word in 0..WORDS {
        for bit in (0..32).step_by(if cfg!(miri) { 31 } else { 1 }) {
            let mut flipped = words;
            flipped[word] ^= 1 << bit;
            assert!(Header::check(&flipped, u32::MAX).is_err(), "bit {bit} of word {word}");
        }
    }
}

// RING-HEADER: with a checksum that is right, a wrong field is named, with what stands there and what is asked for.
#[test]
fn a_wrong_field_is_named() {
    let header = header(Spec::new(64, 8, 8, 1).history(3));
    let words = header.encode();
    let with = |at: usize, value: u32| {
        let mut words = words;
        words[at] = value;
        refused(&sealed(words), u32::MAX)
    };
    let named =
        |field, got: u32, want: u32| Incompatible { field, got: u64::from(got), want: u64::from(want) };
    assert_eq!(with(at::MAGIC, 1).field, Field::Magic);
    assert_eq!(with(at::ENDIAN, 0x0403_0201), named(Field::Endian, 0x0403_0201, 0x0102_0304));
    assert_eq!(with(at::ABI, 2 << 16), named(Field::Abi, 2, 1));
    assert_eq!(with(at::REQUIRED, 4), named(Field::Features, 4, 0));
    assert_eq!(with(at::KIND, 9), named(Field::Kind, 9, 1));
    assert_eq!(with(at::CAPACITY, 3), named(Field::Capacity, 3, 1 << 30));
    assert_eq!(with(at::SIZE, 0), named(Field::ElementSize, 0, 8));
    assert_eq!(with(at::ALIGN, 3).field, Field::ElementAlign);
    assert_eq!(with(at::HISTORY, 64), named(Field::History, 64, 63));
    assert_eq!(with(at::PARTICIPANTS, 65), named(Field::Participants, 65, PARTICIPANTS_MAX));
    assert_eq!(with(at::LINE, 0).field, Field::Line);
    assert_eq!(with(at::PAGE, 5).field, Field::Page);
    assert_eq!(with(at::JOURNAL, 128).field, Field::Journal);
    assert_eq!(with(at::COUNTERS, 3), named(Field::Counters, 3, 16));
    assert_eq!(with(at::POLICIES, 16).field, Field::Policies);
    assert_eq!(with(at::OFFSETS + 1, 0).field, Field::Offset(at::OFFSETS as u32 + 1));
    assert_eq!(with(at::INDEX, 0).field, Field::Offset(at::INDEX as u32));
    assert_eq!(with(at::LENGTH, 1).field, Field::Length);
    assert_eq!(with(at::CAPACITY, 128).field, Field::Length);
    let short = header.layout.words() - 1;
    assert_eq!(refused(&words, short), named(Field::Length, short, header.layout.words()));
}

// RING-HEADER: a minor revision and an optional feature that nobody here knows are ignored.
#[test]
fn a_later_minor_and_an_optional_feature_are_ignored() {
    let header = header(Spec::new(64, 8, 8, 1));
    let mut words = header.encode();
    words[at::ABI] |= 7;
    words[at::OPTIONAL] = !super::SPIN_ONLY;
    assert_eq!(Header::check(&sealed(words), u32::MAX), Ok(header));
}

// RING-HEADER: what was written by a host of the other byte order says so.
#[test]
fn a_foreign_order_of_bytes_is_named() {
    let words = header(Spec::new(64, 8, 8, 1)).encode().map(u32::swap_bytes);
    assert_eq!(refused(&words, u32::MAX).field, Field::Endian);
    assert_eq!(Header::check(&[0; WORDS], u32::MAX), Err(AttachError::NotReady));
}

#[test]
fn a_spec_that_cannot_be_names_its_limit() {
    let spec = Spec::new(8, 4, 4, 0);
    let why = |spec: Spec| Layout::of(&spec).unwrap_err();
    assert_eq!(why(Spec { capacity: 0, ..spec }), SpecError::Capacity(0));
    assert_eq!(why(Spec { capacity: 1 << 31, ..spec }), SpecError::Capacity(1 << 31));
    assert_eq!(why(Spec { size: 0, ..spec }), SpecError::Element { size: 0, align: 4 });
    assert_eq!(why(Spec { size: 6, ..spec }), SpecError::Element { size: 6, align: 4 });
    assert_eq!(why(spec.participants(65)), SpecError::Participants(65));
    assert_eq!(why(spec.history(8)), SpecError::History { history: 8, capacity: 8 });
    assert_eq!(why(spec.line(3)), SpecError::Line(3));
    assert_eq!(why(spec.page(1 << 15)), SpecError::Page(1 << 15));
    assert_eq!(why(spec.journal(3)), SpecError::Journal(3));
    assert!(
        matches!(why(Spec { capacity: 1 << 30, size: 64, ..spec }), SpecError::TooLong { words } if words > 1 << 34)
    );
    assert_eq!(format!("{}", why(spec.history(8))), "a history of 8 is not below the capacity of 8");
}

// RING-LAYOUT: the blocks of a segment follow each other without an overlap, and the data begins where it has to.
#[test]
fn the_blocks_of_a_layout_never_overlap() {
    for line in [1, 2, 8, 32, 128] {
        for (size, align) in [(1, 1), (4, 4), (6, 2), (8, 8), (24, 8), (64, 64), (4096, 4096)] {
            for (participants, kind) in
                [(1, Kind::Slots), (5, Kind::Frames), (if cfg!(miri) { 8 } else { 64 }, Kind::Slots)]
            {
                let spec = Spec::new(4, size, align, 0)
                    .line(line)
                    .page(1)
                    .participants(participants)
                    .kind(kind)
                    .counters(participants % 3);
                let layout = Layout::of(&spec).unwrap();
                let mut blocks = [
                    (0, 128),
                    (Layout::STATE.0, 8),
                    (layout.published.0, 2),
                    (layout.gate.0, 10),
                    (layout.park.0, 4),
                    (layout.table.0, participants),
                    (layout.journal.0, if spec.journal == 0 { 0 } else { line + 8 * spec.journal }),
                    (layout.index.0, if spec.indexed() { 16 } else { 0 }),
                    (layout.data.0, 4 * layout.stride),
                ]
                .to_vec();
                blocks.extend((0..spec.counters).map(|place| (layout.counter(place).0, 10)));
                for slot in 0..participants {
                    blocks.push((layout.cursor(slot).0, 2));
                    blocks.push((layout.record(slot).0, 32));
                }
                blocks.sort_unstable();
                assert!(blocks.windows(2).all(|two| two[0].0 + two[0].1 <= two[1].0), "{blocks:?}");
                assert!(blocks.iter().all(|(at, len)| at + len <= layout.words()));
                assert!((4 * layout.data.0).is_multiple_of(align), "the data is aligned");
                assert!((4 * layout.stride).is_multiple_of(align) && 4 * layout.stride >= size);
                assert!((layout.published.0 - 128).is_multiple_of(line));
            }
        }
    }
}

proptest! {
    #![proptest_config(crate::cases::cases(256))]
    #[test]
    fn no_words_make_the_check_panic_or_believe_in_more_than_there_is(
        words in prop::collection::vec(any::<u32>(), WORDS),
        changed in prop::collection::vec((0..WORDS, any::<u32>()), 0..6),
        have in any::<u32>(),
        real in any::<bool>(),
    ) {
        let mut words: [u32; WORDS] = words.try_into().unwrap();
        if real {
            words = header(Spec::new(64, 8, 8, 1)).encode();
        }
        for (at, value) in changed {
            words[at] = value;
        }
        if let Ok(header) = Header::check(&sealed(words), have) {
            assert!(header.layout.words() <= have);
        }
    }
}
