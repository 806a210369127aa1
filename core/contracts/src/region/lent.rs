use crate::trial::Trial;
use crate::{Effort, Verdict};
use core::ptr::NonNull;
use core::sync::atomic::Ordering::Relaxed;
use tidemill_seam::Lend;

/// Words of the region that is asked for.
const WORDS: u32 = 64;

/// G10 on one thread: what one handle stores stands where the other lends it, and what is written there is loaded through
/// both; the place stays the same, and all words are within reach. `make(words)` gives two handles of a fresh region of at
/// least so many words.
pub fn lent<A: Lend, B: Lend>(mut make: impl FnMut(u32) -> (A, B), effort: Effort) -> Verdict {
    let mut trial = Trial::new(0x610);
    let (a, b) = make(WORDS);
    let mut model = [0_u32; WORDS as usize];
    let (first_a, first_b) = (a.first(), b.first());
    for _ in 0..effort.steps() {
        trial.next();
        let at = trial.dice.below(WORDS);
        let value = trial.dice.roll() as u32;
        model[at as usize] = value;
        if trial.dice.one_in(2) {
            // SAFETY: `at` is below the length.
            unsafe { a.store(at, value, Relaxed) };
        } else {
            // SAFETY: G10 says that the word is there, and nobody else looks or writes while this suite runs.
            unsafe { place(a.first(), at).write(value) };
        }
        for at in [at, trial.dice.below(WORDS), WORDS - 1] {
            let stands = model[at as usize];
            // SAFETY: as above.
            let found = unsafe { place(b.first(), at).read() };
            trial.same("G10", stands, found, "a word is not where it is lent")?;
            // SAFETY: as above.
            let found = unsafe { place(a.first(), at).read() };
            trial.same("G10", stands, found, "two handles lend different words")?;
            // SAFETY: `at` is below the length.
            let found = unsafe { b.load(at, Relaxed) };
            trial.same("G10", stands, found, "what is written in place is not what is loaded")?;
        }
        let stays = a.first() == first_a && b.first() == first_b;
        trial.require("G10", stays, "what is lent moves")?;
    }
    Ok(trial.passed())
}

fn place(first: NonNull<u32>, at: u32) -> NonNull<u32> {
    // SAFETY: a word of a region of so many, as G10 says.
    unsafe { first.add(at as usize) }
}
