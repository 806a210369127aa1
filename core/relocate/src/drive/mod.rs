//! What carries out the effects of the machines, over the seams: the same in a simulation and on Linux.
//!
//! ```text
//!                  ┌──────────── ProducerEnd ───────────┐            ┌─ HostEnd ─┐
//!   push ─────────▶│ Producer ─ effects ─▶ link, clerk, │◀─datagrams─▶ Host      │
//!   checkpoint ───▶│          ◀─ events ── stage, time  │            └───────────┘
//!                  └────────────────────────────────────┘
//! ```
//! An end never blocks, and has no thread: its owner calls [`poll`](ProducerEnd::poll) whenever something came in, and at the
//! instant that the last call gave. Requests to hosts are datagrams that are said again until they are answered or their time
//! is over; whatever the link loses, repeats or overtakes, hosts answer the same request alike. Entries that are appended travel as
//! many in a datagram as fit. One exchange at a time is under way at the register of the edge, and one at the
//! [store](crate::StageStore) of the stage.
//!
//! A host draws a number when it begins, and lends to nobody who means another life of it. A producer asks every host for its number
//! when it begins, so that a move need not.

mod alarms;
mod clerk;
mod consumer;
mod host;
mod producer;
mod wires;

pub use consumer::{ConsumerEnd, Taker};
pub use host::HostEnd;
pub use producer::{ProducerEnd, PushError};

use crate::{EdgeError, HostId, StageError, StageStore};
use alloc::vec::Vec;
use core::fmt;
use tidemill_seam::{Clock, Duration, Entropy, Link, Register, Store};

/// What an end stands on.
pub trait World {
    /// Counts while its machine is suspended.
    type Clock: Clock;
    /// Nonces come from it.
    type Entropy: Entropy;
    /// Hosts are reached through it.
    type Link: Link;
    /// The record of the edge lies in it.
    type Edge: Register;
    /// The record of the stage lies in it.
    type Stage: Register;
    /// The checkpoints of the stage lie in it.
    type Blocks: Store;
}

/// The seams of one end.
pub struct Ground<W: World> {
    /// Counts while its machine is suspended.
    pub clock: W::Clock,
    /// Nonces come from it.
    pub entropy: W::Entropy,
    /// Hosts are reached through it; it is nobody else's.
    pub link: W::Link,
    /// The record of the edge lies in it.
    pub edge: W::Edge,
    /// What the stage keeps beyond its lives, [founded](StageStore::found) before.
    pub stage: StageStore<W::Blocks, W::Stage>,
    /// Where hosts are.
    pub hosts: Vec<(HostId, <W::Link as Link>::Address)>,
    /// After which time a request that was not answered is said again.
    pub resend: Duration,
}

impl<W: World> fmt::Debug for Ground<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ground").field("hosts", &self.hosts).finish_non_exhaustive()
    }
}

/// Why an end is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EndError {
    /// The machine says so.
    Edge(EdgeError),
    /// What the stage keeps cannot be had any more, or takes nothing more of this life.
    Stage(StageError),
}

impl EndError {
    /// Whether a later life took over, which is how lives end.
    pub const fn is_fenced(&self) -> bool {
        matches!(self, Self::Edge(EdgeError::Fenced { .. }) | Self::Stage(StageError::Fenced { .. }))
    }
}

impl fmt::Display for EndError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Edge(error) => error.fmt(f),
            Self::Stage(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for EndError {}

/// What is under way at the store of a stage.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Errand {
    Nothing,
    Mint,
    /// A checkpoint that covers everything below an offset, and says whether that is all.
    Keep {
        off: u64,
        ends: bool,
    },
}
