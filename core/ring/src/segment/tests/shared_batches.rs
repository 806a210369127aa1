//! What one of several producers publishes together.

use super::shared::{Many, account, die, joined, shared, tend};
use super::*;
use crate::cases::turns;
use crate::heal::Healed;
use crate::multi::Claims;

fn batch(tx: &mut Many<'_>, n: u32) -> Result<u64, Why> {
    tx.try_batch(n, |at| item(at.0)).map(|at| at.0).map_err(|refused| refused.why)
}

/// Fills so many of the places.
fn fill(claims: &mut Claims<'_, Item, &Memory, &World>, n: u32) {
    for _ in 0..n {
        let at = claims.position().expect("a place is left");
        assert_eq!(claims.put(item(at.0)), Ok(at));
    }
}

// RING-MPSC: batches of several arrive whole and in one piece, in the order of their claims, over many laps.
#[test]
fn batches_of_several_arrive_in_one_piece_rl_1_rl_11() {
    for (capacity, history) in [(1, 0), (4, 0), (8, 3), (64, 0)] {
        let (memory, world) = (Memory::new(), World::default());
        made(&memory, &world, &shared(capacity).history(history));
        let mut all = [joined(&memory, &world), joined(&memory, &world), joined(&memory, &world)];
        let mut readers = ["a", "b"].map(|name| consumer(&memory, &world, name, Start::Earliest));
        let (max, mut sent) = (all[0].batch_max(), 0);
        assert_eq!(max, capacity - history);
        for turn in 0..turns(300) {
            let n = turn as u32 % (max + 1);
            let tx = &mut all[turn as usize % 3];
            let pushed = if turn % 4 == 0 {
                tx.try_push(item(sent)).map(|at| at.0).map_err(|e| e.why)
            } else {
                batch(tx, n)
            };
            if let Ok(at) = pushed {
                assert_eq!(at, sent);
                sent += if turn % 4 == 0 { 1 } else { u64::from(n) };
            }
            assert_eq!(attached(&memory).published(), Position(sent));
            let reader = &mut readers[turn as usize % 2];
            let from = reader.position().0;
            assert_eq!(drain(reader), from..sent);
        }
        assert!(sent > turns(60) && readers.iter_mut().all(|rx| drain(rx).end == sent), "{sent}");
    }
}

// RING-MPSC: nothing of a batch is seen before all of it is, and others go on behind it meanwhile.
#[test]
fn a_batch_is_seen_at_once_and_others_claim_behind_it_rl_1_rl_11() {
    let (memory, world) = (Memory::new(), World::default());
    made(&memory, &world, &shared(8));
    let (mut one, mut other) = (joined(&memory, &world), joined(&memory, &world));
    let mut rx = consumer(&memory, &world, "reads", Start::Earliest);
    let mut claims = one.claims(4).unwrap();
    assert_eq!(other.try_push(item(4)), Ok(Position(4)), "the next position that is nobody's");
    fill(&mut claims, 2);
    assert!(rx.try_next().is_none() && rx.tend().is_none());
    claims.show();
    assert_eq!((drain(&mut rx), attached(&memory).published()), (0..2, Position(2)));
    assert_eq!(batch(&mut other, 2), Ok(5));
    fill(&mut claims, 1);
    assert_eq!(claims.position(), Some(Position(3)));
    assert_eq!(claims.commit(), Position(2), "the fourth stays a gap");
    assert_eq!((drain(&mut rx), attached(&memory).published()), (2..7, Position(7)));
    assert_eq!(account(&memory, rx.slot()), [6, 0, 1, 0]);
    let mut claims = one.claims(2).unwrap();
    fill(&mut claims, 2);
    assert_eq!((claims.put(item(9)), claims.position()), (Err(item(9)), None));
    drop(claims);
    assert_eq!(drain(&mut rx), 7..9);
    assert_eq!(account(&memory, rx.slot()), [6, 0, 3, 0], "what was not shown is no item");
    core::mem::forget(one.claims(3).unwrap());
    assert!(one.held().is_none(), "three are no single claim");
    assert_eq!(one.held_together().unwrap().position(), Some(Position(9)));
    assert_eq!(batch(&mut one, 0), Ok(12), "the forgotten ones are given up");
    core::mem::forget(one.claims(2).unwrap());
    drop(one);
    assert_eq!((drain(&mut rx), attached(&memory).published()), (9..14, Position(14)));
    let panics = std::panic::AssertUnwindSafe(|| {
        other.try_batch(2, |at| if at.0 == 15 { panic!("half") } else { item(at.0) }).is_ok()
    });
    assert!(std::panic::catch_unwind(panics).is_err());
    assert_eq!(drain(&mut rx), 14..16);
    assert_eq!(account(&memory, rx.slot()), [6, 0, 10, 0]);
}

// RING-MPSC: a batch that never fits is refused at once, one that does not fit now with whom it waits for and how much is missing.
#[test]
fn a_batch_is_refused_as_a_whole_rl_15() {
    let (memory, world) = (Memory::new(), World::default());
    made(&memory, &world, &shared(8).history(2));
    let (mut one, mut other) = (joined(&memory, &world), joined(&memory, &world));
    let mut rx = consumer(&memory, &world, "reads", Start::Earliest);
    assert_eq!(batch(&mut one, 7), Err(Why::TooLarge { max: 6 }));
    assert_eq!(
        (batch(&mut one, 6), batch(&mut one, 3)),
        (Ok(0), Err(Why::Full { by: rx.slot(), missing: 1 }))
    );
    assert_eq!(drain(&mut rx), 0..6);
    let by = one.slot();
    let held = one.claims(3).unwrap();
    assert_eq!(batch(&mut other, 6), Err(Why::Full { by, missing: 3 }));
    assert_eq!((batch(&mut other, 4), batch(&mut other, 3)), (Err(Why::Full { by, missing: 1 }), Ok(9)));
    drop(held);
    let refused =
        other.try_batch(7, |_| -> Item { unreachable!("it is refused") }).map_err(|refused| refused.why);
    assert_eq!(refused, Err(Why::TooLarge { max: 6 }));
    let long = std::boxed::Box::new(Inline::<{ 1 << 14 }>::new());
    let segment = Segment::create(&*long, &shared(2048), SegmentId(1), Creator::default(), &&world);
    let mut tx = segment.expect("it fits").multi_producer::<Item, _>(&world, WHO).expect("a place is free");
    let refused = tx.claims(1024).map(drop).map_err(|refused| refused.why);
    assert_eq!(
        (tx.batch_max(), refused),
        (1023, Err(Why::TooLarge { max: 1023 })),
        "what a word has bits for"
    );
    assert_eq!(tx.try_batch(1023, |at| item(at.0)).ok(), Some(Position(0)));
}

// RING-MPSC: no slot of a run is given again before all of it is settled, though what it has shown was read.
#[test]
fn a_run_that_is_shown_in_part_keeps_its_slots_rl_2_rl_12() {
    let (memory, world) = (Memory::new(), World::default());
    made(&memory, &world, &shared(4));
    let (mut dies, mut lives) = (joined(&memory, &world), joined(&memory, &world));
    let mut rx = consumer(&memory, &world, "reads", Start::Earliest);
    let by = dies.slot();
    let mut claims = dies.claims(3).unwrap();
    fill(&mut claims, 2);
    claims.show();
    fill(&mut claims, 1);
    core::mem::forget(claims);
    assert_eq!((batch(&mut lives, 1), drain(&mut rx)), (Ok(3), 0..2));
    assert_eq!(
        batch(&mut lives, 1),
        Err(Why::Full { by, missing: 1 }),
        "the first slot says whose the third is"
    );
    assert_eq!(attached(&memory).gate(), Position(0));
    die(&world, dies);
    assert_eq!((tend(&mut lives).voided, tend(&mut lives).voided), (1, 0));
    assert_eq!((drain(&mut rx), batch(&mut lives, 4)), (2..4, Ok(4)));
    assert_eq!(account(&memory, rx.slot()), [3, 0, 1, 4]);
}

// RING-MPSC, RING-DEATH: of what a dead one was about to show at once nothing is an item, however far it came; what it had shown
// stays.
#[test]
fn a_dead_producers_batch_is_void_as_a_whole_rl_8_rl_12() {
    for filled in 0..=3 {
        for shown in [false, true] {
            let (memory, world) = (Memory::new(), World::default());
            made(&memory, &world, &shared(8));
            let (mut dies, mut lives) = (joined(&memory, &world), joined(&memory, &world));
            let mut rx = consumer(&memory, &world, "reads", Start::Earliest);
            let mut claims = dies.claims(3).unwrap();
            fill(&mut claims, filled);
            if shown {
                claims.show();
            }
            core::mem::forget(claims);
            assert_eq!(batch(&mut lives, 2), Ok(3));
            die(&world, dies);
            world.unknown.set(true);
            assert_eq!(tend(&mut lives).voided, 0, "nothing is proved");
            world.unknown.set(false);
            let items = if shown { filled } else { 0 };
            let healed = attached(&memory).heal(&&world);
            assert_eq!(healed, Healed { freed: 1, voided: 3 - items });
            assert_eq!(attached(&memory).heal(&&world), Healed::default(), "nothing is left to do");
            assert_eq!(drain(&mut rx), 0..5);
            assert_eq!(account(&memory, rx.slot()), [2 + u64::from(items), 0, 3 - u64::from(items), 0]);
        }
    }
}
