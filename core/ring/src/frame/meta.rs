use core::fmt;
use tidemill_seam::{Duration, Instant};

/// What a part says about itself and its message: 16 bytes in a slot, beside the payload.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Meta {
    /// What the sender means by the message: its own number.
    pub kind: u8,
    /// Bytes of this part, up to [`LEN_MAX`](Self::LEN_MAX).
    pub len: u32,
    /// The number of this part, from 0.
    pub part: u16,
    /// Parts of the message, at least 1.
    pub parts: u16,
    /// The message, counted by its owner, wrapping.
    pub message: u32,
    /// When it was sent, where the ring is stamped.
    pub sent: Stamp,
}

impl Meta {
    /// Bytes of the longest part: 16 MiB less one.
    pub const LEN_MAX: u32 = (1 << 24) - 1;

    /// As words of a slot. `len` is cut to 24 bits.
    pub const fn pack(self) -> [u32; 4] {
        [
            self.len & Self::LEN_MAX | (self.kind as u32) << 24,
            self.part as u32 | (self.parts as u32) << 16,
            self.message,
            self.sent.0,
        ]
    }

    /// As words of a slot say, true or not.
    pub const fn unpack(words: [u32; 4]) -> Self {
        let [len, part, message, sent] = words;
        Self {
            kind: (len >> 24) as u8,
            len: len & Self::LEN_MAX,
            part: part as u16,
            parts: (part >> 16) as u16,
            message,
            sent: Stamp(sent),
        }
    }

    /// Whether this is the first part of its message.
    pub const fn is_first(&self) -> bool {
        self.part == 0
    }

    /// Whether this is the last part of its message.
    pub const fn is_last(&self) -> bool {
        self.part as u32 + 1 == self.parts as u32
    }

    /// Whether this part is its whole message.
    pub const fn is_single(&self) -> bool {
        self.parts == 1 && self.part == 0
    }
}

/// The time at which something was sent, in 32 bits: ticks of 64 ns, wrapping after 274 s.
///
/// Enough to tell how long it was under way, by the clock that stamped it.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Stamp(u32);

impl Stamp {
    /// One tick: what a stamp can be wrong by.
    pub const TICK: Duration = Duration::from_nanos(64);

    /// The stamp of `now`.
    pub const fn of(now: Instant) -> Self {
        Self((now.as_nanos() / Self::TICK.as_nanos()) as u32)
    }

    /// How long before `now` this was, in whole ticks. Right for what was sent by the same clock in the last 274 s.
    pub const fn age(self, now: Instant) -> Duration {
        Self::TICK.saturating_mul(Self::of(now).0.wrapping_sub(self.0) as u64)
    }

    /// As words of a slot hold it.
    pub const fn bits(self) -> u32 {
        self.0
    }
}

impl fmt::Debug for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tick {}", self.0)
    }
}
