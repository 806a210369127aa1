//! Bytes over a run of slots that follow each other.

use super::{PIECE, View};
use tidemill_seam::Region;

/// Bytes that are copied at once.
pub(crate) const PIECE_BYTES: usize = 4 * PIECE;

impl<R: Region> View<R> {
    /// Copies up to one piece of bytes in, `offset` pieces behind the slot of a position; what follows them up to a pair of
    /// words becomes zero. Slots are whole pairs.
    ///
    /// # Panics
    /// Where that is not within the data.
    pub(crate) fn put_piece(&self, position: u64, offset: usize, bytes: &[u8]) {
        let mut words = [0; PIECE];
        for (word, four) in words.iter_mut().zip(bytes.chunks(4)) {
            let mut whole = [0; 4];
            whole[..four.len()].copy_from_slice(four);
            *word = u32::from_ne_bytes(whole);
        }
        let words = &words[..bytes.len().div_ceil(8) * 2];
        let at = self.piece(position, offset, words.len());
        // SAFETY: whole pairs within the data, as was just found.
        unsafe { self.write_slot(at, words) };
    }

    /// Copies bytes out, from the slot of a position on.
    ///
    /// # Panics
    /// Where that is not within the data.
    pub(crate) fn take_bytes(&self, position: u64, into: &mut [u8]) {
        for (offset, piece) in into.chunks_mut(PIECE_BYTES).enumerate() {
            let mut words = [0; PIECE];
            let words = &mut words[..piece.len().div_ceil(8) * 2];
            let at = self.piece(position, offset, words.len());
            // SAFETY: whole pairs within the data, as was just found.
            unsafe { self.read_slot(at, words) };
            for (word, four) in words.iter().zip(piece.chunks_mut(4)) {
                four.copy_from_slice(&word.to_ne_bytes()[..four.len()]);
            }
        }
    }

    /// Where a piece of so many words lies.
    #[inline]
    fn piece(&self, position: u64, offset: usize, words: usize) -> u32 {
        let at = u64::from(self.layout.slot(position).0) + (offset * PIECE) as u64;
        let end = u64::from(self.layout.words());
        assert!(at + words as u64 <= end, "{words} words at {at} end outside a segment of {end}");
        at as u32
    }
}
