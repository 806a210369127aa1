use super::alarms::Alarms;
use super::clerk::{Clerk, Told};
use super::wires::{Heard, Wires};
use super::{EndError, Errand, Ground, World};
use crate::checkpoint::Output;
use crate::effects::Op;
use crate::error::Full;
use crate::host::Target;
use crate::lease::BadTerms;
use crate::producer::{Producer, ProducerConfig, ProducerEffect, ProducerEvent, ProducerTimer, Restored};
use crate::{EdgeId, FenceEpoch, HostId, Label, Leaving, Life, Nonce, Outgoing, StageError, StageStore};
use alloc::vec::Vec;
use core::fmt;
use tidemill_seam::{Clock, Duration, Instant};

/// Why an item was not taken. It comes back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PushError<P> {
    /// Not at this moment: it does not own the edge, or can retain no more until the consumer commits.
    Full(P),
    /// Never: no datagram of this link carries it.
    TooLong(P),
}

/// The end of an edge that appends, with the stage behind it, over seams.
///
/// Its life begins with the first poll, and ends when a later one began.
pub struct ProducerEnd<W: World, P> {
    clock: W::Clock,
    entropy: W::Entropy,
    stage: StageStore<W::Blocks, W::Stage>,
    edge: EdgeId,
    /// What every host is asked with which life it is.
    greeting: Option<Target>,
    op_timeout: Duration,
    backoff: Duration,
    machine: Producer<P>,
    wires: Wires<W::Link>,
    clerk: Clerk<W::Edge>,
    alarms: Alarms<ProducerTimer, 3>,
    errand: Errand,
    /// Before then the stage is left alone.
    rests: Instant,
    confirm: Option<(Op, Instant)>,
    state: Option<Vec<u8>>,
    kept: u64,
    /// An earlier life, or this one, wrote down that nothing comes after an offset: which checkpoint says so, until the machine heard it.
    ended: Option<(u64, u64)>,
    closing: bool,
    wants_checkpoint: bool,
    error: Option<EndError>,
}

impl<W, P> ProducerEnd<W, P>
where
    W: World,
    P: AsRef<[u8]> + Clone + for<'a> From<&'a [u8]>,
{
    /// An end without a life.
    ///
    /// # Errors
    /// If nobody can keep the terms of the lease.
    pub fn new(config: ProducerConfig, ground: Ground<W>) -> Result<Self, BadTerms> {
        let Ground { clock, mut entropy, link, edge, stage, hosts, resend } = ground;
        let (op_timeout, backoff) = (config.op_timeout, config.backoff);
        let timers = [ProducerTimer::Again, ProducerTimer::Poll, ProducerTimer::Renew];
        let (generation, nonce) = (FenceEpoch::NONE, Nonce::default());
        let greeting = Target { edge: config.edge, capability: config.capability, generation, nonce };
        Ok(Self {
            edge: config.edge,
            greeting: Some(greeting),
            machine: Producer::new(config)?,
            wires: Wires::new(link, hosts, &mut entropy, (op_timeout, resend)),
            clock,
            entropy,
            stage,
            op_timeout,
            backoff,
            clerk: Clerk::new(edge),
            alarms: Alarms::new(timers),
            errand: Errand::Mint,
            rests: Instant::ZERO,
            confirm: None,
            state: None,
            kept: 0,
            ended: None,
            closing: false,
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

    /// What the stage keeps.
    pub const fn stage(&self) -> &StageStore<W::Blocks, W::Stage> {
        &self.stage
    }

    /// Why it is over.
    pub fn error(&self) -> Option<EndError> {
        self.error.or(self.machine.error().map(EndError::Edge))
    }

    /// Everything below this offset is durable.
    pub const fn kept(&self) -> u64 {
        self.kept
    }

    /// Whether nothing goes on until the stage writes a checkpoint.
    pub const fn wants_checkpoint(&self) -> bool {
        self.wants_checkpoint
    }

    /// Takes an item, whose offset it gives. It leaves with the next [`poll`](Self::poll), if not before.
    ///
    /// # Errors
    /// See [`PushError`].
    pub fn push(&mut self, item: P) -> Result<u64, PushError<P>> {
        if item.as_ref().len() > self.wires.item_max() {
            return Err(PushError::TooLong(item));
        }
        if self.error.is_some() {
            return Err(PushError::Full(item));
        }
        let off = self.machine.push(item).map_err(|Full(item)| {
            self.wants_checkpoint |= self.machine.is_active() && self.machine.speculates();
            PushError::Full(item)
        })?;
        let now = self.clock.now();
        self.step(now, ProducerEvent::Pushed);
        Ok(off)
    }

    /// Takes nothing more. The next checkpoint says so.
    pub fn close(&mut self) {
        self.closing = true;
        // What is still retained is told by the machine to whoever asks.
        _ = self.machine.close();
    }

    /// Begins to make everything that was pushed durable, with the state of the stage after it: the number of the checkpoint. None where
    /// nothing is new, it does not own the edge, a checkpoint is under way, or one was given up a moment ago.
    pub fn checkpoint(&mut self, state: &[u8]) -> Option<u64> {
        let (off, now) = (self.machine.next(), self.clock.now());
        let ends = self.closing && self.ended.is_none();
        let idle = self.machine.is_active() && self.errand == Errand::Nothing && self.rests <= now;
        if !idle || off == self.kept && !ends {
            return None;
        }
        let retained = self.machine.retained_from();
        let (chain, seen) = (self.machine.chain_at(off), self.clerk.seen());
        let output = Output { edge: self.edge, off, chain, retained, seen, ended: self.closing };
        let entries: Vec<(Label, &[u8])> =
            self.machine.retained().map(|(label, item)| (label, item.as_ref())).collect();
        let outputs = [Outgoing { output, entries: &entries }];
        match self.stage.begin(&Leaving { inputs: &[], outputs: &outputs, state }) {
            Ok(seq) => {
                (self.errand, self.wants_checkpoint) = (Errand::Keep { off, ends }, false);
                Some(seq)
            }
            Err(error) => {
                self.error = Some(EndError::Stage(error));
                None
            }
        }
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
        if let Some(greeting) = self.greeting.take() {
            self.wires.greet(greeting);
        }
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
        let rests = if self.rests > now { self.rests } else { Instant::MAX };
        [self.wires.due(), self.clerk.due(), self.alarms.due(), confirm, rests]
            .into_iter()
            .min()
            .unwrap_or(Instant::MAX)
    }

    /// The next thing that the machine has to hear of.
    fn event(&mut self, now: Instant) -> Option<ProducerEvent<P>> {
        if let Some(event) = self.kept_event(now) {
            return Some(event);
        }
        while let Some(heard) = self.wires.answer() {
            match heard {
                Heard::Reply(op, reply) => return Some(ProducerEvent::Reply(op, reply)),
                Heard::Boot(host, boot) => self.machine.knows(host, boot),
            }
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

    /// What the stage has to say.
    fn kept_event(&mut self, now: Instant) -> Option<ProducerEvent<P>> {
        if self.rests > now {
            return self.unconfirmed(now);
        }
        let said = match self.errand {
            Errand::Mint => self.stage.mint().map(|life| self.begin(life)),
            Errand::Keep { off, ends } => self.stage.poll().map(|committed| {
                let seq = committed.seq;
                self.kept = off;
                if ends {
                    self.ended = Some((off, seq));
                    return ProducerEvent::Ended { off, seq };
                }
                ProducerEvent::Checkpointed { off, seq }
            }),
            Errand::Nothing => {
                let (op, _) = self.confirm?;
                self.stage.confirm().map(|()| {
                    self.confirm = None;
                    ProducerEvent::Confirmed(op)
                })
            }
        };
        match said {
            Ok(event) => {
                self.errand = Errand::Nothing;
                Some(event)
            }
            Err(StageError::Pending) => self.unconfirmed(now),
            Err(StageError::Unavailable) => {
                self.rests = now + self.backoff;
                self.unconfirmed(now)
            }
            // Given up: another one takes its place, a little later.
            Err(StageError::NoSpace | StageError::Failed) => {
                (self.errand, self.wants_checkpoint) = (Errand::Nothing, true);
                self.rests = now + self.backoff;
                self.unconfirmed(now)
            }
            Err(StageError::Fenced { by }) => Some(ProducerEvent::Fenced { by }),
            Err(error) => {
                self.error = Some(EndError::Stage(error));
                None
            }
        }
    }

    /// Nobody confirmed in time.
    fn unconfirmed(&mut self, now: Instant) -> Option<ProducerEvent<P>> {
        let (op, _) = self.confirm.take_if(|(_, due)| *due <= now)?;
        Some(ProducerEvent::Late(op))
    }

    fn begin(&mut self, life: Life) -> ProducerEvent<P> {
        let Restored { inc, durable, seen, from, entries } = life.restored(self.edge);
        let entries = entries.iter().map(|(label, payload)| (*label, P::from(&payload[..]))).collect();
        if let Some(checkpoint) = life.checkpoint {
            let ended = |output: &Output| output.edge == self.edge && output.ended;
            self.ended = checkpoint.outputs.iter().any(ended).then_some((durable.off, checkpoint.seq));
            self.state = Some(checkpoint.state);
        } else {
            self.state = Some(Vec::new());
        }
        self.closing = self.ended.is_some();
        self.clerk.remember(seen);
        self.kept = durable.off;
        ProducerEvent::Minted(Restored { inc, durable, seen, from, entries })
    }

    /// Takes an event, and then all that can be asked for: a step asks for a few things at most.
    fn step(&mut self, now: Instant, event: ProducerEvent<P>) {
        let minted = matches!(event, ProducerEvent::Minted(_));
        let mut next = Some(event);
        while let Some(event) = next.take() {
            let mut asked = 0;
            for effect in self.machine.step(now, event, &mut self.entropy) {
                asked += 1;
                self.carry_out(now, effect);
            }
            next = (asked == 4).then_some(ProducerEvent::Pushed);
        }
        if let (true, Some((off, seq))) = (minted, self.ended) {
            self.step(now, ProducerEvent::Ended { off, seq });
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
