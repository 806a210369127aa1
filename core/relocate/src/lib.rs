//! Edges whose queue lies in memory that some host lends, moves to another host on failure, and loses nothing.
//!
//! ```text
//!                         EdgeRecord: one linearizable register          decisions: generation, owner, segs   (compare-and-swap)
//!                         {generation, owner, segs, frontier, floor}     facts: frontier, floor, end          (only ever grow)
//!                   CAS ▲ ▲ frontier               watch │ ▲ floor
//!   inputs ─▶ ┌─────────┴─┴──┐  append               ┌───▼─┴────────┐  read, not destructive    ┌──────────────┐
//!             │  producer    ├──────────────────────▶│ host: segment├──────────────────────────▶│  consumer    ├─▶ sink
//!             │  retained ≥  │◀── Ack·Stale·Sealed ──│ fence, seal  │◀──────── trim (≤ floor) ──│  validates,  │
//!             │  floor       │                       └──────────────┘                           │  then commits│
//!             └──────────────┘  moves: seal old ▸ alloc new ▸ CAS generation + 1                └──────────────┘
//! ```
//! The words are [ids and epochs](FenceEpoch), [chains](ChainKind), the [record of an edge](EdgeRecord) and of a
//! [stage](StageRecord), [checkpoints](Checkpoint) in [extents](Extent), the [retained log](Log). Three machines speak them:
//! the [producer](Producer), the [host](Host) and the [consumer](Consumer). Each is a function of what it knows and of one event;
//! what it asks for is carried out by a driver, who may be an explorer of every run, or the [ends](drive) that stand on the seams, in
//! a simulation and on Linux, and say to each other what [`wire`] writes down.
//!
//! # Ground rules
//! - **G1** Offsets are dense, given by the producer, and go on over generations.
//! - **G2** A life of a stage is minted by compare-and-swap; that fences every earlier one in its store.
//! - **G3** Generation, owner and segments are decisions, taken by comparison and by no earlier life than the owner. Frontier,
//!   floor and end are facts: implied by a durable checkpoint, joined by the greatest, true for ever.
//! - **G4** A chain covers what an edge said up to an offset; both ends use the same kind.
//! - **G5** A stage that takes back what it produced goes on as a later life: none says two things at one offset.
//! - **G6** Nothing is produced before the swap that makes its life the owner.
//! - **G7** The memory of a host is never the only copy of what is at the floor or above.
//! - **G8** Safety rests on no lease, no clock, no watch, and no host that tells the truth about its life.
//!
//! # Laws
//! Elsewhere they are cited with the name of this crate, for other crates number theirs alike.
//! - **S1** What is committed is the beginning of what is final, each offset once, in order, byte for byte; the end once, after all
//!   of it. An effect leaves after the commit that covers it, unless the [preset](Preset) lets it leave at once.
//! - **S2** The floor is never above what is committed, and everything final above it is retained. A gap is an error until an
//!   operator [accepts](EdgeRecord::accept_loss) the loss.
//! - **S3** Checkpoints, generation, floor and frontier never go back, and what is final never changes.
//! - **S4** A generation has one owner, and nothing is produced before it is owned.
//! - **S5** Floor ≤ frontier ≤ checkpoint of the producer; the floor of a deterministic edge may be above its frontier.
//! - **S6** Nothing is acknowledged after a seal, or below the fence.
//! - **S7** An offset of a segment holds one entry, for ever.
//! - **S8** A reader never goes back to an older record, and what is mapped below the frontier is final.
//! - **S9** No host forgets what is above the floor.
//! - **S10** While clocks keep within their drift, no two holders believe in one lease.
//! - **S11** A damaged record or checkpoint is the one that was acknowledged last, or an error.
//! - **S12** What the record maps is not given back before everything is committed, and what nobody maps is not kept.
//! - **S13** Credits never exceed what was granted, and bytes accounted are bytes held.
//! - **S14** Edge, right, generation and nonce are checked on every path.
//! - **S15** The same seed is the same run.
//! - **L1** Once faults end, everything that is final is committed.
//! - **L3** A segment that is sealed and read, lost, or out of the reach of the consumer leads on to another.
//! - **L4** A full queue with a live consumer drains; no window keeps back what is final.
//! - **L5** Two lives do not try again in step.
//! - **L7** Whoever is shut out learns it from the first answer of a host, of the record or of its store.
//! - **L8** A consumer takes back no more often than the queue moves.
//!
//! None but S10 rests on a lease, a clock, a watch, or on a host telling the truth about its life: leases end the wait for whoever
//! is gone, and no more.
//!
//! Whatever was read from elsewhere is a rumour until `decode` returned it: it is total, allocates nothing that the bytes do
//! not hold, and says by name what is wrong. A blank record is none; it is never taken for an empty one.
//!
//! Refuses: clocks, sockets, threads, and to guess.
#![no_std]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod bad;
mod bytes;
mod chain;
mod checkpoint;
mod consumer;
mod desk;
pub mod drive;
mod effects;
mod error;
mod extent;
mod handoff;
mod host;
mod id;
mod lease;
mod log;
mod mutant;
#[cfg(feature = "observe")]
mod observe;
mod producer;
mod record;
mod stage;
mod state;
mod store;
pub mod wire;

pub use bad::{Bad, Object, Why};
pub use chain::{Chain, ChainKind, Label};
pub use checkpoint::{Checkpoint, ENDS, EdgeCheckpoint, Input, Output};
pub use consumer::{Consumer, ConsumerConfig, ConsumerEffect, ConsumerEvent, ConsumerTimer, Preset, Resumed};
pub use desk::{Desk, DeskError, Standing, Swapped};
pub use effects::{Effects, Op};
pub use error::{EdgeError, Full};
pub use extent::{Extent, Salt, blocks_for, pack, unpack};
pub use handoff::{HandoffReader, HandoffState, HandoffWriter, PublishError, QueueLocator};
pub use host::{Entry, Host, Reply, Request, Target, Verb};
pub use id::{
    Boot, Capability, EdgeGeneration, EdgeId, Exhausted, FenceEpoch, FenceGuard, Fenced, HostId, Incarnation,
    Nonce, Owner, StageId, Stale,
};
pub use lease::{BadTerms, Lease};
pub use log::{Log, LogEntry, LogSalt};
#[cfg(feature = "_mutants")]
pub use mutant::Mutant;
#[cfg(feature = "observe")]
pub use observe::{Event, Observed, Observer};
pub use producer::{Producer, ProducerConfig, ProducerEffect, ProducerEvent, ProducerTimer, Restored};
pub use record::{Complaint, EdgeRecord, Floor, Frontier, NoLoss, OPEN, SEGMENTS, Seg, Terms, Unfit};
pub use stage::{EXTENTS, LOG_EXTENTS, Pointer, StageRecord};
pub use state::{CheckpointedStageState, FlushObserver, StageState};
pub use store::{
    BadLayout, Committed, Layout, Leaving, Life, Outgoing, Retained, StageError, StageStats, StageStore,
};
