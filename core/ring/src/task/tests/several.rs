//! The same for one of several producers, and for who reads beside them.

use super::*;
use crate::multi::MultiProducer;

type Many<'w> = MultiProducer<u64, Heap, &'w Local>;

fn crowd(live: &Local, capacity: u32) -> Segment<Heap> {
    let spec = Spec::of::<u64>(capacity).participants(2).producers(3);
    let region = Heap::new(Layout::of(&spec).expect("a ring").words());
    Segment::create(region, &spec, SegmentId(1), Creator::default(), live).expect("a segment")
}

fn joined<'w>(segment: &Segment<Heap>, live: &'w Local) -> Many<'w> {
    segment.clone().multi_producer(live, Identity::default()).expect("a place is free")
}

fn reads<'w>(segment: &Segment<Heap>, live: &'w Local) -> Rx<'w> {
    segment.clone().consumer(live, &peer(Policy::Block), Start::Earliest).expect("room")
}

/// Publishes its position.
fn published(tx: &mut Many<'_>, world: &World<'_>, until: Until<'_>) -> Result<u64, Why> {
    let published = block_on(tx.publish_in(|at| at.0, world, until)).0;
    published.map(|at| at.0).map_err(|refused| refused.why)
}

// RING-ASYNC, RING-MPSC: a task among several producers that finds no room dozes until somebody reads, and a future that is
// dropped claimed nothing
#[test]
fn a_task_among_several_dozes_until_there_is_room() {
    let live = Local::new();
    let segment = crowd(&live, 4);
    let (mut tx, rx) = (joined(&segment, &live), RefCell::new(reads(&segment, &live)));
    let world = World::default();
    for i in 0..4 {
        assert_eq!(published(&mut tx, &world, Until::forever()), Ok(i));
    }
    assert_eq!(world.dozes.get(), 0, "there was room");
    let full = Err(Why::Full { by: 0, missing: 1 });
    assert_eq!(published(&mut tx, &world, Until::now()), full);
    let mut context = Context::from_waker(Waker::noop());
    assert!(pin!(tx.claim_in(&world, Until::forever())).poll(&mut context).is_pending());
    assert_eq!(rx.borrow_mut().poll(1, |_, _, _| ()).0, 1);
    assert_eq!(published(&mut tx, &world, Until::forever()), Ok(4), "no gap before it");
    let before = world.dozes.get();
    world.meanwhile(|| assert_eq!(rx.borrow_mut().poll(2, |_, _, _| ()).0, 2));
    assert_eq!((published(&mut tx, &world, Until::forever()), world.dozes.get()), (Ok(5), before + 1));
    let claim = block_on(tx.claim_in(&world, Until::forever())).0.expect("there is room");
    assert_eq!(claim.position().0, 6);
    drop(claim);
    world.meanwhile(|| live.release(0, 1));
    assert_eq!(published(&mut tx, &world, Until::forever()), Ok(7), "the dead are waited for no longer");
    drop(world);
    core::mem::forget(rx);
}

// RING-ASYNC, RING-MPSC, RING-DEATH: a task that waits for the claim of another is woken by who settles it, and voids it where
// that one is dead
#[test]
fn a_task_dozes_until_the_claim_of_another_is_settled() {
    let live = Local::new();
    let segment = crowd(&live, 2);
    let (mut holds, mut tx) = (joined(&segment, &live), joined(&segment, &live));
    let (slot, generation) = (holds.slot(), holds.generation());
    core::mem::forget(holds.claim().expect("there is room"));
    let (holds, cancel) = (RefCell::new(holds), Cancel::new());
    let world = World::default();
    assert_eq!(published(&mut tx, &world, Until::forever()), Ok(1));
    let soon = Until::deadline(Instant::from_nanos(25_000_000));
    assert_eq!(published(&mut tx, &world, soon), Err(Why::Full { by: slot, missing: 1 }));
    assert_eq!((world.now.get(), world.dozes.get()), (25_000_000, 3), "two probes and a half");
    world.meanwhile(|| assert_eq!(holds.borrow_mut().held().expect("it is held").commit(9).0, 0));
    assert_eq!((published(&mut tx, &world, Until::forever()), world.dozes.get()), (Ok(2), 4));
    core::mem::forget(holds.borrow_mut().claim().expect("there is room"));
    assert_eq!(published(&mut tx, &world, Until::forever()), Ok(4));
    world.meanwhile(|| live.release(slot, generation));
    assert_eq!(published(&mut tx, &world, Until::forever()), Ok(5), "what the dead had claimed is void");
    core::mem::forget(tx.claim().expect("there is room"));
    world.meanwhile(|| cancel.cancel());
    let mut other = joined(&segment, &live);
    assert_eq!(published(&mut other, &world, Until::forever()), Ok(7));
    assert_eq!(published(&mut other, &world, Until::cancel(&cancel)), Err(Why::Cancelled));
    drop(world);
    core::mem::forget(holds);
}

// RING-ASYNC, RING-MPSC: who reads beside several producers dozes until one of them has an item, through a gap
#[test]
fn a_consumer_of_several_dozes_until_an_item_comes() {
    let live = Local::new();
    let segment = crowd(&live, 4);
    let (one, other) = (RefCell::new(joined(&segment, &live)), RefCell::new(joined(&segment, &live)));
    let mut rx = reads(&segment, &live);
    let world = World::default();
    world.meanwhile(|| drop(one.borrow_mut().claim().expect("there is room")));
    world.meanwhile(|| assert!(other.borrow_mut().try_push(7).is_ok(), "there is room"));
    assert_eq!(taken(&mut rx, &world), (Some(7), 2));
    drop(world);
    drop((one, other));
    let end = block_on(rx.next_in(&World::default(), Until::forever())).0;
    assert!(matches!(end, Ok(Next::Closed(End::Finished))));
}
