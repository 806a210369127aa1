//! Numbered laws as generic functions, obviously-right models, and broken twins that the laws reject.
//!
//! A *suite* takes a factory, runs random histories against it beside a model that is right by inspection, and gives
//! back either what it checked ([`Passed`]) or the first broken law ([`Violation`]) with the seed of the history that
//! broke it. The law numbers are those in the documentation of the traits: C clock, N entropy, W notify, G region,
//! L link, P liveness, S stream, D store, Q register, E ring and edge, M memory manager, K stage.
//!
//! The same suites run in a test on Linux, inside the simulator and on a board: they need neither heap nor `std`.
//! Feature `std` adds the laws that take two threads, feature `relocate` those of the store of a stage, with a heap. [`broken`] holds one implementation per way to break a law; the
//! tests of this crate show that each is rejected by the law that its documentation names.
//!
//! Refuses: to panic on a broken law, to assert on wall time, to judge a fault that the laws allow (a link may lose).
#![no_std]

#[cfg(feature = "relocate")]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

pub mod broken;
pub mod clock;
pub mod edge;
pub mod entropy;
pub mod frames;
pub mod link;
pub mod liveness;
mod macros;
pub mod manager;
pub mod notify;
pub mod region;
pub mod register;
pub mod ring;
pub mod segment;
pub mod shared;
#[cfg(feature = "relocate")]
pub mod stage;
pub mod store;
pub mod stream;
mod trial;

pub use clock::suite as clock;
pub use edge::admission;
pub use edge::suite as edge;
#[cfg(feature = "std")]
pub use edge::threads as edge_threads;
pub use entropy::suite as entropy;
pub use frames::suite as frames;
pub use link::suite as link;
pub use liveness::suite as liveness;
pub use manager::suite as manager;
pub use notify::suite as notify;
#[cfg(feature = "std")]
pub use notify::threads as notify_threads;
#[cfg(feature = "std")]
pub use region::exchange_threads;
#[cfg(feature = "std")]
pub use region::sleep as region_sleep;
#[cfg(feature = "std")]
pub use region::threads as region_threads;
pub use region::{exchange, lent as region_lent, suite as region, views as region_views};
pub use register::suite as register;
#[cfg(feature = "std")]
pub use ring::crowd as ring_crowd;
pub use ring::evicting as ring_evicting;
pub use ring::suite as ring;
#[cfg(feature = "std")]
pub use ring::threads as ring_threads;
pub use segment::suite as segment;
pub use shared::suite as shared;
#[cfg(feature = "relocate")]
pub use stage::suite as stage;
pub use store::suite as store;
pub use stream::suite as stream;
pub use trial::{Dice, Effort, Passed, Verdict, Violation};

/// The examples of the README, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
