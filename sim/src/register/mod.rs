//! A register somewhere in the world: one linearizable value, reached through a network that may lose what it carries.
//!
//! An operation takes effect when its request arrives. What the caller hears may come late, be lost, or say that nobody
//! knows; an unknown exchange may have taken effect, never take effect, or do so later. Reads are stale only where the
//! configuration says so, and then the handle [declares](tidemill_seam::Register::reads_may_be_stale) it. Every fault is a
//! choice of the entity `register/name`, drawn only where its rate is not zero; zero is always the boring thing.

mod handle;
mod server;
mod world;

use tidemill_seam::Duration;

use crate::choice::Rate;
use crate::latency::Latency;

pub use handle::SimRegister;
pub(crate) use server::Server;

/// A register, numbered in the order of creation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RegisterId(pub(crate) u32);

/// What a register is like, and how often it fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RegisterConfig {
    /// The longest value, in bytes.
    pub capacity: usize,
    /// How long a request takes to arrive.
    pub request: Latency,
    /// How long a reply takes to come back. An operation that takes no time either way is over when the call returns.
    pub reply: Latency,
    /// How long a caller waits for a reply that was lost.
    pub timeout: Duration,
    /// How often a request is lost, and the operation never happens.
    pub lost_request: Rate,
    /// How often the reply to an operation that happened is lost.
    pub lost_reply: Rate,
    /// How often an exchange is answered as unknown, and happens at once, never, or later (`unknown-happens`).
    pub unknown: Rate,
    /// How much later.
    pub late: Latency,
    /// How often a request finds the register unavailable, as every request does for a while from then on.
    pub unavailable: Rate,
    /// For how long.
    pub unavailable_for: Latency,
    /// How often a read gives an earlier value.
    pub stale: Rate,
    /// How many values before the present one are remembered for it.
    pub stale_depth: u32,
    /// How often a hint is lost.
    pub lost_watch: Rate,
}

impl RegisterConfig {
    /// A value of up to 512 bytes; instant and without a fault.
    pub const PERFECT: Self = Self {
        capacity: 512,
        request: Latency::ZERO,
        reply: Latency::ZERO,
        timeout: Duration::from_millis(100),
        lost_request: Rate::NEVER,
        lost_reply: Rate::NEVER,
        unknown: Rate::NEVER,
        late: Latency::Constant(Duration::from_millis(10)),
        unavailable: Rate::NEVER,
        unavailable_for: Latency::Constant(Duration::from_millis(50)),
        stale: Rate::NEVER,
        stale_depth: 4,
        lost_watch: Rate::NEVER,
    };
}

/// Half a millisecond to five either way, and no fault.
impl Default for RegisterConfig {
    fn default() -> Self {
        let way = Latency::Uniform { min: Duration::from_micros(500), max: Duration::from_millis(5) };
        Self { request: way, reply: way, ..Self::PERFECT }
    }
}

/// What happened to a register so far.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct RegisterStats {
    /// Reads that took effect.
    pub reads: u64,
    /// Reads that gave an earlier value.
    pub stale: u64,
    /// Exchanges that won, whoever heard of it.
    pub won: u64,
    /// Exchanges that lost.
    pub lost: u64,
    /// Exchanges that were answered as unknown.
    pub unknown: u64,
    /// Exchanges of unknown outcome that won later.
    pub late: u64,
    /// Requests that never arrived.
    pub lost_requests: u64,
    /// Replies that never came back.
    pub lost_replies: u64,
    /// Requests that found the register unavailable.
    pub refused: u64,
    /// Hints that came.
    pub hints: u64,
    /// Hints that were lost.
    pub lost_hints: u64,
}
