//! How far a producer may write: the gate, the table behind it, and what was seen of both.
//!
//! - **RL-2** *Gate.* Every position from `gate` to `published` is intact; `gate` never goes back. Position `p` is written only
//!   if `p < clearance + capacity`, the clearance being private and not above the gate.
//! - **RL-3** *Rescan*, only when the clearance is used up: `g = max(gate, min(cursors that gate, published - history, pin))`; store
//!   `gate = g`, fence, scan again; `clearance = max(clearance, min(g, second scan))`. Several producers
//!   raise the gate by compare-and-swap, and each fences and scans for itself, whoever raised it.
//!
//! A cursor is compared by its low word, as a distance from the gate. One that lies further from it than the ring is long
//! belongs to somebody who is joining, or is foreign: nothing is cleared while it stands there.

use crate::layout::Layout;
use crate::sync::Ordering;
use crate::table::Ctl;
use crate::view::View;
use tidemill_seam::{Exchange, Region};

/// What a scan of the table found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scan {
    /// The least position that somebody gates; `None` where nobody does.
    pub(crate) least: Option<u64>,
    /// The first slot that gates there.
    pub(crate) slot: u32,
    /// A slot whose cursor its owner cannot have written, and what stands there.
    pub(crate) wild: Option<(u32, u32)>,
}

/// What the producer knows of the gate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gate {
    /// As we stored it.
    pub(crate) position: u64,
    /// Nobody reads below it.
    clearance: u64,
    /// What is kept for those who are still to come begins here.
    pub(crate) pin: Option<u64>,
}

impl<R: Region> View<R> {
    /// The least cursor that gates, seen from `base`, where the next item is `next`.
    pub(crate) fn scan(&self, base: u64, next: u64) -> Scan {
        let capacity = i64::from(self.layout().spec().capacity);
        let mut scan = Scan { least: None, slot: 0, wild: None };
        for slot in self.slots() {
            if !self.ctl(slot).is_some_and(Ctl::gates) {
                continue;
            }
            // Acquire: pairs with the Release of the cursor: its owner has read what lies below (RL-2).
            let low = self.load(self.layout().cursor(slot), Ordering::Acquire);
            let away = i64::from(low.wrapping_sub(base as u32) as i32);
            let cursor = if away > (next - base) as i64 || away < -capacity {
                scan.wild = scan.wild.or(Some((slot, low)));
                base.saturating_sub(capacity as u64)
            } else {
                base.saturating_add_signed(away)
            };
            if scan.least.is_none_or(|least| cursor < least) {
                (scan.least, scan.slot) = (Some(cursor), slot);
            }
        }
        scan
    }
}

impl<R: Region> View<R> {
    /// As [`scan`](Self::scan), of who reads a ring of several producers, and of what those keep for others: the slot is then the claim
    /// of who does.
    ///
    /// What is published may grow meanwhile: a cursor beyond two laps is foreign.
    pub(crate) fn scan_shared(&self, base: u64) -> Scan {
        let capacity = u64::from(self.layout().spec().capacity);
        let mut scan = self.scan(base, base + 2 * capacity);
        if let Some((pin, k)) = self.pinned() {
            // As far off as a cursor may be, and no further (RL-18).
            let pin = if pin > base + 2 * capacity { 0 } else { pin }.max(base.saturating_sub(capacity));
            if scan.least.is_none_or(|least| pin <= least) {
                (scan.least, scan.slot) = (Some(pin), Layout::claim_of_post(k));
            }
        }
        scan
    }
}

impl Gate {
    /// As the last producer left it. What somebody reads below the gate, because it looked at it in time, is not cleared.
    pub(crate) fn open<R: Region>(view: &View<R>, next: u64) -> Self {
        let position = view.gate();
        // SeqCst: the partner is a joiner's, as in `rescan`: the last producer stored the gate and may have died before it looked again.
        view.fence(Ordering::SeqCst);
        let scan = view.scan(position, next);
        let clearance = scan.least.map_or(position, |least| least.min(position));
        // A pin is between the two where a producer set it: a foreign one is none (RL-18).
        let pin = view.position(view.layout().pin()).checked_sub(1);
        Self { position, clearance, pin: pin.filter(|pin| (position..=next).contains(pin)) }
    }

    /// Keeps everything from `pin` on from now on, or nothing besides what is read.
    pub(crate) fn pin<R: Region>(&mut self, view: &View<R>, pin: Option<u64>) {
        self.pin = pin;
        view.set(view.layout().pin(), pin.map_or(0, |pin| pin + 1));
    }

    /// As [`open`](Self::open), where several produce.
    pub(crate) fn open_shared<R: Region>(view: &View<R>) -> Self {
        Self::open(view, view.gate() + 2 * u64::from(view.layout().spec().capacity))
    }

    /// Nobody reads below it, and nobody ever will.
    #[inline]
    pub(crate) const fn cleared(&self) -> u64 {
        self.clearance
    }

    /// Where there is no room any more, as far as is known.
    #[inline]
    pub(crate) fn limit<R: Region>(&self, view: &View<R>) -> u64 {
        self.clearance + u64::from(view.layout().spec().capacity)
    }

    /// Looks at the table and moves the gate on (RL-3). `next` is the position of the next item.
    pub(crate) fn rescan<R: Region>(&mut self, view: &View<R>, next: u64) -> Scan {
        let first = view.scan(self.position, next);
        let kept = next.saturating_sub(u64::from(view.layout().spec().history));
        let kept = self.pin.map_or(kept, |pin| pin.min(kept));
        let to = first.least.map_or(kept, |least| least.min(kept)).max(self.position);
        if to == self.position {
            // No new gate: who reads below it was seen when it was stored.
            self.clear(first.least);
            return first;
        }
        if first.least.is_none() {
            view.count_unheard(self.position, to);
        }
        view.advance(view.layout().gate, self.position, to);
        self.position = to;
        // SeqCst: pairs with the ones in `join` and `Reader`: who joins sees this gate, or is seen below; who was overtaken
        // sees it behind the copy that it made (RL-3, RL-4, RL-5).
        view.fence(Ordering::SeqCst);
        let second = view.scan(to, next);
        self.clear(second.least);
        second
    }

    /// As [`rescan`](Self::rescan), for the producer of a post among several.
    ///
    /// How far everything is settled is looked at first: who keeps its items for others said so before it settled one.
    ///
    /// What is published may grow meanwhile, so a cursor may lie further from the gate than what was seen of it; one beyond
    /// two laps is foreign.
    pub(crate) fn rescan_shared<R: Exchange>(&mut self, view: &View<R>, post: u32) -> Scan {
        let (seen, spec) = (view.gate(), view.layout().spec());
        let frontier = view.frontier();
        let first = view.scan_shared(seen);
        let kept = frontier.published.saturating_sub(u64::from(spec.history)).min(frontier.kept);
        let to = first.least.map_or(kept, |least| least.min(kept)).max(seen);
        if to == self.position {
            self.clear(first.least);
            return first;
        }
        let (from, position) = view.raise_gate(to);
        if let (None, Some(from)) = (first.least, from) {
            view.count_unheard_of(post, to - from);
        }
        self.position = position;
        // SeqCst: the partner is a joiner's, as in `rescan`; behind a look at a gate that somebody else raised it orders as it does behind a store of it.
        view.fence(Ordering::SeqCst);
        let second = view.scan_shared(position);
        self.clear(second.least);
        second
    }

    fn clear(&mut self, least: Option<u64>) {
        let seen = least.map_or(self.position, |least| least.min(self.position));
        self.clearance = self.clearance.max(seen);
    }
}
