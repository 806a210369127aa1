//! Where the queue lies, what is read there, and whether it is what is final.

use super::{Consumer, ConsumerEffect, ConsumerTimer, Phase, Preset, Span, Trouble};
use crate::FenceEpoch;
use crate::desk::{DeskError, Standing, Swapped};
use crate::effects::Effects;
use crate::error::EdgeError;
use crate::host::{Entry, Reply, Request, Verb};
use crate::mutant::Mutant;
use crate::record::{Complaint, EdgeRecord, Floor};
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
        self.follow(standing, effects);
    }

    /// A record that is not older than the one it knew.
    fn follow(&mut self, standing: Standing, effects: &mut Effects<ConsumerEffect<P>>) {
        self.seen = standing.record.ver;
        let frontier = standing.record.frontier;
        if frontier.off > self.newest.off {
            self.newest = frontier;
            if frontier.off > self.span.end() && self.ahead.is_none() {
                self.ahead = Some(frontier);
            }
        }
        self.standing = Some(standing);
        self.bind();
        if self.trouble == Trouble::Looking {
            self.trouble = Trouble::Waiting;
            effects.push(ConsumerEffect::Wake(ConsumerTimer::Again, self.config.complain_after));
        }
    }

    /// Goes where the record says that its offset lies.
    fn bind(&mut self) {
        let Some(Standing { record, .. }) = &self.standing else { return };
        let cursor = self.span.end();
        let Some(seg) = record.serves(cursor).copied() else {
            if let Some(oldest) = record.segs().first() {
                let have = oldest.base;
                self.halt(EdgeError::Gap { need: cursor, have });
            }
            return;
        };
        if seg != self.seg {
            (self.trouble, self.complain) = (Trouble::None, false);
        }
        if self.phase != Phase::Bound || seg != self.seg {
            self.queue_lane.give_up();
            (self.phase, self.seg, self.idle) = (Phase::Bound, seg, false);
        }
    }

    /// A host answered.
    pub(super) fn replied(&mut self, reply: Reply<P>, effects: &mut Effects<ConsumerEffect<P>>) {
        match reply {
            Reply::Data { off, chain, entries } if off == self.span.end() => {
                self.suspect = FenceEpoch::NONE;
                if chain != self.span.chain_at(off) {
                    return self.roll_back(effects);
                }
                self.extend(off, entries);
                self.bind();
            }
            Reply::Empty { .. } | Reply::Data { .. } => {
                self.suspect = FenceEpoch::NONE;
                self.idle = true;
            }
            _ => self.failed(effects),
        }
    }

    fn extend(&mut self, off: u64, entries: Vec<Entry<P>>) {
        let Some(kind) = self.standing.as_ref().map(|standing| standing.record.chain) else { return };
        let mut chain = self.span.chain_at(off);
        for (off, entry) in (off..).zip(entries) {
            let label = kind.relabel(entry.label, entry.payload.as_ref());
            chain = kind.extend(chain, off, label);
            self.span.push(chain, entry.payload);
        }
        if self.without.is(Mutant::AckOnRead) {
            let off = self.span.end();
            self.committed = Floor { off, chain, ..self.committed };
            self.certified = off;
        }
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
            ConsumerTimer::Poll => {
                self.idle = false;
                self.ask(effects);
                effects.push(ConsumerEffect::Wake(ConsumerTimer::Poll, self.config.poll));
            }
        }
    }

    /// Holds what was read against what is final.
    pub(super) fn validate(&mut self, effects: &mut Effects<ConsumerEffect<P>>) {
        if matches!(self.phase, Phase::Boot | Phase::Halted(_)) || self.back {
            return;
        }
        let end = self.span.end();
        let nearest = self.ahead.filter(|ahead| ahead.off <= end);
        let certificate = Some(self.newest).filter(|newest| newest.off <= end).or(nearest);
        if let Some(certificate) = certificate.filter(|certificate| certificate.off > self.certified) {
            if self.span.chain_at(certificate.off) != certificate.chain
                && !self.without.is(Mutant::NoCommitValidation)
            {
                return self.contradict(certificate.off, effects);
            }
            (self.certified, self.ahead) = (certificate.off, None);
            if self.newest.off > end {
                self.ahead = Some(self.newest);
            }
        }
        let show = if self.config.preset == Preset::ExactlyOnce { self.certified } else { end };
        let first = self.span.shown();
        let shown = self.span.show(show);
        if !shown.is_empty() {
            effects.push(ConsumerEffect::Deliver(first, shown));
        }
        let reach = if self.without.is(Mutant::CommitPastFrontier) { end } else { self.certified };
        let covered = self.snapshots.iter().rev().find(|snapshot| **snapshot <= reach).copied();
        if let (Some(off), None) = (covered, self.committing) {
            self.committing = Some(off);
            effects.push(ConsumerEffect::Commit(off));
        }
    }

    /// What was read is not what is final; the second time from one segment, its host lies.
    fn contradict(&mut self, off: u64, effects: &mut Effects<ConsumerEffect<P>>) {
        let this = Some((self.seg.generation, off));
        let again = self.contradicted == this;
        self.contradicted = this;
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
        self.certified = off;
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
                let off = record.floor.off;
                self.complain &= record.complaint.generation != self.seg.generation;
                self.follow(Standing { version, record: *record }, effects);
                if self.phase == Phase::Bound && self.seg.base < off {
                    let verb = Verb::Trim { off };
                    effects.push(ConsumerEffect::Tell(
                        self.seg.host,
                        Request { target: self.target(self.seg), verb },
                    ));
                }
            }
            (Ok(_), _) => self.ask(effects),
            (Err(error), _) => match EdgeError::of(error) {
                Some(error) => self.halt(error),
                None => self.rest(effects),
            },
        }
    }

    /// Whatever can be asked for at this moment.
    pub(super) fn pump(&mut self, effects: &mut Effects<ConsumerEffect<P>>) {
        if matches!(self.phase, Phase::Boot | Phase::Halted(_)) || self.back {
            return;
        }
        self.publish(effects);
        let reads = self.phase == Phase::Bound && self.trouble == Trouble::None && !self.idle;
        if !reads || !self.queue_lane.is_idle() || effects.room() == 0 {
            return;
        }
        let (off, read_max) = (self.span.end(), u64::from(self.config.read_max));
        let final_ahead = self.newest.off.saturating_sub(off);
        let early = self.config.window.saturating_sub(off.saturating_sub(self.certified));
        let next = self
            .standing
            .as_ref()
            .and_then(|standing| standing.record.segs().iter().map(|seg| seg.base).find(|base| *base > off));
        let until_next = next.map_or(u64::MAX, |base| base - off);
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
        let floor = self.committed.off > record.floor.off;
        let complain =
            self.complain && record.complaint.generation != self.seg.generation && self.phase == Phase::Bound;
        if !(floor || complain) || self.resting || !self.record_lane.is_idle() || effects.room() == 0 {
            return;
        }
        let mut new: Box<EdgeRecord> = Box::new(record.clone());
        new.ver = new.ver.saturating_add(1);
        if floor {
            new.floor = self.committed;
        }
        if complain {
            new.complaint = Complaint { generation: self.seg.generation, off: self.span.end() };
        }
        effects.push(ConsumerEffect::Swap(self.record_lane.open(), *version, new.clone()));
        self.swapping = Some(new);
    }
}
