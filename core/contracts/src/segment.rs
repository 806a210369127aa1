//! Laws of a shared ring of one producer and several readers: RL-1 to RL-8, RL-10, RL-15 to RL-17, as the modules of
//! [`tidemill_ring::segment`] and [`tidemill_ring::wait`] state them.
//!
//! The model is arithmetic: the item at position `p` is [`value`]`(p)`, so what a reader has to be given follows from where
//! it stands. Time and death are the suite's: it kills, and says what the clock shows.

mod ours;

use crate::trial::Trial;
use crate::{Effort, Passed, Verdict, Violation};

pub use ours::{Claims, Ours, spec, words};

/// Readers that the suite drives: two that gate, and one that is lossy.
pub const READERS: usize = 3;
/// The reader that nobody waits for.
pub const LOSSY: usize = 2;

/// The item at a position.
pub const fn value(position: u64) -> u32 {
    (position as u32).wrapping_mul(0x9E37_79B9) ^ 0x5A5A_5A5A
}

/// Where a reader begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum From {
    /// At the oldest intact item.
    Earliest,
    /// At the next.
    Latest,
    /// Where it stopped when it died.
    Resume,
}

/// What a reader is given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Given {
    /// The item at a position.
    Item(u64, u32),
    /// Everything from the first to before the second is gone.
    Lagged(u64, u64),
    /// Nothing at this moment.
    Nothing,
}

/// A shared ring as the suite drives it. Reader `i` always has the same name.
pub trait Shared {
    /// Publishes, or gives the item back.
    fn push(&mut self, item: u32) -> Result<u64, u32>;
    /// The next position, as the producer has it.
    fn published(&mut self) -> u64;
    /// The oldest position that is surely intact.
    fn gate(&mut self) -> u64;
    /// Reader `i` joins: where it begins, or `None` where it is refused.
    fn join(&mut self, i: usize, from: From) -> Option<u64>;
    /// Somebody else joins under the name of reader `i`, and leaves again where it may: whether it might.
    fn join_twice(&mut self, i: usize) -> bool;
    /// Reader `i` takes what comes next, if that is no other news.
    fn take(&mut self, i: usize) -> Given;
    /// Reader `i` leaves.
    fn leave(&mut self, i: usize);
    /// Reader `i` dies, which can be proved from now on.
    fn kill(&mut self, i: usize);
    /// The producer sees to who holds it up, at an instant in nanoseconds.
    fn tend(&mut self, now_ns: u64);
    /// The producer dies, and another one begins: where.
    fn restart(&mut self) -> u64;
    /// Reader `i` says that it sleeps, and looks again: whether it may.
    fn sleep(&mut self, i: usize) -> bool;
    /// The producer says that it sleeps for want of room, and looks again: whether it may.
    fn sleep_for_room(&mut self) -> bool;
    /// Wakes so far, of whomever.
    fn wakes(&mut self) -> u64;
    /// How the producer begins from now on: with that many readers, at most `max` items before they are there.
    fn begin(&mut self, readers: u32, max: u64);
    /// Reader `i` says that it is ready.
    fn ready(&mut self, i: usize);
    /// Consumed, lagged and in flight of reader `i`, which is there.
    fn account(&mut self, i: usize) -> [u64; 3];
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Away,
    There,
    Dead,
}

#[derive(Clone, Copy)]
struct Reader {
    standing: Standing,
    start: u64,
    next: u64,
    lagged: u64,
}

struct Bench<S> {
    trial: Trial,
    ring: S,
    capacity: u64,
    history: u64,
    published: u64,
    gate: u64,
    now: u64,
    readers: [Reader; READERS],
}

/// Runs every law over rings of several capacities. `make(capacity, history)` gives a fresh ring with room for four readers.
pub fn suite<S: Shared>(mut make: impl FnMut(u32, u32) -> S, effort: Effort) -> Verdict {
    let mut passed = Passed::default();
    for (seed, (capacity, history)) in (0x5E60..).zip([(2, 1), (4, 1), (8, 3), (32, 5)]) {
        passed.add(history_of(make(capacity, history), (capacity, history), seed, effort)?);
    }
    Ok(passed)
}

fn history_of<S: Shared>(ring: S, (capacity, history): (u32, u32), seed: u64, effort: Effort) -> Verdict {
    let away = Reader { standing: Standing::Away, start: 0, next: 0, lagged: 0 };
    let mut bench = Bench {
        trial: Trial::new(seed),
        ring,
        capacity: u64::from(capacity),
        history: u64::from(history),
        published: 0,
        gate: 0,
        now: 0,
        readers: [away; READERS],
    };
    for _ in 0..effort.steps() {
        bench.trial.next();
        let i = bench.trial.dice.below(READERS as u32) as usize;
        match bench.trial.dice.below(36) {
            0..=11 => bench.push()?,
            12..=23 => bench.take(i)?,
            24 | 25 => bench.join(i)?,
            26 => bench.leave(i),
            27 => bench.kill(i),
            28 | 29 => bench.tend()?,
            30 => bench.restart()?,
            31 | 32 => bench.sleep(i)?,
            33 => bench.sleep_for_room()?,
            34 => bench.begin()?,
            _ => bench.twice(i)?,
        }
        bench.positions()?;
    }
    Ok(bench.trial.passed())
}

impl<S: Shared> Bench<S> {
    /// The least position that somebody who is waited for has yet to read. The dead are waited for until they are tended.
    fn least(&self) -> Option<u64> {
        let gating = self.readers[..LOSSY].iter().filter(|one| one.standing != Standing::Away);
        gating.map(|one| one.next).min()
    }

    fn push(&mut self) -> Result<(), Violation> {
        let least = self.least();
        let free = least.is_none_or(|least| self.published < least + self.capacity);
        match self.ring.push(value(self.published)) {
            Ok(at) => {
                self.trial.require("RL-2", free, "an item that somebody has yet to read is overwritten")?;
                self.trial.same("RL-1", self.published, at, "an item lies at another position")?;
                self.published += 1;
            }
            Err(back) => {
                self.trial.same("RL-15", value(self.published), back, "a refusal returns another item")?;
                self.trial.require("RL-3", !free, "an item is refused although nobody holds the ring up")?;
            }
        }
        Ok(())
    }

    fn take(&mut self, i: usize) -> Result<(), Violation> {
        let reader = self.readers[i];
        if reader.standing != Standing::There {
            return Ok(());
        }
        let behind = self.published - reader.next;
        match self.ring.take(i) {
            Given::Nothing => {
                self.trial.require("RL-1", behind == 0, "nothing is given although an item was published")?;
            }
            Given::Item(at, item) => {
                let known = at < self.published;
                self.trial.require("RL-1", known, "an item is given that was not published")?;
                self.trial.same("RL-1", reader.next, at, "an item is given out of order")?;
                let law = if i == LOSSY { "RL-5" } else { "RL-1" };
                self.trial.same(law, value(at), item, "another item than the one of its position")?;
                self.readers[i].next += 1;
            }
            Given::Lagged(from, to) => {
                self.trial.require("RL-2", i == LOSSY, "who is waited for is told of a loss")?;
                self.trial.require("RL-6", behind > self.history, "a loss within the history")?;
                let order = from == reader.next && to > from && to <= self.published;
                self.trial.require("RL-5", order, "a loss from or to somewhere else")?;
                (self.readers[i].next, self.readers[i].lagged) = (to, reader.lagged + to - from);
            }
        }
        self.account(i)
    }

    fn account(&mut self, i: usize) -> Result<(), Violation> {
        let reader = self.readers[i];
        let [consumed, lagged, in_flight] = self.ring.account(i);
        let what = "the account of a reader is wrong";
        self.trial.same("RL-17", reader.next - reader.start - reader.lagged, consumed, what)?;
        self.trial.same("RL-17", reader.lagged, lagged, what)?;
        self.trial.same("RL-17", self.published - reader.next, in_flight, what)
    }

    fn join(&mut self, i: usize) -> Result<(), Violation> {
        let was = self.readers[i];
        if was.standing == Standing::There {
            return Ok(());
        }
        let from = [From::Earliest, From::Latest, From::Resume][self.trial.dice.below(3) as usize];
        let Some(at) = self.ring.join(i, from) else {
            return Err(self.trial.violation("RL-4", "a join is refused although there is a place"));
        };
        let resumes = from == From::Resume && was.standing == Standing::Dead;
        if resumes {
            self.trial.same("RL-10", was.next, at, "who comes back goes on somewhere else")?;
        } else if from == From::Latest {
            self.trial.same("RL-4", self.published, at, "the latest is another position")?;
        } else {
            let intact = at >= self.gate && at <= self.published;
            self.trial.require("RL-4", intact, "a join below the gate, or beyond what was published")?;
            let kept = self.published - at >= self.history.min(self.published);
            self.trial.require("RL-6", kept, "less than the history is left for who joins")?;
        }
        let (start, lagged) = if resumes { (was.start, was.lagged) } else { (at, 0) };
        self.readers[i] = Reader { standing: Standing::There, start, next: at, lagged };
        self.account(i)
    }

    fn leave(&mut self, i: usize) {
        if self.readers[i].standing == Standing::There {
            self.ring.leave(i);
            self.readers[i].standing = Standing::Away;
        }
    }

    fn kill(&mut self, i: usize) {
        if self.readers[i].standing == Standing::There {
            self.ring.kill(i);
            self.readers[i].standing = Standing::Dead;
        }
    }

    /// Fills the ring, and sees to who holds it up: the dead are out, and nobody else is.
    fn tend(&mut self) -> Result<(), Violation> {
        for _ in 0..=self.capacity {
            self.push()?;
        }
        self.now += 1 << self.trial.dice.below(50);
        // Once for each of those who may hold it up, one behind the other.
        for _ in 0..LOSSY {
            self.ring.tend(self.now);
            let least = self.least();
            let full = least.is_some_and(|least| self.published >= least + self.capacity);
            for one in &mut self.readers[..LOSSY] {
                if full && one.standing == Standing::Dead && Some(one.next) == least {
                    one.standing = Standing::Away;
                }
            }
        }
        let free = self.least().is_none_or(|least| self.published < least + self.capacity);
        match self.ring.push(value(self.published)) {
            Ok(_) => {
                self.trial.require(
                    "RL-8",
                    free,
                    "somebody who was not proved dead is waited for no longer",
                )?;
                self.published += 1;
            }
            Err(_) => self.trial.require("RL-8", !free, "somebody who was proved dead is waited for")?,
        }
        Ok(())
    }

    /// A reader lies down, and something is published: it never sleeps over an item, and is woken for the next.
    fn sleep(&mut self, i: usize) -> Result<(), Violation> {
        if self.readers[i].standing != Standing::There {
            return Ok(());
        }
        let waits = self.published > self.readers[i].next;
        let sleeps = self.ring.sleep(i);
        self.trial.require("RL-16", !(sleeps && waits), "a reader sleeps over an item")?;
        let (before, published) = (self.ring.wakes(), self.published);
        self.push()?;
        let woken = self.ring.wakes() > before || self.published == published;
        self.trial.require("RL-16", !sleeps || woken, "an item is published, and nobody is woken for it")
    }

    /// The producer lies down on a full ring, and whoever is in the way reads on until there is nothing: it is woken.
    fn sleep_for_room(&mut self) -> Result<(), Violation> {
        let gates = |one: &Reader| one.standing == Standing::There;
        let alive = self.readers[..LOSSY].iter().all(|one| one.standing != Standing::Dead);
        if !alive || !self.readers[..LOSSY].iter().any(gates) {
            return Ok(());
        }
        for _ in 0..=self.capacity {
            self.push()?;
        }
        let free = self.least().is_none_or(|least| self.published < least + self.capacity);
        let (sleeps, before) = (self.ring.sleep_for_room(), self.ring.wakes());
        self.trial.require(
            "RL-16",
            sleeps != free,
            "a producer sleeps although there is room, or not for want of it",
        )?;
        for i in 0..LOSSY {
            while self.readers[i].standing == Standing::There && self.readers[i].next < self.published {
                self.take(i)?;
            }
            self.take(i)?;
        }
        let woken = self.ring.wakes() > before;
        self.trial.require("RL-16", !sleeps || woken, "there is room, and nobody wakes who waits for it")
    }

    /// The producer begins anew with both who gate: what comes before they are ready is kept for them, and no more than that.
    fn begin(&mut self) -> Result<(), Violation> {
        let there = |one: &Reader| one.standing == Standing::There;
        if self.readers[..LOSSY].iter().any(there)
            || self.readers[..LOSSY].iter().any(|one| one.standing == Standing::Dead)
        {
            return Ok(());
        }
        let max = u64::from(self.trial.dice.below((self.capacity - self.history) as u32 + 1));
        self.ring.begin(LOSSY as u32, max);
        let first = self.published;
        for i in 0..LOSSY {
            while self.published < first + max {
                self.published = match self.ring.push(value(self.published)) {
                    Ok(at) => at + 1,
                    Err(_) => return Err(self.trial.violation("RL-3", "what is to be kept is refused")),
                };
            }
            let held = self.ring.push(value(self.published)).is_err();
            self.trial.require("RL-3", held, "more is published than is kept for those who are to come")?;
            let Some(at) = self.ring.join(i, From::Earliest) else {
                return Err(self.trial.violation("RL-4", "a join is refused although there is a place"));
            };
            self.trial.require(
                "RL-3",
                at <= first,
                "the first items are not there for who was waited for",
            )?;
            self.readers[i] = Reader { standing: Standing::There, start: at, next: at, lagged: 0 };
            self.ring.ready(i);
        }
        self.push()
    }

    fn restart(&mut self) -> Result<(), Violation> {
        let at = self.ring.restart();
        self.trial.same("RL-10", self.published, at, "a new producer begins somewhere else")
    }

    fn twice(&mut self, i: usize) -> Result<(), Violation> {
        if self.readers[i].standing != Standing::There {
            return Ok(());
        }
        let twice = self.ring.join_twice(i);
        self.trial.require("RL-7", !twice, "two who live have one name")
    }

    fn positions(&mut self) -> Result<(), Violation> {
        let (published, gate) = (self.ring.published(), self.ring.gate());
        self.trial.same("RL-1", self.published, published, "another number of items was published")?;
        self.trial.require("RL-2", gate >= self.gate, "the gate goes back")?;
        let near = gate <= published && published - gate <= self.capacity;
        self.trial.require("RL-2", near, "the gate is no place within the ring")?;
        self.gate = gate;
        Ok(())
    }
}
