//! How a participant comes to its slot, and how it goes.
//!
//! - **RL-4** *Join needs nobody's help.* Write a cursor not below the gate, be Live, fence, look at the gate again; where it
//!   has passed the cursor, take it and look again. The producer stores a gate, fences, and looks at the table (RL-3): one
//!   of the two sees the other.

use crate::header::Incompatible;
use crate::heal;
use crate::journal::Kind;
use crate::layout::Layout;
use crate::segment::{PeerFault, Position};
use crate::sync::Ordering;
use crate::table::{Ctl, Peer, Policy, State};
use crate::view::View;
use core::fmt;
use tidemill_seam::{Exchange, Life, Liveness, Region};

/// Where a participant begins.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Start {
    /// At the oldest item that is surely intact.
    Earliest,
    /// At what is published next.
    #[default]
    Latest,
    /// At this position.
    At(Position),
    /// Where the last one of this name stopped, who died; at the earliest where nobody did.
    Resume,
}

/// Why somebody does not take part.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum JoinError {
    /// The slots hold something else.
    Incompatible(Incompatible),
    /// Somebody has that name, and lives or cannot be proved dead (RL-7).
    NameTaken {
        /// Its slot.
        slot: u32,
    },
    /// Every slot is somebody's.
    TableFull {
        /// Slots that there are.
        participants: u32,
    },
    /// Others took every slot that was free at first.
    Contended,
    /// That position is not intact any more.
    Gone {
        /// The oldest that is.
        earliest: Position,
    },
    /// That position was not published yet.
    Ahead {
        /// The next that will be.
        latest: Position,
    },
    /// The maker of the segment allows no such policy.
    Policy(Policy),
    /// A lossy reader of a ring that keeps no history would miss items while it keeps up (RL-6).
    NoHistory,
    /// Who may be overtaken reads copies: a [`Reader`](crate::reader::Reader), not a consumer; and who may not, a consumer.
    Role(Policy),
    /// A word was found that its owner does not write (RL-18).
    Fault(PeerFault),
}

/// A place in the table that was won.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seat {
    pub(crate) slot: u32,
    /// Live, of our generation.
    pub(crate) ctl: Ctl,
    pub(crate) next: u64,
}

/// Each producer stores at most one gate that it had in mind before it sees us; hostile ones store what they like (RL-18).
const ROUNDS: u32 = 8;

/// Takes a slot for `peer`.
pub(crate) fn join<R: Exchange, L: Liveness>(
    view: &View<R>,
    live: &L,
    peer: &Peer,
    start: Start,
) -> Result<Seat, JoinError> {
    let spec = view.layout().spec();
    if !spec.policies.allow(peer.policy) {
        return Err(JoinError::Policy(peer.policy));
    }
    if peer.policy == Policy::Lossy && spec.history == 0 {
        return Err(JoinError::NoHistory);
    }
    // Each further turn means that somebody else was faster at the slot that we saw.
    for _ in 0..=spec.participants {
        match find(view, live, peer, start)? {
            Found::Resumed(slot, ctl) => return resume(view, live, peer, (slot, ctl)),
            Found::Free { slot, seen, from } => {
                if let Some(seat) = settle(view, live, peer, (slot, seen), (start, from))? {
                    return Ok(seat);
                }
            }
            Found::Lost => {}
        }
    }
    Err(JoinError::Contended)
}

enum Found {
    /// The place of a dead one of our name is ours, as it was left.
    Resumed(u32, Ctl),
    /// A slot that is free; the dead one of our name stopped at `from`, which is not before the gate.
    Free { slot: u32, seen: Ctl, from: Option<Position> },
    /// Somebody else was faster.
    Lost,
}

fn find<R: Exchange, L: Liveness>(
    view: &View<R>,
    live: &L,
    peer: &Peer,
    start: Start,
) -> Result<Found, JoinError> {
    let mut free = None;
    for slot in view.slots() {
        let Some(ctl) = view.ctl(slot) else { continue };
        if ctl.state == State::Free {
            free = free.or(Some((slot, ctl)));
        } else if view.name_of(slot) == Some(peer.name) {
            if live.probe(slot, ctl.generation) != Life::Dead {
                return Err(JoinError::NameTaken { slot });
            }
            return succeed(view, live, peer, start, (slot, ctl));
        }
    }
    let taken = free.or_else(|| heal::steal(view, live));
    let participants = view.layout().spec().participants;
    let (slot, seen) = taken.ok_or(JoinError::TableFull { participants })?;
    Ok(Found::Free { slot, seen, from: None })
}

/// Whether a producer is sure to wait for who has that slot, if it does at all: one that died while it looked at the gate again
/// (RL-4) may have been overtaken, and nobody knows.
fn has_settled<R: Region>(view: &View<R>, slot: u32, seen: Ctl) -> bool {
    // SeqCst: the partner is that of `rescan`; in the place of the one that the dead may not have come to: a gate that was stored by who did not see it Live
    // is seen here (RL-3).
    view.fence(Ordering::SeqCst);
    let (start, cursor) = (view.position(view.start_of(slot)), view.position(view.layout().cursor(slot)));
    !seen.gates() || cursor > start || view.position(view.layout().gate) <= cursor
}

/// A dead one of our name has that slot: its place is taken over as it is, or freed.
fn succeed<R: Exchange, L: Liveness>(
    view: &View<R>,
    live: &L,
    peer: &Peer,
    start: Start,
    (slot, seen): (u32, Ctl),
) -> Result<Found, JoinError> {
    let standing = matches!(seen.state, State::Live | State::Dead | State::Held);
    // Who was not waited for may lie before the gate, and cannot begin to gate there.
    let gates = seen.gates() || !peer.policy.gates();
    if start == Start::Resume && standing && gates && has_settled(view, slot, seen) {
        let ctl = Ctl {
            state: State::Live,
            policy: peer.policy.number(),
            copies: peer.policy.copies(),
            generation: seen.next_generation(),
        };
        live.claim(slot, ctl.generation).map_err(|_| JoinError::NameTaken { slot })?;
        // What gates goes on gating while it changes hands: at no moment may the gate pass its cursor.
        if view.turn(slot, seen, ctl) {
            return Ok(Found::Resumed(slot, ctl));
        }
        live.release(slot, ctl.generation);
        return Ok(Found::Lost);
    }
    let was_reading = start == Start::Resume && seen.state != State::Joining;
    let from = was_reading.then(|| {
        let (cursor, gate) = (view.position(view.layout().cursor(slot)), view.gate());
        Position(cursor.max(gate))
    });
    Ok(heal::free(view, slot, seen).map_or(Found::Lost, |seen| Found::Free { slot, seen, from }))
}

/// Goes on where the dead one of our name stopped.
fn resume<R: Exchange, L: Liveness>(
    view: &View<R>,
    live: &L,
    peer: &Peer,
    (slot, ctl): (u32, Ctl),
) -> Result<Seat, JoinError> {
    view.inscribe(slot, peer);
    let (at, next) = (view.layout().cursor(slot), view.position(view.layout().cursor(slot)));
    let published = view.published();
    let least =
        if ctl.gates() { published.saturating_sub(u64::from(view.layout().spec().capacity)) } else { 0 };
    if !(least..=published).contains(&next) {
        go(view, live, slot, ctl, next);
        let fault = PeerFault { slot, word: at.0, value: next, allowed: (least, published) };
        return Err(JoinError::Fault(fault));
    }
    view.note(Kind::Resumed, slot, ctl.generation, next);
    Ok(Seat { slot, ctl, next })
}

/// Makes a free slot ours. `None` where somebody else was faster.
fn settle<R: Exchange, L: Liveness>(
    view: &View<R>,
    live: &L,
    peer: &Peer,
    (slot, seen): (u32, Ctl),
    start: (Start, Option<Position>),
) -> Result<Option<Seat>, JoinError> {
    let (policy, generation) = (peer.policy, seen.next_generation());
    let joining = Ctl { state: State::Joining, policy: policy.number(), copies: policy.copies(), generation };
    if live.claim(slot, generation).is_err() {
        return Ok(None);
    }
    // The name stands there before the state says that the slot is somebody's: the claim is ours, and nobody moves a free
    // slot without it.
    if view.ctl(slot) == Some(seen) {
        view.inscribe(slot, peer);
        view.clear_counts(slot);
        if view.turn(slot, seen, joining) {
            let seat = choose(view, peer, (slot, joining), start);
            return seat.map(Some).inspect_err(|_| live.release(slot, generation));
        }
    }
    live.release(slot, generation);
    Ok(None)
}

/// Chooses where to begin, and goes live. On an error the slot is free again.
fn choose<R: Exchange>(
    view: &View<R>,
    peer: &Peer,
    (slot, joining): (u32, Ctl),
    (start, from): (Start, Option<Position>),
) -> Result<Seat, JoinError> {
    let give_up = |from: Ctl, error| {
        view.turn(slot, from, from.to(State::Free));
        Err(error)
    };
    // SeqCst: pairs with itself in who joins under the same name at the same moment: one of two sees the other (RL-7).
    view.fence(Ordering::SeqCst);
    let other = |other: &u32| {
        *other != slot
            && view.ctl(*other).is_some_and(|ctl| ctl.state != State::Free)
            && view.name_of(*other) == Some(peer.name)
    };
    if let Some(slot) = view.slots().find(other) {
        return give_up(joining, JoinError::NameTaken { slot });
    }
    let (published, gate) = (view.published(), view.gate());
    let mut next = match start {
        Start::Earliest => gate,
        Start::Resume => from.map_or(gate, |from| from.0.max(gate)),
        Start::Latest => published,
        Start::At(Position(at)) if at > published => {
            return give_up(joining, JoinError::Ahead { latest: Position(published) });
        }
        Start::At(Position(at)) => at,
    };
    let begin = |next| {
        // The start first: between the two the account takes the later one.
        view.set(view.start_of(slot), next);
        view.set(view.layout().cursor(slot), next);
    };
    begin(next);
    let live = joining.to(State::Live);
    view.turn(slot, joining, live);
    for _ in 0..ROUNDS.max(2 * view.layout().spec().producers + 1) {
        // SeqCst: pairs with the one in `Gate::rescan`: it sees us Live, or we see its gate (RL-4).
        view.fence(Ordering::SeqCst);
        let gate = view.gate();
        if gate <= next {
            view.note(Kind::Joined, slot, live.generation, next);
            return Ok(Seat { slot, ctl: live, next });
        }
        if matches!(start, Start::At(_)) {
            let leaving = live.to(State::Leaving);
            view.turn(slot, live, leaving);
            return give_up(leaving, JoinError::Gone { earliest: Position(gate) });
        }
        next = gate;
        begin(next);
    }
    let (word, most) = (view.layout().gate.0, next);
    let fault = PeerFault { slot: Layout::PRODUCER, word, value: gate, allowed: (0, most) };
    let leaving = live.to(State::Leaving);
    view.turn(slot, live, leaving);
    give_up(leaving, JoinError::Fault(fault))
}

/// Gives a slot up that was ours: what was not read is left.
pub(crate) fn go<R: Exchange, L: Liveness>(view: &View<R>, live: &L, slot: u32, ctl: Ctl, next: u64) {
    view.note_end(slot, next);
    let leaving = ctl.to(State::Leaving);
    if view.turn(slot, ctl, leaving) {
        view.turn(slot, leaving, ctl.to(State::Free));
        view.note(Kind::Left, slot, ctl.generation, next);
    } else {
        // Evicted: now its owner knows (RL-9). Any other state is nobody's to end but who proved our death.
        let evicted = ctl.to(State::Evicted);
        if view.turn(slot, evicted, ctl.to(State::Free)) {
            view.note(Kind::Freed, slot, ctl.generation, next);
        }
    }
    live.release(slot, ctl.generation);
    view.rouse_producer();
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Incompatible(error) => fmt::Display::fmt(error, f),
            Self::NameTaken { slot } => {
                write!(f, "slot {slot} has that name, and its owner is not proved dead")
            }
            Self::TableFull { participants } => write!(f, "all {participants} places of the table are taken"),
            Self::Contended => f.write_str("others took every place that was free"),
            Self::Gone { earliest } => write!(f, "the oldest intact position is {earliest}"),
            Self::Ahead { latest } => write!(f, "the next position is {latest}"),
            Self::Policy(policy) => write!(f, "this ring does not allow {policy:?}"),
            Self::NoHistory => f.write_str("a ring without history has no lossy readers"),
            Self::Role(policy) => write!(f, "{policy:?} is for the other kind of participant"),
            Self::Fault(fault) => fmt::Display::fmt(fault, f),
        }
    }
}

impl core::error::Error for JoinError {}
