use super::Producer;
use crate::element::Plain;
use crate::heal;
use crate::journal::Kind;
use crate::sync::Ordering;
use crate::table::{Ctl, Policy, State};
use crate::view::View;
use tidemill_seam::{Duration, Exchange, Instant, Life, Liveness};

/// What [`Producer::tend`] did about those who hold it up.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Tended {
    /// Slots of dead participants that were freed, and places of dead producers among several.
    pub freed: u32,
    /// What dead producers among several had claimed, and what will be no item.
    pub voided: u32,
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
pub(crate) struct Waiting {
    blocked: Option<Blocked>,
    /// What was refused last: from where to where.
    refused: (u64, u64),
    /// Who must not stall, did, and where its cursor was.
    failed: Option<(u32, u64)>,
    /// Places that are kept for the dead: slot, generation, until when. Those that find no room here wait until there is.
    held: [Option<(u32, u32, Instant)>; HELD],
}

const HELD: usize = 8;

/// Who sees to others, and when.
#[derive(Debug)]
pub(crate) struct Tender<'t, R, L> {
    pub(crate) view: &'t View<R>,
    pub(crate) live: &'t L,
    /// The position of the next item.
    pub(crate) next: u64,
    pub(crate) now: Instant,
    /// Slots whose dead are somebody else's to let go.
    pub(crate) spared: u64,
}

impl<R, L> Tender<'_, R, L> {
    fn spares(&self, slot: u32) -> bool {
        self.spared >> slot & 1 == 1
    }
}

impl Waiting {
    /// Room from `next` to `end` was refused.
    pub(crate) fn refused(&mut self, next: u64, end: u64) {
        self.refused = (next, end);
    }

    /// Where room has to end for who is at `next`: a batch that was refused waits for all of its room.
    pub(crate) fn wanted(&self, next: u64) -> u64 {
        let (at, end) = self.refused;
        if at == next { end.max(next.saturating_add(1)) } else { next.saturating_add(1) }
    }

    /// Whether room at `next` was refused, and is still missing.
    pub(super) fn is_refused(&self, next: u64, limit: u64) -> bool {
        self.refused.0 == next && self.refused.1 > limit
    }

    /// Whether `slot`, which holds the gate at `at`, must not stall, and did there.
    pub(crate) fn has_failed(&self, slot: u32, at: u64) -> bool {
        self.failed == Some((slot, at))
    }

    /// The position at which somebody who holds up the producer at `next` stands: `None` where there is room below `limit`.
    pub(crate) fn held_up(&self, least: Option<u64>, next: u64, limit: u64) -> Option<u64> {
        least.filter(|_| self.wanted(next) > limit)
    }

    /// Does what is due about those who hold the producer up at `at`; nobody does where that is `None`.
    pub(crate) fn see_to<R: Exchange, L: Liveness>(
        &mut self,
        tender: &Tender<'_, R, L>,
        at: Option<u64>,
        tended: &mut Tended,
    ) {
        let Some(at) = at else {
            (self.blocked, self.failed) = (None, None);
            return;
        };
        let (view, now) = (tender.view, tender.now);
        let since = match self.blocked {
            Some(blocked) if blocked.at == at => blocked.since,
            _ => now,
        };
        self.blocked = Some(Blocked { at, since });
        self.failed = None;
        for slot in view.slots() {
            let Some(ctl) = view.ctl(slot).filter(|ctl| ctl.gates()) else { continue };
            // Acquire: pairs with the Release of the cursor by who reads there.
            let cursor = view.load(view.layout().cursor(slot), Ordering::Acquire);
            if cursor == at as u32 {
                self.see_to_one(tender, (slot, ctl), now.since(since), tended);
            }
        }
        if let Some(by) = tended.failed {
            self.failed = Some((by, at));
        }
    }

    fn see_to_one<R: Exchange, L: Liveness>(
        &mut self,
        tender: &Tender<'_, R, L>,
        (slot, ctl): (u32, Ctl),
        stalled: Duration,
        tended: &mut Tended,
    ) {
        let Tender { view, live, next, .. } = *tender;
        let after = view.after_of(slot);
        let fails = ctl.policy == Policy::Fail { after }.number();
        if ctl.state == State::Held {
            if fails {
                tended.failed = tended.failed.or(Some(slot));
            } else {
                self.time(tender, (slot, ctl));
            }
        } else if live.probe(slot, ctl.generation) == Life::Dead {
            let Some(dead) = heal::mark(view, slot, ctl) else { return };
            if tender.spares(slot) {
                return;
            }
            if !heal::is_kept(view, slot, dead) {
                tended.freed += u32::from(heal::free(view, slot, dead).is_some());
            } else if view.turn(slot, dead, dead.to(State::Held)) {
                view.note(Kind::Held, slot, dead.generation, next);
                tended.held += 1;
                self.see_to_one(tender, (slot, dead.to(State::Held)), stalled, tended);
            }
        } else if fails && stalled >= after {
            tended.failed = tended.failed.or(Some(slot));
        } else if ctl.copies && stalled >= after {
            tended.evicted += u32::from(evict(view, slot, ctl));
        }
    }

    /// Sees to it that a place which is kept is kept no longer than its owner asked for, counted from when we knew.
    fn time<R: Exchange, L>(&mut self, tender: &Tender<'_, R, L>, (slot, ctl): (u32, Ctl)) {
        let timed = |place: &Option<(u32, u32, Instant)>| {
            place.is_some_and(|(other, generation, _)| (other, generation) == (slot, ctl.generation))
        };
        if self.held.iter().any(timed) {
            return;
        }
        if let Some(place) = self.held.iter_mut().find(|place| place.is_none()) {
            *place = Some((slot, ctl.generation, tender.now + tender.view.hold_of(slot)));
        }
    }

    /// Frees the places that were kept long enough.
    pub(crate) fn expire<R: Exchange, L>(&mut self, tender: &Tender<'_, R, L>, tended: &mut Tended) {
        let (view, now) = (tender.view, tender.now);
        for place in &mut self.held {
            let Some((slot, generation, until)) = *place else { continue };
            let held = |ctl: &Ctl| ctl.state == State::Held && ctl.generation == generation;
            let held = view.ctl(slot).filter(held);
            if held.is_some() && (now < until || tender.spares(slot)) {
                continue;
            }
            *place = None;
            if held.is_some_and(|held| heal::free(view, slot, held).is_some()) {
                tended.freed += 1;
            }
        }
    }
}

/// A reader was too slow. Its slot is nobody's until it knows, or is proved dead (RL-9).
fn evict<R: Exchange>(view: &View<R>, slot: u32, ctl: Ctl) -> bool {
    let cursor = view.position(view.layout().cursor(slot));
    view.note_end(slot, cursor);
    let evicted = view.turn(slot, ctl, ctl.to(State::Evicted));
    if evicted {
        view.note(Kind::Evicted, slot, ctl.generation, cursor);
    }
    evicted
}

impl<E: Plain, R: Exchange, L: Liveness> Producer<E, R, L> {
    /// Does what is due about those who hold the producer up at `now`: frees who is proved dead, keeps the place of whom it
    /// is kept for, evicts a reader that did not move for as long as it may, and says who must not stall and did.
    ///
    /// Asks [`Liveness`] about those only, and does nothing while there is room: to be called now and then by whoever waits.
    pub fn tend(&mut self, now: Instant) -> Tended {
        let mut tended = Tended::default();
        let Self { view, live, spared, next, .. } = self;
        let tender = Tender { view, live, next: *next, now, spared: *spared };
        self.waiting.expire(&tender, &mut tended);
        if self.begin(Some(now), self.waiting.wanted(self.next)).is_some() {
            // Nobody holds it up who could move on.
            self.look();
            return tended;
        }
        let scan = self.look();
        let at = self.waiting.held_up(scan.least, self.next, self.limit);
        let Self { view, live, spared, next, .. } = self;
        let tender = Tender { view, live, next: *next, now, spared: *spared };
        self.waiting.see_to(&tender, at, &mut tended);
        if at.is_some() {
            self.look();
        }
        tended
    }

    /// A reader was too slow.
    pub(super) fn evict(&mut self, slot: u32, ctl: Ctl) -> bool {
        evict(&self.view, slot, ctl)
    }
}
