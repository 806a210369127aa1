use crate::bad::Bad;
use crate::{EdgeId, Incarnation};
use core::fmt;
use tidemill_seam::{ExchangeError, ReadingError};

/// Why a stage did not get what it asked its store for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub enum StageError {
    /// It is under way: call again.
    Pending,
    /// The register of the stage cannot be reached, or lags behind what was seen. Nothing is given up: call again later.
    Unavailable,
    /// No life was minted here yet.
    NoLife,
    /// A checkpoint is under way.
    Busy,
    /// There is no space behind the blocks of a checkpoint. It is given up, and the one before it stands.
    NoSpace,
    /// The device could not write a checkpoint. It is given up, and the one before it stands.
    Failed,
    /// A checkpoint is longer than its slot. Nothing was written.
    TooLong {
        /// Its length in bytes.
        len: u64,
        /// The longest.
        max: u64,
    },
    /// More is retained than half of the log holds. Nothing was written.
    LogFull {
        /// Its length in bytes.
        len: u64,
        /// The longest.
        max: u64,
    },
    /// A checkpoint goes back on an edge. Nothing was written.
    Backwards {
        /// It.
        edge: EdgeId,
    },
    /// A later life of the stage took over. This one is over.
    Fenced {
        /// It.
        by: Incarnation,
    },
    /// A sync failed, and nobody knows what became durable: this life is over, and the next one reads what is there.
    Unsynced,
    /// The checkpoint that the record names cannot be had. An older one would take back what is committed, so none is used.
    StateLost {
        /// Which one.
        seq: u64,
        /// What stands in its place; nothing where the device cannot read it.
        why: Option<Bad>,
    },
    /// The state is written in a way that this release of the stage does not read.
    Unreadable {
        /// Which way.
        schema: u64,
    },
    /// No record was ever written. This is not an empty one.
    Absent,
    /// What stands in the register is no record of a stage, or one of a later release.
    Bad(Bad),
    /// The register holds the record of another stage.
    Foreign,
    /// The medium of the register is damaged.
    Corrupt,
    /// The register was put back. Nothing is decided on what it holds.
    Regressed {
        /// The writing that was seen.
        seen: u64,
        /// The one that stands there.
        found: u64,
    },
    /// The register holds shorter values only.
    TooSmall,
    /// No life or checkpoint of a later number exists, or none that has blocks of its own.
    Exhausted,
    /// The register or the store is gone.
    Closed,
}

impl StageError {
    /// Whether the life that meets it is over: only another one goes on, where anything does.
    pub const fn is_final(&self) -> bool {
        !matches!(
            self,
            Self::Pending
                | Self::Unavailable
                | Self::NoLife
                | Self::Busy
                | Self::NoSpace
                | Self::Failed
                | Self::TooLong { .. }
                | Self::LogFull { .. }
                | Self::Backwards { .. }
        )
    }
}

impl From<ReadingError> for StageError {
    fn from(error: ReadingError) -> Self {
        match error {
            ReadingError::Pending => Self::Pending,
            ReadingError::Absent => Self::Absent,
            ReadingError::Unavailable => Self::Unavailable,
            // A record is never longer: somebody else's value stands there.
            ReadingError::Truncated { .. } | ReadingError::Corrupt => Self::Corrupt,
            ReadingError::Closed => Self::Closed,
        }
    }
}

impl From<ExchangeError> for StageError {
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

impl fmt::Display for StageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pending => f.write_str("it is under way"),
            Self::Unavailable => f.write_str("the register cannot be reached at this moment"),
            Self::NoLife => f.write_str("no life was minted here"),
            Self::Busy => f.write_str("a checkpoint is under way"),
            Self::NoSpace => f.write_str("no space is left for a checkpoint; the one before it stands"),
            Self::Failed => f.write_str("the device could not write a checkpoint; the one before it stands"),
            Self::TooLong { len, max } => write!(f, "a checkpoint of {len} bytes in a slot of {max}"),
            Self::LogFull { len, max } => write!(f, "{len} bytes are retained, and the log holds {max}"),
            Self::Backwards { edge } => write!(f, "a checkpoint that goes back on {edge:?}"),
            Self::Fenced { by } => write!(f, "incarnation {} took over", by.0),
            Self::Unsynced => f.write_str("a sync failed, and nobody knows what became durable"),
            Self::StateLost { seq, why: Some(bad) } => write!(f, "checkpoint {seq} is lost: {bad}"),
            Self::StateLost { seq, why: None } => write!(f, "checkpoint {seq} cannot be read"),
            Self::Unreadable { schema } => write!(f, "nothing here reads states of schema {schema}"),
            Self::Absent => f.write_str("no record was ever written"),
            Self::Bad(bad) => bad.fmt(f),
            Self::Foreign => f.write_str("the register is another stage's"),
            Self::Corrupt => f.write_str("the register is damaged"),
            Self::Regressed { seen, found } => {
                write!(f, "writing {seen} was seen, and the register is back at {found}")
            }
            Self::TooSmall => f.write_str("the register holds shorter values only"),
            Self::Exhausted => f.write_str("no later life or checkpoint has a number or blocks"),
            Self::Closed => f.write_str("the register or the store is gone"),
        }
    }
}

impl core::error::Error for StageError {}
