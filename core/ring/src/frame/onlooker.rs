//! Parts of messages for who looks on, and knows of their ring what its header says.

use super::{Meta, fixed};
use crate::layout::Kind;
use crate::segment::Segment;
use tidemill_seam::Region;

/// Words of a slot before the bytes of its part.
const HEADER: usize = size_of::<[u32; 4]>() / size_of::<u32>();

impl<R: Region> Segment<R> {
    /// Bytes of the longest part, where the slots hold parts of messages. `None` where they hold anything else.
    pub fn part_max(&self) -> Option<u32> {
        let spec = self.header().layout.spec();
        let room = spec.size.checked_sub(4 * HEADER as u32)?;
        let slots = matches!(spec.kind, Kind::Slots);
        let parts = slots && room.is_multiple_of(16) && spec.align == 16;
        let named = fixed::fingerprint(room as usize).bits() == spec.fingerprint;
        (parts && named).then_some(room)
    }
}

impl Meta {
    /// What the words of a slot say of the part in it, true or not, and the words of its bytes: as
    /// [`words_of`](Segment::words_of) copies them. `None` where there are fewer than a header has.
    pub fn of_words(words: &[u32]) -> Option<(Self, &[u32])> {
        let (header, bytes) = words.split_first_chunk()?;
        Some((Self::unpack(*header), bytes))
    }
}

#[cfg(all(test, feature = "alloc", not(any(feature = "loom", feature = "shuttle"))))]
mod tests {
    use super::Meta;
    use crate::frame::{Fixed, Var};
    use crate::header::{Creator, SegmentId};
    use crate::table::Identity;
    use crate::{Heap, Layout, Local, Position, Segment, Spec};

    fn made(spec: &Spec, live: &Local) -> Segment<Heap> {
        let region = Heap::new(Layout::of(spec).expect("a ring").words());
        Segment::create(region, spec, SegmentId(1), Creator::default(), live).expect("it fits")
    }

    // RING-TOOL: who knows of a ring what its header says sees the parts of its messages
    #[test]
    fn an_onlooker_sees_parts_with_their_headers() {
        let live = Local::new();
        let segment = made(&Spec::of::<Fixed<32>>(4), &live);
        assert_eq!(segment.part_max(), Some(32));
        let mut tx = segment.clone().frame_producer::<32, _>(&live, Identity::default()).expect("free");
        tx.try_publish(&[7; 40], 5).expect("there is room");
        let mut words = [0; 12];
        for (part, len) in [(0, 32), (1, 8)] {
            segment.words_of(Position(part), &mut words).expect("it is published");
            let (meta, bytes) = Meta::of_words(&words).expect("a header");
            let want = Meta { kind: 5, len, part: part as u16, parts: 2, ..Meta::default() };
            assert_eq!((meta, bytes.len(), bytes[0]), (want, 8, u32::from_ne_bytes([7; 4])));
        }
        assert_eq!(Meta::of_words(&words[..3]), None);
    }

    #[test]
    fn what_is_no_part_is_none() {
        let live = Local::new();
        for spec in [Spec::of::<u64>(4), Spec::of::<[u32; 12]>(4), Var::<48>::spec(4)] {
            assert_eq!(made(&spec, &live).part_max(), None);
        }
    }
}
