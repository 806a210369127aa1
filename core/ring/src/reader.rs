//! One who may be overtaken while it lives: it copies, then asks whether the copy is whole.
//!
//! - **RL-5** word-atomic copy, `fence(Acquire)`, then `gate <= position`, or the item is gone.
//! - **RL-6** *No spurious lag.* Who is at most `history` behind is never told of a loss.

use crate::element::Plain;
use crate::follow::{End, Follow, Next};
use crate::join::{self, JoinError, Seat, Start};
use crate::segment::{Position, Segment};
use crate::sync::Ordering;
use crate::table::{Ctl, Peer};
use crate::view::View;
use crate::wait::Wait;
use core::fmt;
use core::marker::PhantomData;
use tidemill_seam::{Exchange, Liveness};

mod wait;

/// The half that copies items of `E` under a policy by which it may be overtaken (`Lossy`, `Evict`).
///
/// Dropping it leaves the table.
pub struct Reader<E: Plain, R: Exchange, L: Liveness> {
    view: View<R>,
    live: L,
    slot: u32,
    ctl: Ctl,
    follow: Follow,
    wait: Wait,
    /// Up to where a producer that waits for room was looked for with a fence.
    told: u64,
    item: PhantomData<fn() -> E>,
}

impl<R: Exchange> Segment<R> {
    /// Takes part as a reader, from `start` on.
    ///
    /// # Errors
    /// [`JoinError`]. A policy under which nobody is overtaken is refused with [`JoinError::Role`].
    pub fn reader<E: Plain, L: Liveness>(
        self,
        live: L,
        peer: &Peer,
        start: Start,
    ) -> Result<Reader<E, R, L>, JoinError> {
        self.holds::<E>().map_err(JoinError::Incompatible)?;
        if !peer.policy.copies() {
            return Err(JoinError::Role(peer.policy));
        }
        let seat = join::join(&self.view, &live, peer, start)?;
        let follow = Follow::new(&self.view, seat.next);
        let (wait, told, Seat { slot, ctl, .. }) = (self.view.usual_wait(), seat.next, seat);
        Ok(Reader { view: self.view, live, slot, ctl, follow, wait, told, item: PhantomData })
    }
}

impl<E: Plain, R: Exchange, L: Liveness> Reader<E, R, L> {
    /// Its slot in the table.
    pub fn slot(&self) -> u32 {
        self.slot
    }

    /// The position of the next item.
    pub fn position(&self) -> Position {
        Position(self.follow.next)
    }

    /// What comes next: `None` where nothing does at this moment. Once evicted, that for ever.
    #[inline]
    pub fn try_next(&mut self) -> Option<Next<E>> {
        self.copy(|view, at, _| (1, view.take(at)))
    }

    pub(crate) fn view(&self) -> &View<R> {
        &self.view
    }

    /// What `take` copies from the next position on, of what is published up to another one; it says how many items that
    /// are. Nobody hears of what was overwritten meanwhile.
    #[inline]
    pub(crate) fn copy<T>(&mut self, take: impl FnOnce(&View<R>, u64, u64) -> (u64, T)) -> Option<Next<T>> {
        // Relaxed: it stands in the way of reading on only once it is seen, and the gate guards every copy.
        if self.view.load(self.view.layout().ctl(self.slot), Ordering::Relaxed) != self.ctl.encode() {
            return Some(Next::Evicted { at: self.position() });
        }
        if self.follow.next == self.follow.known
            && let Some(news) = self.refresh()
        {
            return Some(news);
        }
        if self.follow.next == self.follow.known {
            return None;
        }
        let (items, taken) = take(&self.view, self.follow.next, self.follow.known);
        // Acquire: pairs with the fence in `Gate::rescan`: who copied a word that was written behind a gate sees that gate.
        self.view.fence(Ordering::Acquire);
        let gate = self.view.gate();
        if gate > self.follow.next {
            return Some(self.lagged(gate));
        }
        self.pass(self.follow.next + items);
        // More than were known, where a run of several producers ends behind them.
        self.follow.known = self.follow.known.max(self.follow.next);
        Some(Next::Item(taken))
    }

    /// Whether the producer is proved dead and everything that it published was read: [`End::Crashed`].
    pub fn tend(&self) -> Option<End> {
        let crashed = if self.view.shared() {
            self.follow.shared_crashed(&self.view, &self.live)
        } else {
            self.follow.crashed(&self.view, &self.live, Follow::far)
        };
        crashed.then_some(End::Crashed)
    }

    #[cold]
    fn refresh<T>(&mut self) -> Option<Next<T>> {
        let Self { view, follow, slot, .. } = self;
        let news = if view.shared() {
            follow.shared_news(view, true, |follow, to| follow.pass_gaps(view, *slot, to))
        } else {
            follow.news(view, Follow::far)
        };
        if self.ctl.gates() && self.follow.next == self.follow.known {
            self.tell();
        }
        news
    }

    /// As a consumer: whoever is waited for and has run out of items wakes who waits for room, once. The glance in `pass` may have
    /// come too early for one that lay down meanwhile.
    fn tell(&mut self) {
        if self.told != self.follow.next {
            self.told = self.follow.next;
            self.view.rouse_producer();
        }
    }

    #[cold]
    fn lagged<T>(&mut self, gate: u64) -> Next<T> {
        if self.view.ctl(self.slot) != Some(self.ctl) {
            return Next::Evicted { at: self.position() };
        }
        let from = self.follow.next;
        let to = gate.min(self.view.published()).max(from + 1);
        self.view.lagged_of(self.slot).add(&self.view, (from, to), to - from);
        self.pass(to);
        self.follow.known = self.follow.known.max(to);
        Next::Lagged { from: Position(from), to: Position(to) }
    }

    #[inline]
    fn pass(&mut self, to: u64) {
        // Its Release orders what was counted before it (RL-17), and pairs with `scan` where this reader gates.
        self.view.advance(self.view.layout().cursor(self.slot), self.follow.next, to);
        self.follow.next = to;
        if self.ctl.gates() {
            self.view.glance_at_producer();
        }
    }
}

impl<E: Plain, R: Exchange, L: Liveness> Drop for Reader<E, R, L> {
    fn drop(&mut self) {
        join::go(&self.view, &self.live, self.slot, self.ctl, self.follow.next);
    }
}

impl<E: Plain, R: Exchange, L: Liveness> fmt::Debug for Reader<E, R, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { slot, follow, .. } = self;
        f.debug_struct("Reader").field("slot", slot).field("next", &follow.next).finish_non_exhaustive()
    }
}
