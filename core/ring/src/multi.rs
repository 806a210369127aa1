//! One of several who publish at the same time, in a ring that was made for them ([`Spec::producers`]).
//!
//! Each item has a position of its own, claimed in order by whoever is first; consumers see them in
//! that order, and stop at the first that is claimed and not there yet. A living producer holds up the ring while it has a
//! claim, so it makes one only for as long as it takes to write an item. A dead one does not: whoever can prove its death voids
//! the claim, and consumers pass it by.
//!
//! Neighbouring positions are claimed [together](MultiProducer::claims): what fills them is seen at once or not at all, and in
//! one piece, for nobody else has a position in between.

use crate::claim::{Post, Run, Said, claimed};
use crate::coordinate;
use crate::element::Plain;
use crate::gate::Gate;
use crate::header::{Field, Incompatible};
use crate::heal;
use crate::index::Mark;
use crate::journal::Kind;
use crate::layout::{Kind as Holds, Layout};
use crate::producer::{OpenError, Refused, Tended, Tender, Waiting, Why};
use crate::segment::{Position, Segment};
use crate::table::Identity;
use crate::view::View;
use crate::wait::Wait;
use core::fmt;
use core::marker::PhantomData;
use tidemill_seam::{Exchange, Instant, Life, Liveness};

mod begin;
mod claims;
mod task;
mod wait;

pub use claims::Claims;

#[cfg(doc)]
use crate::layout::Spec;

/// How often others may be faster at a claim before it is refused.
const TURNS: u32 = 4096;

/// One of several that publish items of `E`.
///
/// Dropping it leaves its place to another. The stream ends for those who read while there is no producer.
pub struct MultiProducer<E: Plain, R: Exchange, L: Liveness> {
    view: View<R>,
    live: L,
    /// Which place it has.
    k: u32,
    post: Post,
    /// The first position without room, as far as is known.
    limit: u64,
    gate: Gate,
    waiting: Waiting,
    start: coordinate::Start,
    /// What the last owner of its place kept for those who were to come.
    left: Option<u64>,
    wait: Wait,
    /// What it has claimed and not settled.
    claim: Option<Run>,
    item: PhantomData<fn(E)>,
}

/// A position that is ours: an item goes there, or nothing ever does. Dropping it leaves a gap, which consumers pass.
///
/// Nothing behind it is read before that is decided.
pub struct Claim<'p, E: Plain, R: Exchange, L: Liveness> {
    producer: &'p mut MultiProducer<E, R, L>,
    at: u64,
}

impl<R: Exchange> Segment<R> {
    /// Produces here beside others: takes a place that is free, or that of one who is proved dead.
    ///
    /// # Errors
    /// [`OpenError`]: other elements, a ring of one producer, or no place. What lies in granules goes through a
    /// [`multi_var_producer`](Self::multi_var_producer).
    pub fn multi_producer<E: Plain, L: Liveness>(
        self,
        live: L,
        who: Identity,
    ) -> Result<MultiProducer<E, R, L>, OpenError> {
        let frames = matches!(self.view.layout().spec().kind, Holds::Frames);
        Incompatible::unless(Field::Kind, u64::from(frames), 0).map_err(OpenError::Incompatible)?;
        self.one_of_several(live, who)
    }

    /// The same, whatever begins in its slots.
    pub(crate) fn one_of_several<E: Plain, L: Liveness>(
        self,
        live: L,
        who: Identity,
    ) -> Result<MultiProducer<E, R, L>, OpenError> {
        self.holds::<E>().map_err(OpenError::Incompatible)?;
        if !self.view.shared() {
            let wrong = Incompatible { field: Field::Producers, got: 1, want: 2 };
            return Err(OpenError::Incompatible(wrong));
        }
        MultiProducer::open(self.view, live, who)
    }
}

impl<E: Plain, R: Exchange, L: Liveness> MultiProducer<E, R, L> {
    fn open(view: View<R>, live: L, who: Identity) -> Result<Self, OpenError> {
        let producers = view.layout().spec().producers;
        let taken = view.posts().find_map(|k| Some((k, take(&view, &live, k, who)?)));
        let (k, post) = taken.ok_or(OpenError::Crowded { producers })?;
        view.note(Kind::Opened, Layout::claim_of_post(k), post.generation, view.tail());
        let left = view.pin_of(k);
        if left.is_some() {
            view.pin(k, None);
        }
        let gate = Gate::open_shared(&view);
        let (limit, waiting, wait) = (gate.limit(&view), Waiting::default(), view.usual_wait());
        let start = coordinate::Start::AT_ONCE;
        Ok(Self {
            view,
            live,
            k,
            post,
            limit,
            gate,
            waiting,
            start,
            left,
            wait,
            claim: None,
            item: PhantomData,
        })
    }

    /// Slots of the ring.
    #[inline]
    pub fn capacity(&self) -> u32 {
        self.view.layout().spec().capacity
    }

    /// The claim of its place: [`Layout::POSTS`] for the first.
    pub fn slot(&self) -> u32 {
        Layout::claim_of_post(self.k)
    }

    /// Which owner of its place this is, counted from one.
    pub fn generation(&self) -> u32 {
        self.post.generation
    }

    /// Items published so far, by whomever: the first position that is not settled.
    pub fn published(&self) -> Position {
        Position(self.view.published())
    }

    /// The oldest position that is surely intact.
    pub fn gate(&self) -> Position {
        Position(self.view.gate())
    }

    /// Whether everybody who gates has passed what lies below `position`.
    pub fn is_consumed(&self, position: Position) -> bool {
        let gate = self.view.gate();
        let scan = self.view.scan(gate, gate + 2 * u64::from(self.capacity()));
        scan.least.is_none_or(|least| position.0 <= least)
    }

    /// Publishes `item`.
    ///
    /// # Errors
    /// [`Refused`] with the item. Asks nobody whether it lives: see [`tend`](Self::tend).
    #[inline]
    pub fn try_push(&mut self, item: E) -> Result<Position, Refused<E>> {
        match self.claim_next() {
            Ok(at) => Ok(self.fulfil(at, &item)),
            Err(why) => Err(Refused { item, why }),
        }
    }

    /// Publishes what `make` gives for its position; where it panics, that stays a gap. A refused closure did not run.
    ///
    /// # Errors
    /// [`Refused`] with the closure.
    #[inline]
    pub fn try_publish<F: FnOnce(Position) -> E>(&mut self, make: F) -> Result<Position, Refused<F>> {
        match self.claim() {
            Ok(claim) => {
                let item = make(claim.position());
                Ok(claim.commit(item))
            }
            Err(Refused { why, .. }) => Err(Refused { item: make, why }),
        }
    }

    /// The next position, to be filled. Dropping it leaves a gap.
    ///
    /// # Errors
    /// [`Refused`], as for [`try_push`](Self::try_push).
    pub fn claim(&mut self) -> Result<Claim<'_, E, R, L>, Refused<()>> {
        match self.claim_next() {
            Ok(at) => Ok(Claim { producer: self, at }),
            Err(why) => Err(Refused { item: (), why }),
        }
    }

    /// The position that it has claimed and not settled: a claim that was forgotten. The next one gives it up. More than one are
    /// [`held_together`](Self::held_together).
    pub fn held(&mut self) -> Option<Claim<'_, E, R, L>> {
        let at = self.claim.filter(|run| run.end == run.first + 1)?.first;
        Some(Claim { producer: self, at })
    }

    /// Does what is due about those who hold the producers up at `now`: voids what dead ones had claimed, and sees to those who
    /// read as [`Producer::tend`](crate::Producer::tend) does.
    ///
    /// Asks [`Liveness`] about every producer: to be called now and then by whoever waits.
    pub fn tend(&mut self, now: Instant) -> Tended {
        let healed = heal::producers(&self.view, &self.live);
        let mut tended = Tended { freed: healed.freed, voided: healed.voided, ..Tended::default() };
        let next = self.view.tail();
        let tender = Tender { view: &self.view, live: &self.live, next, now, spared: 0 };
        self.waiting.expire(&tender, &mut tended);
        if self.begin(Some(now), self.waiting.wanted(next)).is_some() {
            // Nobody holds it up who could move on.
            self.look();
            return tended;
        }
        let scan = self.look();
        let tender = Tender { view: &self.view, live: &self.live, next, now, spared: 0 };
        // Who has come to a claim waits for it as we do, and who has come to what is kept for others waits for those.
        let moves = |least: &u64| *least < self.view.frontier().kept && scan.slot < Layout::POSTS;
        let least = scan.least.filter(moves);
        let at = self.waiting.held_up(least, next, self.limit);
        self.waiting.see_to(&tender, at, &mut tended);
        if at.is_some() {
            self.look();
        }
        tended
    }

    /// Leaves its place to another.
    pub fn close(self) {}

    pub(crate) fn view(&self) -> &View<R> {
        &self.view
    }

    #[inline]
    fn claim_next(&mut self) -> Result<u64, Why> {
        self.claim_run(|_| 1)
    }

    /// Claims as many positions as `count` says for the first of them, which it gives: so many as there can be room for.
    #[inline]
    fn claim_run(&mut self, count: impl Fn(u64) -> u32) -> Result<u64, Why> {
        self.give_up();
        let mut at = self.view.tail();
        for _ in 0..TURNS {
            let n = count(at);
            // Whatever stands in the tail (RL-18).
            if self.limit.saturating_sub(at) < u64::from(n) {
                at = self.make_room(at, n)?;
                continue;
            }
            let (said, word) = self.view.said(at);
            match said {
                Said::Earlier => {
                    let run = Run::new(at, n);
                    // Before the claim: who finds that we died finds it, and who comes behind it its end (RL-11, RL-12).
                    self.view.note_claim(self.k, run);
                    if self.view.exchange_commit(at, word, claimed(at, self.k)) {
                        self.claim = Some(run);
                        self.view.raise_tail(run.end);
                        return Ok(at);
                    }
                }
                Said::Later => at = self.view.tail(),
                Said::Claimed(_) | Said::Item | Said::Gap => {
                    if let Some(end) = self.view.behind(at, said, word) {
                        self.view.raise_tail(end);
                        at = end;
                    }
                }
            }
        }
        Err(Why::Full { by: Layout::PRODUCER, missing: 1 })
    }

    #[inline]
    fn fulfil(&mut self, at: u64, item: &E) -> Position {
        self.view.put(at, item);
        self.view.settle(at, self.k, Mark::Committed);
        self.view.rouse_everybody();
        self.claim = None;
        Position(at)
    }

    /// What was forgotten stays a gap.
    #[inline]
    fn give_up(&mut self) {
        if let Some(forgotten) = self.claim {
            self.settle(forgotten, forgotten.first);
        }
    }

    /// Settles all of `run`, from its end on: items up to `filled`, gaps behind.
    fn settle(&mut self, run: Run, filled: u64) {
        for at in (run.first..run.end).rev() {
            self.view.settle(at, self.k, if at < filled { Mark::Committed } else { Mark::Skip });
        }
        self.view.rouse_everybody();
        self.claim = None;
    }

    /// Where to claim `n` positions, now that there is room.
    #[cold]
    #[inline(never)]
    fn make_room(&mut self, at: u64, n: u32) -> Result<u64, Why> {
        let held = self.begin(None, at.saturating_add(u64::from(n)));
        let scan = self.look();
        let at = self.view.tail().max(at);
        let end = at.saturating_add(u64::from(n));
        if end <= self.limit {
            return Ok(at);
        }
        if let Some(held) = held {
            return Err(Why::Held(held));
        }
        self.waiting.refused(at, end);
        let frontier = self.view.frontier();
        let missing = (end - self.limit) as u32;
        match (scan.least, frontier.held_by) {
            // Everybody waits for that claim, and so do we.
            (least, Some(post)) if least.is_none_or(|least| least >= frontier.kept) => {
                Err(Why::Full { by: Layout::claim_of_post(post), missing })
            }
            (Some(least), _) if self.waiting.has_failed(scan.slot, least) => {
                Err(Why::Failed { by: scan.slot })
            }
            _ => Err(Why::Full { by: scan.slot, missing }),
        }
    }

    fn look(&mut self) -> crate::gate::Scan {
        let scan = self.gate.rescan_shared(&self.view, self.k);
        self.limit = self.gate.limit(&self.view).min(self.start.ceiling());
        scan
    }
}

/// Takes a post, if it is free or its owner is proved dead.
fn take<R: Exchange, L: Liveness>(view: &View<R>, live: &L, k: u32, who: Identity) -> Option<Post> {
    let (slot, mut seen) = (Layout::claim_of_post(k), view.post(k));
    if seen.taken {
        if live.probe(slot, seen.generation) != Life::Dead {
            return None;
        }
        seen = heal::producer(view, k, seen, &mut heal::Healed::default())?;
    }
    let post = seen.next();
    live.claim(slot, post.generation).ok()?;
    // The claim is ours, and nobody moves a free post without it.
    if view.post(k) == seen {
        view.inscribe_post(k, who);
        if view.turn_post(k, seen, post) {
            return Some(post);
        }
    }
    live.release(slot, post.generation);
    None
}

impl<E: Plain, R: Exchange, L: Liveness> Claim<'_, E, R, L> {
    /// Which position it is.
    pub fn position(&self) -> Position {
        Position(self.at)
    }

    /// Puts the item there, and shows it.
    pub fn commit(self, item: E) -> Position {
        self.producer.fulfil(self.at, &item)
    }
}

impl<E: Plain, R: Exchange, L: Liveness> Drop for Claim<'_, E, R, L> {
    fn drop(&mut self) {
        let own = Run::new(self.at, 1);
        if self.producer.claim == Some(own) {
            self.producer.settle(own, self.at);
        }
    }
}

impl<E: Plain, R: Exchange, L: Liveness> Drop for MultiProducer<E, R, L> {
    fn drop(&mut self) {
        self.give_up();
        let slot = Layout::claim_of_post(self.k);
        // The exchange releases: pairs with the Acquire in `post`; whoever sees it free sees all that we published.
        if self.view.turn_post(self.k, self.post, self.post.freed(false)) {
            self.view.note(Kind::Closed, slot, self.post.generation, self.view.tail());
            self.view.rouse_readers();
            if !self.start.is_open() {
                // What it kept is kept no longer.
                self.view.rouse_producer();
            }
        }
        self.live.release(slot, self.post.generation);
    }
}

impl<E: Plain, R: Exchange, L: Liveness> fmt::Debug for MultiProducer<E, R, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MultiProducer")
            .field("slot", &self.slot())
            .field("generation", &self.post.generation)
            .field("claim", &self.claim)
            .finish_non_exhaustive()
    }
}

impl<E: Plain, R: Exchange, L: Liveness> fmt::Debug for Claim<'_, E, R, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim").field("at", &self.at).finish_non_exhaustive()
    }
}
