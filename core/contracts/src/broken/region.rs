//! A region of atomic words that may be wrong, with any number of handles.

use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, Ordering, fence};
use tidemill_seam::{Exchange, Lend, Region};

super::faults! {
    /// A store replaces only the lower half of the word.
    StoresTheLowerHalf => "G1",
    /// A store is two halves, one after the other.
    HalfByHalf => "G1",
    /// Every 17th store is lost.
    LosesEach17th => "G2",
    /// A store is 64 bits wide and takes the neighbour with it.
    ClobbersTheNeighbour => "G2",
    /// Even words of the second handle are a copy.
    HandlesDisagree => "G2",
    /// A load gives the word below.
    LoadsTheWrongWord => "G2",
    /// A bulk write leaves out the last word.
    WritesOneTooFew => "G3",
    /// A bulk write of more than eight words starts over at its first word.
    WriteWraps => "G3",
    /// A bulk read gives its words in reverse.
    ReadsBackwards => "G3",
    /// A pair goes in with its words exchanged.
    SwapsPairs => "G7",
    /// A pair comes out as its first word twice.
    ReadsTheFirstTwice => "G7",
    /// The last word of a fresh region is set.
    DirtyTail => "G4",
    /// A fresh region is filled with a pattern.
    Poisoned => "G4",
    /// The region is one word short.
    TooShort => "G5",
    /// The length shrinks after a thousand stores.
    Shrinks => "G5",
    /// An exchange stores whatever stands there.
    AlwaysExchanges => "G6",
    /// A failed exchange stores all the same.
    StoresOnFailure => "G6",
    /// A failed exchange gives back what was expected.
    EchoesTheExpected => "G6",
    /// Every 64th exchange fails for no reason.
    FailsForNothing => "G6",
    /// An exchange says so and stores nothing.
    ExchangesNothing => "G6",
    /// An exchange is a load, and later a store.
    LooksThenStores => "G6",
    /// What is lent is a copy.
    LendsACopy => "G10",
    /// What is lent begins one word too late.
    LendsOneOff => "G10",
    /// What is lent moves after a hundred looks.
    LentMoves => "G10",
}

const WORDS: usize = 128;

/// Memory with at most one fault.
#[derive(Debug)]
pub struct Memory {
    fault: Option<Fault>,
    len: u32,
    words: [AtomicU32; WORDS],
    copy: [AtomicU32; WORDS],
    calls: AtomicU32,
}

/// A handle of a [`Memory`].
#[derive(Clone, Copy, Debug)]
pub struct Handle<'m> {
    memory: &'m Memory,
    second: bool,
}

impl Memory {
    /// Fresh memory of `len` words, at most 128.
    pub fn new(len: u32, fault: Option<Fault>) -> Self {
        assert!((1..=WORDS as u32).contains(&len), "a region has 1 to 128 words");
        let [words, copy] = [const { [const { AtomicU32::new(0) }; WORDS] }; 2];
        let memory = Self { fault, len, words, copy, calls: AtomicU32::new(0) };
        match fault {
            // Relaxed, twice: nobody else has seen this memory.
            Some(Fault::DirtyTail) => memory.words[len as usize - 1].store(1, Ordering::Relaxed),
            Some(Fault::Poisoned) => {
                memory.words.iter().for_each(|word| word.store(0xA5A5_A5A5, Ordering::Relaxed))
            }
            _ => {}
        }
        memory
    }

    /// Two handles.
    pub fn handles(&self) -> (Handle<'_>, Handle<'_>) {
        (Handle { memory: self, second: false }, Handle { memory: self, second: true })
    }

    fn each(&self, n: u32) -> bool {
        // Relaxed: counts calls, orders nothing.
        self.calls.fetch_add(1, Ordering::Relaxed) % n == n - 1
    }
}

impl Handle<'_> {
    fn word(&self, at: u32) -> &AtomicU32 {
        let at = at as usize;
        if self.memory.fault == Some(Fault::HandlesDisagree) && self.second && at.is_multiple_of(2) {
            return &self.memory.copy[at];
        }
        &self.memory.words[at]
    }
}

// SAFETY: every word below `words` is an atomic of the array for as long as the handle lives; where a fault breaks a law
// the access stays within the array.
unsafe impl Region for Handle<'_> {
    fn words(&self) -> u32 {
        match self.memory.fault {
            Some(Fault::TooShort) => self.memory.len - 1,
            // Relaxed: counts calls, orders nothing.
            Some(Fault::Shrinks) if self.memory.calls.load(Ordering::Relaxed) > 1_000 => self.memory.len - 1,
            _ => self.memory.len,
        }
    }

    unsafe fn load(&self, at: u32, order: Ordering) -> u32 {
        let at = if self.memory.fault == Some(Fault::LoadsTheWrongWord) { at.saturating_sub(1) } else { at };
        self.word(at).load(order)
    }

    unsafe fn store(&self, at: u32, value: u32, order: Ordering) {
        let word = self.word(at);
        // Relaxed: what a fault reads or writes pairs with nothing.
        let old = word.load(Ordering::Relaxed);
        let mixed = old & 0xFFFF_0000 | value & 0xFFFF;
        match self.memory.fault {
            Some(Fault::StoresTheLowerHalf) => return word.store(mixed, order),
            Some(Fault::HalfByHalf) => {
                word.store(mixed, order);
                pause();
            }
            Some(Fault::LosesEach17th) if self.memory.each(17) => return,
            Some(Fault::ClobbersTheNeighbour) if at + 1 < self.memory.len => {
                self.word(at + 1).store(0, Ordering::Relaxed);
            }
            Some(Fault::Shrinks) => _ = self.memory.each(17),
            _ => {}
        }
        word.store(value, order);
    }

    unsafe fn read(&self, at: u32, into: &mut [u32]) {
        for (i, word) in (at..).zip(&mut *into) {
            // Relaxed: G3 promises no more.
            *word = self.word(i).load(Ordering::Relaxed);
        }
        if self.memory.fault == Some(Fault::ReadsBackwards) {
            into.reverse();
        }
    }

    unsafe fn write(&self, at: u32, from: &[u32]) {
        for (i, word) in from.iter().enumerate() {
            let to = match self.memory.fault {
                Some(Fault::WritesOneTooFew) if i + 1 == from.len() => continue,
                Some(Fault::WriteWraps) => i % 8,
                _ => i,
            };
            // SAFETY: `to` is at most `i`, so the word is among those that the caller keeps within the region.
            unsafe { self.store(at + to as u32, *word, Ordering::Relaxed) };
        }
    }

    unsafe fn read_pairs(&self, at: u32, into: &mut [u32]) {
        for (i, word) in (at..).zip(&mut *into) {
            // Relaxed: G7 promises no more.
            *word = self.word(i).load(Ordering::Relaxed);
        }
        if self.memory.fault == Some(Fault::ReadsTheFirstTwice) {
            into.as_chunks_mut().0.iter_mut().for_each(|[first, second]| *second = *first);
        }
    }

    unsafe fn write_pairs(&self, at: u32, from: &[u32]) {
        let swapped = self.memory.fault == Some(Fault::SwapsPairs);
        for (i, [first, second]) in (0..).zip(from.as_chunks().0) {
            let [first, second] = if swapped { [second, first] } else { [first, second] };
            // Relaxed: G7 promises no more.
            self.word(at + 2 * i).store(*first, Ordering::Relaxed);
            // Relaxed: as above.
            self.word(at + 2 * i + 1).store(*second, Ordering::Relaxed);
        }
    }

    fn fence(&self, order: Ordering) {
        fence(order);
    }
}

// SAFETY: as above.
unsafe impl Exchange for Handle<'_> {
    unsafe fn compare_exchange(&self, at: u32, current: u32, new: u32) -> Result<(), u32> {
        let word = self.word(at);
        // Acquire: pairs with the Release of whoever stored it. Relaxed stores below are a fault's own.
        let stands = word.load(Ordering::Acquire);
        match self.memory.fault {
            Some(Fault::AlwaysExchanges) => {
                word.store(new, Ordering::Relaxed);
                Ok(())
            }
            Some(Fault::StoresOnFailure) if stands != current => {
                word.store(new, Ordering::Relaxed);
                Err(stands)
            }
            Some(Fault::EchoesTheExpected) if stands != current => Err(current),
            Some(Fault::FailsForNothing) if self.memory.each(64) => Err(stands),
            Some(Fault::ExchangesNothing) if stands == current => Ok(()),
            Some(Fault::LooksThenStores) if stands == current => {
                // Long enough for the other thread to look too, however busy the machine is.
                for _ in 0..64 {
                    pause();
                    if word.load(Ordering::Relaxed) != current {
                        break;
                    }
                }
                word.store(new, Ordering::Relaxed);
                Ok(())
            }
            // AcqRel: pairs with the other exchanges of this word; Acquire on failure, with the one that won.
            _ => word.compare_exchange(current, new, Ordering::AcqRel, Ordering::Acquire).map(drop),
        }
    }
}

// SAFETY: the words are atomics of an array that stays where it is; where a fault breaks the law, the pointer still reaches as
// many words of one array or the other as a region of 64 has.
unsafe impl Lend for Handle<'_> {
    fn first(&self) -> NonNull<u32> {
        let words = NonNull::from(&self.memory.words).cast();
        let copy = NonNull::from(&self.memory.copy).cast();
        match self.memory.fault {
            Some(Fault::LendsACopy) => copy,
            // SAFETY: the second of 128 words.
            Some(Fault::LendsOneOff) => unsafe { words.add(1) },
            // Relaxed: counts calls, orders nothing.
            Some(Fault::LentMoves) if self.memory.calls.fetch_add(1, Ordering::Relaxed) > 100 => copy,
            _ => words,
        }
    }
}

/// Lets another thread run where that can be arranged, so that what is not one step shows.
fn pause() {
    #[cfg(feature = "std")]
    std::thread::yield_now();
    #[cfg(not(feature = "std"))]
    core::hint::spin_loop();
}
