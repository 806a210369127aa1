use crate::{Condvar, Mutex, thread};
#[cfg(feature = "loom")]
use loom::sync::atomic::AtomicU64;
#[cfg(all(feature = "shuttle", not(feature = "loom")))]
use shuttle::sync::atomic::AtomicU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32 as Plain, AtomicU64 as PlainPair};
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
    /// Loads of this word are `Relaxed` for the thread that made the region, which reads; those who write would turn for ever.
    ReaderRelaxed(u32),
    /// Stores to this word are lost.
    StoreLost(u32),
    /// A store to this word is made behind the next one to this pair.
    StoreLate(u32, u32),
    /// Before this word is read, the position in this pair moves on.
    ReadLate(u32, u32),
    /// An exchange of a pair looks, and stores later.
    PairExchange,
    /// An exchange of a pair for a void one starts from whatever stands there by then.
    VoidExchange,
}

/// A long region of which the model follows some words only: the others are written while one thread is there, or carry
/// nothing that a law speaks of.
#[derive(Clone, Debug)]
pub struct Sparse {
    words: Arc<[Word]>,
    bed: Arc<Bed>,
    lapse: Lapse,
    maker: thread::ThreadId,
    death: Arc<Death>,
    /// What [`Lapse::StoreLate`] keeps back.
    late: Arc<Plain>,
    /// One a word, turned by each load of a pair: see [`Flawed`](crate::Flawed), which says why.
    turnstiles: Option<Arc<[AtomicU32]>>,
    /// A word that has one, too.
    turns: Option<u32>,
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
    FollowedPair(AtomicU64),
    QuietPair(PlainPair),
}

/// Whoever stores now is to die, or is dead.
#[derive(Debug)]
struct Death {
    /// Stores that are still to be made.
    left: Plain,
    died: AtomicBool,
}

impl Sparse {
    /// Zeroes, of which those are followed for which `follow` says so.
    pub fn new(words: u32, lapse: Lapse, follow: impl Fn(u32) -> bool) -> Self {
        Self::with_pairs(words, lapse, follow, |_| false)
    }

    /// The same, with one atomic where `pair` says that a pair begins.
    pub fn with_pairs(
        words: u32,
        lapse: Lapse,
        follow: impl Fn(u32) -> bool,
        pair: impl Fn(u32) -> bool,
    ) -> Self {
        let word = |at| match (pair(at), follow(at)) {
            (true, true) => Word::FollowedPair(AtomicU64::new(0)),
            (true, false) => Word::QuietPair(PlainPair::new(0)),
            (false, true) => Word::Followed(AtomicU32::new(0)),
            (false, false) => Word::Quiet(Plain::new(0)),
        };
        let death = Death { left: Plain::new(u32::MAX), died: AtomicBool::new(false) };
        let (words, bed, late) = ((0..words).map(word).collect(), Arc::default(), Arc::default());
        let maker = thread::current().id();
        Self { words, bed, lapse, maker, death: Arc::new(death), late, turnstiles: None, turns: None }
    }

    /// The same, where loom tries every load of a pair before and after every store to it: for short models.
    #[must_use]
    pub fn turning(self) -> Self {
        let turnstiles = (0..self.words.len()).map(|_| AtomicU32::new(0)).collect();
        Self { turnstiles: cfg!(feature = "loom").then_some(turnstiles), ..self }
    }

    /// The same for this word as well.
    #[must_use]
    pub fn turning_at(self, word: u32) -> Self {
        Self { turns: Some(word), ..self.turning() }
    }

    /// From the `stores`-th store on nothing reaches the words: whoever stores is dead by then. While one thread is there.
    pub fn die_in(&self, stores: u32) {
        self.death.left.store(stores, Ordering::SeqCst);
    }

    /// The dead one is gone, and others may store. Gives whether it died.
    pub fn revive(&self) -> bool {
        self.death.left.store(u32::MAX, Ordering::SeqCst);
        self.death.died.load(Ordering::SeqCst)
    }

    fn loads_relaxed(&self, at: u32) -> bool {
        match self.lapse {
            Lapse::LoadRelaxed(word) => word == at,
            Lapse::ReaderRelaxed(word) => word == at && thread::current().id() == self.maker,
            _ => false,
        }
    }

    /// Whether a store reaches nobody.
    fn is_lost(&self, at: u32) -> bool {
        if self.lapse == Lapse::StoreLost(at) {
            return true;
        }
        match self.death.left.load(Ordering::SeqCst) {
            u32::MAX => false,
            0 => {
                self.death.died.store(true, Ordering::SeqCst);
                true
            }
            left => {
                self.death.left.store(left - 1, Ordering::SeqCst);
                false
            }
        }
    }
}

/// What is accessed by pairs is accessed by pairs always, but for the zeroes before there is anything (G9).
fn only_zero(at: u32, value: u32) {
    assert_eq!(value, 0, "word {at} is half of a pair");
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
        let order = if self.loads_relaxed(at) { Ordering::Relaxed } else { order };
        if let Lapse::ReadLate(read, moved) = self.lapse
            && read == at
        {
            let Word::FollowedPair(pair) = &self.words[moved as usize] else {
                panic!("nobody follows pair {moved}")
            };
            pair.store(pair.load(Ordering::Relaxed) + 1, Ordering::Release);
        }
        match &self.words[at as usize] {
            Word::Followed(word) => {
                if let (Some(turnstiles), Some(turns)) = (&self.turnstiles, self.turns)
                    && turns == at
                {
                    turnstiles[at as usize].fetch_add(0, Ordering::Relaxed);
                }
                word.load(order)
            }
            Word::Quiet(word) => word.load(Ordering::SeqCst),
            Word::FollowedPair(_) | Word::QuietPair(_) => panic!("word {at} is half of a pair"),
        }
    }

    unsafe fn store(&self, at: u32, value: u32, order: Ordering) {
        if std::thread::panicking() || self.is_lost(at) {
            return;
        }
        let order = if self.lapse == Lapse::StoreRelaxed(at) { Ordering::Relaxed } else { order };
        if let Lapse::StoreLate(late, _) = self.lapse
            && late == at
        {
            return self.late.store(value, Ordering::SeqCst);
        }
        match &self.words[at as usize] {
            Word::Followed(word) => word.store(value, order),
            Word::Quiet(word) => word.store(value, Ordering::SeqCst),
            Word::FollowedPair(_) | Word::QuietPair(_) => only_zero(at, value),
        }
    }

    fn is_wide(&self) -> bool {
        true
    }

    unsafe fn load_pair(&self, at: u32, order: Ordering) -> u64 {
        if std::thread::panicking() {
            return 0;
        }
        let order = if self.loads_relaxed(at) { Ordering::Relaxed } else { order };
        match &self.words[at as usize] {
            Word::FollowedPair(pair) => {
                if let Some(turnstiles) = &self.turnstiles {
                    turnstiles[at as usize].fetch_add(0, Ordering::Relaxed);
                }
                pair.load(order)
            }
            Word::QuietPair(pair) => pair.load(Ordering::SeqCst),
            Word::Followed(_) | Word::Quiet(_) => panic!("no pair begins at word {at}"),
        }
    }

    unsafe fn store_pair(&self, at: u32, value: u64, order: Ordering) {
        if std::thread::panicking() || self.is_lost(at) {
            return;
        }
        let order = if self.lapse == Lapse::StoreRelaxed(at) { Ordering::Relaxed } else { order };
        match &self.words[at as usize] {
            Word::FollowedPair(pair) => pair.store(value, order),
            Word::QuietPair(pair) => pair.store(value, Ordering::SeqCst),
            Word::Followed(_) | Word::Quiet(_) => panic!("no pair begins at word {at}"),
        }
        if let Lapse::StoreLate(late, behind) = self.lapse
            && behind == at
        {
            let Word::Followed(word) = &self.words[late as usize] else {
                panic!("nobody follows word {late}")
            };
            word.store(self.late.load(Ordering::SeqCst), Ordering::Release);
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
        // So that nobody who is dead tries again.
        if std::thread::panicking() || self.is_lost(at) {
            return Ok(());
        }
        let (won, lost) = (Ordering::AcqRel, Ordering::Acquire);
        match &self.words[at as usize] {
            Word::Followed(word) => word.compare_exchange(current, new, won, lost).map(|_| ()),
            Word::Quiet(word) => word.compare_exchange(current, new, won, lost).map(|_| ()),
            Word::FollowedPair(_) | Word::QuietPair(_) => panic!("word {at} is half of a pair"),
        }
    }

    unsafe fn compare_exchange_pair(&self, at: u32, current: u64, new: u64) -> Result<(), u64> {
        if std::thread::panicking() || self.is_lost(at) {
            return Ok(());
        }
        let (won, lost) = (Ordering::AcqRel, Ordering::Acquire);
        match &self.words[at as usize] {
            Word::FollowedPair(pair) if self.lapse == Lapse::PairExchange => {
                let stands = pair.load(Ordering::Acquire);
                if stands != current {
                    return Err(stands);
                }
                pair.store(new, Ordering::Release);
                Ok(())
            }
            Word::FollowedPair(pair) if self.lapse == Lapse::VoidExchange && new & 3 == 3 => {
                let stands = pair.load(Ordering::Acquire);
                pair.compare_exchange(stands, new, won, lost).map(|_| ())
            }
            Word::FollowedPair(pair) => pair.compare_exchange(current, new, won, lost).map(|_| ()),
            Word::QuietPair(pair) => pair.compare_exchange(current, new, won, lost).map(|_| ()),
            Word::Followed(_) | Word::Quiet(_) => panic!("no pair begins at word {at}"),
        }
    }
}
