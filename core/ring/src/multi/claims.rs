use super::{MultiProducer, TURNS};
use crate::claim::{RUN_MAX, Run};
use crate::element::Plain;
use crate::layout::Layout;
use crate::producer::{Refused, Why};
use crate::segment::Position;
use core::fmt;
use tidemill_seam::{Exchange, Liveness};

/// Neighbouring positions that are ours: filled in order, and shown when told. Dropping it leaves gaps where nothing was shown,
/// which consumers pass.
///
/// Nothing behind them is read before that is decided.
pub struct Claims<'p, E: Plain, R: Exchange, L: Liveness> {
    pub(super) producer: &'p mut MultiProducer<E, R, L>,
    /// The next position to fill.
    pub(super) at: u64,
}

/// What one publishes together.
impl<E: Plain, R: Exchange, L: Liveness> MultiProducer<E, R, L> {
    /// Most items that one batch may have: what the history leaves of the capacity, and never more than 1023.
    #[inline]
    pub fn batch_max(&self) -> u32 {
        (self.capacity() - self.view.layout().spec().history).min(RUN_MAX)
    }

    /// Publishes `n` items at once, as `make` gives them for their positions, which are neighbours: all, or none where it is
    /// refused; where `make` panics, gaps. Gives the position of the first.
    ///
    /// # Errors
    /// [`Refused`] with the closure, which did not run. More than [`batch_max`](Self::batch_max) is refused at once.
    pub fn try_batch<F: FnMut(Position) -> E>(
        &mut self,
        n: u32,
        mut make: F,
    ) -> Result<Position, Refused<F>> {
        match self.claims(n) {
            Ok(claims) => Ok(claims.fill(&mut make)),
            Err(Refused { why, .. }) => Err(Refused { item: make, why }),
        }
    }

    /// The next `n` positions, to be filled. Dropping them leaves gaps.
    ///
    /// # Errors
    /// [`Refused`], as for [`try_batch`](Self::try_batch).
    pub fn claims(&mut self, n: u32) -> Result<Claims<'_, E, R, L>, Refused<()>> {
        match self.claim_several(n) {
            Ok(at) => Ok(Claims { producer: self, at }),
            Err(why) => Err(Refused { item: (), why }),
        }
    }

    /// What it has claimed and not settled: one claim or several that were forgotten. The next one gives them up.
    pub fn held_together(&mut self) -> Option<Claims<'_, E, R, L>> {
        let at = self.claim?.first;
        Some(Claims { producer: self, at })
    }

    pub(super) fn claim_several(&mut self, n: u32) -> Result<u64, Why> {
        let max = self.batch_max();
        if n > max {
            return Err(Why::TooLarge { max });
        }
        if n > 0 {
            return self.claim_run(|_| n);
        }
        self.give_up();
        Ok(self.view.tail())
    }
}

/// Runs that have to end before the ring does.
impl<E: Plain, R: Exchange, L: Liveness> MultiProducer<E, R, L> {
    /// Claims `n` positions, 1 to [`batch_max`](Self::batch_max) of them, that end before the ring does, and leaves a gap before
    /// its end where they would not. Gives the first.
    pub(crate) fn claim_within(&mut self, n: u32) -> Result<u64, Why> {
        let capacity = self.capacity();
        for _ in 0..TURNS {
            let at = self.claim_run(|at| within(capacity, at, n))?;
            if within(capacity, at, n) == n {
                return Ok(at);
            }
            self.give_up();
        }
        // Others were faster behind every gap.
        Err(Why::Full { by: Layout::PRODUCER, missing: n })
    }

    /// Gives up what it has claimed: gaps, which consumers pass.
    pub(crate) fn abort(&mut self) {
        self.give_up();
    }

    /// Shows all that it has claimed.
    pub(crate) fn show_all(&mut self) {
        if let Some(run) = self.claim {
            self.settle(run, run.end);
        }
    }
}

/// How many to claim from a position on, where `n` are wanted that end before the ring does: those, or what is left of it.
pub(super) fn within(capacity: u32, at: u64, n: u32) -> u32 {
    let capacity = u64::from(capacity);
    n.min((capacity - at % capacity) as u32)
}

impl<E: Plain, R: Exchange, L: Liveness> Claims<'_, E, R, L> {
    /// The position of the next item; `None` where all are filled.
    pub fn position(&self) -> Option<Position> {
        self.rest().map(|_| Position(self.at))
    }

    /// Fills the next position.
    ///
    /// # Errors
    /// The item, where all are filled.
    pub fn put(&mut self, item: E) -> Result<Position, E> {
        let Some(position) = self.position() else { return Err(item) };
        self.producer.view.put(position.0, &item);
        self.at += 1;
        Ok(position)
    }

    /// Shows what was filled since the last time, at once; also where we die in the middle of that, it is all or nothing.
    pub fn show(&mut self) {
        let Some(run) = self.producer.claim.filter(|run| run.first < self.at) else { return };
        self.producer.settle(Run { end: self.at, ..run }, self.at);
        self.producer.claim = (self.at < run.end).then_some(Run { first: self.at, ..run });
    }

    /// Shows what was filled, and leaves gaps in the place of the rest. Gives the position of the first that was not shown
    /// before.
    pub fn commit(self) -> Position {
        let Some(run) = self.producer.claim else { return Position(self.at) };
        self.producer.settle(run, self.at);
        Position(run.first)
    }

    pub(super) fn fill(mut self, make: &mut impl FnMut(Position) -> E) -> Position {
        let end = self.rest().map_or(self.at, |run| run.end);
        while self.at < end {
            let item = make(Position(self.at));
            self.producer.view.put(self.at, &item);
            self.at += 1;
        }
        self.commit()
    }

    /// What is not filled.
    fn rest(&self) -> Option<Run> {
        self.producer.claim.filter(|run| self.at < run.end)
    }
}

impl<E: Plain, R: Exchange, L: Liveness> Drop for Claims<'_, E, R, L> {
    fn drop(&mut self) {
        self.producer.give_up();
    }
}

impl<E: Plain, R: Exchange, L: Liveness> fmt::Debug for Claims<'_, E, R, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claims").field("at", &self.at).field("rest", &self.rest()).finish_non_exhaustive()
    }
}
