use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::sync::atomic::Ordering;

use tidemill_seam::{Exchange, Region};

type Watcher = Box<dyn FnMut(u32, u32)>;

/// Memory that simulated processes share. A clone is another handle of the same words.
///
/// One thread runs them all, so every access is atomic and in order. Every store is an event for who
/// [watches](Self::watch) the region.
#[derive(Clone)]
pub struct SimRegion(Rc<Words>);

struct Words {
    words: Box<[Cell<u32>]>,
    stores: Cell<u64>,
    watcher: RefCell<Option<Watcher>>,
}

impl SimRegion {
    /// A region of zeroes.
    pub fn new(words: u32) -> Self {
        let words = (0..words).map(|_| Cell::new(0)).collect();
        Self(Rc::new(Words { words, stores: Cell::new(0), watcher: RefCell::default() }))
    }

    /// How often a word was stored, through any handle.
    pub fn stores(&self) -> u64 {
        self.0.stores.get()
    }

    /// Calls `watcher` with index and value after every store, in place of who watched before. It may not store itself.
    pub fn watch(&self, watcher: impl FnMut(u32, u32) + 'static) {
        *self.0.watcher.borrow_mut() = Some(Box::new(watcher));
    }

    fn put(&self, at: u32, value: u32) {
        self.0.words[at as usize].set(value);
        self.0.stores.set(self.0.stores.get() + 1);
        if let Some(watcher) = &mut *self.0.watcher.borrow_mut() {
            watcher(at, value);
        }
    }
}

// SAFETY: the words live as long as any handle, one thread reaches them, and an index beyond them panics.
unsafe impl Region for SimRegion {
    fn words(&self) -> u32 {
        self.0.words.len() as u32
    }

    unsafe fn load(&self, at: u32, _order: Ordering) -> u32 {
        self.0.words[at as usize].get()
    }

    unsafe fn store(&self, at: u32, value: u32, _order: Ordering) {
        self.put(at, value);
    }

    fn fence(&self, _order: Ordering) {}
}

// SAFETY: as for the region; nothing comes between the comparison and the store on one thread.
unsafe impl Exchange for SimRegion {
    unsafe fn compare_exchange(&self, at: u32, current: u32, new: u32) -> Result<(), u32> {
        let stands = self.0.words[at as usize].get();
        if stands != current {
            return Err(stands);
        }
        self.put(at, new);
        Ok(())
    }
}

impl fmt::Debug for SimRegion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (words, stores) = (self.0.words.len(), self.stores());
        f.debug_struct("SimRegion").field("words", &words).field("stores", &stores).finish()
    }
}
