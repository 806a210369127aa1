//! Where the queue lies, what is read there, and whether it is what is final.

use super::{Consumer, ConsumerEffect, ConsumerTimer, Phase, Preset, Span, Trouble};
use crate::FenceEpoch;
use crate::desk::{DeskError, Standing, Swapped};
use crate::effects::Effects;
use crate::error::EdgeError;
use crate::host::{Entry, Reply, Request, Verb};
use crate::mutant::Mutant;
use crate::record::{Complaint, EdgeRecord, Floor, Frontier};
use alloc::boxed::Box;
use alloc::vec::Vec;

impl<P: AsRef<[u8]> + Clone> Consumer<P> {
    /// Forgets where the queue lies, and asks.
    pub(super) fn unbind(&mut self, effects: &mut Effects<ConsumerEffect<P>>) {
        self.queue_lane.give_up();
        (self.phase, self.idle, self.trouble) = (Phase::Unbound, false, Trouble::None);
        self.ask(effects);
    }

    /// Reads the record, unless that is under way.
    fn ask(&mut self, effects: &mut Effects<ConsumerEffect<P>>) {
        if self.record_lane.is_idle() {
            effects.push(ConsumerEffect::Read(self.record_lane.open()));
        }
    }

    /// The record cannot be had at this moment.
    pub(super) fn rest(&mut self, effects: &mut Effects<ConsumerEffect<P>>) {
        (self.resting, self.swapping) = (true, None);
        effects.push(ConsumerEffect::Wake(ConsumerTimer::Again, self.config.backoff));
    }

    /// The record was read.
    pub(super) fn look(
        &mut self,
        read: Result<Box<Standing>, DeskError>,
        effects: &mut Effects<ConsumerEffect<P>>,
    ) {
        let standing = match read {
            Ok(standing) => *standing,
            Err(error) => {
                return match EdgeError::of(error) {
                    Some(error) => self.halt(error),
                    None => self.rest(effects),
                };
            }
        };
        if standing.record.ver < self.seen && !self.without.is(Mutant::RebindOlder) {
            self.stale.count();
            return self.rest(effects);
        }
        if standing.record.edge != self.config.edge {
            return self.halt(EdgeError::Corrupt);
        }
        if self.is_deterministic() && !standing.record.deterministic {
            return self.halt(EdgeError::Unsupported);
        }
        if standing.record.end < self.committed.off {
            return self.halt(EdgeError::NotDeterministic { off: self.committed.off });
        }
        self.follow(standing, effects);
    }

    /// A record that is not older than the one it knew.
    fn follow(&mut self, standing: Standing, effects: &mut Effects<ConsumerEffect<P>>) {
        let by = standing.record.floor.inc;
        if by > self.committed.inc {
            return self.halt(EdgeError::Fenced { by });
        }
        self.seen = standing.record.ver;
        let frontier = standing.record.frontier;
        if frontier.off > self.newest.off {
            self.newest = frontier;
            if frontier.off > self.span.end() && self.ahead.is_none() {
                self.ahead = Some(frontier);
            }
        }
        self.standing = Some(standing);
        self.bind(effects);
        if self.trouble == Trouble::Looking {
            self.trouble = Trouble::Waiting;
            effects.push(ConsumerEffect::Wake(ConsumerTimer::Again, self.config.complain_after));
        }
    }

    /// Goes where the record says that its offset lies.
    fn bind(&mut self, effects: &mut Effects<ConsumerEffect<P>>) {
        let Some(Standing { record, .. }) = &self.standing else { return };
        let cursor = self.span.end();
        let Some(seg) = record.serves(cursor).copied() else {
            let (oldest, accepted) = (record.segs().first().map(|seg| seg.base), record.accepted_loss);
            return match oldest {
                Some(have) if have <= accepted || self.without.is(Mutant::SkipGap) => {
                    self.skip(have, effects)
                }
                Some(have) => self.halt(EdgeError::Gap { need: cursor, have }),
                None => {}
            };
        };
        if seg != self.seg {
            (self.trouble, self.complain) = (Trouble::None, false);
        }
        if self.phase != Phase::Bound || seg != self.seg {
            self.queue_lane.give_up();
            (self.phase, self.seg, self.idle) = (Phase::Bound, seg, false);
        }
    }

    /// Goes on behind what an operator gave up, from the checkpoint.
    fn skip(&mut self, have: u64, effects: &mut Effects<ConsumerEffect<P>>) {
        let need = self.committed.off;
        if self.span.end() > need || self.committing.is_some() {
            return self.roll_back(effects);
        }
        let known = self.newest.off == have;
        self.span = Span::new(have, self.newest.chain);
        (self.unrooted, self.certified) = (!known, self.certified.max(have));
        effects.push(ConsumerEffect::Lost(need, have));
        self.bind(effects);
    }

    /// A host answered.
    pub(super) fn replied(&mut self, reply: Reply<P>, effects: &mut Effects<ConsumerEffect<P>>) {
        match reply {
            Reply::Data { off, chain, entries } if off == self.span.end() => {
                self.suspect = FenceEpoch::NONE;
                if core::mem::take(&mut self.unrooted) {
                    self.span = Span::new(off, chain);
                }
                if chain != self.span.chain_at(off) && !self.without.is(Mutant::MapRule) {
                    return self.contradict(off, effects);
                }
                match self.extend(off, entries) {
                    Ok(()) => self.bind(effects),
                    Err(off) => self.contradict(off, effects),
                }
            }
            Reply::Empty { .. } | Reply::Data { .. } => {
                self.suspect = FenceEpoch::NONE;
                self.idle = true;
            }
            _ => self.failed(effects),
        }
    }

    /// Takes entries, up to the first that is not what it claims to be.
    fn extend(&mut self, off: u64, entries: Vec<Entry<P>>) -> Result<(), u64> {
        let record = self.standing.as_ref().map(|standing| (standing.record.chain, standing.record.end));
        let Some((kind, end)) = record else { return Ok(()) };
        let by_map = self.without.is(Mutant::MapRule);
        let mut chain = self.span.chain_at(off);
        for (off, entry) in (off..).zip(entries) {
            let label = kind.relabel(entry.label, entry.payload.as_ref());
            chain = kind.extend(chain, off, label);
            if chain != entry.chain && !by_map || off >= end {
                return Err(off);
            }
            self.span.push(chain, entry.payload);
            if by_map {
                self.span.mark(self.seg.generation);
            }
        }
        if self.without.is(Mutant::AckOnRead) {
            let off = self.span.end();
            self.committed = Floor { off, chain, ..self.committed };
            self.certified = off;
        }
        Ok(())
    }

    /// The segment cannot be read.
    pub(super) fn failed(&mut self, effects: &mut Effects<ConsumerEffect<P>>) {
        self.complain |= self.suspect == self.seg.generation;
        (self.suspect, self.trouble) = (self.seg.generation, Trouble::Looking);
        self.ask(effects);
    }

    /// A time it asked for came.
    pub(super) fn woke(&mut self, timer: ConsumerTimer, effects: &mut Effects<ConsumerEffect<P>>) {
        if self.phase == Phase::Boot {
            return;
        }
        match timer {
            ConsumerTimer::Again => {
                self.resting = false;
                if self.trouble == Trouble::Waiting {
                    self.trouble = Trouble::None;
                }
                if self.phase == Phase::Unbound || self.trouble == Trouble::Looking {
                    self.ask(effects);
                }
            }
            ConsumerTimer::Poll if self.is_finished() => {}
            ConsumerTimer::Poll => {
                self.idle = false;
                if !self.without.is(Mutant::PollOnlyOnError) || self.trouble != Trouble::None {
                    self.ask(effects);
                }
                effects.push(ConsumerEffect::Wake(ConsumerTimer::Poll, self.config.poll));
                self.trims = true;
            }
        }
    }

    /// Holds what was read against what is final, shows it to the stage, and commits what may be.
    pub(super) fn validate(&mut self, effects: &mut Effects<ConsumerEffect<P>>) {
        if matches!(self.phase, Phase::Boot | Phase::Halted(_)) || self.back || !self.certify(effects) {
            return;
        }
        let (end, first) = (self.span.end(), self.span.shown());
        let visible = if self.config.preset == Preset::ExactlyOnce { self.certified } else { end };
        let shown = self.span.show(visible);
        if !shown.is_empty() {
            effects.push(ConsumerEffect::Deliver(first, shown));
            if self.config.preset == Preset::AtLeastOnce {
                effects.push(ConsumerEffect::Release(end));
            }
        }
        self.commit(end, effects);
    }

    /// Has what may be committed made durable, or the end where everything is read.
    fn commit(&mut self, end: u64, effects: &mut Effects<ConsumerEffect<P>>) {
        let ends = self.standing.as_ref().is_some_and(|standing| standing.record.end == end);
        let early = self.is_deterministic() || self.without.is(Mutant::CommitPastFrontier);
        let reach = if early { end } else { self.certified };
        let covered = self.snapshots.iter().rev().find(|snapshot| **snapshot <= reach).copied();
        let off = match covered {
            _ if self.committing.is_some() || self.finished => return,
            _ if ends && self.certified == end && !self.unrooted => {
                effects.push(ConsumerEffect::Finish(end));
                end
            }
            Some(off) => {
                effects.push(ConsumerEffect::Commit(off));
                off
            }
            None => return,
        };
        self.committing = Some(off);
        if self.without.is(Mutant::EffectsBeforeCommit) {
            effects.push(ConsumerEffect::Release(off));
        }
    }

    /// Whether what was read is what is final, as far as that is known.
    fn certify(&mut self, effects: &mut Effects<ConsumerEffect<P>>) -> bool {
        let end = self.span.end();
        if self.standing.as_ref().is_some_and(|standing| standing.record.end < end) {
            // An earlier life of the producer said more than there is.
            self.roll_back(effects);
            return false;
        }
        let nearest = self.ahead.filter(|ahead| ahead.off <= end);
        let certificate = Some(self.newest).filter(|newest| newest.off <= end).or(nearest);
        let Some(Frontier { off, chain, .. }) =
            certificate.filter(|certificate| certificate.off > self.certified)
        else {
            return true;
        };
        // A deterministic edge is committed beyond its frontier, and forgets what is committed: there the producer compares.
        let known = off >= self.span.from() && !self.without.is(Mutant::NoCommitValidation);
        let differs = match self.without.is(Mutant::MapRule) {
            true => !self.is_mapped(off),
            false => self.span.chain_at(off) != chain,
        };
        if known && differs {
            if off == self.committed.off {
                self.halt(EdgeError::NotDeterministic { off });
            } else {
                self.contradict(off, effects);
            }
            return false;
        }
        (self.certified, self.ahead) = (off, Some(self.newest).filter(|newest| newest.off > end));
        true
    }

    /// Whether everything up to an offset was read where the record says that it lies.
    fn is_mapped(&self, off: u64) -> bool {
        let Some(Standing { record, .. }) = &self.standing else { return false };
        (self.span.from()..off)
            .all(|off| self.span.whence(off) == record.serves(off).map(|seg| seg.generation))
    }

    /// What lies in a segment is not what was read, or not what is final. The second time its host lies; where it is what is
    /// committed, and another segment said so as well, the producer does.
    fn contradict(&mut self, off: u64, effects: &mut Effects<ConsumerEffect<P>>) {
        let generation = self.seg.generation;
        let before = self.contradicted.replace((generation, off));
        let elsewhere = before.is_some_and(|(first, at)| first != generation && at == off);
        if elsewhere && self.is_deterministic() && off == self.committed.off {
            return self.halt(EdgeError::NotDeterministic { off });
        }
        let again = before == Some((generation, off));
        self.complain |= again;
        self.roll_back(effects);
        if again {
            self.trouble = Trouble::Waiting;
            effects.push(ConsumerEffect::Wake(ConsumerTimer::Again, self.config.complain_after));
        }
    }

    /// Begins again from the checkpoint, once no commit is under way.
    pub(super) fn roll_back(&mut self, effects: &mut Effects<ConsumerEffect<P>>) {
        self.back = self.committing.is_some();
        self.queue_lane.give_up();
        if self.back {
            return;
        }
        let Floor { off, chain, .. } = self.committed;
        let complain = self.complain;
        self.span = Span::new(off, chain);
        (self.certified, self.unrooted) = (self.certified.min(off), false);
        self.ahead = Some(self.newest).filter(|newest| newest.off > off);
        self.snapshots.clear();
        self.rollbacks.count();
        effects.push(ConsumerEffect::Rollback(off));
        self.unbind(effects);
        self.complain = complain;
    }

    /// A swap of the record was answered.
    pub(super) fn swapped(
        &mut self,
        swapped: Result<Swapped, DeskError>,
        effects: &mut Effects<ConsumerEffect<P>>,
    ) {
        let swapped_in = self.swapping.take();
        match (swapped, swapped_in) {
            (Ok(Swapped::Won(version)), Some(record)) => {
                self.complain &= record.complaint.generation != self.seg.generation;
                self.follow(Standing { version, record: *record }, effects);
                self.trim(effects);
            }
            (Ok(_), _) => self.ask(effects),
            (Err(error), _) => match EdgeError::of(error) {
                Some(error) => self.halt(error),
                None => self.rest(effects),
            },
        }
    }

    /// Has the segment forget what the record says is committed.
    fn trim(&mut self, effects: &mut Effects<ConsumerEffect<P>>) {
        let floor = self.standing.as_ref().map_or(0, |standing| standing.record.floor.off);
        if self.phase == Phase::Bound && self.seg.base < floor {
            let off = if self.without.is(Mutant::TrimPastFloor) { self.span.end() } else { floor };
            let request = Request { target: self.target(self.seg), verb: Verb::Trim { off } };
            effects.push(ConsumerEffect::Tell(self.seg.host, request));
        }
    }

    /// Whatever can be asked for at this moment.
    pub(super) fn pump(&mut self, effects: &mut Effects<ConsumerEffect<P>>) {
        if matches!(self.phase, Phase::Boot | Phase::Halted(_)) || self.back {
            return;
        }
        self.publish(effects);
        // What was said when the floor was published may be lost, and a full segment waits for it.
        if core::mem::take(&mut self.trims) && effects.room() > 0 {
            self.trim(effects);
        }
        let reads = self.phase == Phase::Bound && self.trouble == Trouble::None && !self.idle;
        if !reads || !self.queue_lane.is_idle() || effects.room() == 0 {
            return;
        }
        let (off, read_max) = (self.span.end(), u64::from(self.config.read_max));
        let blind = self.without.is(Mutant::WindowBlocksCertificate);
        let final_ahead = if blind { 0 } else { self.newest.off.saturating_sub(off) };
        let sure = self.certified.max(self.committed.off);
        let early = self.config.window.saturating_sub(off.saturating_sub(sure));
        let record = self.standing.as_ref().map(|standing| &standing.record);
        let bound = record.map(|record| {
            record.segs().iter().map(|seg| seg.base).find(|base| *base > off).unwrap_or(record.end)
        });
        let until_next = bound.map_or(u64::MAX, |bound| bound.saturating_sub(off));
        let max = final_ahead.max(early).min(read_max).min(until_next) as u32;
        if max == 0 {
            return;
        }
        let request = Request { target: self.target(self.seg), verb: Verb::Read { off, max } };
        effects.push(ConsumerEffect::Ask(self.queue_lane.open(), self.seg.host, request));
    }

    /// Publishes what is committed, and what is missed, where the record does not say so yet.
    fn publish(&mut self, effects: &mut Effects<ConsumerEffect<P>>) {
        let Some(Standing { version, record }) = &self.standing else { return };
        let sure = match self.committing.filter(|_| self.without.is(Mutant::InputFloorFirst)) {
            Some(off) => Floor { off, chain: self.span.chain_at(off), ..self.committed },
            None => self.committed,
        };
        let rederives = self.commits.get() > 0 || !self.without.is(Mutant::FloorNotRederived);
        let floor = sure.off > record.floor.off && rederives;
        let complain =
            self.complain && record.complaint.generation != self.seg.generation && self.phase == Phase::Bound;
        if !(floor || complain) || self.resting || !self.record_lane.is_idle() || effects.room() == 0 {
            return;
        }
        let mut new: Box<EdgeRecord> = Box::new(record.clone());
        new.ver = new.ver.saturating_add(1);
        if floor {
            new.floor = sure;
        }
        if complain {
            new.complaint = Complaint { generation: self.seg.generation, off: self.span.end() };
        }
        // The register says what no writer says together with what this end knows.
        if new.impossible().is_some() {
            return self.halt(EdgeError::Corrupt);
        }
        effects.push(ConsumerEffect::Swap(self.record_lane.open(), *version, new.clone()));
        self.swapping = Some(new);
    }
}
