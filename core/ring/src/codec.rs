//! Codecs: values in the bytes of a frame, and out of them again.
//!
//! A codec encodes into the grant itself, so that nothing is copied twice. It decodes what anybody may have written:
//! any bytes give a value or a [`DecodeError`], never a panic.
//!
//! | codec | feature | a value is | reads in place |
//! |---|---|---|---|
//! | `Postcard` | `postcard` | `serde::Serialize` and `DeserializeOwned` | |
//! | `Bincode` | `bincode` | `bincode::Encode` and `Decode` | |
//! | `Rkyv` | `rkyv` | `rkyv::Archive`, `Serialize`, `Deserialize` | `&T::Archived`, validated |
//! | `Flat` | `flatbuffers` | a `Table` that writes and reads a generated root | the root, verified |
//!
//! None is compiled unless asked for, and each builds without an operating system. The crates are re-exported, so that
//! both sides of a ring agree on their versions. The feature `alloc` brings their strings and vectors; `flatbuffers`
//! needs an allocator in any case.
//!
//! A view in place is a claim about bytes that do not change under it: it is for a trusted producer and a consumer that
//! gates (RL-5). Whoever distrusts the producer copies first, and decodes the copy (RL-18).

use core::fmt;

#[cfg(feature = "bincode")]
mod bin;
#[cfg(feature = "flatbuffers")]
mod flat;
#[cfg(feature = "postcard")]
mod post;
#[cfg(feature = "rkyv")]
mod rk;

#[cfg(feature = "bincode")]
pub use bin::Bincode;
#[cfg(feature = "bincode")]
pub use bincode;
#[cfg(feature = "flatbuffers")]
pub use flat::{Flat, Table};
#[cfg(feature = "flatbuffers")]
pub use flatbuffers;
#[cfg(feature = "postcard")]
pub use post::Postcard;
#[cfg(feature = "postcard")]
pub use postcard;
#[cfg(feature = "rkyv")]
pub use rk::Rkyv;
#[cfg(feature = "rkyv")]
pub use rkyv;

/// Which codec a ring speaks, as its header holds it. 0 is none.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct CodecId(pub u32);

/// Values of `T` as bytes, and back.
pub trait Codec<T> {
    /// The codec's number. Below 256 they are this crate's; the same for ever.
    const ID: CodecId;

    /// Writes `value` at the start of `grant`. Gives its length.
    ///
    /// # Errors
    /// [`EncodeError`]; what lies in the grant then means nothing.
    fn encode(&self, value: &T, grant: &mut [u8]) -> Result<usize, EncodeError>;

    /// The value that `bytes` are, all of them.
    ///
    /// # Errors
    /// [`DecodeError`] where they are none.
    fn decode(&self, bytes: &[u8]) -> Result<T, DecodeError>;
}

/// A codec whose values can be read where they lie.
pub trait View<T>: Codec<T> {
    /// What is read: it borrows the bytes.
    type Ref<'a>
    where
        T: 'a;

    /// The value that `bytes` are, checked as a whole before anything in it is followed.
    ///
    /// # Errors
    /// [`DecodeError`] where they are none.
    fn view<'a>(&self, bytes: &'a [u8]) -> Result<Self::Ref<'a>, DecodeError>
    where
        T: 'a;
}

/// Why a value was not encoded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EncodeError {
    /// The grant is too small for it, or the codec's own scratch memory is.
    NoRoom {
        /// Bytes of the grant.
        have: usize,
    },
    /// The codec has no form for it.
    Value,
}

/// Why bytes are no value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DecodeError {
    /// They end before it does.
    Short,
    /// It ends before they do.
    Long {
        /// Bytes behind it.
        left: usize,
    },
    /// They begin at an address at which no such value can be read in place.
    Misaligned {
        /// A multiple of which it would have to be.
        need: usize,
    },
    /// It is larger than the codec decodes.
    TooLarge,
    /// They mean nothing.
    Invalid,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRoom { have } => write!(f, "the value does not fit in {have} bytes"),
            Self::Value => f.write_str("the codec has no form for the value"),
        }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short => f.write_str("the bytes end before the value does"),
            Self::Long { left } => write!(f, "{left} bytes behind the value"),
            Self::Misaligned { need } => write!(f, "the bytes do not begin at a multiple of {need}"),
            Self::TooLarge => f.write_str("the value is larger than the codec decodes"),
            Self::Invalid => f.write_str("the bytes are no value"),
        }
    }
}

impl core::error::Error for EncodeError {}
impl core::error::Error for DecodeError {}
