//! A run as a small text file: what was run, what was chosen, how it ended.
//!
//! ```text
//! tidemill tape 1
//! crate   = 0.1.0
//! story   = canary
//! seed    = 7
//! config  messages = 64
//! choice  client/link→server#loss#3 = 1
//! mark    128 = 5b0d1c5ee1a9c1d2f07a6e2a3c44be10
//! failure = 9d41c2aa oracle delivered: # of # messages
//! hash    = 1f6e0c55aa90b37c44f1d20be56a7781
//! end
//! ```
//!
//! One fact a line, so two tapes can be compared with `diff`. Blank lines and lines that begin with `#` are comments.
//! A tape needs no `choice` lines: the seed alone settles every choice. A line pins one, whatever the seed says.
//! With `base = zero` every choice without a line is 0, the boring thing; the seed still settles entropy.
//! A `mark` is the trace hash after that many events; it lets a replay say where it left the path.
//!
//! Refuses: more than [`BYTES_MAX`] bytes, lines over [`LINE_MAX`] bytes, a missing `end` (the file was cut off),
//! a key twice, a key that it does not know. Every refusal names its line. Nothing in a tape can make the reader
//! panic, loop, or hold more memory than a small multiple of the file.

mod error;
mod parse;
mod write;

#[cfg(test)]
mod tests;

use crate::{Base, Site};
pub(crate) use error::{Plain, Quoted};
pub use error::{Reason, TapeError};

/// The format version that this crate writes and reads.
pub const VERSION: u32 = 1;
/// The longest tape that is read, in bytes.
pub const BYTES_MAX: usize = 4 << 20;
/// The longest line of a tape, in bytes.
pub const LINE_MAX: usize = 4096;

/// A run that can be repeated: its inputs and how it ended.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tape {
    /// The version of the crate that wrote the tape. Information only.
    pub crate_version: String,
    /// The story that ran.
    pub story: Pair,
    /// The seed of the run.
    pub seed: u64,
    /// Where choices come from that no line pins. A tape without the line says [`Base::Seed`].
    pub base: Base,
    /// The story's parameters that differ from their defaults, in the story's own order.
    pub config: Vec<Pair>,
    /// Choices that are pinned whatever the seed says, in site order.
    pub choices: Vec<Pin>,
    /// The trace hash after so many events, ascending: points at which a replay can be compared.
    pub marks: Vec<Mark>,
    /// How the run failed; `None` for a run that passed.
    pub failure: Option<Ending>,
    /// The trace hash of the whole run.
    pub hash: u128,
}

/// A key with its value and the line it was read from (0: not read from a tape).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Pair {
    /// Name of a parameter, or `story`.
    pub key: String,
    /// Its value.
    pub value: String,
    /// Line in the tape, from 1.
    pub line: u32,
}

/// A pinned choice.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pin {
    /// Where the choice is made.
    pub site: Site,
    /// What is chosen there.
    pub value: u64,
    /// Line in the tape, from 1; 0 where the pin was not read from a tape.
    pub line: u32,
}

/// The trace hash at one point of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mark {
    /// Events up to here.
    pub events: u64,
    /// The rolling hash after them.
    pub hash: u128,
}

/// How a run failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ending {
    /// A short name of the failure, without blanks: the same for the same failure, whatever the seed.
    pub tag: String,
    /// The failure id in full, for a human.
    pub id: String,
}

impl Pair {
    /// A pair that was not read from a tape.
    pub fn new(key: &str, value: &str) -> Self {
        Self { key: key.to_owned(), value: value.to_owned(), line: 0 }
    }
}
