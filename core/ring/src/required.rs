//! Consumers that a publisher cannot do without: who is missing, who stands still, who is dead, and what follows.
//!
//! ```text
//!             ready                 blocks, no advance for `progress`            grace
//!  Awaited ─────────▶ Healthy ───────────────────────────────────▶ Stalled ─┬────────▶ Failed   Shutdown
//!     │                  │ ▲ ▲───────── advances, or is back ───────┘   │   ├────────▶ Awaited  Evict
//!     │ startup          │ └──────── is back ───── Gone ◀─ proved dead ─┘   └────────▶ stays    AlertOnly
//!     ▼                  └── proved dead, or left ──▲ └──────────── grace ───────▲
//!   Failed
//! ```
//! A pure machine: it is told the time and what the table of participants shows, and says what to do. It reads no
//! clock, prints nothing and never guesses that anybody is dead: `Dead` is proved by whoever fills in [`Seen`].
//!
//! An idle publisher accuses nobody: only a consumer that blocks it can stall. A clock that jumps moves only `now`:
//! one that goes back begins every span anew, and one that goes ahead ends each of them at most once.

mod alert;
mod ids;

pub use alert::{Alert, Alerted, RequiredError};
pub use ids::Ids;

use crate::name::Name;
use tidemill_seam::{Duration, Instant};

/// What a publisher asks of the consumers that it cannot do without.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Required<const N: usize> {
    /// Their names. [`Ids`] and [`Seen`] count them in this order; 64 at most.
    pub ids: [Name; N],
    /// Time for all of them to be ready for the first time.
    pub startup: Duration,
    /// Time that one of them may block the publisher without an advance.
    pub progress: Duration,
    /// Time between two looks at the table.
    pub check: Duration,
    /// Time between an alert and what follows from it.
    pub grace: Duration,
    /// What follows.
    pub on_fail: OnFail,
}

/// What follows when one of them does not come back within the grace.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OnFail {
    /// The ring drains, and every managed call fails.
    #[default]
    Shutdown,
    /// Nothing: alerts were raised.
    AlertOnly,
    /// Its slot is released, if it is a reader or proved dead; it may come back at any time.
    Evict,
}

impl<const N: usize> Required<N> {
    /// These consumers, with startup 5 s, progress 250 ms, check 5 ms, grace 1 s, and [`OnFail::Shutdown`].
    pub const fn new(ids: [Name; N]) -> Self {
        const { assert!(N <= 64, "a ring has 64 participants at most") };
        Self {
            ids,
            startup: Duration::from_secs(5),
            progress: Duration::from_millis(250),
            check: Duration::from_millis(5),
            grace: Duration::from_secs(1),
            on_fail: OnFail::Shutdown,
        }
    }
}

/// Where one of them is, as the table of participants shows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Presence {
    /// No slot bears its name.
    #[default]
    Absent,
    /// It has a slot, and has not said that it is ready.
    Joining,
    /// Live and ready.
    Ready,
    /// It left and said that it was done.
    Done,
    /// It left without that word.
    Left,
    /// It is proved dead.
    Dead,
}

/// What the table shows of one of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Peer {
    /// Where it is.
    pub presence: Presence,
    /// The first position that it has not released.
    pub cursor: u64,
    /// Whether the publisher is blocked now, and by this one.
    pub blocks: bool,
    /// Whether it reads copies, so that it may be evicted while it lives (RL-5).
    pub reader: bool,
}

/// One look at the table.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// The first position that is not published.
    pub published: u64,
    /// Those that are required, in their order; whoever is missing at the end is [`Presence::Absent`].
    pub peers: &'a [Peer],
}

/// What is to be done after a look.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Verdict {
    /// What a managed call gets: an error ends it, whether the ring is full or not.
    pub answer: Result<(), RequiredError>,
    /// Whose slots are to be released, now.
    pub release: Ids,
    /// Whether the ring is to drain: its consumers take what is there, and then hear of a shutdown.
    pub drain: bool,
}

/// Where one of them stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// Not there yet; what is required from the start has a time for it.
    Awaited,
    /// There, and not known to stand still.
    Healthy,
    /// Blocks, and does not advance, since this was found.
    Stalled(Instant),
    /// Dead or left, since this was found.
    Gone(Instant),
    /// It was done; nothing is asked of it until it joins again.
    Done,
    /// Did not come, or did not come back.
    Failed,
}

#[derive(Clone, Copy, Debug)]
struct Watched {
    state: State,
    cursor: u64,
    advanced: Instant,
    /// Since when it blocks the publisher.
    blocks: Option<Instant>,
    /// Whether the startup time counts for it.
    timed: bool,
}

/// The machine. One step a look at the table.
#[derive(Clone, Debug)]
pub struct Machine<const N: usize> {
    required: Required<N>,
    watched: [Watched; N],
    begun: Instant,
    looked: Option<Instant>,
    failed: Option<RequiredError>,
    drain: bool,
}

impl<const N: usize> Machine<N> {
    /// All of them are awaited from `now` on.
    pub const fn new(required: Required<N>, now: Instant) -> Self {
        let watched = Watched { state: State::Awaited, cursor: 0, advanced: now, blocks: None, timed: true };
        Self { required, watched: [watched; N], begun: now, looked: None, failed: None, drain: false }
    }

    /// What it was made of.
    pub const fn required(&self) -> &Required<N> {
        &self.required
    }

    /// Where each of them stands, in the order of the ids.
    pub fn states(&self) -> [State; N] {
        self.watched.map(|watched| watched.state)
    }

    /// What a managed call gets without a look.
    ///
    /// # Errors
    /// The error of the step that failed, until [`reset`](Self::reset).
    pub const fn answer(&self) -> Result<(), RequiredError> {
        match self.failed {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// Who is awaited for the first time.
    pub fn starting(&self) -> Ids {
        Ids::of(self.watched.iter().map(|watched| watched.timed && watched.state == State::Awaited))
    }

    /// Whose place is kept at `now` if it dies: who was there, and is not gone for longer than the grace; or who is why the
    /// ring drains, for what is there is for it, too.
    pub fn kept(&self, now: Instant) -> Ids {
        Ids::of(self.watched.iter().map(|watched| match watched.state {
            State::Healthy | State::Stalled(_) | State::Failed => true,
            State::Gone(since) => now.since(since) < self.required.grace,
            State::Awaited | State::Done => false,
        }))
    }

    /// Whether the next look is due: never looked, a check ago, or at another time than the clock shows.
    pub fn is_due(&self, now: Instant) -> bool {
        self.looked.is_none_or(|looked| now < looked || now.since(looked) >= self.required.check)
    }

    /// Begins anew at `now`: all of them are awaited, nothing has failed.
    pub const fn reset(&mut self, now: Instant) {
        *self = Self::new(self.required, now);
    }

    /// One look. `hook` hears each alert once.
    pub fn step(&mut self, now: Instant, seen: Seen<'_>, hook: &mut dyn FnMut(&Alert)) -> Verdict {
        self.looked = Some(now);
        self.begun = self.begun.min(now);
        let mut release = Ids::NONE;
        if self.failed.is_none() {
            for at in 0..N {
                let peer = seen.peers.get(at).copied().unwrap_or_default();
                let mut say = |what| hook(&Alert { id: self.required.ids[at], at: now, what });
                let watched = &mut self.watched[at];
                watched.looks(now, peer);
                watched.moves(now, peer, seen.published, &self.required, &mut say);
                if self.required.on_fail == OnFail::Evict
                    && watched.is_evicted(now, peer, self.required.grace)
                {
                    release = release.with(at);
                }
            }
            self.judge(now);
        }
        Verdict { answer: self.answer(), release, drain: self.drain }
    }

    /// Fails where somebody's time has run out.
    fn judge(&mut self, now: Instant) {
        let missing = self.starting();
        if missing != Ids::NONE && now.since(self.begun) >= self.required.startup {
            missing.iter().for_each(|at| self.watched[at].state = State::Failed);
            self.failed = Some(RequiredError::Startup { missing });
        } else if self.required.on_fail == OnFail::Shutdown {
            let grace = self.required.grace;
            let Some(at) = self.watched.iter().position(|watched| watched.is_overdue(now, grace)) else {
                return;
            };
            let id = self.required.ids[at];
            self.failed = Some(match self.watched[at].state {
                State::Stalled(_) => RequiredError::Stalled { id },
                _ => RequiredError::Died { id },
            });
            self.watched[at].state = State::Failed;
            self.drain = true;
        }
    }
}

impl Watched {
    /// Takes in what is seen; a clock that went back begins the spans anew.
    fn looks(&mut self, now: Instant, peer: Peer) {
        self.advanced = self.advanced.min(now);
        self.blocks = peer.blocks.then(|| self.blocks.map_or(now, |since| since.min(now)));
        if let State::Stalled(since) | State::Gone(since) = &mut self.state {
            *since = now.min(*since);
        }
    }

    fn moves<const N: usize>(
        &mut self,
        now: Instant,
        peer: Peer,
        published: u64,
        required: &Required<N>,
        say: &mut dyn FnMut(Alerted),
    ) {
        let advances = peer.cursor > self.cursor;
        if advances {
            self.advanced = now;
        }
        self.cursor = peer.cursor;
        match (self.state, peer.presence) {
            (State::Awaited | State::Done, Presence::Ready) => {
                self.advanced = now;
                (self.state, self.timed) = (State::Healthy, false);
            }
            (State::Awaited | State::Healthy | State::Stalled(_) | State::Gone(_), Presence::Done) => {
                if matches!(self.state, State::Stalled(_) | State::Gone(_)) {
                    say(Alerted::Cleared);
                }
                (self.state, self.timed) = (State::Done, false);
            }
            (State::Healthy | State::Stalled(_), Presence::Dead) => {
                self.state = State::Gone(now);
                say(Alerted::Died);
            }
            (State::Healthy | State::Stalled(_), Presence::Left | Presence::Absent) => {
                self.state = State::Gone(now);
                say(Alerted::Left);
            }
            (State::Gone(_), Presence::Ready) => {
                (self.state, self.advanced) = (State::Healthy, now);
                say(Alerted::Cleared);
            }
            (State::Stalled(_), _) if advances => {
                self.state = State::Healthy;
                say(Alerted::Cleared);
            }
            (State::Healthy, _) if !advances && peer.cursor < published => {
                let stood = self.blocks.map(|since| now.since(since.max(self.advanced)));
                if let Some(stalled_for) = stood.filter(|stood| *stood >= required.progress) {
                    self.state = State::Stalled(now);
                    say(Alerted::Stalled { stalled_for });
                }
            }
            _ => {}
        }
    }

    fn is_overdue(&self, now: Instant, grace: Duration) -> bool {
        matches!(self.state, State::Stalled(since) | State::Gone(since) if now.since(since) >= grace)
    }

    /// Evicts it where it is overdue and may be: true if it did.
    fn is_evicted(&mut self, now: Instant, peer: Peer, grace: Duration) -> bool {
        let may = peer.reader || matches!(self.state, State::Gone(_));
        let evicted = may && self.is_overdue(now, grace);
        if evicted {
            self.state = State::Awaited;
        }
        evicted
    }
}

#[cfg(test)]
mod tests;
