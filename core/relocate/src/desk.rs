//! The record of an edge over any register, read and written whole.

use crate::bad::Bad;
use crate::record::EdgeRecord;
use core::fmt;
use tidemill_seam::{ExchangeError, Exchanged, ReadingError, Register, Version};

/// A record as it was read, with what an exchange for it has to expect.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Standing {
    /// The version of the register.
    pub version: Version,
    /// The record.
    pub record: EdgeRecord,
}

/// What became of a record that was to replace another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Swapped {
    /// It stands, under this version of the register.
    Won(Version),
    /// Another one stands; read it.
    Lost,
    /// Nobody knows yet: read until the register shows this record, or one that somebody wrote over what it replaces.
    Unknown,
}

/// Why there is no record to work with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub enum DeskError {
    /// It is under way: call again, with the same arguments.
    Pending,
    /// The register cannot be reached at this moment: ask again later.
    Unavailable,
    /// No record was ever written. This is not an empty one.
    Absent,
    /// What stands there is no record.
    Bad(Bad),
    /// The medium of the register is damaged.
    Corrupt,
    /// It is older than one that was read before: the register was put back. Nothing is decided on it.
    Regressed {
        /// The writing that was seen.
        seen: u64,
        /// The one that stands there.
        found: u64,
    },
    /// The register holds shorter values only.
    TooSmall,
    /// The register is gone.
    Closed,
}

/// Reads and swaps the record of one edge, and remembers how far it was.
#[derive(Debug)]
pub struct Desk<R> {
    register: R,
    seen: u64,
    behind: u64,
}

impl<R: Register> Desk<R> {
    /// The record in `register`; a record before writing `seen` has regressed.
    pub const fn new(register: R, seen: u64) -> Self {
        Self { register, seen, behind: 0 }
    }

    /// The register.
    pub fn into_register(self) -> R {
        self.register
    }

    /// The newest writing that was read or written here.
    pub const fn seen(&self) -> u64 {
        self.seen
    }

    /// Somebody else saw writing `seen`.
    pub(crate) fn remember(&mut self, seen: u64) {
        self.seen = self.seen.max(seen);
    }

    /// Readings that lagged behind, on a register that may do so.
    pub const fn behind(&self) -> u64 {
        self.behind
    }

    /// Writes the first record.
    ///
    /// # Errors
    /// As [`swap`](Self::swap); a record that is there already is not replaced, and says `Lost`.
    pub fn found(&mut self, record: &EdgeRecord) -> Result<Swapped, DeskError> {
        self.exchange(Version::NONE, record.ver, &record.encode())
    }

    /// The record that stands there. One that lags behind on a register that may do so is `Unavailable`, and counted.
    ///
    /// # Errors
    /// See [`DeskError`].
    pub fn read(&mut self) -> Result<Standing, DeskError> {
        let mut bytes = [0; EdgeRecord::BYTES];
        let reading = self.register.read(&mut bytes)?;
        let record = EdgeRecord::decode(&bytes[..reading.len]).map_err(DeskError::Bad)?;
        if record.ver < self.seen {
            if self.register.reads_may_be_stale() {
                self.behind += 1;
                return Err(DeskError::Unavailable);
            }
            return Err(DeskError::Regressed { seen: self.seen, found: record.ver });
        }
        self.seen = record.ver;
        Ok(Standing { version: reading.version, record })
    }

    /// Replaces `old` by `new`, whose `ver` has to be the next one.
    ///
    /// # Errors
    /// See [`DeskError`]; nothing was written, `Pending` aside.
    ///
    /// # Panics
    /// If `new` is not the next writing of the same edge.
    pub fn swap(&mut self, old: &Standing, new: &EdgeRecord) -> Result<Swapped, DeskError> {
        assert!(
            Some(new.ver) == old.record.ver.checked_add(1) && new.edge == old.record.edge,
            "a record is replaced by the next writing of itself"
        );
        self.exchange(old.version, new.ver, &new.encode())
    }

    /// Asks to be notified once the record may have moved beyond `old`: a hint, and no more.
    pub fn watch(&mut self, old: &Standing) -> bool {
        self.moved(old.version)
    }

    /// The same, for whoever remembers no more than the version.
    pub(crate) fn moved(&mut self, since: Version) -> bool {
        self.register.watch(since)
    }

    /// Puts the bytes of writing `ver` in the place of `expected`.
    pub(crate) fn exchange(
        &mut self,
        expected: Version,
        ver: u64,
        bytes: &[u8],
    ) -> Result<Swapped, DeskError> {
        Ok(match self.register.exchange(expected, bytes)? {
            Exchanged::Won(version) => {
                self.seen = self.seen.max(ver);
                Swapped::Won(version)
            }
            Exchanged::Lost(_) => Swapped::Lost,
            Exchanged::Unknown => Swapped::Unknown,
        })
    }
}

impl From<ReadingError> for DeskError {
    fn from(error: ReadingError) -> Self {
        match error {
            ReadingError::Pending => Self::Pending,
            ReadingError::Unavailable => Self::Unavailable,
            ReadingError::Absent => Self::Absent,
            // A record is never longer: somebody else's value stands there.
            ReadingError::Truncated { .. } | ReadingError::Corrupt => Self::Corrupt,
            ReadingError::Closed => Self::Closed,
        }
    }
}

impl From<ExchangeError> for DeskError {
    fn from(error: ExchangeError) -> Self {
        match error {
            ExchangeError::Pending => Self::Pending,
            ExchangeError::Unavailable => Self::Unavailable,
            ExchangeError::TooLong { .. } => Self::TooSmall,
            ExchangeError::Corrupt => Self::Corrupt,
            ExchangeError::Closed => Self::Closed,
        }
    }
}

impl fmt::Display for DeskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pending => f.write_str("it is under way"),
            Self::Unavailable => f.write_str("the register cannot be reached at this moment"),
            Self::Absent => f.write_str("no record was ever written"),
            Self::Bad(bad) => bad.fmt(f),
            Self::Corrupt => f.write_str("the register is damaged"),
            Self::Regressed { seen, found } => {
                write!(f, "writing {seen} was seen, and the register is back at {found}")
            }
            Self::TooSmall => f.write_str("the register holds shorter values only"),
            Self::Closed => f.write_str("the register is gone"),
        }
    }
}

impl core::error::Error for DeskError {}
