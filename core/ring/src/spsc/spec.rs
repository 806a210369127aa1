use super::Shape;
use core::fmt;

/// Words by which the control words of the two sides are kept apart: a pair of cache lines where caches are coherent
/// and fetched in pairs (64-bit targets), none on boards.
pub const LINE: u32 = if cfg!(target_pointer_width = "64") { 32 } else { 1 };

const CAPACITY_MAX: u32 = 1 << 30;

/// What a ring looks like in its region.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Spec {
    /// Entries that fit: a power of two, at most 2^30.
    pub capacity: u32,
    /// The first position. Positions wrap, so every value is as good as zero.
    pub start: u32,
    /// Index of the first word that belongs to the ring.
    pub base: u32,
    /// Words by which the two sides and the slots are kept apart: a power of two. [`LINE`] unless said otherwise.
    pub line: u32,
}

/// Why a region cannot hold a ring.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SpecError {
    /// Zero, no power of two, or more than 2^30.
    Capacity(u32),
    /// Zero, or no power of two.
    Line(u32),
    /// The region ends too early.
    Short {
        /// Words it would have to have.
        need: u64,
        /// Words it has.
        have: u32,
    },
}

/// Words that a ring of `capacity` entries of `W` words takes with the default [`Spec`].
pub const fn words<const W: usize>(capacity: u32) -> u32 {
    Spec::new(capacity).words::<W>()
}

impl Spec {
    /// A ring of `capacity` entries at the start of its region, from position 0, with the target's [`LINE`].
    pub const fn new(capacity: u32) -> Self {
        Self { capacity, start: 0, base: 0, line: LINE }
    }

    /// The same ring from position `start`.
    pub const fn starting_at(self, start: u32) -> Self {
        Self { start, ..self }
    }

    /// The same ring from word `base` on.
    pub const fn at(self, base: u32) -> Self {
        Self { base, ..self }
    }

    /// The same ring with its sides `line` words apart.
    pub const fn line(self, line: u32) -> Self {
        Self { line, ..self }
    }

    /// Words that the ring takes from `base` on, entries of `W` words; `u32::MAX` where no region is long enough.
    pub const fn words<const W: usize>(self) -> u32 {
        let words = self.end::<W>() - self.base as u64;
        if words > u32::MAX as u64 { u32::MAX } else { words as u32 }
    }

    /// The producer's line, the consumer's line, the line of the two standing words and the first slot.
    /// All four begin on a pair of words, or the first two share one.
    const fn lines(self) -> [u64; 4] {
        let line = if self.line == 0 { 1 } else { self.line as u64 };
        let two = if line < 2 { 2 } else { line };
        let first = (self.base as u64).div_ceil(two) * two;
        [first, first + line, first + 2 * line, first + 2 * line + two]
    }

    const fn end<const W: usize>(self) -> u64 {
        let [_, _, _, slots] = self.lines();
        slots + self.capacity as u64 * W as u64
    }

    pub(super) fn shape<const W: usize>(self, have: u32) -> Result<Shape, SpecError> {
        if !self.capacity.is_power_of_two() || self.capacity > CAPACITY_MAX {
            return Err(SpecError::Capacity(self.capacity));
        }
        if !self.line.is_power_of_two() {
            return Err(SpecError::Line(self.line));
        }
        let need = self.end::<W>();
        if need > u64::from(have) {
            return Err(SpecError::Short { need, have });
        }
        let [tail, done, standing, slots] = self.lines().map(|at| at as u32);
        Ok(Shape { tail, done, standing, slots, mask: self.capacity - 1 })
    }
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Capacity(n) => write!(f, "a capacity of {n} is no power of two between 1 and 2^30"),
            Self::Line(n) => write!(f, "a line of {n} words is no power of two"),
            Self::Short { need, have } => {
                write!(f, "the ring needs {need} words of a region that has {have}")
            }
        }
    }
}

impl core::error::Error for SpecError {}
