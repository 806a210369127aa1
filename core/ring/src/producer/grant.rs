use super::Producer;
use crate::element::Plain;
use crate::segment::Position;
use crate::view::View;
use core::fmt;
use tidemill_seam::{Exchange, Liveness};

/// Room that was granted: filled in order, shown at once.
pub struct Grant<'p, E: Plain, R: Exchange, L: Liveness> {
    pub(super) producer: &'p mut Producer<E, R, L>,
    pub(super) at: u64,
    pub(super) end: u64,
}

impl<E: Plain, R: Exchange, L: Liveness> Grant<'_, E, R, L> {
    /// The position of the next item; `None` where the room is filled.
    pub fn position(&self) -> Option<Position> {
        (self.at < self.end).then_some(Position(self.at))
    }

    /// Fills the next place.
    ///
    /// # Errors
    /// The item, where the room is filled.
    pub fn put(&mut self, item: E) -> Result<Position, E> {
        let Some(position) = self.position() else { return Err(item) };
        self.producer.view.put(position.0, &item);
        self.at += 1;
        Ok(position)
    }

    pub(crate) fn view(&self) -> &View<R> {
        &self.producer.view
    }

    /// The next `n` places were filled through the view.
    pub(crate) fn filled(&mut self, n: u32) {
        self.at = self.end.min(self.at + u64::from(n));
    }

    /// Shows what was filled, at once. Gives the position of the first.
    pub fn commit(self) -> Position {
        let first = self.producer.next;
        if self.at > first {
            self.producer.show(first, self.at);
        }
        Position(first)
    }
}

impl<E: Plain, R: Exchange, L: Liveness> fmt::Debug for Grant<'_, E, R, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grant").field("at", &self.at).field("end", &self.end).finish_non_exhaustive()
    }
}
