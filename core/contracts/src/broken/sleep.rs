//! A region of two words to sleep on that may be wrong, with any number of handles.

use core::sync::atomic::{AtomicU32, Ordering, fence};
use std::sync::{Condvar, Mutex, PoisonError};
use tidemill_seam::{Duration, Region};

super::faults! {
    /// Who lies down does not look at the word.
    SleepsThroughTheChange => "G8",
    /// A wake ends one of several sleeps.
    WakesOne => "G8",
    /// A wake ends the sleeps of its own handle.
    WakesItsOwn => "G8",
    /// Every seventh wake is lost.
    LosesEach7th => "G8",
}

/// Memory with at most one fault.
#[derive(Debug)]
pub struct Memory {
    fault: Option<Fault>,
    words: [AtomicU32; 2],
    /// Wakes so far.
    wakes: Mutex<u32>,
    bell: Condvar,
}

/// A handle of a [`Memory`].
#[derive(Clone, Copy, Debug)]
pub struct Handle<'m>(&'m Memory);

impl Memory {
    /// Fresh memory.
    pub const fn new(fault: Option<Fault>) -> Self {
        let words = [const { AtomicU32::new(0) }; 2];
        Self { fault, words, wakes: Mutex::new(0), bell: Condvar::new() }
    }

    /// A handle.
    pub const fn handle(&self) -> Handle<'_> {
        Handle(self)
    }
}

// SAFETY: two atomics, for as long as the memory stands.
unsafe impl Region for Handle<'_> {
    fn words(&self) -> u32 {
        2
    }

    unsafe fn load(&self, at: u32, order: Ordering) -> u32 {
        self.0.words[at as usize].load(order)
    }

    unsafe fn store(&self, at: u32, value: u32, order: Ordering) {
        self.0.words[at as usize].store(value, order);
    }

    fn fence(&self, order: Ordering) {
        fence(order);
    }

    fn wait(&self, at: u32, value: u32, span: Duration) {
        let Memory { fault, words, wakes, bell } = self.0;
        let span = core::time::Duration::from_nanos(span.as_nanos());
        let wakes = wakes.lock().unwrap_or_else(PoisonError::into_inner);
        let looks = *fault != Some(Fault::SleepsThroughTheChange);
        // SeqCst: pairs with the store before a wake, which takes the lock behind it.
        if looks && words[at as usize].load(Ordering::SeqCst) != value {
            return;
        }
        if *fault == Some(Fault::WakesOne) {
            drop(bell.wait_timeout(wakes, span));
        } else {
            let before = *wakes;
            drop(bell.wait_timeout_while(wakes, span, |wakes| *wakes == before));
        }
    }

    fn wake(&self, _: u32) {
        let Memory { fault, wakes, bell, .. } = self.0;
        let mut wakes = wakes.lock().unwrap_or_else(PoisonError::into_inner);
        match fault {
            Some(Fault::WakesOne) => bell.notify_one(),
            // Nobody sleeps through the handle of who wakes.
            Some(Fault::WakesItsOwn) => {}
            _ => {
                *wakes += 1;
                if !(*fault == Some(Fault::LosesEach7th) && wakes.is_multiple_of(7)) {
                    bell.notify_all();
                }
            }
        }
    }
}
