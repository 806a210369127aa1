use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::machine::{MachineId, ProcessId};
use crate::queue::Index;
use crate::trace::record::TraceRecord;

/// No event: what was set up before the run, or between two runs.
pub(crate) const NOBODY: u32 = u32::MAX;

/// Something that is no event and therefore not hashed, between two events.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawNote {
    pub(crate) at_ns: u64,
    /// Events before it.
    pub(crate) after: u32,
    pub(crate) cause: u32,
    pub(crate) what: &'static str,
    pub(crate) from: MachineId,
    pub(crate) to: MachineId,
}

/// A process saw what another one had stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Sighting {
    pub(crate) reader: ProcessId,
    pub(crate) writer: ProcessId,
    /// The event that is known of the store: its own, or the one in which it was asked for.
    pub(crate) store: u32,
}

/// What arenas tell the recorder. Exists only where a trace is kept.
#[derive(Debug)]
pub(crate) struct Sightings {
    /// The event that happens now.
    pub(crate) now: Cell<u32>,
    /// Since the recorder last looked.
    pub(crate) seen: RefCell<Vec<Sighting>>,
}

/// Keeps every event and why it happened. Exists only where a trace was asked for.
#[derive(Debug)]
pub(crate) struct Recorder {
    pub(crate) records: Vec<TraceRecord>,
    /// For each record, the event that brought it about.
    pub(crate) causes: Vec<u32>,
    pub(crate) notes: Vec<RawNote>,
    /// Events at which a process saw what another one had stored, ascending, each with the event of the store.
    pub(crate) sights: Vec<(u32, u32)>,
    pub(crate) sightings: Rc<Sightings>,
    /// For each reader and writer, the last store that the reader knows of: it knows of all before it, too.
    known: Vec<(ProcessId, ProcessId, u32)>,
    /// For each place in the queue, the event that put something there.
    planned_by: Vec<u32>,
    /// What is planned now is planned because of this event.
    now: u32,
    /// The cause of the next record.
    next: u32,
    /// The cause of this step.
    root: u32,
    /// Nothing was recorded in this step yet.
    fresh: bool,
}

impl Recorder {
    pub(crate) fn new() -> Self {
        let sightings = Sightings { now: Cell::new(NOBODY), seen: RefCell::default() };
        Self {
            records: Vec::new(),
            causes: Vec::new(),
            notes: Vec::new(),
            sights: Vec::new(),
            sightings: Rc::new(sightings),
            known: Vec::new(),
            planned_by: Vec::new(),
            now: NOBODY,
            next: NOBODY,
            root: NOBODY,
            fresh: false,
        }
    }

    /// Something was put into the queue.
    #[inline]
    pub(crate) fn planned(&mut self, index: Index) {
        let index = index as usize;
        if index >= self.planned_by.len() {
            self.planned_by.resize(index + 1, NOBODY);
        }
        self.planned_by[index] = self.now;
    }

    /// What stands at this place of the queue is about to happen. The first record made of it is why everything else in
    /// this step happens.
    #[inline]
    pub(crate) fn begin(&mut self, index: Index) {
        self.carry(index);
        (self.now, self.next, self.fresh) = (self.root, self.root, true);
        self.sightings.now.set(NOBODY);
    }

    /// The step is over; what happens next happens because of nothing that is known.
    pub(crate) fn end(&mut self) {
        (self.now, self.next, self.root, self.fresh) = (NOBODY, NOBODY, NOBODY, false);
        self.sightings.now.set(NOBODY);
        self.sightings.seen.borrow_mut().clear();
    }

    /// Takes what stands at this place of the queue in hand.
    #[inline]
    pub(crate) fn carry(&mut self, index: Index) {
        self.root = self.planned_by.get(index as usize).copied().unwrap_or(NOBODY);
    }

    /// What stood at one place of the queue stands at another one now.
    pub(crate) fn moved(&mut self, from: Index, to: Index) {
        self.planned(to);
        self.planned_by[to as usize] = self.planned_by.get(from as usize).copied().unwrap_or(NOBODY);
    }

    /// The next record is made of what is in hand, even if it is not the first of its step.
    pub(crate) fn of_carried(&mut self) {
        self.next = self.root;
    }

    /// The next record is made of what that event asked for, if it is known.
    pub(crate) fn of_event(&mut self, event: u32) {
        if event != NOBODY {
            self.next = event;
        }
    }

    /// Takes down what was seen in this step: it happened because of what was stored, too.
    pub(crate) fn take_sightings(&mut self) {
        let (now, mut seen) = (self.sightings.now.get(), self.sightings.seen.borrow_mut());
        for Sighting { reader, writer, store } in seen.drain(..) {
            if now == NOBODY || store >= now {
                continue;
            }
            let pair = |known: &&mut (ProcessId, ProcessId, u32)| (known.0, known.1) == (reader, writer);
            match self.known.iter_mut().find(pair) {
                Some((_, _, latest)) if *latest >= store => continue,
                Some((_, _, latest)) => *latest = store,
                None => self.known.push((reader, writer, store)),
            }
            self.sights.push((now, store));
        }
    }

    #[inline]
    pub(crate) fn push(&mut self, record: TraceRecord) {
        if self.fresh {
            (self.now, self.fresh) = (self.records.len() as u32, false);
            self.sightings.now.set(self.now);
        }
        self.causes.push(self.next);
        self.records.push(record);
        self.next = self.now;
    }

    pub(crate) fn note(&mut self, at_ns: u64, what: &'static str, from: MachineId, to: MachineId) {
        let after = self.records.len() as u32;
        self.notes.push(RawNote { at_ns, after, cause: self.next, what, from, to });
    }
}
