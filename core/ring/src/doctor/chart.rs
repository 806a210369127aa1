//! The laws, one by one. Each says why what it forbids cannot have been left by a death either.

use super::copied::Copied;
use super::{Finding, Lives, Symptom};
use crate::counters::Tally;
use crate::heal;
use crate::journal;
use crate::layout::{At, Layout};
use crate::segment::{Phase, Standing};
use crate::sync::Ordering;
use crate::table::{Ctl, State};
use crate::view::View;
use tidemill_seam::Life;

/// Two looks at one segment, and whom to tell.
pub(super) struct Chart<'c> {
    pub(super) first: &'c View<Copied<'c>>,
    pub(super) second: &'c View<Copied<'c>>,
    pub(super) lives: &'c Lives,
    pub(super) found: &'c mut dyn FnMut(Finding),
}

/// Below which everything is that anybody has come to: what is published, or what is claimed where several produce.
fn shown(view: &View<Copied<'_>>) -> u64 {
    if view.shared() { view.tail() } else { view.position(view.layout().published) }
}

impl<'c> Chart<'c> {
    pub(super) fn layout(&self) -> &'c Layout {
        self.second.layout()
    }

    pub(super) fn tell(&mut self, symptom: Symptom, slot: u32, at: At, value: u64) {
        (self.found)(Finding { symptom, slot, word: at.0, value, allowed: None });
    }

    /// Tells of a value that is not between two others.
    pub(super) fn within(
        &mut self,
        symptom: Symptom,
        slot: u32,
        at: At,
        (value, least, most): (u64, u64, u64),
    ) {
        if !(least..=most).contains(&value) {
            (self.found)(Finding { symptom, slot, word: at.0, value, allowed: Some((least, most)) });
        }
    }

    /// A word that stood still.
    pub(super) fn still_word(&self, at: At) -> Option<u32> {
        let [was, is] = [self.first, self.second].map(|view| view.load(at, Ordering::Relaxed));
        (was == is).then_some(is)
    }

    /// A position that stood still.
    fn still(&self, at: At) -> Option<u64> {
        let [was, is] = [self.first, self.second].map(|view| view.position(at));
        (was == is).then_some(is)
    }

    /// A count of items up to `cursor` that stood still.
    fn counted(&self, at: At, cursor: u64) -> Option<u64> {
        (0..Tally::WORDS).try_for_each(|i| self.still_word(at.plus(i)).map(drop))?;
        Some(Tally::new(at).total(self.second, cursor))
    }

    /// State, gate and publications: words of the producer.
    pub(super) fn stream(&mut self) {
        if self.second.shared() {
            return self.several();
        }
        let (layout, who) = (*self.layout(), Layout::PRODUCER);
        let (capacity, history) = (u64::from(layout.spec().capacity), u64::from(layout.spec().history));
        let word = self.second.load(Layout::STATE, Ordering::Relaxed);
        match Standing::decode(word) {
            Some(Standing { phase: Phase::Ready, generation: 0 }) => {}
            None | Some(Standing { generation: 0, .. }) => {
                self.tell(Symptom::State, who, Layout::STATE, u64::from(word));
            }
            Some(Standing { phase: Phase::Ready, generation })
                if self.lives.producer == Life::Dead && self.still_word(Layout::STATE).is_some() =>
            {
                self.tell(Symptom::Orphaned, who, Layout::STATE, u64::from(generation));
            }
            Some(_) => {}
        }
        // Written before the state says that there is a new producer, from what was published then.
        let (began, published) =
            (self.first.position(Layout::RESTART), self.second.position(layout.published));
        self.within(Symptom::Restart, who, Layout::RESTART, (began, 0, published));
        // A producer moves the gate no further than to what it has published, the history less.
        let (gate, most) = (self.first.position(layout.gate), published.saturating_sub(history));
        self.within(Symptom::Gate, who, layout.gate, (gate, 0, most));
        // What it publishes is below a clearance that is not above the gate, and a ring.
        let (published, gate) = (self.first.position(layout.published), self.second.position(layout.gate));
        let most = gate.saturating_add(capacity);
        self.within(Symptom::Published, who, layout.published, (published, 0, most));
        if let Some(gate) = self.still(layout.gate)
            && let Some(unheard) = self.counted(layout.unheard(), gate)
        {
            self.within(Symptom::Unheard, who, layout.unheard(), (unheard, 0, gate));
        }
    }

    /// Control words, and what their owners wrote.
    pub(super) fn table(&mut self) {
        for slot in self.second.slots() {
            let (at, word) = (self.layout().ctl(slot), self.second.ctl_word(slot));
            let Some(ctl) = Ctl::decode(word) else {
                self.tell(Symptom::Ctl, slot, at, u64::from(word));
                continue;
            };
            self.role(slot, ctl, at);
            // Whose word has changed since is somebody else by now, or about to be.
            if ctl.state == State::Free || self.still_word(at).is_none() {
                continue;
            }
            self.owner(slot, ctl, at);
            self.name(slot, ctl);
            // Who is joining writes its record.
            if ctl.state != State::Joining {
                self.progress(slot, ctl);
                self.account(slot, ctl);
            }
        }
    }

    /// What somebody chose to be.
    fn role(&mut self, slot: u32, ctl: Ctl, at: At) {
        let spec = *self.layout().spec();
        let word = u64::from(ctl.encode());
        if ctl.copies != ctl.may_be_overtaken() {
            self.tell(Symptom::Role, slot, at, word);
        }
        if ctl.state == State::Free {
            return;
        }
        if spec.policies.bits() >> ctl.policy & 1 == 0 {
            self.tell(Symptom::Policy, slot, at, word);
        }
        if ctl.is_lossy() && spec.history == 0 {
            self.tell(Symptom::NoHistory, slot, at, word);
        }
        if ctl.state == State::Evicted && !ctl.copies {
            self.tell(Symptom::Evicted, slot, at, word);
        }
    }

    /// Whether who has the slot lives.
    fn owner(&mut self, slot: u32, ctl: Ctl, at: At) {
        let marked = matches!(ctl.state, State::Dead | State::Held);
        match self.lives.slots.get(slot as usize) {
            // Marked by proof only, and what is dead stays so (P4).
            Some(Life::Alive) if marked => self.tell(Symptom::Alive, slot, at, u64::from(ctl.generation)),
            Some(Life::Dead) => {
                let kept = heal::is_kept(self.second, slot, ctl);
                let symptom = if kept { Symptom::Kept } else { Symptom::Dead };
                self.tell(symptom, slot, at, u64::from(ctl.generation));
            }
            _ => {}
        }
    }

    /// A name stands in the record before a slot is anybody's, and two that join under one name see each other before
    /// either is Live.
    fn name(&mut self, slot: u32, ctl: Ctl) {
        let (at, name) = (self.second.name_at(slot), self.second.name_of(slot));
        if self.first.name_of(slot) != name {
            return;
        }
        let Some(name) = name else {
            let word = self.second.load(at, Ordering::Relaxed);
            return self.tell(Symptom::Nameless, slot, at, u64::from(word));
        };
        if ctl.state == State::Joining {
            return;
        }
        for other in slot + 1..self.layout().spec().participants {
            let ctl = self.still_word(self.layout().ctl(other)).and_then(Ctl::decode);
            let stands = ctl.is_some_and(|ctl| !matches!(ctl.state, State::Free | State::Joining));
            let same = |view: &View<Copied<'_>>| view.name_of(other) == Some(name);
            if stands && same(self.first) && same(self.second) {
                self.tell(Symptom::Twin, other, self.second.name_at(other), u64::from(slot));
            }
        }
    }

    /// How far somebody came.
    fn progress(&mut self, slot: u32, ctl: Ctl) {
        let layout = *self.layout();
        let (at, cursor) = (layout.cursor(slot), self.first.position(layout.cursor(slot)));
        let published = shown(self.second);
        self.within(Symptom::Ahead, slot, at, (cursor, 0, published));
        let start = self.first.position(self.first.start_of(slot));
        self.within(Symptom::Start, slot, self.first.start_of(slot), (start, 0, published));
        // Who has moved from its start had joined, and from then on a producer that waits for it clears nothing that it has
        // not passed. Before that it may be overtaken, and may have died there.
        let (cursor, published) = (self.second.position(at), shown(self.first));
        if ctl.gates() && cursor > start && self.still(self.first.start_of(slot)).is_some() {
            let least = published.saturating_sub(u64::from(layout.spec().capacity));
            self.within(Symptom::Overtaken, slot, at, (cursor, least, cursor.max(least)));
        }
    }

    /// What became of the items of somebody, where it counts them no more or stood still.
    fn account(&mut self, slot: u32, ctl: Ctl) {
        let (view, layout) = (self.second, *self.layout());
        let gone = matches!(ctl.state, State::Dead | State::Held | State::Evicted);
        if gone
            && let (Some(left), Some(end)) = (self.still(view.left_of(slot)), self.still(view.end_of(slot)))
        {
            let published = shown(view);
            self.within(Symptom::End, slot, view.end_of(slot), (end, left, published.max(left)));
        }
        let at = if gone { view.left_of(slot) } else { layout.cursor(slot) };
        let tally = view.lagged_of(slot).at();
        if let (Some(cursor), Some(start)) = (self.still(at), self.still(view.start_of(slot)))
            && let Some(lagged) = self.counted(tally, cursor.max(start))
        {
            self.within(Symptom::Lagged, slot, tally, (lagged, 0, cursor.saturating_sub(start)));
        }
    }

    /// Events: each has a number below the count, of its own place.
    pub(super) fn journal(&mut self) {
        let layout = *self.layout();
        let events = layout.spec().journal;
        if events == 0 {
            return;
        }
        let count = self.second.load(layout.journal, Ordering::Relaxed);
        let published = shown(self.second);
        for place in 0..count.min(events) {
            let at = layout.event(place);
            let Some(stamp) = self.still_word(at) else { continue };
            // Whoever notes something takes its number first, and may die before it removes what stood there.
            if stamp != 0 && !journal::may_stand(stamp, (place, events), count) {
                self.tell(Symptom::Event, Layout::PRODUCER, at, u64::from(stamp));
            } else if stamp != 0
                && let Some(wrong) = self.first.misnoted(at, published)
            {
                // Read while the stamp stood.
                let word = self.first.load(wrong, Ordering::Relaxed);
                self.tell(Symptom::Event, Layout::PRODUCER, wrong, u64::from(word));
            }
        }
        for place in count.min(events)..events {
            let at = layout.event(place);
            if let Some(stamp @ 1..) = self.still_word(at) {
                self.tell(Symptom::Event, Layout::PRODUCER, at, u64::from(stamp));
            }
        }
    }
}
