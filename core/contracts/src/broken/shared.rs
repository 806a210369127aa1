//! A ring of several producers that may be wrong: plain arithmetic over an array of positions.

use crate::shared::{CAPACITY_MAX, PRODUCERS, READERS, Several};

super::faults! {
    /// A claim goes round whoever reads.
    ClaimsTheUnread => "RL-2",
    /// The slowest reader is one slot too much in the way.
    RefusesTooSoon => "RL-3",
    /// Every 17th claim is of a position that another one has.
    ClaimsTwice => "RL-11",
    /// Every 17th claim leaves a position out.
    LeavesOneOut => "RL-11",
    /// What is claimed is given before it is filled.
    GivesTheUnfinished => "RL-1",
    /// Every 17th item is that of the position before.
    RepeatsEach17th => "RL-1",
    /// The first of a batch comes last.
    TurnsBatchesRound => "RL-1",
    /// The last of a batch is given up.
    CutsBatches => "RL-12",
    /// Who heals voids the claims of those who live.
    VoidsTheLiving => "RL-12",
    /// Who heals leaves the claims of the dead.
    LeavesTheDead => "RL-12",
    /// Who heals voids what the dead had published as well.
    VoidsWhatWasPublished => "RL-12",
    /// What was given up is given all the same.
    GivesTheAborted => "RL-13",
    /// There is a place for one more.
    CrowdsOneMore => "RL-7",
    /// The place of a dead one is lost.
    LosesPlaces => "RL-7",
    /// A refusal returns an empty item.
    RefusalReturnsAnother => "RL-15",
    /// What was passed counts as taken.
    CountsGapsAsTaken => "RL-17",
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    Claimed,
    Item(u32),
    Aborted,
    Void,
}

#[derive(Clone, Copy, Default, Debug)]
struct Producer {
    there: bool,
    dead: bool,
    held: Option<u64>,
    /// What it published last.
    last: Option<u64>,
}

#[derive(Clone, Copy, Default, Debug)]
struct Reader {
    next: u64,
    taken: u64,
    passed: u64,
}

/// A ring with at most one fault.
#[derive(Debug)]
pub struct Twin {
    fault: Option<Fault>,
    capacity: u64,
    places: [Place; CAPACITY_MAX],
    tail: u64,
    producers: [Producer; PRODUCERS],
    lost: usize,
    readers: [Reader; READERS],
}

impl Twin {
    /// A ring of `capacity` slots, at most [`CAPACITY_MAX`].
    pub const fn new(capacity: u32, fault: Option<Fault>) -> Self {
        let producer = Producer { there: false, dead: false, held: None, last: None };
        Self {
            fault,
            capacity: capacity as u64,
            places: [Place::Void; CAPACITY_MAX],
            tail: 0,
            producers: [producer; PRODUCERS],
            lost: 0,
            readers: [Reader { next: 0, taken: 0, passed: 0 }; READERS],
        }
    }

    fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    fn place(&mut self, at: u64) -> &mut Place {
        &mut self.places[(at % self.capacity) as usize]
    }

    fn next(&mut self) -> Option<u64> {
        let slack = self.capacity - u64::from(self.has(Fault::RefusesTooSoon));
        let full = self.readers.iter().any(|reader| self.tail >= reader.next + slack);
        if full && !self.has(Fault::ClaimsTheUnread) {
            return None;
        }
        let at = self.tail;
        self.tail += 1;
        let odd = at % 17 == 16;
        Some(if odd && self.has(Fault::ClaimsTwice) {
            at - 1
        } else {
            at + u64::from(odd && self.has(Fault::LeavesOneOut))
        })
    }
}

impl Several for Twin {
    fn come(&mut self, i: usize) -> bool {
        if self.producers.iter().filter(|one| one.there).count() + self.lost >= PRODUCERS {
            return false;
        }
        self.producers[i] = Producer { there: true, ..Producer::default() };
        true
    }

    fn come_too(&mut self) -> bool {
        let there = self.producers.iter().filter(|one| one.there).count();
        there + self.lost < PRODUCERS || self.has(Fault::CrowdsOneMore)
    }

    fn push(&mut self, i: usize, item: u32) -> Result<u64, u32> {
        let Some(at) = self.next() else {
            return Err(if self.has(Fault::RefusalReturnsAnother) { 0 } else { item });
        };
        *self.place(at) = Place::Item(item);
        self.producers[i].last = Some(at);
        Ok(at)
    }

    fn batch(&mut self, i: usize, items: &[u32]) -> Option<u64> {
        let n = items.len() as u64;
        if self.readers.iter().any(|reader| self.tail + n > reader.next + self.capacity) {
            return None;
        }
        let first = self.tail;
        self.tail += n;
        for (at, item) in (first..).zip(items) {
            *self.place(at) = Place::Item(*item);
        }
        let last = first + n - 1;
        if self.has(Fault::TurnsBatchesRound) {
            *self.place(first) = Place::Item(items[items.len() - 1]);
            *self.place(last) = Place::Item(items[0]);
        }
        if n > 1 && self.has(Fault::CutsBatches) {
            *self.place(last) = Place::Aborted;
        }
        self.producers[i].last = Some(first);
        Some(first)
    }

    fn claim(&mut self, i: usize) -> Option<u64> {
        let at = self.next()?;
        *self.place(at) = Place::Claimed;
        self.producers[i].held = Some(at);
        Some(at)
    }

    fn commit(&mut self, i: usize, item: u32) {
        if let Some(at) = self.producers[i].held.take() {
            *self.place(at) = Place::Item(item);
            self.producers[i].last = Some(at);
        }
    }

    fn abort(&mut self, i: usize) {
        if let Some(at) = self.producers[i].held.take() {
            *self.place(at) = Place::Aborted;
        }
    }

    fn leave(&mut self, i: usize) {
        self.producers[i].there = false;
    }

    fn kill(&mut self, i: usize) {
        (self.producers[i].there, self.producers[i].dead) = (false, true);
        self.lost += usize::from(self.has(Fault::LosesPlaces));
    }

    fn heal(&mut self) {
        for i in 0..PRODUCERS {
            let Producer { dead, held, last, .. } = self.producers[i];
            if !dead && !self.has(Fault::VoidsTheLiving) {
                continue;
            }
            if let Some(at) = held.filter(|_| !self.has(Fault::LeavesTheDead)) {
                *self.place(at) = Place::Void;
            }
            let published = last.filter(|at| self.tail - at <= self.capacity);
            if let Some(at) = published.filter(|_| dead && self.has(Fault::VoidsWhatWasPublished)) {
                *self.place(at) = Place::Void;
            }
            self.producers[i].dead = false;
            if dead {
                self.producers[i].held = None;
            }
        }
    }

    fn take(&mut self, j: usize) -> Option<(u64, u32)> {
        loop {
            let next = self.readers[j].next;
            if next == self.tail {
                return None;
            }
            let place = *self.place(next);
            match place {
                Place::Item(item) => {
                    self.readers[j].next += 1;
                    self.readers[j].taken += 1;
                    let wrong = next % 17 == 16 && self.has(Fault::RepeatsEach17th);
                    return Some((next, if wrong { item.wrapping_sub(1) } else { item }));
                }
                Place::Claimed if self.has(Fault::GivesTheUnfinished) => return Some((next, 0)),
                Place::Aborted if self.has(Fault::GivesTheAborted) => {
                    self.readers[j].next += 1;
                    return Some((next, 0));
                }
                Place::Claimed => return None,
                Place::Aborted | Place::Void => {
                    self.readers[j].next += 1;
                    self.readers[j].passed += 1;
                }
            }
        }
    }

    fn account(&mut self, j: usize) -> [u64; 2] {
        let Reader { taken, passed, .. } = self.readers[j];
        if self.has(Fault::CountsGapsAsTaken) { [taken + passed, 0] } else { [taken, passed] }
    }
}
