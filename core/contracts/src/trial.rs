use core::fmt;
use tidemill_seam::Entropy;

/// How long the histories of a suite are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effort {
    /// A thousand steps: an emulated microcontroller.
    Board,
    /// Ten thousand steps: a test on every save.
    Quick,
    /// A hundred thousand steps: continuous integration, in release.
    Full,
}

impl Effort {
    /// Steps of one history.
    pub const fn steps(self) -> u32 {
        match self {
            Self::Board => 1_000,
            Self::Quick => 10_000,
            Self::Full => 100_000,
        }
    }
}

/// What a suite that found nothing wrong has looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Passed {
    /// Histories run, each from its own seed.
    pub histories: u32,
    /// Comparisons with the model.
    pub checks: u64,
}

impl Passed {
    pub(crate) fn add(&mut self, other: Self) {
        self.histories += other.histories;
        self.checks += other.checks;
    }
}

/// A law that an implementation broke, and where to look.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Violation {
    /// The number of the law, for example `"E13"`.
    pub law: &'static str,
    /// What was seen, as a sentence.
    pub what: &'static str,
    /// The model's value and the implementation's, where the law compares two.
    pub values: Option<(u64, u64)>,
    /// The seed of the history. Seeds are fixed: the same suite at the same effort repeats it.
    pub seed: u64,
    /// The step of the history, counted from one; zero before the first.
    pub step: u32,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "law {} is broken: {}", self.law, self.what)?;
        if let Some((expected, found)) = self.values {
            write!(f, " (expected {expected}, found {found})")?;
        }
        write!(f, "; seed {:#x}, step {}; the same test at the same effort repeats it", self.seed, self.step)
    }
}

impl core::error::Error for Violation {}

/// The outcome of a suite.
pub type Verdict = Result<Passed, Violation>;

/// A small deterministic stream of choices (SplitMix64; Steele, Lea, Flood 2014). Not for secrets.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// The stream of `seed`.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `n`, which is not zero; its bias of one in 2^32 / `n` is no matter here.
    pub fn below(&mut self, n: u32) -> u32 {
        assert!(n > 0, "no number lies below zero");
        (((self.roll() >> 32) * u64::from(n)) >> 32) as u32
    }

    /// True once in `n` calls, on average.
    pub fn one_in(&mut self, n: u32) -> bool {
        self.below(n) == 0
    }
}

impl Entropy for Dice {
    fn fill(&mut self, bytes: &mut [u8]) {
        for piece in bytes.chunks_mut(8) {
            let bits = self.roll().to_le_bytes();
            piece.copy_from_slice(&bits[..piece.len()]);
        }
    }
}

/// One history: its dice, where it is, and how much it has compared.
#[derive(Debug)]
pub(crate) struct Trial {
    pub(crate) dice: Dice,
    seed: u64,
    step: u32,
    checks: u64,
}

impl Trial {
    pub(crate) fn new(seed: u64) -> Self {
        Self { dice: Dice::new(seed), seed, step: 0, checks: 0 }
    }

    pub(crate) fn next(&mut self) {
        self.step += 1;
    }

    pub(crate) fn violation(&self, law: &'static str, what: &'static str) -> Violation {
        Violation { law, what, values: None, seed: self.seed, step: self.step }
    }

    pub(crate) fn require(
        &mut self,
        law: &'static str,
        holds: bool,
        what: &'static str,
    ) -> Result<(), Violation> {
        self.checks += 1;
        if holds { Ok(()) } else { Err(self.violation(law, what)) }
    }

    pub(crate) fn same(
        &mut self,
        law: &'static str,
        expected: impl Into<u64>,
        found: impl Into<u64>,
        what: &'static str,
    ) -> Result<(), Violation> {
        self.checks += 1;
        let (expected, found) = (expected.into(), found.into());
        if expected == found {
            return Ok(());
        }
        Err(Violation { values: Some((expected, found)), ..self.violation(law, what) })
    }

    pub(crate) fn passed(&self) -> Passed {
        Passed { histories: 1, checks: self.checks }
    }
}
