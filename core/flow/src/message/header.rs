use core::fmt;
use core::ops::{BitOr, BitOrAssign};

use tidemill_seam::{Duration, Instant};

/// What stands before every payload: 48 bytes, the same on every target.
///
/// | field | who reads it |
/// |---|---|
/// | `trace`, `sequence` | users, oracles; inherited and numbered by the step that sends |
/// | `created` | users (age) |
/// | `deadline` | [`admit`](crate::admit), on edges that refuse what has expired |
/// | `max_age` | users; inherited |
/// | `bytes` | [`admit`](crate::admit) and the byte positions of an edge |
/// | `flags` | `END` is read by [`fold`](crate::fold) |
/// | clock domain, criticality | users; inherited |
/// | memory class | [`Manager::class`](crate::Manager::class) |
///
/// `bytes` and the memory class are set by the manager at commit and have no public setter.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// Groups everything that came of one cause.
    pub trace: u64,
    /// The place in the order in which a port sent.
    pub sequence: u64,
    created_ns: u64,
    deadline_ns: u64,
    max_age_us: u32,
    bytes: u32,
    /// See [`Flags`].
    pub flags: Flags,
    /// The clock that `created` and `deadline` were read from.
    pub clock_domain: u8,
    /// How much it matters that this arrives.
    pub criticality: Criticality,
    class: MemoryClass,
    reserved: [u8; 3],
}

const _: () = assert!(size_of::<Header>() == Header::BYTES, "the header layout is part of the format");

/// Marks on a message. A mark without a reader does not exist.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags(u16);

/// How much it matters that a message arrives.
#[repr(u8)]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Criticality {
    /// May be lost under load.
    BestEffort = 0,
    /// The system degrades without it.
    #[default]
    Operational = 1,
    /// Somebody may be hurt without it.
    Safety = 2,
}

/// The kind of memory in which a payload lies.
#[repr(u8)]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum MemoryClass {
    /// Ordinary memory of the processor that runs the node.
    #[default]
    Host = 0,
    /// Memory that another process maps too: the pool of an edge between [processes](crate::shared).
    Shared = 1,
}

/// Why bytes are not a header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HeaderError {
    /// Fewer than 48 bytes.
    Short {
        /// How many there were.
        len: usize,
    },
    /// A reserved byte is not zero.
    Reserved,
    /// A flag that no version defines.
    Flags(u16),
    /// No such criticality.
    Criticality(u8),
    /// No such memory class.
    Class(u8),
    /// The payload is said to be longer than its slot.
    Bytes {
        /// What the header says.
        bytes: u32,
        /// What the slot holds.
        slot: u32,
    },
}

impl Flags {
    /// No mark.
    pub const NONE: Self = Self(0);
    /// The last message of its stream: a fold gives out what it has gathered.
    pub const END: Self = Self(1);
    const ALL: u16 = 1;

    /// Every mark of `other` is set here.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for Flags {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Flags {
    fn bitor_assign(&mut self, other: Self) {
        *self = *self | other;
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.contains(Self::END) { "END" } else { "-" })
    }
}

impl Header {
    /// Length of a header in bytes.
    pub const BYTES: usize = 48;

    /// A header without deadline or age limit.
    pub const fn new(trace: u64, sequence: u64, created: Instant) -> Self {
        Self {
            trace,
            sequence,
            created_ns: created.as_nanos(),
            deadline_ns: u64::MAX,
            max_age_us: u32::MAX,
            bytes: 0,
            flags: Flags::NONE,
            clock_domain: 0,
            criticality: Criticality::Operational,
            class: MemoryClass::Host,
            reserved: [0; 3],
        }
    }

    /// The same message must be of use before `deadline`; [`Instant::MAX`] means that it has none.
    #[must_use]
    pub const fn with_deadline(mut self, deadline: Instant) -> Self {
        self.deadline_ns = deadline.as_nanos();
        self
    }

    /// The same message loses its worth after `age`, in whole microseconds; [`Duration::MAX`] means never.
    #[must_use]
    pub const fn with_max_age(mut self, age: Duration) -> Self {
        let us = age.as_nanos() / 1_000;
        self.max_age_us = if us > u32::MAX as u64 { u32::MAX } else { us as u32 };
        self
    }

    /// The same message with `flags` instead of its own.
    #[must_use]
    pub const fn with_flags(mut self, flags: Flags) -> Self {
        self.flags = flags;
        self
    }

    /// When the payload was made.
    pub const fn created(&self) -> Instant {
        Instant::from_nanos(self.created_ns)
    }

    /// Before when it must be of use; [`Instant::MAX`] where it has no deadline.
    pub const fn deadline(&self) -> Instant {
        Instant::from_nanos(self.deadline_ns)
    }

    /// After what age it loses its worth; [`Duration::MAX`] where it never does.
    pub const fn max_age(&self) -> Duration {
        if self.max_age_us == u32::MAX {
            Duration::MAX
        } else {
            Duration::from_micros(self.max_age_us as u64)
        }
    }

    /// Length of the payload in bytes, as the manager found it at commit.
    pub const fn bytes(&self) -> u32 {
        self.bytes
    }

    /// Where the payload lies.
    pub const fn class(&self) -> MemoryClass {
        self.class
    }

    /// The header of what a step makes of a message: everything is inherited but the place in the order and the time.
    #[must_use]
    pub const fn child(&self, sequence: u64, created: Instant) -> Self {
        let mut child = *self;
        child.sequence = sequence;
        child.created_ns = created.as_nanos();
        child
    }

    pub(crate) const fn committed(mut self, bytes: u32, class: MemoryClass) -> Self {
        self.bytes = bytes;
        self.class = class;
        self
    }

    /// The 48 bytes, little-endian.
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut out = [0; Self::BYTES];
        let longs = [self.trace, self.sequence, self.created_ns, self.deadline_ns];
        for (at, word) in out.chunks_exact_mut(8).zip(longs) {
            at.copy_from_slice(&word.to_le_bytes());
        }
        out[32..36].copy_from_slice(&self.max_age_us.to_le_bytes());
        out[36..40].copy_from_slice(&self.bytes.to_le_bytes());
        out[40..42].copy_from_slice(&self.flags.0.to_le_bytes());
        out[42] = self.clock_domain;
        out[43] = self.criticality as u8;
        out[44] = self.class as u8;
        out
    }

    /// Reads a header that came from elsewhere, for a slot of `slot` bytes.
    pub fn check(bytes: &[u8], slot: u32) -> Result<Self, HeaderError> {
        let raw: &[u8; Self::BYTES] = bytes.first_chunk().ok_or(HeaderError::Short { len: bytes.len() })?;
        let long = |at: usize| u64::from_le_bytes(core::array::from_fn(|i| raw[at + i]));
        let word = |at: usize| u32::from_le_bytes(core::array::from_fn(|i| raw[at + i]));
        if raw[45..] != [0; 3] {
            return Err(HeaderError::Reserved);
        }
        let flags = u16::from_le_bytes([raw[40], raw[41]]);
        if flags & !Flags::ALL != 0 {
            return Err(HeaderError::Flags(flags));
        }
        let criticality = match raw[43] {
            0 => Criticality::BestEffort,
            1 => Criticality::Operational,
            2 => Criticality::Safety,
            other => return Err(HeaderError::Criticality(other)),
        };
        let class = match raw[44] {
            0 => MemoryClass::Host,
            1 => MemoryClass::Shared,
            other => return Err(HeaderError::Class(other)),
        };
        let bytes = word(36);
        if bytes > slot {
            return Err(HeaderError::Bytes { bytes, slot });
        }
        Ok(Self {
            trace: long(0),
            sequence: long(8),
            created_ns: long(16),
            deadline_ns: long(24),
            max_age_us: word(32),
            bytes,
            flags: Flags(flags),
            clock_domain: raw[42],
            criticality,
            class,
            reserved: [0; 3],
        })
    }
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short { len } => write!(f, "{len} bytes are too few for a header of {}", Header::BYTES),
            Self::Reserved => f.write_str("a reserved byte is not zero"),
            Self::Flags(flags) => write!(f, "unknown flags {flags:#06x}"),
            Self::Criticality(byte) => write!(f, "unknown criticality {byte}"),
            Self::Class(byte) => write!(f, "unknown memory class {byte}"),
            Self::Bytes { bytes, slot } => write!(f, "payload of {bytes} bytes in a slot of {slot}"),
        }
    }
}

impl core::error::Error for HeaderError {}
