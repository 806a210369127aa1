//! What happens to an edge and to a stage, told to whoever listens.
//!
//! A machine is not asked differently because somebody listens: what is told is seen from outside, in what goes in, what comes
//! out, and what it counts.

use crate::consumer::{Consumer, ConsumerEffect, ConsumerEvent};
use crate::desk::{DeskError, Swapped};
use crate::effects::{Effects, Op};
use crate::error::EdgeError;
use crate::host::{Reply, Verb};
use crate::producer::{Producer, ProducerEffect, ProducerEvent};
use crate::record::{Complaint, Seg};
use crate::store::{Committed, Leaving, Life, StageError, StageStats, StageStore};
use crate::{FenceEpoch, Incarnation};
use tidemill_seam::{Entropy, Instant, Register, Store};

/// Something that happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub enum Event {
    /// A producer owns the edge, and appends into this segment.
    Acquired {
        /// Where the queue lies from here on.
        seg: Seg,
        /// Items that are pushed again.
        again: u64,
        /// For how many nanoseconds it did not append; nothing where it never did before.
        pause_ns: Option<u64>,
    },
    /// A producer stopped appending there: it is on its way to another segment, or looks whether it was shut out.
    Left {
        /// The generation that it appended to.
        generation: FenceEpoch,
    },
    /// So much is still retained after the consumer let go of some.
    Retained {
        /// Items.
        items: u64,
        /// Bytes of their payloads.
        bytes: u64,
    },
    /// A lease was renewed in time, or was not.
    Lease {
        /// Whether it was.
        renewed: bool,
    },
    /// Somebody else swapped the record first.
    LostSwap,
    /// The record could not be had, or lags behind one that was seen.
    NoRecord(DeskError),
    /// A consumer tells the producer what it cannot obtain.
    Complained(Complaint),
    /// A consumer went back to its checkpoint.
    RolledBack {
        /// Where it goes on.
        off: u64,
    },
    /// A consumer committed everything below this offset.
    Committed {
        /// The offset.
        off: u64,
    },
    /// Records were shown to a consumer that were older than the one it knew.
    Stale {
        /// How many, so far.
        count: u64,
    },
    /// Answers came that nobody awaited any more.
    Dropped {
        /// How many, so far.
        count: u64,
    },
    /// An end of an edge is over.
    Halted(EdgeError),
    /// A life of a stage began.
    Minted {
        /// Which.
        inc: Incarnation,
        /// The checkpoint that it found; zero where there is none.
        seq: u64,
    },
    /// A checkpoint counts.
    Checkpointed {
        /// Which.
        seq: u64,
        /// Bytes that were written for it, whole blocks.
        bytes: u64,
        /// How many nanoseconds it took.
        took_ns: u64,
    },
    /// A life or a checkpoint of a stage came to nothing.
    Refused(StageError),
    /// What a store of a stage had to do twice, or to find out, so far.
    Repaired(StageStats),
}

/// Listens.
pub trait Observer {
    /// This happened, or was seen to have happened, at `now`.
    fn saw(&mut self, now: Instant, event: Event);
}

impl<F: FnMut(Instant, Event)> Observer for F {
    fn saw(&mut self, now: Instant, event: Event) {
        self(now, event);
    }
}

/// Tells another thread. Nobody is told once its end of the channel is gone.
#[cfg(feature = "std")]
impl Observer for std::sync::mpsc::Sender<(Instant, Event)> {
    fn saw(&mut self, now: Instant, event: Event) {
        // An observer that left is no reason to stop.
        let _ = self.send((now, event));
    }
}

/// A [`Producer`], a [`Consumer`] or a [`StageStore`] that somebody watches. It does what it does alone, effect by effect.
#[derive(Clone, Debug)]
pub struct Observed<M, O> {
    machine: M,
    observer: O,
    /// The renewal that is under way.
    renewal: Option<Op>,
    /// Since when a producer does not append, or a checkpoint is under way.
    since: Option<Instant>,
    /// Items and bytes that were told last.
    retained: (u64, u64),
    /// Bytes that were written before the checkpoint that is under way.
    written: u64,
    complaint: Complaint,
}

impl<M, O> Observed<M, O> {
    /// Has `observer` watch `machine`.
    pub const fn new(machine: M, observer: O) -> Self {
        Self {
            machine,
            observer,
            renewal: None,
            since: None,
            retained: (0, 0),
            written: 0,
            complaint: Complaint { generation: FenceEpoch::NONE, off: 0 },
        }
    }

    /// What is watched.
    pub const fn get(&self) -> &M {
        &self.machine
    }

    /// What is watched; what is done to it here is seen with the next step.
    pub const fn get_mut(&mut self) -> &mut M {
        &mut self.machine
    }

    /// Both.
    pub fn into_parts(self) -> (M, O) {
        (self.machine, self.observer)
    }
}

/// A swap that was lost, and a record that could not be had.
fn of_record<T>(read: &Result<T, DeskError>) -> Option<Event> {
    match read {
        Err(DeskError::Pending) | Ok(_) => None,
        Err(error) => Some(Event::NoRecord(*error)),
    }
}

fn of_swap(swapped: &Result<Swapped, DeskError>) -> Option<Event> {
    match swapped {
        Ok(Swapped::Lost) => Some(Event::LostSwap),
        other => of_record(other),
    }
}

impl<P: AsRef<[u8]> + Clone, O: Observer> Observed<Producer<P>, O> {
    /// As [`Producer::step`].
    pub fn step(
        &mut self,
        now: Instant,
        event: ProducerEvent<P>,
        entropy: &mut impl Entropy,
    ) -> Effects<ProducerEffect<P>> {
        let (seg, moves, dropped) = (self.machine.seg(), self.machine.moves(), self.machine.dropped());
        let over = self.machine.error().is_some();
        let lease = match &event {
            ProducerEvent::Reply(op, reply) if self.renewal == Some(*op) => Some(matches!(reply, Reply::Ok)),
            ProducerEvent::Late(op) if self.renewal == Some(*op) => Some(false),
            _ => None,
        };
        let said = match &event {
            ProducerEvent::Record(_, read) => of_record(read),
            ProducerEvent::Swapped(_, swapped) => of_swap(swapped),
            _ => None,
        };
        let effects = self.machine.step(now, event, entropy);
        self.tell(now, said);
        if let Some(renewed) = lease {
            self.renewal = None;
            self.tell(now, Some(Event::Lease { renewed }));
        }
        for effect in effects.iter() {
            if let ProducerEffect::Ask(op, _, request) = effect
                && matches!(request.verb, Verb::Renew { .. })
            {
                self.renewal = Some(*op);
            }
        }
        self.moved(now, seg, moves);
        let items = self.machine.next() - self.machine.retained_from();
        let retained = (items, self.machine.retained_bytes());
        if retained.0 < self.retained.0 {
            self.tell(now, Some(Event::Retained { items: retained.0, bytes: retained.1 }));
        }
        self.retained = retained;
        self.ended(now, dropped, self.machine.dropped(), over, self.machine.error());
        effects
    }

    fn moved(&mut self, now: Instant, before: Option<Seg>, moves: u64) {
        if let Some(seg) = before.filter(|seg| self.machine.seg() != Some(*seg)) {
            self.since = Some(now);
            self.tell(now, Some(Event::Left { generation: seg.generation }));
        }
        if let Some(seg) = self.machine.seg().filter(|_| self.machine.moves() > moves) {
            let pause_ns = self.since.take().map(|since| now.since(since).as_nanos());
            let again = self.machine.next().saturating_sub(seg.base.max(self.machine.retained_from()));
            self.tell(now, Some(Event::Acquired { seg, again, pause_ns }));
        }
    }
}

impl<M, O: Observer> Observed<M, O> {
    fn tell(&mut self, now: Instant, event: Option<Event>) {
        if let Some(event) = event {
            self.observer.saw(now, event);
        }
    }

    fn ended(&mut self, now: Instant, before: u64, dropped: u64, over: bool, error: Option<EdgeError>) {
        self.tell(now, (dropped > before).then_some(Event::Dropped { count: dropped }));
        self.tell(now, error.filter(|_| !over).map(Event::Halted));
    }
}

impl<P: AsRef<[u8]> + Clone, O: Observer> Observed<Consumer<P>, O> {
    /// As [`Consumer::step`].
    pub fn step(&mut self, now: Instant, event: ConsumerEvent<P>) -> Effects<ConsumerEffect<P>> {
        let (floor, stale, dropped) =
            (self.machine.floor().off, self.machine.stale(), self.machine.dropped());
        let (over, rollbacks) = (self.machine.error().is_some(), self.machine.rollbacks());
        let said = match &event {
            ConsumerEvent::Record(_, read) => of_record(read),
            ConsumerEvent::Swapped(_, swapped) => of_swap(swapped),
            _ => None,
        };
        let born = matches!(event, ConsumerEvent::Minted(_));
        let effects = self.machine.step(event);
        self.tell(now, said);
        for effect in effects.iter() {
            if let ConsumerEffect::Swap(_, _, record) = effect {
                let complaint = record.complaint;
                if complaint != Complaint::default() && complaint != self.complaint {
                    self.complaint = complaint;
                    self.tell(now, Some(Event::Complained(complaint)));
                }
            }
        }
        let (to, counts) = (self.machine.floor().off, self.machine.rollbacks() > rollbacks);
        self.tell(now, counts.then_some(Event::RolledBack { off: to }));
        self.tell(now, (to > floor && !born).then_some(Event::Committed { off: to }));
        let count = self.machine.stale();
        self.tell(now, (count > stale).then_some(Event::Stale { count }));
        self.ended(now, dropped, self.machine.dropped(), over, self.machine.error());
        effects
    }
}

impl<S: Store, R: Register, O: Observer> Observed<StageStore<S, R>, O> {
    /// As [`StageStore::mint`].
    ///
    /// # Errors
    /// The same.
    pub fn mint(&mut self, now: Instant) -> Result<Life, StageError> {
        let before = self.machine.stats();
        let minted = self.machine.mint();
        if let Ok(life) = &minted {
            let seq = life.checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.seq);
            self.tell(now, Some(Event::Minted { inc: life.inc, seq }));
        }
        self.came(now, before, minted.as_ref().err());
        minted
    }

    /// As [`StageStore::begin`].
    ///
    /// # Errors
    /// The same.
    ///
    /// # Panics
    /// In the same cases.
    pub fn begin(&mut self, now: Instant, leaving: &Leaving<'_>) -> Result<u64, StageError> {
        let before = self.machine.stats();
        let begun = self.machine.begin(leaving);
        if begun.is_ok() {
            (self.since, self.written) = (Some(now), before.bytes);
        }
        self.came(now, before, begun.as_ref().err());
        begun
    }

    /// As [`StageStore::poll`].
    ///
    /// # Errors
    /// The same.
    pub fn poll(&mut self, now: Instant) -> Result<Committed, StageError> {
        let before = self.machine.stats();
        let polled = self.machine.poll();
        if let Ok(committed) = &polled {
            let took_ns = self.since.take().map_or(0, |since| now.since(since).as_nanos());
            let bytes = self.machine.stats().bytes - self.written;
            self.tell(now, Some(Event::Checkpointed { seq: committed.seq, bytes, took_ns }));
        }
        self.came(now, before, polled.as_ref().err());
        polled
    }

    fn came(&mut self, now: Instant, before: StageStats, error: Option<&StageError>) {
        let after = self.machine.stats();
        let mended = |stats: StageStats| (stats.reread, stats.settled, stats.behind);
        self.tell(now, (mended(after) != mended(before)).then_some(Event::Repaired(after)));
        let error = error.filter(|error| !matches!(error, StageError::Pending | StageError::Unavailable));
        self.tell(now, error.copied().map(Event::Refused));
    }
}
