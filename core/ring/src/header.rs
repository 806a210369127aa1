//! The first 512 bytes of a segment: written once, then believed only after [`Header::check`].
//!
//! What stands there is a rumour until every size and offset was found to be the one that [`Layout::of`] gives, and
//! the segment was found to be long enough for it: behind that line nobody checks again, before it nobody trusts.

use crate::layout::{HEADER_WORDS, Kind, Layout, Spec};
use crate::table::{Identity, Policies};
use core::fmt;

const WORDS: usize = HEADER_WORDS as usize;
const MAGIC: [u32; 2] = [0x6C69_7474, 0x676E_6972];
const ENDIAN: u32 = 0x0102_0304;

/// Which revision of the layout this is. Another major is refused; a minor adds what may be ignored.
pub const ABI: (u16, u16) = (1, 0);
/// The feature of a ring of several producers, which who does not know it must not touch.
const SHARED: u32 = 1;
/// The feature of a ring with counters of the application, behind which the data lies.
const COUNTED: u32 = 2;
/// Feature bits without which a segment cannot be used.
const REQUIRED_KNOWN: u32 = SHARED | COUNTED;
/// Feature bits that may be ignored: nobody sleeps here. Who does all the same is woken by its probes only.
const SPIN_ONLY: u32 = 1;
/// Slots of plain elements.
const KIND_SLOTS: u32 = 0;
/// Granules of frames, beside an index.
const KIND_FRAMES: u32 = 1;

/// The name of a segment that nobody chose: two segments never share one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct SegmentId(pub u128);

/// Who made a segment.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Creator {
    /// The process.
    pub who: Identity,
    /// Since which start of its machine.
    pub boot: u128,
}

/// A header that was checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// Where everything lies.
    pub layout: Layout,
    /// Which segment this is.
    pub id: SegmentId,
    /// Who made it.
    pub creator: Creator,
}

/// What of a header is not as it has to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Field {
    /// The first eight bytes.
    Magic,
    /// The order of bytes in a word.
    Endian,
    /// The major revision.
    Abi,
    /// Feature bits that nobody here knows.
    Features,
    /// The checksum.
    Checksum,
    /// What lies in the slots: plain elements, frames.
    Kind,
    /// Slots.
    Capacity,
    /// Bytes of an element.
    ElementSize,
    /// Alignment of an element.
    ElementAlign,
    /// How an element lies in memory.
    Fingerprint,
    /// Items that stay.
    History,
    /// Places in the table.
    Participants,
    /// How many may produce; or several, where one is asked for or a pair of words is no atomic.
    Producers,
    /// Words between what different parties write.
    Line,
    /// Words of whose multiple the data begins.
    Page,
    /// Events that are remembered.
    Journal,
    /// Counters of the application.
    Counters,
    /// What participants may choose to be.
    Policies,
    /// Which codec its messages are in.
    Codec,
    /// The offset at this word of the header.
    Offset(u32),
    /// Words of the segment.
    Length,
}

/// A segment that cannot be used from here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Incompatible {
    /// What is wrong.
    pub field: Field,
    /// What stands there.
    pub got: u64,
    /// What has to stand there, or the limit.
    pub want: u64,
}

/// Why nobody can attach to a segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AttachError {
    /// It is being made, or nobody began to.
    NotReady,
    /// It cannot be used from here.
    Incompatible(Incompatible),
}

/// Words of the header, by what stands there.
mod at {
    pub(super) const MAGIC: usize = 0;
    pub(super) const ABI: usize = 2;
    pub(super) const ENDIAN: usize = 3;
    pub(super) const REQUIRED: usize = 4;
    pub(super) const OPTIONAL: usize = 5;
    pub(super) const KIND: usize = 6;
    pub(super) const LINE: usize = 7;
    pub(super) const CAPACITY: usize = 8;
    pub(super) const SIZE: usize = 9;
    pub(super) const ALIGN: usize = 10;
    pub(super) const FINGERPRINT: usize = 11;
    pub(super) const HISTORY: usize = 13;
    pub(super) const PARTICIPANTS: usize = 14;
    pub(super) const PAGE: usize = 15;
    pub(super) const JOURNAL: usize = 16;
    pub(super) const POLICIES: usize = 17;
    pub(super) const OFFSETS: usize = 18;
    pub(super) const LENGTH: usize = 27;
    pub(super) const ID: usize = 28;
    pub(super) const BOOT: usize = 32;
    pub(super) const WHO: usize = 36;
    pub(super) const CODEC: usize = 41;
    pub(super) const INDEX: usize = 42;
    pub(super) const PRODUCERS: usize = 43;
    pub(super) const COUNTERS: usize = 44;
    pub(super) const CHECKSUM: usize = super::WORDS - 1;
}

/// The Castagnoli checksum of RFC 3720, bit by bit: it runs once an attachment.
fn crc32c(words: &[u32]) -> u32 {
    let bytes = words.iter().flat_map(|word| word.to_le_bytes());
    !bytes.fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0x82F6_3B78 & (crc & 1).wrapping_neg()))
    })
}

const fn halves(wide: u64) -> [u32; 2] {
    [wide as u32, (wide >> 32) as u32]
}

const fn quarters(wide: u128) -> [u32; 4] {
    let ([a, b], [c, d]) = (halves(wide as u64), halves((wide >> 64) as u64));
    [a, b, c, d]
}

fn wide(words: &[u32]) -> u64 {
    words.iter().rev().fold(0, |wide, word| wide << 32 | u64::from(*word))
}

fn wider(words: &[u32]) -> u128 {
    words.iter().rev().fold(0, |wide, word| wide << 32 | u128::from(*word))
}

impl Incompatible {
    pub(crate) fn unless(field: Field, got: u64, want: u64) -> Result<(), Self> {
        if got == want { Ok(()) } else { Err(Self { field, got, want }) }
    }
}

impl From<Incompatible> for AttachError {
    fn from(error: Incompatible) -> Self {
        Self::Incompatible(error)
    }
}

impl Header {
    /// Whether these words begin as those of a header do.
    pub(crate) fn begins(words: &[u32; WORDS]) -> bool {
        words[..2] == MAGIC
    }

    /// The words of this header.
    pub fn encode(&self) -> [u32; WORDS] {
        let (spec, mut words) = (self.layout.spec(), [0; WORDS]);
        let mut put = |at: usize, values: &[u32]| words[at..at + values.len()].copy_from_slice(values);
        let kind = match spec.kind {
            Kind::Slots => KIND_SLOTS,
            Kind::Frames => KIND_FRAMES,
        };
        put(at::MAGIC, &MAGIC);
        let optional = if spec.parks { 0 } else { SPIN_ONLY };
        let (shared, producers) = if spec.shared() { (SHARED, spec.producers) } else { (0, 0) };
        let required = shared | if spec.counters > 0 { COUNTED } else { 0 };
        put(at::ABI, &[u32::from(ABI.0) << 16 | u32::from(ABI.1), ENDIAN, required, optional, kind]);
        put(at::PRODUCERS, &[producers, spec.counters]);
        put(at::LINE, &[spec.line, spec.capacity, spec.size, spec.align]);
        put(at::FINGERPRINT, &halves(spec.fingerprint));
        put(at::HISTORY, &[spec.history, spec.participants, spec.page, spec.journal, spec.policies.bits()]);
        put(at::OFFSETS, &self.layout.offsets());
        put(at::LENGTH, &[self.layout.words()]);
        put(at::ID, &quarters(self.id.0));
        put(at::BOOT, &quarters(self.creator.boot));
        put(at::WHO, &self.creator.who.encode());
        put(at::CODEC, &[spec.codec, self.layout.index.0]);
        words[at::CHECKSUM] = crc32c(&words[..at::CHECKSUM]);
        words
    }

    /// The header that these words are, of a segment that is `have` words long.
    ///
    /// # Errors
    /// [`AttachError::NotReady`] where nothing was written yet, [`AttachError::Incompatible`] with the first field that is
    /// not as it has to be.
    pub fn check(words: &[u32; WORDS], have: u32) -> Result<Self, AttachError> {
        if words[..2] == [0, 0] {
            return Err(AttachError::NotReady);
        }
        if words[at::ENDIAN] == ENDIAN.swap_bytes() {
            let (got, want) = (u64::from(words[at::ENDIAN]), u64::from(ENDIAN));
            return Err(Incompatible { field: Field::Endian, got, want }.into());
        }
        Incompatible::unless(Field::Magic, wide(&words[..2]), wide(&MAGIC))?;
        Incompatible::unless(Field::Endian, u64::from(words[at::ENDIAN]), u64::from(ENDIAN))?;
        Incompatible::unless(Field::Abi, u64::from(words[at::ABI] >> 16), u64::from(ABI.0))?;
        let crc = crc32c(&words[..at::CHECKSUM]);
        Incompatible::unless(Field::Checksum, u64::from(words[at::CHECKSUM]), u64::from(crc))?;
        let required = u64::from(words[at::REQUIRED]);
        Incompatible::unless(Field::Features, required, required & u64::from(REQUIRED_KNOWN))?;
        let layout = Self::layout(words)?;
        let words_of = u64::from(words[at::LENGTH]);
        Incompatible::unless(Field::Length, words_of, u64::from(layout.words()))?;
        if layout.words() > have {
            return Err(Incompatible { field: Field::Length, got: u64::from(have), want: words_of }.into());
        }
        Ok(Self {
            layout,
            id: SegmentId(wider(&words[at::ID..at::BOOT])),
            creator: Creator {
                who: Identity::decode(&words[at::WHO..at::WHO + Identity::WORDS]),
                boot: wider(&words[at::BOOT..at::WHO]),
            },
        })
    }

    fn layout(words: &[u32; WORDS]) -> Result<Layout, Incompatible> {
        let kind = match words[at::KIND] {
            KIND_SLOTS => Kind::Slots,
            KIND_FRAMES => Kind::Frames,
            other => {
                let (got, want) = (u64::from(other), u64::from(KIND_FRAMES));
                return Err(Incompatible { field: Field::Kind, got, want });
            }
        };
        // One is not written down: nobody asked for it before there could be several.
        let producers = match (words[at::REQUIRED] & SHARED, words[at::PRODUCERS]) {
            (0, 0) => 1,
            (SHARED, several @ 2..) => several,
            (_, other) => {
                let (got, want) = (u64::from(other), u64::from(crate::layout::PRODUCERS_MAX));
                return Err(Incompatible { field: Field::Producers, got, want });
            }
        };
        let (counted, counters) = (words[at::REQUIRED] & COUNTED != 0, words[at::COUNTERS]);
        if counted != (counters > 0) {
            let (got, want) = (u64::from(counters), u64::from(crate::layout::COUNTERS_MAX));
            return Err(Incompatible { field: Field::Counters, got, want });
        }
        let policies = words[at::POLICIES];
        let known = Policies::from_bits(policies).ok_or(Incompatible {
            field: Field::Policies,
            got: u64::from(policies),
            want: u64::from(Policies::ALL.bits()),
        })?;
        let spec = Spec {
            kind,
            codec: words[at::CODEC],
            capacity: words[at::CAPACITY],
            size: words[at::SIZE],
            align: words[at::ALIGN],
            fingerprint: wide(&words[at::FINGERPRINT..at::HISTORY]),
            participants: words[at::PARTICIPANTS],
            producers,
            history: words[at::HISTORY],
            line: words[at::LINE],
            page: words[at::PAGE],
            journal: words[at::JOURNAL],
            counters,
            policies: known,
            parks: words[at::OPTIONAL] & SPIN_ONLY == 0,
        };
        let layout = Layout::of(&spec).map_err(Incompatible::from)?;
        for (at, (got, want)) in (at::OFFSETS as u32..).zip(words[at::OFFSETS..].iter().zip(layout.offsets()))
        {
            Incompatible::unless(Field::Offset(at), u64::from(*got), u64::from(want))?;
        }
        let index = (u64::from(words[at::INDEX]), u64::from(layout.index.0));
        Incompatible::unless(Field::Offset(at::INDEX as u32), index.0, index.1)?;
        Ok(layout)
    }
}

impl From<crate::layout::SpecError> for Incompatible {
    fn from(error: crate::layout::SpecError) -> Self {
        use crate::layout::{
            CAPACITY_MAX, COUNTERS_MAX, JOURNAL_MAX, LINE_MAX, PAGE_MAX, PARTICIPANTS_MAX, PRODUCERS_MAX,
            SpecError,
        };
        let (field, got, want) = match error {
            SpecError::Capacity(got) => (Field::Capacity, got, CAPACITY_MAX),
            SpecError::Element { size, align } if align.is_power_of_two() => {
                (Field::ElementSize, size, align)
            }
            SpecError::Element { align, .. } => (Field::ElementAlign, align, 4 * PAGE_MAX),
            SpecError::Participants(got) => (Field::Participants, got, PARTICIPANTS_MAX),
            SpecError::Producers(got) => (Field::Producers, got, PRODUCERS_MAX),
            SpecError::History { history, capacity } => (Field::History, history, capacity - 1),
            SpecError::Line(got) => (Field::Line, got, LINE_MAX),
            SpecError::Page(got) => (Field::Page, got, PAGE_MAX),
            SpecError::Journal(got) => (Field::Journal, got, JOURNAL_MAX),
            SpecError::Counters(got) => (Field::Counters, got, COUNTERS_MAX),
            SpecError::TooLong { words } => {
                return Self { field: Field::Length, got: words, want: u64::from(u32::MAX) };
            }
        };
        Self { field, got: u64::from(got), want: u64::from(want) }
    }
}

impl fmt::Display for Incompatible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, got, want } = self;
        match field {
            Field::Length => write!(f, "the segment is {got} words long, and {want} are asked for"),
            _ => write!(f, "the segment's {field:?} is {got:#x}, and {want:#x} is asked for"),
        }
    }
}

impl fmt::Display for AttachError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotReady => f.write_str("the segment is not ready"),
            Self::Incompatible(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl core::error::Error for Incompatible {}
impl core::error::Error for AttachError {}

#[cfg(all(test, not(any(feature = "loom", feature = "shuttle"))))]
mod tests;
