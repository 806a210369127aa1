extern crate std;

use super::{Var, VarConsumer, VarProducer};
use crate::cases::turns;
use crate::follow::Next;
use crate::frame::{Broken, Cause, Room};
use crate::header::{Creator, SegmentId};
use crate::index::{Commit, Mark, Span};
use crate::join::Start;
use crate::layout::Layout;
use crate::segment::{Position, Segment};
use crate::table::{Identity, Peer, PeerName};
use crate::{Inline, Local};
use proptest::prelude::{any, prop_assert, proptest};
use std::vec::Vec;
use tidemill_seam::Region;

const G: usize = 16;
type Memory = Inline<1024>;
type Tx<'r> = VarProducer<G, &'r Memory, &'r Local>;
type Rx<'r> = VarConsumer<G, &'r Memory, &'r Local, Room<128>>;

fn open<'r>(memory: &'r Memory, live: &'r Local) -> (Segment<&'r Memory>, Tx<'r>, Rx<'r>) {
    let spec = Var::<G>::spec(8).line(1).page(1).journal(0).participants(2);
    let made = Segment::create(memory, &spec, SegmentId(1), Creator::default(), live).expect("it fits");
    let tx = made.clone().var_producer(live, Identity::default()).expect("nobody else produces");
    let peer = Peer::new(PeerName::parse("rx").expect("a name"));
    let rx = made.clone().var_consumer(live, &peer, Start::Earliest, Room::new());
    (made, tx, rx.expect("there is a place"))
}

fn taken(rx: &mut Rx<'_>) -> Option<Result<Vec<u8>, (u64, Cause)>> {
    match rx.try_next()?.item::<()>() {
        Ok(message) => Some(Ok(message.to_vec())),
        Err(Next::Broken { at, what: Broken { cause, .. } }) => Some(Err((at.0, cause))),
        Err(other) => panic!("{other:?}"),
    }
}

/// Replaces the entry of a position, as somebody does who keeps no law.
fn forge(segment: &Segment<&Memory>, position: u64, start: u64, mark: Mark, len: u32) {
    let commit = Commit { start, owner: 0, mark }.encode();
    let [len, rest] = Span { len, ..Span::default() }.encode();
    let at = segment.view.layout().entry(position);
    segment.view.write(at, &[commit as u32, (commit >> 32) as u32, len, rest]);
}

// RING-LAYERS, RING-UNTRUSTED: every lie of the index breaks one message, and the next one is delivered (RL-13, RL-18).
#[test]
fn every_lie_of_the_index_costs_one_message() {
    let lies: [(u64, Mark, u32, Cause); 8] = [
        (0, Mark::Committed, 1_000_000, Cause::Length { says: 1_000_000, has: 64 }),
        (0, Mark::Committed, u32::MAX, Cause::Length { says: u32::MAX, has: 64 }),
        (0, Mark::Committed, 65, Cause::Length { says: 65, has: 64 }),
        (0, Mark::Skip, 0, Cause::Header),
        (0, Mark::Skip, 9, Cause::Header),
        (0, Mark::Skip, u32::MAX, Cause::Header),
        (8, Mark::Committed, 40, Cause::NoFirst),
        (1 << 50, Mark::Skip, 3, Cause::NoFirst),
    ];
    for (start, mark, len, cause) in lies {
        let (memory, live) = (Memory::new(), Local::new());
        let (segment, mut tx, mut rx) = open(&memory, &live);
        tx.try_publish(&[7; 40], 1).expect("there is room");
        tx.try_publish(b"good", 1).expect("there is room");
        forge(&segment, 0, start, mark, len);
        assert_eq!(taken(&mut rx), Some(Err((0, cause))), "{mark:?} of {len}");
        assert_eq!(taken(&mut rx), Some(Ok(b"good".to_vec())), "{mark:?} of {len}");
        assert_eq!((taken(&mut rx), rx.position()), (None, Position(4)));
    }
}

// RING-LAYERS: what a healer voided is broken, granule by granule, and a gap is nobody's message.
#[test]
fn a_void_is_broken_and_a_gap_is_passed_in_silence() {
    let (memory, live) = (Memory::new(), Local::new());
    let (segment, mut tx, mut rx) = open(&memory, &live);
    tx.try_publish(&[7; 16], 1).expect("there is room");
    tx.try_publish(&[8; 32], 1).expect("there is room");
    tx.try_publish(b"good", 1).expect("there is room");
    forge(&segment, 0, 0, Mark::Void, 0);
    forge(&segment, 1, 1, Mark::Skip, 2);
    assert_eq!(taken(&mut rx), Some(Err((0, Cause::Void))));
    assert_eq!(taken(&mut rx), Some(Ok(b"good".to_vec())));
}

// RING-LAYERS: a run never goes over the end of the ring, and no payload is taken for an entry, lap after lap (RL-13).
#[test]
fn payloads_that_look_like_entries_are_payloads() {
    let (memory, live) = (Memory::new(), Local::new());
    let (_segment, mut tx, mut rx) = open(&memory, &live);
    for turn in 0..turns(2_000) {
        let at = tx.published().0;
        // Words as an entry of the granule behind this one would have them.
        let commit = Commit { start: at + 1, owner: 0, mark: Mark::Committed }.encode();
        let fake: Vec<u8> = [commit.to_ne_bytes(), 16_u64.to_ne_bytes()].concat();
        let sent = fake.repeat((turn % 4) as usize);
        tx.try_publish(&sent, 1).expect("it was emptied");
        assert_eq!(taken(&mut rx), Some(Ok(sent)));
        assert_eq!(taken(&mut rx), None);
    }
}

#[test]
fn a_message_longer_than_its_memory_is_broken_and_passed() {
    let (memory, live) = (Memory::new(), Local::new());
    let (segment, mut tx, _rx) = open(&memory, &live);
    let peer = Peer::new(PeerName::parse("small").expect("a name"));
    let small = segment.var_consumer::<G, _, _>(&live, &peer, Start::Latest, [0; 20]);
    let mut small = small.expect("there is a place");
    tx.try_publish(&[7; 40], 1).expect("there is room");
    tx.try_publish(&[7; 20], 1).expect("there is room");
    let too_large = Broken { cause: Cause::TooLarge { max: 20 }, message: 0, parts_seen: 0 };
    let heard = small.try_next().map(|next| next.map(|message| message.len()));
    assert_eq!(heard, Some(Next::Broken { at: Position(0), what: too_large }));
    assert_eq!(small.try_next().map(|next| next.map(|message| message.len())), Some(Next::Item(20)));
}

proptest! {
    #![proptest_config(crate::cases::cases(256))]

    // RING-LAYERS, RING-UNTRUSTED: whatever stands in the region, no call panics or runs away, and nothing is longer than
    // what there is (RL-18).
    #[test]
    fn no_words_make_a_consumer_panic_or_run_away(
        lens in proptest::collection::vec(0..128_usize, 1..12),
        words in proptest::collection::vec((any::<u32>(), any::<u32>(), 0..12_usize), 0..24),
    ) {
        let (memory, live) = (Memory::new(), Local::new());
        let (segment, mut tx, mut rx) = open(&memory, &live);
        let layout = segment.header().layout;
        let end = layout.words();
        for (turn, len) in lens.iter().enumerate() {
            let _ = tx.try_publish(&[turn as u8; 128][..*len], 1);
            for (at, value, _) in words.iter().filter(|(_, _, when)| *when == turn) {
                let at = Layout::STATE.0 + at % (end - Layout::STATE.0);
                // SAFETY: within the segment.
                unsafe { memory.store(at, *value, core::sync::atomic::Ordering::Relaxed) };
            }
            for _ in 0..16 {
                let heard = rx.try_next().map(|next| next.map(|message| message.len()));
                match heard {
                    Some(Next::Item(len)) => prop_assert!(len <= 128),
                    Some(Next::Closed(_) | Next::Fault(_) | Next::Evicted { .. }) | None => break,
                    Some(Next::Broken { .. } | Next::Lagged { .. } | Next::Restarted { .. }) => {}
                }
            }
        }
    }
}
