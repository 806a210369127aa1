//! Whose a position is, where several produce.
//!
//! ```text
//!  an older stamp ──claim──▶ CLAIMED {p, owner} ──▶ COMMITTED     its owner, once the item is written
//!                                 ├────────────────▶ SKIP          its owner, who thought better of it
//!                                 └─ proof ────────▶ VOID          whoever has proof that the owner is dead
//! ```
//! - **RL-11** *Claim.* Position `p` is whoever's exchange put `{p, owner, CLAIMED}` in the place of an older stamp into the
//!   commit word of its slot. The claim and its owner are one word: nobody has to guess whose a claim is, or whether it was
//!   made. Positions are claimed in order; a producer has one claim at a time, and writes down where before it makes it, and of
//!   how many positions: those that follow the first are claimed with it ([`Run`]), and their words are older until they settle.
//!   So nobody claims a position without having come past the word of every run before it: from one that is claimed or settled
//!   the next one is behind what its owner wrote down, unless that is of another run by now, and this one settled.
//! - **RL-12** *Recovery.* A word never comes back to what it was, because stamps only grow: an exchange from what was observed
//!   succeeds only where nothing happened since, an hour later as well. Who is proved dead behind the look at its claim is
//!   its owner for as long as that word stands, for its post is given to nobody before the claim is settled.
//! - What is shown together settles from its end on, and so do the dead's claims: whoever reads stops at the first that is not
//!   settled, and finds all of it behind that one, or finds all of it void.
//! - The tail is where to look for the next position to claim. It is raised before a word settles, so whatever was published
//!   lies below it; and by whoever finds a claim above it, so who died in between holds up nobody.
//!
//! A claim by one word of 32 bits cannot be had: a position and its owner do not fit in so that no later one looks the same to
//! somebody who slept. So this needs pairs that are one atomic (G9), and a ring elsewhere has one producer.

use crate::index::{Commit, Mark, STAMPS};
use crate::layout::{At, Layout};
use crate::sync::Ordering;
use crate::table::Identity;
use crate::view::View;
use tidemill_seam::{Exchange, Region};

/// What a commit word says of a position.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Said {
    /// Nothing: it is of an earlier position.
    Earlier,
    /// The producer of that post has it, and settles it.
    Claimed(u32),
    /// An item lies there.
    Item,
    /// There is none, and will be none.
    Gap,
    /// Nothing any more: it is of a later position.
    Later,
}

const STATE: u64 = 0b11;
const OWNER: u32 = 2;
/// Bits of the length of a run: what a stamp leaves of a pair.
const LENGTH: u32 = STAMPS.leading_zeros() + 1;
/// Most positions of one run.
pub(crate) const RUN_MAX: u32 = (1 << LENGTH) - 1;
/// How often somebody is outrun before it lets others be.
const TURNS: u32 = 64;

/// What the word of a claim is.
pub(crate) const fn claimed(position: u64, post: u32) -> u64 {
    settled(position, post, Mark::Committed) & !STATE
}

/// What the word of a claim becomes.
pub(crate) const fn settled(position: u64, post: u32, mark: Mark) -> u64 {
    // No owner is zero: a word of zeroes says nothing.
    Commit { start: position % STAMPS, owner: post as u8 + 1, mark }.encode()
}

/// What `word` says of `position`. Right as long as the two are less than half of [`STAMPS`] apart.
#[inline]
pub(crate) const fn said(word: u64, position: u64) -> Said {
    let Some(Commit { start, owner, mark }) = Commit::decode(if word & STATE == 0 { word | 1 } else { word })
    else {
        return Said::Earlier;
    };
    let ahead = position.wrapping_sub(start) % STAMPS;
    if ahead != 0 {
        return if ahead < STAMPS / 2 { Said::Earlier } else { Said::Later };
    }
    match (word & STATE, mark) {
        (0, _) if owner == 0 => Said::Earlier,
        (0, _) => Said::Claimed(owner as u32 - 1),
        (_, Mark::Committed) => Said::Item,
        (_, Mark::Skip | Mark::Void) => Said::Gap,
    }
}

/// Whose a commit word is, which says something.
pub(crate) fn owner(word: u64) -> Option<u32> {
    ((word >> OWNER) as u8).checked_sub(1).map(u32::from)
}

/// Neighbouring positions that one producer claims at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Run {
    pub(crate) first: u64,
    pub(crate) end: u64,
}

impl Run {
    /// From `first` on, one to [`RUN_MAX`] of them.
    pub(crate) const fn new(first: u64, n: u32) -> Self {
        Self { first, end: first + n as u64 }
    }

    /// As it stands in a pair: never zero.
    pub(crate) const fn encode(self) -> u64 {
        (self.first % STAMPS) << LENGTH | (self.end - self.first)
    }

    /// As it stood in a pair: that one which is nearest to `base`. `None` where none was ever written.
    const fn decode(word: u64, base: u64) -> Option<Self> {
        let n = word & RUN_MAX as u64;
        if n == 0 {
            return None;
        }
        let ahead = (word >> LENGTH).wrapping_sub(base) % STAMPS;
        let back = STAMPS - ahead;
        let first = if ahead < back { base.wrapping_add(ahead) } else { base.wrapping_sub(back) };
        Some(Self { first, end: first.wrapping_add(n) })
    }

    pub(crate) const fn contains(self, position: u64) -> bool {
        position.wrapping_sub(self.first) < self.end.wrapping_sub(self.first)
    }
}

/// How far everything is settled, where several produce.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Frontier {
    /// Every position below is settled; this is the first that was not when we looked.
    pub(crate) published: u64,
    /// Where the run begins that it is of. No slot from there on is given again before all of that has settled: the word of its
    /// first position says whose it is (RL-11).
    pub(crate) kept: u64,
    /// Whose that run is, where it is one.
    pub(crate) held_by: Option<u32>,
}

/// One of the places for producers: whose it is, and how its last owner went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Post {
    pub(crate) taken: bool,
    /// The last owner was proved dead.
    pub(crate) crashed: bool,
    /// That of its owner's claim: 30 bits.
    pub(crate) generation: u32,
}

impl Post {
    const fn encode(self) -> u32 {
        self.taken as u32 | (self.crashed as u32) << 1 | self.generation << 2
    }

    const fn decode(word: u32) -> Self {
        Self { taken: word & 1 == 1, crashed: word & 2 == 2, generation: word >> 2 }
    }

    pub(crate) const fn next(self) -> Self {
        Self { taken: true, crashed: false, generation: (self.generation + 1) & (u32::MAX >> 2) }
    }

    pub(crate) const fn freed(self, crashed: bool) -> Self {
        Self { taken: false, crashed, ..self }
    }
}

/// Words of a post.
mod at {
    pub(super) const LAST: u32 = 2;
    pub(super) const WHO: u32 = 4;
    pub(super) const UNHEARD: u32 = 10;
    /// One above the position that its owner keeps for those who are still to come; zero where it keeps none.
    pub(super) const PIN: u32 = 12;
}

impl<R: Region> View<R> {
    /// Whether several may produce.
    #[inline]
    pub(crate) fn shared(&self) -> bool {
        self.layout().spec().shared()
    }

    /// The claim numbers of the producers, where there are several.
    pub(crate) fn posts(&self) -> core::ops::Range<u32> {
        0..if self.shared() { self.layout().spec().producers } else { 0 }
    }

    pub(crate) fn post(&self, k: u32) -> Post {
        // Acquire: pairs with the exchange that moved it: a post that is free again has settled its claim.
        Post::decode(self.load(self.layout().post(k), Ordering::Acquire))
    }

    pub(crate) fn post_who(&self, k: u32) -> Identity {
        let mut words = [0; Identity::WORDS];
        self.read(self.layout().post(k).plus(at::WHO), &mut words);
        Identity::decode(&words)
    }

    pub(crate) fn inscribe_post(&self, k: u32, who: Identity) {
        self.write(self.layout().post(k).plus(at::WHO), &who.encode());
    }

    /// What the owner of a post last meant to claim, near `base`; `None` before the first time.
    #[inline]
    pub(crate) fn last_claim(&self, k: u32, base: u64) -> Option<Run> {
        Run::decode(self.pair(self.layout().post(k).plus(at::LAST)), base)
    }

    /// Whether that became a claim: the word of its first position is the post's.
    pub(crate) fn is_claimed(&self, k: u32, run: Run) -> bool {
        let (said, word) = self.said(run.first);
        !matches!(said, Said::Earlier | Said::Later) && owner(word) == Some(k)
    }

    /// The first position of what the owner of a post last meant to claim that is claimed and not settled.
    pub(crate) fn unsettled(&self, k: u32, run: Run) -> Option<u64> {
        let open = |at: &u64| matches!(self.said(*at).0, Said::Earlier | Said::Claimed(_));
        let most = self.layout().spec().capacity as usize;
        if self.is_claimed(k, run) { (run.first..run.end).take(most).find(open) } else { None }
    }

    /// The position behind the run of which `at` is the first or a settled one, by its word. `None` where that has settled since.
    #[inline]
    pub(crate) fn behind(&self, at: u64, said: Said, word: u64) -> Option<u64> {
        let k = owner(word).filter(|k| *k < self.layout().spec().producers);
        match k.and_then(|k| self.last_claim(k, at)).filter(|run| run.contains(at)) {
            Some(run) => Some(run.end),
            None if matches!(said, Said::Claimed(_)) => None,
            // Its owner has gone on, so all of its run is settled.
            None => Some(at + 1),
        }
    }

    /// Where that stands.
    pub(crate) fn claim_noted_at(&self, k: u32) -> At {
        self.layout().post(k).plus(at::LAST)
    }

    /// The pairs of words that stand by themselves in a ring of several producers, in ascending order.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = u32> {
        let (layout, posts) = (*self.layout(), self.posts());
        let of_post = move |k| [at::LAST, at::UNHEARD, at::PIN].map(|word| layout.post(k).plus(word).0);
        [layout.published.0, layout.gate.0].into_iter().chain(posts.flat_map(of_post))
    }

    /// Writes down what we mean to claim.
    #[inline]
    pub(crate) fn note_claim(&self, k: u32, run: Run) {
        // Release: pairs with the Acquire of who looks for what is not settled: our last claim is, if it sees this one.
        self.set_pair(self.layout().post(k).plus(at::LAST), run.encode());
    }

    /// What the commit word of a position says, and the word.
    #[inline]
    pub(crate) fn said(&self, position: u64) -> (Said, u64) {
        let word = self.pair(self.layout().entry(position));
        (said(word, position), word)
    }

    /// Whose a settled position is, where several produce: one above its post. Zero where one does.
    #[inline]
    pub(crate) fn owner_at(&self, position: u64) -> u32 {
        if self.shared() { owner(self.said(position).1).map_or(0, |k| k + 1) } else { 0 }
    }

    /// Settles our own claim.
    #[inline]
    pub(crate) fn settle(&self, position: u64, post: u32, mark: Mark) {
        // Release: pairs with the Acquire in `said`: the item is whole (RL-1).
        self.set_pair(self.layout().entry(position), settled(position, post, mark));
    }

    /// Where the next position to claim is, or was.
    #[inline]
    pub(crate) fn tail(&self) -> u64 {
        self.pair(self.layout().published)
    }

    /// How far everything is settled.
    ///
    /// Whoever claimed below the tail had written down where, and had settled whatever it claimed before.
    pub(crate) fn frontier(&self) -> Frontier {
        let tail = self.tail();
        let mut frontier = Frontier { published: tail, kept: tail, held_by: None };
        for k in self.posts() {
            let near = |run: &Run| run.first < frontier.published;
            let Some(run) = self.last_claim(k, tail).filter(near) else { continue };
            if let Some(at) = self.unsettled(k, run).filter(|at| *at < frontier.published) {
                frontier = Frontier { published: at, kept: run.first, held_by: Some(k) };
            }
        }
        frontier
    }

    /// Items published so far: below, every position is settled.
    pub(crate) fn published(&self) -> u64 {
        if self.shared() { self.frontier().published } else { self.position(self.layout().published) }
    }

    /// The oldest position that is surely intact.
    #[inline]
    pub(crate) fn gate(&self) -> u64 {
        let at = self.layout().gate;
        if self.shared() { self.pair(at) } else { self.position(at) }
    }

    /// Items that the gate passed while nobody gated, as far as those who moved it lived to count them.
    pub(crate) fn unheard_by_all(&self) -> u64 {
        let of = |k| self.pair(self.layout().post(k).plus(at::UNHEARD));
        self.posts().map(of).fold(0, u64::wrapping_add)
    }

    /// Counts items that the gate has passed by our doing.
    pub(crate) fn count_unheard_of(&self, k: u32, more: u64) {
        let at = self.layout().post(k).plus(at::UNHEARD);
        self.set_pair(at, self.pair(at).wrapping_add(more));
    }

    /// From where on the owner of a post keeps everything for those who are still to come, or its last owner did.
    #[inline]
    pub(crate) fn pin_of(&self, k: u32) -> Option<u64> {
        self.pair(self.layout().post(k).plus(at::PIN)).checked_sub(1)
    }

    /// Keeps everything from there on from now on, or nothing.
    pub(crate) fn pin(&self, k: u32, pin: Option<u64>) {
        self.set_pair(self.layout().post(k).plus(at::PIN), pin.map_or(0, |pin| pin.saturating_add(1)));
    }

    /// The first position that somebody keeps who has a post, and which post.
    pub(crate) fn pinned(&self) -> Option<(u64, u32)> {
        let of = |k| self.pin_of(k).filter(|_| self.post(k).taken).map(|pin| (pin, k));
        self.posts().filter_map(of).min()
    }

    #[inline]
    fn pair(&self, at: At) -> u64 {
        // SAFETY: an even index of the layout, which ends within the region; only a wide one has a view of a shared ring.
        // Acquire: pairs with whoever stored or exchanged it.
        unsafe { self.region().load_pair(at.0, Ordering::Acquire) }
    }

    #[inline]
    fn set_pair(&self, at: At, value: u64) {
        // SAFETY: as for `pair`.
        // Release: pairs with the Acquire there.
        unsafe { self.region().store_pair(at.0, value, Ordering::Release) }
    }
}

impl<R: Exchange> View<R> {
    /// Moves a post on from what it was seen as. `false` where somebody else was faster.
    pub(crate) fn turn_post(&self, k: u32, from: Post, to: Post) -> bool {
        self.exchange(self.layout().post(k), from.encode(), to.encode()).is_ok()
    }

    /// Puts `new` into the commit word of a position, in the place of what was observed there.
    #[inline]
    pub(crate) fn exchange_commit(&self, position: u64, seen: u64, new: u64) -> bool {
        let at = self.layout().entry(position);
        // SAFETY: as for `pair`.
        unsafe { self.region().compare_exchange_pair(at.0, seen, new) }.is_ok()
    }

    /// Raises the tail to `to`, if it is below.
    #[inline]
    pub(crate) fn raise_tail(&self, to: u64) {
        self.raise(self.layout().published, to);
    }

    /// Raises the gate to `to`, if it is below. Gives where it was, if that was our doing, and where it is now.
    pub(crate) fn raise_gate(&self, to: u64) -> (Option<u64>, u64) {
        self.raise(self.layout().gate, to)
    }

    fn raise(&self, at: At, to: u64) -> (Option<u64>, u64) {
        let mut now = self.pair(at);
        for _ in 0..TURNS {
            if now >= to {
                break;
            }
            // SAFETY: as for `pair`.
            match unsafe { self.region().compare_exchange_pair(at.0, now, to) } {
                Ok(()) => return (Some(now), to),
                Err(newer) => now = newer,
            }
        }
        (None, now)
    }
}

impl Layout {
    /// The claim of the owner of a post.
    pub(crate) const fn claim_of_post(k: u32) -> u32 {
        Self::POSTS + k
    }
}

#[cfg(all(test, not(any(feature = "loom", feature = "shuttle"))))]
mod tests;
