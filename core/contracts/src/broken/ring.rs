//! A ring of up to 64 entries that may be wrong: a plain array, oldest first.

use crate::ring::{RingConsumer, RingEvictor, RingProducer};
use core::cell::RefCell;

super::faults! {
    /// The newest comes out first.
    Lifo => "E1",
    /// Every fifth pop takes the second oldest.
    Overtakes => "E1",
    /// Every 17th entry is lost.
    LosesEach17th => "E2",
    /// Every 17th entry comes out twice.
    RepeatsEach17th => "E2",
    /// Every 17th entry has the last word of its successor.
    Tears => "E2",
    /// Entries are shown as soon as they are staged.
    ShowsWhatIsStaged => "RL-1",
    /// A refusal returns an empty entry.
    RefusalReturnsAnother => "E4",
    /// A refusal drops the oldest entry.
    RefusalDropsTheOldest => "E4",
    /// A full ring makes room by itself.
    OverwritesWhenFull => "E7",
    /// Holds one entry less than it says.
    HoldsOneLess => "E11",
    /// Holds one entry more than it says.
    HoldsOneMore => "E11",
    /// The producer does not count the newest.
    ProducerMiscounts => "E11",
    /// Peeks one too far.
    PeeksOneTooFar => "E13",
    /// Peek takes what it shows and puts it at the end.
    PeekRotates => "E13",
    /// Peek counts what it has shown as gone.
    PeekTakes => "E13",
    /// A batch out ends at the end of the array.
    BatchOutStopsAtTheEnd => "E14",
    /// A batch goes in whole or not at all.
    BatchInAllOrNothing => "E14",
    /// Cursors are compared as if they never wrapped.
    ComparesWithoutWrap => "E19",
    /// A closed ring is empty.
    CloseDropsTheQueue => "E20",
    /// Nobody hears that the other half is gone.
    CloseUnheard => "E20",
    /// Always counts one entry for the consumer.
    NeverEmpty => "E22",
    /// Every 16th pop gives nothing.
    PopGivesNothing => "E22",
}

/// What can be wrong with an eviction, besides.
pub mod evicting {
    super::super::faults! {
        /// Throws away the newest.
        Newest => "E8",
        /// Throws away one more than it must.
        OneTooMany => "E8",
        /// Throws away one less than it must.
        OneTooFew => "E8",
        /// Throws away everything.
        Everything => "E8",
        /// Reads the cursor again after it has decided, and takes the second oldest.
        ReadsAgain => "E8",
        /// Says so and throws away nothing.
        Pretends => "E2",
        /// Throws away and says nothing.
        Silent => "E8",
    }
}

const ROOM: usize = 64;

/// The fault of a whole ring, if any: in queueing or in evicting.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wrong {
    /// Nothing.
    Nothing,
    /// As a queue.
    Queue(Fault),
    /// In evicting.
    Evicting(evicting::Fault),
}

#[derive(Debug)]
struct State {
    entries: [[u32; 2]; ROOM],
    len: usize,
    staged: usize,
    capacity: usize,
    done: u32,
    calls: u32,
    closed: [bool; 2],
}

/// A place for one ring at a time, with at most one fault.
#[derive(Debug)]
pub struct World {
    wrong: Wrong,
    state: RefCell<State>,
}

/// The half that pushes.
#[derive(Debug)]
pub struct Producer<'w>(&'w World);

/// The half that pops.
#[derive(Debug)]
pub struct Consumer<'w>(&'w World);

impl State {
    const fn empty(capacity: usize, done: u32) -> Self {
        Self { entries: [[0; 2]; ROOM], len: 0, staged: 0, capacity, done, calls: 0, closed: [false; 2] }
    }

    fn each(&mut self, n: u32) -> bool {
        self.calls += 1;
        self.calls.is_multiple_of(n)
    }

    fn remove(&mut self, at: usize) -> [u32; 2] {
        let entry = self.entries[at];
        self.entries.copy_within(at + 1..self.len, at);
        self.len -= 1;
        self.done = self.done.wrapping_add(1);
        entry
    }

    fn ready(&self) -> usize {
        self.len - self.staged
    }
}

impl World {
    /// A place for rings.
    pub const fn new(wrong: Wrong) -> Self {
        Self { wrong, state: RefCell::new(State::empty(1, 0)) }
    }

    /// A fresh ring, of at most 32 entries.
    pub fn ring(&self, capacity: u32, start: u32) -> Option<(Producer<'_>, Consumer<'_>)> {
        if capacity > 32 {
            return None;
        }
        *self.state.borrow_mut() = State::empty(capacity as usize, start);
        Some((Producer(self), Consumer(self)))
    }

    fn is(&self, fault: Fault) -> bool {
        self.wrong == Wrong::Queue(fault)
    }
}

impl Producer<'_> {
    fn room_in(&self, state: &State) -> usize {
        let capacity = match self.0.wrong {
            Wrong::Queue(Fault::HoldsOneLess) if state.capacity > 1 => state.capacity - 1,
            Wrong::Queue(Fault::HoldsOneMore) => state.capacity + 1,
            _ => state.capacity,
        };
        let tail = state.done.wrapping_add(state.len as u32);
        if self.0.is(Fault::ComparesWithoutWrap) && tail < state.done {
            return 0;
        }
        capacity.saturating_sub(state.len)
    }

    fn put(&self, state: &mut State, entry: [u32; 2]) -> Result<(), [u32; 2]> {
        if self.room_in(state) == 0 {
            match self.0.wrong {
                Wrong::Queue(Fault::OverwritesWhenFull) => _ = state.remove(0),
                Wrong::Queue(Fault::RefusalReturnsAnother) => return Err([0; 2]),
                Wrong::Queue(Fault::RefusalDropsTheOldest) => {
                    state.remove(0);
                    return Err(entry);
                }
                _ => return Err(entry),
            }
        }
        state.entries[state.len] = entry;
        state.len += 1;
        Ok(())
    }
}

impl RingProducer<2> for Producer<'_> {
    const STAGES: bool = true;
    const RECOVERS: bool = true;

    fn push(&mut self, entry: [u32; 2]) -> Result<(), [u32; 2]> {
        let mut state = self.0.state.borrow_mut();
        self.put(&mut state, entry)?;
        state.staged = 0;
        Ok(())
    }

    fn waiting(&mut self) -> u32 {
        let len = self.0.state.borrow().len as u32;
        if self.0.is(Fault::ProducerMiscounts) { len.saturating_sub(1) } else { len }
    }

    fn is_closed(&mut self) -> bool {
        self.0.state.borrow().closed[1] && !self.0.is(Fault::CloseUnheard)
    }

    fn room(&mut self) -> u32 {
        self.room_in(&self.0.state.borrow()) as u32
    }

    fn push_batch(&mut self, entries: &[[u32; 2]]) -> usize {
        if self.0.is(Fault::BatchInAllOrNothing) && entries.len() > self.room() as usize {
            return 0;
        }
        entries.iter().take_while(|entry| self.push(**entry).is_ok()).count()
    }

    fn stage(&mut self, entry: [u32; 2]) -> Result<(), [u32; 2]> {
        let mut state = self.0.state.borrow_mut();
        self.put(&mut state, entry)?;
        if !self.0.is(Fault::ShowsWhatIsStaged) {
            state.staged += 1;
        }
        Ok(())
    }

    fn publish(&mut self) {
        self.0.state.borrow_mut().staged = 0;
    }

    fn recover(&mut self, back: &mut dyn FnMut([u32; 2])) {
        let mut state = self.0.state.borrow_mut();
        while state.len > 0 {
            back(state.remove(0));
        }
    }
}

impl RingEvictor<2> for Producer<'_> {
    fn evict_over(&mut self, keep: u32, evicted: &mut dyn FnMut([u32; 2])) {
        use evicting::Fault as Evicting;
        let mut state = self.0.state.borrow_mut();
        let due = state.len.saturating_sub(keep as usize).min(state.ready());
        let (times, at) = match self.0.wrong {
            Wrong::Evicting(Evicting::OneTooMany) if due > 0 => ((due + 1).min(state.ready()), 0),
            Wrong::Evicting(Evicting::OneTooFew) => (due.saturating_sub(1), 0),
            Wrong::Evicting(Evicting::Everything) if due > 0 => (state.ready(), 0),
            Wrong::Evicting(Evicting::ReadsAgain) => (due, 1),
            Wrong::Evicting(Evicting::Newest) => (due, usize::MAX),
            _ => (due, 0),
        };
        for i in 0..times {
            if self.0.wrong == Wrong::Evicting(Evicting::Pretends) {
                evicted(state.entries[i]);
                continue;
            }
            let at = at.min(state.ready() - 1);
            let found = state.remove(at);
            if self.0.wrong != Wrong::Evicting(Evicting::Silent) {
                evicted(found);
            }
        }
    }
}

impl Drop for Producer<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state.borrow_mut();
        state.len -= state.staged;
        state.staged = 0;
        state.closed[0] = true;
        if self.0.is(Fault::CloseDropsTheQueue) {
            state.len = 0;
        }
    }
}

impl RingConsumer<2> for Consumer<'_> {
    fn pop(&mut self) -> Option<[u32; 2]> {
        let mut state = self.0.state.borrow_mut();
        let ready = state.ready();
        if ready == 0 {
            return None;
        }
        match self.0.wrong {
            Wrong::Queue(Fault::Lifo) => return Some(state.remove(ready - 1)),
            Wrong::Queue(Fault::Overtakes) if ready > 1 && state.each(5) => return Some(state.remove(1)),
            Wrong::Queue(Fault::LosesEach17th) if ready > 1 && state.each(17) => _ = state.remove(0),
            Wrong::Queue(Fault::RepeatsEach17th) if state.each(17) => return Some(state.entries[0]),
            Wrong::Queue(Fault::Tears) if ready > 1 && state.each(17) => {
                let torn = [state.entries[0][0], state.entries[1][1]];
                state.remove(0);
                return Some(torn);
            }
            Wrong::Queue(Fault::PopGivesNothing) if state.each(16) => return None,
            _ => {}
        }
        Some(state.remove(0))
    }

    fn waiting(&mut self) -> u32 {
        let ready = self.0.state.borrow().ready() as u32;
        if self.0.is(Fault::NeverEmpty) { ready.max(1) } else { ready }
    }

    fn is_closed(&mut self) -> bool {
        self.0.state.borrow().closed[0] && !self.0.is(Fault::CloseUnheard)
    }

    fn peek(&mut self, i: u32) -> Option<[u32; 2]> {
        let mut state = self.0.state.borrow_mut();
        let ready = state.ready();
        let i = if self.0.is(Fault::PeeksOneTooFar) { i as usize + 1 } else { i as usize };
        if i >= ready {
            return None;
        }
        let shown = state.entries[i];
        if self.0.is(Fault::PeekRotates) && state.staged == 0 {
            state.entries[..ready].rotate_left(1);
        }
        if self.0.is(Fault::PeekTakes) && i > 0 {
            state.remove(i);
        }
        Some(shown)
    }

    fn pop_batch(&mut self, into: &mut [[u32; 2]]) -> usize {
        let state = self.0.state.borrow();
        let to_end = if self.0.is(Fault::BatchOutStopsAtTheEnd) {
            state.capacity - state.done as usize % state.capacity
        } else {
            into.len()
        };
        drop(state);
        into.iter_mut().take(to_end).map_while(|place| self.pop().map(|entry| *place = entry)).count()
    }
}

impl Drop for Consumer<'_> {
    fn drop(&mut self) {
        self.0.state.borrow_mut().closed[1] = true;
    }
}
