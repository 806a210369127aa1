use std::fmt;
use std::ops::Range;
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::atomic::Ordering;

use tidemill_seam::{Exchange, Lend, Region};

use super::Arena;
use crate::seams::{Seams, SeamsInner};
use crate::trace::NOBODY;

/// The upper halves of all addresses start here; no two mappings share one.
const UPPER: u32 = 0x7EA0_0000;
/// Upper halves a mapping: 2^34 bytes, the longest arena there is.
const SPAN: u32 = 4;
const PAGE: u64 = 4096;

pub(super) fn upper_halves(mappings: u32) -> Range<u32> {
    UPPER..UPPER + SPAN * mappings
}

/// An arena as one process sees it. A clone is the same mapping.
///
/// It dies with its process: from then on nothing reaches the arena through it. Code that still runs, because it was
/// about to be dropped, reads zeroes.
#[derive(Clone)]
pub struct Mapping {
    arena: Arena,
    owner: Rc<SeamsInner>,
    base: u64,
    writable: bool,
}

impl Seams {
    /// Maps an arena of this process's machine, at a base address that no other mapping has.
    ///
    /// # Panics
    /// If the arena belongs to another machine.
    pub fn map(&self, arena: &Arena) -> Mapping {
        self.map_as(arena, true)
    }

    /// As [`map`](Self::map), to read only: a store through it is a fault of the process.
    ///
    /// # Panics
    /// As [`map`](Self::map).
    pub fn map_read_only(&self, arena: &Arena) -> Mapping {
        self.map_as(arena, false)
    }

    fn map_as(&self, arena: &Arena, writable: bool) -> Mapping {
        let here = self.address().machine == arena.0.machine;
        assert!(here, "{} maps {}, which is memory of another machine", self.name(), arena.name());
        let number = arena.0.log.mappings.get();
        arena.0.log.mappings.set(number + 1);
        let base = (u64::from(UPPER + SPAN * number) << 32) + PAGE * u64::from(number + 1);
        Mapping { arena: arena.clone(), owner: Rc::clone(&self.0), base, writable }
    }
}

/// Two mappings of one arena as the region of one split: it is the first, and its clone is the second.
///
/// A ring that is split in one address space clones its region for the half it makes first, the producer's. So its halves
/// come to lie in two processes, each to be handed to its own.
#[derive(Debug)]
pub struct TwoSided {
    here: Mapping,
    clone: Mapping,
}

impl TwoSided {
    /// `consumer` is where the region itself lies, `producer` where its clones do.
    ///
    /// # Panics
    /// If they map two arenas.
    pub fn new(producer: Mapping, consumer: Mapping) -> Self {
        let one = Rc::ptr_eq(&producer.arena.0, &consumer.arena.0);
        assert!(one, "{} is not {}", producer.arena.name(), consumer.arena.name());
        Self { here: consumer, clone: producer }
    }
}

impl Clone for TwoSided {
    fn clone(&self) -> Self {
        Self { here: self.clone.clone(), clone: self.clone.clone() }
    }
}

// SAFETY: every access is one of a mapping of the same words.
unsafe impl Region for TwoSided {
    fn words(&self) -> u32 {
        self.here.words()
    }

    unsafe fn load(&self, at: u32, order: Ordering) -> u32 {
        // SAFETY: the caller's promise, handed on.
        unsafe { self.here.load(at, order) }
    }

    unsafe fn store(&self, at: u32, value: u32, order: Ordering) {
        // SAFETY: the caller's promise, handed on.
        unsafe { self.here.store(at, value, order) };
    }

    fn fence(&self, order: Ordering) {
        self.here.fence(order);
    }

    fn wake(&self, at: u32) {
        self.here.wake(at);
    }
}

// SAFETY: as for the region.
unsafe impl Exchange for TwoSided {
    unsafe fn compare_exchange(&self, at: u32, current: u32, new: u32) -> Result<(), u32> {
        // SAFETY: the caller's promise, handed on.
        unsafe { self.here.compare_exchange(at, current, new) }
    }
}

impl Mapping {
    /// The arena.
    pub fn arena(&self) -> &Arena {
        &self.arena
    }

    pub(super) fn owner(&self) -> &Rc<SeamsInner> {
        &self.owner
    }

    /// The address of the first word: another one in every mapping.
    pub fn base(&self) -> u64 {
        self.base
    }

    /// The address of a word. It means something in this mapping only.
    pub fn address(&self, at: u32) -> u64 {
        self.base + 4 * u64::from(at)
    }

    /// The word at an address; `None` where it lies outside of this mapping or between two words.
    pub fn at(&self, address: u64) -> Option<u32> {
        let offset = address.checked_sub(self.base)?;
        let at = u32::try_from(offset / 4).ok()?;
        (offset % 4 == 0 && at < self.arena.words()).then_some(at)
    }

    /// Whether its process still lives.
    pub fn is_alive(&self) -> bool {
        self.owner.alive.get()
    }

    /// What comes before every access; `false` where the process is dead and nobody may notice.
    #[inline]
    fn enter(&self, at: u32, doing: &str) -> bool {
        let arena = &*self.arena.0;
        if at as usize >= arena.words.len() {
            self.outside(at, doing);
        }
        if !self.owner.alive.get() {
            self.owner.life.stay_dead();
            return false;
        }
        arena.accesses.set(arena.accesses.get() + 1);
        if arena.unruly.get() {
            self.arena.interfere(&self.owner);
        }
        true
    }

    /// What comes before every store besides.
    fn enter_store(&self, at: u32) {
        if !self.writable {
            let (who, name) = (&self.owner.name, self.arena.name());
            panic!("{who} stores to word {at} of {name}, which it mapped to read");
        }
        self.owner.life.store(|| self.owner.alive.set(false));
    }

    #[cold]
    #[inline(never)]
    fn outside(&self, at: u32, doing: &str) -> ! {
        let (who, name, words) = (&self.owner.name, self.arena.name(), self.arena.words());
        panic!("{who} {doing} word {at} of {name}, which has {words}")
    }
}

// SAFETY: the words live as long as any handle, one thread reaches them, and an index beyond them panics. A late store is
// seen by its own process at once and by others in an order that the orderings allow, and a read or write of many words
// is the default one, word by word.
unsafe impl Region for Mapping {
    fn words(&self) -> u32 {
        self.arena.words()
    }

    unsafe fn load(&self, at: u32, _order: Ordering) -> u32 {
        if !self.enter(at, "loads") {
            return 0;
        }
        let arena = &*self.arena.0;
        if arena.unruly.get() {
            if let Some(own) = arena.late.newest(self.owner.process, at) {
                return own;
            }
            self.arena.seen(&self.owner, at);
        }
        arena.words[at as usize].get()
    }

    unsafe fn store(&self, at: u32, value: u32, order: Ordering) {
        if !self.enter(at, "stores to") {
            return;
        }
        self.enter_store(at);
        if self.arena.0.unruly.get() {
            self.arena.store_late(&self.owner, at, value, order);
        } else {
            self.arena.put(self.owner.process, at, value, NOBODY);
        }
    }

    fn is_wide(&self) -> bool {
        true
    }

    unsafe fn load_pair(&self, at: u32, _order: Ordering) -> u64 {
        if !self.enter(at + 1, "loads the pair before") {
            return 0;
        }
        if self.arena.0.unruly.get() {
            self.arena.seen(&self.owner, at);
            self.arena.seen(&self.owner, at + 1);
        }
        self.arena.pair(at)
    }

    /// Seen by everybody at once, and with it whatever the process stored before: a pair is never late.
    unsafe fn store_pair(&self, at: u32, value: u64, _order: Ordering) {
        if !self.enter(at + 1, "stores to the pair before") {
            return;
        }
        self.enter_store(at);
        self.arena.flush(self.owner.process);
        self.arena.put_pair(self.owner.process, at, value, self.arena.asks());
    }

    fn fence(&self, order: Ordering) {
        if self.arena.0.unruly.get() && self.owner.alive.get() {
            self.arena.fence(self.owner.process, order);
        }
    }

    fn wake(&self, at: u32) {
        self.wake_all(at);
    }
}

// SAFETY: the words are cells of one box, back to back, which the arena keeps for as long as any mapping. What is late is a
// store of its own process, and there before anything that it releases. What is written there is no store to a crash point
// or to a trace.
unsafe impl Lend for Mapping {
    fn first(&self) -> NonNull<u32> {
        NonNull::from(&*self.arena.0.words).cast()
    }
}

// SAFETY: as for the region; nothing comes between the comparison and the store on one thread.
unsafe impl Exchange for Mapping {
    unsafe fn compare_exchange(&self, at: u32, current: u32, new: u32) -> Result<(), u32> {
        if !self.enter(at, "exchanges") {
            // So that nobody who is being dropped tries again.
            return Ok(());
        }
        let process = self.owner.process;
        // It releases what was stored before, and the word's newest value is the one in memory.
        self.arena.flush(process);
        self.arena.seen(&self.owner, at);
        let stands = self.arena.0.words[at as usize].get();
        if stands != current {
            return Err(stands);
        }
        self.enter_store(at);
        self.arena.put(process, at, new, self.arena.asks());
        Ok(())
    }

    unsafe fn compare_exchange_pair(&self, at: u32, current: u64, new: u64) -> Result<(), u64> {
        if !self.enter(at + 1, "exchanges the pair before") {
            return Ok(());
        }
        let process = self.owner.process;
        self.arena.flush(process);
        self.arena.seen(&self.owner, at);
        self.arena.seen(&self.owner, at + 1);
        let stands = self.arena.pair(at);
        if stands != current {
            return Err(stands);
        }
        self.enter_store(at);
        self.arena.put_pair(process, at, new, self.arena.asks());
        Ok(())
    }
}

impl fmt::Debug for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mapping")
            .field("arena", &self.arena.name())
            .field("process", &self.owner.name)
            .field("base", &format_args!("{:#x}", self.base))
            .finish_non_exhaustive()
    }
}
