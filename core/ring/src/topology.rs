//! Who talks over which ring, settled before anybody attaches: one scheduler with its workers, and sessions of rings
//! for calls and their answers.
//!
//! Pure: it gives names and depths, and touches no memory.

mod session;

pub use session::{
    Depths, PREFIX_DEFAULT, RESPONSE_DEPTH_DEFAULT, RPC_DEPTH_DEFAULT, RingFile, Session, SessionError,
    SessionPaths, session_tag,
};

use crate::name::{DIGITS, Name};
use core::fmt;

/// Slots of the largest ring: 2^30.
pub const DEPTH_MAX: u32 = 1 << 30;

/// A ring before there is one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Channel {
    /// Its name.
    pub name: Name,
    /// Its slots: a power of two.
    pub depth: u32,
    /// Consumers that it is made for.
    pub consumers: u32,
}

/// How many workers there are: 1 to 64, as many as a ring has participants.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Workers(u8);

impl Workers {
    /// The most there can be.
    pub const MAX: u32 = 64;

    /// `count` workers.
    ///
    /// # Errors
    /// [`TopologyError::Workers`] where there is none, or more than [`MAX`](Self::MAX).
    pub const fn new(count: u32) -> Result<Self, TopologyError> {
        if count == 0 || count > Self::MAX {
            return Err(TopologyError::Workers { count, max: Self::MAX });
        }
        Ok(Self(count as u8))
    }

    /// How many.
    pub const fn count(self) -> u32 {
        self.0 as u32
    }
}

/// Why a topology is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TopologyError {
    /// No worker, or too many.
    Workers {
        /// As many were asked for.
        count: u32,
        /// As many are the most.
        max: u32,
    },
    /// Zero, no power of two, or more than [`DEPTH_MAX`].
    Depth(u32),
    /// There is no such worker.
    NoWorker {
        /// The number asked for.
        index: u32,
        /// How many there are, numbered from 0.
        count: u32,
    },
}

/// One scheduler that every worker hears, over one ring.
///
/// ```
/// use tidemill_ring::name::Name;
/// use tidemill_ring::topology::{Topology, Workers};
///
/// let topology = Topology::new(Name::parse("jobs").unwrap(), 1024, Workers::new(12)?)?;
/// assert_eq!(topology.scheduler().consumers, 12);
/// assert_eq!(topology.worker(7)?.name.as_str(), "w07");
/// # Ok::<(), tidemill_ring::topology::TopologyError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Topology {
    name: Name,
    depth: u32,
    workers: Workers,
}

/// One worker's part in a topology.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Worker {
    /// The ring that it attaches to.
    pub channel: Channel,
    /// Its name there.
    pub name: Name,
    /// Its number, from 0.
    pub index: u32,
}

impl Topology {
    /// A scheduler over the ring `name` of `depth` slots.
    ///
    /// # Errors
    /// [`TopologyError::Depth`] where `depth` is no power of two up to 2^30.
    pub const fn new(name: Name, depth: u32, workers: Workers) -> Result<Self, TopologyError> {
        match check_depth(depth) {
            Ok(depth) => Ok(Self { name, depth, workers }),
            Err(error) => Err(error),
        }
    }

    /// The ring that the scheduler makes.
    pub const fn scheduler(&self) -> Channel {
        Channel { name: self.name, depth: self.depth, consumers: self.workers.count() }
    }

    /// The part of worker `index`.
    ///
    /// # Errors
    /// [`TopologyError::NoWorker`] where there are fewer.
    pub const fn worker(&self, index: u32) -> Result<Worker, TopologyError> {
        match self.worker_name(index) {
            Ok(name) => Ok(Worker { channel: self.scheduler(), name, index }),
            Err(error) => Err(error),
        }
    }

    /// The name of worker `index`, `w00` to `w63`: it does not repeat the ring's, which stands beside it.
    ///
    /// # Errors
    /// [`TopologyError::NoWorker`] where there are fewer.
    pub const fn worker_name(&self, index: u32) -> Result<Name, TopologyError> {
        let count = self.workers.count();
        if index >= count {
            return Err(TopologyError::NoWorker { index, count });
        }
        let digits = [DIGITS[(index / 10) as usize], DIGITS[(index % 10) as usize]];
        Ok(Name::joined(WORKER, &digits))
    }

    /// Every worker's name, by number.
    pub fn worker_names(&self) -> impl ExactSizeIterator<Item = Name> {
        let own = *self;
        (0..own.workers.0).map(move |index| own.worker_name(index.into()).expect("it is one of them"))
    }
}

const WORKER: Name = match Name::parse("w") {
    Ok(name) => name,
    Err(_) => panic!("w is a name"),
};

const fn check_depth(depth: u32) -> Result<u32, TopologyError> {
    if depth.is_power_of_two() && depth <= DEPTH_MAX { Ok(depth) } else { Err(TopologyError::Depth(depth)) }
}

impl fmt::Display for TopologyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Workers { count, max } => write!(f, "{count} workers, where 1 to {max} can be"),
            Self::Depth(depth) => write!(f, "a depth of {depth} is no power of two between 1 and 2^30"),
            Self::NoWorker { index, count } => write!(f, "no worker {index} among {count}, counted from 0"),
        }
    }
}

impl core::error::Error for TopologyError {}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::{Topology, TopologyError, Workers};
    use crate::name::Name;
    use std::string::ToString;
    use std::vec::Vec;

    fn topology(depth: u32, workers: u32) -> Result<Topology, TopologyError> {
        Topology::new(Name::parse("jobs").unwrap(), depth, Workers::new(workers)?)
    }

    // RING-NAMES: one scheduler, up to 64 workers, each with a name of its own.
    #[test]
    fn every_worker_has_its_own_name_and_none_repeats_the_rings() {
        let full = topology(1024, 64).unwrap();
        let names: Vec<Name> = full.worker_names().collect();
        assert_eq!(names.len(), 64);
        assert!(names.is_sorted_by(|a, b| a < b), "{names:?}");
        assert_eq!((names[0].as_str(), names[63].as_str()), ("w00", "w63"));
        assert!(names.iter().all(|name| !name.as_str().contains("jobs")));
        let ninth = full.worker(9).unwrap();
        assert_eq!((ninth.name.as_str(), ninth.index, ninth.channel), ("w09", 9, full.scheduler()));
    }

    #[test]
    fn a_topology_that_cannot_be_is_refused_with_its_limit() {
        assert_eq!(topology(1024, 0), Err(TopologyError::Workers { count: 0, max: 64 }));
        assert_eq!(topology(1024, 65), Err(TopologyError::Workers { count: 65, max: 64 }));
        for depth in [0, 3, 1000, (1 << 30) + 1, 1 << 31] {
            assert_eq!(topology(depth, 1), Err(TopologyError::Depth(depth)));
        }
        assert_eq!(
            topology(8, 2).unwrap().worker(2).unwrap_err().to_string(),
            "no worker 2 among 2, counted from 0"
        );
    }
}
