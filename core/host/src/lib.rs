//! The Linux world: what the seams promise, kept by system calls.
//!
//! | seam | here | stands on |
//! |---|---|---|
//! | `Clock` | [`MonotonicClock`] | `CLOCK_MONOTONIC` |
//! | `Clock` for leases, `WallClock` | [`BootClock`], [`SystemWallClock`] | `CLOCK_BOOTTIME`, `CLOCK_REALTIME` |
//! | `Store` | [`FileStore`] | `pread`, `pwrite`, `fdatasync`, `flock` |
//! | `Register` | [`MemoryRegister`], [`SlotRegister`], [`FileRegister`] | a mutex; two slots of any store, of a file |
//! | `Entropy` | [`OsEntropy`], [`SeededEntropy`] | `getrandom(2)`, ChaCha8 |
//! | `Notify` | [`FutexNotify`], [`PollNotify`] | `futex(2)`; `epoll(7)` over an eventfd and sockets |
//! | `Region` | [`Heap`], [`ring::Mapping`] | the heap of this process; shared memory, memfd, mapped files |
//! | `Liveness` | [`ring::Lock`] | `fcntl(F_OFD_SETLK)` |
//! | `Link` | [`UdpLink`], [`Impaired`] | non-blocking UDP sockets; a decorator that mistreats any link |
//! | `Stream`, `Streams` | [`TcpEnd`], [`TcpStreams`] | non-blocking TCP sockets |
//!
//! [`Threads`] drives a graph with one worker a thread. With the feature `tokio`, `net` keeps `Link`, `Stream`, `Streams` and
//! `Clock` over `async` sockets, and drives a graph inside a task.
//!
//! Refuses: busy waiting, threads that nobody asked for, and any decision that a caller did not ask for.

mod clock;
mod entropy;
mod impair;
mod link;
#[cfg(feature = "tokio")]
pub mod net;
mod notify;
mod register;
pub mod ring;
mod store;
mod stream;
mod threads;

pub use clock::{BootClock, MonotonicClock, SystemWallClock};
pub use entropy::{OsEntropy, SeededEntropy};
pub use impair::{Impaired, Impairment, Suffered};
pub use link::UdpLink;
pub use notify::{FutexNotify, PollNotify};
pub use register::{FileRegister, FormatError, MemoryRegister, SlotRegister};
pub use ring::ring;
pub use store::FileStore;
pub use stream::{TcpEnd, TcpStreams};
pub use threads::Threads;
pub use tidemill_ring::Heap;
