//! A shared ring of up to 64 slots that may be wrong: plain arithmetic over an array.

use crate::segment::{From, Given, LOSSY, READERS, Shared};

super::faults! {
    /// The ring goes round whoever reads.
    OverwritesTheUnread => "RL-2",
    /// The gate goes back by one after every 9th publication.
    GateGoesBack => "RL-2",
    /// The oldest reader is one slot too much in the way.
    RefusesTooSoon => "RL-3",
    /// Who joins at the earliest begins one below the gate.
    JoinsBelowTheGate => "RL-4",
    /// Every 17th item is left out.
    SkipsEach17th => "RL-1",
    /// Every 17th item is that of the position before.
    RepeatsEach17th => "RL-1",
    /// What was overtaken is given all the same.
    GivesWhatWasOverwritten => "RL-5",
    /// A lossy reader is told of a loss as soon as anything waits.
    LagsForNothing => "RL-6",
    /// A name can be had twice.
    TwoOfOneName => "RL-7",
    /// Who has not moved for long is taken for dead.
    GuessesADeath => "RL-8",
    /// The dead are waited for.
    WaitsForTheDead => "RL-8",
    /// A new producer begins one behind the last publication.
    RestartForgetsOne => "RL-10",
    /// Who comes back begins at the gate.
    ResumeReplays => "RL-10",
    /// A refusal returns an empty item.
    RefusalReturnsAnother => "RL-15",
    /// Who sleeps does not look again.
    SleepsOverAnItem => "RL-16",
    /// Nobody is woken by a publication.
    WakesNoReader => "RL-16",
    /// Nobody is woken by an acknowledgement.
    WakesNoProducer => "RL-16",
    /// Nothing is kept for those with whom it begins.
    KeepsNothing => "RL-3",
    /// It begins without those who are to come.
    WaitsForNobody => "RL-3",
    /// What was missed counts as read.
    CountsLagAsRead => "RL-17",
}

const ROOM: usize = 64;

#[derive(Clone, Copy, Default, Debug)]
struct Reader {
    there: bool,
    dead: bool,
    start: u64,
    next: u64,
    lagged: u64,
}

/// A ring with at most one fault.
#[derive(Debug)]
pub struct Twin {
    fault: Option<Fault>,
    items: [u32; ROOM],
    capacity: u64,
    history: u64,
    published: u64,
    gate: u64,
    readers: [Reader; READERS],
    /// Whether readers sleep, and whether the producer does.
    asleep: (bool, bool),
    wakes: u64,
    /// Up to where may be published before so many have said that they are ready, and the first position that is kept.
    held: Option<(u64, u32, u64)>,
}

impl Twin {
    /// A ring of `capacity` slots, at most 64, that keeps its newest `history` items.
    pub const fn new(capacity: u32, history: u32, fault: Option<Fault>) -> Self {
        let away = Reader { there: false, dead: false, start: 0, next: 0, lagged: 0 };
        Self {
            fault,
            items: [0; ROOM],
            capacity: capacity as u64,
            history: history as u64,
            published: 0,
            gate: 0,
            readers: [away; READERS],
            asleep: (false, false),
            wakes: 0,
            held: None,
        }
    }

    fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    fn least(&self) -> Option<u64> {
        let gating = self.readers[..LOSSY].iter().filter(|one| one.there);
        gating.map(|one| one.next).min()
    }

    fn item(&self, at: u64) -> u32 {
        self.items[(at % self.capacity) as usize]
    }
}

impl Shared for Twin {
    fn push(&mut self, item: u32) -> Result<u64, u32> {
        let slack = self.capacity - u64::from(self.has(Fault::RefusesTooSoon));
        let full = self.least().is_some_and(|least| self.published >= least + slack);
        let held = self.held.is_some_and(|(end, _, _)| self.published >= end);
        if (full && !self.has(Fault::OverwritesTheUnread)) || held {
            return Err(if self.has(Fault::RefusalReturnsAnother) { 0 } else { item });
        }
        let kept = self.published.saturating_sub(self.history);
        if self.published >= self.gate + self.capacity {
            let kept = self.held.map_or(kept, |(_, _, first)| first.min(kept));
            self.gate = self.least().map_or(kept, |least| least.min(kept)).max(self.gate);
        }
        if self.has(Fault::GateGoesBack) && self.published % 9 == 8 {
            self.gate = self.gate.saturating_sub(1);
        }
        self.items[(self.published % self.capacity) as usize] = item;
        self.published += 1;
        if core::mem::take(&mut self.asleep.0) && !self.has(Fault::WakesNoReader) {
            self.wakes += 1;
        }
        Ok(self.published - 1)
    }

    fn published(&mut self) -> u64 {
        self.published
    }

    fn gate(&mut self) -> u64 {
        self.gate
    }

    fn join(&mut self, i: usize, from: From) -> Option<u64> {
        let was = self.readers[i];
        let resumes = from == From::Resume && was.there && was.dead;
        let below = u64::from(self.has(Fault::JoinsBelowTheGate));
        let at = match from {
            _ if resumes && !self.has(Fault::ResumeReplays) => was.next,
            From::Latest => self.published,
            From::Earliest | From::Resume => self.gate.saturating_sub(below),
        };
        let (start, lagged) = if resumes { (was.start, was.lagged) } else { (at, 0) };
        self.readers[i] = Reader { there: true, dead: false, start, next: at, lagged };
        Some(at)
    }

    fn join_twice(&mut self, _: usize) -> bool {
        self.has(Fault::TwoOfOneName)
    }

    fn take(&mut self, i: usize) -> Given {
        let next = self.readers[i].next;
        if next == self.published {
            return Given::Nothing;
        }
        let overtaken = self.gate > next || (i == LOSSY && self.has(Fault::LagsForNothing));
        if i == LOSSY && overtaken && !self.has(Fault::GivesWhatWasOverwritten) {
            let to = self.gate.max(next + 1);
            self.readers[i].next = to;
            self.readers[i].lagged += to - next;
            return Given::Lagged(next, to);
        }
        let skip = u64::from(self.has(Fault::SkipsEach17th) && next % 17 == 16 && next + 1 < self.published);
        let wrong = u64::from(self.has(Fault::RepeatsEach17th) && next % 17 == 16);
        self.readers[i].next = next + 1 + skip;
        if i != LOSSY && core::mem::take(&mut self.asleep.1) && !self.has(Fault::WakesNoProducer) {
            self.wakes += 1;
        }
        Given::Item(next + skip, self.item((next + skip).wrapping_sub(wrong)))
    }

    fn leave(&mut self, i: usize) {
        self.readers[i].there = false;
    }

    fn kill(&mut self, i: usize) {
        self.readers[i].dead = true;
    }

    fn tend(&mut self, now_ns: u64) {
        let Some(least) = self.least() else { return };
        if self.published < least + self.capacity || self.has(Fault::WaitsForTheDead) {
            return;
        }
        let guesses = self.has(Fault::GuessesADeath) && now_ns > 1 << 40;
        for one in &mut self.readers[..LOSSY] {
            one.there &= !(one.next == least && (one.dead || guesses));
        }
    }

    fn restart(&mut self) -> u64 {
        self.published -= u64::from(self.has(Fault::RestartForgetsOne) && self.published > self.gate);
        self.published
    }

    fn sleep(&mut self, i: usize) -> bool {
        self.asleep.0 = true;
        self.has(Fault::SleepsOverAnItem) || self.readers[i].next == self.published
    }

    fn sleep_for_room(&mut self) -> bool {
        self.asleep.1 = true;
        self.least().is_some_and(|least| self.published >= least + self.capacity)
    }

    fn wakes(&mut self) -> u64 {
        self.wakes
    }

    fn begin(&mut self, readers: u32, max: u64) {
        let end = if self.has(Fault::WaitsForNobody) { u64::MAX } else { self.published + max };
        let first = if self.has(Fault::KeepsNothing) { u64::MAX } else { self.published };
        self.held = Some((end, readers, first));
        if self.has(Fault::KeepsNothing) {
            self.gate = self.published + max.min(1);
        }
    }

    fn ready(&mut self, _: usize) {
        self.held =
            self.held.map(|(end, left, first)| (end, left - 1, first)).filter(|(_, left, _)| *left > 0);
    }

    fn account(&mut self, i: usize) -> [u64; 3] {
        let Reader { start, next, lagged, .. } = self.readers[i];
        let passed = next - start;
        let (consumed, lagged) =
            if self.has(Fault::CountsLagAsRead) { (passed, 0) } else { (passed - lagged, lagged) };
        [consumed, lagged, self.published - next]
    }
}
