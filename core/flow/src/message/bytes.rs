use core::fmt;
use core::ops::Deref;

use super::Payload;

/// Up to `N` bytes, inline.
#[derive(Clone, Copy)]
pub struct Bytes<const N: usize> {
    len: u32,
    bytes: [u8; N],
}

/// There were more bytes than the payload holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooLong {
    /// How many there were.
    pub len: usize,
    /// How many fit.
    pub max: usize,
}

impl<const N: usize> Bytes<N> {
    /// No bytes.
    pub const EMPTY: Self = Self { len: 0, bytes: [0; N] };

    /// A copy of `bytes`.
    pub fn new(bytes: &[u8]) -> Result<Self, TooLong> {
        let mut copy = Self::EMPTY;
        copy.bytes.get_mut(..bytes.len()).ok_or(TooLong { len: bytes.len(), max: N })?.copy_from_slice(bytes);
        copy.len = bytes.len() as u32;
        Ok(copy)
    }
}

impl<const N: usize> Payload for Bytes<N> {
    const MAX_BYTES: u32 = N as u32;

    fn bytes(&self) -> u32 {
        self.len
    }
}

impl<const N: usize> Deref for Bytes<N> {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.bytes[..self.len as usize]
    }
}

impl<const N: usize> PartialEq for Bytes<N> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<const N: usize> Eq for Bytes<N> {}

impl<const N: usize> fmt::Debug for Bytes<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes where {} fit", self.len, self.max)
    }
}

impl core::error::Error for TooLong {}
