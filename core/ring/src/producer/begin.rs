use super::Producer;
use super::patient::wait_until;
use crate::coordinate::{self, Coordinate, Held};
use crate::element::Plain;
use crate::layout::PARTICIPANTS_MAX;
use crate::required::{Ids, Presence};
use crate::wait::{Idle, PROBE_DEFAULT, Turns, Until};
use core::fmt;
use tidemill_seam::{Exchange, Instant, Liveness};

/// Not all of those who were waited for are there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Startup {
    /// How many are.
    pub have: u32,
    /// How many were asked for.
    pub want: u32,
    /// Who is not, by place in the list.
    pub missing: Ids,
}

impl<E: Plain, R: Exchange, L: Liveness> Producer<E, R, L> {
    /// The same that begins so, from `now` on: until then its publications are refused ([`Why::Held`](super::Why::Held)).
    ///
    /// What a dead producer kept for its consumers, one that begins in the same way keeps on.
    #[must_use]
    pub fn coordinate(mut self, how: Coordinate, now: Instant) -> Self {
        let first = match how {
            Coordinate::BufferUntil { .. } => self.gate.pin.unwrap_or(self.next),
            _ => self.next,
        };
        self.start = coordinate::Start::new(how, now, first);
        if self.gate.pin != self.start.pin() {
            self.gate.pin(&self.view, self.start.pin());
        }
        self.find_room();
        self
    }

    /// Why it has not begun, if so; `now` where that is known. `end` is where the room has to end that is asked for.
    #[cold]
    pub(super) fn begin(&mut self, now: Option<Instant>, end: u64) -> Option<Held> {
        let mut held = None;
        if !self.start.is_open() {
            let (have, want) = (self.view.count_ready(&self.live), self.start.wanted());
            let found = self.start.look(now, have, end - 1);
            held = (!self.start.is_open()).then(|| found.err().unwrap_or(Held::Awaiting { have, want }));
        }
        if held.is_none() && self.gate.pin.is_some() {
            self.gate.pin(&self.view, None);
        }
        held
    }

    /// Where the participant of that name is, as far as can be proved.
    pub fn presence(&self, name: &str) -> Presence {
        let found = self.view.find(name);
        found.map_or(Presence::Absent, |(slot, ctl)| self.view.presence(slot, ctl, &self.live))
    }

    fn startup(&self, names: &[&str]) -> Startup {
        Startup::of(names, |name| self.presence(name))
    }
}

impl Startup {
    /// How many of those names are live and ready, and who is not.
    pub(crate) fn of(names: &[&str], presence: impl Fn(&str) -> Presence) -> Self {
        let absent = |name: &&str| presence(name) != Presence::Ready;
        let missing = Ids::of(names.iter().take(PARTICIPANTS_MAX as usize).map(absent));
        let want = names.len() as u32;
        Self { have: want - missing.len(), want, missing }
    }
}

impl<E: Plain, R: Exchange, L: Liveness + Idle> Producer<E, R, L> {
    /// Waits until participants of those names, 64 at most, are live and ready.
    ///
    /// # Errors
    /// [`Startup`], where `until` was over first.
    pub fn wait_for(&mut self, names: &[&str], until: Until<'_>) -> Result<(), Startup> {
        let mut turns = Turns::new(self.wait, until, PROBE_DEFAULT);
        let there = |tx: &mut Self| tx.startup(names).missing.is_empty().then_some(());
        let ended = wait_until(self, &mut turns, there);
        ended.map_err(|_| self.startup(names))
    }
}

impl fmt::Display for Startup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} participants are there", self.have, self.want)
    }
}

impl core::error::Error for Startup {}
