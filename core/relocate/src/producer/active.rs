//! While it owns the edge: appends, publishes what is final, and looks out for whoever knows better.

use super::acquire::Acquire;
use super::{Phase, Producer, ProducerEffect, ProducerTimer};
use crate::FenceEpoch;
use crate::desk::{DeskError, Standing, Swapped};
use crate::effects::Effects;
use crate::error::EdgeError;
use crate::host::{Reply, Request, Verb};
use crate::mutant::Mutant;
use crate::record::{EdgeRecord, Frontier, OPEN, Seg};
use alloc::boxed::Box;
use tidemill_seam::{Instant, Version};

impl<P: AsRef<[u8]> + Clone> Producer<P> {
    /// The swap that made it the owner won.
    pub(super) fn win(
        &mut self,
        version: Version,
        record: EdgeRecord,
        seg: Seg,
        effects: &mut Effects<ProducerEffect<P>>,
    ) {
        self.seen = record.ver;
        self.standing = Some(Standing { version, record });
        self.activate(seg, effects);
    }

    pub(super) fn activate(&mut self, seg: Seg, effects: &mut Effects<ProducerEffect<P>>) {
        (self.seg, self.sent, self.acked) = (seg, seg.base, seg.base);
        self.phase = Phase::Active;
        self.settle();
        self.moves.count();
        effects.push(ProducerEffect::Wake(ProducerTimer::Renew, self.lease.renew()));
        effects.push(ProducerEffect::Wake(ProducerTimer::Poll, self.config.poll));
    }

    /// The record was read, for whatever reason.
    pub(super) fn look(
        &mut self,
        now: Instant,
        read: Result<Box<Standing>, DeskError>,
        dice: &mut dyn FnMut() -> u64,
        effects: &mut Effects<ProducerEffect<P>>,
    ) {
        let standing = match read {
            Ok(standing) => *standing,
            Err(error) => {
                return match EdgeError::of(error) {
                    Some(error) => self.halt(error),
                    None => self.unread(effects),
                };
            }
        };
        let (found, owner) = (standing.record.ver, standing.record.owner);
        if found < self.seen {
            return self.halt(EdgeError::Regressed { seen: self.seen, found });
        }
        self.seen = found;
        let moved = standing.record.newest() != Some(&self.seg) || owner != self.owner();
        // About this segment, or about an older one that is still drained: handing over answers it.
        let complained = standing.record.complaint.generation != FenceEpoch::NONE
            && !self.without.is(Mutant::IgnoreComplaint);
        self.standing = Some(standing);
        match self.phase.clone() {
            Phase::Acquire(acquire) => self.acquire(now, acquire, dice, effects),
            Phase::Active | Phase::Checking if moved && owner.inc > self.inc => {
                self.halt(EdgeError::Fenced { by: owner.inc });
            }
            Phase::Checking => effects.push(ProducerEffect::Confirm(self.record_lane.open())),
            Phase::Active if moved || complained => {
                self.begin(Acquire::abandon(), effects);
            }
            Phase::Active => self.settle(),
            Phase::Boot | Phase::Done | Phase::Halted(_) => {}
        }
    }

    /// The consumer may have made room, and it may have committed something else.
    fn settle(&mut self) {
        let Some(Standing { record, .. }) = &self.standing else { return };
        if let Err(error) = self.compare(record.deterministic, record.floor) {
            return self.halt(error);
        }
        self.shed();
        self.full = false;
    }

    /// Lets go of what is committed. What the segment still has to be given stays, committed or not: it takes no entry before
    /// those ahead of it, and the consumer may have read those elsewhere.
    fn shed(&mut self) {
        let Some(Standing { record, .. }) = &self.standing else { return };
        let given = if self.without.is(Mutant::ForgetBeforeAppend) { u64::MAX } else { self.acked };
        self.retained.drop_below(record.floor.off.min(self.durable.off).min(given));
    }

    /// The record could not be read, or nobody said what became of a swap.
    pub(super) fn unread(&mut self, effects: &mut Effects<ProducerEffect<P>>) {
        match self.phase.clone() {
            Phase::Acquire(_) | Phase::Checking => {
                effects.push(ProducerEffect::Wake(ProducerTimer::Again, self.pause()));
            }
            Phase::Active => {
                self.resting = true;
                effects.push(ProducerEffect::Wake(ProducerTimer::Again, self.pause()));
            }
            Phase::Boot | Phase::Done | Phase::Halted(_) => {}
        }
    }

    /// The store of the stage says that this life may still write: whoever sealed the segment was none of a later one.
    pub(super) fn confirmed(&mut self, effects: &mut Effects<ProducerEffect<P>>) {
        if self.phase == Phase::Checking {
            self.begin(Acquire::drain(None), effects);
        }
    }

    /// A swap of the record was answered.
    pub(super) fn swapped(
        &mut self,
        swapped: Result<Swapped, DeskError>,
        effects: &mut Effects<ProducerEffect<P>>,
    ) {
        let published = self.publishing.take();
        match (self.phase.clone(), swapped) {
            (Phase::Acquire(acquire), swapped) => self.handed(acquire, swapped, effects),
            (Phase::Active, Ok(Swapped::Won(version))) => {
                let Some(record) = published else { return };
                self.seen = record.ver;
                self.standing = Some(Standing { version, record: *record });
            }
            // A fact is published again where the record still does not say it.
            (Phase::Active, Ok(Swapped::Lost | Swapped::Unknown)) => {
                effects.push(ProducerEffect::Read(self.record_lane.open()));
            }
            (Phase::Active, Err(error)) => match EdgeError::of(error) {
                Some(error) => self.halt(error),
                None => self.unread(effects),
            },
            (Phase::Boot | Phase::Checking | Phase::Done | Phase::Halted(_), _) => {}
        }
    }

    /// A host answered.
    pub(super) fn replied(
        &mut self,
        now: Instant,
        reply: Reply<P>,
        dice: &mut dyn FnMut() -> u64,
        effects: &mut Effects<ProducerEffect<P>>,
    ) {
        if let Phase::Acquire(acquire) = self.phase.clone() {
            return self.moved(now, acquire, Some(reply), dice, effects);
        }
        match reply {
            Reply::Ack { next, .. } | Reply::AlreadyHave { next } => {
                (self.acked, self.doubted) = (self.acked.max(next.min(self.sent)), false);
                self.shed();
                if self.without.is(Mutant::DropWhenHostAcked) {
                    self.retained.drop_below(self.acked);
                }
            }
            // It says so of an earlier moment, when an append overtook another. Where it says so again of what it has
            // acknowledged, it has lost that.
            Reply::Gap { next } if next < self.acked && self.doubted => {
                self.begin(Acquire::abandon(), effects);
            }
            Reply::Gap { next } => {
                self.queue_lane.give_up();
                self.doubted = next < self.acked;
                self.sent = next.max(self.acked);
            }
            Reply::Full => {
                self.queue_lane.give_up();
                (self.sent, self.full) = (self.acked, true);
                if !self.without.is(Mutant::FullWithoutCheckpoint) {
                    effects.push(ProducerEffect::Checkpoint);
                }
            }
            Reply::Conflict => {
                self.halt(EdgeError::Diverged { off: self.acked, generation: self.seg.generation });
            }
            Reply::Stale { .. } | Reply::Sealed { .. } if self.without.is(Mutant::RetryAfterStale) => {
                self.queue_lane.give_up();
                self.sent = self.acked;
            }
            Reply::Stale { .. } | Reply::Sealed { .. } => {
                self.queue_lane.give_up();
                self.record_lane.give_up();
                self.phase = Phase::Checking;
                effects.push(ProducerEffect::Read(self.record_lane.open()));
            }
            _ => self.begin(Acquire::abandon(), effects),
        }
    }

    /// A host did not answer.
    pub(super) fn unanswered(
        &mut self,
        now: Instant,
        dice: &mut dyn FnMut() -> u64,
        effects: &mut Effects<ProducerEffect<P>>,
    ) {
        match self.phase.clone() {
            Phase::Acquire(acquire) => self.moved(now, acquire, None, dice, effects),
            Phase::Active => self.begin(Acquire::abandon(), effects),
            Phase::Boot | Phase::Checking | Phase::Done | Phase::Halted(_) => {}
        }
    }

    /// A renewal was answered.
    pub(super) fn renewed(
        &mut self,
        now: Instant,
        reply: &Reply<P>,
        effects: &mut Effects<ProducerEffect<P>>,
    ) {
        if self.phase != Phase::Active {
            return;
        }
        match reply {
            Reply::Ok => {
                self.leased = if self.without.is(Mutant::CountFromReply) { now } else { self.renewing };
                effects.push(ProducerEffect::Wake(ProducerTimer::Renew, self.lease.renew()));
            }
            _ => self.begin(Acquire::abandon(), effects),
        }
    }

    /// A time it asked for came.
    pub(super) fn woke(
        &mut self,
        now: Instant,
        timer: ProducerTimer,
        effects: &mut Effects<ProducerEffect<P>>,
    ) {
        match (timer, &self.phase) {
            (ProducerTimer::Again, Phase::Acquire(_) | Phase::Checking) if self.record_lane.is_idle() => {
                effects.push(ProducerEffect::Read(self.record_lane.open()));
            }
            (ProducerTimer::Again, Phase::Active) => self.resting = false,
            (ProducerTimer::Poll, Phase::Active) => {
                if self.record_lane.is_idle() {
                    effects.push(ProducerEffect::Read(self.record_lane.open()));
                }
                effects.push(ProducerEffect::Wake(ProducerTimer::Poll, self.config.poll));
            }
            (ProducerTimer::Renew, Phase::Active) if !self.lease.holds(self.leased, now) => {
                self.begin(Acquire::abandon(), effects);
            }
            (ProducerTimer::Renew, Phase::Active) => {
                self.renewing = now;
                let request = Request { target: self.target(self.seg), verb: Verb::Renew { inc: self.inc } };
                effects.push(ProducerEffect::Ask(self.lease_lane.open(), self.seg.host, request));
            }
            _ => {}
        }
    }

    /// Whatever can be asked for at this moment.
    pub(super) fn pump(&mut self, effects: &mut Effects<ProducerEffect<P>>) {
        if self.phase != Phase::Active {
            return;
        }
        let over = |standing: &Standing| standing.record.end == standing.record.floor.off;
        if self.ended && self.standing.as_ref().is_some_and(over) && effects.room() > 0 {
            return self.leave(effects);
        }
        self.publish(effects);
        while !self.full && self.queue_lane.open_count() < self.config.window && effects.room() > 0 {
            let Some(entry) = self.retained.get(self.sent) else { return };
            let verb = Verb::Append { inc: self.inc, off: self.sent, entry: entry.clone() };
            let request = Request { target: self.target(self.seg), verb };
            effects.push(ProducerEffect::Ask(self.queue_lane.open(), self.seg.host, request));
            self.sent += 1;
        }
    }

    /// Everything is committed, and nothing comes any more: gives its memory back.
    fn leave(&mut self, effects: &mut Effects<ProducerEffect<P>>) {
        self.silence();
        self.phase = Phase::Done;
        let request = Request { target: self.target(self.seg), verb: Verb::Free { inc: self.inc } };
        effects.push(ProducerEffect::Tell(self.seg.host, request));
    }

    /// Publishes what is final, and that it is all, where the record does not say so yet.
    fn publish(&mut self, effects: &mut Effects<ProducerEffect<P>>) {
        let Some(Standing { version, record }) = &self.standing else { return };
        // No further than the segment has it: a certificate that the consumer cannot reach frees no room.
        let off = self.durable.off.min(self.acked);
        let mut known = Frontier { off, chain: self.retained.chain_at(off), ..self.durable };
        if self.without.is(Mutant::FrontierBeforeCheckpoint) && self.retained.next() > known.off {
            known.off = self.retained.next();
            known.chain = self.retained.chain_at(known.off);
        }
        let rederives = self.checkpoints.get() > 0 || !self.without.is(Mutant::FrontierNotRederived);
        let grown = known.off > record.frontier.off && rederives;
        let all = self.ended && known.off == self.retained.next();
        let early = self.closing && self.without.is(Mutant::EndBeforeCheckpoint);
        let ends = (all || early) && record.end == OPEN;
        if self.resting || !(grown || ends) || !self.record_lane.is_idle() || effects.room() == 0 {
            return;
        }
        // Another life said more than this one did.
        let said = record.floor.off.max(record.frontier.off);
        if ends && said > self.retained.next() {
            return self.halt(EdgeError::NotDeterministic { off: said });
        }
        let mut new = Box::new(record.clone());
        new.ver = new.ver.saturating_add(1);
        if grown {
            new.frontier = known;
        }
        if ends {
            new.end = self.retained.next();
        }
        self.publishing = Some(new.clone());
        effects.push(ProducerEffect::Swap(self.record_lane.open(), *version, new));
    }
}
