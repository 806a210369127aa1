//! The search for an input that breaks a promise: mutations of a corpus that grows by what came to something new.

use std::collections::BTreeSet;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::{Heap, Mutator, Outcome, Target};

/// Inputs that are changed further, at most.
const CORPUS_MAX: usize = 512;
/// Runs that making a find small may take.
const SMALLER_MAX: u32 = 2_000;

/// A search that broke nothing.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Walk {
    /// Inputs that were given, changed ones too.
    pub inputs: u64,
    /// Different outcomes.
    pub outcomes: usize,
    /// The most heap that one input held, in bytes.
    pub heap: usize,
    /// Changed inputs that came to something new, in the order in which they did.
    pub fresh: Vec<Vec<u8>>,
}

/// An input that broke a promise, and how.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Find {
    /// The input, as small as it got.
    pub input: Vec<u8>,
    /// What it broke.
    pub broke: Broke,
    /// After how many inputs.
    pub after: u64,
}

/// What an input broke.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Broke {
    /// The target panicked.
    Panicked,
    /// It held more heap than it may.
    Heap {
        /// How much, in bytes.
        held: usize,
        /// What it may hold.
        max: usize,
    },
}

/// Gives the target one input.
///
/// # Errors
/// What it broke.
pub fn give(target: &Target, input: &[u8]) -> Result<(Outcome, usize), Broke> {
    let (outcome, held) = Heap::peak_of(|| catch_unwind(AssertUnwindSafe(|| (target.run)(input))));
    let outcome = outcome.map_err(|_| Broke::Panicked)?;
    if held > target.heap_max {
        return Err(Broke::Heap { held, max: target.heap_max });
    }
    Ok((outcome, held))
}

/// Gives the target its seeds, what was `kept` from earlier searches, then mutations of all of them as `seed` says, for as
/// long as `go_on` says so. `begin` sees every input before the target does.
///
/// # Errors
/// With the first find.
pub fn hunt(
    target: &Target,
    kept: Vec<Vec<u8>>,
    seed: u64,
    begin: &mut dyn FnMut(&[u8]),
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Walk, Find> {
    let (mut walk, mut seen) = (Walk::default(), BTreeSet::new());
    let mut look = |input: &[u8], walk: &mut Walk| {
        begin(input);
        walk.inputs += 1;
        let given = give(target, input);
        let (outcome, held) =
            given.map_err(|broke| Find { input: input.to_vec(), broke, after: walk.inputs })?;
        walk.heap = walk.heap.max(held);
        Ok(seen.insert(outcome))
    };
    let mut corpus = (target.seeds)();
    corpus.extend(kept);
    for input in &corpus {
        look(input, &mut walk)?;
    }
    let mut mutator = Mutator::new(seed).speaking(target.words);
    while go_on() {
        let input = mutator.mutate(&corpus);
        if look(&input, &mut walk)? && corpus.len() < CORPUS_MAX {
            corpus.push(input.clone());
            walk.fresh.push(input);
        }
    }
    walk.outcomes = seen.len();
    Ok(walk)
}

impl Find {
    /// The same with as few bytes as a bounded number of runs can tell: pieces are left out as long as what is left breaks
    /// the same promise.
    #[must_use]
    pub fn smaller(mut self, target: &Target) -> Self {
        let kind = std::mem::discriminant(&self.broke);
        let (mut runs, mut piece) = (0, self.input.len().div_ceil(2));
        while piece > 0 && runs < SMALLER_MAX {
            let (mut at, mut left_out) = (0, false);
            while at < self.input.len() && runs < SMALLER_MAX {
                let mut rest = self.input.clone();
                drop(rest.drain(at..(at + piece).min(rest.len())));
                runs += 1;
                match give(target, &rest) {
                    Err(broke) if std::mem::discriminant(&broke) == kind => {
                        (self.input, self.broke, left_out) = (rest, broke, true);
                    }
                    _ => at += piece,
                }
            }
            piece = if left_out { piece.min(self.input.len()) } else { piece / 2 };
        }
        self
    }
}

impl fmt::Display for Broke {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panicked => f.write_str("it panicked"),
            Self::Heap { held, max } => write!(f, "it held {held} bytes of heap, and may hold {max}"),
        }
    }
}
