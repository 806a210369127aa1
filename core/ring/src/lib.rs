//! Bounded lock-free rings over any region of memory.
//!
//! One source serves a static array, the heap, a mapped file, a simulated arena and a model checker, because a ring
//! touches memory only through [`Region`](tidemill_seam::Region): 32-bit words, addressed by their index. It never
//! allocates, never blocks, never overwrites what has not been taken, and has no dependencies.
//!
//! - [`spsc`]: one producer, one consumer, halves from [`spsc::split`].
//! - [`wake`]: the words behind a sleep that loses no wake-up.
//! - [`Plain`]: what may lie in a slot as it is; [`Fingerprint`] tells two such types apart.
//! - [`Inline`] and `Heap` (feature `alloc`, where pointers are atomic): the regions that need no operating system.
//! - [`sync`]: the one door to atomics; the features `loom` and `shuttle` swap what stands behind it.
//!
//! Refuses: several producers, entries that are not words, and any guess about whether a silent peer is dead.
#![no_std]

#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
extern crate alloc;

pub mod element;
mod fnv;
#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
mod heap;
mod inline;
mod pairs;
pub mod spsc;
pub mod sync;
pub mod wake;

pub use element::{Fingerprint, Plain};
#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
pub use heap::Heap;
pub use inline::Inline;
#[cfg(feature = "derive")]
pub use tidemill_macros::Plain;
