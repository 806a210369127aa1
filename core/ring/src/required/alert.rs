use super::Ids;
use crate::name::Name;
use core::fmt;
use tidemill_seam::{Duration, Instant};

/// Something about a required consumer that somebody should know. Each is raised once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Alert {
    /// Who it is about.
    pub id: Name,
    /// When it was found.
    pub at: Instant,
    /// What was found.
    pub what: Alerted,
}

/// What an [`Alert`] says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Alerted {
    /// It blocks the publisher and does not advance.
    Stalled {
        /// For so long.
        stalled_for: Duration,
    },
    /// It is proved dead.
    Died,
    /// It left without having said that it was done.
    Left,
    /// It advances, is back, or is done: the last alert about it is settled.
    Cleared,
}

/// Why every managed call fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RequiredError {
    /// Not all of them were ready in time.
    Startup {
        /// Who was not, by place in the list of ids.
        missing: Ids,
    },
    /// One stood still until its grace was over.
    Stalled {
        /// Who.
        id: Name,
    },
    /// One died or left, and did not come back until its grace was over.
    Died {
        /// Who.
        id: Name,
    },
}

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.what {
            Alerted::Stalled { stalled_for } => {
                write!(f, "{} blocks the ring and has not advanced for {stalled_for}", self.id)
            }
            Alerted::Died => write!(f, "{} is dead", self.id),
            Alerted::Left => write!(f, "{} left before it was done", self.id),
            Alerted::Cleared => write!(f, "{} is well again", self.id),
        }
    }
}

impl fmt::Display for RequiredError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Startup { missing } => {
                write!(f, "{} required consumers did not come in time", missing.len())
            }
            Self::Stalled { id } => write!(f, "the required consumer {id} stood still"),
            Self::Died { id } => write!(f, "the required consumer {id} is gone"),
        }
    }
}

impl core::error::Error for RequiredError {}
