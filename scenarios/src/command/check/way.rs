use super::Check;
use super::probe::Probe;
use clap::ValueEnum;
use std::fmt;

/// A way to run that must make no difference.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
pub(super) enum Way {
    /// Every seed in order, on the main thread.
    Reference,
    /// The same once more.
    Again,
    /// Every seed as the first simulation of its process.
    First,
    /// After others, and in the opposite order.
    Later,
    /// Every run on a thread of its own.
    Threads,
    /// Memory filled with one pattern.
    Filled,
    /// Memory filled with another.
    Inverted,
}

impl Way {
    pub(super) const OTHERS: [Self; 6] =
        [Self::Again, Self::First, Self::Later, Self::Threads, Self::Filled, Self::Inverted];

    /// The processes that run the stories this way.
    pub(super) fn probes(self, check: &Check) -> Vec<Probe> {
        match self {
            Self::First => (0..check.seeds).map(|seed| self.probe(check, seed)).collect(),
            _ => vec![self.probe(check, 0)],
        }
    }

    pub(super) fn probe(self, check: &Check, first: u64) -> Probe {
        // The last of these seeds is the only one where only one runs.
        let seeds = if self == Self::First { first + 1 } else { check.seeds };
        Probe::new(self, &check.stories, &check.settings, seeds)
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reference => "reference",
            Self::Again => "again, with other hash keys and addresses",
            Self::First => "as the first simulation of a process",
            Self::Later => "as a later simulation, in another order",
            Self::Threads => "each on a fresh thread",
            Self::Filled => "with memory filled with a5",
            Self::Inverted => "with memory filled with 3c",
        })
    }
}
