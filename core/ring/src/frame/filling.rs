use super::{Fixed, Meta};

/// A message that is written in order, part by part.
#[derive(Debug)]
pub(super) struct Filling<const N: usize> {
    slot: Fixed<N>,
    /// Of the part that is being filled.
    meta: Meta,
    filled: usize,
    missing: usize,
}

impl<const N: usize> Filling<N> {
    /// A message of `len` bytes, whose first part has that header.
    pub(super) const fn new(meta: Meta, len: usize) -> Self {
        Self { slot: Fixed::new(), meta, filled: 0, missing: len }
    }

    /// Bytes that are to be written yet.
    pub(super) const fn missing(&self) -> usize {
        self.missing
    }

    /// Writes what comes next; every part but the last goes to `put` once it is full. Gives how many of the bytes there was room
    /// for.
    pub(super) fn write(&mut self, bytes: &[u8], mut put: impl FnMut(Fixed<N>)) -> usize {
        let taken = bytes.len().min(self.missing);
        let mut rest = &bytes[..taken];
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(N - self.filled));
            self.slot.room()[self.filled..][..now.len()].copy_from_slice(now);
            (self.filled, self.missing, rest) = (self.filled + now.len(), self.missing - now.len(), later);
            if self.filled == N && self.missing > 0 {
                put(self.part());
            }
        }
        taken
    }

    /// The part that is filled as far as it will be.
    pub(super) fn part(&mut self) -> Fixed<N> {
        let done = self.slot.commit(Meta { len: self.filled as u32, ..self.meta });
        debug_assert!(done.is_ok(), "a part is as long as its slot at most");
        (self.meta.part, self.filled) = (self.meta.part + 1, 0);
        self.slot
    }
}
