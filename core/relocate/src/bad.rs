use core::fmt;

/// What was being read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub enum Object {
    /// The record of an edge.
    EdgeRecord,
    /// The record of a stage.
    StageRecord,
    /// What a stage wrote down of itself.
    Checkpoint,
    /// A block of an extent.
    Block,
    /// An entry of the retained log.
    LogEntry,
    /// A datagram between an end and a host.
    Frame,
}

/// What is wrong with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub enum Why {
    /// Bytes are missing, or left over.
    Length,
    /// It begins with other letters; a blank one does.
    Magic,
    /// The checksum says that it is damaged, or that somebody else wrote it.
    Checksum,
    /// A field that cannot have this value.
    Field(&'static str),
}

/// Bytes that are not what they should be. Nothing of them is used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub enum Bad {
    /// Damaged, foreign, or written by nobody.
    Corrupt {
        /// What was being read.
        object: Object,
        /// What is wrong with it.
        why: Why,
    },
    /// Whole, and written by a later release.
    Unsupported {
        /// What was being read.
        object: Object,
        /// Its version.
        version: u16,
    },
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EdgeRecord => "edge record",
            Self::StageRecord => "stage record",
            Self::Checkpoint => "checkpoint",
            Self::Block => "block",
            Self::LogEntry => "log entry",
            Self::Frame => "datagram",
        })
    }
}

impl fmt::Display for Bad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Corrupt { object, why: Why::Length } => write!(f, "{object}: wrong length"),
            Self::Corrupt { object, why: Why::Magic } => write!(f, "{object}: wrong magic"),
            Self::Corrupt { object, why: Why::Checksum } => write!(f, "{object}: wrong checksum"),
            Self::Corrupt { object, why: Why::Field(field) } => write!(f, "{object}: impossible {field}"),
            Self::Unsupported { object, version } => write!(f, "{object}: version {version} is not known"),
        }
    }
}

impl core::error::Error for Bad {}
