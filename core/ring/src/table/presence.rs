use super::{Ctl, PeerName, State, at};
use crate::required::Presence;
use crate::sync::Ordering;
use crate::view::View;
use tidemill_seam::{Life, Liveness, Region};

/// What says so of the owner of that generation, and of no other.
const fn mark(generation: u32) -> u32 {
    generation + 1
}

impl<R: Region> View<R> {
    /// Whether the owner of a slot said that it was ready.
    pub(crate) fn is_ready(&self, slot: u32, ctl: Ctl) -> bool {
        // Acquire: pairs with the Release in `say_ready`.
        let said = self.load(self.layout().record(slot).plus(at::READY), Ordering::Acquire);
        ctl.state == State::Live && said == mark(ctl.generation)
    }

    /// Participants that are waited for, ready, and not proved dead.
    pub(crate) fn count_ready<L: Liveness>(&self, live: &L) -> u32 {
        let ready = |slot: &u32| {
            let is_ready = |ctl: &Ctl| ctl.gates() && self.is_ready(*slot, *ctl);
            let ctl = self.ctl(*slot).filter(is_ready);
            ctl.is_some_and(|ctl| live.probe(*slot, ctl.generation) != Life::Dead)
        };
        self.slots().filter(ready).count() as u32
    }

    /// The slot of that name, and its control word: of who is there, or of who was there last.
    pub(crate) fn find(&self, name: &str) -> Option<(u32, Ctl)> {
        let bears = |slot: u32| self.name_of(slot).is_some_and(|own: PeerName| own.as_str() == name);
        let mut left = None;
        for slot in self.slots().filter(|slot| bears(*slot)) {
            match self.ctl(slot) {
                Some(ctl) if ctl.state != State::Free => return Some((slot, ctl)),
                Some(ctl) => left = left.or(Some((slot, ctl))),
                None => {}
            }
        }
        left
    }

    /// Where the owner of a slot is, by the proof of `live` where that is asked for.
    pub(crate) fn presence<L: Liveness>(&self, slot: u32, ctl: Ctl, live: &L) -> Presence {
        let is_dead = || live.probe(slot, ctl.generation) == Life::Dead;
        match ctl.state {
            State::Free | State::Leaving => {
                // Acquire: pairs with the Release in `say_done`.
                let said = self.load(self.layout().record(slot).plus(at::DONE), Ordering::Acquire);
                if said == mark(ctl.generation) { Presence::Done } else { Presence::Left }
            }
            State::Dead | State::Held => Presence::Dead,
            State::Evicted => Presence::Left,
            State::Joining if is_dead() => Presence::Absent,
            State::Joining => Presence::Joining,
            State::Live if is_dead() => Presence::Dead,
            State::Live if self.is_ready(slot, ctl) => Presence::Ready,
            State::Live => Presence::Joining,
        }
    }

    pub(crate) fn say_ready(&self, slot: u32, ctl: Ctl) {
        // Release: pairs with the Acquire in `is_ready`.
        self.store(self.layout().record(slot).plus(at::READY), mark(ctl.generation), Ordering::Release);
        self.rouse_producer();
    }

    pub(crate) fn say_done(&self, slot: u32, ctl: Ctl) {
        // Release: pairs with the Acquire in `presence`.
        self.store(self.layout().record(slot).plus(at::DONE), mark(ctl.generation), Ordering::Release);
    }
}
