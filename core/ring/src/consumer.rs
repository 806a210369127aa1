//! One who reads in place and holds the producer back: nothing that it has not acknowledged is overwritten.

use crate::element::Plain;
use crate::follow::{End, Follow, Glance, Next};
use crate::join::{self, JoinError, Seat, Start};
use crate::layout::At;
use crate::segment::{Position, Segment};
use crate::table::{Ctl, Peer};
use crate::view::{View, half_lap_behind, is_half_lap};
use crate::wait::Wait;
use core::fmt;
use core::hint;
use core::marker::PhantomData;
use core::mem;
use core::ops::Deref;
use tidemill_seam::{Exchange, Liveness};

mod ahead;
mod wait;

/// The half that takes items of `E`, each once and in order, under a policy that gates for ever (`Block`, `Fail`).
///
/// Dropping it leaves the table; what it has not read is counted as lost to it.
pub struct Consumer<E: Plain, R: Exchange, L: Liveness> {
    view: View<R>,
    live: L,
    slot: u32,
    /// Where our cursor lies.
    cursor: At,
    ctl: Ctl,
    follow: Follow,
    wait: Wait,
    /// Below it, to take an item is to store the low word of the cursor, and nothing else: up to where a half-lap begins, and
    /// nowhere in a ring where a producer may sleep.
    plain: u64,
    /// Up to where a producer that waits for room was looked for with a fence.
    told: u64,
    item: PhantomData<fn() -> E>,
}

/// An item that nobody overwrites while this is held. Dropping it acknowledges the item.
pub struct Lease<'c, E: Plain, R: Exchange, L: Liveness> {
    consumer: &'c mut Consumer<E, R, L>,
    at: u64,
    item: E,
}

impl<R: Exchange> Segment<R> {
    /// Takes part as a consumer, from `start` on.
    ///
    /// # Errors
    /// [`JoinError`]. A policy under which one may be overtaken is refused with [`JoinError::Role`].
    pub fn consumer<E: Plain, L: Liveness>(
        self,
        live: L,
        peer: &Peer,
        start: Start,
    ) -> Result<Consumer<E, R, L>, JoinError> {
        self.holds::<E>().map_err(JoinError::Incompatible)?;
        if peer.policy.copies() {
            return Err(JoinError::Role(peer.policy));
        }
        let seat = join::join(&self.view, &live, peer, start)?;
        let follow = Follow::new(&self.view, seat.next);
        let (wait, told) = (self.view.usual_wait(), seat.next);
        let Seat { slot, ctl, .. } = seat;
        let cursor = self.view.layout().cursor(slot);
        let plain = if self.view.layout().spec().parks { 0 } else { half_lap_behind(seat.next) };
        Ok(Consumer {
            view: self.view,
            live,
            slot,
            cursor,
            ctl,
            follow,
            wait,
            plain,
            told,
            item: PhantomData,
        })
    }
}

impl<E: Plain, R: Exchange, L: Liveness> Consumer<E, R, L> {
    /// Its slot in the table.
    pub fn slot(&self) -> u32 {
        self.slot
    }

    /// The position of the next item.
    #[inline]
    pub fn position(&self) -> Position {
        Position(self.follow.next)
    }

    /// What comes next: `None` where nothing does at this moment.
    #[inline]
    pub fn try_next(&mut self) -> Option<Next<Lease<'_, E, R, L>>> {
        let mut at = self.follow.next;
        if at == self.follow.known {
            match self.glance() {
                Glance::Items => {}
                Glance::Nothing => return None,
                Glance::Ask => {
                    hint::cold_path();
                    if let Some(news) = self.hear_news() {
                        // SAFETY: neither `Follow::news` nor `Follow::shared_news` makes an item. Said so that the usual way has none of this.
                        unsafe { hint::assert_unchecked(!matches!(news, Next::Item(_))) };
                        return Some(news);
                    }
                    at = self.follow.next;
                    if at == self.follow.known {
                        return None;
                    }
                }
            }
        }
        Some(Next::Item(self.lease(at)))
    }

    /// The `i`-th item from here on, without taking it; `None` where it was not published yet, or something else is to be
    /// heard before it.
    pub fn peek(&mut self, i: u32) -> Option<E> {
        if self.ready_items() <= u64::from(i) {
            self.look_further(u64::from(i) + 1);
        }
        (u64::from(i) < self.ready_items()).then(|| self.view.take(self.follow.next + u64::from(i)))
    }

    /// Takes everything below `position`, as far as it is known to be published. Gives where it stands.
    pub fn ack(&mut self, position: Position) -> Position {
        self.pass(position.0.clamp(self.follow.next, self.follow.known));
        self.position()
    }

    /// Hands up to `limit` items to `each`, with their positions and whether it is the last of this call; they are
    /// acknowledged together at the end, or up to the one at which `each` panics. Gives their number, and what stands before
    /// the next item where that is not one.
    #[inline]
    pub fn poll(&mut self, limit: u32, mut each: impl FnMut(&E, Position, bool)) -> (u32, Option<Next<()>>) {
        if self.ready_items() == 0
            && let Some(news) = self.refresh()
        {
            return (0, Some(news));
        }
        let end = self.follow.next + self.ready_items().min(u64::from(limit));
        let batch = Batch { at: self.follow.next, consumer: self };
        (batch.run(end, &mut each), None)
    }

    /// Whether the producer is proved dead and everything that it published was taken: [`End::Crashed`].
    ///
    /// Asks [`Liveness`]: to be called now and then by whoever waits. A later producer is heard of as ever. Where several may
    /// produce, what a dead one had claimed is passed from now on.
    pub fn tend(&self) -> Option<End> {
        let crashed = if self.view.shared() {
            self.follow.shared_crashed(&self.view, &self.live)
        } else {
            self.follow.crashed(&self.view, &self.live, Follow::near)
        };
        crashed.then_some(End::Crashed)
    }

    /// The next item, which is known to be published.
    #[inline]
    fn lease(&mut self, at: u64) -> Lease<'_, E, R, L> {
        let item = self.view.take(at);
        Lease { consumer: self, at, item }
    }

    pub(crate) fn view(&self) -> &View<R> {
        &self.view
    }

    /// How many items wait, looked at again where fewer than `want` are known to.
    ///
    /// # Errors
    /// What is to be heard before the next of them.
    pub(crate) fn look<T>(&mut self, want: u64) -> Result<u64, Next<T>> {
        if self.ready_items() == 0 {
            if let Some(news) = self.refresh() {
                return Err(news);
            }
            if self.view.shared() {
                self.follow.run_on(&self.view, want);
            }
        } else if self.ready_items() < want {
            self.look_further(want);
        }
        Ok(self.ready_items())
    }

    /// Everything below a position was found to be items.
    pub(crate) fn found(&mut self, to: u64) {
        self.follow.known = self.follow.known.max(to);
    }

    /// Learns what was published meanwhile, where `want` items are asked for, unless something is to be heard first: `try_next`
    /// tells it in its turn.
    fn look_further(&mut self, want: u64) {
        if self.view.shared() {
            if self.ready_items() == 0 {
                // Several producers tell nothing that would be heard once only.
                let _: Option<Next<()>> = self.refresh();
            }
            self.follow.run_on(&self.view, want);
            return;
        }
        let mut seen = self.follow;
        if seen.news::<R, E>(&self.view, Follow::near).is_none() {
            self.follow = seen;
        }
    }

    /// Items known to be published and not taken.
    #[inline]
    fn ready_items(&self) -> u64 {
        self.follow.known - self.follow.next
    }

    /// Learns what was published, and hears what is to be heard first.
    #[inline]
    fn refresh<T>(&mut self) -> Option<Next<T>> {
        match self.glance() {
            Glance::Items | Glance::Nothing => None,
            Glance::Ask => self.hear_news(),
        }
    }

    /// Learns what was published, where a look at two words is enough for that.
    #[inline]
    fn glance(&mut self) -> Glance {
        match self.follow.glance(&self.view) {
            // Who found nothing for the first time tells the producer, and so does not end here.
            Glance::Nothing if self.told != self.follow.next => Glance::Ask,
            seen => seen,
        }
    }

    #[cold]
    #[inline(never)]
    fn hear_news<T>(&mut self) -> Option<Next<T>> {
        if !self.view.shared() {
            self.tell();
            return self.follow.news(&self.view, Follow::near);
        }
        let Self { view, follow, slot, .. } = self;
        let news = follow.shared_news(view, false, |follow, to| follow.pass_gaps(view, *slot, to));
        // Behind the gaps that were passed: they are room too.
        if self.ready_items() == 0 {
            self.tell();
        }
        news
    }

    /// Whoever has run out of items wakes who waits for room, once.
    fn tell(&mut self) {
        if self.told != self.follow.next {
            self.told = self.follow.next;
            self.view.rouse_producer();
        }
    }

    /// As [`pass`](Self::pass), for the next item.
    #[inline]
    fn pass_one(&mut self, to: u64) {
        // Its Release pairs with the Acquire in `scan`, as in `pass`.
        if to < self.plain {
            self.view.show(self.cursor, to);
            self.follow.next = to;
            return;
        }
        if is_half_lap(to) {
            self.begin_half_lap(to);
        }
        self.view.show(self.cursor, to);
        self.follow.next = to;
        self.view.peep_at_producer();
    }

    #[cold]
    #[inline(never)]
    fn begin_half_lap(&mut self, to: u64) {
        self.view.foresee(self.cursor, to - 1, to);
        if !self.view.layout().spec().parks {
            self.plain = half_lap_behind(to);
        }
    }

    #[inline]
    fn pass(&mut self, to: u64) {
        // Its Release pairs with the Acquire in `scan`: what lies below was read (RL-2).
        self.view.advance(self.cursor, self.follow.next, to);
        self.follow.next = to;
        self.view.glance_at_producer();
    }
}

/// Items that were handed out and are acknowledged when this goes.
struct Batch<'c, E: Plain, R: Exchange, L: Liveness> {
    consumer: &'c mut Consumer<E, R, L>,
    at: u64,
}

impl<E: Plain, R: Exchange, L: Liveness> Batch<'_, E, R, L> {
    #[inline]
    fn run(mut self, end: u64, each: &mut impl FnMut(&E, Position, bool)) -> u32 {
        let Self { consumer, at: done } = &mut self;
        let (view, first) = (&consumer.view, *done);
        while *done < end {
            view.take_run(*done, end, |item, at| {
                each(item, Position(at), at + 1 == end);
                *done = at + 1;
            });
        }
        (end - first) as u32
    }
}

impl<E: Plain, R: Exchange, L: Liveness> Drop for Batch<'_, E, R, L> {
    fn drop(&mut self) {
        if self.at > self.consumer.follow.next {
            self.consumer.pass(self.at);
        }
    }
}

impl<E: Plain, R: Exchange, L: Liveness> Lease<'_, E, R, L> {
    /// Which item this is.
    pub fn position(&self) -> Position {
        Position(self.at)
    }

    /// Lets go of the item without acknowledging it: it comes next again.
    pub fn put_back(self) {
        mem::forget(self);
    }
}

impl<E: Plain, R: Exchange, L: Liveness> Deref for Lease<'_, E, R, L> {
    type Target = E;
    #[inline]
    fn deref(&self) -> &E {
        &self.item
    }
}

impl<E: Plain, R: Exchange, L: Liveness> Drop for Lease<'_, E, R, L> {
    #[inline]
    fn drop(&mut self) {
        self.consumer.pass_one(self.at + 1);
    }
}

impl<E: Plain, R: Exchange, L: Liveness> Drop for Consumer<E, R, L> {
    fn drop(&mut self) {
        join::go(&self.view, &self.live, self.slot, self.ctl, self.follow.next);
    }
}

impl<E: Plain, R: Exchange, L: Liveness> fmt::Debug for Consumer<E, R, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { slot, follow, .. } = self;
        f.debug_struct("Consumer").field("slot", slot).field("next", &follow.next).finish_non_exhaustive()
    }
}

impl<E: Plain + fmt::Debug, R: Exchange, L: Liveness> fmt::Debug for Lease<'_, E, R, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").field("at", &self.position()).field("item", &self.item).finish()
    }
}
