//! Who holds a claim on a segment, by the segment's own words: for who watches over them.

use crate::follow::End;
use crate::layout::Layout;
use crate::segment::{Phase, Segment};
use crate::table::{Identity, State};
use crate::view::View;
use tidemill_seam::Region;

/// Somebody for whom others may wait, as of the moment of looking. A rumour, like every word of a segment: whether it lives is
/// for [`Liveness`](tidemill_seam::Liveness) to say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Holder {
    /// Its claim: a slot of the table, [`Layout::PRODUCER`], or that of one of several producers.
    pub slot: u32,
    /// The generation of that.
    pub generation: u32,
    /// Who it is to its system.
    pub who: Identity,
}

impl<R: Region> Segment<R> {
    /// Everybody for whom others may wait: who produces, then who takes part, in the order of their slots.
    pub fn holders(&self) -> impl Iterator<Item = Holder> + '_ {
        let view = &self.view;
        let producer = self.standing().filter(|now| now.phase == Phase::Ready && now.generation > 0);
        let producer = producer.map(|now| Holder {
            slot: Layout::PRODUCER,
            generation: now.generation,
            who: view.producer_who(),
        });
        let posts = view.posts().filter_map(|k| {
            let post = view.post(k);
            let (slot, who) = (Layout::claim_of_post(k), view.post_who(k));
            post.taken.then_some(Holder { slot, generation: post.generation, who })
        });
        let table = view.slots().filter_map(|slot| {
            let ctl = view.ctl(slot).filter(|ctl| ctl.state == State::Live)?;
            Some(Holder { slot, generation: ctl.generation, who: view.who_of(slot) })
        });
        producer.into_iter().chain(posts).chain(table)
    }

    /// How the stream of several producers ended. `None` while somebody has a place among them, and before anybody had.
    pub fn producers_end(&self) -> Option<End> {
        self.view.producers_end()
    }

    /// Whether the claim is still that one's.
    pub fn is_held_by(&self, holder: &Holder) -> bool {
        self.holders().any(|now| now == *holder)
    }

    /// Wakes everybody who sleeps on the segment, to look again.
    pub fn rouse(&self) {
        self.view.rouse_readers();
        self.view.rouse_producer();
    }
}

impl<R: Region> View<R> {
    /// How the stream of several ended, where nobody produces any more.
    pub(crate) fn producers_end(&self) -> Option<End> {
        let (mut had, mut crashed) = (false, false);
        for k in self.posts() {
            let post = self.post(k);
            if post.taken {
                return None;
            }
            had |= post.generation > 0;
            crashed |= post.crashed;
        }
        had.then_some(if crashed { End::Crashed } else { End::Finished })
    }
}

#[cfg(all(test, feature = "alloc", not(any(feature = "loom", feature = "shuttle"))))]
mod tests {
    use super::{End, Holder};
    use crate::header::{Creator, SegmentId};
    use crate::table::Identity;
    use crate::{Heap, Layout, Local, Peer, PeerName, Segment, Spec, Start};
    use alloc::vec::Vec;
    use tidemill_seam::Liveness;

    fn who(process: u32) -> Identity {
        Identity { process, ..Identity::default() }
    }

    fn segment(spec: Spec, live: &Local) -> Segment<Heap> {
        let region = Heap::new(Layout::of(&spec).expect("a ring").words());
        Segment::create(region, &spec, SegmentId(1), Creator::default(), live).expect("a segment")
    }

    // RING-DEATH: whoever watches is told everybody for whom others may wait, and nobody who left
    #[test]
    fn everybody_who_may_be_waited_for_is_named_until_it_leaves() {
        let live = Local::new();
        let one = segment(Spec::of::<u64>(8).participants(4), &live);
        let named = |segment: &Segment<Heap>| segment.holders().collect::<Vec<_>>();
        assert_eq!(named(&one), []);
        let peer = Peer::new(PeerName::parse("risk").expect("a name")).who(who(7));
        let rx = one.clone().consumer::<u64, _>(&live, &peer, Start::Earliest).expect("room");
        let tx = one.clone().producer::<u64, _>(&live, who(8)).expect("nobody else does");
        let (risk, producer) = (
            Holder { slot: 0, generation: 1, who: who(7) },
            Holder { slot: Layout::PRODUCER, generation: 1, who: who(8) },
        );
        assert_eq!(named(&one), [producer, risk]);
        drop(rx);
        assert!(one.is_held_by(&producer) && !one.is_held_by(&risk));
        drop(tx);
        assert_eq!(named(&one), []);
        let several = segment(Spec::of::<u64>(8).participants(4).producers(2), &live);
        assert_eq!(several.producers_end(), None, "nobody had a place yet");
        let tx = several.clone().multi_producer::<u64, _>(&live, who(9)).expect("a place is free");
        assert_eq!(
            named(&several).iter().map(|one| (one.slot, one.who)).collect::<Vec<_>>(),
            [(tx.slot(), who(9))]
        );
        assert_eq!(several.producers_end(), None);
        drop(tx);
        assert_eq!(several.producers_end(), Some(End::Finished));
        let tx = several.clone().multi_producer::<u64, _>(&live, who(9)).expect("a place is free");
        let holder = several.holders().next().expect("it has a place");
        live.release(holder.slot, holder.generation);
        assert_eq!(several.heal(&live).freed, 1);
        assert_eq!(several.producers_end(), Some(End::Crashed));
        core::mem::forget(tx);
    }
}
