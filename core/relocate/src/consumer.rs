//! The end of an edge that reads.

mod event;
mod follow;
mod span;

use crate::desk::Standing;
use crate::effects::{Effects, Lane, Op, Tally};
use crate::error::EdgeError;
use crate::host::Target;
#[cfg(feature = "_mutants")]
use crate::mutant::Mutant;
use crate::mutant::Without;
use crate::record::{EdgeRecord, Floor, Frontier, Seg};
use crate::{Chain, FenceEpoch};
use alloc::boxed::Box;
use alloc::vec::Vec;
pub use event::{ConsumerConfig, ConsumerEffect, ConsumerEvent, ConsumerTimer, Preset, Resumed};
use span::Span;

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
    /// The segment is to be told once more what it may forget.
    trims: bool,
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
            trims: false,
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

    /// The chain before an offset between what is committed and [`cursor`](Self::cursor).
    pub fn chain_at(&self, off: u64) -> Chain {
        self.span.chain_at(off)
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
