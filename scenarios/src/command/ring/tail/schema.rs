//! The type of a value, as somebody says it on a command line who knows it: in the spelling of Rust.
//!
//! ```text
//!  fields   = [name ":"] type { "," [name ":"] type }       one without a name stands for itself
//!  type     = u8 … i128  f32  f64  usize  isize  bool  char  String  bytes
//!           | Option<type> | Vec<type> | [type] | [type; N] | (fields) | {fields} | enum {variants}
//!  variants = name [(fields) | {fields}] { "," … }
//! ```
//! Every type has at least one byte in every form, so what is read is bounded by the bytes.

use super::parse;
use std::fmt;
use std::str::FromStr;
use tidemill_ring::Fingerprint;

/// What kind of value it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Type {
    Number(Number),
    Bool,
    Char,
    Text,
    Bytes,
    Option(Box<Self>),
    List(Box<Self>),
    Array(Box<Self>, usize),
    /// All with a name, or none.
    Fields(Vec<(Option<String>, Self)>),
    Variants(Vec<(String, Option<Self>)>),
}

macro_rules! numbers {
    ($($number:ident $kind:ident $plain:ident)*) => {
        /// A number of one width.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub(super) enum Number {
            $($number,)*
        }

        impl Number {
            pub(super) fn named(name: &str) -> Option<Self> {
                match name {
                    $(stringify!($kind) => Some(Self::$number),)*
                    _ => None,
                }
            }

            const fn name(self) -> &'static str {
                match self {
                    $(Self::$number => stringify!($kind),)*
                }
            }

            /// Bytes of it where it lies as it is. `None` where that is another number elsewhere.
            const fn width(self) -> Option<usize> {
                match self {
                    $(Self::$number => $plain!($kind),)*
                }
            }
        }
    };
}

macro_rules! wide {
    ($kind:ident) => {
        Some(size_of::<$kind>())
    };
}

macro_rules! none {
    ($kind:ident) => {
        None
    };
}

numbers! {
    U8 u8 wide U16 u16 wide U32 u32 wide U64 u64 wide U128 u128 wide Usize usize none
    I8 i8 wide I16 i16 wide I32 i32 wide I64 i64 wide I128 i128 wide Isize isize none
    F32 f32 wide F64 f64 wide
}

/// A type that nothing in a slot can be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum NotPlain {
    /// It has no one width, or not every pattern of its bytes is one.
    Kind(&'static str),
    /// It is longer than anything.
    Long,
}

impl Type {
    /// Bytes of it where it lies as it is, with nothing between its fields.
    pub(super) fn width(&self) -> Result<usize, NotPlain> {
        let kind = |name| Err(NotPlain::Kind(name));
        match self {
            Self::Number(number) => number.width().ok_or(NotPlain::Kind(number.name())),
            Self::Array(each, count) => each.width()?.checked_mul(*count).ok_or(NotPlain::Long),
            Self::Fields(fields) => fields.iter().try_fold(0_usize, |width, (_, field)| {
                width.checked_add(field.width()?).ok_or(NotPlain::Long)
            }),
            Self::Bool => kind("bool"),
            Self::Char => kind("char"),
            Self::Text => kind("String"),
            Self::Bytes | Self::List(_) => kind("Vec"),
            Self::Option(_) => kind("Option"),
            Self::Variants(_) => kind("enum"),
        }
    }

    /// What a plain type of those fields is told from others by.
    pub(super) fn fingerprint(&self) -> Result<Fingerprint, NotPlain> {
        Ok(match self {
            Self::Array(each, count) => each.fingerprint()?.array(*count),
            Self::Fields(fields) => {
                let (mut whole, mut offset) = (Fingerprint::of_fields(self.width()?), 0);
                for (at, (name, field)) in fields.iter().enumerate() {
                    let name = name.clone().unwrap_or_else(|| at.to_string());
                    whole = whole.field(&name, offset, field.fingerprint()?);
                    offset += field.width()?;
                }
                whole
            }
            Self::Number(number) => {
                self.width()?;
                Fingerprint::of_kind(number.name())
            }
            _ => return Err(self.width().err().unwrap_or(NotPlain::Long)),
        })
    }

    /// Whether any of its fields has a name: then it is meant to be the very type, and not a way to look at bytes.
    pub(super) fn is_named(&self) -> bool {
        match self {
            Self::Option(each) | Self::List(each) | Self::Array(each, _) => each.is_named(),
            Self::Fields(fields) => fields.iter().any(|(name, field)| name.is_some() || field.is_named()),
            Self::Number(_) | Self::Bool | Self::Char | Self::Text | Self::Bytes => false,
            Self::Variants(_) => true,
        }
    }
}

/// What is wrong with the words of a type, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct TypeError {
    /// The byte.
    pub(super) at: usize,
    pub(super) wrong: Wrong,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Wrong {
    Type(String),
    Want(&'static str),
    Twice(String),
    Mixed,
    Deep,
}

impl FromStr for Type {
    type Err = TypeError;

    fn from_str(text: &str) -> Result<Self, TypeError> {
        parse::whole(text)
    }
}

impl fmt::Display for TypeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at byte {}: ", self.at)?;
        match &self.wrong {
            Wrong::Type(name) => write!(f, "{name:?} is no type"),
            Wrong::Want(what) => write!(f, "{what} is missing"),
            Wrong::Twice(name) => write!(f, "a second `{name}`"),
            Wrong::Mixed => f.write_str("all fields have a name, or none"),
            Wrong::Deep => write!(f, "deeper than {} types in each other", parse::DEPTH),
        }
    }
}

impl fmt::Display for NotPlain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind(name) => write!(f, "no slot holds a {name} as it is"),
            Self::Long => f.write_str("it is longer than any slot"),
        }
    }
}

impl std::error::Error for TypeError {}
impl std::error::Error for NotPlain {}

#[cfg(test)]
mod tests {
    use super::{NotPlain, Type, TypeError, Wrong};
    use tidemill_ring::Plain;

    fn parsed(text: &str) -> Type {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[derive(Clone, Copy, Plain)]
    #[repr(C)]
    struct Tick {
        price: u64,
        sizes: [Lot; 2],
    }

    #[derive(Clone, Copy, Plain)]
    #[repr(C)]
    struct Lot(u32, [u8; 4]);

    // RING-TOOL: a type that is said in the words of Rust is told from others as the one that was compiled
    #[test]
    fn a_type_in_words_has_the_fingerprint_of_the_type_itself() {
        for (text, width, bits) in [
            ("u64", 8, u64::FINGERPRINT),
            ("[[i16; 3]; 2]", 12, <[[i16; 3]; 2]>::FINGERPRINT),
            ("price: u64, sizes: [(u32, [u8; 4]); 2]", 24, Tick::FINGERPRINT),
            ("{ price: u64, sizes: [(u32, [u8; 4]); 2], }", 24, Tick::FINGERPRINT),
            ("u32, [u8; 4]", 8, Lot::FINGERPRINT),
        ] {
            let meant = parsed(text);
            assert_eq!((meant.width(), meant.fingerprint()), (Ok(width), Ok(bits)), "{text}");
        }
        assert_ne!(parsed("cost: u64, sizes: [(u32, [u8; 4]); 2]").fingerprint(), Ok(Tick::FINGERPRINT));
        assert!(parsed("(u8, {a: u8})").is_named() && !parsed("(u8, [u8; 2])").is_named());
    }

    #[test]
    fn what_cannot_lie_in_a_slot_as_it_is_has_no_width() {
        for (text, name) in [("bool", "bool"), ("u8, usize", "usize"), ("[String; 2]", "String")] {
            assert_eq!(parsed(text).width(), Err(NotPlain::Kind(name)), "{text}");
            assert_eq!(parsed(text).fingerprint(), Err(NotPlain::Kind(name)), "{text}");
        }
        assert_eq!(parsed("[[u64; 18446744073709551615]; 2]").width(), Err(NotPlain::Long));
        assert_eq!(parsed("u8, [u8; 18446744073709551615]").fingerprint(), Err(NotPlain::Long));
    }

    #[test]
    fn what_is_no_type_is_refused_where_it_stands() {
        for (text, at, wrong) in [
            ("", 0, Wrong::Want("a type")),
            ("u32, word", 5, Wrong::Type("word".into())),
            ("u32,, u8", 4, Wrong::Want("a type")),
            ("u32 u8", 4, Wrong::Want("a comma")),
            ("[u8; 0]", 5, Wrong::Want("a number of elements, not zero,")),
            ("[u8; 99999999999999999999]", 5, Wrong::Want("a number of elements, not zero,")),
            ("Vec<u8", 6, Wrong::Want("`>`")),
            ("()", 1, Wrong::Want("a type")),
            ("{u8}", 1, Wrong::Mixed),
            ("(a: u8)", 1, Wrong::Mixed),
            ("a: u8, u16", 7, Wrong::Mixed),
            ("a: u8, b: u8, a: u8", 14, Wrong::Twice("a".into())),
            ("enum {}", 6, Wrong::Want("the name of a variant")),
            ("enum {A, A}", 9, Wrong::Twice("A".into())),
            ("\u{1F980}", 0, Wrong::Want("a type")),
        ] {
            let error = text.parse::<Type>().expect_err(text);
            assert_eq!(error, TypeError { at, wrong }, "{text}");
        }
        let deep = "[".repeat(100_000);
        assert!(matches!(deep.parse::<Type>(), Err(TypeError { at: 32, wrong: Wrong::Deep })));
    }
}
