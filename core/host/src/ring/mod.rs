//! Rings between processes: a segment in memory that they share, and claims that the kernel ends with whoever holds them.
//!
//! - [`ring`], [`over`]: a ring by its name, or by a descriptor; with its slots a [`Builder`] of a [`Producer`], a [`Consumer`] or a
//!   [`Reader`]; with `frames` or `runs` of messages, and with `typed` of values over them.
//! - [`Ring::edge`]: an edge of a graph between two processes, by its name.
//! - [`Mapping`]: the words of a file, shared. Of POSIX shared memory, of a file system, or of a sealed [`memfd`].
//! - [`Lock`]: one byte of that file a claim, write-locked; it stands while its holder is stopped, and goes with it.
//! - [`Draft`] and [`Backing`]: a segment's memory before and after it has a name. It gets it once it is whole, and only
//!   where none has it; it loses it only where nobody has it open.
//! - [`Counter`]: what the application counts, in the segment.
//! - [`spawn`]: a consumer on a thread of its own.
//! - [`Tasks`]: a thread that sleeps in the place of tasks, under any executor.
//! - [`Watch`]: a thread that hears of deaths from the kernel and wakes at once who waits for the dead; [`Vigil`]: the same without
//!   a thread, as something to poll. Both ask a second [`Witness`], and say so where the two do not agree.
//! - [`Look`]: a segment from outside, read-only, in use or with all its users dead; [`repair`] frees what its dead held.
//!
//! What cannot happen here: a half-made segment that somebody finds, a name that two segments have, a full disk at a store,
//! a dead owner that is taken for alive because it was not waited for, a living one that is taken for dead.
//!
//! What can: whoever may write a named file may cut it short, and end by SIGBUS every process that has it mapped. The files
//! are made for their owner alone; where that is not enough, use a [`memfd`], whose length nobody can change.
//!
//! Whoever waits for an item or for room sleeps on a word of the ring (a futex), and is woken by whoever brings it; who
//! may have died is asked about every 10 ms; with a [`Watch`] whoever reads is woken for that, and turns over four times a second.
//!
//! A producer may have consumers without which it publishes nothing:
//!
//! ```
//! use tidemill_host::ring;
//! use tidemill_ring::name::Name;
//! use tidemill_ring::required::Required;
//! use tidemill_ring::wait::Until;
//! use tidemill_ring::{Next, Start};
//!
//! # let name = format!("req{}", std::process::id());
//! # let name = name.as_str();
//! let required = Required::new([Name::parse("risk")?]);
//! let producer = ring(name)?.slots::<u64>(64).producer()?;
//! let mut producer = producer.managed(required).on_alert(|alert| eprintln!("{alert}"));
//! let mut risk = ring(name)?.slots::<u64>(64).name("risk").start(Start::Earliest).consumer()?;
//! producer.publish(|_| 7, Until::forever())?;
//! assert!(matches!(risk.next(Until::forever())?, Next::Item(item) if *item == 7));
//! # drop((producer, risk));
//! # ring(name)?.remove()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Refuses: to wait for a ring. A consumer whose ring nobody has made is told so.

mod build;
mod count;
mod edge;
mod error;
mod identity;
mod idle;
mod lock;
mod look;
mod memfd;
mod named;
mod region;
mod spawn;
mod tasks;
#[cfg(test)]
mod tests;
mod watch;
mod witness;

pub use build::{
    Builder, Consumer, FrameConsumer, FrameProducer, FrameReader, MultiFrameProducer, MultiProducer,
    MultiVarProducer, Passed, Producer, Reader, Ring, Typed, TypedConsumer, TypedProducer, VarConsumer,
    VarProducer, VarReader, over, ring,
};
pub use count::Counter;
pub use edge::{EdgeBuilder, EdgeRx, EdgeTx};
pub use error::AttachError;
pub use identity::identity;
pub use lock::Lock;
pub use look::{Look, Watched, list, repair};
pub use memfd::memfd;
pub use named::{Backing, Draft};
pub use region::Mapping;
pub use spawn::{Running, SpawnError, spawn};
pub use tasks::Tasks;
pub use watch::{Notice, Vigil, Watch};
pub use witness::{Doubt, Process, Verdict, Witness};
