//! Laws G1 to G5, G7 and G8 of [`Region`], G6 of [`Exchange`] and G10 of [`Lend`](tidemill_seam::Lend).
//!
//! The order of the stores of one `write` (G3) shows only where a party dies in the middle of it, so it is judged
//! where parties die: in the simulator.

use crate::trial::Trial;
use crate::{Effort, Passed, Verdict, Violation};
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use tidemill_seam::{Exchange, Region};

mod lent;
#[cfg(feature = "std")]
mod sleep;

pub use lent::lent;
#[cfg(feature = "std")]
pub use sleep::sleep;

const MODEL_WORDS: usize = 128;
const SIZES: [u32; 8] = [1, 2, 3, 4, 8, 16, 64, 128];

/// Runs every law through one handle. `make` gives a fresh region of at least so many words.
pub fn suite<R: Region>(mut make: impl FnMut(u32) -> R, effort: Effort) -> Verdict {
    let mut passed = Passed::default();
    for (size, seed) in SIZES.into_iter().zip(0x60..) {
        let region = make(size);
        passed.add(history(&region, &region, size, seed, effort)?);
    }
    Ok(passed)
}

/// Runs every law through two handles of one region: two mappings, two processes, two references.
pub fn views<A: Region, B: Region>(mut make: impl FnMut(u32) -> (A, B), effort: Effort) -> Verdict {
    let mut passed = Passed::default();
    for (size, seed) in SIZES.into_iter().zip(0x70..) {
        let (one, other) = make(size);
        passed.add(history(&one, &other, size, seed, effort)?);
    }
    Ok(passed)
}

/// The region as it should be, and the value that each word had before the last store.
struct Model {
    words: [u32; MODEL_WORDS],
    before: [u32; MODEL_WORDS],
}

impl Model {
    fn store(&mut self, at: u32, value: u32) {
        let at = at as usize;
        self.before[at] = self.words[at];
        self.words[at] = value;
    }

    fn judge(&self, trial: &mut Trial, law: &'static str, at: u32, found: u32) -> Result<(), Violation> {
        let (now, before) = (self.words[at as usize], self.before[at as usize]);
        let torn = found != before
            && (found.to_le_bytes().iter().zip(now.to_le_bytes()).zip(before.to_le_bytes()))
                .all(|((found, now), before)| *found == now || *found == before);
        if torn && found != now {
            return trial.same("G1", now, found, "a word is a mixture of two stores");
        }
        trial.same(law, now, found, "a word is not what was last stored there")
    }
}

fn history(a: &impl Region, b: &impl Region, least: u32, seed: u64, effort: Effort) -> Verdict {
    let mut trial = Trial::new(seed);
    let whole = a.words();
    trial.require("G5", whole >= least, "the region is shorter than asked for")?;
    let used = whole.min(MODEL_WORDS as u32);
    fresh(&mut trial, a, used)?;
    fresh(&mut trial, b, used)?;
    let mut model = Model { words: [0; MODEL_WORDS], before: [0; MODEL_WORDS] };
    for at in 0..effort.steps() {
        trial.next();
        let scope = (used, at > effort.steps() / 2);
        if trial.dice.one_in(2) {
            step(&mut trial, a, b, scope, &mut model)?;
        } else {
            step(&mut trial, b, a, scope, &mut model)?;
        }
        trial.same("G5", whole, a.words(), "the length changes")?;
        trial.same("G5", whole, b.words(), "two handles differ in length")?;
    }
    Ok(trial.passed())
}

fn fresh(trial: &mut Trial, region: &impl Region, used: u32) -> Result<(), Violation> {
    for at in (0..used).chain([region.words() - 1]) {
        // SAFETY: `at` is below the length.
        let found = unsafe { region.load(at, Relaxed) };
        trial.same("G4", 0_u32, found, "a fresh region is not all zero")?;
    }
    Ok(())
}

/// One access through `here`, then a look through `there`.
fn step(
    trial: &mut Trial,
    here: &impl Region,
    there: &impl Region,
    (used, bulk): (u32, bool),
    model: &mut Model,
) -> Result<(), Violation> {
    let at = trial.dice.below(used);
    // Single words first: a store that goes astray is not the bulk copy's fault.
    let kinds = if bulk { 10 } else { 5 };
    match trial.dice.below(kinds) {
        0..=3 => {
            let value = trial.dice.roll() as u32;
            let order = [Relaxed, Release, SeqCst][trial.dice.below(3) as usize];
            model.store(at, value);
            // SAFETY: `at` is below the length, and the ordering is one for stores.
            unsafe { here.store(at, value, order) };
        }
        5..=6 => {
            let len = 1 + trial.dice.below((used - at).min(24));
            let mut from = [0; 24];
            for (i, word) in (at..).zip(&mut from[..len as usize]) {
                *word = trial.dice.roll() as u32;
                model.store(i, *word);
            }
            // SAFETY: `at + len` is at most the length.
            unsafe { here.write(at, &from[..len as usize]) };
            look(trial, "G3", there, 0, used, model)?;
        }
        7 => {
            let len = 1 + trial.dice.below((used - at).min(24));
            let mut into = [0; 24];
            // SAFETY: `at + len` is at most the length.
            unsafe { here.read(at, &mut into[..len as usize]) };
            for (i, found) in (at..).zip(&into[..len as usize]) {
                model.judge(trial, "G3", i, *found)?;
            }
        }
        8..=9 if used >= 2 => return pairs(trial, here, there, used, model),
        _ => {
            here.fence(SeqCst);
            look(trial, "G2", here, 0, used, model)?;
        }
    }
    look(trial, "G2", there, at, at + 1, model)?;
    look(trial, "G2", there, at.saturating_sub(1), (at + 2).min(used), model)
}

/// A run of pairs in through `here` and out through `there`, and the words on either side of it as they were.
fn pairs(
    trial: &mut Trial,
    here: &impl Region,
    there: &impl Region,
    used: u32,
    model: &mut Model,
) -> Result<(), Violation> {
    let first = trial.dice.below(used / 2);
    let len = 2 * (1 + trial.dice.below((used / 2 - first).min(12)));
    let (at, mut words) = (2 * first, [0; 24]);
    for (i, word) in (at..).zip(&mut words[..len as usize]) {
        *word = trial.dice.roll() as u32;
        model.store(i, *word);
    }
    // SAFETY: a run of pairs within the length, and nobody else accesses it.
    unsafe { here.write_pairs(at, &words[..len as usize]) };
    look(trial, "G7", there, 0, used, model)?;
    // SAFETY: as above.
    unsafe { there.read_pairs(at, &mut words[..len as usize]) };
    for (i, found) in (at..).zip(&words[..len as usize]) {
        model.judge(trial, "G7", i, *found)?;
    }
    Ok(())
}

fn look(
    trial: &mut Trial,
    law: &'static str,
    region: &impl Region,
    from: u32,
    to: u32,
    model: &Model,
) -> Result<(), Violation> {
    for at in from..to {
        let order = [Relaxed, Acquire, SeqCst][trial.dice.below(3) as usize];
        // SAFETY: `at` is below the length, and the ordering is one for loads.
        let found = unsafe { region.load(at, order) };
        model.judge(trial, law, at, found)?;
    }
    Ok(())
}

/// G6 on one thread: an exchange does what it says, through either handle.
pub fn exchange<A: Exchange, B: Exchange>(mut make: impl FnMut(u32) -> (A, B), effort: Effort) -> Verdict {
    let mut trial = Trial::new(0x66);
    let (a, b) = make(4);
    let mut model = [0_u32; 4];
    for _ in 0..effort.steps() {
        trial.next();
        let at = trial.dice.below(4);
        let stands = model[at as usize];
        let expected = if trial.dice.one_in(2) { stands } else { trial.dice.below(4) };
        // Small values, so that an exchange for the same value comes up too.
        let new = trial.dice.below(4);
        let outcome = if trial.dice.one_in(2) {
            // SAFETY: `at` is below the length.
            unsafe { a.compare_exchange(at, expected, new) }
        } else {
            // SAFETY: as above.
            unsafe { b.compare_exchange(at, expected, new) }
        };
        if stands == expected {
            trial.require(
                "G6",
                outcome.is_ok(),
                "an exchange fails although the expected value stands there",
            )?;
            model[at as usize] = new;
        } else {
            let Err(found) = outcome else {
                return Err(trial.violation("G6", "an exchange succeeds although another value stands there"));
            };
            trial.same("G6", stands, found, "a failed exchange gives another value than stands there")?;
        }
        for at in 0..4 {
            // SAFETY: `at` is below the length.
            let found = unsafe { b.load(at, Acquire) };
            trial.same("G6", model[at as usize], found, "an exchange leaves another value than it should")?;
        }
    }
    Ok(trial.passed())
}

#[cfg(feature = "std")]
pub use two::{exchange_threads, threads};

#[cfg(feature = "std")]
mod two {
    use super::{Acquire, Exchange, Region, Relaxed, Release, Trial};
    use crate::{Effort, Verdict};

    /// A word whose upper half is the complement of its lower one.
    fn halves(round: u32) -> u32 {
        round & 0xFFFF | !round << 16
    }

    /// G1 and G2 on two threads: words are never torn, and a flag published by `Release` publishes what came before.
    pub fn threads<A: Region + Send, B: Region + Send>(
        mut make: impl FnMut(u32) -> (A, B),
        effort: Effort,
    ) -> Verdict {
        let (writer, reader) = make(18);
        let rounds = effort.steps();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                for round in 1..=rounds {
                    // SAFETY: the region has 18 words; eight start at 1.
                    unsafe { writer.write(1, &[round; 8]) };
                    // SAFETY: as above; nine start at 9.
                    unsafe { writer.write(9, &[halves(round); 9]) };
                    // SAFETY: as above. Release: pairs with the Acquire in the reader; the other words come first.
                    unsafe { writer.store(0, round, Release) };
                }
            });
            let mut trial = Trial::new(0x67);
            let mut published = 0;
            while published < rounds {
                trial.next();
                // SAFETY: the region has 18 words. Acquire: pairs with the Release in the writer.
                published = unsafe { reader.load(0, Acquire) };
                let at = trial.dice.below(8);
                // SAFETY: as above.
                let count = unsafe { reader.load(1 + at, Relaxed) };
                // The writer may be ahead of what it has published, never behind.
                trial.require("G2", count >= published, "a word is older than the flag that published it")?;
                // SAFETY: as above.
                let word = unsafe { reader.load(9 + at, Relaxed) };
                let whole = word == 0 || word == halves(word);
                trial.require("G1", whole, "a word is a mixture of two stores")?;
            }
            Ok(trial.passed())
        })
    }

    /// G6 on two threads: of two that expect the same value one fails, so no increment is lost.
    pub fn exchange_threads<A: Exchange + Send, B: Exchange + Send>(
        mut make: impl FnMut(u32) -> (A, B),
        effort: Effort,
    ) -> Verdict {
        fn count(region: &impl Exchange, times: u32) {
            let mut stands = 0;
            for _ in 0..times {
                // SAFETY: the region has one word.
                while let Err(found) = unsafe { region.compare_exchange(0, stands, stands + 1) } {
                    stands = found;
                }
            }
        }
        let (a, b) = make(1);
        let times = effort.steps();
        // Both begin together: a thread that is done before the other one starts has raced with nobody.
        let start = std::sync::Barrier::new(2);
        let total = std::thread::scope(|scope| {
            let other = scope.spawn(|| {
                let b = b;
                start.wait();
                count(&b, times);
            });
            start.wait();
            count(&a, times);
            if let Err(cause) = other.join() {
                std::panic::resume_unwind(cause);
            }
            // SAFETY: the region has one word. Acquire: the other thread has been joined; nothing else pairs.
            unsafe { a.load(0, Acquire) }
        });
        let mut trial = Trial::new(0x68);
        trial.same("G6", 2 * times, total, "two exchanges of the same value both succeed")?;
        Ok(trial.passed())
    }
}
