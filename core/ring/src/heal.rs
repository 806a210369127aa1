//! What is done about the dead: only ever by proof (RL-8), and by whoever has the proof.

use crate::journal::Kind;
use crate::table::{Ctl, Policy, State};
use crate::view::View;
use tidemill_seam::{Duration, Exchange, Life, Liveness, Region};

/// A participant was proved dead: marks it so. `None` where somebody else was faster.
pub(crate) fn mark<R: Exchange>(view: &View<R>, slot: u32, seen: Ctl) -> Option<Ctl> {
    if seen.state != State::Live {
        return Some(seen);
    }
    let cursor = view.position(view.layout().cursor(slot));
    // Before the word says that it is gone: what it had not read by now is lost (RL-17).
    view.note_end(slot, cursor);
    let dead = seen.to(State::Dead);
    view.turn(slot, seen, dead).then(|| {
        view.note(Kind::Died, slot, seen.generation, cursor);
        dead
    })
}

/// Frees the slot of a participant that was proved dead. `None` where somebody else was faster.
pub(crate) fn free<R: Exchange>(view: &View<R>, slot: u32, seen: Ctl) -> Option<Ctl> {
    let dead = mark(view, slot, seen)?;
    let free = dead.to(State::Free);
    view.turn(slot, dead, free).then(|| {
        view.note(Kind::Freed, slot, seen.generation, view.position(view.layout().cursor(slot)));
        free
    })
}

/// Whether the place of a dead one is kept for its name.
pub(crate) fn is_kept<R: Region>(view: &View<R>, slot: u32, ctl: Ctl) -> bool {
    let fails = ctl.policy == Policy::Fail { after: Duration::ZERO }.number();
    ctl.state == State::Held || (ctl.gates() && (fails || view.hold_of(slot) > Duration::ZERO))
}

/// Frees the first slot of the table whose owner is dead and for whose name nothing is kept.
pub(crate) fn steal<R: Exchange, L: Liveness>(view: &View<R>, live: &L) -> Option<(u32, Ctl)> {
    view.slots().find_map(|slot| {
        let ctl = view.ctl(slot)?;
        let dead = !is_kept(view, slot, ctl) && live.probe(slot, ctl.generation) == Life::Dead;
        if dead { Some((slot, free(view, slot, ctl)?)) } else { None }
    })
}
