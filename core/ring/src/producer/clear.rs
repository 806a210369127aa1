use super::Producer;
use crate::element::Plain;
use crate::segment::Position;
use tidemill_seam::{Exchange, Liveness};

/// For items that stand for something else, such as a place in a pool: which of them nobody reads any more.
impl<E: Plain, R: Exchange, L: Liveness> Producer<E, R, L> {
    /// Nobody reads an item below it, and nobody ever will, as far as is known: what those items stood for is free (RL-2).
    #[inline]
    pub fn cleared(&self) -> Position {
        Position(self.gate.cleared())
    }

    /// Looks at the table, moves the gate on, and gives what is cleared by now (RL-3).
    ///
    /// While nobody gates everything is cleared that was published, and counted as unheard (RL-17).
    pub fn clear(&mut self) -> Position {
        self.look();
        self.cleared()
    }

    /// Items that somebody who gates has not acknowledged; `None` where nobody gates.
    #[inline]
    pub fn pending(&self) -> Option<u32> {
        let scan = self.view.scan(self.gate.position, self.next);
        // At most a ring of them: whoever stands further back is joining, or foreign.
        scan.least.map(|least| self.next.saturating_sub(least).min(u64::from(self.capacity())) as u32)
    }

    /// The item at `position`; `None` where it was not published, or its slot is another's by now.
    #[inline]
    pub fn sent(&self, position: Position) -> Option<E> {
        let oldest = self.next.saturating_sub(u64::from(self.capacity()));
        (oldest..self.next).contains(&position.0).then(|| self.view.take(position.0))
    }
}
