use super::{
    CAPACITY_MAX, COUNTERS_MAX, JOURNAL_MAX, LINE_MAX, PAGE_MAX, PARTICIPANTS_MAX, PRODUCERS_MAX, WIDE,
};
use crate::element::Plain;
use crate::table::Policies;
use core::fmt;

/// What lies in the slots of a ring.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Kind {
    /// An element each.
    #[default]
    Slots,
    /// Granules of frames, which the index tells apart.
    Frames,
}

/// What a ring is to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Spec {
    /// What lies in its slots.
    pub kind: Kind,
    /// Which codec its messages are in, as [`CodecId`](crate::codec::CodecId) has it: 0 where none is agreed upon.
    pub codec: u32,
    /// Slots: a power of two, at most [`CAPACITY_MAX`].
    pub capacity: u32,
    /// Bytes of an element: at least one.
    pub size: u32,
    /// Alignment of an element in bytes: a power of two.
    pub align: u32,
    /// [`Plain::FINGERPRINT`] of the element.
    pub fingerprint: u64,
    /// Places in the table: 1 to [`PARTICIPANTS_MAX`].
    pub participants: u32,
    /// How many may produce at the same time: 1 to [`PRODUCERS_MAX`]. More than one need a region in which a pair of words is one
    /// atomic.
    pub producers: u32,
    /// The newest items that stay, whoever has read them: below the capacity.
    pub history: u32,
    /// Words by which what different parties write is kept apart: a power of two up to [`LINE_MAX`].
    pub line: u32,
    /// Words of whose multiple the data begins: a power of two up to [`PAGE_MAX`].
    pub page: u32,
    /// Events that the journal remembers: zero or a power of two up to [`JOURNAL_MAX`].
    pub journal: u32,
    /// Counters that the application may declare: up to [`COUNTERS_MAX`].
    pub counters: u32,
    /// What a participant may choose to be.
    pub policies: Policies,
    /// Whether whoever waits may sleep: a publication then takes a fence, and a look at who does.
    pub parks: bool,
}

/// Why there is no such ring. Each names the limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SpecError {
    /// The capacity is no power of two between 1 and 2^30.
    Capacity(u32),
    /// The element has no bytes, or its alignment is no power of two, or no multiple of it is its size.
    Element {
        /// Bytes of it.
        size: u32,
        /// Its alignment in bytes.
        align: u32,
    },
    /// The table has no place, or more than 64.
    Participants(u32),
    /// There is no producer, or there are more than 32.
    Producers(u32),
    /// The history is not below the capacity.
    History {
        /// What was asked for.
        history: u32,
        /// The capacity.
        capacity: u32,
    },
    /// The line is no power of two between 1 and 128 words.
    Line(u32),
    /// The page is no power of two between 1 and 2^14 words.
    Page(u32),
    /// The journal is neither empty nor a power of two up to 64 events.
    Journal(u32),
    /// More than 16 counters of the application.
    Counters(u32),
    /// The segment would have more words than 32 bits can count.
    TooLong {
        /// Words that it would have.
        words: u64,
    },
}

impl Spec {
    /// A ring of `capacity` slots of `E`, with the defaults of [`new`](Self::new).
    pub const fn of<E: Plain>(capacity: u32) -> Self {
        Self::new(capacity, size_of::<E>() as u32, align_of::<E>() as u32, E::FINGERPRINT.bits())
    }

    /// A ring of `capacity` slots of `size` bytes: 16 participants, no history, every policy, sleep allowed. On 64-bit targets lines of
    /// 128 bytes, data on a page of 4 KiB and 64 events remembered; elsewhere words side by side and no journal.
    pub const fn new(capacity: u32, size: u32, align: u32, fingerprint: u64) -> Self {
        Self {
            kind: Kind::Slots,
            codec: 0,
            capacity,
            size,
            align,
            fingerprint,
            participants: 16,
            producers: 1,
            history: 0,
            line: if WIDE { 32 } else { 1 },
            page: if WIDE { 1024 } else { 1 },
            journal: if WIDE { JOURNAL_MAX } else { 0 },
            counters: 0,
            policies: Policies::ALL,
            parks: true,
        }
    }

    /// The same ring with so many places in its table.
    #[must_use]
    pub const fn participants(self, participants: u32) -> Self {
        Self { participants, ..self }
    }

    /// The same ring for so many producers at the same time.
    #[must_use]
    pub const fn producers(self, producers: u32) -> Self {
        Self { producers, ..self }
    }

    /// Whether several may produce at the same time.
    #[inline]
    pub const fn shared(&self) -> bool {
        self.producers > 1
    }

    /// The same ring that keeps its newest `history` items.
    #[must_use]
    pub const fn history(self, history: u32) -> Self {
        Self { history, ..self }
    }

    /// The same ring with parties `line` words apart.
    #[must_use]
    pub const fn line(self, line: u32) -> Self {
        Self { line, ..self }
    }

    /// The same ring whose data begins at a multiple of `page` words.
    #[must_use]
    pub const fn page(self, page: u32) -> Self {
        Self { page, ..self }
    }

    /// The same ring whose journal remembers so many events.
    #[must_use]
    pub const fn journal(self, journal: u32) -> Self {
        Self { journal, ..self }
    }

    /// The same ring with so many [counters](crate::app) of the application.
    #[must_use]
    pub const fn counters(self, counters: u32) -> Self {
        Self { counters, ..self }
    }

    /// The same ring where participants may choose among `policies` only.
    #[must_use]
    pub const fn policies(self, policies: Policies) -> Self {
        Self { policies, ..self }
    }

    /// The same ring with other things in its slots.
    #[must_use]
    pub const fn kind(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }

    /// The same ring whose messages are in that codec.
    #[must_use]
    pub const fn codec(self, codec: u32) -> Self {
        Self { codec, ..self }
    }

    /// Whether the segment has an index.
    pub const fn indexed(&self) -> bool {
        matches!(self.kind, Kind::Frames) || self.shared()
    }

    /// The same ring where nobody sleeps, and publications take no fence.
    #[must_use]
    pub const fn spin_only(self) -> Self {
        Self { parks: false, ..self }
    }

    pub(super) const fn check(&self) -> Result<(), SpecError> {
        let Self { capacity, size, align, participants, producers, history, line, page, journal, .. } = *self;
        if !capacity.is_power_of_two() || capacity > CAPACITY_MAX {
            return Err(SpecError::Capacity(capacity));
        }
        if size == 0 || !align.is_power_of_two() || !size.is_multiple_of(align) || align > 4 * PAGE_MAX {
            return Err(SpecError::Element { size, align });
        }
        if participants == 0 || participants > PARTICIPANTS_MAX {
            return Err(SpecError::Participants(participants));
        }
        if producers == 0 || producers > PRODUCERS_MAX {
            return Err(SpecError::Producers(producers));
        }
        if history >= capacity {
            return Err(SpecError::History { history, capacity });
        }
        if !line.is_power_of_two() || line > LINE_MAX {
            return Err(SpecError::Line(line));
        }
        if !page.is_power_of_two() || page > PAGE_MAX {
            return Err(SpecError::Page(page));
        }
        if journal != 0 && (!journal.is_power_of_two() || journal > JOURNAL_MAX) {
            return Err(SpecError::Journal(journal));
        }
        if self.counters > COUNTERS_MAX {
            return Err(SpecError::Counters(self.counters));
        }
        Ok(())
    }

    /// The larger of the line, the page and the element's alignment: where the data begins.
    pub(super) const fn data_unit(&self) -> u64 {
        let mut unit = self.line;
        if self.page > unit {
            unit = self.page;
        }
        if self.align / 4 > unit {
            unit = self.align / 4;
        }
        // A pair of words, so that slots of whole pairs begin on one (G7).
        if unit < 2 { 2 } else { unit as u64 }
    }
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Capacity(n) => write!(f, "a capacity of {n} is no power of two between 1 and 2^30"),
            Self::Element { size, align } => {
                write!(f, "an element of {size} bytes aligned to {align} cannot lie in a slot")
            }
            Self::Participants(n) => {
                write!(f, "a table of {n} places is not between 1 and {PARTICIPANTS_MAX}")
            }
            Self::Producers(n) => write!(f, "a ring of {n} producers has none, or more than {PRODUCERS_MAX}"),
            Self::History { history, capacity } => {
                write!(f, "a history of {history} is not below the capacity of {capacity}")
            }
            Self::Line(n) => write!(f, "a line of {n} words is no power of two between 1 and {LINE_MAX}"),
            Self::Page(n) => write!(f, "a page of {n} words is no power of two between 1 and {PAGE_MAX}"),
            Self::Journal(n) => write!(f, "a journal of {n} events is no power of two up to {JOURNAL_MAX}"),
            Self::Counters(n) => write!(f, "{n} counters of the application are more than {COUNTERS_MAX}"),
            Self::TooLong { words } => write!(f, "{words} words are more than a segment can have"),
        }
    }
}

impl core::error::Error for SpecError {}
