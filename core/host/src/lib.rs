//! The Linux world: what the seams promise, kept by system calls.
//!
//! | seam | here | stands on |
//! |---|---|---|
//! | `Clock` | [`MonotonicClock`] | `CLOCK_MONOTONIC` |
//! | `Entropy` | [`OsEntropy`], [`SeededEntropy`] | `getrandom(2)`, ChaCha8 |
//! | `Notify` | [`FutexNotify`], [`PollNotify`] | `futex(2)`; `epoll(7)` over an eventfd and sockets |
//! | `Region` | [`Heap`] | the heap of this process |
//! | `Link` | [`UdpLink`], [`Impaired`] | non-blocking UDP sockets; a decorator that mistreats any link |
//!
//! [`Threads`] drives a graph with one worker a thread.
//!
//! Refuses: busy waiting, threads that nobody asked for, and any decision that a caller did not ask for.

mod clock;
mod entropy;
mod impair;
mod link;
mod notify;
mod threads;

pub use clock::MonotonicClock;
pub use entropy::{OsEntropy, SeededEntropy};
pub use impair::{Impaired, Impairment, Suffered};
pub use link::UdpLink;
pub use notify::{FutexNotify, PollNotify};
pub use threads::Threads;
pub use tidemill_ring::Heap;
