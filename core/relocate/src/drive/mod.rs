//! What carries out the effects of the machines, over the seams: the same in a simulation and on Linux.
//!
//! ```text
//!                  ┌──────────── ProducerEnd ───────────┐            ┌─ HostEnd ─┐
//!   push ─────────▶│ Producer ─ effects ─▶ link, clerk, │◀─datagrams─▶ Host      │
//!   checkpoint ───▶│          ◀─ events ── keeper, time │            └───────────┘
//!                  └────────────────────────────────────┘
//! ```
//! An end never blocks, and has no thread: its owner calls [`poll`](ProducerEnd::poll) whenever something came in, and at the
//! instant that the last call gave. Requests to hosts are datagrams that are said again until they are answered or their time
//! is over; whatever the link loses, repeats or overtakes, hosts answer the same request alike. One exchange at a time is under
//! way at the register of the edge, and one at the [`Keeper`] of the stage.

mod alarms;
mod clerk;
mod consumer;
mod host;
mod keeper;
mod producer;
mod shelf;
mod wires;

pub use consumer::{ConsumerEnd, Taker};
pub use host::HostEnd;
pub use keeper::{Draft, KeepError, Keeper, Life};
pub use producer::{ProducerEnd, PushError};
pub use shelf::Shelf;

use crate::{EdgeError, HostId};
use alloc::vec::Vec;
use core::fmt;
use tidemill_seam::{Clock, Duration, Entropy, Link, Register};

/// What an end stands on.
pub trait World {
    /// Counts while its machine is suspended.
    type Clock: Clock;
    /// Nonces come from it.
    type Entropy: Entropy;
    /// Hosts are reached through it.
    type Link: Link;
    /// The record of the edge lies in it.
    type Register: Register;
    /// What the stage keeps beyond its lives.
    type Keeper;
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
    pub register: W::Register,
    /// What the stage keeps beyond its lives.
    pub keeper: W::Keeper,
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
    /// What the stage keeps cannot be had any more.
    Keep(KeepError),
    /// The edge has an end, and this is not one that can write that down.
    Ended,
}

impl EndError {
    /// Whether a later life took over, which is how lives end.
    pub const fn is_fenced(&self) -> bool {
        matches!(self, Self::Edge(EdgeError::Fenced { .. }) | Self::Keep(KeepError::Fenced { .. }))
    }
}

impl fmt::Display for EndError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Edge(error) => error.fmt(f),
            Self::Keep(error) => error.fmt(f),
            Self::Ended => f.write_str("the edge has an end, which nobody here can write down"),
        }
    }
}

impl core::error::Error for EndError {}
