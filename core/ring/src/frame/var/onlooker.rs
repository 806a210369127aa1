//! Messages in runs for who looks on, and knows of their ring what its header says.

use super::{Found, copy, find_of};
use crate::frame::Cause;
use crate::layout::Kind;
use crate::segment::{Position, Segment};
use crate::sync::Ordering;
use crate::tail::Missing;
use tidemill_seam::Region;

/// A ring of messages in runs, looked at by somebody who takes part in nothing.
#[derive(Debug)]
pub struct Runs<'s, R> {
    segment: &'s Segment<R>,
    granule: usize,
}

/// What begins at a position, and where that ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Run {
    /// What it is.
    pub what: Begins,
    /// Where the next one begins.
    pub end: Position,
}

/// What may begin at a position of a ring of runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Begins {
    /// A message: so many bytes, and what its sender means by it.
    Message {
        /// Bytes.
        len: usize,
        /// Its sender's own number.
        kind: u8,
    },
    /// Nothing: the next message would not have ended before the ring does, or was aborted.
    Gap,
    /// No message, and why.
    Broken(Cause),
}

impl<R: Region> Segment<R> {
    /// The messages of a ring of runs. `None` where the slots hold anything else.
    pub fn runs(&self) -> Option<Runs<'_, R>> {
        let spec = self.header().layout.spec();
        let granule = spec.size as usize;
        let frames = matches!(spec.kind, Kind::Frames);
        let runs = frames && spec.size.is_multiple_of(16) && spec.align == 16;
        let named = super::fingerprint(granule).bits() == spec.fingerprint;
        (runs && named).then_some(Runs { segment: self, granule })
    }
}

impl<R: Region> Runs<'_, R> {
    /// Bytes of a granule.
    pub fn granule(&self) -> usize {
        self.granule
    }

    /// Copies the message that begins at `position` to the start of `into`, where one does, whole or not at all.
    ///
    /// # Errors
    /// [`Missing`], with what to ask for instead; what was copied is then nothing.
    pub fn copy(&self, position: Position, into: &mut [u8]) -> Result<Run, Missing> {
        let (view, latest) = (&self.segment.view, self.segment.published());
        if position >= latest {
            return Err(Missing::Ahead { latest });
        }
        let gaps = (position.0..latest.0).take_while(|at| self.segment.skipped(Position(*at))).count() as u64;
        if gaps > 0 {
            return Ok(Run { what: Begins::Gap, end: Position(position.0 + gaps) });
        }
        let (granules, what) = match find_of(self.granule, view, position.0, latest.0) {
            Found::Message { granules, span } => match copy(view, position.0, span, &mut &mut *into) {
                Ok(_) => (granules, Begins::Message { len: span.len as usize, kind: span.kind }),
                Err(cause) => (granules, Begins::Broken(cause)),
            },
            Found::Gap { granules } => (granules, Begins::Gap),
            Found::Wrong { granules, cause } => (granules, Begins::Broken(cause)),
        };
        // Acquire: pairs with the fence in `Gate::rescan`, as in a reader (RL-5).
        view.fence(Ordering::Acquire);
        let earliest = self.segment.gate();
        if earliest > position {
            return Err(Missing::Gone { earliest });
        }
        Ok(Run { what, end: Position(position.0 + granules) })
    }
}

#[cfg(all(test, feature = "alloc", not(any(feature = "loom", feature = "shuttle"))))]
mod tests {
    use super::{Begins, Run};
    use crate::frame::{Cause, Fixed, Var};
    use crate::header::{Creator, SegmentId};
    use crate::table::Identity;
    use crate::tail::Missing;
    use crate::{Heap, Layout, Local, Position, Segment, Spec};

    fn made(spec: &Spec, live: &Local) -> Segment<Heap> {
        let region = Heap::new(Layout::of(spec).expect("a ring").words());
        Segment::create(region, spec, SegmentId(1), Creator::default(), live).expect("it fits")
    }

    // RING-TOOL: who knows of a ring what its header says sees its messages, its gaps, and what is none, and nothing that is
    // overwritten (RL-5)
    #[test]
    fn an_onlooker_sees_runs_whole_or_is_told_what_is_there_instead() {
        let live = Local::new();
        let segment = made(&Var::<16>::spec(8).history(4), &live);
        let runs = segment.runs().expect("its slots are granules");
        assert_eq!(runs.granule(), 16);
        let mut into = [0; 64];
        assert_eq!(runs.copy(Position(0), &mut into), Err(Missing::Ahead { latest: Position(0) }));
        let mut tx = segment.clone().var_producer::<16, _>(&live, Identity::default()).expect("free");
        for kind in 1..4 {
            tx.try_publish(&[kind; 40], kind).expect("nobody is waited for");
        }
        let run = |what, end| Ok(Run { what, end: Position(end) });
        // Twice three granules, two that were left before the end of the ring, and three of the next lap over what was first.
        assert_eq!(runs.copy(Position(3), &mut into), Err(Missing::Gone { earliest: Position(4) }));
        assert_eq!(runs.copy(Position(4), &mut into), run(Begins::Broken(Cause::NoFirst), 6));
        assert_eq!(runs.copy(Position(6), &mut into), run(Begins::Gap, 8));
        assert_eq!(runs.copy(Position(8), &mut into), run(Begins::Message { len: 40, kind: 3 }, 11));
        assert_eq!(into[..40], [3; 40]);
        let short = runs.copy(Position(8), &mut into[..39]);
        assert_eq!(short, run(Begins::Broken(Cause::TooLarge { max: 39 }), 11));
        assert_eq!(runs.copy(Position(11), &mut into), Err(Missing::Ahead { latest: Position(11) }));
    }

    // RING-TOOL, RING-MPSC: the same of several producers, whose gaps are a granule each
    #[test]
    fn an_onlooker_sees_runs_of_several() {
        let live = Local::new();
        let segment = made(&Var::<16>::spec(8).producers(2), &live);
        let runs = segment.runs().expect("its slots are granules");
        let open = || segment.clone().multi_var_producer::<16, _>(&live, Identity::default());
        let (mut one, mut other) = (open().expect("a place"), open().expect("a place"));
        let run = |what, end| Ok(Run { what, end: Position(end) });
        let mut into = [0; 64];
        drop(one.grant(20, 1).expect("there is room"));
        let grant = other.grant(3, 2).expect("there is room");
        one.try_publish(&[7; 40], 3).expect("there is room");
        assert_eq!(runs.copy(Position(0), &mut into), run(Begins::Gap, 2));
        assert_eq!(runs.copy(Position(3), &mut into), Err(Missing::Ahead { latest: Position(2) }));
        drop(grant);
        assert_eq!(runs.copy(Position(1), &mut into), run(Begins::Gap, 3));
        assert_eq!(runs.copy(Position(3), &mut into), run(Begins::Message { len: 40, kind: 3 }, 6));
        assert_eq!(into[..40], [7; 40]);
        assert_eq!(runs.copy(Position(4), &mut into), run(Begins::Broken(Cause::NoFirst), 6));
        assert_eq!(segment.producer_of(Position(3)), Some(one.slot()));
        assert_eq!(segment.producer_of(Position(2)), Some(other.slot()));
    }

    #[test]
    fn what_is_no_run_is_none() {
        let live = Local::new();
        assert!(made(&Spec::of::<Fixed<16>>(4), &live).runs().is_none(), "parts");
        assert!(made(&Spec::of::<Var<16>>(4), &live).runs().is_none(), "granules without an index");
        assert!(made(&Spec::of::<[u32; 4]>(4).kind(crate::layout::Kind::Frames), &live).runs().is_none());
    }
}
