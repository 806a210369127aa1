//! Messages of any length, each in one run of granules.
//!
//! The index says what begins at a granule: a message, or a gap that was left because the run would not have ended before
//! the ring does. Granules within a message have no entry of their own; what stands there is of an earlier lap, and so of
//! another position (RL-13). Where several produce each granule has one, which says where in its message it lies.

use super::{Broken, Cause};
use crate::element::{Fingerprint, Plain};
use crate::index::{Commit, ENTRY_WORDS, Mark, Span};
use crate::layout::{Kind, Spec};
use crate::view::View;
use core::fmt;
use tidemill_seam::Region;

mod onlooker;
mod pieces;
mod producer;
mod runs;
mod several;

pub use onlooker::{Begins, Run, Runs};
pub use producer::{VarGrant, VarProducer};
pub use runs::{VarConsumer, VarReader};
pub use several::{MultiVarGrant, MultiVarProducer};

pub(super) use runs::InRuns;

use super::gather::Whole;
use crate::header::{Field, Incompatible};

/// A granule: `G` bytes of a message, with nothing beside them.
///
/// `G` is a multiple of 16:
///
/// ```compile_fail
/// # use tidemill_ring::frame::Var;
/// let spec = Var::<24>::spec(64);
/// ```
#[derive(Clone, Copy)]
#[repr(C, align(16))]
pub struct Var<const G: usize>([u8; G]);

// SAFETY: bytes; no padding, since `GOOD` admits multiples of 16 only, and every constant here needs it.
unsafe impl<const G: usize> Plain for Var<G> {
    const FINGERPRINT: Fingerprint = {
        let () = Self::GOOD;
        fingerprint(G)
    };
}

/// That of a granule of so many bytes.
pub(super) const fn fingerprint(granule: usize) -> Fingerprint {
    Fingerprint::of_fields(granule).field("granule", 0, u8::FINGERPRINT.array(granule))
}

impl<const G: usize> Var<G> {
    const GOOD: () = {
        assert!(G.is_multiple_of(16), "a granule is a multiple of 16 bytes, so that none is padding");
        assert!(G > 0 && G <= 1 << 20, "a granule has 16 bytes up to 1 MiB");
    };

    /// A ring of so many granules: messages of all lengths up to all of them.
    pub const fn spec(granules: u32) -> Spec {
        Spec::of::<Self>(granules).kind(Kind::Frames)
    }

    /// Granules of a message: at least one.
    pub(super) const fn granules(len: usize) -> u64 {
        granules_of(len, G)
    }
}

/// Granules of so many bytes that a message has: at least one.
const fn granules_of(len: usize, granule: usize) -> u64 {
    let granules = len.div_ceil(granule) as u64;
    if granules == 0 { 1 } else { granules }
}

impl<const G: usize> fmt::Debug for Var<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Var").field(&G).finish_non_exhaustive()
    }
}

/// What begins at a position.
enum Found {
    /// A message, over so many granules.
    Message { granules: u64, span: Span },
    /// So many granules of nothing.
    Gap { granules: u64 },
    /// No message that can be, over so many granules.
    Wrong { granules: u64, cause: Cause },
}

impl Found {
    /// Over how many granules.
    const fn granules(&self) -> u64 {
        match self {
            Self::Message { granules, .. } | Self::Gap { granules } | Self::Wrong { granules, .. } => {
                *granules
            }
        }
    }
}

/// Whether the slots of a segment are granules, of which an index says what begins there.
fn is_granular(spec: &Spec) -> Result<(), Incompatible> {
    Incompatible::unless(Field::Kind, u64::from(matches!(spec.kind, Kind::Frames)), 1)
}

/// The entry of a position: what stands there of it, if anything does.
fn entry<R: Region>(view: &View<R>, position: u64) -> Option<(Commit, Span)> {
    let mut words = [0; ENTRY_WORDS as usize];
    view.read(view.layout().entry(position), &mut words);
    let [low, high, len, rest] = words;
    let commit = Commit::of(u64::from(low) | u64::from(high) << 32, position)?;
    Some((commit, Span::decode([len, rest])))
}

/// Says what begins at a position that we produce at. Ordered by what shows the position.
fn inscribe<R: Region>(view: &View<R>, position: u64, mark: Mark, span: Span) {
    let commit = Commit { start: position % crate::index::STAMPS, owner: 0, mark }.encode();
    let [len, rest] = span.encode();
    view.write(view.layout().entry(position), &[commit as u32, (commit >> 32) as u32, len, rest]);
}

/// What begins at `position`, where everything below `known` is published. Takes as many looks as there are granules.
#[inline]
fn find<const G: usize, R: Region>(view: &View<R>, position: u64, known: u64) -> Found {
    find_of(G, view, position, known)
}

/// The same in granules of so many bytes.
#[inline]
fn find_of<R: Region>(granule: usize, view: &View<R>, position: u64, known: u64) -> Found {
    if view.shared() {
        return several::find(granule, view, position);
    }
    let capacity = u64::from(view.layout().spec().capacity);
    // A run ends before the ring does, and before what is published does.
    let left = (capacity - position % capacity).min(known - position);
    let cause = match entry(view, position) {
        Some((Commit { mark: Mark::Committed, .. }, span)) => {
            let granules = granules_of(span.len as usize, granule);
            if granules <= left {
                return Found::Message { granules, span };
            }
            let has = u32::try_from(left * granule as u64).unwrap_or(u32::MAX);
            Cause::Length { says: span.len, has }
        }
        Some((Commit { mark: Mark::Skip, .. }, span)) => {
            if (1..=left).contains(&u64::from(span.len)) {
                return Found::Gap { granules: u64::from(span.len) };
            }
            Cause::Header
        }
        Some((Commit { mark: Mark::Void, .. }, _)) => {
            return Found::Wrong { granules: 1, cause: Cause::Void };
        }
        None => Cause::NoFirst,
    };
    let most = (known - position).min(capacity);
    let next = (1..most).find(|ahead| entry(view, position + ahead).is_some());
    Found::Wrong { granules: next.unwrap_or(known - position), cause }
}

/// A message as it lies at a position, copied to `memory`.
fn copy<R: Region>(
    view: &View<R>,
    position: u64,
    span: Span,
    memory: &mut impl AsMut<[u8]>,
) -> Result<Whole, Cause> {
    let memory = memory.as_mut();
    let max = memory.len();
    let into = memory.get_mut(..span.len as usize).ok_or(Cause::TooLarge { max })?;
    view.take_bytes(position, into);
    Ok(Whole::run(position, span))
}

/// A run of granules that is no message.
const fn broken(position: u64, cause: Cause) -> Broken {
    Broken { cause, message: position as u32, parts_seen: 0 }
}

#[cfg(all(test, not(any(feature = "loom", feature = "shuttle"))))]
mod tests;
