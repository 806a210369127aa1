use std::fmt::Display;
use tidemill_sim::normalise;

/// What came of an input, in one number: inputs that came to different things are worth changing further.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Outcome(u64);

impl Outcome {
    /// Nothing worth telling.
    pub const NOTHING: Self = Self(0);

    /// A message, whatever numbers it names.
    pub fn of(message: &impl Display) -> Self {
        Self(hash(normalise(&message.to_string()).bytes()))
    }

    /// Something of a kind, and how much of it there was: each count by its order of magnitude.
    pub fn sized(kind: &str, counts: &[usize]) -> Self {
        let magnitude = |count: &usize| (usize::BITS - count.leading_zeros()) as u8;
        Self(hash(kind.bytes().chain([0]).chain(counts.iter().map(magnitude))))
    }
}

/// FNV-1a (Fowler, Noll and Vo), 64 bits.
pub(crate) fn hash(bytes: impl IntoIterator<Item = u8>) -> u64 {
    bytes.into_iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// The refusal of a text, which names a line of it and a reason that may be shown on a terminal.
pub(crate) fn refused(bytes: &[u8], line: u32, error: &impl Display) -> Outcome {
    let lines = 1 + bytes.iter().filter(|byte| **byte == b'\n').count();
    assert!((1..=lines).contains(&(line as usize)), "line {line} of {lines} is wrong: {error}");
    let message = error.to_string();
    assert!(message.starts_with(&format!("line {line}: ")), "the message names no line: {message:?}");
    presentable(&message);
    Outcome::of(&message)
}

/// One line of bounded length, without a control character in it.
pub(crate) fn presentable(message: &str) {
    assert!(!message.trim().is_empty(), "a message says something");
    assert!(!message.contains(char::is_control), "a control character in {message:?}");
    assert!(message.chars().count() <= 600, "a message of {} characters", message.chars().count());
}

#[cfg(test)]
mod tests {
    use super::{Outcome, refused};

    #[test]
    fn numbers_do_not_tell_messages_apart_and_magnitudes_tell_counts_apart() {
        assert_eq!(Outcome::of(&"line 7: bad"), Outcome::of(&"line 12: bad"));
        assert_ne!(Outcome::of(&"line 7: bad"), Outcome::of(&"line 7: worse"));
        assert_eq!(Outcome::sized("pair", &[4, 9]), Outcome::sized("pair", &[5, 15]));
        assert_ne!(Outcome::sized("pair", &[4, 9]), Outcome::sized("pair", &[9, 4]));
    }

    #[test]
    fn a_refusal_of_a_line_that_is_not_there_is_no_refusal() {
        refused(b"one\ntwo", 2, &"line 2: it is bad");
        for (line, message) in
            [(3, "line 3: beyond"), (0, "line 0: before"), (1, "it is bad"), (1, "line 1: \u{1b}[31m")]
        {
            assert!(std::panic::catch_unwind(|| refused(b"one\ntwo", line, &message)).is_err(), "{message}");
        }
    }
}
