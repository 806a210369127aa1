//! Laws of a shared ring of several producers: RL-1 to RL-3, RL-7, RL-11 to RL-13, RL-15 and RL-17, as
//! [`tidemill_ring::multi`] and the modules behind it state them.
//!
//! The model is a queue of positions, each claimed, filled or given up, and where each reader stands in it. Death is the
//! suite's: it kills producers with a claim in hand and without.

mod ours;

use crate::trial::Trial;
use crate::{Effort, Passed, Verdict, Violation};

pub use ours::{Ours, spec, words};

/// Places for producers, all of which the suite drives.
pub const PRODUCERS: usize = 3;
/// Readers that the suite drives; each of them gates.
pub const READERS: usize = 2;
/// The longest ring that the suite asks for.
pub const CAPACITY_MAX: usize = 16;

/// Most items that the suite publishes at once.
pub const BATCH_MAX: usize = 3;

/// A ring of several producers as the suite drives it.
pub trait Several {
    /// Producer `i` comes: whether there was a place for it.
    fn come(&mut self, i: usize) -> bool;
    /// One more comes, and leaves again where it may: whether it might.
    fn come_too(&mut self) -> bool;
    /// Producer `i` publishes, or gives the item back.
    fn push(&mut self, i: usize, item: u32) -> Result<u64, u32>;
    /// Producer `i` publishes those items at once, up to [`BATCH_MAX`] of them. Gives where the first of them is.
    fn batch(&mut self, i: usize, items: &[u32]) -> Option<u64>;
    /// Producer `i` claims a position, and holds it.
    fn claim(&mut self, i: usize) -> Option<u64>;
    /// Producer `i` fills the position that it holds.
    fn commit(&mut self, i: usize, item: u32);
    /// Producer `i` gives up the position that it holds.
    fn abort(&mut self, i: usize);
    /// Producer `i`, which holds nothing, leaves.
    fn leave(&mut self, i: usize);
    /// Producer `i` dies, with whatever it holds; that can be proved from now on.
    fn kill(&mut self, i: usize);
    /// Somebody sees to dead producers: who that is, the suite does not mind.
    fn heal(&mut self);
    /// Reader `j` takes the next item, if there is one.
    fn take(&mut self, j: usize) -> Option<(u64, u32)>;
    /// How many positions reader `j` took, and how many it passed that were no items.
    fn account(&mut self, j: usize) -> [u64; 2];
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Claimed by one who lives.
    Claimed,
    /// Claimed by one who died.
    Left,
    Item(u32),
    Gap,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Away,
    There,
    Dead,
}

#[derive(Clone, Copy)]
struct Reader {
    next: u64,
    taken: u64,
    passed: u64,
}

struct Bench<S> {
    trial: Trial,
    ring: S,
    capacity: u64,
    places: [Place; CAPACITY_MAX],
    tail: u64,
    producers: [Standing; PRODUCERS],
    held: [Option<u64>; PRODUCERS],
    readers: [Reader; READERS],
    sent: u32,
}

/// Runs every law over rings of several capacities, up to [`CAPACITY_MAX`]. `make(capacity)` gives a fresh ring without history,
/// with places for [`PRODUCERS`] producers, and with [`READERS`] readers at its beginning.
pub fn suite<S: Several>(mut make: impl FnMut(u32) -> S, effort: Effort) -> Verdict {
    let mut passed = Passed::default();
    for (seed, capacity) in (0x5EED0..).zip([1, 2, 4, 16]) {
        passed.add(history_of(make(capacity), capacity, seed, effort)?);
    }
    Ok(passed)
}

fn history_of<S: Several>(ring: S, capacity: u32, seed: u64, effort: Effort) -> Verdict {
    let mut bench = Bench {
        trial: Trial::new(seed),
        ring,
        capacity: u64::from(capacity),
        places: [Place::Gap; CAPACITY_MAX],
        tail: 0,
        producers: [Standing::Away; PRODUCERS],
        held: [None; PRODUCERS],
        readers: [Reader { next: 0, taken: 0, passed: 0 }; READERS],
        sent: 0,
    };
    for _ in 0..effort.steps() {
        bench.trial.next();
        let i = bench.trial.dice.below(PRODUCERS as u32) as usize;
        match bench.trial.dice.below(32) {
            0..=6 => bench.push(i)?,
            7..=9 => bench.batch(i)?,
            10..=12 => bench.claim(i)?,
            13..=16 => bench.settle(i)?,
            17..=26 => bench.take(i % READERS)?,
            27 | 28 => bench.come(i)?,
            29 => bench.go(i),
            30 => bench.heal()?,
            _ => bench.crowd()?,
        }
    }
    Ok(bench.trial.passed())
}

impl<S: Several> Bench<S> {
    fn place(&mut self, at: u64) -> &mut Place {
        &mut self.places[(at % self.capacity) as usize]
    }

    /// Where a reader comes to that passes what is no item.
    fn pass(&mut self, j: usize) {
        while self.readers[j].next < self.tail {
            let next = self.readers[j].next;
            if *self.place(next) != Place::Gap {
                break;
            }
            self.readers[j].next += 1;
            self.readers[j].passed += 1;
        }
    }

    /// Whether the slots of the next `n` positions are free.
    fn has_room(&self, n: u64) -> bool {
        self.readers.iter().all(|reader| self.tail + n <= reader.next + self.capacity)
    }

    fn may_produce(&self, i: usize) -> bool {
        self.producers[i] == Standing::There && self.held[i].is_none()
    }

    fn push(&mut self, i: usize) -> Result<(), Violation> {
        if !self.may_produce(i) {
            return Ok(());
        }
        self.sent = self.sent.wrapping_add(1);
        let (item, free) = (self.sent, self.has_room(1));
        match self.ring.push(i, item) {
            Ok(at) => {
                self.claimed(at, free)?;
                *self.place(at) = Place::Item(item);
            }
            Err(back) => {
                self.trial.same("RL-15", item, back, "a refusal returns another item")?;
                self.trial.require("RL-3", !free, "an item is refused although there is room")?;
            }
        }
        Ok(())
    }

    fn batch(&mut self, i: usize) -> Result<(), Violation> {
        if !self.may_produce(i) {
            return Ok(());
        }
        let n = 1 + self.trial.dice.below(BATCH_MAX as u32) as usize;
        let n = n.min(self.capacity as usize);
        let (items, free) = ([1, 2, 3].map(|more| self.sent.wrapping_add(more)), self.has_room(n as u64));
        let Some(first) = self.ring.batch(i, &items[..n]) else {
            return self.trial.require("RL-3", !free, "a batch is refused although there is room");
        };
        self.sent = items[n - 1];
        for (at, item) in (first..).zip(&items[..n]) {
            self.claimed(at, free)?;
            *self.place(at) = Place::Item(*item);
        }
        Ok(())
    }

    fn claimed(&mut self, at: u64, free: bool) -> Result<(), Violation> {
        self.trial.same("RL-11", self.tail, at, "another position is claimed than the next")?;
        self.trial.require("RL-2", free, "a position is claimed whose slot somebody has yet to read")?;
        self.tail += 1;
        Ok(())
    }

    fn claim(&mut self, i: usize) -> Result<(), Violation> {
        if !self.may_produce(i) {
            return Ok(());
        }
        let free = self.has_room(1);
        match self.ring.claim(i) {
            Some(at) => {
                self.claimed(at, free)?;
                *self.place(at) = Place::Claimed;
                self.held[i] = Some(at);
            }
            None => self.trial.require("RL-3", !free, "a claim is refused although there is room")?,
        }
        Ok(())
    }

    fn settle(&mut self, i: usize) -> Result<(), Violation> {
        let (Standing::There, Some(at)) = (self.producers[i], self.held[i]) else { return Ok(()) };
        self.held[i] = None;
        if self.trial.dice.one_in(3) {
            self.ring.abort(i);
            *self.place(at) = Place::Gap;
        } else {
            self.sent = self.sent.wrapping_add(1);
            self.ring.commit(i, self.sent);
            *self.place(at) = Place::Item(self.sent);
        }
        Ok(())
    }

    fn take(&mut self, j: usize) -> Result<(), Violation> {
        self.pass(j);
        let next = self.readers[j].next;
        let place = if next < self.tail { Some(*self.place(next)) } else { None };
        match (self.ring.take(j), place) {
            (Some((at, _)), _) if at < next => {
                return Err(self.trial.violation("RL-13", "something is given that is no item"));
            }
            (Some((at, _)), Some(Place::Item(_))) if at > next => {
                return Err(self.trial.violation("RL-12", "what was published is passed"));
            }
            (Some((at, item)), Some(Place::Item(sent))) => {
                self.trial.same("RL-1", next, at, "an item is given out of order")?;
                self.trial.same("RL-1", sent, item, "another item than the one of its position")?;
                self.readers[j].next += 1;
                self.readers[j].taken += 1;
            }
            (None, Some(Place::Item(_))) => {
                return Err(self.trial.violation("RL-12", "what was published is not given"));
            }
            (Some((at, _)), Some(Place::Claimed | Place::Left)) if at > next => {
                return Err(self.trial.violation("RL-12", "a claim is passed of whom nobody proved dead"));
            }
            (Some(_), _) => {
                return Err(self.trial.violation("RL-1", "something is given that nobody published"));
            }
            (None, _) => {}
        }
        let ([taken, passed], reader) = (self.ring.account(j), self.readers[j]);
        self.trial.same("RL-17", reader.taken, taken, "another number of items was taken")?;
        self.trial.same(
            "RL-12",
            reader.passed,
            passed,
            "another number of claims is void than died or were aborted",
        )
    }

    fn come(&mut self, i: usize) -> Result<(), Violation> {
        if self.producers[i] == Standing::There {
            return Ok(());
        }
        // Whose place that is, the ring chooses: every dead one may have been seen to on the way, or not.
        self.heal()?;
        let came = self.ring.come(i);
        self.trial.require("RL-7", came, "a place that is free is not given")?;
        self.producers[i] = Standing::There;
        Ok(())
    }

    fn go(&mut self, i: usize) {
        if self.producers[i] != Standing::There {
            return;
        }
        if self.held[i].is_some() || self.trial.dice.one_in(2) {
            self.ring.kill(i);
            self.producers[i] = Standing::Dead;
            if let Some(at) = self.held[i].take() {
                *self.place(at) = Place::Left;
            }
        } else {
            self.ring.leave(i);
            self.producers[i] = Standing::Away;
        }
    }

    fn heal(&mut self) -> Result<(), Violation> {
        self.ring.heal();
        for place in &mut self.places {
            if *place == Place::Left {
                *place = Place::Gap;
            }
        }
        for producer in &mut self.producers {
            if *producer == Standing::Dead {
                *producer = Standing::Away;
            }
        }
        (0..READERS).try_for_each(|j| self.take(j))
    }

    fn crowd(&mut self) -> Result<(), Violation> {
        let all = self.producers.iter().all(|one| *one == Standing::There);
        let came = self.ring.come_too();
        if all {
            self.trial.require("RL-7", !came, "more produce than may")?;
        } else {
            // Who came may have seen to the dead.
            self.heal()?;
        }
        Ok(())
    }
}
