//! The index of a segment: four words a granule that say what begins there, beside the data and never among its bytes.
//!
//! ```text
//!  word 0, 1  commit: state 2 │ owner 8 │ stamp 54 (the position at which it starts), low half first
//!  word 2     len
//!  word 3     kind 8 │ flags 8 │ part 16
//! ```
//! - **RL-13** *Commit words live in the index.* The bytes of an old or hostile payload can never look like a frame, and a
//!   stamp of an earlier lap can never look current: it is another position.
//!
//! Pure: positions, words, and where the words of a granule lie. A word of zeroes is nothing: a fresh index has no frame.

/// Words of one granule's entry: 16 bytes.
pub const ENTRY_WORDS: u32 = 4;

const STATE: u64 = 0b11;
const OWNER: u32 = 2;
const STAMP: u32 = 10;

/// Positions after which stamps begin anew: a ring of a billion granules a second comes there in 200 days, and compares
/// right beyond.
pub const STAMPS: u64 = 1 << (u64::BITS - STAMP);

/// What a commit word says of the granules from its own on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mark {
    /// A frame: its length is in the entry.
    Committed,
    /// A gap that its living owner left, at the end of the ring or instead of what it aborted: so many granules as the entry
    /// says.
    Skip,
    /// One granule that a dead owner had claimed, passed by who healed.
    Void,
}

/// A commit word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Commit {
    /// The position at which it starts, modulo [`STAMPS`].
    pub start: u64,
    /// Who wrote it.
    pub owner: u8,
    /// What it says.
    pub mark: Mark,
}

/// What stands behind a commit word.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Span {
    /// Bytes of a frame; granules of a gap.
    pub len: u32,
    /// What the sender means by the frame: its own number.
    pub kind: u8,
    /// [`GOES_ON`](Self::GOES_ON), or none.
    pub flags: u8,
    /// The number of a part within its message, where a frame is one.
    pub part: u16,
}

impl Commit {
    /// As it stands in a word: never zero.
    pub const fn encode(self) -> u64 {
        let state = match self.mark {
            Mark::Committed => 1,
            Mark::Skip => 2,
            Mark::Void => 3,
        };
        self.start << STAMP | (self.owner as u64) << OWNER | state
    }

    /// As it stood in a word; `None` where nothing was ever committed.
    pub const fn decode(word: u64) -> Option<Self> {
        let mark = match word & STATE {
            1 => Mark::Committed,
            2 => Mark::Skip,
            3 => Mark::Void,
            _ => return None,
        };
        Some(Self { start: word >> STAMP, owner: (word >> OWNER) as u8, mark })
    }

    /// What `word` says of `position`; `None` where it is of another one, or says nothing.
    #[inline]
    pub const fn of(word: u64, position: u64) -> Option<Self> {
        match Self::decode(word) {
            Some(commit) if commit.start == position % STAMPS => Some(commit),
            _ => None,
        }
    }

    /// Whether `word` is of an earlier position than this, or says nothing: the granule of the position is not stamped yet.
    /// Right as long as the two are less than half of [`STAMPS`] apart.
    #[inline]
    pub const fn is_older(word: u64, position: u64) -> bool {
        match Self::decode(word) {
            Some(commit) => {
                let ahead = position.wrapping_sub(commit.start) % STAMPS;
                ahead != 0 && ahead < STAMPS / 2
            }
            None => true,
        }
    }
}

impl Span {
    /// The granule belongs to a run that began `len` granules before: only where several produce, since each granule of theirs has
    /// a commit word.
    pub const GOES_ON: u8 = 1;

    /// As it stands in two words.
    pub const fn encode(self) -> [u32; 2] {
        [self.len, self.kind as u32 | (self.flags as u32) << 8 | (self.part as u32) << 16]
    }

    /// As it stood in two words, true or not.
    pub const fn decode([len, rest]: [u32; 2]) -> Self {
        Self { len, kind: rest as u8, flags: (rest >> 8) as u8, part: (rest >> 16) as u16 }
    }
}

/// Words of the index of a ring of `capacity` granules.
pub const fn words(capacity: u32) -> u64 {
    ENTRY_WORDS as u64 * capacity as u64
}

/// Where the entry of a position lies, in words from the start of the index. Neighbours lie on different lines, as far as
/// there are several: who writes the one does not take the line from who reads the other.
///
/// `capacity` and `line`, in words, are powers of two.
#[inline]
pub const fn place(position: u64, capacity: u32, line: u32) -> u32 {
    Spread::new(capacity, line).place(position)
}

/// [`place`], for one index.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Spread {
    mask: u32,
    /// The bits of a position that say which line.
    line: u32,
    /// Entries of a line, as a power of two.
    each: u32,
    /// Lines, as a power of two.
    lines: u32,
}

impl Spread {
    pub(crate) const fn new(capacity: u32, line: u32) -> Self {
        let each = if line < ENTRY_WORDS { 0 } else { (line / ENTRY_WORDS).trailing_zeros() };
        let total = capacity.trailing_zeros();
        // Where one line has them all, they lie there in order.
        let (each, lines) = if each >= total { (0, total) } else { (each, total - each) };
        Self { mask: capacity - 1, line: (1 << lines) - 1, each, lines }
    }

    #[inline]
    pub(crate) const fn place(self, position: u64) -> u32 {
        let at = position as u32 & self.mask;
        ((at & self.line) << self.each | at >> self.lines) * ENTRY_WORDS
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::{Commit, ENTRY_WORDS, Mark, STAMPS, Span, place, words};
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};
    use std::vec;
    use std::vec::Vec;

    const MARKS: [Mark; 3] = [Mark::Committed, Mark::Skip, Mark::Void];

    #[test]
    fn a_fresh_index_has_no_frame_anywhere() {
        assert_eq!(Commit::decode(0), None);
        for position in [0, 1, STAMPS / 2, STAMPS - 1, u64::MAX] {
            assert_eq!(Commit::of(0, position), None);
            assert!(Commit::is_older(0, position));
        }
    }

    #[test]
    fn the_layout_of_the_words_never_changes() {
        let commit = Commit { start: 5, owner: 3, mark: Mark::Skip };
        assert_eq!(commit.encode(), 5 << 10 | 3 << 2 | 2);
        let span = Span { len: 9, kind: 7, flags: 1, part: 2 };
        assert_eq!(span.encode(), [9, 2 << 16 | 1 << 8 | 7]);
    }

    #[test]
    fn neighbours_lie_on_different_lines_and_none_share_a_place() {
        for (capacity, line) in [(1, 1), (2, 32), (8, 32), (16, 32), (64, 32), (64, 16), (64, 1), (1024, 128)]
        {
            let places: Vec<u32> = (0..u64::from(capacity)).map(|at| place(at, capacity, line)).collect();
            let mut seen = vec![false; capacity as usize];
            for at in &places {
                assert!(at % ENTRY_WORDS == 0 && u64::from(*at) < words(capacity));
                assert!(!core::mem::replace(&mut seen[(at / ENTRY_WORDS) as usize], true), "two at {at}");
            }
            let several = u64::from(line) * 2 <= words(capacity);
            let apart = places.windows(2).all(|two| two[0] / line != two[1] / line);
            assert!(!several || apart, "{capacity} entries on lines of {line}: {places:?}");
        }
    }

    proptest! {
        #![proptest_config(crate::cases::cases(256))]

        // RING-LAYERS: a commit word reads back, is of its own position, and never of one of another lap (RL-13).
        #[test]
        fn a_stamp_is_of_its_own_position_and_of_no_lap_before_or_after(
            position in any::<u64>(), owner in any::<u8>(), mark in 0..3_usize, laps in 1..1_000_u64, bits in 0..30_u32,
        ) {
            let mark = MARKS[mark];
            let word = Commit { start: position % STAMPS, owner, mark }.encode();
            let commit = Commit::of(word, position).unwrap();
            prop_assert_eq!(commit, Commit { start: position % STAMPS, owner, mark });
            prop_assert!(!Commit::is_older(word, position));
            let later = position.wrapping_add(laps << bits);
            prop_assert_eq!(Commit::of(word, later), None, "what is stale looks current");
            prop_assert!(Commit::is_older(word, later));
            let earlier = position.wrapping_sub(laps << bits);
            prop_assert!(Commit::of(word, earlier).is_none() && !Commit::is_older(word, earlier));
        }

        #[test]
        fn no_words_make_a_decode_panic_and_what_reads_back_was_written(
            word in any::<u64>(), two in any::<[u32; 2]>(), position in any::<u64>(),
        ) {
            if let Some(commit) = Commit::decode(word) {
                prop_assert_eq!(commit.encode(), word);
            }
            prop_assert!(Commit::of(word, position).is_none() || !Commit::is_older(word, position));
            prop_assert_eq!(Span::decode(two).encode(), two);
        }
    }
}
