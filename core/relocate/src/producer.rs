//! The end of an edge that appends.

mod acquire;
mod active;
mod event;
mod retained;

use crate::desk::Standing;
use crate::effects::{Effects, Lane, Op, Tally};
use crate::error::{EdgeError, Full};
use crate::host::{Reply, Target};
use crate::lease::{BadTerms, Lease};
use crate::mutant::{Mutant, Without};
use crate::record::{EdgeRecord, Frontier, Seg};
use crate::{Boot, Chain, HostId, Incarnation, Label, Nonce, Owner};
use acquire::Acquire;
use alloc::boxed::Box;
use alloc::vec::Vec;
pub use event::{ProducerConfig, ProducerEffect, ProducerEvent, ProducerTimer, Restored};
use retained::Retained;
use tidemill_seam::{Duration, Entropy, Instant};

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Phase {
    /// No life yet.
    Boot,
    /// On the way to a generation of its own.
    Acquire(Acquire),
    /// Appending.
    Active,
    /// Told that it is shut out; looks at the record once.
    Checking,
    /// Everything is committed, and nothing comes any more.
    Done,
    /// Over.
    Halted(EdgeError),
}

/// The only writer of an edge: a step function over events, without a clock of its own.
///
/// It retains what it pushed until the consumer has committed it, so that the memory of a host is never the only copy (G7), and
/// produces nothing before a swap of the record made it the owner (G6). It moves to another segment when a host fails, when it
/// is asked to, or when the consumer complains: drained where the old host answers, abandoned where it does not.
///
/// A driver carries out every effect, answers each request that has an [`Op`] once, by the reply or by
/// [`Late`](ProducerEvent::Late) after [`op_timeout`](ProducerConfig::op_timeout), and drops what it does not know.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Producer<P> {
    config: ProducerConfig,
    without: Without,
    inc: Incarnation,
    phase: Phase,
    /// The record as it was seen last.
    standing: Option<Standing>,
    seen: u64,
    retained: Retained<P>,
    durable: Frontier,
    /// What the consumer committed beyond what this life has produced: an offset, and the chain that it has to come to there.
    ahead: Option<(u64, Chain)>,
    /// The record that says what is final, on its way.
    publishing: Option<Box<EdgeRecord>>,
    seg: Seg,
    /// Lives of hosts, as far as they are known.
    boots: Vec<(HostId, Boot)>,
    /// The next offset to append, and the next that the host asked for.
    sent: u64,
    acked: u64,
    /// The host asked for an entry that it acknowledged.
    doubted: bool,
    /// The host takes nothing until the consumer trims.
    full: bool,
    /// Nothing more is taken; a durable checkpoint says that nothing more comes.
    closing: bool,
    ended: bool,
    /// The record could not be had, and is left alone for a while.
    resting: bool,
    lease: Lease,
    /// When the lease was asked for that it holds, and the one that is under way.
    leased: Instant,
    renewing: Instant,
    record_lane: Lane,
    queue_lane: Lane,
    lease_lane: Lane,
    /// Answers that nobody awaited.
    dropped: Tally,
    moves: Tally,
    checkpoints: Tally,
}

impl<P: AsRef<[u8]> + Clone> Producer<P> {
    /// A producer without a life.
    ///
    /// # Errors
    /// If nobody can keep the terms of the lease.
    pub fn new(config: ProducerConfig) -> Result<Self, BadTerms> {
        let lease = Lease::new(config.terms, Incarnation(0), config.op_timeout, config.backoff)?;
        Ok(Self {
            config,
            without: Without::default(),
            inc: Incarnation(0),
            phase: Phase::Boot,
            standing: None,
            seen: 0,
            retained: Retained::default(),
            durable: Frontier::default(),
            ahead: None,
            publishing: None,
            seg: Seg::default(),
            boots: Vec::new(),
            sent: 0,
            acked: 0,
            doubted: false,
            full: false,
            closing: false,
            ended: false,
            resting: false,
            lease,
            leased: Instant::ZERO,
            renewing: Instant::ZERO,
            record_lane: Lane::new(0),
            queue_lane: Lane::new(1),
            lease_lane: Lane::new(2),
            dropped: Tally::default(),
            moves: Tally::default(),
            checkpoints: Tally::default(),
        })
    }

    /// The same, but for one safeguard.
    #[cfg(feature = "_mutants")]
    #[must_use]
    pub fn without(mut self, mutant: Mutant) -> Self {
        self.without = Without::only(mutant);
        self
    }

    /// Takes an item: it is retained, and appended from here on. Say [`Pushed`](ProducerEvent::Pushed) afterwards. Gives its
    /// offset.
    ///
    /// What the consumer of a deterministic edge has committed beyond the checkpoint is produced again, and not appended: the
    /// last item of it is held against what is committed, and ends this producer if it is something else.
    ///
    /// # Errors
    /// Gives it back where no more can be retained, where this producer does not own the edge at this moment, and where the
    /// edge is closed.
    pub fn push(&mut self, payload: P) -> Result<u64, Full<P>> {
        let owns = self.phase == Phase::Active || self.without.is(Mutant::ProduceBeforeAcquire);
        let bytes = payload.as_ref().len() as u64;
        let room = self.retained.bytes() + bytes <= self.config.retain_max;
        let record = self.standing.as_ref().map(|standing| &standing.record);
        let (Some(record), true) = (record, owns && room && !self.closing) else { return Err(Full(payload)) };
        if self.retained.next() >= record.end {
            return Err(Full(payload));
        }
        let kind = record.chain;
        let label = kind.label(self.inc, payload.as_ref());
        let off = self.retained.push(kind, label, payload);
        if let Some((_, chain)) = self.ahead.filter(|(ahead, _)| *ahead == off + 1) {
            self.ahead = None;
            if self.retained.chain_at(off + 1) != chain {
                self.halt(EdgeError::NotDeterministic { off: off + 1 });
            }
        }
        Ok(off)
    }

    /// Takes nothing any more. The stage writes a checkpoint that says so, and says [`Ended`](ProducerEvent::Ended); what it
    /// produced stays until the consumer has committed it.
    ///
    /// # Errors
    /// [`Retained`](EdgeError::Retained) until then; whatever ended this producer before.
    pub fn close(&mut self) -> Result<(), EdgeError> {
        self.closing = true;
        let floor = self.standing.as_ref().map_or(0, |standing| standing.record.floor.off);
        match self.phase {
            Phase::Done => Ok(()),
            Phase::Halted(error) => Err(error),
            _ => Err(EdgeError::Retained { n: self.retained.next().saturating_sub(floor) }),
        }
    }

    /// Takes one event.
    pub fn step(
        &mut self,
        now: Instant,
        event: ProducerEvent<P>,
        entropy: &mut impl Entropy,
    ) -> Effects<ProducerEffect<P>> {
        let mut effects = Effects::default();
        if matches!(self.phase, Phase::Done | Phase::Halted(_)) {
            return effects;
        }
        let mut dice = || {
            let mut bytes = [0; 8];
            entropy.fill(&mut bytes);
            u64::from_le_bytes(bytes)
        };
        self.take(now, event, &mut dice, &mut effects);
        self.pump(&mut effects);
        effects
    }

    fn take(
        &mut self,
        now: Instant,
        event: ProducerEvent<P>,
        dice: &mut dyn FnMut() -> u64,
        effects: &mut Effects<ProducerEffect<P>>,
    ) {
        match event {
            ProducerEvent::Minted(restored) => self.mint(restored, effects),
            ProducerEvent::Record(op, read) if self.record_lane.close(op) => {
                self.look(now, read, dice, effects);
            }
            ProducerEvent::Swapped(op, swapped) if self.record_lane.close(op) => {
                self.swapped(swapped, effects);
            }
            ProducerEvent::Reply(op, reply) if self.queue_lane.close(op) => {
                self.replied(now, reply, dice, effects);
            }
            ProducerEvent::Reply(op, reply) if self.lease_lane.close(op) => {
                self.renewed(now, &reply, effects)
            }
            ProducerEvent::Confirmed(op) if self.record_lane.close(op) => self.confirmed(effects),
            ProducerEvent::Late(op) => self.late(now, op, dice, effects),
            ProducerEvent::Checkpointed { off, seq } => self.checkpointed(off, seq),
            ProducerEvent::Ended { off, seq } if off == self.retained.next() => {
                self.checkpointed(off, seq);
                (self.closing, self.ended) = (true, true);
            }
            ProducerEvent::Fenced { by } => self.halt(EdgeError::Fenced { by }),
            ProducerEvent::Woke(timer) => self.woke(now, timer, effects),
            ProducerEvent::Relocate { to } if self.phase == Phase::Active => {
                self.begin(Acquire::drain(Some(to)), effects);
            }
            ProducerEvent::Pushed | ProducerEvent::Relocate { .. } | ProducerEvent::Ended { .. } => {}
            ProducerEvent::Record(..)
            | ProducerEvent::Swapped(..)
            | ProducerEvent::Confirmed(_)
            | ProducerEvent::Reply(..) => self.dropped.count(),
        }
    }

    fn mint(&mut self, restored: Restored<P>, effects: &mut Effects<ProducerEffect<P>>) {
        let in_place = self.phase == Phase::Active && self.without.is(Mutant::RollbackInPlace);
        if self.phase != Phase::Boot && restored.inc <= self.inc && !in_place {
            return;
        }
        let Restored { inc, durable, seen, from, entries } = restored;
        (self.inc, self.durable, self.seen) = (inc, durable, self.seen.max(seen));
        (self.closing, self.ended, self.ahead) = (false, false, None);
        self.retained = Retained::restored(from, entries, durable);
        let ProducerConfig { terms, op_timeout, backoff, .. } = self.config;
        if let Ok(lease) = Lease::counted(terms, inc, (op_timeout, backoff), self.without) {
            self.lease = lease;
        }
        if let (true, Some(Standing { record, .. })) = (in_place, &self.standing) {
            self.queue_lane.give_up();
            self.retained.root(record.chain, record.floor.off, record.floor.chain);
            self.sent = durable.off.max(self.seg.base);
            self.acked = self.sent;
            return;
        }
        self.begin(Acquire::drain(None), effects);
    }

    /// A checkpoint is durable.
    fn checkpointed(&mut self, off: u64, seq: u64) {
        if off > self.durable.off && off <= self.retained.next() {
            self.durable = Frontier { off, chain: self.retained.chain_at(off), seq };
            self.checkpoints.count();
        }
    }

    fn owner(&self) -> Owner {
        Owner { stage: self.config.stage, inc: self.inc }
    }

    fn target(&self, seg: Seg) -> Target {
        let (generation, nonce) = (seg.generation, seg.nonce);
        Target { edge: self.config.edge, capability: self.config.capability, generation, nonce }
    }

    /// Lives of a stage do not try again in step.
    fn pause(&self) -> Duration {
        let least = self.config.backoff.as_nanos();
        if self.without.is(Mutant::UnseededBackoff) {
            return self.config.backoff;
        }
        let share = self.inc.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 54;
        Duration::from_nanos(least.saturating_add((u128::from(least) * u128::from(share) / 1024) as u64))
    }

    fn halt(&mut self, error: EdgeError) {
        self.phase = Phase::Halted(error);
        self.silence();
    }

    /// Expects no answer any more.
    fn silence(&mut self) {
        for lane in [&mut self.record_lane, &mut self.queue_lane, &mut self.lease_lane] {
            lane.give_up();
        }
    }

    /// Nobody answered.
    fn late(
        &mut self,
        now: Instant,
        op: Op,
        dice: &mut dyn FnMut() -> u64,
        effects: &mut Effects<ProducerEffect<P>>,
    ) {
        if self.record_lane.close(op) {
            self.unread(effects);
        } else if self.queue_lane.close(op) {
            self.unanswered(now, dice, effects);
        } else if self.lease_lane.close(op) {
            self.renewed(now, &Reply::Unknown, effects);
        } else {
            self.dropped.count();
        }
    }

    /// A host says which life of it is the present one: asked to lend, it is asked as that. One that says so for the first time when
    /// it is asked is asked twice.
    pub fn knows(&mut self, host: HostId, boot: Boot) {
        match self.boots.iter_mut().find(|(known, _)| *known == host) {
            Some((_, known)) => *known = boot,
            None => self.boots.push((host, boot)),
        }
    }

    /// The life of a host that is asked to lend.
    fn boot(&self, host: HostId) -> Boot {
        self.boots.iter().find(|(known, _)| *known == host).map_or(Boot::default(), |(_, boot)| *boot)
    }

    /// The offset of the next item.
    pub fn next(&self) -> u64 {
        self.retained.next()
    }

    /// The chain before an offset between what is retained and [`next`](Self::next).
    pub fn chain_at(&self, off: u64) -> Chain {
        self.retained.chain_at(off)
    }

    /// The offsets that are retained begin here.
    pub fn retained_from(&self) -> u64 {
        self.retained.from()
    }

    /// Bytes of the payloads that are retained.
    pub fn retained_bytes(&self) -> u64 {
        self.retained.bytes()
    }

    /// What is retained, oldest first: what a checkpoint has to hold, with everything up to the offset that it makes final.
    pub fn retained(&self) -> impl Iterator<Item = (Label, &P)> {
        self.retained.entries().map(|entry| (entry.label, &entry.payload))
    }

    /// Whether it still waits for the answer to this request: a driver need not carry out one that it has given up.
    pub fn awaits(&self, op: Op) -> bool {
        [&self.record_lane, &self.queue_lane, &self.lease_lane].iter().any(|lane| lane.awaits(op))
    }

    /// Whether it owns the edge, as far as it knows.
    pub fn is_active(&self) -> bool {
        self.phase == Phase::Active
    }

    /// Whether everything that it ever produced is committed, and nothing comes any more.
    pub fn is_done(&self) -> bool {
        self.phase == Phase::Done
    }

    /// Whether it produced more than its checkpoint covers: a stage that goes back to its checkpoint then goes on as a later
    /// life.
    pub fn speculates(&self) -> bool {
        self.retained.next() > self.durable.off
    }

    /// Whether it owns the edge and, by its own clock at `now`, the memory that was lent to it: what it sends while it believes
    /// so arrives before that is lent to anybody else (S10).
    pub fn believes(&self, now: Instant) -> bool {
        self.is_active() && self.lease.holds(self.leased, now)
    }

    /// The segment that it appends to, while it owns the edge.
    pub fn seg(&self) -> Option<Seg> {
        self.is_active().then_some(self.seg)
    }

    /// Which life it is.
    pub const fn inc(&self) -> Incarnation {
        self.inc
    }

    /// Why it is over.
    pub const fn error(&self) -> Option<EdgeError> {
        match self.phase {
            Phase::Halted(error) => Some(error),
            _ => None,
        }
    }

    /// How often it came to own the edge, under a generation each.
    pub const fn moves(&self) -> u64 {
        self.moves.get()
    }

    /// How often a checkpoint made more of its output final.
    pub const fn checkpoints(&self) -> u64 {
        self.checkpoints.get()
    }

    /// Answers that nobody awaited.
    pub const fn dropped(&self) -> u64 {
        self.dropped.get()
    }
}

/// The nonce of a new segment.
fn fresh(dice: &mut dyn FnMut() -> u64) -> Nonce {
    Nonce(dice())
}
