//! The words behind a sleep that loses no wake-up: an epoch and a count of sleepers.
//!
//! Says nothing about *how* to sleep: the caller brings the futex, the thread park or the WFE as a closure.
//!
//! # Laws
//! - **W1** A [`notify`](EventCount::notify) after [`epoch`](EventCount::epoch) ends every wait on that epoch, also
//!   one that starts later (E27, no lost bell).
//! - **W3** What was written before `notify` is visible once the epoch is seen to have moved.
//! - **W5** `notify` calls `wake` only where somebody may be asleep: an idle bell costs an exchange and a fence.
//!
//! Source: Dekker's store-then-check between two words, as in Vyukov's event count. The waker moves the epoch, then
//! looks for sleepers; the sleeper counts itself, then looks at the epoch; a `SeqCst` fence stands between on either
//! side, so at least one of them sees the other.

use crate::sync::Ordering;
use tidemill_seam::{Epoch, Exchange};

/// Words that an [`EventCount`] takes in its region: the epoch, then the count of sleepers.
pub const WORDS: u32 = 2;

/// An epoch and a count of sleepers in two words of a region.
#[derive(Clone, Debug)]
pub struct EventCount<R> {
    region: R,
    at: u32,
}

impl<R: Exchange> EventCount<R> {
    /// An event count over the [`WORDS`] words at index `at`, zero at first. `None` where the region ends before.
    pub fn new(region: R, at: u32) -> Option<Self> {
        let end = at.checked_add(WORDS)?;
        (end <= region.words()).then_some(Self { region, at })
    }

    /// The region the words stand in.
    pub fn region(&self) -> &R {
        &self.region
    }

    /// How often this was notified, wrapping. Taken **before** the last look for work.
    #[inline]
    pub fn epoch(&self) -> Epoch {
        // SAFETY: `at` is within the region, checked in `new`.
        // Acquire: pairs with the exchange in `notify` (W3).
        Epoch(unsafe { self.region.load(self.at, Ordering::Acquire) })
    }

    /// Calls `park` unless the epoch is no longer `seen`; true if it was called.
    ///
    /// `park` may come back at any time; it must come back after a `wake` that follows the start of this call. A
    /// futex that sleeps while the epoch word is `seen` does, and so does a thread park that keeps a token.
    pub fn wait(&self, seen: Epoch, park: impl FnOnce()) -> bool {
        self.count(1);
        // SeqCst: pairs with the fence in `notify`: that one counts us, or we see the epoch it moved (W1).
        self.region.fence(Ordering::SeqCst);
        let sleeps = self.epoch() == seen;
        if sleeps {
            park();
        }
        self.count(u32::MAX);
        sleeps
    }

    /// Moves the epoch on and calls `wake` if somebody may be asleep; true if it was called.
    pub fn notify(&self, wake: impl FnOnce()) -> bool {
        self.add(self.at, 1);
        // SeqCst: pairs with the fence in `wait`: we count the sleeper, or it sees the epoch moved (W1).
        self.region.fence(Ordering::SeqCst);
        // SAFETY: `at + 1` is within the region, checked in `new`.
        // Relaxed: ordered by the fence above; nothing is read on the strength of the count.
        let asleep = unsafe { self.region.load(self.at + 1, Ordering::Relaxed) } != 0;
        if asleep {
            wake();
        }
        asleep
    }

    fn count(&self, by: u32) {
        self.add(self.at + 1, by);
    }

    fn add(&self, at: u32, by: u32) {
        // SAFETY: both words are within the region, checked in `new`.
        // Relaxed: the exchange below succeeds on the newest value only.
        let mut now = unsafe { self.region.load(at, Ordering::Relaxed) };
        // SAFETY: both words are within the region, checked in `new`.
        // The exchange releases to the Acquire in `epoch` what was written before it (W3).
        while let Err(newer) = unsafe { self.region.compare_exchange(at, now, now.wrapping_add(by)) } {
            now = newer;
        }
    }
}

#[cfg(all(test, not(any(feature = "loom", feature = "shuttle"))))]
mod tests {
    use super::{EventCount, WORDS};
    use crate::Inline;
    use core::cell::Cell;

    #[test]
    fn a_notify_after_the_epoch_was_taken_ends_the_wait_w1() {
        let words = Inline::<2>::new();
        let bell = EventCount::new(&words, 0).unwrap();
        let seen = bell.epoch();
        assert!(!bell.notify(|| panic!("nobody sleeps")), "W5");
        assert!(!bell.wait(seen, || panic!("slept through a bell")));
    }

    #[test]
    fn a_bell_wakes_only_while_somebody_sleeps_w5() {
        let words = Inline::<2>::new();
        let bell = EventCount::new(&words, 0).unwrap();
        let woken = Cell::new(0);
        let wake = || woken.set(woken.get() + 1);
        let slept = bell.wait(bell.epoch(), || assert!(bell.notify(wake)));
        assert!(slept);
        assert!(!bell.notify(wake));
        assert_eq!(woken.get(), 1);
    }

    #[test]
    fn an_epoch_moves_by_one_and_wraps() {
        use crate::sync::Ordering;
        let words = Inline::<3>::new();
        words.word(1).unwrap().store(u32::MAX, Ordering::Relaxed);
        let bell = EventCount::new(&words, 1).unwrap();
        bell.notify(|| panic!("nobody sleeps"));
        assert_eq!(bell.epoch().0, 0);
    }

    #[test]
    fn two_words_are_asked_for() {
        let words = Inline::<{ WORDS as usize }>::new();
        assert!(EventCount::new(&words, 0).is_some());
        assert!(EventCount::new(&words, 1).is_none());
        assert!(EventCount::new(&words, u32::MAX).is_none());
    }
}
