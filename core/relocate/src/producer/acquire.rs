//! On the way to a generation of its own: read the record, seal the old segment, have a new one lent, swap the record.

use super::{Phase, Producer, ProducerEffect, ProducerTimer, fresh};
use crate::desk::{DeskError, Standing, Swapped};
use crate::effects::Effects;
use crate::error::EdgeError;
use crate::host::{Reply, Request, Verb};
use crate::mutant::Mutant;
use crate::record::{EdgeRecord, Floor, SEGMENTS, Seg};
use crate::{FenceEpoch, HostId};
use alloc::boxed::Box;
use tidemill_seam::{Instant, Version};

/// How far a move is.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Acquire {
    /// Nothing is expected of the old segment.
    abandon: bool,
    /// Where to, if somebody said so.
    to: Option<HostId>,
    /// Hosts that refused.
    refused: usize,
    at: At,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum At {
    /// Waiting for the record, or for the time to read it; a segment may be lent already.
    Reading { lent: Option<Seg> },
    /// The newest segment was asked to seal.
    Sealing,
    /// A host was asked to lend.
    Lending { seg: Seg },
    /// The record that hands the edge over.
    Swapping { seg: Seg, new: Box<EdgeRecord> },
}

impl Acquire {
    /// A move that asks the old segment for its end.
    pub(super) const fn drain(to: Option<HostId>) -> Self {
        Self { abandon: false, to, refused: 0, at: At::Reading { lent: None } }
    }

    /// A move that expects nothing of the old segment.
    pub(super) const fn abandon() -> Self {
        Self { abandon: true, to: None, refused: 0, at: At::Reading { lent: None } }
    }

    const fn lent(&self) -> Option<Seg> {
        match &self.at {
            At::Reading { lent } => *lent,
            At::Sealing => None,
            At::Lending { seg } | At::Swapping { seg, .. } => Some(*seg),
        }
    }
}

impl<P: AsRef<[u8]> + Clone> Producer<P> {
    /// Stops appending and begins a move.
    pub(super) fn begin(&mut self, acquire: Acquire, effects: &mut Effects<ProducerEffect<P>>) {
        if self.without.is(Mutant::CreditsLostOnMove) {
            self.config.window -= self.queue_lane.open_count().min(self.config.window);
        }
        self.queue_lane.give_up();
        self.lease_lane.give_up();
        self.record_lane.give_up();
        (self.full, self.resting, self.publishing) = (false, false, None);
        self.phase = Phase::Acquire(acquire);
        effects.push(ProducerEffect::Read(self.record_lane.open()));
    }

    /// Begins to read the record again after a pause, with what is lent already.
    fn again(&mut self, mut acquire: Acquire, effects: &mut Effects<ProducerEffect<P>>) {
        acquire.at = At::Reading { lent: acquire.lent() };
        self.phase = Phase::Acquire(acquire);
        effects.push(ProducerEffect::Wake(ProducerTimer::Again, self.pause()));
    }

    /// The record stands here, in the course of a move.
    pub(super) fn acquire(
        &mut self,
        now: Instant,
        mut acquire: Acquire,
        dice: &mut dyn FnMut() -> u64,
        effects: &mut Effects<ProducerEffect<P>>,
    ) {
        let Some(Standing { record, .. }) = self.standing.clone() else { return };
        let over = self.ended && record.end == record.floor.off;
        if let Some(seg) = acquire.lent().filter(|_| !over) {
            if record.newest() == Some(&seg) && record.owner == self.owner() {
                return self.activate(seg, effects);
            }
            if record.generation.bump() == Ok(seg.generation) && self.may_own(&record) {
                return self.swap(acquire, seg, effects);
            }
            self.free(seg, effects);
            acquire.at = At::Reading { lent: None };
        }
        if over {
            acquire.lent().into_iter().for_each(|seg| self.free(seg, effects));
            self.phase = Phase::Done;
            return;
        }
        if !self.may_own(&record) {
            return self.halt(EdgeError::Fenced { by: record.owner.inc });
        }
        if let Err(error) = self.root(&record) {
            return self.halt(error);
        }
        let Ok(by) = record.generation.bump() else { return self.halt(EdgeError::Exhausted) };
        let complained = record.complaint.generation != FenceEpoch::NONE;
        let full = record.segs().len() == SEGMENTS;
        match record.newest().filter(|_| !acquire.abandon && !full && !complained) {
            Some(&seg) => {
                acquire.at = At::Sealing;
                self.phase = Phase::Acquire(acquire);
                let request = Request { target: self.target(seg), verb: Verb::Seal { by } };
                effects.push(ProducerEffect::Ask(self.queue_lane.open(), seg.host, request));
            }
            None => self.lend(now, acquire, self.least(record.floor.off), dice, effects),
        }
    }

    /// Gives back a segment that nothing will lie in.
    fn free(&self, seg: Seg, effects: &mut Effects<ProducerEffect<P>>) {
        if self.without.is(Mutant::LostCasLeaksSegment) {
            return;
        }
        let verb = Verb::Free { inc: self.inc };
        effects.push(ProducerEffect::Tell(seg.host, Request { target: self.target(seg), verb }));
    }

    /// Where a new segment begins at the least: at the floor, or above what an operator gave up.
    fn least(&self, floor: u64) -> u64 {
        floor.max(self.retained.from().min(self.durable.off))
    }

    /// A later life of the stage is the only one that shuts this one out.
    fn may_own(&self, record: &EdgeRecord) -> bool {
        record.owner.inc <= self.inc || self.without.is(Mutant::NoOwnerIncRule)
    }

    /// Compares what is retained with what the record says of it.
    fn root(&mut self, record: &EdgeRecord) -> Result<(), EdgeError> {
        if record.edge != self.config.edge {
            return Err(EdgeError::Corrupt);
        }
        let floor = record.floor;
        if self.retained.from() > floor.off && !self.without.is(Mutant::DropWhenHostAcked) {
            // What was said before an offset is known of the next one only.
            let have = self.durable.off;
            if record.accepted_loss < have {
                return Err(EdgeError::Gap { need: floor.off, have });
            }
            self.retained.give_up(self.durable);
        }
        if !self.retained.is_rooted() {
            self.retained.root(record.chain, floor.off, floor.chain);
            let (off, generation) = (self.durable.off, record.generation);
            let lost = floor.off > off && !record.deterministic;
            if lost || self.retained.next() != off || self.retained.chain_at(off) != self.durable.chain {
                return Err(match record.deterministic {
                    true => EdgeError::NotDeterministic { off },
                    false => EdgeError::Diverged { off, generation },
                });
            }
        }
        self.compare(record.deterministic, record.floor)?;
        self.retained.drop_below(floor.off.min(self.durable.off));
        Ok(())
    }

    /// Holds what this life produces against what is committed, where that may be more than what is final.
    pub(super) fn compare(&mut self, deterministic: bool, floor: Floor) -> Result<(), EdgeError> {
        let Floor { off, chain, .. } = floor;
        if !deterministic || off < self.retained.from() {
            return Ok(());
        }
        self.ahead = (off > self.retained.next()).then_some((off, chain));
        match self.ahead.is_some() || self.retained.chain_at(off) == chain {
            true => Ok(()),
            false => Err(EdgeError::NotDeterministic { off }),
        }
    }

    /// Has a segment lent from `base` on.
    fn lend(
        &mut self,
        now: Instant,
        mut acquire: Acquire,
        base: u64,
        dice: &mut dyn FnMut() -> u64,
        effects: &mut Effects<ProducerEffect<P>>,
    ) {
        let Some(Standing { record, .. }) = &self.standing else { return };
        let hosts = &self.config.hosts;
        // The one that failed comes last.
        let start = hosts
            .iter()
            .position(|host| *host == self.seg.host)
            .map_or(0, |at| at + usize::from(acquire.abandon));
        let choice = hosts.get((start + acquire.refused) % hosts.len().max(1)).copied();
        let Some(host) = acquire.to.filter(|_| acquire.refused == 0).or(choice) else {
            return self.again(acquire, effects);
        };
        let Ok(generation) = record.generation.bump() else { return self.halt(EdgeError::Exhausted) };
        let seg = Seg { generation, host, nonce: fresh(dice), base };
        let Floor { off, chain, .. } = record.floor;
        let verb = Verb::Alloc {
            boot: self.boot(host),
            inc: self.inc,
            base,
            chain: if base == off { chain } else { self.retained.chain_at(base) },
            capacity: self.config.capacity.max(self.retained.weight(base)),
            ttl: self.config.terms.ttl,
        };
        acquire.at = At::Lending { seg };
        (self.phase, self.leased, self.renewing) = (Phase::Acquire(acquire), now, now);
        let request = Request { target: self.target(seg), verb };
        effects.push(ProducerEffect::Ask(self.queue_lane.open(), host, request));
    }

    /// A host answered in the course of a move, or did not (`None`).
    pub(super) fn moved(
        &mut self,
        now: Instant,
        mut acquire: Acquire,
        reply: Option<Reply<P>>,
        dice: &mut dyn FnMut() -> u64,
        effects: &mut Effects<ProducerEffect<P>>,
    ) {
        let Some(floor) = self.standing.as_ref().map(|standing| standing.record.floor.off) else { return };
        match (acquire.at.clone(), reply) {
            (At::Sealing, Some(Reply::End { off: end, .. })) => {
                let mut base = end.min(self.retained.next()).max(self.least(floor));
                if self.without.is(Mutant::AdoptSuffix) {
                    base = end.max(floor);
                }
                self.lend(now, acquire, base, dice, effects);
            }
            (At::Sealing, _) => {
                acquire.abandon = true;
                self.lend(now, acquire, self.least(floor), dice, effects);
            }
            (At::Lending { seg }, Some(Reply::Granted { .. })) => self.swap(acquire, seg, effects),
            (At::Lending { .. }, Some(Reply::Stale { .. })) => {
                acquire.at = At::Reading { lent: None };
                self.again(acquire, effects);
            }
            // Another life of it than the one that was asked; as often as it dies in between, and no host does so for ever.
            (At::Lending { seg }, Some(Reply::Boot { boot })) if boot != self.boot(seg.host) => {
                self.knows(seg.host, boot);
                self.lend(now, acquire, seg.base, dice, effects);
            }
            (At::Lending { seg }, _) => {
                acquire.refused += 1;
                if acquire.refused < self.config.hosts.len() + usize::from(acquire.to.is_some()) {
                    return self.lend(now, acquire, seg.base, dice, effects);
                }
                (acquire.refused, acquire.to, acquire.at) = (0, None, At::Reading { lent: None });
                self.again(acquire, effects);
            }
            (At::Reading { .. } | At::Swapping { .. }, _) => {}
        }
    }

    /// Hands the edge over to itself, over the record that it saw.
    fn swap(&mut self, mut acquire: Acquire, seg: Seg, effects: &mut Effects<ProducerEffect<P>>) {
        let Some(Standing { version, record }) = &self.standing else { return };
        let mut new = Box::new(record.clone());
        new.ver = new.ver.saturating_add(1);
        if acquire.abandon && seg.base > record.floor.off {
            new.give_up_segs();
        }
        if new.hand_over(self.owner(), seg).is_err() {
            // Too many are left: nothing is expected of them any more.
            self.free(seg, effects);
            (acquire.abandon, acquire.at) = (true, At::Reading { lent: None });
            return self.again(acquire, effects);
        }
        effects.push(ProducerEffect::Swap(self.record_lane.open(), *version, new.clone()));
        acquire.at = At::Swapping { seg, new };
        self.phase = Phase::Acquire(acquire);
    }

    /// What became of that.
    pub(super) fn handed(
        &mut self,
        acquire: Acquire,
        swapped: Result<Swapped, DeskError>,
        effects: &mut Effects<ProducerEffect<P>>,
    ) {
        let At::Swapping { seg, new } = acquire.at.clone() else { return };
        match swapped {
            Ok(Swapped::Won(version)) => self.win(version, *new, seg, effects),
            Ok(Swapped::Unknown) if self.without.is(Mutant::UnknownCasIsWon) => {
                self.win(Version(new.ver), *new, seg, effects);
            }
            Ok(Swapped::Unknown) if self.without.is(Mutant::UnknownCasIsLost) => {
                self.free(seg, effects);
                let acquire = Acquire { at: At::Reading { lent: None }, ..acquire };
                self.phase = Phase::Acquire(acquire);
                effects.push(ProducerEffect::Read(self.record_lane.open()));
            }
            // Read, and go by what stands there: nothing else settles it.
            Ok(Swapped::Lost | Swapped::Unknown) => {
                let acquire = Acquire { at: At::Reading { lent: Some(seg) }, ..acquire };
                self.phase = Phase::Acquire(acquire);
                effects.push(ProducerEffect::Read(self.record_lane.open()));
            }
            Err(error) => match EdgeError::of(error) {
                Some(error) => self.halt(error),
                None => self.again(acquire, effects),
            },
        }
    }
}
