//! Bytes over a run of slots that follow each other.

use super::{PIECE, View};
use tidemill_seam::Region;

/// Bytes that are copied at once.
pub(crate) const PIECE_BYTES: usize = 4 * PIECE;

impl<R: Region> View<R> {
    /// Copies whole pieces of bytes in, `offset` pieces behind the slot of a position. Slots are whole pairs.
    ///
    /// # Panics
    /// Where that is not within the data.
    #[inline]
    pub(crate) fn put_pieces(&self, position: u64, offset: usize, pieces: &[[u8; PIECE_BYTES]]) {
        let at = self.piece(position, offset, PIECE * pieces.len());
        for (at, piece) in (at..).step_by(PIECE).zip(pieces) {
            // SAFETY: whole pairs within the data, as was just found.
            unsafe { self.region.write_pairs(at, &words(piece)) };
        }
    }

    /// Copies up to one piece of bytes in, `offset` pieces behind the slot of a position; what follows them up to a pair of
    /// words becomes zero. Slots are whole pairs.
    ///
    /// # Panics
    /// Where that is not within the data.
    pub(crate) fn put_piece(&self, position: u64, offset: usize, bytes: &[u8]) {
        let mut piece = [0; PIECE_BYTES];
        piece[..bytes.len()].copy_from_slice(bytes);
        let words = &words(&piece)[..pairs(bytes.len())];
        let at = self.piece(position, offset, words.len());
        // SAFETY: whole pairs within the data, as was just found.
        unsafe { self.region.write_pairs(at, words) };
    }

    /// Copies bytes out, from the slot of a position on. Slots are whole pairs.
    ///
    /// # Panics
    /// Where that is not within the data.
    pub(crate) fn take_bytes(&self, position: u64, into: &mut [u8]) {
        let (pieces, rest) = into.as_chunks_mut::<PIECE_BYTES>();
        let at = self.piece(position, 0, PIECE * pieces.len() + pairs(rest.len()));
        let last = at + (PIECE * pieces.len()) as u32;
        for (at, piece) in (at..).step_by(PIECE).zip(pieces) {
            let mut words = [0; PIECE];
            // SAFETY: whole pairs within the data, as was just found.
            unsafe { self.region.read_pairs(at, &mut words) };
            *piece = bytes(&words);
        }
        if !rest.is_empty() {
            let mut words = [0; PIECE];
            // SAFETY: as above.
            unsafe { self.region.read_pairs(last, &mut words[..pairs(rest.len())]) };
            rest.copy_from_slice(&bytes(&words)[..rest.len()]);
        }
    }

    /// Where so many words lie.
    #[inline]
    fn piece(&self, position: u64, offset: usize, words: usize) -> u32 {
        let at = u64::from(self.layout.slot(position).0) + (offset * PIECE) as u64;
        let end = u64::from(self.layout.words());
        assert!(at + words as u64 <= end, "{words} words at {at} end outside a segment of {end}");
        at as u32
    }
}

/// Words of the whole pairs that so many bytes lie in.
const fn pairs(bytes: usize) -> usize {
    2 * bytes.div_ceil(8)
}

#[inline]
fn words(bytes: &[u8; PIECE_BYTES]) -> [u32; PIECE] {
    let (fours, _) = bytes.as_chunks::<4>();
    core::array::from_fn(|i| u32::from_ne_bytes(fours[i]))
}

#[inline]
fn bytes(words: &[u32; PIECE]) -> [u8; PIECE_BYTES] {
    let mut bytes = [0; PIECE_BYTES];
    for (four, word) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(words) {
        *four = word.to_ne_bytes();
    }
    bytes
}
