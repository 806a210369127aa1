//! Who takes part: one control word a slot, moved by compare-and-swap, and a record that its owner writes.
//!
//! ```text
//!  Free ─join─▶ Joining ──▶ Live ──▶ Leaving ──▶ Free          the owner, under its claim
//!                 │          ├─ proof ─▶ Dead ──▶ Free │ Held   whoever proved the death (RL-8)
//!                 └─ proof ──┼────────────────▶ Free            Held ─same name again─▶ Live (next generation)
//!                            └─ Evicted ──▶ Free                acknowledged, or proved dead (RL-9)
//! ```
//! - **RL-7** *One owner a slot.* The claim comes first, the table second; a name is unique among all slots that are not
//!   Free. The generation in the word is that of the claim: whoever looked at an earlier one moves nothing.
//! - A slot gates while it is Live, Dead or Held under a policy that gates. Joining, Leaving and Evicted hold nothing back.

use crate::counters::Tally;
use crate::layout::{At, Layout};
use crate::sync::Ordering;
use crate::view::View;
use tidemill_seam::{Duration, Exchange, Region};

mod peer;
mod presence;

pub use peer::{Identity, Peer, PeerName, PeerNameError};

/// What happens to a participant that the ring is full because of, and to what it has not read when it dies.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Policy {
    /// The producer waits for it. Once it is proved dead it no longer does.
    #[default]
    Block,
    /// Nobody waits for it: it reads copies and is told what it missed.
    Lossy,
    /// The producer waits so long for it to move; then it is out, and is told so. It reads copies.
    Evict {
        /// How long without a move.
        after: Duration,
    },
    /// The producer waits so long for it to move; then every publication is refused until it moves or leaves. Its death
    /// is no excuse: publication is refused until the same name is back.
    Fail {
        /// How long without a move.
        after: Duration,
    },
}

/// Which policies participants may choose among.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Policies(u32);

/// Where a slot of the table stands in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// Nobody's.
    Free,
    /// Its owner writes its record.
    Joining,
    /// Its owner reads.
    Live,
    /// Its owner reads no more.
    Leaving,
    /// Its owner was proved dead.
    Dead,
    /// Its owner was proved dead, and its place is kept for the same name.
    Held,
    /// It was too slow. Nobody gets the slot before its owner knows, or is proved dead.
    Evicted,
}

/// A control word: the state of a slot, what its owner chose to be, and which owner it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ctl {
    /// Where it stands.
    pub state: State,
    /// The number of the policy, as [`Policy::number`] gives it.
    pub policy: u32,
    /// Reads copies, and may be overtaken while it lives.
    pub copies: bool,
    /// The generation of its owner's claim: 25 bits.
    pub generation: u32,
}

/// Generations of one slot before the first comes again.
pub(crate) const GENERATIONS: u32 = 1 << 25;

impl Policies {
    /// Every policy.
    pub const ALL: Self = Self(0b1111);
    /// Only those that gate for ever.
    pub const BLOCK: Self = Self(0b0001);

    /// With one more.
    #[must_use]
    pub const fn and(self, policy: Policy) -> Self {
        Self(self.0 | 1 << policy.number())
    }

    /// Whether a participant may choose it.
    pub const fn allow(self, policy: Policy) -> bool {
        self.0 >> policy.number() & 1 == 1
    }

    /// As a header holds them.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// As a header held them; `None` where there is one that nobody here knows, or none at all.
    pub const fn from_bits(bits: u32) -> Option<Self> {
        if bits == 0 || bits & !Self::ALL.0 != 0 { None } else { Some(Self(bits)) }
    }
}

impl Policy {
    /// As a control word holds it.
    pub const fn number(self) -> u32 {
        match self {
            Self::Block => 0,
            Self::Lossy => 1,
            Self::Evict { .. } => 2,
            Self::Fail { .. } => 3,
        }
    }

    /// Whether the producer waits for a participant of this policy while it lives.
    pub const fn gates(self) -> bool {
        !matches!(self, Self::Lossy)
    }

    /// Whether it may be overtaken while it lives, and so reads copies only (RL-5).
    pub const fn copies(self) -> bool {
        matches!(self, Self::Lossy | Self::Evict { .. })
    }

    fn after(self) -> Duration {
        match self {
            Self::Evict { after } | Self::Fail { after } => after,
            Self::Block | Self::Lossy => Duration::ZERO,
        }
    }
}

impl Ctl {
    const LOSSY: u32 = 1;
    const EVICT: u32 = 2;

    /// As it stands in a word.
    pub const fn encode(self) -> u32 {
        let state = self.state as u32;
        state | (self.copies as u32) << 3 | self.policy << 5 | (self.generation & (GENERATIONS - 1)) << 7
    }

    /// As it stood in a word; `None` where no owner writes that (RL-18).
    pub const fn decode(word: u32) -> Option<Self> {
        let state = match word & 7 {
            0 => State::Free,
            1 => State::Joining,
            2 => State::Live,
            3 => State::Leaving,
            4 => State::Dead,
            5 => State::Held,
            6 => State::Evicted,
            _ => return None,
        };
        let role = word >> 3 & 3;
        if role > 1 {
            return None;
        }
        Some(Self { state, policy: word >> 5 & 3, copies: role == 1, generation: word >> 7 })
    }

    /// Whether the producer waits for this slot.
    #[inline]
    pub const fn gates(self) -> bool {
        matches!(self.state, State::Live | State::Dead | State::Held) && self.policy != Self::LOSSY
    }

    /// Whether nobody ever waits for this slot.
    pub(crate) const fn is_lossy(self) -> bool {
        self.policy == Self::LOSSY
    }

    /// Whether its policy lets it be overtaken while it lives (RL-5).
    pub(crate) const fn may_be_overtaken(self) -> bool {
        self.is_lossy() || self.policy == Self::EVICT
    }

    pub(crate) const fn to(self, state: State) -> Self {
        Self { state, ..self }
    }

    pub(crate) const fn next_generation(self) -> u32 {
        (self.generation + 1) & (GENERATIONS - 1)
    }
}

/// What stands in a record, by its first word.
mod at {
    pub(super) const WHO: u32 = 0;
    pub(super) const NAME: u32 = 5;
    pub(super) const START: u32 = 11;
    pub(super) const LEFT: u32 = 13;
    pub(super) const END: u32 = 15;
    pub(super) const AFTER: u32 = 17;
    pub(super) const HOLD: u32 = 19;
    pub(super) const LAGGED: u32 = 21;
    pub(super) const READY: u32 = LAGGED + super::Tally::WORDS;
    pub(super) const DONE: u32 = READY + 1;
}

const _: () = assert!(at::DONE < crate::layout::RECORD_WORDS, "a record ends after its last field");

/// The table, as everybody sees it.
impl<R: Region> View<R> {
    /// The control word of a slot, with everything that was stored before it was written.
    #[inline]
    pub(crate) fn ctl_word(&self, slot: u32) -> u32 {
        // Acquire: pairs with whoever moved the word: the record behind a Live one is whole, and an owner that left has
        // read what it read (RL-2).
        self.load(self.layout().ctl(slot), Ordering::Acquire)
    }

    pub(crate) fn ctl(&self, slot: u32) -> Option<Ctl> {
        Ctl::decode(self.ctl_word(slot))
    }

    pub(crate) fn slots(&self) -> core::ops::Range<u32> {
        0..self.layout().spec().participants
    }

    pub(crate) fn name_at(&self, slot: u32) -> At {
        self.layout().record(slot).plus(at::NAME)
    }

    pub(crate) fn name_of(&self, slot: u32) -> Option<PeerName> {
        let mut words = [0; PeerName::WORDS];
        self.read(self.name_at(slot), &mut words);
        PeerName::decode(&words)
    }

    pub(crate) fn who_of(&self, slot: u32) -> Identity {
        let mut words = [0; Identity::WORDS];
        self.read(self.layout().record(slot).plus(at::WHO), &mut words);
        Identity::decode(&words)
    }

    pub(crate) fn start_of(&self, slot: u32) -> At {
        self.layout().record(slot).plus(at::START)
    }

    pub(crate) fn left_of(&self, slot: u32) -> At {
        self.layout().record(slot).plus(at::LEFT)
    }

    pub(crate) fn end_of(&self, slot: u32) -> At {
        self.layout().record(slot).plus(at::END)
    }

    pub(crate) fn lagged_of(&self, slot: u32) -> Tally {
        Tally::new(self.layout().record(slot).plus(at::LAGGED))
    }

    /// What a participant passed that was no item; `None` where there is one producer, which leaves no gaps.
    pub(crate) fn skipped_of(&self, slot: u32) -> Option<Tally> {
        self.shared().then(|| Tally::new(self.layout().skipped(slot)))
    }

    /// Whoever joins has passed nothing yet.
    pub(crate) fn clear_counts(&self, slot: u32) {
        self.lagged_of(slot).clear(self);
        self.skipped_of(slot).into_iter().for_each(|skipped| skipped.clear(self));
    }

    pub(crate) fn after_of(&self, slot: u32) -> Duration {
        self.duration(self.layout().record(slot).plus(at::AFTER))
    }

    pub(crate) fn hold_of(&self, slot: u32) -> Duration {
        self.duration(self.layout().record(slot).plus(at::HOLD))
    }

    fn duration(&self, at: At) -> Duration {
        let mut words = [0; 2];
        self.read(at, &mut words);
        Duration::from_nanos(u64::from(words[0]) | u64::from(words[1]) << 32)
    }

    /// Writes what a participant says about itself. Its slot is Joining, and so nobody else's.
    pub(crate) fn inscribe(&self, slot: u32, peer: &Peer) {
        let record = self.layout().record(slot);
        self.write(record.plus(at::WHO), &peer.who.encode());
        self.write(record.plus(at::NAME), &peer.name.encode());
        for (at, span) in [(at::AFTER, peer.policy.after()), (at::HOLD, peer.hold)] {
            let nanos = span.as_nanos();
            self.write(record.plus(at), &[nanos as u32, (nanos >> 32) as u32]);
        }
    }

    /// Notes how far a participant came, and how far it could have: what accounting needs once it is gone. Written before
    /// the control word says that it is, so whoever dies between leaves a note that nobody reads.
    pub(crate) fn note_end(&self, slot: u32, left: u64) {
        let published = self.published();
        self.set(self.left_of(slot), left);
        self.set(self.end_of(slot), published.max(left));
    }
}

impl<R: Exchange> View<R> {
    /// Moves a control word on from what it was seen as. `false` where somebody else was faster.
    pub(crate) fn turn(&self, slot: u32, from: Ctl, to: Ctl) -> bool {
        self.exchange(self.layout().ctl(slot), from.encode(), to.encode()).is_ok()
    }
}

impl Layout {
    /// The claim of the producer: one number above all slots.
    pub const PRODUCER: u32 = crate::layout::PARTICIPANTS_MAX;
    /// The claim of whoever makes the segment.
    pub const CREATOR: u32 = Self::PRODUCER + 1;
    /// The claim of the first of several producers; those of the others follow.
    pub const POSTS: u32 = Self::CREATOR + 1;
    /// The claim of who counts in the first place of the application's counters; those of the others follow.
    pub const COUNTERS: u32 = Self::POSTS + crate::layout::PRODUCERS_MAX;
    /// The claim of who declares one of them.
    pub const REGISTRAR: u32 = Self::COUNTERS + crate::layout::COUNTERS_MAX;
    /// Claims that there are on a segment.
    pub const CLAIMS: u32 = Self::REGISTRAR + 1;
}

#[cfg(all(test, not(any(feature = "loom", feature = "shuttle"))))]
mod tests;
