//! Counts that are exact at every store at which their writer may die.

use crate::layout::At;
use crate::sync::Ordering;
use crate::view::View;
use tidemill_seam::Region;

/// A count of items that somebody passed, which counts once a cursor has passed them too.
///
/// Two copies of (valid from this position on, total): the writer fills the older one, then moves its cursor. Of the copies
/// that the cursor has reached the later one counts; so between any two stores the count and the cursor agree (RL-17).
///
/// One writer. A position beyond every cursor marks a copy that never counts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tally {
    at: At,
}

const NEVER: u64 = u64::MAX >> 1;

impl Tally {
    /// Words of it: two copies of two positions.
    pub(crate) const WORDS: u32 = 8;

    pub(crate) const fn new(at: At) -> Self {
        Self { at }
    }

    /// Its first word.
    pub(crate) const fn at(self) -> At {
        self.at
    }

    /// Where copy `i` says from which position on it counts; the total stands behind it.
    const fn copy(self, i: u32) -> At {
        self.at.plus(4 * i)
    }

    /// Nothing was passed.
    pub(crate) fn clear<R: Region>(self, view: &View<R>) {
        for i in 0..2 {
            self.void(view, i);
            view.set(self.copy(i).plus(2), 0);
        }
    }

    /// The copy that counts at `cursor`, with its total.
    fn current<R: Region>(self, view: &View<R>, cursor: u64) -> Option<(u32, u64)> {
        let from = |i: u32| (view.position(self.copy(i)), i);
        let counts = [from(0), from(1)].into_iter().filter(|(from, _)| *from <= cursor).max();
        counts.map(|(_, i)| (i, view.position(self.copy(i).plus(2))))
    }

    /// The count at `cursor`.
    pub(crate) fn total<R: Region>(self, view: &View<R>, cursor: u64) -> u64 {
        self.current(view, cursor).map_or(0, |(_, total)| total)
    }

    /// Counts `more`, from the moment on at which the cursor goes from `cursor` to `to`.
    pub(crate) fn add<R: Region>(self, view: &View<R>, (cursor, to): (u64, u64), more: u64) {
        let (i, total) = self.current(view, cursor).map_or((1, 0), |(i, total)| (i, total));
        let other = self.copy(1 - i);
        self.void(view, 1 - i);
        view.set(other.plus(2), total.wrapping_add(more));
        // The high word last: until it stands there this copy is of no position that a cursor comes to. Both are ordered
        // before the cursor by the Release of that.
        // Release: the partner is the Acquire in `View::position`.
        view.store(other, to as u32, Ordering::Release);
        view.store(other.plus(1), (to >> 31) as u32, Ordering::Release);
    }

    /// From here on copy `i` never counts: its high word says so before anything else of it changes.
    fn void<R: Region>(self, view: &View<R>, i: u32) {
        view.set(self.copy(i), NEVER);
    }
}

/// What became of the items since a participant joined. Exact at every moment between two stores (RL-17).
///
/// `end - start = consumed + lagged + skipped + lost + in_flight`.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Account {
    /// Where it began.
    pub start: u64,
    /// What was published by now, or when it went.
    pub end: u64,
    /// Items that it took.
    pub consumed: u64,
    /// Items that it was told it missed.
    pub lagged: u64,
    /// Positions that it passed where there is no item: claims of several producers that were aborted, or died.
    pub skipped: u64,
    /// Items that it left, was evicted from, or died before.
    pub lost: u64,
    /// Items that wait for it.
    pub in_flight: u64,
}

impl<R: Region> View<R> {
    /// The account of a slot: `gone` where its owner reads no more.
    pub(crate) fn account(&self, slot: u32, gone: bool) -> Account {
        let start = self.position(self.start_of(slot));
        let (cursor, end) = if gone {
            (self.position(self.left_of(slot)), self.position(self.end_of(slot)))
        } else {
            let cursor = self.position(self.layout().cursor(slot));
            (cursor, self.published())
        };
        // A joiner that moves its start on, because the gate passed it, moves its cursor next.
        let cursor = cursor.max(start);
        let end = end.max(cursor);
        let lagged = self.lagged_of(slot).total(self, cursor);
        let skipped = self.skipped_of(slot).map_or(0, |skipped| skipped.total(self, cursor));
        let left = end - cursor;
        let (lost, in_flight) = if gone { (left, 0) } else { (0, left) };
        let consumed = (cursor - start).saturating_sub(lagged).saturating_sub(skipped);
        Account { start, end, consumed, lagged, skipped, lost, in_flight }
    }

    pub(crate) fn clear_unheard(&self) {
        Tally::new(self.layout().unheard()).clear(self);
    }

    /// Counts what the gate passes now, while nobody gates.
    pub(crate) fn count_unheard(&self, from: u64, to: u64) {
        Tally::new(self.layout().unheard()).add(self, (from, to), to - from);
    }

    /// Items that the gate passed while nobody gated.
    pub(crate) fn unheard(&self) -> u64 {
        if self.shared() {
            return self.unheard_by_all();
        }
        let gate = self.gate();
        Tally::new(self.layout().unheard()).total(self, gate)
    }
}
