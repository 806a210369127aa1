//! A ring of several producers that may be wrong: tail, cursor, stamps and entries behind a lock, which it lets go of where it should
//! not (feature `std`).

use crate::ring::{RingConsumer, RingProducer};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::yield_now;

super::faults! {
    /// An entry is shown before it is written.
    ShowsBeforeItWrites => "E25",
    /// A claim looks at the tail and moves it later, wherever it is by then.
    ClaimsWithoutAnExchange => "E25",
    /// Room is found at one tail and claimed at another.
    FindsRoomAtAnotherTail => "E25",
    /// Who finds the next entry unfinished takes the one behind it instead.
    PassesTheUnfinished => "E25",
    /// The slot is given back before its entry is read.
    FreesBeforeItReads => "E25",
    /// Of two claims the second is committed with the entry of the first.
    CommitsTwoTheOtherWayRound => "E1",
    /// A batch is claimed entry by entry.
    BatchLetsOthersIn => "E14",
    /// The first producer that goes closes the ring.
    FirstGoneCloses => "E20",
    /// Nobody counts a producer that goes.
    NobodyCounts => "E20",
}

const SLOTS: usize = 16;
/// So often others are let go first before a faulty half goes on though nobody came in between.
const LETS_GO: u32 = 20_000;

#[derive(Debug)]
struct State {
    tail: u64,
    done: u64,
    /// A position plus one, once its entry is there.
    stamps: [u64; SLOTS],
    entries: [[u32; 2]; SLOTS],
    producers: u32,
    consumer: bool,
    /// A faulty producer stands still, and no other one does.
    stands: bool,
}

/// A ring of up to 16 entries of two words, for three producers.
#[derive(Debug)]
pub struct Ring {
    fault: Option<Fault>,
    capacity: u32,
    state: Mutex<State>,
}

/// A half that pushes.
#[derive(Debug)]
pub struct Producer<'r>(&'r Ring);

/// The half that pops.
#[derive(Debug)]
pub struct Consumer<'r>(&'r Ring);

impl Ring {
    /// A ring of up to 16 entries.
    pub fn new(capacity: u32, start: u32, fault: Option<Fault>) -> Option<Self> {
        let (stamps, entries, tail) = ([0; SLOTS], [[0; 2]; SLOTS], u64::from(start));
        let state = State { tail, done: tail, stamps, entries, producers: 3, consumer: true, stands: false };
        (capacity as usize <= SLOTS).then_some(Self { fault, capacity, state: Mutex::new(state) })
    }

    /// All halves.
    pub fn halves(&self) -> ([Producer<'_>; 3], Consumer<'_>) {
        ([(); 3].map(|()| Producer(self)), Consumer(self))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets others in, where that is the fault, until they have done what makes it one.
    fn lapse<'r>(
        &'r self,
        fault: Fault,
        mut state: MutexGuard<'r, State>,
        came: impl Fn(&State) -> bool,
    ) -> MutexGuard<'r, State> {
        if self.fault != Some(fault) {
            return state;
        }
        for _ in 0..LETS_GO {
            drop(state);
            yield_now();
            state = self.state();
            if came(&state) {
                break;
            }
        }
        state
    }

    /// As [`lapse`](Self::lapse), for one producer at a time: somebody has to go on.
    fn lapse_alone<'r>(
        &'r self,
        fault: Fault,
        mut state: MutexGuard<'r, State>,
        came: impl Fn(&State) -> bool,
    ) -> MutexGuard<'r, State> {
        if self.fault != Some(fault) || state.stands {
            return state;
        }
        state.stands = true;
        let mut state = self.lapse(fault, state, came);
        state.stands = false;
        state
    }

    fn slot(&self, position: u64) -> usize {
        (position % u64::from(self.capacity)) as usize
    }

    fn room(&self, state: &State) -> u64 {
        u64::from(self.capacity).saturating_sub(state.tail.saturating_sub(state.done))
    }

    /// How many entries are there, before the first that is not.
    fn ready(&self, state: &State) -> u32 {
        let there = |ahead: &u32| {
            let at = state.done + u64::from(*ahead);
            state.stamps[self.slot(at)] > at
        };
        (0..self.capacity).take_while(there).count() as u32
    }

    /// Claims as many of `n` positions as there is room for. Gives the first, and how many.
    fn claim(&self, n: u64) -> (u64, u64) {
        let state = self.state();
        let (tail, fits) = (state.tail, self.room(&state).min(n));
        if fits == 0 {
            return (tail, 0);
        }
        let mut state = self.lapse_alone(Fault::ClaimsWithoutAnExchange, state, |state| state.tail != tail);
        if self.fault == Some(Fault::ClaimsWithoutAnExchange) {
            state.tail = tail + fits;
            return (tail, fits);
        }
        let mut state =
            self.lapse_alone(Fault::FindsRoomAtAnotherTail, state, |state| self.room(state) < fits);
        let tail = state.tail;
        state.tail += fits;
        (tail, fits)
    }

    fn fill(&self, at: u64, entry: [u32; 2]) {
        let (slot, mut state) = (self.slot(at), self.state());
        if self.fault == Some(Fault::ShowsBeforeItWrites) {
            state.stamps[slot] = at + 1;
        }
        let mut state = self.lapse(Fault::ShowsBeforeItWrites, state, |state| state.done > at);
        state.entries[slot] = entry;
        state.stamps[slot] = state.stamps[slot].max(at + 1);
    }
}

impl RingProducer<2> for Producer<'_> {
    fn push(&mut self, entry: [u32; 2]) -> Result<(), [u32; 2]> {
        if self.push_batch(&[entry]) == 1 { Ok(()) } else { Err(entry) }
    }

    fn push_batch(&mut self, entries: &[[u32; 2]]) -> usize {
        let ring = self.0;
        if ring.fault == Some(Fault::BatchLetsOthersIn) && entries.len() > 1 {
            let one_by_one = entries.iter().take_while(|entry| {
                yield_now();
                self.push(**entry).is_ok()
            });
            return one_by_one.count();
        }
        let (first, fits) = ring.claim(entries.len() as u64);
        // Nobody comes behind the only slot.
        if fits > 0 && ring.capacity > 1 {
            drop(ring.lapse_alone(Fault::PassesTheUnfinished, ring.state(), |state| state.done > first));
        }
        let swapped = ring.fault == Some(Fault::CommitsTwoTheOtherWayRound) && fits > 1;
        for (ahead, entry) in (0..fits).zip(entries) {
            let at = if swapped && ahead < 2 { first + 1 - ahead } else { first + ahead };
            ring.fill(at, *entry);
        }
        fits as usize
    }

    fn waiting(&mut self) -> u32 {
        let state = self.0.state();
        state.tail.saturating_sub(state.done) as u32
    }

    fn is_closed(&mut self) -> bool {
        !self.0.state().consumer
    }

    fn room(&mut self) -> u32 {
        self.0.room(&self.0.state()) as u32
    }
}

impl Drop for Producer<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        match self.0.fault {
            Some(Fault::FirstGoneCloses) => state.producers = 0,
            Some(Fault::NobodyCounts) => {}
            _ => state.producers -= 1,
        }
    }
}

impl RingConsumer<2> for Consumer<'_> {
    fn pop(&mut self) -> Option<[u32; 2]> {
        let (ring, mut state) = (self.0, self.0.state());
        if ring.ready(&state) == 0 {
            let passes = ring.fault == Some(Fault::PassesTheUnfinished);
            let mut behind = (state.done..state.tail).filter(|_| passes);
            state.done = behind.find(|at| state.stamps[ring.slot(*at)] > *at)?;
        }
        let at = state.done;
        if ring.fault == Some(Fault::FreesBeforeItReads) {
            state.done = at + 1;
        }
        let over = |state: &State| state.stamps[ring.slot(at)] > at + 1;
        let mut state = ring.lapse(Fault::FreesBeforeItReads, state, over);
        state.done = at + 1;
        Some(state.entries[ring.slot(at)])
    }

    fn waiting(&mut self) -> u32 {
        self.0.ready(&self.0.state())
    }

    fn is_closed(&mut self) -> bool {
        self.0.state().producers == 0
    }

    fn peek(&mut self, i: u32) -> Option<[u32; 2]> {
        let state = self.0.state();
        (i < self.0.ready(&state)).then(|| state.entries[self.0.slot(state.done + u64::from(i))])
    }
}

impl Drop for Consumer<'_> {
    fn drop(&mut self) {
        self.0.state().consumer = false;
    }
}
