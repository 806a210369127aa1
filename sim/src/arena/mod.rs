//! Shared memory of a machine: words that outlive the processes which map them.
//!
//! ```text
//!  arena (machine)   w0 w1 w2 w3 …        survives every process; who dies leaves what it stored
//!    ▲ late stores, one queue a process   a store may become visible to others only some accesses later
//!    │
//!  mapping (process) base + 4 × index     its own base address; dies with its process
//! ```
//! A [`Mapping`] is a [`Region`](tidemill_seam::Region), so a ring or a cursor runs over it unchanged. Every store is an
//! event ([`Happened::Stored`]) and a place to die: [`Sim::kill_at_store`]. Further faults are asked for one by one:
//! late stores ([`Arena::delay`]), a hostile process ([`Sim::betray`]). Who is dead says [`SimLiveness`]; who waits sleeps on
//! a word of it ([`Mapping::doze`]), and is woken through the region.
//!
//! Faults are met by code that its process runs; what touches an arena elsewhere, such as a story that kept a mapping or
//! the drop of a process that was killed, meets none. A process runs one event at a time, so nothing of another process
//! comes between two of its accesses but late stores that become visible, and a hostile peer.
//!
//! Where a trace is kept, the event at which a process finds in memory what another one stored follows that store.
//!
//! Refuses: a mapping from another machine, an access outside of the mapping, a store through a mapping to read.

mod claims;
mod crash;
mod futex;
mod hostile;
mod late;
mod mapping;

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;

use crate::choice::Rate;
use crate::machine::{MachineId, ProcessId};
use crate::process::Process;
use crate::seams::SeamsInner;
use crate::sim::Sim;
use crate::streams::{Choices, StreamId, stream_of};
use crate::trace::{Happened, NOBODY, Sighting, Sightings};

pub use claims::SimLiveness;
pub use crash::StoreCrash;
pub(crate) use crash::{Life, Plan, survives};
pub use hostile::Hostile;
pub use late::{Lateness, StoreOrder};
pub use mapping::{Mapping, TwoSided};

use hostile::Treason;
use late::LateStores;

type Watcher = Box<dyn FnMut(Stored)>;

/// A store that reached memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stored {
    /// Whose store.
    pub process: ProcessId,
    /// Index of the word.
    pub at: u32,
    /// What stands there now.
    pub value: u32,
}

/// Memory of one machine that its processes share. A clone is another handle of the same words.
///
/// Made by [`Sim::arena`]; a process touches it through a [`Mapping`].
#[derive(Clone)]
pub struct Arena(Rc<Words>);

struct Words {
    id: u32,
    machine: MachineId,
    name: String,
    words: Box<[Cell<u32>]>,
    accesses: Cell<u64>,
    stores: Cell<u64>,
    /// Whether anything but the access itself may happen at an access.
    unruly: Cell<bool>,
    late: LateStores,
    treason: RefCell<Option<Treason>>,
    choices: RefCell<Choices>,
    stream: Cell<StreamId>,
    watcher: RefCell<Option<Watcher>>,
    claims: RefCell<Vec<claims::Claim>>,
    sleepers: RefCell<Vec<futex::Sleeper>>,
    doubt: Cell<Rate>,
    log: Rc<Log>,
    sights: Option<Sights>,
}

/// Whose store each word shows, and its event as far as it is known. Exists only where a trace is kept.
struct Sights {
    sightings: Rc<Sightings>,
    writers: RefCell<Vec<Option<(ProcessId, u32)>>>,
}

/// A store into an arena, and the event that asked for it, where a trace is kept.
#[derive(Clone, Copy, Debug)]
struct Logged {
    arena: u32,
    stored: Stored,
    asked: u32,
}

/// What reached any arena since the kernel last looked.
#[derive(Debug, Default)]
struct Log {
    stores: RefCell<Vec<Logged>>,
    mappings: Cell<u32>,
}

/// The arenas of a world and the deaths that wait in them.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    log: Rc<Log>,
    arenas: Vec<Arena>,
    spare: Vec<Logged>,
    pub(crate) plans: Vec<Plan>,
    crashes: Vec<(ProcessId, StoreCrash)>,
    /// Stores by earlier lives of a process.
    buried: Vec<(ProcessId, u64)>,
}

impl Arena {
    /// Length in words.
    pub fn words(&self) -> u32 {
        self.0.words.len() as u32
    }

    /// The number that the trace calls it by: arenas are numbered in the order of creation.
    pub fn id(&self) -> u32 {
        self.0.id
    }

    /// `machine/arena→name`.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// How often a word of it was stored.
    pub fn stores(&self) -> u64 {
        self.0.stores.get()
    }

    /// How often a word of it was loaded, stored or exchanged.
    pub fn accesses(&self) -> u64 {
        self.0.accesses.get()
    }

    /// What stands in a word, as a debugger would see it. `None` beyond the end.
    pub fn look(&self, at: u32) -> Option<u32> {
        self.0.words.get(at as usize).map(Cell::get)
    }

    /// Puts a value into a word, as a debugger would: no event, no crash point. `false` beyond the end.
    pub fn poke(&self, at: u32, value: u32) -> bool {
        self.0.words.get(at as usize).map(|word| word.set(value)).is_some()
    }

    /// Calls `watcher` at the moment when a store reaches memory, in place of who watched before. It may not store.
    pub fn watch(&self, watcher: impl FnMut(Stored) + 'static) {
        *self.0.watcher.borrow_mut() = Some(Box::new(watcher));
    }

    /// Words that hold the upper half of an address in some mapping: a pointer was stored, and whoever reads it
    /// through another mapping is lost.
    pub fn addresses(&self) -> impl Iterator<Item = u32> + '_ {
        let halves = mapping::upper_halves(self.0.log.mappings.get());
        let words = (0..).zip(&self.0.words);
        words.filter(move |(_, word)| halves.contains(&word.get())).map(|(at, _)| at)
    }

    /// `asked` is the event in which the process stored it.
    fn put(&self, process: ProcessId, at: u32, value: u32, asked: u32) {
        let words = &*self.0;
        words.words[at as usize].set(value);
        words.stores.set(words.stores.get() + 1);
        let stored = Stored { process, at, value };
        words.log.stores.borrow_mut().push(Logged { arena: words.id, stored, asked });
        if let Some(sights) = &words.sights {
            sights.writers.borrow_mut()[at as usize] = Some((process, asked));
        }
        if let Some(watcher) = &mut *words.watcher.borrow_mut() {
            watcher(stored);
        }
    }

    /// The pair of words at `at` and behind it, the low half first.
    fn pair(&self, at: u32) -> u64 {
        let word = |at: u32| u64::from(self.0.words[at as usize].get());
        word(at) | word(at + 1) << 32
    }

    /// As `put`, for a pair: nobody sees the one half without the other.
    fn put_pair(&self, process: ProcessId, at: u32, value: u64, asked: u32) {
        let halves = [value as u32, (value >> 32) as u32];
        for (word, half) in self.0.words[at as usize..].iter().zip(halves) {
            word.set(half);
        }
        for (at, half) in (at..).zip(halves) {
            self.put(process, at, half, asked);
        }
    }

    /// The event that runs now, where a trace is kept.
    fn asks(&self) -> u32 {
        self.0.sights.as_ref().map_or(NOBODY, |sights| sights.sightings.now.get())
    }

    /// A running process sees what stands in a word in memory.
    fn seen(&self, reader: &SeamsInner, at: u32) {
        let Some(Sights { sightings, writers }) = &self.0.sights else { return };
        match writers.borrow()[at as usize] {
            Some((writer, store))
                if writer != reader.process && store != NOBODY && reader.life.is_running() =>
            {
                let sighting = Sighting { reader: reader.process, writer, store };
                let mut seen = sightings.seen.borrow_mut();
                if !seen.contains(&sighting) {
                    seen.push(sighting);
                }
            }
            _ => {}
        }
    }

    /// The store of a word has become that event.
    fn announced(&self, stored: Stored, event: u32) {
        if let Some(sights) = &self.0.sights {
            sights.writers.borrow_mut()[stored.at as usize] = Some((stored.process, event));
        }
    }

    /// Decides something at an access; `None` where the access is not that of a running process.
    fn decide<T>(
        &self,
        accessor: &SeamsInner,
        ask: impl FnOnce(&mut Choices, StreamId) -> Option<T>,
    ) -> Option<T> {
        if !accessor.life.is_running() {
            return None;
        }
        let choices = &mut *self.0.choices.borrow_mut();
        if self.0.stream.get() == StreamId::NONE {
            self.0.stream.set(choices.open(stream_of(&self.0.name), || self.0.name.clone()));
        }
        ask(choices, self.0.stream.get())
    }

    /// Whether anything but plain accesses is to be expected from now on.
    fn reconsider(&self) {
        let words = &*self.0;
        let watched = words.sights.is_some() || words.treason.borrow().is_some();
        words.unruly.set(watched || words.late.is_on());
    }

    /// What comes before an access: late stores that are due, and what a hostile process does.
    #[cold]
    fn interfere(&self, accessor: &SeamsInner) {
        self.surface(accessor.now());
        self.betrayed(accessor);
    }
}

impl Memory {
    pub(crate) fn arenas(&self) -> &[Arena] {
        &self.arenas
    }

    /// What a process stored in its earlier lives.
    pub(crate) fn stores_before(&self, process: ProcessId) -> u64 {
        self.buried.iter().find(|(buried, _)| *buried == process).map_or(0, |(_, stores)| *stores)
    }

    /// Lets everything that the process stored become visible.
    pub(crate) fn settle(&self, process: ProcessId) {
        self.arenas.iter().for_each(|arena| arena.flush(process));
    }

    /// Forgets what stood in the arenas of a machine. Its processes are dead by now.
    pub(crate) fn lose_power(&self, machine: MachineId) {
        for arena in self.arenas.iter().filter(|arena| arena.0.machine == machine) {
            arena.0.words.iter().for_each(|word| word.set(0));
            arena.0.sights.iter().for_each(|sights| sights.writers.borrow_mut().fill(None));
        }
    }

    /// Holds back what a paused process stored, or lets go of it.
    pub(crate) fn freeze(&self, process: ProcessId, frozen: bool) {
        self.arenas.iter().for_each(|arena| arena.freeze(process, frozen));
    }

    /// The process is no more: what it stored stands, whatever it does next reaches nobody.
    pub(crate) fn bury(&mut self, process: ProcessId, stores: u64) {
        self.settle(process);
        self.buried.retain(|(buried, _)| *buried != process);
        self.buried.push((process, stores));
    }
}

impl<P: Process> Sim<P> {
    /// Shared memory on a machine: `words` zeroes that survive every process.
    ///
    /// # Panics
    /// If the name is empty, holds a blank or `#`, or is taken by another arena of the machine.
    pub fn arena(&mut self, machine: MachineId, name: &str, words: u32) -> Arena {
        assert!(crate::choice::is_name(name), "{name:?} cannot name an arena");
        let name = format!("{}/arena→{name}", self.machine_name(machine));
        let choices = self.kernel.choices.branch();
        let sightings = self.kernel.trace.as_ref().map(|trace| Rc::clone(&trace.sightings));
        let writers = || RefCell::new(vec![None; words as usize]);
        let sights = sightings.map(|sightings| Sights { sightings, writers: writers() });
        let memory = self.kernel.memory.get_or_insert_default();
        assert!(memory.arenas.iter().all(|arena| arena.0.name != name), "two arenas are called {name}");
        let arena = Arena(Rc::new(Words {
            id: memory.arenas.len() as u32,
            machine,
            name,
            words: (0..words).map(|_| Cell::new(0)).collect(),
            accesses: Cell::new(0),
            stores: Cell::new(0),
            unruly: Cell::new(sights.is_some()),
            late: LateStores::default(),
            treason: RefCell::default(),
            choices: RefCell::new(choices),
            stream: Cell::new(StreamId::NONE),
            watcher: RefCell::default(),
            claims: RefCell::default(),
            sleepers: RefCell::default(),
            doubt: Cell::new(Rate::NEVER),
            log: Rc::clone(&memory.log),
            sights,
        }));
        memory.arenas.push(arena.clone());
        self.kernel.beset_arena(&arena);
        arena
    }

    /// Stores into shared memory by a process, all its lives together, those included that they ended at.
    pub fn stores(&self, process: ProcessId) -> u64 {
        let before = self.kernel.memory.as_ref().map_or(0, |memory| memory.stores_before(process));
        self.kernel.meta(process).seams.as_ref().map_or(before, |seams| seams.life.stores())
    }

    /// Makes every store that reached memory an event.
    #[cold]
    pub(crate) fn announce_stores(&mut self) {
        let Some(memory) = &mut self.kernel.memory else { return };
        let mut stores = std::mem::take(&mut memory.spare);
        std::mem::swap(&mut stores, &mut memory.log.stores.borrow_mut());
        if let Some(trace) = &mut self.kernel.trace {
            trace.take_sightings();
        }
        for Logged { arena, stored, asked } in stores.drain(..) {
            let arg = u64::from(arena) << 32 | u64::from(stored.at);
            if let Some(trace) = &mut self.kernel.trace {
                trace.of_event(asked);
                let memory = self.kernel.memory.as_ref();
                let arena = memory.map(|memory| &memory.arenas[arena as usize]);
                arena.iter().for_each(|arena| arena.announced(stored, trace.records.len() as u32));
            }
            self.kernel.record(Happened::Stored, stored.process.0, arg, u64::from(stored.value));
            self.consult_last();
        }
        if let Some(memory) = &mut self.kernel.memory {
            memory.spare = stores;
        }
    }
}

impl fmt::Debug for Arena {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arena")
            .field("name", &self.0.name)
            .field("words", &self.words())
            .field("stores", &self.stores())
            .finish_non_exhaustive()
    }
}
