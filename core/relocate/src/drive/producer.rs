use super::alarms::Alarms;
use super::clerk::{Clerk, Told};
use super::keeper::{Draft, KeepError, Keeper, Life};
use super::wires::Wires;
use super::{EndError, Ground, World};
use crate::checkpoint::Output;
use crate::effects::Op;
use crate::error::Full;
use crate::lease::BadTerms;
use crate::producer::{Producer, ProducerConfig, ProducerEffect, ProducerEvent, ProducerTimer, Restored};
use crate::record::Frontier;
use crate::{EdgeId, HostId};
use alloc::vec::Vec;
use core::{fmt, mem};
use tidemill_seam::{Clock, Duration, Instant};

/// Why an item was not taken. It comes back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PushError<P> {
    /// Not at this moment: it does not own the edge, or can retain no more until the consumer commits.
    Full(P),
    /// Never: no datagram of this link carries it.
    TooLong(P),
}

/// What is under way at the keeper.
#[derive(Debug)]
enum Errand<P> {
    Nothing,
    Mint,
    Keep(Draft<P>, u64),
}

/// The end of an edge that appends, with the stage behind it, over seams.
///
/// Its life begins with the first poll, and ends when a later one began.
pub struct ProducerEnd<W: World, P> {
    clock: W::Clock,
    entropy: W::Entropy,
    keeper: W::Keeper,
    edge: EdgeId,
    op_timeout: Duration,
    backoff: Duration,
    machine: Producer<P>,
    wires: Wires<W::Link>,
    clerk: Clerk<W::Register>,
    alarms: Alarms<ProducerTimer, 3>,
    errand: Errand<P>,
    /// Before then the keeper is left alone.
    keeper_due: Instant,
    confirm: Option<(Op, Instant)>,
    state: Option<Vec<u8>>,
    kept: u64,
    wants_checkpoint: bool,
    error: Option<EndError>,
}

impl<W, P> ProducerEnd<W, P>
where
    W: World<Keeper: Keeper<P>>,
    P: AsRef<[u8]> + Clone + for<'a> From<&'a [u8]>,
{
    /// An end without a life.
    ///
    /// # Errors
    /// If nobody can keep the terms of the lease.
    pub fn new(config: ProducerConfig, ground: Ground<W>) -> Result<Self, BadTerms> {
        let Ground { clock, mut entropy, link, register, keeper, hosts, resend } = ground;
        let (edge, op_timeout, backoff) = (config.edge, config.op_timeout, config.backoff);
        let timers = [ProducerTimer::Again, ProducerTimer::Poll, ProducerTimer::Renew];
        Ok(Self {
            machine: Producer::new(config)?,
            wires: Wires::new(link, hosts, &mut entropy, (op_timeout, resend)),
            clock,
            entropy,
            keeper,
            edge,
            op_timeout,
            backoff,
            clerk: Clerk::new(register),
            alarms: Alarms::new(timers),
            errand: Errand::Mint,
            keeper_due: Instant::ZERO,
            confirm: None,
            state: None,
            kept: 0,
            wants_checkpoint: false,
            error: None,
        })
    }

    /// The state that its stage begins with: that of the last checkpoint, empty where there is none. Once, when the life has
    /// begun.
    pub fn restored(&mut self) -> Option<Vec<u8>> {
        self.state.take()
    }

    /// The machine.
    pub const fn machine(&self) -> &Producer<P> {
        &self.machine
    }

    /// Why it is over.
    pub fn error(&self) -> Option<EndError> {
        self.error.or(self.machine.error().map(EndError::Edge))
    }

    /// Everything below this offset is durable.
    pub const fn kept(&self) -> u64 {
        self.kept
    }

    /// Whether a checkpoint is under way.
    pub const fn keeps(&self) -> bool {
        matches!(self.errand, Errand::Keep(..))
    }

    /// Whether nothing goes on until the stage writes a checkpoint.
    pub const fn wants_checkpoint(&self) -> bool {
        self.wants_checkpoint
    }

    /// Takes an item, whose offset it gives.
    ///
    /// # Errors
    /// See [`PushError`].
    pub fn push(&mut self, item: P) -> Result<u64, PushError<P>> {
        if item.as_ref().len() > self.wires.item_max() {
            return Err(PushError::TooLong(item));
        }
        let off = self.machine.push(item).map_err(|Full(item)| {
            self.wants_checkpoint |= self.machine.is_active();
            PushError::Full(item)
        })?;
        let now = self.clock.now();
        self.step(now, ProducerEvent::Pushed);
        Ok(off)
    }

    /// Begins to make everything that was pushed durable, with the state of the stage after it. `false` where nothing is new,
    /// it does not own the edge, or a checkpoint is under way.
    pub fn checkpoint(&mut self, state: &[u8]) -> bool {
        let off = self.machine.next();
        if !self.machine.is_active() || !matches!(self.errand, Errand::Nothing) || off == self.kept {
            return false;
        }
        let retained = self.machine.retained_from();
        let (chain, seen) = (self.machine.chain_at(off), self.clerk.seen());
        let output = Output { edge: self.edge, off, chain, retained, seen, ended: false };
        let entries = self.machine.retained().map(|(label, item)| (label, item.clone())).collect();
        let draft = Draft { inputs: Vec::new(), outputs: [output].into(), entries, state: state.to_vec() };
        (self.errand, self.wants_checkpoint) = (Errand::Keep(draft, off), false);
        self.keeper_due = Instant::ZERO;
        true
    }

    /// Moves the queue to this host, drained.
    pub fn relocate(&mut self, to: HostId) {
        let now = self.clock.now();
        self.step(now, ProducerEvent::Relocate { to });
    }

    /// Takes what came in and does what is due. Gives the instant at which it wants to be called again, [`Instant::MAX`] if
    /// nothing is due.
    pub fn poll(&mut self) -> Instant {
        let now = self.clock.now();
        while self.error().is_none() {
            let Some(event) = self.event(now) else { break };
            self.step(now, event);
        }
        if self.error().is_some() {
            return Instant::MAX;
        }
        let machine = &self.machine;
        self.wires.repeat(now, |op| machine.awaits(op));
        let confirm = self.confirm.map_or(Instant::MAX, |(_, due)| due);
        let keeper = if self.keeper_due > now { self.keeper_due } else { Instant::MAX };
        [self.wires.due(), self.clerk.due(), self.alarms.due(), confirm, keeper]
            .into_iter()
            .min()
            .unwrap_or(Instant::MAX)
    }

    /// The next thing that the machine has to hear of.
    fn event(&mut self, now: Instant) -> Option<ProducerEvent<P>> {
        if let Some(event) = self.kept_event(now) {
            return Some(event);
        }
        if let Some((op, reply)) = self.wires.answer() {
            return Some(ProducerEvent::Reply(op, reply));
        }
        let machine = &self.machine;
        if let Some(told) = self.clerk.told(now, |op| machine.awaits(op)) {
            return Some(match told {
                Told::Record(op, read) => ProducerEvent::Record(op, read),
                Told::Swapped(op, swapped) => ProducerEvent::Swapped(op, swapped),
                Told::Late(op) => ProducerEvent::Late(op),
            });
        }
        if let Some(op) = self.wires.late(now) {
            return Some(ProducerEvent::Late(op));
        }
        if let Some(timer) = self.alarms.rung(now) {
            return Some(ProducerEvent::Woke(timer));
        }
        (self.machine.is_active() && self.clerk.hint()).then_some(ProducerEvent::Woke(ProducerTimer::Poll))
    }

    /// What the keeper has to say.
    fn kept_event(&mut self, now: Instant) -> Option<ProducerEvent<P>> {
        if self.keeper_due > now {
            return self.unconfirmed(now);
        }
        let errand = mem::replace(&mut self.errand, Errand::Nothing);
        let said = match &errand {
            Errand::Mint => self.keeper.mint().map(|life| self.begin(life)),
            Errand::Keep(draft, off) => self.keeper.keep(draft).map(|seq| {
                self.kept = *off;
                ProducerEvent::Checkpointed { off: *off, seq }
            }),
            Errand::Nothing => {
                let (op, _) = self.confirm?;
                self.keeper.confirm().map(|()| {
                    self.confirm = None;
                    ProducerEvent::Confirmed(op)
                })
            }
        };
        if said.is_err() {
            self.errand = errand;
        }
        match said {
            Ok(event) => Some(event),
            Err(KeepError::Pending) => self.unconfirmed(now),
            Err(KeepError::Unavailable) => {
                self.keeper_due = now + self.backoff;
                self.unconfirmed(now)
            }
            Err(KeepError::Fenced { by }) => Some(ProducerEvent::Fenced { by }),
            Err(error) => {
                self.error = Some(EndError::Keep(error));
                None
            }
        }
    }

    /// Nobody confirmed in time.
    fn unconfirmed(&mut self, now: Instant) -> Option<ProducerEvent<P>> {
        let (op, _) = self.confirm.take_if(|(_, due)| *due <= now)?;
        Some(ProducerEvent::Late(op))
    }

    fn begin(&mut self, life: Life<P>) -> ProducerEvent<P> {
        let Life { inc, checkpoint, entries } = life;
        let mut restored =
            Restored { inc, durable: Frontier::default(), seen: 0, from: 0, entries: Vec::new() };
        let mut state = Vec::new();
        if let Some(checkpoint) = checkpoint {
            if let Some(output) = checkpoint.outputs.iter().find(|output| output.edge == self.edge) {
                restored.durable = Frontier { off: output.off, chain: output.chain, seq: checkpoint.seq };
                (restored.from, restored.entries, restored.seen) = (output.retained, entries, output.seen);
                self.error = output.ended.then_some(EndError::Ended);
            }
            state = checkpoint.state;
        }
        self.clerk.remember(restored.seen);
        (self.kept, self.state) = (restored.durable.off, Some(state));
        ProducerEvent::Minted(restored)
    }

    fn step(&mut self, now: Instant, event: ProducerEvent<P>) {
        for effect in self.machine.step(now, event, &mut self.entropy) {
            self.carry_out(now, effect);
        }
    }

    fn carry_out(&mut self, now: Instant, effect: ProducerEffect<P>) {
        let due = now + self.op_timeout;
        match effect {
            ProducerEffect::Read(op) => self.clerk.read(op, due),
            ProducerEffect::Swap(op, expected, record) => self.clerk.swap(op, expected, &record, due),
            ProducerEffect::Ask(op, host, request) => {
                if !self.wires.ask(now, op, host, &request) {
                    self.step(now, ProducerEvent::Late(op));
                }
            }
            ProducerEffect::Confirm(op) => self.confirm = Some((op, due)),
            ProducerEffect::Tell(host, request) => self.wires.tell(host, &request),
            ProducerEffect::Wake(timer, after) => self.alarms.set(timer, now + after),
            ProducerEffect::Checkpoint => self.wants_checkpoint = true,
        }
    }
}

impl<W: World, P: fmt::Debug> fmt::Debug for ProducerEnd<W, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProducerEnd").field("machine", &self.machine).finish_non_exhaustive()
    }
}
