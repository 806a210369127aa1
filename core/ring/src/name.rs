//! Names that every system takes.

use core::fmt;
use tidemill_seam::Entropy;

/// The name of a ring, or of one of its participants: `[a-z0-9]`, 1 to 14 of them.
///
/// Short enough for every system's shared memory with whatever the system puts before it, and the same in every
/// alphabet and case. Nothing is ever appended to a name to make another.
///
/// ```
/// use tidemill_ring::name::{Name, NameError};
///
/// assert_eq!(Name::parse("prices2")?.as_str(), "prices2");
/// assert_eq!(Name::parse("Prices"), Err(NameError::Character { at: 0, found: 'P' }));
/// # Ok::<(), NameError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    /// Zeroes behind the last character, so that names compare as their text does.
    bytes: [u8; Self::LEN_MAX],
}

/// Why a text is no name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NameError {
    /// It has no character.
    Empty,
    /// It has more bytes than a name may have.
    Long {
        /// Bytes it has.
        len: usize,
        /// Bytes it may have.
        max: usize,
    },
    /// A character is none of `a` to `z` and `0` to `9`.
    Character {
        /// Its place, in bytes from the start.
        at: usize,
        /// The character.
        found: char,
    },
}

impl Name {
    /// Characters of the longest name.
    pub const LEN_MAX: usize = 14;

    /// Characters of the longest prefix that [`unique`](Self::unique) takes: eight are left, for 41 random bits.
    pub const PREFIX_MAX: usize = 6;

    /// The name that `text` is.
    ///
    /// # Errors
    /// [`NameError`] where it is empty, longer than [`LEN_MAX`](Self::LEN_MAX), or holds another character.
    pub const fn parse(text: &str) -> Result<Self, NameError> {
        match Self::checked(text, Self::LEN_MAX) {
            Ok(name) if name.bytes[0] == 0 => Err(NameError::Empty),
            other => other,
        }
    }

    /// A name that nobody else has: `prefix`, then random digits of base 36 up to the longest length.
    ///
    /// # Errors
    /// [`NameError`] where `prefix` is longer than [`PREFIX_MAX`](Self::PREFIX_MAX), or holds a character that no name
    /// has. It may be empty.
    pub fn unique(prefix: &str, entropy: &mut impl Entropy) -> Result<Self, NameError> {
        let mut name = Self::checked(prefix, Self::PREFIX_MAX)?;
        for digit in &mut name.bytes[prefix.len()..] {
            *digit = DIGITS[entropy.below(BASE) as usize];
        }
        Ok(name)
    }

    /// A name of these parts, each known to be good, and together no longer than a name.
    pub(crate) const fn joined(head: Self, tail: &[u8]) -> Self {
        let (mut bytes, mut at) = (head.bytes, head.len());
        let mut rest = tail;
        while let [first, left @ ..] = rest {
            (bytes[at], at, rest) = (*first, at + 1, left);
        }
        Self { bytes }
    }

    /// As [`parse`](Self::parse), for one that may be empty and has another limit.
    pub(crate) const fn checked(text: &str, max: usize) -> Result<Self, NameError> {
        let (from, mut bytes, mut at) = (text.as_bytes(), [0; Self::LEN_MAX], 0);
        while at < from.len() {
            if !is_digit(from[at]) {
                return Err(NameError::Character { at, found: char_at(from, at) });
            }
            if at < max {
                bytes[at] = from[at];
            }
            at += 1;
        }
        if from.len() > max { Err(NameError::Long { len: from.len(), max }) } else { Ok(Self { bytes }) }
    }

    /// Its characters.
    pub const fn as_str(&self) -> &str {
        let (text, _) = self.bytes.split_at(self.len());
        // SAFETY: only ASCII is ever written.
        unsafe { core::str::from_utf8_unchecked(text) }
    }

    /// How many characters it has.
    #[expect(clippy::len_without_is_empty, reason = "no name is empty")]
    pub const fn len(&self) -> usize {
        let mut len = 0;
        while len < Self::LEN_MAX && self.bytes[len] != 0 {
            len += 1;
        }
        len
    }

    /// The file under which shared memory of this name is found, as it prints: `tm.prices`.
    pub const fn file(self) -> FileName {
        FileName(self)
    }
}

/// Digits of base 36, least first.
pub(crate) const DIGITS: &[u8; BASE as usize] = b"0123456789abcdefghijklmnopqrstuvwxyz";
pub(crate) const BASE: u32 = 36;

const fn is_digit(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

/// The character that begins at `at` in the bytes of a text.
const fn char_at(text: &[u8], at: usize) -> char {
    let first = text[at] as u32;
    let (mut value, more) = match first {
        0..0x80 => (first, 0),
        0xc0..0xe0 => (first & 0x1f, 1),
        0xe0..0xf0 => (first & 0x0f, 2),
        _ => (first & 0x07, 3),
    };
    let mut next = 1;
    while next <= more && at + next < text.len() {
        value = value << 6 | (text[at + next] & 0x3f) as u32;
        next += 1;
    }
    match char::from_u32(value) {
        Some(found) => found,
        None => char::REPLACEMENT_CHARACTER,
    }
}

/// A name as the file of its shared memory: at most 17 bytes, of the 31 that macOS allows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileName(Name);

impl FileName {
    /// What stands before the name.
    pub const PREFIX: &str = "tm.";

    /// The name of the ring whose file is called `file`; `None` where no ring's is.
    pub fn parse(file: &str) -> Option<Name> {
        Name::parse(file.strip_prefix(Self::PREFIX)?).ok()
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", Self::PREFIX, self.0)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl core::str::FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::parse(text)
    }
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("a name has at least one character"),
            Self::Long { len, max } => write!(f, "{len} bytes, where {max} are the most"),
            Self::Character { at, found } => write!(f, "{found:?} at byte {at} is none of a to z and 0 to 9"),
        }
    }
}

impl core::error::Error for NameError {}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::{FileName, Name, NameError};
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};
    use std::string::ToString;
    use tidemill_seam::Entropy;

    /// Counts upwards, byte by byte.
    struct Counting(u8);

    impl Entropy for Counting {
        fn fill(&mut self, bytes: &mut [u8]) {
            for byte in bytes {
                (*byte, self.0) = (self.0, self.0.wrapping_add(41));
            }
        }
    }

    // RING-NAMES: a name is fourteen characters that every system takes, and an error names the limit.
    #[test]
    fn a_bad_name_is_refused_with_its_limit() {
        assert_eq!(Name::parse(""), Err(NameError::Empty));
        assert_eq!(Name::parse("abcdefghijklmno"), Err(NameError::Long { len: 15, max: 14 }));
        for (text, at, found) in
            [("aB", 1, 'B'), ("a/../b", 1, '/'), ("ab\0", 2, '\0'), ("aé", 1, 'é'), ("€", 0, '€')]
        {
            assert_eq!(Name::parse(text), Err(NameError::Character { at, found }), "{text}");
        }
        assert_eq!(Name::parse("🦀").unwrap_err().to_string(), "'🦀' at byte 0 is none of a to z and 0 to 9");
        assert_eq!(NameError::Long { len: 15, max: 14 }.to_string(), "15 bytes, where 14 are the most");
    }

    #[test]
    fn the_longest_name_fits_and_its_file_has_17_bytes() {
        let name = Name::parse("abcdefghijklmn").unwrap();
        assert_eq!((name.as_str(), name.len()), ("abcdefghijklmn", 14));
        assert_eq!(name.file().to_string(), "tm.abcdefghijklmn");
        assert_eq!(name.file().to_string().len(), 17);
        assert_eq!(FileName::parse("tm.abcdefghijklmn"), Some(name));
        assert!(FileName::parse("tm.").is_none() && FileName::parse("abc").is_none());
    }

    #[test]
    fn names_sort_as_their_text_does() {
        let names = ["0", "9", "a", "a0", "aa", "b", "zz"].map(|text| Name::parse(text).unwrap());
        assert!(names.is_sorted());
    }

    #[test]
    fn a_unique_name_is_its_prefix_and_random_digits_to_the_end() {
        let mut entropy = Counting(0);
        let one = Name::unique("bench", &mut entropy).unwrap();
        let other = Name::unique("bench", &mut entropy).unwrap();
        assert!(one != other && one.as_str().starts_with("bench"));
        assert_eq!((one.len(), Name::unique("", &mut entropy).unwrap().len()), (14, 14));
        assert_eq!(Name::unique("benches", &mut entropy), Err(NameError::Long { len: 7, max: 6 }));
        assert_eq!(Name::unique("a b", &mut entropy), Err(NameError::Character { at: 1, found: ' ' }));
    }

    proptest! {
        #![proptest_config(crate::cases::cases(256))]

        #[test]
        fn whatever_is_a_name_reads_back_and_whatever_is_not_says_why(text: std::string::String) {
            match Name::parse(&text) {
                Ok(name) => prop_assert_eq!(name.as_str(), text.as_str()),
                Err(NameError::Empty) => prop_assert!(text.is_empty()),
                Err(NameError::Long { len, max }) => prop_assert!(len == text.len() && len > max),
                Err(NameError::Character { at, found }) => {
                    prop_assert_eq!(text[at..].chars().next(), Some(found));
                }
            }
        }

        #[test]
        fn every_text_of_the_alphabet_is_a_name(text in "[a-z0-9]{1,14}") {
            prop_assert_eq!(Name::parse(&text).unwrap().to_string(), text);
        }
    }
}
