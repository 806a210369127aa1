use super::alarms::Alarms;
use super::clerk::{Clerk, Told};
use super::wires::{Heard, Wires};
use super::{EndError, Errand, Ground, World};
use crate::checkpoint::Input;
use crate::consumer::{Consumer, ConsumerConfig, ConsumerEffect, ConsumerEvent, ConsumerTimer};
use crate::{EdgeId, Leaving, Life, StageError, StageStore};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;
use tidemill_seam::{Clock, Duration, Instant};

/// A stage that reads an edge.
pub trait Taker<P> {
    /// Begins again from this state: that of the last checkpoint, empty where there is none. Everything that was taken below
    /// `off` is in it, and nothing else.
    fn restore(&mut self, off: u64, state: &[u8]);

    /// Takes the next item.
    fn take(&mut self, off: u64, item: P);

    /// Nothing comes after what was taken. What it knows by this is in its [state](Self::state) from here on.
    fn end(&mut self) {}

    /// The state after everything that was taken.
    fn state(&self) -> Vec<u8>;

    /// What lay from the first offset to the second is lost, and an operator accepted that: it goes on behind it.
    fn lost(&mut self, from: u64, to: u64);

    /// Everything below this offset is committed: what it caused may leave. Said again where a life may have ended before it
    /// was heard.
    fn release(&mut self, off: u64);
}

/// The end of an edge that reads, with the stage before it, over seams.
///
/// Its life begins with the first poll, and ends when a later one began. Every run of items that the stage is shown ends in a
/// snapshot.
pub struct ConsumerEnd<W: World, P> {
    clock: W::Clock,
    stage: StageStore<W::Blocks, W::Stage>,
    edge: EdgeId,
    op_timeout: Duration,
    backoff: Duration,
    machine: Consumer<P>,
    wires: Wires<W::Link>,
    clerk: Clerk<W::Edge>,
    alarms: Alarms<ConsumerTimer, 2>,
    errand: Errand,
    /// The checkpoint that is asked for was begun.
    begun: bool,
    /// Before then the stage is left alone.
    rests: Instant,
    /// The state that is committed, and the offset that it covers.
    kept: (u64, Vec<u8>),
    /// States that are not.
    snapshots: VecDeque<(u64, Vec<u8>)>,
    /// An earlier life, or this one, wrote down that nothing comes: which checkpoint says so, until the machine heard it.
    ended: Option<(u64, u64)>,
    error: Option<EndError>,
}

impl<W, P> ConsumerEnd<W, P>
where
    W: World,
    P: AsRef<[u8]> + Clone + for<'a> From<&'a [u8]>,
{
    /// An end without a life.
    pub fn new(config: ConsumerConfig, ground: Ground<W>) -> Self {
        let Ground { clock, mut entropy, link, edge, stage, hosts, resend } = ground;
        let (op_timeout, backoff) = (config.op_timeout, config.backoff);
        Self {
            edge: config.edge,
            machine: Consumer::new(config),
            wires: Wires::new(link, hosts, &mut entropy, (op_timeout, resend)),
            clock,
            stage,
            op_timeout,
            backoff,
            clerk: Clerk::new(edge),
            alarms: Alarms::new([ConsumerTimer::Again, ConsumerTimer::Poll]),
            errand: Errand::Mint,
            begun: false,
            rests: Instant::ZERO,
            kept: (0, Vec::new()),
            snapshots: VecDeque::new(),
            ended: None,
            error: None,
        }
    }

    /// The machine.
    pub const fn machine(&self) -> &Consumer<P> {
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

    /// Takes what came in and does what is due. Gives the instant at which it wants to be called again, [`Instant::MAX`] if
    /// nothing is due.
    pub fn poll(&mut self, taker: &mut impl Taker<P>) -> Instant {
        let now = self.clock.now();
        while self.error().is_none() {
            let Some(event) = self.event(now, taker) else { break };
            self.step(now, event, taker);
        }
        if self.error().is_some() {
            return Instant::MAX;
        }
        let machine = &self.machine;
        self.wires.repeat(now, |op| machine.awaits(op));
        let rests = if self.rests > now { self.rests } else { Instant::MAX };
        let dues = [self.wires.due(), self.clerk.due(), self.alarms.due(), rests];
        dues.into_iter().min().unwrap_or(Instant::MAX)
    }

    /// The next thing that the machine has to hear of.
    fn event(&mut self, now: Instant, taker: &mut impl Taker<P>) -> Option<ConsumerEvent<P>> {
        if let Some(event) = self.kept_event(now, taker) {
            return Some(event);
        }
        while let Some(heard) = self.wires.answer() {
            if let Heard::Reply(op, reply) = heard {
                return Some(ConsumerEvent::Reply(op, reply));
            }
        }
        let machine = &self.machine;
        if let Some(told) = self.clerk.told(now, |op| machine.awaits(op)) {
            return Some(match told {
                Told::Record(op, read) => ConsumerEvent::Record(op, read),
                Told::Swapped(op, swapped) => ConsumerEvent::Swapped(op, swapped),
                Told::Late(op) => ConsumerEvent::Late(op),
            });
        }
        if let Some(op) = self.wires.late(now) {
            return Some(ConsumerEvent::Late(op));
        }
        let hint = || self.clerk.hint().then_some(ConsumerTimer::Poll);
        self.alarms.rung(now).or_else(hint).map(ConsumerEvent::Woke)
    }

    /// What the stage has to say.
    fn kept_event(&mut self, now: Instant, taker: &mut impl Taker<P>) -> Option<ConsumerEvent<P>> {
        if self.rests > now {
            return None;
        }
        let said = match self.errand {
            Errand::Nothing => return None,
            Errand::Mint => self.stage.mint().map(|life| self.begin(life, taker)),
            Errand::Keep { off, ends } => self.keep(off, ends),
        };
        match said {
            Ok(event) => {
                self.errand = Errand::Nothing;
                Some(event)
            }
            Err(StageError::Pending) => None,
            // What was given up is begun again, a little later.
            Err(error @ (StageError::Unavailable | StageError::NoSpace | StageError::Failed)) => {
                self.begun &= error == StageError::Unavailable;
                self.rests = now + self.backoff;
                None
            }
            Err(StageError::Fenced { by }) => Some(ConsumerEvent::Fenced { by }),
            Err(error) => {
                self.error = Some(EndError::Stage(error));
                None
            }
        }
    }

    /// Makes the snapshot at an offset durable.
    fn keep(&mut self, off: u64, ends: bool) -> Result<ConsumerEvent<P>, StageError> {
        let at = self.snapshots.iter().rposition(|(snapshot, _)| *snapshot == off);
        let state = at.map_or(&self.kept.1, |at| &self.snapshots[at].1);
        if !self.begun {
            let (chain, seen) = (self.machine.chain_at(off), self.clerk.seen());
            let input = Input { edge: self.edge, off, chain, seen, ended: ends };
            self.stage.begin(&Leaving { inputs: &[input], outputs: &[], state })?;
            self.begun = true;
        }
        let seq = self.stage.poll()?.seq;
        if let Some(at) = at {
            self.kept = (off, self.snapshots.drain(..=at).next_back().map_or_else(Vec::new, |kept| kept.1));
        }
        Ok(if ends { ConsumerEvent::Finished { off, seq } } else { ConsumerEvent::Committed { off, seq } })
    }

    fn begin(&mut self, life: Life, taker: &mut impl Taker<P>) -> ConsumerEvent<P> {
        let resumed = life.resumed(self.edge);
        let (off, seen) = (resumed.committed.off, resumed.seen);
        if let Some(checkpoint) = life.checkpoint {
            let ended = |input: &Input| input.edge == self.edge && input.ended;
            self.ended = checkpoint.inputs.iter().any(ended).then_some((off, checkpoint.seq));
            self.kept.1 = checkpoint.state;
        }
        self.kept.0 = off;
        taker.restore(off, &self.kept.1);
        self.clerk.remember(seen);
        ConsumerEvent::Minted(resumed)
    }

    fn step(&mut self, now: Instant, event: ConsumerEvent<P>, taker: &mut impl Taker<P>) {
        let minted = matches!(event, ConsumerEvent::Minted(_));
        for effect in self.machine.step(event) {
            self.carry_out(now, effect, taker);
        }
        if let (true, Some((off, seq))) = (minted, self.ended) {
            self.step(now, ConsumerEvent::Finished { off, seq }, taker);
        }
    }

    fn carry_out(&mut self, now: Instant, effect: ConsumerEffect<P>, taker: &mut impl Taker<P>) {
        let due = now + self.op_timeout;
        match effect {
            ConsumerEffect::Read(op) => self.clerk.read(op, due),
            ConsumerEffect::Swap(op, expected, record) => self.clerk.swap(op, expected, &record, due),
            ConsumerEffect::Ask(op, host, request) => {
                if !self.wires.ask(now, op, host, &request) {
                    self.step(now, ConsumerEvent::Late(op), taker);
                }
            }
            ConsumerEffect::Tell(host, request) => self.wires.tell(host, &request),
            ConsumerEffect::Wake(timer, after) => self.alarms.set(timer, now + after),
            ConsumerEffect::Deliver(first, items) => {
                let off = first + items.len() as u64;
                (first..).zip(items).for_each(|(off, item)| taker.take(off, item));
                self.snapshots.push_back((off, taker.state()));
                self.step(now, ConsumerEvent::Snapshot { off }, taker);
            }
            ConsumerEffect::Commit(off) => self.commit(off, false),
            ConsumerEffect::Release(off) => taker.release(off),
            ConsumerEffect::Lost(from, to) => taker.lost(from, to),
            ConsumerEffect::Finish(off) => {
                taker.end();
                self.snapshots.push_back((off, taker.state()));
                self.commit(off, true);
            }
            ConsumerEffect::Rollback(off) => {
                self.snapshots.clear();
                taker.restore(off, &self.kept.1);
            }
        }
    }

    fn commit(&mut self, off: u64, ends: bool) {
        (self.errand, self.begun, self.rests) = (Errand::Keep { off, ends }, false, Instant::ZERO);
    }
}

impl<W: World, P: fmt::Debug> fmt::Debug for ConsumerEnd<W, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsumerEnd").field("machine", &self.machine).finish_non_exhaustive()
    }
}
