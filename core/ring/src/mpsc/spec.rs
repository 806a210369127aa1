use super::Shape;
use crate::spsc::LINE;
use core::fmt;
use tidemill_seam::Region;

const CAPACITY_MAX: u32 = 1 << 30;
/// Words of the standing of all, up to a pair.
const STANDING_WORDS: u64 = 4;

/// What a ring looks like in its region.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Spec {
    /// Entries that fit: a power of two, at most 2^30.
    pub capacity: u32,
    /// The first position: below 2^63, so that none comes twice.
    pub start: u64,
    /// Index of the first word that belongs to the ring.
    pub base: u32,
    /// Words by which producers, consumer and slots are kept apart: a power of two. [`LINE`] unless said otherwise.
    pub line: u32,
}

/// Why a region cannot hold a ring.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SpecError {
    /// Zero, no power of two, or more than 2^30.
    Capacity(u32),
    /// Zero, or no power of two.
    Line(u32),
    /// 2^63 or more.
    Start(u64),
    /// The region ends too early.
    Short {
        /// Words it would have to have.
        need: u64,
        /// Words it has.
        have: u32,
    },
    /// A pair of words of the region is no atomic.
    Narrow,
}

impl Spec {
    /// A ring of `capacity` entries at the start of its region, from position 0, with the target's [`LINE`].
    pub const fn new(capacity: u32) -> Self {
        Self { capacity, start: 0, base: 0, line: LINE }
    }

    /// The same ring from position `start`.
    #[must_use]
    pub const fn starting_at(self, start: u64) -> Self {
        Self { start, ..self }
    }

    /// The same ring from word `base` on.
    #[must_use]
    pub const fn at(self, base: u32) -> Self {
        Self { base, ..self }
    }

    /// The same ring with its sides `line` words apart.
    #[must_use]
    pub const fn line(self, line: u32) -> Self {
        Self { line, ..self }
    }

    /// Words that the ring takes from `base` on, entries of `W` words; `u32::MAX` where no region is long enough.
    pub const fn words<const W: usize>(self) -> u32 {
        let words = self.end::<W>() - self.base as u64;
        if words > u32::MAX as u64 { u32::MAX } else { words as u32 }
    }

    /// The producers' line, the consumer's, the line of the standing words and the first slot, each from a pair on.
    const fn lines(self) -> [u64; 4] {
        let line = if self.line < 2 { 2 } else { self.line as u64 };
        let first = (self.base as u64).next_multiple_of(line);
        let standing = first + 2 * line;
        [first, first + line, standing, standing + STANDING_WORDS.next_multiple_of(line)]
    }

    const fn end<const W: usize>(self) -> u64 {
        let [_, _, _, slots] = self.lines();
        slots + self.capacity as u64 * Shape::stride::<W>() as u64
    }

    pub(super) fn shape<const W: usize>(self, region: &impl Region) -> Result<Shape, SpecError> {
        if !self.capacity.is_power_of_two() || self.capacity > CAPACITY_MAX {
            return Err(SpecError::Capacity(self.capacity));
        }
        if !self.line.is_power_of_two() {
            return Err(SpecError::Line(self.line));
        }
        if self.start >> 63 != 0 {
            return Err(SpecError::Start(self.start));
        }
        let (need, have) = (self.end::<W>(), region.words());
        if need > u64::from(have) {
            return Err(SpecError::Short { need, have });
        }
        if !region.is_wide() {
            return Err(SpecError::Narrow);
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
            Self::Start(at) => write!(f, "position {at} is not below 2^63"),
            Self::Short { need, have } => {
                write!(f, "the ring needs {need} words of a region that has {have}")
            }
            Self::Narrow => f.write_str("several producers need pairs of words that are one atomic"),
        }
    }
}

impl core::error::Error for SpecError {}
