use crate::view::{PIECE_BYTES, View};
use tidemill_seam::Region;

/// Bytes of one message that are written in order to where they will lie.
#[derive(Debug)]
pub(super) struct Pieces {
    pub(super) at: u64,
    len: usize,
    /// Bytes that are written or in the piece.
    written: usize,
    piece: [u8; PIECE_BYTES],
}

impl Pieces {
    /// So many bytes from a position on.
    pub(super) const fn new(at: u64, len: usize) -> Self {
        Self { at, len, written: 0, piece: [0; PIECE_BYTES] }
    }

    /// Bytes that are to be written yet.
    pub(super) const fn missing(&self) -> usize {
        self.len - self.written
    }

    /// Writes what comes next. Gives how many of the bytes there was room for.
    pub(super) fn write<R: Region>(&mut self, view: &View<R>, bytes: &[u8]) -> usize {
        let taken = bytes.len().min(self.missing());
        let mut rest = &bytes[..taken];
        while !rest.is_empty() {
            let (offset, within) = (self.written / PIECE_BYTES, self.written % PIECE_BYTES);
            let (pieces, end) = rest.as_chunks::<PIECE_BYTES>();
            if within == 0 && !pieces.is_empty() {
                view.put_pieces(self.at, offset, pieces);
                (self.written, rest) = (self.written + PIECE_BYTES * pieces.len(), end);
                continue;
            }
            let (now, later) = rest.split_at(rest.len().min(PIECE_BYTES - within));
            (self.written, rest) = (self.written + now.len(), later);
            let end = within + now.len();
            self.piece[within..end].copy_from_slice(now);
            if end == PIECE_BYTES || self.missing() == 0 {
                view.put_piece(self.at, offset, &self.piece[..end]);
            }
        }
        taken
    }
}
