use crate::{Condvar, Mutex};
use std::sync::Arc;
use std::sync::atomic::AtomicU32 as Plain;
use tidemill_ring::sync::{AtomicU32, Ordering, fence};
use tidemill_seam::{Duration, Exchange, Region};

/// The promise that a [`Sparse`] region breaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lapse {
    /// None.
    None,
    /// Fences of this order do nothing.
    Fence(Ordering),
    /// Stores to this word are `Relaxed`.
    StoreRelaxed(u32),
    /// Loads of this word are `Relaxed`.
    LoadRelaxed(u32),
}

/// A long region of which the model follows some words only: the others are written while one thread is there, or carry
/// nothing that a law speaks of.
#[derive(Clone, Debug)]
pub struct Sparse {
    words: Arc<[Word]>,
    bed: Arc<Bed>,
    lapse: Lapse,
}

/// Where sleepers lie down, on whichever word: how often they were woken.
#[derive(Debug, Default)]
struct Bed {
    woken: Mutex<u32>,
    bell: Condvar,
}

#[derive(Debug)]
enum Word {
    Followed(AtomicU32),
    Quiet(Plain),
}

impl Sparse {
    /// Zeroes, of which those are followed for which `follow` says so.
    pub fn new(words: u32, lapse: Lapse, follow: impl Fn(u32) -> bool) -> Self {
        let word =
            |at| if follow(at) { Word::Followed(AtomicU32::new(0)) } else { Word::Quiet(Plain::new(0)) };
        Self { words: (0..words).map(word).collect(), bed: Arc::default(), lapse }
    }
}

// SAFETY: every word is an atomic of this region; what is weakened are orderings, which no memory safety rests on.
unsafe impl Region for Sparse {
    fn words(&self) -> u32 {
        self.words.len() as u32
    }

    unsafe fn load(&self, at: u32, order: Ordering) -> u32 {
        // What is dropped while its model fails would fail once more, outside of it.
        if std::thread::panicking() {
            return 0;
        }
        let order = if self.lapse == Lapse::LoadRelaxed(at) { Ordering::Relaxed } else { order };
        match &self.words[at as usize] {
            Word::Followed(word) => word.load(order),
            Word::Quiet(word) => word.load(Ordering::SeqCst),
        }
    }

    unsafe fn store(&self, at: u32, value: u32, order: Ordering) {
        if std::thread::panicking() {
            return;
        }
        let order = if self.lapse == Lapse::StoreRelaxed(at) { Ordering::Relaxed } else { order };
        match &self.words[at as usize] {
            Word::Followed(word) => word.store(value, order),
            Word::Quiet(word) => word.store(value, Ordering::SeqCst),
        }
    }

    fn fence(&self, order: Ordering) {
        if self.lapse != Lapse::Fence(order) && !std::thread::panicking() {
            fence(order);
        }
    }

    /// Sleeps until woken, however long that takes: a wake that is lost is a deadlock.
    fn wait(&self, at: u32, value: u32, _: Duration) {
        if std::thread::panicking() {
            return;
        }
        let mut woken = self.bed.woken.lock().expect("nobody panics here");
        let seen = *woken;
        // SAFETY: a word of this region: whoever sleeps on it stored it before.
        // Relaxed: a wake before ours is seen by the mutex, with what was stored before it.
        if unsafe { self.load(at, Ordering::Relaxed) } != value {
            return;
        }
        while *woken == seen {
            woken = self.bed.bell.wait(woken).expect("nobody panics here");
        }
    }

    fn wake(&self, _: u32) {
        if !std::thread::panicking() {
            *self.bed.woken.lock().expect("nobody panics here") += 1;
            self.bed.bell.notify_all();
        }
    }
}

// SAFETY: as for the region.
unsafe impl Exchange for Sparse {
    unsafe fn compare_exchange(&self, at: u32, current: u32, new: u32) -> Result<(), u32> {
        if std::thread::panicking() {
            return Ok(());
        }
        let (won, lost) = (Ordering::AcqRel, Ordering::Acquire);
        match &self.words[at as usize] {
            Word::Followed(word) => word.compare_exchange(current, new, won, lost).map(|_| ()),
            Word::Quiet(word) => word.compare_exchange(current, new, won, lost).map(|_| ()),
        }
    }
}
