//! Bounded lock-free rings over any region of memory.
//!
//! One source serves a static array, the heap, a mapped file, a simulated arena and a model checker, because a ring
//! touches memory only through [`Region`](tidemill_seam::Region): 32-bit words, addressed by their index. It never
//! allocates, never blocks, never overwrites what has not been taken, and has no dependencies.
//!
//! Two forms:
//! - [`spsc`], the plain one: two cursors and slots, one producer, one consumer, halves from [`spsc::split`]; [`mpsc`], the same
//!   with several producers, from [`mpsc::split`].
//! - [`segment`]: one producer, or [several](multi), and up to 64 readers that share a region with somebody who may die, restart or lie:
//!   [`layout`] and [`header`] say where everything lies, [`table`] who takes part, [`producer`], [`consumer`] and
//!   [`reader`] move items, [`join`] comes and goes, [`journal`] and [`counters`] account for it, [`doctor`] judges it,
//!   [`tail`] copies items for who looks on, [`app`] counts what the application says.
//!
//! Beside them:
//! - [`wake`]: the words behind a sleep that loses no wake-up.
//! - [`Plain`]: what may lie in a slot as it is; [`Fingerprint`] tells two such types apart.
//! - [`name`], [`topology`]: who talks over which ring, under names that every system takes.
//! - [`wait`]: how a call waits, until when, and who may end it; a party of a segment sleeps until it is woken.
//! - [`task`]: the same for tasks, under any executor.
//! - [`required`], [`coordinate`]: the consumers that a publisher cannot do without, and how it begins.
//! - [`frame`]: messages of any length over slots of one length, pure and over a segment.
//! - [`index`]: what begins at each granule of a segment, beside its data.
//! - [`codec`]: values in the bytes of a frame; each codec is a feature. [`typed`]: values over a segment, by one of them.
//! - [`trust`]: items and messages seen and written where they lie, by who believes those that share the region.
//! - [`Memory`], a region of whatever keeps words: [`Inline`], `Heap` (feature `alloc`, where pointers are atomic) and `Raw`,
//!   words at an address; [`Local`]: the claims of a segment within one address space; [`Apart`]: those of a party that cannot see the others.
//! - [`sync`]: the one door to atomics; the features `loom` and `shuttle` swap what stands behind it.
//!
//! Refuses: elements that are not [`Plain`], and any guess about whether a silent peer is dead.
#![no_std]

#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
extern crate alloc;

#[cfg(target_has_atomic = "32")]
mod apart;
pub mod app;
#[cfg(test)]
mod cases;
mod census;
mod claim;
pub mod codec;
pub mod consumer;
pub mod coordinate;
pub mod counters;
pub mod doctor;
pub mod element;
mod fnv;
pub mod follow;
pub mod frame;
mod gate;
pub mod header;
mod heal;
#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
mod heap;
pub mod index;
mod inline;
pub mod join;
pub mod journal;
pub mod layout;
#[cfg(target_has_atomic = "32")]
mod local;
mod memory;
pub mod mpsc;
pub mod multi;
pub mod name;
mod pairs;
pub mod producer;
#[cfg(all(target_has_atomic = "32", not(any(feature = "loom", feature = "shuttle"))))]
mod raw;
pub mod reader;
pub mod required;
pub mod segment;
mod sleep;
pub mod spsc;
mod stir;
pub mod sync;
pub mod table;
pub mod tail;
pub mod task;
pub mod topology;
pub mod trust;
pub mod typed;
mod view;
pub mod wait;
pub mod wake;

#[cfg(target_has_atomic = "32")]
pub use apart::Apart;
pub use app::AppCounter;
pub use census::Holder;
pub use consumer::{Consumer, Lease};
pub use element::{Fingerprint, Plain};
pub use follow::{End, Next};
pub use heal::Healed;
#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
pub use heap::Heap;
pub use inline::Inline;
pub use join::{JoinError, Start};
pub use layout::{Layout, Spec, SpecError};
#[cfg(target_has_atomic = "32")]
pub use local::Local;
pub use memory::{Memory, Words};
pub use multi::{Claim, Claims, MultiProducer};
pub use producer::{Grant, Producer, Refused, Why};
#[cfg(all(target_has_atomic = "32", not(any(feature = "loom", feature = "shuttle"))))]
pub use raw::Raw;
pub use reader::Reader;
pub use segment::{Position, Segment};
pub use table::{Peer, PeerName, Policies, Policy};
#[cfg(feature = "derive")]
pub use tidemill_macros::Plain;
pub use trust::Trusting;

/// The example of the README, compiled and run.
#[cfg(all(doctest, feature = "alloc", not(any(feature = "loom", feature = "shuttle"))))]
#[doc = include_str!("../README.md")]
mod readme {}
