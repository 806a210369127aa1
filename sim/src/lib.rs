//! One thread, one seed, one world: the simulated seams and the harness around them.
//!
//! Machines with processes and clocks, lossy links between them, and every decision behind one door. Shipped code runs
//! in it unchanged, because the world keeps the seams of `tidemill-seam`.
//!
//! # Laws of the kernel
//! - **K1** Every nondeterministic choice is `choose(site, n)`, drawn from a stream of the seed and its owner, under an
//!   overlay: a draw more in one place moves no other. Value 0 is the boring one.
//! - **K2** Events are ordered by (virtual nanoseconds, sequence); a cancelled timer leaves nothing behind.
//! - **K3** Entities are created in program order, with stable names; no id comes from an address or a hash order.
//! - **K4** A rolling hash of 128 bits over every event is always on.
//! - **K5** State machines and `async` tasks live on one kernel.
//! - **K6** A simulation owns what it creates: dropping it leaves the process as it was.
//! - **K7** Deadlock, livelock and unbounded growth are failures that name who.
//!
//! Refuses: threads, globals, the environment, real time, and anything whose order differs from run to run.

mod arena;
mod assert;
mod buffers;
mod choice;
mod clock;
mod control;
mod coverage;
mod disk;
mod failure;
mod faults;
pub mod flow;
mod gate;
mod hash;
mod kernel;
mod latency;
mod links;
mod machine;
mod net;
pub mod oracle;
mod process;
mod queue;
mod register;
mod seams;
mod send;
mod shaper;
mod shelf;
mod sim;
mod stats;
mod stream;
mod streams;
mod swizzle;
mod task;
pub mod trace;
mod view;

pub mod explore;
pub mod harness;
pub mod memory;
pub mod shrink;
pub mod tape;
pub mod why;

pub use arena::{Arena, Hostile, Lateness, Mapping, SimLiveness, StoreCrash, StoreOrder, Stored, TwoSided};
pub use assert::{Claim, Claims, Notebook, Reading, Witness};
pub use choice::{BadSite, Base, Choice, Fork, Overlay, OverlayReport, Rate, Site};
pub use clock::{SimLeaseClock, SimWallClock};
pub use coverage::{BadCoverage, COVERAGE_BYTES_MAX, ClaimId, Counts, Coverage, CoverageError, CoverageFile};
pub use disk::{DiskConfig, DiskId, DiskStats, SimDisk};
pub use explore::{Drive, Order};
pub use failure::{Failure, Outcome, normalise};
pub use faults::{
    Dice, Family, Fault, FaultCounts, Keeps, Layout, Lived, Load, Occasion, Phase, Placement, Scenario,
    SimBuggify, Swarm, Taken, clock_rate, clock_step, corrupt, delay, duplicate, isolate, kill, loss,
    partition, pause,
};
pub use kernel::Config;
pub use machine::{MachineId, ProcessId};
pub use net::{
    Address, Cause, Datagram, FilterGuard, FilterGuard as FaultGuard, Latency, LinkConfig, Quantiles, Verdict,
};
pub use oracle::{Moment, Oracle};
pub use process::{Context, Event, Process, TimerId};
pub use register::{RegisterConfig, RegisterId, RegisterStats, SimRegister};
pub use seams::{Seams, SimClock, SimEntropy, SimLink, SimNotify};
pub use shaper::Bandwidth;
pub use sim::Sim;
pub use stats::Stats;
pub use stream::{News, SimStream, SimStreams, StreamConfig, StreamId};
pub use streams::Choices;
pub use swizzle::{Cut, Swizzle};
pub use task::{Changed, Env, Recv, Sleep, Task, Tasks, Yield};
pub use tidemill_seam::{Buggify, Duration, Instant, buggify};
/// ```
/// use tidemill_sim::Sim;
///
/// #[tidemill_sim::test(seeds = 500)]
/// fn a_fresh_world_is_quiet(sim: &mut Sim) {
///     sim.run().expect_ok();
/// }
/// # fn main() {}
/// ```
pub use tidemill_sim_macros::test;
pub use trace::{Happened, Trace, TraceRecord};
