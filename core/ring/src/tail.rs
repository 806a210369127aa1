//! Items as the words that they lie in, for who looks on and knows nothing of their type.
//!
//! A copy is handed out only if it is whole: published before it was made, and not behind the gate afterwards (RL-5).

use crate::layout::At;
use crate::segment::{Position, Segment};
use crate::sync::Ordering;
use tidemill_seam::Region;

/// Why there is no copy of an item.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Missing {
    /// It was not published yet.
    Ahead {
        /// The next that will be.
        latest: Position,
    },
    /// It was overwritten, or may have been while it was copied.
    Gone {
        /// The oldest that surely was not.
        earliest: Position,
    },
    /// There is none, and never will be: one of several producers had claimed it, and aborted or died.
    Skipped,
    /// It has other words than there is room for.
    Room {
        /// How many.
        words: u32,
    },
}

impl<R: Region> Segment<R> {
    /// Words of an item: what [`words_of`](Self::words_of) fills.
    pub fn item_words(&self) -> u32 {
        self.header().layout.stride
    }

    /// Copies the words of the item at `position`, whatever its type: it takes part in nothing, and waits for nobody.
    ///
    /// # Errors
    /// [`Missing`], with what to ask for instead; what was copied is then nothing.
    pub fn words_of(&self, position: Position, into: &mut [u32]) -> Result<(), Missing> {
        let words = self.item_words();
        if into.len() != words as usize {
            return Err(Missing::Room { words });
        }
        let latest = self.published();
        if position >= latest {
            return Err(Missing::Ahead { latest });
        }
        if self.skipped(position) {
            return Err(Missing::Skipped);
        }
        self.view.read_item(self.header().layout.slot(position.0), into);
        // Acquire: pairs with the fence in `Gate::rescan`, as in a reader (RL-5).
        self.view.fence(Ordering::Acquire);
        let earliest = self.gate();
        if earliest <= position { Ok(()) } else { Err(Missing::Gone { earliest }) }
    }
}

impl<R: Region> crate::view::View<R> {
    /// Copies a whole slot.
    fn read_item(&self, at: At, into: &mut [u32]) {
        if self.layout().stride.is_multiple_of(2) {
            // SAFETY: a slot lies within the region; slots of whole pairs begin on one, and are accessed by pairs (G7).
            unsafe { self.region().read_pairs(at.0, into) }
        } else {
            self.read(at, into);
        }
    }
}

#[cfg(all(test, not(any(feature = "loom", feature = "shuttle"))))]
mod tests {
    use super::Missing;
    use crate::header::{Creator, SegmentId};
    use crate::table::Identity;
    use crate::{Inline, Local, Position, Segment, Spec};

    // RING-TOOL: items are copied whole by who knows nothing of their type, or not at all
    #[test]
    fn an_item_is_copied_whole_or_said_to_be_missing_rl_5() {
        let (memory, claims) = (Inline::<512>::new(), Local::new());
        let spec = Spec::of::<[u32; 3]>(4).line(1).page(1).participants(1).journal(0);
        let segment = Segment::create(&memory, &spec, SegmentId(1), Creator::default(), &claims);
        let segment = segment.expect("it fits");
        let mut tx = segment.clone().producer::<[u32; 3], _>(&claims, Identity::default()).expect("free");
        let mut into = [0; 3];
        let first = segment.words_of(Position(0), &mut into);
        assert_eq!(first, Err(Missing::Ahead { latest: Position(0) }));
        for i in 0..7 {
            tx.try_push([i, i + 1, i + 2]).expect("nobody is waited for");
        }
        assert_eq!(segment.words_of(Position(3), &mut into), Err(Missing::Gone { earliest: segment.gate() }));
        for i in segment.gate().0..7 {
            assert_eq!(segment.words_of(Position(i), &mut into), Ok(()));
            assert_eq!(into, [i as u32, i as u32 + 1, i as u32 + 2]);
        }
        assert_eq!(segment.words_of(Position(4), &mut [0; 2]), Err(Missing::Room { words: 3 }));
    }

    // RING-TOOL, RING-MPSC: what one of several aborted is no item, whatever lies there, and what is claimed is none yet
    #[test]
    fn a_gap_among_several_is_told_as_one() {
        let (memory, claims) = (Inline::<512>::new(), Local::new());
        let spec = Spec::of::<u64>(4).line(1).page(1).participants(1).journal(0).producers(2);
        let segment = Segment::create(&memory, &spec, SegmentId(1), Creator::default(), &claims);
        let segment = segment.expect("it fits");
        let mut tx = segment.clone().multi_producer::<u64, _>(&claims, Identity::default()).expect("free");
        let mut into = [0; 2];
        tx.try_push(7).expect("nobody is waited for");
        drop(tx.claim().expect("nobody is waited for"));
        assert_eq!(segment.words_of(Position(0), &mut into), Ok(()));
        assert_eq!(segment.words_of(Position(1), &mut into), Err(Missing::Skipped));
        let claim = tx.claim().expect("nobody is waited for");
        assert_eq!(segment.words_of(Position(2), &mut into), Err(Missing::Ahead { latest: Position(2) }));
        claim.commit(9);
        assert_eq!((segment.words_of(Position(2), &mut into), into[0]), (Ok(()), 9));
    }
}
