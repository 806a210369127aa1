//! Where everything lies in a segment, as a function of its [`Spec`] alone.
//!
//! ```text
//!  header 128 words │ state · published · gate · park │ ctl × P │ (cursor · record) × P │ journal │ index │ counters │ data: slot × capacity
//!                     a line each                       dense     a line each              events    frames  the app's  from a page on
//! ```
//! Everything is an index of a 32-bit word from the start of the segment, so that two mappings at different addresses,
//! and a 64-bit host beside 32-bit firmware, agree. A position takes two words: the low one counts items, the high one
//! half-laps of the low one. No word is ever accessed as part of a wider one, but for the data (G7), and but for the positions of
//! the tail and the gate, the posts and the commit words of a ring of several producers (G9).

use crate::index::{self, Spread};

mod spec;

pub use spec::{Kind, Spec, SpecError};

/// Words of the header: 512 bytes.
pub const HEADER_WORDS: u32 = 128;
/// Most participants of one ring, its producers aside.
pub const PARTICIPANTS_MAX: u32 = 64;
/// Most producers of one ring.
pub const PRODUCERS_MAX: u32 = 32;
/// Most slots of one ring.
pub const CAPACITY_MAX: u32 = 1 << 30;
/// The longest line, in words: 512 bytes.
pub const LINE_MAX: u32 = 128;
/// The longest alignment of the data, in words: 64 KiB.
pub const PAGE_MAX: u32 = 1 << 14;
/// Most events that a journal remembers.
pub const JOURNAL_MAX: u32 = 64;
/// Most counters of the application.
pub const COUNTERS_MAX: u32 = 16;
/// Words of one event of the journal.
pub const EVENT_WORDS: u32 = 8;

/// Words of a participant's record, behind its cursor.
pub(crate) const RECORD_WORDS: u32 = 32;
const STATE_WORDS: u32 = 8;
const GATE_WORDS: u32 = 10;
const CURSOR_WORDS: u32 = 2;
const PARK_WORDS: u32 = 4;
/// Words of a count of items that were passed without being any (see `claim`), behind a participant's record.
const SKIPPED_WORDS: u32 = 8;
/// Words of one of several producers: its post, what it claimed last, who it is, what went unheard.
const POST_WORDS: u32 = 16;
/// Words of a counter of the application: number, label, value.
const COUNTER_WORDS: u32 = 10;

const WIDE: bool = cfg!(target_pointer_width = "64");

/// An index of a word which a [`Layout`] gave: it lies within any region that the layout was checked against.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct At(pub(crate) u32);

impl At {
    /// The `n`-th word from here, within the same block.
    #[inline]
    pub(crate) const fn plus(self, n: u32) -> Self {
        Self(self.0 + n)
    }
}

/// Where everything of one ring lies, in words.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Layout {
    pub(crate) spec: Spec,
    pub(crate) published: At,
    pub(crate) gate: At,
    pub(crate) park: At,
    /// The park word of those who publish.
    pub(crate) producer_bed: At,
    pub(crate) table: At,
    pub(crate) participants: At,
    /// From one participant to the next.
    pub(crate) step: u32,
    pub(crate) journal: At,
    /// Where the posts of several producers lie.
    pub(crate) posts: At,
    /// From one of them to the next.
    pub(crate) post: u32,
    pub(crate) index: At,
    /// How its entries lie there.
    pub(crate) spread: Spread,
    pub(crate) counters: At,
    pub(crate) data: At,
    /// From one slot to the next.
    pub(crate) stride: u32,
    pub(crate) words: u32,
}

const fn up(words: u64, unit: u64) -> u64 {
    words.div_ceil(unit) * unit
}

impl Layout {
    /// Where everything of `spec` lies. Pure: the same on every target.
    ///
    /// # Errors
    /// [`SpecError`], naming the limit that `spec` does not keep.
    pub const fn of(spec: &Spec) -> Result<Self, SpecError> {
        if let Err(error) = spec.check() {
            return Err(error);
        }
        let line = spec.line as u64;
        let published = HEADER_WORDS as u64 + up(STATE_WORDS as u64, line);
        let gate = published + up(CURSOR_WORDS as u64, line);
        let park = gate + up(GATE_WORDS as u64, line);
        let table = park + up(PARK_WORDS as u64, line);
        let participants = table + up(spec.participants as u64, line);
        let record = RECORD_WORDS + if spec.shared() { SKIPPED_WORDS } else { 0 };
        let step = up(CURSOR_WORDS as u64, line) + up(record as u64, line);
        let journal = participants + step * spec.participants as u64;
        let events = if spec.journal == 0 { 0 } else { line + EVENT_WORDS as u64 * spec.journal as u64 };
        let indexed = spec.indexed();
        // What is accessed by pairs begins on one. Nothing moves in a segment without an index.
        let pairs = if line < 2 { 2 } else { line };
        let posts = if indexed { up(journal + events, pairs) } else { journal + events };
        let post = up(POST_WORDS as u64, line);
        let index = posts + if spec.shared() { post * spec.producers as u64 } else { 0 };
        let entries = if indexed { index::words(spec.capacity) } else { 0 };
        // A ring without counters lies as if there were no such thing.
        let counters = if spec.counters > 0 { up(index + entries, line) } else { index + entries };
        let counted = up(COUNTER_WORDS as u64, line) * spec.counters as u64;
        let data = up(counters + counted, spec.data_unit());
        let stride = (spec.size as u64).div_ceil(4);
        let words = data + stride * spec.capacity as u64;
        if words > u32::MAX as u64 {
            return Err(SpecError::TooLong { words });
        }
        Ok(Self {
            spec: *spec,
            published: At(published as u32),
            gate: At(gate as u32),
            park: At(park as u32),
            producer_bed: At(park as u32 + 1),
            table: At(table as u32),
            participants: At(participants as u32),
            step: step as u32,
            journal: At(journal as u32),
            posts: At(posts as u32),
            post: post as u32,
            index: At(index as u32),
            spread: Spread::new(spec.capacity, spec.line),
            counters: At(counters as u32),
            data: At(data as u32),
            stride: stride as u32,
            words: words as u32,
        })
    }

    /// The ring that this is the layout of.
    pub const fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Length of the segment in words.
    pub const fn words(&self) -> u32 {
        self.words
    }

    /// Length of the segment in bytes.
    pub const fn bytes(&self) -> u64 {
        4 * self.words as u64
    }

    /// Where the data begins, in words. It is the last of the segment, and only its producer writes there.
    pub const fn data(&self) -> u32 {
        self.data.0
    }

    /// Where the entry of a position lies, in words: what [`index`] says of it. `None` without an index.
    pub const fn index_entry(&self, position: u64) -> Option<u32> {
        if self.spec.indexed() { Some(self.entry(position).0) } else { None }
    }

    /// What the header says about it.
    pub(crate) const fn offsets(&self) -> [u32; 9] {
        [
            Self::STATE.0,
            self.published.0,
            self.gate.0,
            self.park.0,
            self.table.0,
            self.participants.0,
            self.step,
            self.journal.0,
            self.data.0,
        ]
    }

    /// The word with the state and the producer's generation. It lies at the same place in every segment.
    pub(crate) const STATE: At = At(HEADER_WORDS);
    /// Where the present producer began.
    pub(crate) const RESTART: At = Self::STATE.plus(1);
    /// Who the present producer is.
    pub(crate) const PRODUCER_WHO: At = Self::STATE.plus(3);

    /// The park word of those who read.
    #[inline]
    pub(crate) const fn readers_bed(&self) -> At {
        self.park
    }

    /// One above the position that is kept for those who are still to come; zero where none is.
    pub(crate) const fn pin(&self) -> At {
        self.park.plus(2)
    }

    /// Passed by the gate while nobody gated.
    pub(crate) const fn unheard(&self) -> At {
        self.gate.plus(CURSOR_WORDS)
    }

    /// The control word of a participant.
    #[inline]
    pub(crate) const fn ctl(&self, slot: u32) -> At {
        assert!(slot < self.spec.participants, "no such slot in the table");
        self.table.plus(slot)
    }

    /// The cursor of a participant.
    #[inline]
    pub(crate) const fn cursor(&self, slot: u32) -> At {
        assert!(slot < self.spec.participants, "no such slot in the table");
        self.participants.plus(slot * self.step)
    }

    /// The record of a participant.
    pub(crate) const fn record(&self, slot: u32) -> At {
        self.cursor(slot).plus(up(CURSOR_WORDS as u64, self.spec.line as u64) as u32)
    }

    /// The post of one of several producers.
    #[inline]
    pub(crate) const fn post(&self, k: u32) -> At {
        assert!(self.spec.shared() && k < self.spec.producers, "no such post");
        self.posts.plus(k * self.post)
    }

    /// Where a participant counts what it passed that was no item: behind its record, where several produce.
    pub(crate) const fn skipped(&self, slot: u32) -> At {
        assert!(self.spec.shared(), "one producer leaves no gaps");
        self.record(slot).plus(RECORD_WORDS)
    }

    /// The word that counts the events of the journal; the events begin a line later.
    pub(crate) const fn event(&self, number: u32) -> At {
        assert!(self.spec.journal > 0, "a segment without a journal has no events");
        self.journal.plus(self.spec.line + (number & (self.spec.journal - 1)) * EVENT_WORDS)
    }

    /// A counter of the application.
    #[inline]
    pub(crate) const fn counter(&self, place: u32) -> At {
        assert!(place < self.spec.counters, "no such counter");
        self.counters.plus(place * up(COUNTER_WORDS as u64, self.spec.line as u64) as u32)
    }

    /// The entry of a position in the index.
    #[inline]
    pub(crate) const fn entry(&self, position: u64) -> At {
        debug_assert!(self.spec.indexed(), "a segment without an index has no entries");
        self.index.plus(self.spread.place(position))
    }

    /// The slot of a position.
    #[inline]
    pub(crate) const fn slot(&self, position: u64) -> At {
        At(self.data.0 + (position as u32 & (self.spec.capacity - 1)) * self.stride)
    }
}
