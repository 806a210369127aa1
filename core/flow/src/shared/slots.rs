use tidemill_ring::Plain;
use tidemill_ring::element::{bytes, bytes_mut, zeroed};
use tidemill_ring::sync::Ordering;
use tidemill_seam::Region;

use super::shape::{FRONT, HEADER, Shape};
use crate::edge::Cause;
use crate::message::{Header, HeaderError};

/// Words that are copied at once: whole pairs.
const PIECE: usize = 16;

/// The pool, as its parties touch it: by slots of a shape that the region was found long enough for.
///
/// The words of a slot belong to the producer until its ticket is published, and to nobody until the clearance passes that:
/// so no two accesses of one word race, and which width they have does not matter (G7).
pub(super) struct Slots<'r, R> {
    region: &'r R,
    shape: &'r Shape,
}

impl<R> Clone for Slots<'_, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Slots<'_, R> {}

impl<'r, R: Region> Slots<'r, R> {
    pub(super) fn new(region: &'r R, shape: &'r Shape) -> Self {
        debug_assert!(shape.words() <= region.words(), "a pool that ends behind its region");
        Self { region, shape }
    }

    fn load(self, at: u32) -> u32 {
        // SAFETY: a word of the shape, which ends within the region: whoever made an edge has checked that.
        // Relaxed: the producer's own word, or one behind the Acquire of what was published.
        unsafe { self.region.load(at, Ordering::Relaxed) }
    }

    fn store(self, at: u32, value: u32) {
        // SAFETY: as for `load`.
        // Relaxed: seen behind the Release of the ticket, or by the producer alone.
        unsafe { self.region.store(at, value, Ordering::Relaxed) }
    }

    pub(super) fn below(self, index: u32) -> u32 {
        self.load(self.shape.slot(index))
    }

    pub(super) fn put_below(self, index: u32, below: u32) {
        self.store(self.shape.slot(index), below);
    }

    pub(super) fn generation(self, index: u32) -> u32 {
        self.load(self.shape.slot(index) + 1)
    }

    pub(super) fn put_generation(self, index: u32, generation: u32) {
        self.store(self.shape.slot(index) + 1, generation);
    }

    pub(super) fn count(self, cause: Cause) -> u32 {
        self.load(self.shape.counter(cause))
    }

    pub(super) fn add(self, cause: Cause, more: u32) {
        self.store(self.shape.counter(cause), self.count(cause).wrapping_add(more));
    }

    pub(super) fn clear_counts(self) {
        self.shape.counters().for_each(|at| self.store(at, 0));
    }

    pub(super) fn put_header(self, index: u32, header: &Header) {
        let bytes = header.to_bytes();
        let words: [u32; HEADER as usize] =
            core::array::from_fn(|i| u32::from_le_bytes(core::array::from_fn(|b| bytes[4 * i + b])));
        // SAFETY: the header of a slot, on a pair, within the region.
        unsafe { self.region.write_pairs(self.shape.slot(index) + FRONT, &words) }
    }

    pub(super) fn header(self, index: u32, payload_max: u32) -> Result<Header, HeaderError> {
        let mut words = [0; HEADER as usize];
        // SAFETY: as for `put_header`.
        unsafe { self.region.read_pairs(self.shape.slot(index) + FRONT, &mut words) };
        let mut bytes = [0; Header::BYTES];
        for (bytes, word) in bytes.chunks_exact_mut(4).zip(words) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        Header::check(&bytes, payload_max)
    }

    fn payload(self, index: u32) -> u32 {
        self.shape.slot(index) + FRONT + HEADER
    }

    pub(super) fn put<P: Plain>(self, index: u32, payload: &P) {
        for (at, piece) in (self.payload(index)..).step_by(PIECE).zip(bytes(payload).chunks(4 * PIECE)) {
            let mut words = [0; PIECE];
            for (word, bytes) in words.iter_mut().zip(piece.chunks(4)) {
                let mut whole = [0; 4];
                whole[..bytes.len()].copy_from_slice(bytes);
                *word = u32::from_ne_bytes(whole);
            }
            let pairs = piece.len().div_ceil(4).next_multiple_of(2);
            // SAFETY: pieces of a payload, on pairs, within the region.
            unsafe { self.region.write_pairs(at, &words[..pairs]) };
        }
    }

    pub(super) fn take<P: Plain>(self, index: u32) -> P {
        let mut payload = zeroed::<P>();
        for (at, piece) in
            (self.payload(index)..).step_by(PIECE).zip(bytes_mut(&mut payload).chunks_mut(4 * PIECE))
        {
            let mut words = [0; PIECE];
            let pairs = piece.len().div_ceil(4).next_multiple_of(2);
            // SAFETY: as for `put`.
            unsafe { self.region.read_pairs(at, &mut words[..pairs]) };
            for (word, bytes) in words.iter().zip(piece.chunks_mut(4)) {
                bytes.copy_from_slice(&word.to_ne_bytes()[..bytes.len()]);
            }
        }
        payload
    }

    /// Some words of a payload, from its word `from` on.
    ///
    /// # Panics
    /// If they end behind it.
    pub(super) fn read(self, index: u32, from: u32, into: &mut [u32]) {
        self.within(from, into.len());
        // SAFETY: within the payload, checked above.
        unsafe { self.region.read(self.payload(index) + from, into) }
    }

    /// As [`read`](Self::read), the other way.
    pub(super) fn write(self, index: u32, from: u32, words: &[u32]) {
        self.within(from, words.len());
        // SAFETY: within the payload, checked above.
        unsafe { self.region.write(self.payload(index) + from, words) }
    }

    fn within(self, from: u32, len: usize) {
        let fits = u64::from(from) + len as u64 <= u64::from(self.shape.payload());
        assert!(fits, "{len} words from {from} on end behind a payload of {}", self.shape.payload());
    }
}
