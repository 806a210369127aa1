//! The short view of an edge record: where the queue lies now.

use crate::desk::{Desk, DeskError, Standing, Swapped};
use crate::record::{EdgeRecord, Seg, Unfit};
use crate::{EdgeId, FenceEpoch, Owner};
use core::fmt;
use tidemill_seam::Register;

/// One home of a queue.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct QueueLocator {
    /// The edge.
    pub edge: EdgeId,
    /// Where it lies.
    pub seg: Seg,
}

/// An edge as whoever moves with it has to know it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct HandoffState {
    /// Which writing of the record says so.
    pub ver: u64,
    /// Who appends.
    pub owner: Owner,
    /// Where.
    pub locator: QueueLocator,
}

/// Why a locator was not published.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PublishError {
    /// The record moved on since it was expected: somebody else published.
    Moved {
        /// The writing that stands there.
        ver: u64,
    },
    /// A later life of the same stage owns the edge.
    Fenced {
        /// It.
        by: Owner,
    },
    /// It is the locator of another edge.
    Foreign,
    /// The edge cannot be handed over to it.
    Unfit(Unfit),
    /// There is no record to work with.
    Desk(DeskError),
}

/// Publishes new homes of an edge, each over the one that it saw.
#[derive(Debug)]
pub struct HandoffWriter<R> {
    desk: Desk<R>,
    owner: Owner,
}

impl<R: Register> HandoffWriter<R> {
    /// Publishes for `owner`.
    pub const fn new(register: R, owner: Owner) -> Self {
        Self { desk: Desk::new(register, 0), owner }
    }

    /// The register.
    pub fn into_register(self) -> R {
        self.desk.into_register()
    }

    /// The writing that stands there.
    ///
    /// # Errors
    /// See [`DeskError`].
    pub fn ver(&mut self) -> Result<u64, DeskError> {
        self.desk.read().map(|standing| standing.record.ver)
    }

    /// Makes `locator` the home of the edge, over writing `expected_ver`. What becomes of it is in the answer; `Unknown` is
    /// settled by reading.
    ///
    /// # Errors
    /// See [`PublishError`]; nothing was written, `Pending` aside.
    pub fn publish(&mut self, expected_ver: u64, locator: QueueLocator) -> Result<Swapped, PublishError> {
        let standing = self.desk.read().map_err(PublishError::Desk)?;
        let new = self.next(&standing, expected_ver, locator)?;
        self.desk.swap(&standing, &new).map_err(PublishError::Desk)
    }

    /// The record that follows, if it may.
    fn next(&self, old: &Standing, ver: u64, locator: QueueLocator) -> Result<EdgeRecord, PublishError> {
        let record = &old.record;
        let Some(next_ver) = ver.checked_add(1).filter(|_| record.ver == ver) else {
            return Err(PublishError::Moved { ver: record.ver });
        };
        if record.edge != locator.edge {
            return Err(PublishError::Foreign);
        }
        if record.owner.stage == self.owner.stage && record.owner.inc > self.owner.inc {
            return Err(PublishError::Fenced { by: record.owner });
        }
        let mut new = record.clone();
        new.ver = next_ver;
        new.hand_over(self.owner, locator.seg).map_err(PublishError::Unfit)?;
        Ok(new)
    }
}

/// Follows the homes of an edge. What it shows never goes back.
#[derive(Debug)]
pub struct HandoffReader<R> {
    desk: Desk<R>,
    shown: FenceEpoch,
}

impl<R: Register> HandoffReader<R> {
    /// Follows from the first home on.
    pub const fn new(register: R) -> Self {
        Self { desk: Desk::new(register, 0), shown: FenceEpoch::NONE }
    }

    /// The register.
    pub fn into_register(self) -> R {
        self.desk.into_register()
    }

    /// The home of the edge, if it is a newer one than was shown before.
    ///
    /// # Errors
    /// See [`DeskError`]; a damaged record is an error and no home.
    pub fn poll(&mut self) -> Result<Option<HandoffState>, DeskError> {
        let record = self.desk.read()?.record;
        let Some(seg) = record.newest().copied().filter(|seg| seg.generation > self.shown) else {
            return Ok(None);
        };
        self.shown = seg.generation;
        let locator = QueueLocator { edge: record.edge, seg };
        Ok(Some(HandoffState { ver: record.ver, owner: record.owner, locator }))
    }
}

impl fmt::Display for PublishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Moved { ver } => write!(f, "the record moved on to writing {ver}"),
            Self::Fenced { by } => write!(f, "incarnation {} owns the edge", by.inc.0),
            Self::Foreign => f.write_str("it is the locator of another edge"),
            Self::Unfit(Unfit::TooMany) => f.write_str("the record names as many segments as it can"),
            Self::Unfit(Unfit::AboveFloor) => {
                f.write_str("it begins above the floor, and nothing serves what lies below")
            }
            Self::Unfit(Unfit::Older) => f.write_str("its generation is not above the one that stands there"),
            Self::Desk(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for PublishError {}

#[cfg(test)]
mod tests;
