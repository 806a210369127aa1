use super::{BYTES_MAX, Ending, LINE_MAX, Mark, Pair, Pin, Reason, Tape};
use crate::{Base, Site};

const TEXT: &str = "\
tidemill tape 1
crate   = 0.1.0
story   = canary
seed    = 7
config  messages = 64
choice  client/link→server#loss#3 = 1
mark    128 = 5b0d1c5ee1a9c1d2f07a6e2a3c44be10
failure = 9d41c2aa oracle delivered: # of # messages
hash    = 1f6e0c55aa90b37c44f1d20be56a7781
end
";

fn refusal(text: &str) -> (u32, Reason) {
    let error = Tape::parse(text.as_bytes()).expect_err("a bad tape was accepted");
    (error.line, error.reason)
}

fn with(line: &str) -> String {
    TEXT.replace("end\n", &format!("{line}\nend\n"))
}

#[test]
fn a_tape_says_what_ran_what_was_chosen_and_how_it_ended() {
    let tape = Tape::parse(TEXT.as_bytes()).expect("the example is a tape");
    assert_eq!((tape.story.value.as_str(), tape.story.line, tape.seed), ("canary", 3, 7));
    assert_eq!(tape.config, [Pair { line: 5, ..Pair::new("messages", "64") }]);
    assert_eq!(tape.choices, [Pin { site: Site::new("client/link→server", "loss", 3), value: 1, line: 6 }]);
    assert_eq!(tape.marks, [Mark { events: 128, hash: 0x5b0d_1c5e_e1a9_c1d2_f07a_6e2a_3c44_be10 }]);
    let id = "oracle delivered: # of # messages".to_owned();
    assert_eq!(tape.failure, Some(Ending { tag: "9d41c2aa".into(), id }));
    assert_eq!(tape.hash, 0x1f6e_0c55_aa90_b37c_44f1_d20b_e56a_7781);
}

#[test]
fn what_is_written_reads_back_the_same() {
    let tape = Tape::parse(TEXT.as_bytes()).expect("the example is a tape");
    assert_eq!(tape.to_string(), TEXT);
}

#[test]
fn a_tape_without_a_base_is_one_of_its_seed_and_another_says_zero() {
    let tape = Tape::parse(TEXT.as_bytes()).expect("the example is a tape");
    assert_eq!(tape.base, Base::Seed);
    let spelled = Tape::parse(with("base = seed").as_bytes()).expect("the default may be spelled out");
    assert_eq!(spelled.to_string(), TEXT);
    let zero = Tape::parse(with("base = zero").as_bytes()).expect("a tape over zero");
    assert_eq!((zero.base, zero.seed), (Base::Zero, 7));
    assert!(zero.to_string().contains("\nseed    = 7\nbase    = zero\nconfig"), "{zero}");
    assert_eq!(Tape::parse(zero.to_string().as_bytes()).expect("our own").to_string(), zero.to_string());
    assert_eq!(refusal(&with("base = one")), (10, Reason::UnknownBase("one".into())));
    let twice = "base = zero\nbase = zero";
    assert_eq!(refusal(&with(twice)), (11, Reason::Repeated("base".into())));
}

#[test]
fn comments_blank_lines_and_windows_line_ends_change_nothing() {
    let plain = Tape::parse(TEXT.as_bytes()).expect("the example is a tape");
    let noisy = TEXT.replace("seed", "# found on a Tuesday\n\nseed").replace('\n', "\r\n");
    assert_eq!(Tape::parse(noisy.as_bytes()).expect("comments are fine").to_string(), plain.to_string());
}

#[test]
fn a_tape_cut_anywhere_is_refused_as_a_whole() {
    for cut in 0..TEXT.len() - 1 {
        let error = Tape::parse(&TEXT.as_bytes()[..cut]).expect_err("a cut tape was accepted");
        let line = TEXT.as_bytes()[..cut].split_inclusive(|b| *b == b'\n').count().max(1) as u32;
        assert_eq!(error.line, line, "cut after {cut} bytes");
        let first_line = cut < "tidemill tape 1".len();
        assert!(first_line || error.reason == Reason::Truncated, "cut after {cut} bytes: {error}");
    }
    // Only the newline after `end` is dispensable.
    assert!(Tape::parse(&TEXT.as_bytes()[..TEXT.len() - 1]).is_ok());
}

#[test]
fn every_refusal_names_its_line_and_its_reason() {
    assert_eq!(refusal(""), (1, Reason::Empty));
    assert_eq!(refusal("hello\n"), (1, Reason::NotATape));
    assert_eq!(refusal(&TEXT.replace("tape 1", "tape 2")), (1, Reason::UnknownVersion("2".into())));
    assert_eq!(refusal(&TEXT.replace("end\n", "")), (9, Reason::Truncated));
    assert_eq!(refusal(&with("colour = red")), (10, Reason::UnknownKey("colour".into())));
    assert_eq!(refusal(&with("colour red")), (10, Reason::Malformed));
    assert_eq!(refusal(&with("choice = 1")), (10, Reason::Malformed));
    assert_eq!(refusal(&with("choice loss#1 = 1")), (10, Reason::BadSite("loss#1".into())));
    assert_eq!(refusal(&with("seed = 8")), (10, Reason::Repeated("seed".into())));
    assert_eq!(
        refusal(&with("choice client/link→server#loss#3 = 0")),
        (10, Reason::Repeated("choice client/link→server#loss#3".into()))
    );
    assert_eq!(refusal(&with("mark 128 = 00000000000000000000000000000000")).0, 10);
    assert_eq!(refusal(&with("mark 127 = 00000000000000000000000000000000")), (10, Reason::MarksDescend));
    assert_eq!(refusal(&format!("{TEXT}\nmore\n")), (12, Reason::AfterEnd));
    for key in ["story", "seed", "failure", "hash"] {
        let without: String =
            TEXT.lines().filter(|l| !l.starts_with(key)).map(|l| format!("{l}\n")).collect();
        assert_eq!(refusal(&without), (9, Reason::Missing(key)));
    }
}

#[test]
fn numbers_are_plain_and_fit() {
    for seed in ["-1", "+7", "", "7.0", "18446744073709551616", "0x7"] {
        let (line, reason) = refusal(&TEXT.replace("seed    = 7", &format!("seed    = {seed}")));
        assert!(line == 4 && matches!(reason, Reason::BadNumber { .. }), "seed `{seed}`: {reason}");
    }
    for value in ["-1", "18446744073709551616", "yes"] {
        let (line, reason) = refusal(&with(&format!("choice a#b#0 = {value}")));
        assert!(line == 10 && matches!(reason, Reason::BadNumber { .. }), "choice `{value}`: {reason}");
    }
    assert!(matches!(refusal(&TEXT.replace("1f6e", "+f6e")).1, Reason::BadNumber { .. }));
}

#[test]
fn hostile_bytes_are_refused_within_bounds() {
    let long = with(&format!("config a = {}", "x".repeat(LINE_MAX)));
    assert_eq!(refusal(&long), (10, Reason::LineTooLong));
    let mut bytes = TEXT.as_bytes().to_vec();
    bytes[30] = 0xff;
    assert_eq!(Tape::parse(&bytes).expect_err("not UTF-8").reason, Reason::NotText);
    let endless = Tape::read(std::io::repeat(b'\n')).expect("a reader that never fails");
    assert_eq!(endless.expect_err("an endless file").line, BYTES_MAX as u32 + 1);
    let message = Tape::parse(format!("tidemill tape {}\n", "9".repeat(4000)).as_bytes());
    assert!(message.expect_err("not a version").to_string().len() < 250);
    assert_eq!(refusal(&with("choice \u{1b}[31m = 1")), (10, Reason::NotText));
}

#[test]
fn no_edit_of_one_byte_makes_the_reader_panic() {
    for at in 0..TEXT.len() {
        for byte in [0, b'\n', b'=', b' ', b'9', 0x80, 0xff] {
            let mut bytes = TEXT.as_bytes().to_vec();
            bytes[at] = byte;
            if let Ok(tape) = Tape::parse(&bytes) {
                let again = Tape::parse(tape.to_string().as_bytes()).expect("what was read can be written");
                assert_eq!(again.to_string(), tape.to_string());
            }
        }
    }
}

#[test]
fn a_value_never_breaks_out_of_its_line() {
    let mut tape = Tape::parse(TEXT.as_bytes()).expect("the example is a tape");
    let id = format!("two\nlines\nend\n{}", "é".repeat(9_999));
    tape.failure = Some(Ending { tag: "9d41c2aa".into(), id });
    let again = Tape::parse(tape.to_string().as_bytes()).expect("still a tape");
    assert!(again.failure.expect("a failure").id.starts_with("two lines end é"));
    assert_eq!(again.hash, tape.hash);
}
