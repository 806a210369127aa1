//! What a producer is told, and what it asks for.

use crate::desk::{DeskError, Standing, Swapped};
use crate::effects::Op;
use crate::host::{Reply, Request};
use crate::record::{EdgeRecord, Frontier, Terms};
use crate::{Capability, EdgeId, HostId, Incarnation, Label, StageId};
use alloc::boxed::Box;
use alloc::vec::Vec;
use tidemill_seam::{Duration, Version};

/// What a producer is told about its edge once.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ProducerConfig {
    /// The edge.
    pub edge: EdgeId,
    /// The stage that produces.
    pub stage: StageId,
    /// The right to use memory of the hosts.
    pub capability: Capability,
    /// Hosts that may keep the queue, the best first.
    pub hosts: Vec<HostId>,
    /// Bytes of a segment, unless more has to be pushed again.
    pub capacity: u64,
    /// Bytes of payload that may wait for the consumer.
    pub retain_max: u64,
    /// Appends under way at once.
    pub window: u64,
    /// How long a request may take before it is given up.
    pub op_timeout: Duration,
    /// The least pause before something is tried again; each life takes between one and two of it.
    pub backoff: Duration,
    /// How often the record is read although nothing happened.
    pub poll: Duration,
    /// Terms of the lease.
    pub terms: Terms,
}

/// What a life of a stage finds in its checkpoint about one output.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Restored<P> {
    /// Which life it is.
    pub inc: Incarnation,
    /// What is final: the next offset, the chain before it, and the checkpoint that says so.
    pub durable: Frontier,
    /// The writing of the edge record that was seen last.
    pub seen: u64,
    /// The offset of the first retained entry.
    pub from: u64,
    /// Retained entries, up to what is final.
    pub entries: Vec<(Label, P)>,
}

/// For what a producer asks to be woken.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ProducerTimer {
    /// To try again.
    Again,
    /// To look at the record.
    Poll,
    /// To renew its lease.
    Renew,
}

/// What reaches a producer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ProducerEvent<P> {
    /// Its stage lives, or lives again: one that went back to its checkpoint after it had produced more goes on as a later
    /// life, for no life says two things at one offset (G5).
    Minted(Restored<P>),
    /// The record was read.
    Record(Op, Result<Box<Standing>, DeskError>),
    /// A swap of the record was answered.
    Swapped(Op, Result<Swapped, DeskError>),
    /// A host answered.
    Reply(Op, Reply<P>),
    /// This life may still write.
    Confirmed(Op),
    /// Nobody answered in time, or nobody can.
    Late(Op),
    /// Items were pushed.
    Pushed,
    /// A checkpoint of the stage is durable, and covers this edge up to an offset.
    Checkpointed {
        /// The offset.
        off: u64,
        /// Which checkpoint.
        seq: u64,
    },
    /// The same, and the checkpoint says that nothing comes after that offset, which is the [next](crate::Producer::next) one. Said
    /// again to every later life, for they find it in their checkpoint.
    Ended {
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
    /// A time it asked for came.
    Woke(ProducerTimer),
    /// The queue has to move to this host.
    Relocate {
        /// The host.
        to: HostId,
    },
}

/// What a producer asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ProducerEffect<P> {
    /// Read the record.
    Read(Op),
    /// Swap the record, if its version is still this one.
    Swap(Op, Version, Box<EdgeRecord>),
    /// Ask a host.
    Ask(Op, HostId, Request<P>),
    /// Ask the store of the stage whether this life may still write: [`Confirmed`](ProducerEvent::Confirmed) if it may.
    Confirm(Op),
    /// Ask a host, and drop the answer.
    Tell(HostId, Request<P>),
    /// Wake it, once, after this time; what was asked for the same timer before is forgotten.
    Wake(ProducerTimer, Duration),
    /// The consumer can go no further until the stage writes a checkpoint.
    Checkpoint,
}
