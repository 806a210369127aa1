//! What happened: the words that are hashed, and on request kept, 32 bytes an event.

use tidemill_seam::Instant;

use crate::net::Address;

/// The kind of an event.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum Happened {
    /// A process started.
    Start,
    /// A datagram reached a process.
    Datagram,
    /// A timer fell due.
    Timer,
    /// A notification reached a process.
    Notified,
    /// A scheduled action ran.
    Action,
    /// A datagram was dropped.
    Dropped,
    /// A process was killed.
    Kill,
    /// A process stopped running for a while.
    Pause,
    /// A paused process ran on.
    Resume,
    /// A machine's clock changed its rate or jumped.
    Clock,
    /// An event reached a paused process and waits there.
    Held,
    /// A process called a disk, or what it asked of one came to pass.
    Disk,
    /// A machine lost power.
    PowerLoss,
    /// A store of a process reached shared memory.
    Stored,
    /// A datagram was stopped by a clogged or held link.
    Stopped,
    /// A segment of a stream reached the machine it went to.
    Segment,
    /// A process heard of a stream.
    Stream,
    /// What a process asked of a register took effect, or was answered.
    Register,
}

const KINDS: [Happened; 18] = [
    Happened::Start,
    Happened::Datagram,
    Happened::Timer,
    Happened::Notified,
    Happened::Action,
    Happened::Dropped,
    Happened::Kill,
    Happened::Pause,
    Happened::Resume,
    Happened::Clock,
    Happened::Held,
    Happened::Disk,
    Happened::PowerLoss,
    Happened::Stored,
    Happened::Stopped,
    Happened::Segment,
    Happened::Stream,
    Happened::Register,
];

/// What the number that an event is about stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Subject {
    Process,
    Machine,
    World,
}

impl Happened {
    /// Every kind, in the order of their numbers.
    pub const fn all() -> &'static [Self] {
        &KINDS
    }

    /// One word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Datagram => "datagram",
            Self::Timer => "timer",
            Self::Notified => "notified",
            Self::Action => "action",
            Self::Dropped => "dropped",
            Self::Kill => "kill",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Clock => "clock",
            Self::Held => "held",
            Self::Disk => "disk",
            Self::PowerLoss => "power loss",
            Self::Register => "register",
            Self::Stored => "stored",
            Self::Stopped => "stopped",
            Self::Segment => "segment",
            Self::Stream => "stream",
        }
    }

    pub(crate) const fn subject(self) -> Subject {
        match self {
            Self::Start
            | Self::Datagram
            | Self::Timer
            | Self::Notified
            | Self::Kill
            | Self::Pause
            | Self::Resume
            | Self::Held
            | Self::Disk
            | Self::Stream
            | Self::Register
            | Self::Stored => Subject::Process,
            Self::Clock | Self::PowerLoss => Subject::Machine,
            Self::Action | Self::Dropped | Self::Stopped | Self::Segment => Subject::World,
        }
    }
}

/// One event: four words of 64 bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TraceRecord {
    at_ns: u64,
    what: u64,
    arg: u64,
    digest: u64,
}

impl TraceRecord {
    #[inline]
    pub(crate) const fn new(at_ns: u64, kind: Happened, subject: u32, arg: u64, digest: u64) -> Self {
        Self { at_ns, what: (subject as u64) << 8 | kind as u64, arg, digest }
    }

    #[inline]
    pub(crate) const fn words(&self) -> [u64; 4] {
        [self.at_ns, self.what, self.arg, self.digest]
    }

    /// Virtual time.
    pub const fn at(&self) -> Instant {
        Instant::from_nanos(self.at_ns)
    }

    /// What happened.
    pub const fn kind(&self) -> Happened {
        KINDS[(self.what & 0xff) as usize]
    }

    /// To whom: the index of a process; of a machine for [`Happened::Clock`] and
    /// [`Happened::PowerLoss`]; of a link for [`Happened::Stopped`];
    /// 0 for [`Happened::Action`].
    pub const fn subject(&self) -> usize {
        (self.what >> 8) as usize
    }

    /// A timer's token; source and target of a datagram, or arena and word of a store, 32 bits each; disk (16 bits),
    /// call (8) and byte or number of the last write (40) of [`Happened::Disk`].
    pub const fn arg(&self) -> u64 {
        self.arg
    }

    /// Source and target of a datagram that came or was dropped.
    pub(crate) const fn ends(&self) -> (Address, Address) {
        (Address::of_word(self.arg >> 32), Address::of_word(self.arg & 0xffff_ffff))
    }

    /// Digest of the payload, 0 where there is none; the cause of a drop; the value of a store.
    pub const fn digest(&self) -> u64 {
        self.digest
    }

    /// The record as it is written to a file: four little-endian words.
    pub fn encode(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (word, into) in self.words().iter().zip(bytes.as_chunks_mut::<8>().0) {
            *into = word.to_le_bytes();
        }
        bytes
    }

    /// Reads a record back; `None` where the kind is not known.
    pub fn decode(bytes: &[u8; 32]) -> Option<Self> {
        let word = |i: usize| u64::from_le_bytes(bytes.as_chunks::<8>().0[i]);
        let record = Self { at_ns: word(0), what: word(1), arg: word(2), digest: word(3) };
        ((record.what & 0xff) < KINDS.len() as u64).then_some(record)
    }
}

#[cfg(test)]
mod tests {
    use super::{Happened, KINDS, TraceRecord};

    #[test]
    fn a_record_reads_back_as_it_was_written() {
        for kind in KINDS {
            let record = TraceRecord::new(5, kind, 77, 9, u64::MAX);
            assert_eq!(TraceRecord::decode(&record.encode()), Some(record));
            assert_eq!((record.kind(), record.subject()), (kind, 77));
        }
        let mut bytes = TraceRecord::new(0, Happened::Held, 0, 0, 0).encode();
        bytes[8] = 99;
        assert_eq!(TraceRecord::decode(&bytes), None);
    }
}
