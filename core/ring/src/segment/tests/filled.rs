//! Segments whose slots hold something from the start.

extern crate std;
use super::{
    AttachError, CreateError, Creator, Field, Item, Memory, Next, Segment, SegmentId, Start, WHO, World,
    attached, consumer, item, made, producer, push, spec,
};
use core::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::vec::Vec;

fn filled<'a>(
    memory: &'a Memory,
    world: &World,
    fill: impl FnMut(u32) -> Item,
) -> Result<Segment<&'a Memory>, CreateError> {
    Segment::create_filled(memory, &spec(8), SegmentId(1), Creator::default(), world, fill)
}

fn given(slot: u32) -> Item {
    [slot, 700 + slot]
}

fn slots(segment: &Segment<&Memory>) -> Vec<Item> {
    (0..8).map(|slot| segment.view.take(slot)).collect()
}

// RING-STALE: what fresh slots hold is asked for once each, in order, and nobody finds the ring before all of it is there
#[test]
fn fresh_slots_hold_what_was_given_for_each_rl_1() {
    let (memory, world) = (Memory::new(), World::default());
    let mut asked = Vec::new();
    let segment = filled(&memory, &world, |slot| {
        assert_eq!(Segment::attach(&memory).err(), Some(AttachError::NotReady), "half of it is there");
        asked.push(slot);
        given(slot)
    });
    let segment = segment.expect("it fits");
    assert_eq!(slots(&segment), (0..8).map(given).collect::<Vec<_>>());
    assert_eq!((asked, segment.published().0), ((0..8).collect(), 0), "nothing was published");
}

// RING-RESTART: whoever attaches, produces or produces again leaves the slots as they are
#[test]
fn slots_are_filled_once_whoever_comes() {
    let (memory, world) = (Memory::new(), World::default());
    filled(&memory, &world, given).expect("it fits");
    let mut rx = consumer(&memory, &world, "risk", Start::Earliest);
    for turn in 0..2 {
        let mut tx = producer(&memory, &world);
        push(&mut tx, 2);
        drop(tx);
        while rx.try_next().is_some_and(|next| !matches!(next, Next::Closed(_))) {}
        let written = 2 * turn + 2;
        assert_eq!(rx.position().0, written);
        let all = (0..8).map(|slot| if slot < written { item(slot) } else { given(slot as u32) });
        assert_eq!(slots(&attached(&memory)), all.collect::<Vec<_>>());
    }
    let ran = Cell::new(false);
    let again = filled(&memory, &world, |slot| {
        ran.set(true);
        given(slot)
    });
    assert!(matches!(again, Err(CreateError::Taken { .. })) && !ran.get(), "the ring is in use");
}

// RING-STALE: who panics in the middle leaves words that nobody attaches to, and that the next one makes a ring of
#[test]
fn who_panics_among_the_slots_leaves_no_ring() {
    let (memory, world) = (Memory::new(), World::default());
    let half = AssertUnwindSafe(|| {
        filled(&memory, &world, |slot| {
            assert!(slot < 3, "the fourth slot is too much");
            given(slot)
        })
    });
    assert!(catch_unwind(half).is_err());
    assert_eq!(Segment::attach(&memory).err(), Some(AttachError::NotReady));
    made(&memory, &world, &spec(8));
    let mut tx = attached(&memory).producer::<Item, _>(&world, WHO).expect("nobody else produces");
    push(&mut tx, 8);
}

// RING-HEADER: what the slots are to hold is what the ring is made for
#[test]
fn other_elements_than_the_rings_fill_nothing() {
    let (memory, world) = (Memory::new(), World::default());
    let fill = |_| -> [u32; 3] { panic!("a refused closure runs") };
    let refused = Segment::create_filled(&memory, &spec(8), SegmentId(1), Creator::default(), &world, fill);
    let Err(CreateError::Elements(wrong)) = refused else { panic!("three words lie in two") };
    assert_eq!((wrong.field, wrong.got, wrong.want), (Field::ElementSize, 8, 12));
    made(&memory, &world, &spec(8));
}
