use tidemill_seam::Instant;

use super::record::{Happened, Subject, TraceRecord};
use super::recorder::{NOBODY, RawNote};
use crate::failure::Failure;
use crate::kernel::Kernel;
use crate::machine::{MachineId, ProcessId};
use crate::net::{Address, Cause};

/// Where something happened.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Place {
    /// Nowhere in particular: an action of the story.
    World,
    /// A machine as a whole.
    Machine(MachineId),
    /// A process.
    Process(ProcessId),
}

/// A whole run: every event with its cause, and the names of everything.
///
/// An event is called by its place in the run, from 0.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    pub(super) story: String,
    pub(super) seed: u64,
    pub(super) hash: u128,
    failure: Option<Failure>,
    pub(super) events: Vec<TraceRecord>,
    pub(super) causes: Vec<u32>,
    /// Events that saw a store of another process, ascending, and the event of the store.
    pub(super) sights: Vec<(u32, u32)>,
    before: Vec<u32>,
    clocks: Vec<u32>,
    notes: Vec<Note>,
    pub(super) machines: Vec<Seen>,
    pub(super) processes: Vec<(String, MachineId)>,
}

/// A machine as the trace saw it.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) name: String,
    pub(super) ports: Vec<(u16, ProcessId)>,
}

/// Something that was done to a link: no event, neither hashed nor part of any causal past.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Note {
    /// Virtual time.
    pub at: Instant,
    /// Events before it.
    pub after: usize,
    /// The event that did it.
    pub cause: Option<usize>,
    /// One word: `partition`, `heal`, `clog`, `unclog`, `hold`, `let-go`.
    pub what: &'static str,
    /// The sending end of the link.
    pub from: MachineId,
    /// The receiving end.
    pub to: MachineId,
}

/// The causal past of an event: the event itself, and whatever had to happen before it could happen as it did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Past {
    bits: Vec<u64>,
}

impl Past {
    /// Whether the event belongs to it.
    pub fn contains(&self, event: usize) -> bool {
        self.bits.get(event / 64).is_some_and(|word| word >> (event % 64) & 1 == 1)
    }

    /// How many events belong to it.
    pub fn count(&self) -> usize {
        self.bits.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Its events, the earliest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = usize> {
        (0..self.bits.len() * 64).filter(|event| self.contains(*event))
    }

    fn insert(&mut self, event: usize) {
        self.bits[event / 64] |= 1 << (event % 64);
    }
}

fn known(event: u32) -> Option<usize> {
    (event != NOBODY).then_some(event as usize)
}

impl Trace {
    pub(crate) fn of(kernel: &Kernel) -> Self {
        let Some(kept) = &kernel.trace else { return Self::default() };
        let machine = |machine: &crate::machine::Machine| Seen {
            name: machine.name.to_string(),
            ports: machine.ports.clone(),
        };
        let process = |meta: &crate::kernel::Meta| (meta.name.to_string(), meta.machine);
        let mut trace = Self {
            story: String::new(),
            seed: kernel.choices.seed(),
            hash: kernel.hash(),
            failure: kernel.failure.as_deref().cloned(),
            events: kept.records.clone(),
            causes: kept.causes.clone(),
            sights: kept.sights.clone(),
            before: Vec::new(),
            clocks: Vec::new(),
            notes: kept.notes.iter().map(Note::of).collect(),
            machines: kernel.machines.iter().map(machine).collect(),
            processes: kernel.processes.iter().map(process).collect(),
        };
        trace.order();
        trace
    }

    /// The order within each process and of each machine's clock.
    pub(super) fn order(&mut self) {
        let mut last = vec![NOBODY; self.processes.len()];
        let mut clock = vec![NOBODY; self.machines.len()];
        for (at, event) in self.events.iter().enumerate() {
            let (before, tick) = match event.kind().subject() {
                Subject::Process => {
                    let (_, machine) = &self.processes[event.subject()];
                    (std::mem::replace(&mut last[event.subject()], at as u32), clock[machine.index()])
                }
                Subject::Machine => (std::mem::replace(&mut clock[event.subject()], at as u32), NOBODY),
                Subject::World => (NOBODY, NOBODY),
            };
            self.before.push(before);
            self.clocks.push(tick);
        }
    }

    /// The same run under the name of its story, ended as the harness saw it.
    pub(crate) fn named(mut self, story: &str, failure: Option<Failure>) -> Self {
        story.clone_into(&mut self.story);
        self.failure = failure.or(self.failure);
        self
    }

    /// The name of the story; empty where the run had none.
    pub fn story(&self) -> &str {
        &self.story
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The hash of every event.
    pub fn hash(&self) -> u128 {
        self.hash
    }

    /// How the run failed, if it did.
    pub fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    /// How many events there were.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether nothing happened.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Every event, in the order in which they happened.
    pub fn events(&self) -> &[TraceRecord] {
        &self.events
    }

    /// What was done to links, in the order in which it was done.
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// The event that brought this one about: it sent the datagram, set the timer, rang the bell, asked for the action.
    /// `None` where that was done before the run, or from outside of it.
    pub fn cause(&self, event: usize) -> Option<usize> {
        known(self.causes[event])
    }

    /// The event before this one in the same process, or of the same clock.
    pub fn previous(&self, event: usize) -> Option<usize> {
        known(self.before[event])
    }

    /// The last change of its machine's clock before this event of a process.
    pub(super) fn clock(&self, event: usize) -> Option<usize> {
        known(self.clocks[event])
    }

    /// The stores of other processes that this event found in shared memory: their events, or those that asked for them
    /// where they were not yet events. Of several by one process the last, and only where it is news to the reader.
    pub fn sights(&self, event: usize) -> impl Iterator<Item = usize> + '_ {
        let from = self.sights.partition_point(|(reader, _)| (*reader as usize) < event);
        let own = self.sights[from..].iter().take_while(move |(reader, _)| *reader as usize == event);
        own.map(|(_, store)| *store as usize)
    }

    /// What this event follows directly: its cause, the event before it in its process, the last change of its machine's
    /// clock, and the stores that it found in shared memory.
    pub fn follows(&self, event: usize) -> impl Iterator<Item = usize> + '_ {
        let ties = [self.causes[event], self.before[event], self.clocks[event]];
        ties.into_iter().filter_map(known).chain(self.sights(event))
    }

    /// The causal past of an event.
    pub fn past(&self, event: usize) -> Past {
        let mut past = Past { bits: vec![0; event / 64 + 1] };
        past.insert(event);
        for at in (0..=event).rev() {
            if past.contains(at) {
                self.follows(at).for_each(|earlier| past.insert(earlier));
            }
        }
        past
    }

    /// Whether `earlier` belongs to the causal past of `later`.
    pub fn happened_before(&self, earlier: usize, later: usize) -> bool {
        earlier < later && self.past(later).contains(earlier)
    }

    /// The event at which the run failed, if it failed at one.
    pub fn broken(&self) -> Option<usize> {
        let failure = self.failure.as_ref()?;
        usize::try_from(failure.event).ok()?.checked_sub(1).filter(|event| *event < self.len())
    }

    /// Where an event happened. A datagram is lost where it was sent, and dropped where it went.
    pub fn place(&self, event: usize) -> Place {
        let record = self.events[event];
        match (record.kind().subject(), record.kind()) {
            (Subject::Process, _) => Place::Process(ProcessId(record.subject() as u32)),
            (Subject::Machine, _) => Place::Machine(MachineId(record.subject() as u16)),
            (Subject::World, Happened::Stopped | Happened::Segment) => self.owner(record.ends().1),
            (Subject::World, Happened::Dropped) => {
                let (from, to) = record.ends();
                let arrived = Cause::ALL.get(record.subject()).is_some_and(|cause| cause.is_at_the_end());
                self.owner(if arrived { to } else { from })
            }
            (Subject::World, _) => Place::World,
        }
    }

    /// Who had the port at the end of the run; its machine where nobody had.
    pub fn owner(&self, address: Address) -> Place {
        let ports =
            self.machines.get(address.machine.index()).map(|machine| &machine.ports[..]).unwrap_or_default();
        let owner = ports.iter().find(|(port, _)| *port == address.port);
        owner.map_or(Place::Machine(address.machine), |(_, process)| Place::Process(*process))
    }

    /// Every process, in the order of creation.
    pub fn processes(&self) -> impl ExactSizeIterator<Item = ProcessId> + use<> {
        (0..self.processes.len() as u32).map(ProcessId)
    }

    /// Every machine, in the order of creation.
    pub fn machines(&self) -> impl ExactSizeIterator<Item = MachineId> + use<> {
        (0..self.machines.len() as u16).map(MachineId)
    }

    /// What everything is called.
    pub(super) fn names(&self) -> Vec<String> {
        let machines = self.machines().map(Place::Machine);
        machines.chain(self.processes().map(Place::Process)).map(|place| self.name(place)).collect()
    }

    /// The machine that a process runs on.
    pub fn machine_of(&self, process: ProcessId) -> MachineId {
        self.processes[process.index()].1
    }

    /// `machine/process`, `machine`, or `world`.
    pub fn name(&self, place: Place) -> String {
        let machine = |machine: MachineId| match self.machines.get(machine.index()) {
            Some(seen) => seen.name.clone(),
            None => format!("machine{}", machine.index()),
        };
        match place {
            Place::World => "world".to_owned(),
            Place::Machine(id) => machine(id),
            Place::Process(id) => match self.processes.get(id.index()) {
                Some((name, home)) => format!("{}/{name}", machine(*home)),
                None => format!("process{}", id.index()),
            },
        }
    }
}

impl Note {
    fn of(raw: &RawNote) -> Self {
        let RawNote { at_ns, after, cause, what, from, to } = *raw;
        Self { at: Instant::from_nanos(at_ns), after: after as usize, cause: known(cause), what, from, to }
    }
}
