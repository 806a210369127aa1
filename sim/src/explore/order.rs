//! Which of several possible events happens next, as a choice.

use crate::disk::DiskId;
use crate::kernel::{Kernel, Pending};
use crate::machine::ProcessId;
use crate::net::Address;
use crate::queue::Index;
use crate::register::RegisterId;
use crate::stream::Beat;
use crate::streams::{StreamId, stream_of};

/// Whose choice it is which event happens next: the entity of its sites.
pub(crate) const ENTITY: &str = "world/order";
const KIND: &str = "next";

/// How the order of events comes about.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Order {
    /// By virtual time and sequence (law K2); a latency is drawn when its datagram is sent.
    #[default]
    Drawn,
    /// Choice by choice, each within its window: see the [module](crate::explore). An overlay that names such a choice
    /// asks for this order by itself.
    Chosen,
}

/// An event that may happen next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ready {
    /// Its number in the order in which events were scheduled.
    pub born: u64,
    /// The number of the event that scheduled it; its own where the story did.
    pub cause: u64,
    /// How many events its cause scheduled before it.
    pub nth: u64,
    /// Whom it reaches; `None` for an action of the story, and for a datagram to nobody.
    pub process: Option<ProcessId>,
    /// When it happens if it happens next, in virtual nanoseconds.
    pub at_ns: u64,
    /// What it may touch, a bit a thing; all bits where nobody said.
    pub touches: u128,
}

impl Ready {
    /// Whether it makes no difference which of the two happens first: they touch nothing in common, and neither moves
    /// the instant of the other.
    pub fn commutes(&self, other: &Self) -> bool {
        self.touches & other.touches == 0 && self.at_ns == other.at_ns
    }
}

/// What an event is kept in line with: of those that share a line only the first may happen next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Line {
    /// Goes by itself.
    None,
    /// One direction between two addresses, whose latency leaves nothing open.
    Link(Address, Address),
    /// What a process set itself, and what wakes it.
    Own(ProcessId),
    /// What a disk was asked comes to pass in the order of its times.
    Disk(DiskId),
    /// And what a register was asked.
    Register(RegisterId),
    /// Actions of the story.
    Story,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    born: u64,
    cause: u64,
    nth: u64,
    slack_ns: u64,
    line: Line,
}

#[derive(Clone, Copy, Debug)]
struct Candidate {
    index: Index,
    at_ns: u64,
    until_ns: u64,
    entry: Entry,
    event: Pending,
}

/// The kernel's part of a chosen order: what the queue does not know of an event.
#[derive(Debug)]
pub(crate) struct Chosen {
    stream: StreamId,
    entries: Vec<Entry>,
    births: u64,
    current: Option<u64>,
    /// The number of the first event that the current one schedules.
    begun: u64,
    candidates: Vec<Candidate>,
    ready: Vec<Ready>,
    words: Vec<String>,
    touches: Vec<u128>,
}

impl Chosen {
    pub(crate) fn new() -> Self {
        Self {
            stream: StreamId::NONE,
            entries: Vec::new(),
            births: 0,
            current: None,
            begun: 0,
            candidates: Vec::new(),
            ready: Vec::new(),
            words: Vec::new(),
            touches: Vec::new(),
        }
    }

    /// An event was scheduled, and may happen up to `slack_ns` later than it was scheduled for.
    #[cold]
    pub(crate) fn born(&mut self, index: Index, slack_ns: u64, event: &Pending) {
        let line = match *event {
            Pending::Datagram { from, to, .. } if slack_ns == 0 => Line::Link(from, to),
            Pending::Datagram { .. } | Pending::Released { .. } => Line::None,
            Pending::Timer { process, .. } | Pending::Start { process } | Pending::Wake { process } => {
                Line::Own(process)
            }
            Pending::Action { .. } if slack_ns == 0 => Line::Story,
            Pending::Action { .. } => Line::None,
            Pending::Disk { disk, .. } => Line::Disk(disk),
            Pending::Stream { .. } => Line::None,
            Pending::Register { register, .. } => Line::Register(register),
        };
        let born = self.births;
        self.births += 1;
        let (cause, nth) = (self.current.unwrap_or(born), born - self.begun);
        let entry = Entry { born, cause, nth, slack_ns, line };
        let at = index as usize;
        if at >= self.entries.len() {
            self.entries.resize(at + 1, entry);
        }
        self.entries[at] = entry;
    }

    /// What a process may touch: its machine, unless it keeps off it, and other things.
    pub(crate) fn declare<W: AsRef<str>>(&mut self, process: ProcessId, machine: Option<usize>, words: &[W]) {
        let mut mask = machine.map_or(0, |machine| 1 << (machine % 64));
        for word in words {
            let word = word.as_ref();
            let known = self.words.iter().position(|known| known == word);
            let number = known.unwrap_or_else(|| {
                self.words.push(word.to_owned());
                self.words.len() - 1
            });
            mask |= 1 << (64 + number % 64);
        }
        let at = process.index();
        if at >= self.touches.len() {
            self.touches.resize(at + 1, u128::MAX);
        }
        self.touches[at] = mask;
    }

    /// From now on these processes touch everything.
    fn widen(&mut self, processes: &[ProcessId]) {
        for process in processes {
            if let Some(mask) = self.touches.get_mut(process.index()) {
                *mask = u128::MAX;
            }
        }
    }

    /// Everything that waits, the oldest first.
    fn gather(&mut self, kernel: &Kernel) {
        self.candidates.clear();
        for (index, at_ns, event) in kernel.queue.waiting() {
            let entry = self.entries[index as usize];
            let until_ns = at_ns.saturating_add(entry.slack_ns).max(kernel.now_ns);
            let at_ns = at_ns.max(kernel.now_ns);
            self.candidates.push(Candidate { index, at_ns, until_ns, entry, event: *event });
        }
        self.candidates.sort_unstable_by_key(|candidate| (candidate.at_ns, candidate.entry.born));
    }

    /// Leaves what may happen next, and by when: nothing may happen after the end of its window, nobody overtakes in
    /// line, and a process starts before anything else reaches it.
    fn sift(&mut self, kernel: &Kernel, limit_ns: u64) {
        let ends = self.candidates.iter().map(|candidate| candidate.until_ns);
        let horizon_ns = ends.min().unwrap_or(0).min(limit_ns);
        self.candidates.retain(|candidate| candidate.at_ns <= horizon_ns);
        let mut kept = 0;
        for at in 0..self.candidates.len() {
            let candidate = self.candidates[at];
            let before = &self.candidates[..kept];
            let line = candidate.entry.line;
            let in_line = line != Line::None && before.iter().any(|one| one.entry.line == line);
            let reaches = kernel.reached(&candidate.event);
            let starts =
                |one: &Candidate| matches!(one.event, Pending::Start { process } if Some(process) == reaches);
            let unborn = !starts(&candidate) && self.candidates.iter().any(starts);
            if !in_line && !unborn {
                self.candidates[kept] = candidate;
                kept += 1;
            }
        }
        self.candidates.truncate(kept);
    }

    fn describe(&mut self, kernel: &Kernel) {
        self.ready.clear();
        let filtered = !kernel.filters.is_empty();
        for Candidate { at_ns, entry, event, .. } in &self.candidates {
            let process = kernel.reached(event);
            let known = process.and_then(|process| self.touches.get(process.index()));
            let touches = known.copied().filter(|_| !filtered).unwrap_or(u128::MAX);
            let Entry { born, cause, nth, .. } = *entry;
            self.ready.push(Ready { born, cause, nth, process, at_ns: *at_ns, touches });
        }
    }
}

impl Kernel {
    /// How many events wait that reach a process.
    pub(crate) fn waiting_for(&self, process: usize) -> u64 {
        let reaches = |event: &Pending| self.reached(event).is_some_and(|reached| reached.index() == process);
        self.queue.iter().filter(|(_, _, event)| reaches(event)).count() as u64
    }

    /// The present event touches everything, and from now on so do these processes.
    #[cold]
    pub(crate) fn widen(&mut self, processes: &[ProcessId]) {
        if let Some(chosen) = &mut self.chosen {
            chosen.widen(processes);
            self.choices.widened();
        }
    }

    /// Whom an event reaches.
    fn reached(&self, event: &Pending) -> Option<ProcessId> {
        match *event {
            Pending::Datagram { to, .. } | Pending::Released { to, .. } => {
                self.machines[to.machine.index()].owner_of(to.port)
            }
            Pending::Timer { process, .. } | Pending::Start { process } | Pending::Wake { process } => {
                Some(process)
            }
            Pending::Stream { stream, beat: Beat::Tell(_) } => self.stream_owner(stream),
            Pending::Action { .. }
            | Pending::Disk { .. }
            | Pending::Register { .. }
            | Pending::Stream { .. } => None,
        }
    }

    /// As [`Queue::take`](crate::queue::Queue::take), but which of the possible events it is, is a choice.
    #[cold]
    pub(crate) fn take_chosen(&mut self, limit_ns: u64) -> Option<(Index, u64, Pending)> {
        let mut chosen = self.chosen.take()?;
        chosen.gather(self);
        chosen.sift(self, limit_ns);
        chosen.describe(self);
        let taken = if chosen.ready.is_empty() {
            None
        } else {
            if chosen.stream == StreamId::NONE {
                chosen.stream = self.choices.open(stream_of(ENTITY), || ENTITY.to_owned());
            }
            let which = self.choices.next_by(chosen.stream, KIND, &chosen.ready);
            let Candidate { index, at_ns, entry, event, .. } = chosen.candidates[which];
            (chosen.current, chosen.begun) = (Some(entry.born), chosen.births);
            if self.choices.is_over() {
                self.ended = true;
                None
            } else {
                self.queue.pluck(index);
                Some((index, at_ns, event))
            }
        };
        self.chosen = Some(chosen);
        taken
    }
}
