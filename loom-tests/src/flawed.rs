use std::sync::{Arc, OnceLock};
use tidemill_ring::Heap;
use tidemill_ring::sync::{AtomicU32, Cell, Ordering};
use tidemill_seam::{Exchange, Region};

/// The promise that a [`Flawed`] region breaks. The word indices are those of a ring with `line(1)` at word 0, or of an
/// event count at word 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flaw {
    /// Keeps every promise.
    None,
    /// Stores to this word are `Relaxed`.
    StoreRelaxed(u32),
    /// Loads of this word are `Relaxed`.
    LoadRelaxed(u32),
    /// `done` moves on before the entry below it is read.
    DoneBeforeRead,
    /// An exchange starts from what stands there by then, not from what was observed.
    ExchangeRereads,
    /// Fences do nothing.
    NoFence,
    /// The epoch is looked at once; every later look repeats the answer.
    NoRecheck,
}

/// Words of a ring with `line(1)`.
pub const TAIL: u32 = 0;
/// The consumer's cursor, or the claim.
pub const DONE: u32 = 1;
/// Whether the producer is there, and of which generation.
pub const PRODUCER_STANDING: u32 = 2;
/// The same of the consumer.
pub const CONSUMER_STANDING: u32 = 3;
const SLOTS: u32 = 4;

/// A heap region that breaks at most one promise, and that can watch the slots for unordered access.
#[derive(Clone, Debug)]
pub struct Flawed {
    heap: Heap,
    flaw: Flaw,
    /// One cell a slot word: touched with each access, so loom reports accesses that no ordering separates.
    watch: Option<Arc<[Cell<()>]>>,
    first_epoch: Arc<OnceLock<u32>>,
    /// One a word, turned by each load. Loom remembers only the last access to a word, so a thread that loads a word
    /// and then stores it hides an earlier load by another thread, and their order is never tried the other way
    /// round. Turning is an exchange, which loom always tries both ways, and `Relaxed`, which orders nothing.
    turnstiles: Arc<[AtomicU32]>,
}

// SAFETY: the cells hold nothing; loom finds the races on them, which is what they are for.
unsafe impl Send for Flawed {}
// SAFETY: as above.
unsafe impl Sync for Flawed {}

impl Flawed {
    /// A region of `words` zeroes.
    pub fn new(words: u32, flaw: Flaw) -> Self {
        Self {
            heap: Heap::new(words),
            flaw,
            watch: None,
            first_epoch: Arc::default(),
            turnstiles: (0..words).map(|_| AtomicU32::new(0)).collect(),
        }
    }

    /// The same region, its slots watched. For rings that do not evict: those read ahead of their exchange.
    pub fn watched(mut self) -> Self {
        self.watch = Some((SLOTS..self.heap.words()).map(|_| Cell::new(())).collect());
        self
    }

    fn touch(&self, at: u32, write: bool) {
        let Some(cell) = self.watch.as_ref().and_then(|cells| cells.get(at.checked_sub(SLOTS)? as usize))
        else {
            return;
        };
        if write {
            cell.with_mut(|_| ());
        } else {
            cell.with(|_| ());
        }
    }
}

// SAFETY: words are the heap's; what is weakened are orderings, which no memory safety rests on.
unsafe impl Region for Flawed {
    fn words(&self) -> u32 {
        self.heap.words()
    }

    unsafe fn load(&self, at: u32, order: Ordering) -> u32 {
        // A half that is dropped while its model fails would fail once more, outside of it.
        if std::thread::panicking() {
            return 0;
        }
        if cfg!(feature = "loom") {
            self.turnstiles[at as usize].fetch_add(0, Ordering::Relaxed);
        }
        self.touch(at, false);
        if self.flaw == Flaw::DoneBeforeRead && at >= SLOTS {
            // SAFETY: every ring has a `done`.
            let done = unsafe { self.heap.load(DONE, Ordering::Relaxed) };
            // SAFETY: every ring has a `done`.
            unsafe { self.heap.store(DONE, done.wrapping_add(1), Ordering::Release) };
        }
        let order = if self.flaw == Flaw::LoadRelaxed(at) { Ordering::Relaxed } else { order };
        // SAFETY: the caller's promise, handed on.
        let value = unsafe { self.heap.load(at, order) };
        if self.flaw == Flaw::NoRecheck && at == 0 && order == Ordering::Acquire {
            return *self.first_epoch.get_or_init(|| value);
        }
        value
    }

    unsafe fn store(&self, at: u32, value: u32, order: Ordering) {
        if std::thread::panicking() {
            return;
        }
        self.touch(at, true);
        let order = if self.flaw == Flaw::StoreRelaxed(at) { Ordering::Relaxed } else { order };
        // SAFETY: the caller's promise, handed on.
        unsafe { self.heap.store(at, value, order) };
    }

    fn fence(&self, order: Ordering) {
        if self.flaw != Flaw::NoFence {
            self.heap.fence(order);
        }
    }
}

// SAFETY: as for `Region`.
unsafe impl Exchange for Flawed {
    unsafe fn compare_exchange(&self, at: u32, current: u32, new: u32) -> Result<(), u32> {
        let by = new.wrapping_sub(current);
        let current = if self.flaw == Flaw::ExchangeRereads {
            // SAFETY: the caller's promise, handed on.
            unsafe { self.heap.load(at, Ordering::Acquire) }
        } else {
            current
        };
        // SAFETY: the caller's promise, handed on.
        unsafe { self.heap.compare_exchange(at, current, current.wrapping_add(by)) }
    }
}
