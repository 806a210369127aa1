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
//! Here are the words of that protocol: [ids and epochs](FenceEpoch), [chains](ChainKind), the [record of an edge](EdgeRecord) and of
//! a [stage](StageRecord), [checkpoints](Checkpoint) in [extents](Extent), the [retained log](Log).
//!
//! Whatever was read from elsewhere is a rumour until `decode` returned it: it is total, allocates nothing that the bytes do
//! not hold, and says by name what is wrong. A blank record is none; it is never taken for an empty one.
//!
//! Refuses: clocks, sockets, threads, and to guess.
#![no_std]

extern crate alloc;

mod bad;
mod bytes;
mod chain;
mod checkpoint;
mod desk;
mod extent;
mod handoff;
mod host;
mod id;
mod lease;
mod log;
mod record;
mod stage;

pub use bad::{Bad, Object, Why};
pub use chain::{Chain, ChainKind, Label};
pub use checkpoint::{Checkpoint, ENDS, EdgeCheckpoint, Input, Output};
pub use desk::{Desk, DeskError, Standing, Swapped};
pub use extent::{Extent, Salt, blocks_for, pack, unpack};
pub use handoff::{HandoffReader, HandoffState, HandoffWriter, PublishError, QueueLocator};
pub use host::{Entry, Host, Reply, Request, Target, Verb};
pub use id::{
    Capability, EdgeGeneration, EdgeId, Exhausted, FenceEpoch, FenceGuard, Fenced, HostId, Incarnation,
    Nonce, Owner, StageId, Stale,
};
pub use lease::{BadTerms, Lease};
pub use log::{Log, LogEntry, LogSalt};
pub use record::{Complaint, EdgeRecord, Floor, Frontier, OPEN, SEGMENTS, Seg, Terms, Unfit};
pub use stage::{EXTENTS, LOG_EXTENTS, Pointer, StageRecord};
