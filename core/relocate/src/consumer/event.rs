//! What a consumer is told, and what it asks for.

use crate::desk::{DeskError, Standing, Swapped};
use crate::effects::Op;
use crate::host::{Reply, Request};
use crate::record::{EdgeRecord, Floor};
use crate::{Capability, EdgeId, HostId, Incarnation};
use alloc::boxed::Box;
use alloc::vec::Vec;
use tidemill_seam::{Duration, Version};

/// What a stage may see of an item, and when.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub enum Preset {
    /// Items that are final: it never sees one that is taken back.
    #[default]
    ExactlyOnce,
    /// Items as they come. Some may be taken back by a rollback; none is committed before it is final.
    ExactlyOnceEarly,
    /// Items as they come, and what they cause leaves at once, under the key (edge, offset): every final item at least once, and
    /// what was taken back before it perhaps. A sink that replaces by key, and lets no earlier life of the stage replace what a
    /// later one wrote, holds what is final at every committed offset.
    AtLeastOnce,
    /// Items as they come, and they are committed as they come: for an edge that is [declared](EdgeRecord::deterministic)
    /// deterministic. A producer that does not say again what it said is found out, and nothing of it is accepted.
    Deterministic,
}

/// What a consumer is told about its edge once.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ConsumerConfig {
    /// The edge.
    pub edge: EdgeId,
    /// The right to use memory of the hosts.
    pub capability: Capability,
    /// What its stage may see.
    pub preset: Preset,
    /// Items read beyond those that are final, at most.
    pub window: u64,
    /// Items read at once, at most.
    pub read_max: u32,
    /// How long a request may take before it is given up.
    pub op_timeout: Duration,
    /// The pause before something is tried again.
    pub backoff: Duration,
    /// How often the record is read although nothing happened.
    pub poll: Duration,
    /// How long a segment may fail before the producer is told.
    pub complain_after: Duration,
}

/// What a life of a stage finds in its checkpoint about one input.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Resumed {
    /// Which life it is, and what its store says is committed.
    pub committed: Floor,
    /// The writing of the edge record that was seen last.
    pub seen: u64,
}

/// For what a consumer asks to be woken.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ConsumerTimer {
    /// To try again.
    Again,
    /// To look at the record.
    Poll,
}

/// What reaches a consumer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ConsumerEvent<P> {
    /// Its stage lives, or lives again as a later life.
    Minted(Resumed),
    /// The record was read.
    Record(Op, Result<Box<Standing>, DeskError>),
    /// A swap of the record was answered.
    Swapped(Op, Result<Swapped, DeskError>),
    /// A host answered.
    Reply(Op, Reply<P>),
    /// Nobody answered in time, or nobody can.
    Late(Op),
    /// The stage can write a checkpoint that covers everything below an offset, and nothing else.
    Snapshot {
        /// The offset.
        off: u64,
    },
    /// The checkpoint that was asked for is durable.
    Committed {
        /// The offset that it covers everything below of.
        off: u64,
        /// Which checkpoint.
        seq: u64,
    },
    /// The checkpoint that covers the end is durable, as [`Finish`](ConsumerEffect::Finish) asks for. Said again to every later
    /// life, for they find it in their checkpoint: the stage learns the end once.
    Finished {
        /// The offset after the last item.
        off: u64,
        /// Which checkpoint.
        seq: u64,
    },
    /// The store of the stage said that a later life took over.
    Fenced {
        /// It.
        by: Incarnation,
    },
    /// A time it asked for came, or the record may have changed.
    Woke(ConsumerTimer),
}

/// What a consumer asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ConsumerEffect<P> {
    /// Read the record.
    Read(Op),
    /// Swap the record, if its version is still this one.
    Swap(Op, Version, Box<EdgeRecord>),
    /// Ask a host.
    Ask(Op, HostId, Request<P>),
    /// Ask a host, and drop the answer.
    Tell(HostId, Request<P>),
    /// Wake it, once, after this time; what was asked for the same timer before is forgotten.
    Wake(ConsumerTimer, Duration),
    /// Items for the stage, from this offset on.
    Deliver(u64, Vec<P>),
    /// Make the snapshot at this offset durable, or find that a later life took over.
    Commit(u64),
    /// Nothing comes after this offset: show that to the stage, and make a checkpoint durable that covers it and everything
    /// before, or find that a later life took over.
    Finish(u64),
    /// What lay from the first offset to the second is lost, and an operator accepted that: the stage never sees it.
    Lost(u64, u64),
    /// What everything below this offset caused may leave: it is committed, or the preset is
    /// [`AtLeastOnce`](Preset::AtLeastOnce). A new life says it again of what earlier ones committed, for they may have died
    /// in between.
    Release(u64),
    /// What was delivered from this offset on is taken back: begin again from the checkpoint. A stage that has produced
    /// more than its checkpoint covers [begins a new life](crate::ProducerEvent::Minted) with that, at all its ends (G5).
    Rollback(u64),
}
