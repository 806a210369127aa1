use core::fmt;
use crc::{CRC_32_ISCSI, Crc, Table};

const CASTAGNOLI: Crc<u32, Table<1>> = Crc::<u32, Table<1>>::new(&CRC_32_ISCSI);
const VERSION: u8 = 1;
const KIND_DATA: u8 = 1;
const KIND_END: u8 = 2;
const KIND_ACK: u8 = 3;
const HEAD: usize = 16;
const CHECKSUM: usize = 4;
const ACK_BYTES: usize = HEAD + 4 + CHECKSUM;

/// Bytes of a DATA frame that are not payload: version, kind, length, stream, sequence and checksum.
pub const OVERHEAD: usize = HEAD + CHECKSUM;

/// One datagram of the protocol, checked. All integers are little-endian; the last four bytes are a CRC-32C of the rest.
///
/// ```text
///  0        1     2       4        8            16
///  version  kind  length  stream   sequence     payload (DATA) · nothing (END) · received bits (ACK)   crc
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Frame<'a> {
    /// Item number `sequence` of the stream, counted from 0.
    Data {
        /// The item's place in the stream.
        sequence: u64,
        /// The item, encoded.
        payload: &'a [u8],
    },
    /// The stream ends: there are exactly `sequence` items.
    End {
        /// The number of items, and the place of the end itself.
        sequence: u64,
    },
    /// The receiver owns everything below `next`, and `next + 1 + i` for every bit `i` set.
    Ack {
        /// The first place that the receiver lacks.
        next: u64,
        /// What it has beyond, from `next + 1` on.
        bits: u32,
    },
}

/// Why a datagram was not a frame of this stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reject {
    /// Shorter than the shortest frame, or not of its declared length.
    Length,
    /// The checksum does not match: damaged on the way.
    Checksum,
    /// Sound, but of a version that we do not speak.
    Version,
    /// Sound, but of an unknown kind, or one that this side never receives.
    Kind,
    /// Sound, but of another stream.
    Stream,
    /// Sound, but beyond the window, longer than a slot, or at odds with the stream's known end.
    Range,
}

/// Datagrams dropped, by cause.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Rejects([u32; 6]);

impl Rejects {
    pub(super) const NONE: Self = Self([0; 6]);

    pub(super) fn count(&mut self, cause: Reject) {
        let cell = &mut self.0[cause as usize];
        *cell = cell.saturating_add(1);
    }

    /// How many were dropped for `cause`; stays at the maximum once there.
    pub const fn of(&self, cause: Reject) -> u32 {
        self.0[cause as usize]
    }

    /// How many were dropped for any cause.
    pub fn total(&self) -> u64 {
        self.0.iter().map(|&n| u64::from(n)).sum()
    }
}

impl<'a> Frame<'a> {
    /// Checks foreign bytes: after this line nobody looks at them with suspicion again.
    pub fn check(stream: u32, datagram: &'a [u8]) -> Result<Self, Reject> {
        let body_len =
            datagram.len().checked_sub(CHECKSUM).filter(|len| *len >= HEAD).ok_or(Reject::Length)?;
        let (body, checksum) = datagram.split_at(body_len);
        if CASTAGNOLI.checksum(body).to_le_bytes() != checksum {
            return Err(Reject::Checksum);
        }
        let (head, payload) = body.split_at(HEAD);
        if head[0] != VERSION {
            return Err(Reject::Version);
        }
        if usize::from(u16::from_le_bytes([head[2], head[3]])) != payload.len() {
            return Err(Reject::Length);
        }
        if head[4..8] != stream.to_le_bytes() {
            return Err(Reject::Stream);
        }
        let mut sequence = [0; 8];
        sequence.copy_from_slice(&head[8..]);
        let sequence = u64::from_le_bytes(sequence);
        match (head[1], payload) {
            (KIND_DATA, payload) => Ok(Frame::Data { sequence, payload }),
            (KIND_END, []) => Ok(Frame::End { sequence }),
            (KIND_ACK, &[a, b, c, d]) => {
                Ok(Frame::Ack { next: sequence, bits: u32::from_le_bytes([a, b, c, d]) })
            }
            (KIND_END | KIND_ACK, _) => Err(Reject::Length),
            _ => Err(Reject::Kind),
        }
    }

    /// Bytes that [`write`](Self::write) will fill.
    pub const fn len(&self) -> usize {
        match self {
            Frame::Data { payload, .. } => OVERHEAD + payload.len(),
            Frame::End { .. } => OVERHEAD,
            Frame::Ack { .. } => ACK_BYTES,
        }
    }

    /// Never: every frame has a head.
    pub const fn is_empty(&self) -> bool {
        false
    }

    /// Writes the frame into the front of `into` and tells its length in bytes.
    ///
    /// # Panics
    /// If `into` is shorter than [`len`](Self::len) or a payload is longer than 65,535 bytes: the window was sized wrong.
    pub fn write(&self, stream: u32, into: &mut [u8]) -> usize {
        let bits_bytes;
        let (kind, sequence, payload) = match *self {
            Frame::Data { sequence, payload } => (KIND_DATA, sequence, payload),
            Frame::End { sequence } => (KIND_END, sequence, &[][..]),
            Frame::Ack { next, bits } => {
                bits_bytes = bits.to_le_bytes();
                (KIND_ACK, next, &bits_bytes[..])
            }
        };
        let length = u16::try_from(payload.len()).expect("a payload fits the length field");
        let body_len = HEAD + payload.len();
        let (body, rest) = into.split_at_mut(body_len);
        body[0] = VERSION;
        body[1] = kind;
        body[2..4].copy_from_slice(&length.to_le_bytes());
        body[4..8].copy_from_slice(&stream.to_le_bytes());
        body[8..HEAD].copy_from_slice(&sequence.to_le_bytes());
        body[HEAD..].copy_from_slice(payload);
        rest[..CHECKSUM].copy_from_slice(&CASTAGNOLI.checksum(body).to_le_bytes());
        body_len + CHECKSUM
    }
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Length => "wrong length",
            Self::Checksum => "checksum mismatch",
            Self::Version => "unknown version",
            Self::Kind => "unexpected kind",
            Self::Stream => "another stream",
            Self::Range => "out of range",
        })
    }
}

impl core::error::Error for Reject {}

#[cfg(test)]
mod tests {
    use super::{Frame, Reject};

    const STREAM: u32 = 0xC0FF_EE00;

    fn frames() -> [Frame<'static>; 3] {
        [
            Frame::Data { sequence: 7, payload: b"rain" },
            Frame::End { sequence: u64::MAX },
            Frame::Ack { next: 3, bits: 0b101 },
        ]
    }

    #[test]
    fn every_frame_reads_back_as_written() {
        for frame in frames() {
            let mut bytes = [0; 64];
            let len = frame.write(STREAM, &mut bytes);
            assert_eq!(len, frame.len());
            assert_eq!(Frame::check(STREAM, &bytes[..len]), Ok(frame));
        }
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_rejected() {
        for frame in frames() {
            let mut bytes = [0; 64];
            let len = frame.write(STREAM, &mut bytes);
            for bit in 0..len * 8 {
                bytes[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(Frame::check(STREAM, &bytes[..len]), Err(Reject::Checksum), "bit {bit}");
                bytes[bit / 8] ^= 1 << (bit % 8);
            }
            for cut in 0..len {
                assert!(Frame::check(STREAM, &bytes[..cut]).is_err(), "cut at {cut}");
            }
        }
    }

    #[test]
    fn a_sound_frame_of_another_stream_is_named_as_such() {
        let mut bytes = [0; 64];
        let len = frames()[0].write(STREAM, &mut bytes);
        assert_eq!(Frame::check(STREAM + 1, &bytes[..len]), Err(Reject::Stream));
    }
}
