//! Little endian, in the order of the fields.

use crc::{CRC_32_ISCSI, Crc};

/// CRC-32C, by table.
pub(crate) const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);

/// Fields out of bytes, in order; says once at the end whether there were enough.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'a> {
    left: &'a [u8],
    short: bool,
}

impl<'a> Source<'a> {
    pub(crate) const fn new(left: &'a [u8]) -> Self {
        Self { left, short: false }
    }

    /// So many bytes, zero where there are fewer.
    pub(crate) fn array<const N: usize>(&mut self) -> [u8; N] {
        match self.left.split_first_chunk() {
            Some((taken, rest)) => {
                self.left = rest;
                *taken
            }
            None => {
                (self.left, self.short) = (&[], true);
                [0; N]
            }
        }
    }

    /// So many bytes, none where there are fewer.
    pub(crate) fn bytes(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.left.split_at_checked(len).unwrap_or_default();
        self.short |= taken.len() < len;
        self.left = rest;
        taken
    }

    pub(crate) fn u8(&mut self) -> u8 {
        u8::from_le_bytes(self.array())
    }

    pub(crate) fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.array())
    }

    pub(crate) fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.array())
    }

    pub(crate) fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.array())
    }

    pub(crate) fn u128(&mut self) -> u128 {
        u128::from_le_bytes(self.array())
    }

    /// Whether bytes were missing.
    pub(crate) const fn short(&self) -> bool {
        self.short
    }

    /// What is left.
    pub(crate) const fn left(&self) -> &'a [u8] {
        self.left
    }
}

/// Fields into a buffer of fixed size, in order.
#[derive(Debug)]
pub(crate) struct Target<'a> {
    bytes: &'a mut [u8],
    at: usize,
}

impl<'a> Target<'a> {
    pub(crate) const fn new(bytes: &'a mut [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(crate) fn put<const N: usize>(&mut self, field: [u8; N]) -> &mut Self {
        self.bytes[self.at..self.at + N].copy_from_slice(&field);
        self.at += N;
        self
    }

    pub(crate) fn u8(&mut self, field: u8) -> &mut Self {
        self.put(field.to_le_bytes())
    }

    pub(crate) fn u16(&mut self, field: u16) -> &mut Self {
        self.put(field.to_le_bytes())
    }

    pub(crate) fn u32(&mut self, field: u32) -> &mut Self {
        self.put(field.to_le_bytes())
    }

    pub(crate) fn u64(&mut self, field: u64) -> &mut Self {
        self.put(field.to_le_bytes())
    }

    pub(crate) fn u128(&mut self, field: u128) -> &mut Self {
        self.put(field.to_le_bytes())
    }

    /// Where the next field goes.
    pub(crate) const fn at(&self) -> usize {
        self.at
    }
}
