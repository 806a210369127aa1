//! The seams: what a world must provide, and the words that cross it.
//!
//! Above these traits nothing reads a clock, draws a random number, parks a thread or touches a socket. Below them
//! stand the worlds: the simulator, Linux, bare metal. Each trait numbers its laws in its own documentation; the
//! `tidemill-contracts` crate executes them against every implementation.
//!
//! Refuses: allocation, `std`, dependencies, dynamic dispatch, and any knowledge of being simulated.
#![no_std]

mod buggify;
mod clock;
mod entropy;
mod id;
mod lend;
mod link;
mod liveness;
mod notify;
mod region;
mod register;
mod store;
mod stream;
mod time;
mod wall;

pub use buggify::{Buggify, BuggifySite, Usual};
pub use clock::Clock;
pub use entropy::Entropy;
pub use id::{EdgeId, NodeId, PoolId, PortId, WorkerId};
pub use lend::Lend;
pub use link::{Link, Received, RecvError, SendError};
pub use liveness::{Claimed, Life, Liveness};
pub use notify::{Epoch, Notify, Woken};
pub use region::{Exchange, Region};
pub use register::{ExchangeError, Exchanged, Reading, ReadingError, Register, Version};
pub use store::{Geometry, Misfit, ReadError, Store, SyncError, WriteError};
pub use stream::{Broken, Heard, Stream, Streams};
pub use time::{Duration, Instant};
pub use wall::{WallClock, WallTime};
