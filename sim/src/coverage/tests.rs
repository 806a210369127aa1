use super::{BadCoverage, ClaimId, Counts, Coverage, CoverageFile};
use crate::assert::Claims;
use proptest::prelude::{Strategy, any, proptest};
use proptest::{collection, option, sample};

const KINDS: [Claims; 9] = [
    Claims::Always,
    Claims::Sometimes,
    Claims::Reachable,
    Claims::Unreachable,
    Claims::Watermark,
    Claims::Expected,
    Claims::Buggify,
    Claims::Fault,
    Claims::Family,
];

fn claim() -> impl Strategy<Value = (ClaimId, Counts)> {
    let id = (sample::select(&KINDS[..]), "[a-c \u{e4}\"]{0,3}", "[a-b/]{0,3}", 0..3_u32);
    let id = id.prop_map(|(claims, name, file, line)| ClaimId {
        claims,
        name: name.into(),
        file: file.into(),
        line,
    });
    let counts = (
        any::<u32>(),
        any::<u32>(),
        any::<u32>(),
        option::of((any::<i64>(), any::<i64>())),
        option::of(any::<u64>()),
    );
    let counts = counts.prop_map(|(evaluated, changed, refused, range, seed)| Counts {
        runs: 1,
        evaluated: evaluated.into(),
        met: u64::from(evaluated / 2),
        changed: changed.into(),
        refused: refused.into(),
        range: range.map(|(a, b)| (a.min(b), a.max(b))),
        seed,
    });
    (id, counts)
}

fn coverage() -> impl Strategy<Value = Coverage> {
    collection::btree_map(any::<u8>(), claim(), 0..6).prop_map(|claims| {
        let mut coverage = Coverage { runs: 1, ..Coverage::default() };
        claims.into_values().for_each(|(id, counts)| {
            coverage.claims.insert(id, counts);
        });
        coverage
    })
}

fn file() -> impl Strategy<Value = CoverageFile> {
    collection::btree_map("[a-c]{1,2}", coverage(), 0..4).prop_map(|stories| CoverageFile { stories })
}

proptest! {
    // SIM-ASSERT: a coverage file reads back as it was written.
    #[test]
    fn a_file_reads_back_as_it_was_written(file in file()) {
        assert_eq!(CoverageFile::parse(file.to_string().as_bytes()), Ok(file));
    }

    #[test]
    fn files_add_up_to_the_same_in_any_order(a in file(), b in file(), c in file()) {
        let sum = |files: [&CoverageFile; 3]| {
            let mut sum = CoverageFile::default();
            files.into_iter().for_each(|file| sum.merge(file.clone()));
            sum
        };
        let whole = sum([&a, &b, &c]);
        for order in [[&c, &a, &b], [&b, &c, &a], [&c, &b, &a]] {
            assert_eq!(sum(order), whole);
        }
        assert_eq!(CoverageFile::parse(whole.to_string().as_bytes()), Ok(whole));
    }

    #[test]
    fn whatever_stands_in_a_file_it_is_read_or_refused_with_a_line(
        file in file(), at in any::<sample::Index>(), byte in any::<u8>(), cut in any::<bool>(),
    ) {
        let mut bytes = file.to_string().into_bytes();
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] = byte }
        if let Err(error) = CoverageFile::parse(&bytes) {
            let lines = bytes.iter().filter(|byte| **byte == b'\n').count() as u32 + 1;
            assert!((1..=lines).contains(&error.line), "{error}");
            assert!(!error.to_string().is_empty());
        }
    }
}

fn refused(text: &str) -> String {
    CoverageFile::parse(text.as_bytes()).expect_err("it is no coverage").to_string()
}

#[test]
fn a_bad_file_is_refused_with_line_and_reason() {
    assert_eq!(refused(""), "line 1: not a coverage file: EOF while parsing a value");
    assert_eq!(refused("PK\u{3}"), "line 1: not a coverage file: expected value");
    assert_eq!(refused("{}"), "line 1: not a coverage file: missing field `tidemill_coverage`");
    let version = "{\"tidemill_coverage\": 9, \"claims\": 3}";
    assert_eq!(refused(version), "line 1: version 9 of the format; this program reads 1");
    let with = |claims: &str| {
        let start = "{\"tidemill_coverage\": 1, \"crate_version\": \"0\",\n\"stories\": [{\"story\": \"s\", \"runs\": 2, \"claims\": [\n";
        refused(&format!("{start}{claims}\n]}}]}}"))
    };
    let claim = |kind: &str, name: &str, met: u32, more: &str| {
        format!(
            "{{\"claims\": \"{kind}\", \"name\": \"{name}\", \"file\": \"f\", \"line\": 1, \"runs\": 1, \"evaluated\": 1, \"met\": {met}{more}}}"
        )
    };
    assert!(with(&claim("never", "n", 0, "")).starts_with("line 3: unknown variant `never`"));
    assert!(with(&claim("always", "n", 0, ", \"luck\": 1")).starts_with("line 3: unknown field `luck`"));
    assert_eq!(with(&claim("always", "n", 2, "")), "line 4: n (f:1) was met 2 times of 1");
    let narrow = claim("watermark", "n", 0, ", \"range\": [2, 1]");
    assert_eq!(with(&narrow), "line 4: n (f:1) has a range that begins above its end");
    let twice = claim("always", "n", 1, "");
    assert_eq!(with(&format!("{twice},{twice}")), "line 4: n (f:1) is there twice");
    assert_eq!(with(&claim("always", "\\u001b[2J", 1, "")), "line 4: `\\u{1b}[2J` holds a control character");
    let strange = with(&claim("always", "n", 0, ", \"\\u001b[2J\": 1"));
    assert!(strange.starts_with("line 3: unknown field `\\u{1b}[2J`"), "{strange}");
    let long = with(&claim("always", &"n".repeat(5_000), 1, ""));
    assert!(long.contains("a name of 5000 bytes, and 4096 are enough") && long.len() < 300, "{long}");
    let deep = format!("{{\"tidemill_coverage\": {}", "[".repeat(100_000));
    assert!(refused(&deep).starts_with("line 1: not a coverage file: "));
}

#[test]
fn a_file_without_end_is_not_read_to_its_end() {
    let endless = std::io::repeat(b' ');
    let error = CoverageFile::read(endless).expect("blanks can be read").expect_err("they are no coverage");
    assert_eq!(error.reason, BadCoverage::TooLong);
}
