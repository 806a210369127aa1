use super::Producer;
use crate::element::Plain;
use crate::heal;
use crate::journal::Kind;
use crate::sync::Ordering;
use crate::table::{Ctl, Policy, State};
use tidemill_seam::{Duration, Exchange, Instant, Life, Liveness};

/// What [`Producer::tend`] did about those who hold it up.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Tended {
    /// Slots of dead participants that were freed.
    pub freed: u32,
    /// Places of dead participants that are kept.
    pub held: u32,
    /// Readers that were evicted.
    pub evicted: u32,
    /// A participant that must not stall, and did.
    pub failed: Option<u32>,
}

/// Who has held up the producer, and since when.
#[derive(Clone, Copy, Debug)]
struct Blocked {
    at: u64,
    since: Instant,
}

/// What the producer remembers of those who hold it up.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Waiting {
    blocked: Option<Blocked>,
    /// What was refused last: from where to where.
    refused: (u64, u64),
    /// Who must not stall, did, and where its cursor was.
    failed: Option<(u32, u64)>,
    /// Places that are kept for the dead: slot, generation, until when. Those that find no room here wait until there is.
    held: [Option<(u32, u32, Instant)>; HELD],
}

const HELD: usize = 8;

impl Waiting {
    /// Room from `next` to `end` was refused.
    pub(super) fn refused(&mut self, next: u64, end: u64) {
        self.refused = (next, end);
    }

    /// Where room has to end for who is at `next`: a batch that was refused waits for all of its room.
    fn wanted(&self, next: u64) -> u64 {
        let (at, end) = self.refused;
        if at == next { end.max(next + 1) } else { next + 1 }
    }

    /// Whether room at `next` was refused, and is still missing.
    pub(super) fn is_refused(&self, next: u64, limit: u64) -> bool {
        self.refused.0 == next && self.refused.1 > limit
    }

    /// Whether `slot`, which holds the gate at `at`, must not stall, and did there.
    pub(super) fn has_failed(&self, slot: u32, at: u64) -> bool {
        self.failed == Some((slot, at))
    }
}

impl<E: Plain, R: Exchange, L: Liveness> Producer<E, R, L> {
    /// Does what is due about those who hold the producer up at `now`: frees who is proved dead, keeps the place of whom it
    /// is kept for, evicts a reader that did not move for as long as it may, and says who must not stall and did.
    ///
    /// Asks [`Liveness`] about those only, and does nothing while there is room: to be called now and then by whoever waits.
    pub fn tend(&mut self, now: Instant) -> Tended {
        let mut tended = Tended::default();
        self.expire(now, &mut tended);
        if self.begin(Some(now), self.waiting.wanted(self.next)).is_some() {
            // Nobody holds it up who could move on.
            self.look();
            return tended;
        }
        let scan = self.look();
        let (Some(at), true) = (scan.least, self.waiting.wanted(self.next) > self.limit) else {
            (self.waiting.blocked, self.waiting.failed) = (None, None);
            return tended;
        };
        let since = match self.waiting.blocked {
            Some(blocked) if blocked.at == at => blocked.since,
            _ => now,
        };
        self.waiting.blocked = Some(Blocked { at, since });
        self.waiting.failed = None;
        for slot in self.view.slots() {
            let Some(ctl) = self.view.ctl(slot).filter(|ctl| ctl.gates()) else { continue };
            let cursor = self.view.load(self.view.layout().cursor(slot), Ordering::Acquire);
            if cursor == at as u32 {
                self.tend_one((slot, ctl), now, now.since(since), &mut tended);
            }
        }
        if let Some(by) = tended.failed {
            self.waiting.failed = Some((by, at));
        }
        self.look();
        tended
    }

    fn tend_one(&mut self, (slot, ctl): (u32, Ctl), now: Instant, stalled: Duration, tended: &mut Tended) {
        let after = self.view.after_of(slot);
        let fails = ctl.policy == Policy::Fail { after }.number();
        if ctl.state == State::Held {
            if fails {
                tended.failed = tended.failed.or(Some(slot));
            } else {
                self.time((slot, ctl), now);
            }
        } else if self.live.probe(slot, ctl.generation) == Life::Dead {
            let Some(dead) = heal::mark(&self.view, slot, ctl) else { return };
            if self.spares(slot) {
                return;
            }
            if !heal::is_kept(&self.view, slot, dead) {
                tended.freed += u32::from(heal::free(&self.view, slot, dead).is_some());
            } else if self.view.turn(slot, dead, dead.to(State::Held)) {
                self.view.note(Kind::Held, slot, dead.generation, self.next);
                tended.held += 1;
                self.tend_one((slot, dead.to(State::Held)), now, stalled, tended);
            }
        } else if fails && stalled >= after {
            tended.failed = tended.failed.or(Some(slot));
        } else if ctl.copies && stalled >= after {
            tended.evicted += u32::from(self.evict(slot, ctl));
        }
    }

    /// Sees to it that a place which is kept is kept no longer than its owner asked for, counted from when we knew.
    fn time(&mut self, (slot, ctl): (u32, Ctl), now: Instant) {
        let timed = |place: &Option<(u32, u32, Instant)>| {
            place.is_some_and(|(other, generation, _)| (other, generation) == (slot, ctl.generation))
        };
        if self.waiting.held.iter().any(timed) {
            return;
        }
        if let Some(place) = self.waiting.held.iter_mut().find(|place| place.is_none()) {
            *place = Some((slot, ctl.generation, now + self.view.hold_of(slot)));
        }
    }

    /// Frees the places that were kept long enough.
    fn expire(&mut self, now: Instant, tended: &mut Tended) {
        for place in 0..self.waiting.held.len() {
            let Some((slot, generation, until)) = self.waiting.held[place] else { continue };
            let held = |ctl: &Ctl| ctl.state == State::Held && ctl.generation == generation;
            let held = self.view.ctl(slot).filter(held);
            if held.is_some() && (now < until || self.spares(slot)) {
                continue;
            }
            self.waiting.held[place] = None;
            if held.is_some_and(|held| heal::free(&self.view, slot, held).is_some()) {
                tended.freed += 1;
            }
        }
    }

    /// Whether the dead of that slot are somebody else's to let go.
    fn spares(&self, slot: u32) -> bool {
        self.spared >> slot & 1 == 1
    }

    /// A reader was too slow. Its slot is nobody's until it knows, or is proved dead (RL-9).
    pub(super) fn evict(&mut self, slot: u32, ctl: Ctl) -> bool {
        let cursor = self.view.position(self.view.layout().cursor(slot));
        self.view.note_end(slot, cursor);
        let evicted = self.view.turn(slot, ctl, ctl.to(State::Evicted));
        if evicted {
            self.view.note(Kind::Evicted, slot, ctl.generation, cursor);
        }
        evicted
    }
}
