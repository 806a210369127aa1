use super::alarms::Alarms;
use super::clerk::{Clerk, Told};
use super::keeper::{Draft, KeepError, Keeper, Life};
use super::wires::Wires;
use super::{EndError, Ground, World};
use crate::EdgeId;
use crate::checkpoint::Input;
use crate::consumer::{Consumer, ConsumerConfig, ConsumerEffect, ConsumerEvent, ConsumerTimer, Resumed};
use crate::record::Floor;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::{fmt, mem};
use tidemill_seam::{Clock, Duration, Instant};

/// A stage that reads an edge.
pub trait Taker<P> {
    /// Begins again from this state: that of the last checkpoint, empty where there is none. Everything that was taken below
    /// `off` is in it, and nothing else.
    fn restore(&mut self, off: u64, state: &[u8]);

    /// Takes the next item.
    fn take(&mut self, off: u64, item: P);

    /// The state after everything that was taken.
    fn state(&self) -> Vec<u8>;

    /// What lay from the first offset to the second is lost, and an operator accepted that: it goes on behind it.
    fn lost(&mut self, from: u64, to: u64);

    /// Everything below this offset is committed: what it caused may leave. Said again where a life may have ended before it
    /// was heard.
    fn release(&mut self, off: u64);
}

/// What is under way at the keeper.
#[derive(Debug)]
enum Errand<P> {
    Nothing,
    Mint,
    Keep(Draft<P>, u64),
}

/// The end of an edge that reads, with the stage before it, over seams.
///
/// Its life begins with the first poll, and ends when a later one began. Every run of items that the stage is shown ends in a
/// snapshot.
pub struct ConsumerEnd<W: World, P> {
    clock: W::Clock,
    keeper: W::Keeper,
    edge: EdgeId,
    op_timeout: Duration,
    backoff: Duration,
    machine: Consumer<P>,
    wires: Wires<W::Link>,
    clerk: Clerk<W::Register>,
    alarms: Alarms<ConsumerTimer, 2>,
    errand: Errand<P>,
    /// Before then the keeper is left alone.
    keeper_due: Instant,
    /// The state that is committed, and the offset that it covers.
    kept: (u64, Vec<u8>),
    /// States that are not.
    snapshots: VecDeque<(u64, Vec<u8>)>,
    error: Option<EndError>,
}

impl<W, P> ConsumerEnd<W, P>
where
    W: World<Keeper: Keeper<P>>,
    P: AsRef<[u8]> + Clone + for<'a> From<&'a [u8]>,
{
    /// An end without a life.
    pub fn new(config: ConsumerConfig, ground: Ground<W>) -> Self {
        let Ground { clock, mut entropy, link, register, keeper, hosts, resend } = ground;
        let (edge, op_timeout, backoff) = (config.edge, config.op_timeout, config.backoff);
        Self {
            machine: Consumer::new(config),
            wires: Wires::new(link, hosts, &mut entropy, (op_timeout, resend)),
            clock,
            keeper,
            edge,
            op_timeout,
            backoff,
            clerk: Clerk::new(register),
            alarms: Alarms::new([ConsumerTimer::Again, ConsumerTimer::Poll]),
            errand: Errand::Mint,
            keeper_due: Instant::ZERO,
            kept: (0, Vec::new()),
            snapshots: VecDeque::new(),
            error: None,
        }
    }

    /// The machine.
    pub const fn machine(&self) -> &Consumer<P> {
        &self.machine
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
        let keeper = if self.keeper_due > now { self.keeper_due } else { Instant::MAX };
        let dues = [self.wires.due(), self.clerk.due(), self.alarms.due(), keeper];
        dues.into_iter().min().unwrap_or(Instant::MAX)
    }

    /// The next thing that the machine has to hear of.
    fn event(&mut self, now: Instant, taker: &mut impl Taker<P>) -> Option<ConsumerEvent<P>> {
        if let Some(event) = self.kept_event(now, taker) {
            return Some(event);
        }
        if let Some((op, reply)) = self.wires.answer() {
            return Some(ConsumerEvent::Reply(op, reply));
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

    /// What the keeper has to say.
    fn kept_event(&mut self, now: Instant, taker: &mut impl Taker<P>) -> Option<ConsumerEvent<P>> {
        if self.keeper_due > now {
            return None;
        }
        let mut errand = mem::replace(&mut self.errand, Errand::Nothing);
        let said = match &mut errand {
            Errand::Nothing => return None,
            Errand::Mint => self.keeper.mint().map(|life| self.begin(life, taker)),
            Errand::Keep(draft, off) => self.keeper.keep(draft).map(|seq| {
                self.kept = (*off, mem::take(&mut draft.state));
                self.snapshots.retain(|(snapshot, _)| snapshot > off);
                ConsumerEvent::Committed { off: *off, seq }
            }),
        };
        if said.is_err() {
            self.errand = errand;
        }
        match said {
            Ok(event) => Some(event),
            Err(KeepError::Pending) => None,
            Err(KeepError::Unavailable) => {
                self.keeper_due = now + self.backoff;
                None
            }
            Err(KeepError::Fenced { by }) => Some(ConsumerEvent::Fenced { by }),
            Err(error) => {
                self.error = Some(EndError::Keep(error));
                None
            }
        }
    }

    fn begin(&mut self, life: Life<P>, taker: &mut impl Taker<P>) -> ConsumerEvent<P> {
        let (mut committed, mut seen) = (Floor { inc: life.inc, ..Floor::default() }, 0);
        if let Some(checkpoint) = life.checkpoint {
            if let Some(input) = checkpoint.inputs.iter().find(|input| input.edge == self.edge) {
                (committed.off, committed.chain, seen) = (input.off, input.chain, input.seen);
                self.error = input.ended.then_some(EndError::Ended);
            }
            (committed.seq, self.kept.1) = (checkpoint.seq, checkpoint.state);
        }
        self.kept.0 = committed.off;
        taker.restore(committed.off, &self.kept.1);
        self.clerk.remember(seen);
        ConsumerEvent::Minted(Resumed { committed, seen })
    }

    fn step(&mut self, now: Instant, event: ConsumerEvent<P>, taker: &mut impl Taker<P>) {
        for effect in self.machine.step(event) {
            self.carry_out(now, effect, taker);
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
            ConsumerEffect::Commit(off) => self.commit(off),
            ConsumerEffect::Release(off) => taker.release(off),
            ConsumerEffect::Lost(from, to) => taker.lost(from, to),
            ConsumerEffect::Finish(_) => self.error = Some(EndError::Ended),
            ConsumerEffect::Rollback(off) => {
                self.snapshots.clear();
                taker.restore(off, &self.kept.1);
            }
        }
    }

    fn commit(&mut self, off: u64) {
        let Some((_, state)) = self.snapshots.iter().find(|(snapshot, _)| *snapshot == off) else { return };
        let (chain, seen) = (self.machine.chain_at(off), self.clerk.seen());
        let input = Input { edge: self.edge, off, chain, seen, ended: false };
        let state = state.clone();
        let draft = Draft { inputs: [input].into(), outputs: Vec::new(), entries: Vec::new(), state };
        (self.errand, self.keeper_due) = (Errand::Keep(draft, off), Instant::ZERO);
    }
}

impl<W: World, P: fmt::Debug> fmt::Debug for ConsumerEnd<W, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsumerEnd").field("machine", &self.machine).finish_non_exhaustive()
    }
}
