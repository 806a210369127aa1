//! What is done about the dead: only ever by proof (RL-8), and by whoever has the proof.

use crate::claim::{Post, Said, settled};
use crate::index::Mark;
use crate::journal::Kind;
use crate::layout::Layout;
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

/// What was done about dead producers among several.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Healed {
    /// Posts that are free again.
    pub freed: u32,
    /// Claims that will never be items.
    pub voided: u32,
}

/// Sees to every producer among several that is proved dead: what it had claimed is void, its post free (RL-12).
///
/// Any number may do so at a time, die at any store of it, or go on with it an hour later.
pub(crate) fn producers<R: Exchange, L: Liveness>(view: &View<R>, live: &L) -> Healed {
    let mut healed = Healed::default();
    for k in view.posts() {
        let post = view.post(k);
        if post.taken && live.probe(Layout::claim_of_post(k), post.generation) == Life::Dead {
            producer(view, k, post, &mut healed);
        }
    }
    healed
}

/// The owner of that post was proved dead. Gives the post as it is then, if that was our doing.
pub(crate) fn producer<R: Exchange>(view: &View<R>, k: u32, dead: Post, healed: &mut Healed) -> Option<Post> {
    let slot = Layout::claim_of_post(k);
    // Whatever it stored is there (P3): if it claimed anything that it did not settle, then there.
    if let Some(run) = view.last_claim(k, view.tail())
        && let Some(first) = view.unsettled(k, run)
        // The post is looked at behind the words: as long as it is the dead one's, so is a claim in its name.
        && view.post(k) == dead
    {
        view.raise_tail(run.end);
        // Nobody reads any of it before the first is void, so nobody sees a part of what was to be shown at once.
        for at in (first..run.end).rev() {
            if void(view, k, at) {
                view.note(Kind::Voided, slot, dead.generation, at);
                healed.voided += 1;
            }
        }
        // Where nobody gates, producers wait for that claim themselves.
        view.rouse_everybody();
    }
    let free = dead.freed(true);
    view.turn_post(k, dead, free).then(|| {
        view.note(Kind::Freed, slot, dead.generation, view.tail());
        view.rouse_readers();
        healed.freed += 1;
        free
    })
}

/// Settles what a dead one had claimed, whatever it had filled there. `false` where there is nothing to do any more.
fn void<R: Exchange>(view: &View<R>, k: u32, at: u64) -> bool {
    let (said, word) = view.said(at);
    !matches!(said, Said::Gap | Said::Later) && view.exchange_commit(at, word, settled(at, k, Mark::Void))
}
