//! One of several producers that begins with its consumers.
//!
//! Each says for itself how it begins, and what it keeps for those who are still to come it keeps by a word beside its post: it
//! counts like the cursor of somebody who gates, for whoever raises the gate, until its producer has begun, has left, or is
//! proved dead. Nobody raises the gate past an item without having seen that it is settled, and so what its producer keeps (RL-3).

use super::MultiProducer;
use crate::coordinate::{self, Coordinate, Held};
use crate::element::Plain;
#[cfg(doc)]
use crate::producer::Why;
use tidemill_seam::{Exchange, Instant, Liveness};

impl<E: Plain, R: Exchange, L: Liveness> MultiProducer<E, R, L> {
    /// The same that begins so, from `now` on: until then its own publications are refused ([`Why::Held`]).
    ///
    /// By [`BufferUntil`](Coordinate::BufferUntil) its first item stays, and every later one, by whomever: so the others find the ring
    /// [full](Why::Full) by its place. Where another keeps items, or a dead one did and they are intact, it keeps those on; `max`
    /// counts from the first that is kept, whoever publishes.
    #[must_use]
    pub fn coordinate(mut self, how: Coordinate, now: Instant) -> Self {
        let keeps = matches!(how, Coordinate::BufferUntil { n, .. } if n > 0);
        let first = if keeps { self.keep() } else { self.view.tail() };
        if !keeps {
            self.let_go();
        }
        self.start = coordinate::Start::new(how, now, first);
        self.limit = self.gate.limit(&self.view).min(self.start.ceiling());
        self
    }

    /// Keeps everything from here on, or from where others keep it already.
    fn keep(&mut self) -> u64 {
        let (gate, tail) = (self.view.gate(), self.view.tail());
        let left = self.left.take();
        let kept = self.view.posts().filter_map(|k| self.view.pin_of(k)).chain(left);
        let pin = kept.filter(|pin| (gate..=tail).contains(pin)).min().unwrap_or(tail);
        // Its Release comes before those of our claims: whoever sees an item of ours settled sees what we keep.
        self.view.pin(self.k, Some(pin));
        pin
    }

    /// Why it has not begun, if so; `now` where that is known. `end` is where the room has to end that is asked for.
    #[cold]
    pub(super) fn begin(&mut self, now: Option<Instant>, end: u64) -> Option<Held> {
        if self.start.is_open() {
            return None;
        }
        let (have, want) = (self.view.count_ready(&self.live), self.start.wanted());
        let found = self.start.look(now, have, end.saturating_sub(1));
        if self.start.is_open() {
            self.let_go();
            return None;
        }
        Some(found.err().unwrap_or(Held::Awaiting { have, want }))
    }

    /// Keeps nothing any more: who waited for that may go on.
    pub(super) fn let_go(&mut self) {
        if self.view.pin_of(self.k).is_some() {
            self.view.pin(self.k, None);
            self.view.rouse_producer();
        }
    }
}
