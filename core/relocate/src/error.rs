use crate::desk::DeskError;
use crate::{FenceEpoch, Incarnation};
use core::fmt;

/// Why an end of an edge does not go on. Nothing heals by itself but what says so.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub enum EdgeError {
    /// A later life of the stage took over. This one is over.
    Fenced {
        /// It.
        by: Incarnation,
    },
    /// Offsets are missing: nothing serves them any more.
    Gap {
        /// The first one that is needed.
        need: u64,
        /// The first one that is there.
        have: u64,
    },
    /// What was written down, and what a queue holds, are not the same.
    Diverged {
        /// The first offset at which it shows.
        off: u64,
        /// The generation of the queue.
        generation: FenceEpoch,
    },
    /// The register was put back.
    Regressed {
        /// The writing that was seen.
        seen: u64,
        /// The one that stands there.
        found: u64,
    },
    /// There is no record of this edge.
    Absent,
    /// The record, or its register, is damaged, of a later release, or of another edge.
    Corrupt,
    /// The register is gone.
    Closed,
    /// The producer said something else than before at an offset, on an edge that is declared deterministic. Nothing of it is
    /// accepted.
    NotDeterministic {
        /// Below this offset.
        off: u64,
    },
    /// The preset needs an edge that is declared deterministic, and this one is not.
    Unsupported,
    /// No later generation exists.
    Exhausted,
    /// The edge is closed, and the consumer has not committed everything yet: ask again.
    Retained {
        /// Items that it has to commit.
        n: u64,
    },
}

/// What an item that is not taken comes back in: ask again after the next checkpoint.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Full<P>(pub P);

impl EdgeError {
    /// What an error of the record means, unless asking again may help.
    pub(crate) const fn of(error: DeskError) -> Option<Self> {
        match error {
            DeskError::Pending | DeskError::Unavailable => None,
            DeskError::Absent => Some(Self::Absent),
            DeskError::Regressed { seen, found } => Some(Self::Regressed { seen, found }),
            DeskError::Closed => Some(Self::Closed),
            DeskError::Bad(_) | DeskError::Corrupt | DeskError::TooSmall => Some(Self::Corrupt),
        }
    }
}

impl fmt::Display for EdgeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fenced { by } => write!(f, "incarnation {} took over", by.0),
            Self::Gap { need, have } => {
                write!(f, "offset {need} is needed, and {have} is the first that is there")
            }
            Self::Diverged { off, generation } => {
                write!(f, "generation {} holds something else at offset {off}", generation.get())
            }
            Self::Regressed { seen, found } => {
                write!(f, "writing {seen} was seen, and the register is back at {found}")
            }
            Self::Absent => f.write_str("there is no record of this edge"),
            Self::Corrupt => f.write_str("the record is damaged or foreign"),
            Self::Closed => f.write_str("the register is gone"),
            Self::NotDeterministic { off } => {
                write!(f, "what was repeated below offset {off} is not what is committed")
            }
            Self::Unsupported => f.write_str("the edge is not declared deterministic"),
            Self::Exhausted => f.write_str("no later generation exists"),
            Self::Retained { n } => write!(f, "{n} items are not committed yet"),
        }
    }
}

impl core::error::Error for EdgeError {}
