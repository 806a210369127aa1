use super::{Meta, Stamp};
use core::fmt;

/// A payload is larger than what it has to go through.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooLarge {
    /// Bytes of the largest payload.
    pub max: usize,
}

/// One part of a payload, with its header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Part<'p> {
    /// Its header.
    pub meta: Meta,
    /// Its bytes.
    pub bytes: &'p [u8],
}

/// The parts of one payload, in order.
#[derive(Clone, Debug)]
pub struct Parts<'p> {
    rest: &'p [u8],
    meta: Meta,
    room: usize,
}

/// The parts of `payload` in slots of `room` bytes: all of them full but the last. An empty payload is one empty part.
///
/// ```
/// use tidemill_ring::frame::{Stamp, split};
///
/// let parts = split(&[7; 100], 64, 1, 0, Stamp::default())?;
/// assert_eq!(parts.map(|part| part.bytes.len()).collect::<Vec<_>>(), [64, 36]);
/// # Ok::<(), tidemill_ring::frame::TooLarge>(())
/// ```
///
/// # Errors
/// [`TooLarge`] where it has more than 65,535 parts, or `room` is none.
pub const fn split(
    payload: &[u8],
    room: usize,
    kind: u8,
    message: u32,
    sent: Stamp,
) -> Result<Parts<'_>, TooLarge> {
    let room = if room > Meta::LEN_MAX as usize { Meta::LEN_MAX as usize } else { room };
    let max = room.saturating_mul(u16::MAX as usize);
    if room == 0 || payload.len() > max {
        return Err(TooLarge { max });
    }
    let parts = if payload.is_empty() { 1 } else { payload.len().div_ceil(room) } as u16;
    Ok(Parts { rest: payload, meta: Meta { kind, len: 0, part: 0, parts, message, sent }, room })
}

impl<'p> Iterator for Parts<'p> {
    type Item = Part<'p>;

    fn next(&mut self) -> Option<Part<'p>> {
        if self.meta.part == self.meta.parts {
            return None;
        }
        let (bytes, rest) = self.rest.split_at(self.room.min(self.rest.len()));
        let meta = Meta { len: bytes.len() as u32, ..self.meta };
        (self.rest, self.meta.part) = (rest, self.meta.part + 1);
        Some(Part { meta, bytes })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = usize::from(self.meta.parts - self.meta.part);
        (left, Some(left))
    }
}

impl ExactSizeIterator for Parts<'_> {}

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes are the most", self.max)
    }
}

impl core::error::Error for TooLarge {}
