//! The laws of a ring of several producers. Each says why what it forbids cannot have been left by a death either.

use super::Symptom;
use super::chart::Chart;
use crate::claim::Said;
use crate::layout::Layout;
use crate::segment::{Phase, Standing};
use crate::sync::Ordering;
use tidemill_seam::Life;

impl Chart<'_> {
    /// State, gate, tail, posts and claims: words of the producers.
    pub(super) fn several(&mut self) {
        let (layout, who) = (*self.layout(), Layout::PRODUCER);
        let (capacity, history) = (u64::from(layout.spec().capacity), u64::from(layout.spec().history));
        let word = self.second.load(Layout::STATE, Ordering::Relaxed);
        // It has no producer of its own.
        if Standing::decode(word) != Some(Standing { phase: Phase::Ready, generation: 0 }) {
            self.tell(Symptom::State, who, Layout::STATE, u64::from(word));
        }
        // Raised no further than to what is settled, the history less; and that lies below the tail.
        let (gate, most) = (self.first.gate(), self.second.tail().saturating_sub(history));
        self.within(Symptom::Gate, who, layout.gate, (gate, 0, most));
        // A claim is below a clearance that is not above the gate, and a ring; the tail is raised to behind a claim.
        let (tail, gate) = (self.first.tail(), self.second.gate());
        let most = gate.saturating_add(capacity);
        self.within(Symptom::Published, who, layout.published, (tail, 0, most));
        self.within(Symptom::Unheard, who, layout.gate, (self.first.unheard_by_all(), 0, gate));
        for k in self.second.posts() {
            self.post(k, most - 1);
        }
        for position in gate..tail.min(most) {
            self.claim(position);
        }
    }

    /// The place of a producer: where it last meant to claim, `most` at most, and whether its owner lives.
    fn post(&mut self, k: u32, most: u64) {
        let (at, slot) = (self.layout().post(k), Layout::claim_of_post(k));
        let dead = self.lives.posts.get(k as usize) == Some(&Life::Dead);
        if let (true, Some(post)) = (dead, self.still_post(k))
            && post.taken
        {
            self.tell(Symptom::Dead, slot, at, u64::from(post.generation));
        }
        // Written down before the claim, and only where there is room.
        if let Some(last) = self.first.last_claim(k, most) {
            let at = self.second.claim_noted_at(k);
            self.within(Symptom::Claim, slot, at, (last.end.wrapping_sub(1), 0, most));
        }
    }

    /// A position from the gate to the tail: it was claimed before the tail was raised, by somebody who keeps its post until
    /// that is settled, or voided by who has the proof; and is not claimed anew before the gate has passed it.
    fn claim(&mut self, position: u64) {
        let ((was, _), (is, word)) = (self.first.said(position), self.second.said(position));
        let stood = self.first.said(position).1 == word;
        let symptom = match is {
            _ if was == Said::Later => Symptom::Lapped,
            Said::Claimed(k) if k >= self.layout().spec().producers => Symptom::Owner,
            Said::Claimed(k) if stood && self.is_nobodys(k) => Symptom::Owner,
            // Claimed with the first of its run.
            Said::Earlier => match self.second.posts().find(|k| self.claims(*k, position)) {
                Some(k) if stood && self.is_nobodys(k) => Symptom::Owner,
                Some(_) => return,
                None => Symptom::Unclaimed,
            },
            Said::Claimed(_) | Said::Item | Said::Gap | Said::Later => return,
        };
        self.tell(symptom, Layout::PRODUCER, self.layout().entry(position), word);
    }

    /// Whether the owner of a post claimed a position with others.
    fn claims(&self, k: u32, position: u64) -> bool {
        let run = self.second.last_claim(k, position).filter(|run| run.contains(position));
        run.is_some_and(|run| self.second.is_claimed(k, run))
    }

    fn is_nobodys(&self, k: u32) -> bool {
        self.still_post(k).is_some_and(|post| !post.taken)
    }

    /// A post whose word stood still.
    fn still_post(&self, k: u32) -> Option<crate::claim::Post> {
        self.still_word(self.layout().post(k)).map(|_| self.second.post(k))
    }
}
