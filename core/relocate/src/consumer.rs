//! The end of an edge that reads.

mod follow;
mod span;

use crate::desk::{DeskError, Standing, Swapped};
use crate::effects::{Effects, Lane, Op, Tally};
use crate::error::EdgeError;
use crate::host::{Reply, Request, Target};
#[cfg(feature = "_mutants")]
use crate::mutant::Mutant;
use crate::mutant::Without;
use crate::record::{EdgeRecord, Floor, Frontier, Seg};
use crate::{Capability, EdgeId, FenceEpoch, HostId, Incarnation};
use alloc::boxed::Box;
use alloc::vec::Vec;
use span::Span;
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

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Phase {
    /// No life yet.
    Boot,
    /// Does not know where its offset lies.
    Unbound,
    /// Reads there.
    Bound,
    /// Over.
    Halted(EdgeError),
}

/// What is wrong with the segment that it reads.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Trouble {
    None,
    /// It failed; the record may know better.
    Looking,
    /// The record does not; it is left alone for a while.
    Waiting,
}

/// The reader of an edge: a step function over events, without a clock.
///
/// It reads without taking away, follows the record wherever the queue goes, and commits a snapshot only below a frontier
/// whose chain is its own: what it read is then what is final, wherever it read it. A chain that is not its own takes it back
/// to its checkpoint. Offsets that nothing serves are an error, never skipped.
///
/// A driver carries out every effect, answers each request that has an [`Op`] once, by the reply or by
/// [`Late`](ConsumerEvent::Late) after [`op_timeout`](ConsumerConfig::op_timeout), and drops what it does not know. It gives a
/// commit up with its life only.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Consumer<P> {
    config: ConsumerConfig,
    without: Without,
    phase: Phase,
    standing: Option<Standing>,
    seen: u64,
    committed: Floor,
    /// What was read beyond.
    span: Span<P>,
    /// Everything below is final, and as it was read. A deterministic edge is committed beyond it.
    certified: u64,
    /// Frontiers beyond what was read: the nearest, and the newest of all.
    ahead: Option<Frontier>,
    newest: Frontier,
    snapshots: Vec<u64>,
    committing: Option<u64>,
    /// A checkpoint covers the end.
    finished: bool,
    /// What was said before the first item is not known: an operator gave up what it was.
    unrooted: bool,
    /// A rollback waits for the commit that is under way.
    back: bool,
    seg: Seg,
    /// Nothing more lies there at this moment.
    idle: bool,
    trouble: Trouble,
    /// The generation that failed before.
    suspect: FenceEpoch,
    /// The generation and certificate that contradicted each other before.
    contradicted: Option<(FenceEpoch, u64)>,
    /// What it has to tell the producer.
    complain: bool,
    swapping: Option<Box<EdgeRecord>>,
    resting: bool,
    record_lane: Lane,
    queue_lane: Lane,
    dropped: Tally,
    stale: Tally,
    rollbacks: Tally,
    commits: Tally,
}

impl<P: AsRef<[u8]> + Clone> Consumer<P> {
    /// A consumer without a life.
    pub fn new(config: ConsumerConfig) -> Self {
        Self {
            config,
            without: Without::default(),
            phase: Phase::Boot,
            standing: None,
            seen: 0,
            committed: Floor::default(),
            span: Span::default(),
            certified: 0,
            ahead: None,
            newest: Frontier::default(),
            snapshots: Vec::new(),
            committing: None,
            finished: false,
            unrooted: false,
            back: false,
            seg: Seg::default(),
            idle: false,
            trouble: Trouble::None,
            suspect: FenceEpoch::NONE,
            contradicted: None,
            complain: false,
            swapping: None,
            resting: false,
            record_lane: Lane::new(3),
            queue_lane: Lane::new(4),
            dropped: Tally::default(),
            stale: Tally::default(),
            rollbacks: Tally::default(),
            commits: Tally::default(),
        }
    }

    /// The same, but for one safeguard.
    #[cfg(feature = "_mutants")]
    #[must_use]
    pub fn without(mut self, mutant: Mutant) -> Self {
        self.without = Without::only(mutant);
        self
    }

    /// Takes one event.
    pub fn step(&mut self, event: ConsumerEvent<P>) -> Effects<ConsumerEffect<P>> {
        let mut effects = Effects::default();
        if matches!(self.phase, Phase::Halted(_)) {
            return effects;
        }
        match event {
            ConsumerEvent::Minted(resumed) => self.mint(resumed, &mut effects),
            ConsumerEvent::Record(op, read) if self.record_lane.close(op) => self.look(read, &mut effects),
            ConsumerEvent::Swapped(op, swapped) if self.record_lane.close(op) => {
                self.swapped(swapped, &mut effects);
            }
            ConsumerEvent::Reply(op, reply) if self.queue_lane.close(op) => self.replied(reply, &mut effects),
            ConsumerEvent::Late(op) if self.record_lane.close(op) => self.rest(&mut effects),
            ConsumerEvent::Late(op) if self.queue_lane.close(op) => self.failed(&mut effects),
            ConsumerEvent::Snapshot { off } => self.snapshot(off),
            ConsumerEvent::Committed { off, seq } => self.committed(off, seq, &mut effects),
            ConsumerEvent::Finished { off, seq } => {
                self.committed(off, seq, &mut effects);
                self.finished |= off == self.committed.off;
            }
            ConsumerEvent::Fenced { by } => self.halt(EdgeError::Fenced { by }),
            ConsumerEvent::Woke(timer) => self.woke(timer, &mut effects),
            ConsumerEvent::Record(..)
            | ConsumerEvent::Swapped(..)
            | ConsumerEvent::Reply(..)
            | ConsumerEvent::Late(_) => self.dropped.count(),
        }
        self.validate(&mut effects);
        self.pump(&mut effects);
        effects
    }

    fn mint(&mut self, resumed: Resumed, effects: &mut Effects<ConsumerEffect<P>>) {
        if self.phase != Phase::Boot && resumed.committed.inc <= self.committed.inc {
            return;
        }
        (self.committed, self.seen) = (resumed.committed, self.seen.max(resumed.seen));
        let Floor { off, chain, .. } = self.committed;
        self.span = Span::new(off, chain);
        self.certified = if self.is_deterministic() { 0 } else { off };
        self.ahead = Some(self.newest).filter(|newest| newest.off > off);
        self.snapshots.clear();
        (self.committing, self.back, self.finished, self.unrooted) = (None, false, false, false);
        (self.swapping, self.resting) = (None, false);
        self.record_lane.give_up();
        self.unbind(effects);
        effects.push(ConsumerEffect::Wake(ConsumerTimer::Poll, self.config.poll));
        if off > 0 && self.config.preset != Preset::AtLeastOnce {
            effects.push(ConsumerEffect::Release(off));
        }
    }

    fn halt(&mut self, error: EdgeError) {
        self.phase = Phase::Halted(error);
        self.record_lane.give_up();
        self.queue_lane.give_up();
    }

    fn is_deterministic(&self) -> bool {
        self.config.preset == Preset::Deterministic
    }

    fn target(&self, seg: Seg) -> Target {
        let (generation, nonce) = (seg.generation, seg.nonce);
        Target { edge: self.config.edge, capability: self.config.capability, generation, nonce }
    }

    fn snapshot(&mut self, off: u64) {
        let after = self.snapshots.last().copied().unwrap_or(self.committed.off);
        if off > after && off <= self.delivered() && !self.back && !self.unrooted {
            self.snapshots.push(off);
        }
    }

    fn committed(&mut self, off: u64, seq: u64, effects: &mut Effects<ConsumerEffect<P>>) {
        if self.committing != Some(off) {
            return;
        }
        self.committing = None;
        let chain = self.span.chain_at(off);
        self.committed = Floor { off, chain, inc: self.committed.inc, seq };
        self.commits.count();
        if !self.is_deterministic() {
            self.certified = self.certified.max(off);
        }
        self.span.drop_below(off);
        self.snapshots.retain(|snapshot| *snapshot > off);
        if self.config.preset != Preset::AtLeastOnce {
            effects.push(ConsumerEffect::Release(off));
        }
        if self.back {
            self.roll_back(effects);
        }
    }

    /// The next offset that it reads.
    pub fn cursor(&self) -> u64 {
        self.span.end()
    }

    /// The next offset that its stage is shown.
    pub fn delivered(&self) -> u64 {
        self.span.shown()
    }

    /// What its store says is committed.
    pub const fn floor(&self) -> Floor {
        self.committed
    }

    /// The writing of the record, and the generation, that it goes by.
    pub fn follows(&self) -> (u64, FenceEpoch) {
        (self.seen, self.standing.as_ref().map_or(FenceEpoch::NONE, |standing| standing.record.generation))
    }

    /// Whether it still waits for the answer to this request: a driver need not carry out one that it has given up.
    pub fn awaits(&self, op: Op) -> bool {
        self.record_lane.awaits(op) || self.queue_lane.awaits(op)
    }

    /// Why it is over.
    pub const fn error(&self) -> Option<EdgeError> {
        match self.phase {
            Phase::Halted(error) => Some(error),
            _ => None,
        }
    }

    /// Whether everything is committed, the end included, and the record says so.
    pub fn is_finished(&self) -> bool {
        let said =
            |standing: &Standing| standing.record.floor.off == standing.record.end.min(self.committed.off);
        self.finished && self.standing.as_ref().is_some_and(said)
    }

    /// How often a checkpoint of this life covered more.
    pub const fn commits(&self) -> u64 {
        self.commits.get()
    }

    /// How often it began again from its checkpoint.
    pub const fn rollbacks(&self) -> u64 {
        self.rollbacks.get()
    }

    /// Records that were older than one it knew.
    pub const fn stale(&self) -> u64 {
        self.stale.get()
    }

    /// Answers that nobody awaited.
    pub const fn dropped(&self) -> u64 {
        self.dropped.get()
    }
}
