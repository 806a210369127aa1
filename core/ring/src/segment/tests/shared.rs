//! The laws of a segment with several producers, one by one.

use super::*;
use crate::cases::turns;
use crate::heal::Healed;
use crate::multi::MultiProducer;

pub(super) type Many<'a> = MultiProducer<Item, &'a Memory, &'a World>;

pub(super) fn shared(capacity: u32) -> Spec {
    spec(capacity).producers(3)
}

pub(super) fn joined<'a>(memory: &'a Memory, world: &'a World) -> Many<'a> {
    attached(memory).multi_producer(world, WHO).expect("a place is free")
}

/// The producer dies: whatever it holds stays as it is.
pub(super) fn die(world: &World, tx: Many<'_>) {
    world.kill(tx.slot());
    core::mem::forget(tx);
}

pub(super) fn tend(tx: &mut Many<'_>) -> Tended {
    tx.tend(Instant::from_nanos(1))
}

pub(super) fn account(memory: &Memory, slot: u32) -> [u64; 4] {
    let account = attached(memory).participant(slot).unwrap().account;
    assert_eq!(
        account.end - account.start,
        account.consumed + account.lagged + account.skipped + account.lost + account.in_flight
    );
    [account.consumed, account.lagged, account.skipped, account.in_flight]
}

// RING-MPSC: what several publish arrives once, in the order of its positions, over many laps.
#[test]
fn items_of_several_arrive_in_the_order_of_their_claims_rl_1_rl_11() {
    for (capacity, history) in [(1, 0), (2, 0), (2, 1), (8, 3)] {
        let (memory, world) = (Memory::new(), World::default());
        made(&memory, &world, &shared(capacity).history(history));
        let mut all = [joined(&memory, &world), joined(&memory, &world), joined(&memory, &world)];
        let mut readers = ["a", "b"].map(|name| consumer(&memory, &world, name, Start::Earliest));
        let mut sent = 0;
        for turn in 0..turns(400) as usize {
            if let Ok(at) = all[turn % 3].try_publish(|at| item(at.0)) {
                assert_eq!(at.0, sent);
                sent += 1;
            }
            if turn % 5 == 0 {
                let from = readers[turn % 2].position().0;
                assert_eq!(drain(&mut readers[turn % 2]), from..sent);
            }
            assert_eq!(attached(&memory).published(), Position(sent));
        }
        assert!(sent > turns(20) * u64::from(capacity).min(4), "{sent}");
        assert!(readers.iter_mut().all(|rx| drain(rx).end == sent));
        assert!(all[0].is_consumed(Position(sent)));
    }
}

// RING-MPSC: behind a claim nothing is read before it is settled, and an aborted one is passed and counted.
#[test]
fn a_claim_is_waited_for_and_an_aborted_one_is_a_gap_rl_11_rl_17() {
    let (memory, world) = (Memory::new(), World::default());
    made(&memory, &world, &shared(4));
    let (mut one, mut other) = (joined(&memory, &world), joined(&memory, &world));
    let mut rx = consumer(&memory, &world, "reads", Start::Earliest);
    let claim = one.claim().unwrap();
    assert_eq!(claim.position(), Position(0));
    assert_eq!(other.try_push(item(1)), Ok(Position(1)));
    assert!(rx.try_next().is_none() && rx.tend().is_none());
    assert_eq!(attached(&memory).published(), Position(0));
    assert_eq!(
        (attached(&memory).item::<Item>(Position(0)), attached(&memory).item(Position(1))),
        (None, Some(item(1)))
    );
    drop(claim);
    assert_eq!(attached(&memory).published(), Position(2));
    assert_eq!(drain(&mut rx), 0..2);
    assert_eq!(account(&memory, rx.slot()), [1, 0, 1, 0]);
    let panics = std::panic::AssertUnwindSafe(|| one.try_publish(|_| panic!("half")).is_ok());
    assert!(std::panic::catch_unwind(panics).is_err());
    core::mem::forget(one.claim().unwrap());
    assert_eq!(one.try_push(item(4)), Ok(Position(4)), "what was forgotten is given up");
    assert_eq!(one.claim().unwrap().commit(item(5)), Position(5));
    assert_eq!(drain(&mut rx), 2..6);
    assert_eq!(account(&memory, rx.slot()), [3, 0, 3, 0]);
}

// RING-MPSC: a full ring refuses with what was to be published, and names who is waited for.
#[test]
fn a_full_ring_names_whom_it_waits_for_rl_15() {
    let (memory, world) = (Memory::new(), World::default());
    made(&memory, &world, &shared(2));
    let (mut one, mut other) = (joined(&memory, &world), joined(&memory, &world));
    let mut rx = consumer(&memory, &world, "reads", Start::Earliest);
    assert!(one.try_push(item(0)).is_ok() && other.try_push(item(1)).is_ok());
    let refused = one.try_push([7, 7]).unwrap_err();
    assert_eq!((refused.item, refused.why), ([7, 7], Why::Full { by: rx.slot(), missing: 1 }));
    assert_eq!(drain(&mut rx), 0..2);
    let by = one.slot();
    let held = one.claim().unwrap();
    assert_eq!(other.try_push(item(3)), Ok(Position(3)));
    let why = other.try_push(item(4)).unwrap_err().why;
    assert_eq!(why, Why::Full { by, missing: 1 });
    drop(held);
    assert_eq!(drain(&mut rx), 2..4);
}

// RING-MPSC, RING-DEATH: a dead producer's claim is void by proof only, whoever has it; what it published stays.
#[test]
fn a_dead_producers_claim_is_void_by_proof_only_rl_8_rl_12() {
    for healer in 0..4 {
        let (memory, world) = (Memory::new(), World::default());
        made(&memory, &world, &shared(4));
        let (mut dies, mut lives) = (joined(&memory, &world), joined(&memory, &world));
        let mut rx = consumer(&memory, &world, "reads", Start::Earliest);
        assert_eq!(dies.try_push(item(0)), Ok(Position(0)));
        core::mem::forget(dies.claim().unwrap());
        assert_eq!(lives.try_push(item(2)), Ok(Position(2)));
        let slot = dies.slot();
        die(&world, dies);
        world.unknown.set(true);
        assert_eq!((tend(&mut lives).voided, rx.tend()), (0, None));
        assert_eq!(drain(&mut rx), 0..1, "nothing is proved");
        world.unknown.set(false);
        match healer {
            0 => assert_eq!((tend(&mut lives).voided, tend(&mut lives).freed), (1, 0)),
            1 => assert_eq!(rx.tend(), None, "somebody still produces"),
            2 => assert_eq!(attached(&memory).heal(&&world), Healed { freed: 1, voided: 1 }),
            _ => {
                let next = joined(&memory, &world);
                assert_eq!((next.slot(), next.generation()), (slot, 2));
            }
        }
        assert_eq!(attached(&memory).heal(&&world), Healed::default(), "nothing is left to do");
        assert_eq!(drain(&mut rx), 1..3);
        assert_eq!(account(&memory, rx.slot()), [2, 0, 1, 0]);
        assert!(attached(&memory).journal().any(|event| (event.kind, event.position) == (Kind::Voided, 1)));
    }
}

// RING-MPSC: places are limited, are given again, and no ring of one producer is one of several.
#[test]
fn a_place_is_given_to_one_at_a_time_rl_7() {
    let (memory, world) = (Memory::new(), World::default());
    made(&memory, &world, &shared(4));
    let all = [joined(&memory, &world), joined(&memory, &world), joined(&memory, &world)];
    let more = attached(&memory).multi_producer::<Item, _>(&world, WHO).map(drop);
    assert_eq!(more, Err(OpenError::Crowded { producers: 3 }));
    let [one, two, three] = all;
    let (slot, generation) = (two.slot(), two.generation());
    drop(two);
    let again = joined(&memory, &world);
    assert_eq!((again.slot(), again.generation()), (slot, generation + 1));
    let single = attached(&memory).producer::<Item, _>(&world, WHO).map(drop);
    assert!(matches!(single, Err(OpenError::Incompatible(wrong)) if wrong.field == Field::Producers));
    let fresh = Memory::new();
    made(&fresh, &world, &spec(4));
    let several = attached(&fresh).multi_producer::<Item, _>(&world, WHO).map(drop);
    assert!(matches!(several, Err(OpenError::Incompatible(wrong)) if wrong.field == Field::Producers));
    let taken = Segment::create(&memory, &shared(4), SegmentId(2), Creator::default(), &&world).map(drop);
    assert_eq!(taken, Err(CreateError::Taken { slot: one.slot(), who: WHO }), "somebody produces there");
    drop((one, three, again));
    made(&memory, &world, &shared(4));
}

// RING-MPSC: the end, a crash and silence are told apart; who comes later is heard.
#[test]
fn the_stream_ends_with_its_last_producer_rl_10() {
    let (memory, world) = (Memory::new(), World::default());
    made(&memory, &world, &shared(4));
    let mut rx = consumer(&memory, &world, "reads", Start::Earliest);
    assert!(rx.try_next().is_none(), "nobody was there yet");
    let (mut one, mut other) = (joined(&memory, &world), joined(&memory, &world));
    one.try_push(item(0)).unwrap();
    drop(one);
    assert_eq!(drain(&mut rx), 0..1);
    assert!(rx.try_next().is_none(), "one is left");
    other.try_push(item(1)).unwrap();
    drop(other);
    assert_eq!(drain(&mut rx), 1..2);
    assert!(matches!(rx.try_next(), Some(Next::Closed(End::Finished))));
    let mut late = joined(&memory, &world);
    assert!(rx.try_next().is_none());
    late.try_push(item(2)).unwrap();
    assert_eq!(rx.tend(), None);
    core::mem::forget(late.claim().unwrap());
    die(&world, late);
    assert_eq!(rx.tend(), None, "an item is left");
    assert_eq!(drain(&mut rx), 2..4);
    assert_eq!(rx.tend(), Some(End::Crashed));
    assert!(matches!(rx.try_next(), Some(Next::Closed(End::Crashed))));
}

// RING-MPSC, RING-POLICY: a lossy reader beside several producers is told of what it missed, and of nothing else.
#[test]
fn a_lossy_reader_of_several_is_told_what_it_missed_rl_5_rl_6_rl_17() {
    let (memory, world) = (Memory::new(), World::default());
    made(&memory, &world, &shared(4).history(2));
    let mut all = [joined(&memory, &world), joined(&memory, &world)];
    let mut ui = reader(&memory, &world, "ui", Policy::Lossy);
    let mut told = 0;
    for turn in 0..turns(300) as usize {
        if turn % 11 == 0 {
            drop(all[turn % 2].claim().unwrap());
        } else {
            all[turn % 2].try_publish(|at| item(at.0)).unwrap();
        }
        if turn % (1 + turn / 60) != 0 {
            continue;
        }
        let (at, published) = (ui.position().0, attached(&memory).published().0);
        match ui.try_next() {
            Some(Next::Item(got)) => assert_eq!(got, item(ui.position().0 - 1)),
            Some(Next::Lagged { from, to }) => {
                assert!(from.0 == at && to > from && published - at > 2);
                told += 1;
            }
            None => assert_eq!(ui.position().0, published),
            other => panic!("a reader hears {other:?}"),
        }
        account(&memory, ui.slot());
    }
    assert!(told > 0);
}

// RING-MPSC: a consumer that died and comes back goes on where it stopped, whatever it had passed.
#[test]
fn a_consumer_of_several_resumes_where_it_stopped_rl_10() {
    let (memory, world) = (Memory::new(), World::default());
    made(&memory, &world, &shared(8));
    let mut tx = joined(&memory, &world);
    let mut rx = consumer(&memory, &world, "reads", Start::Earliest);
    tx.try_push(item(0)).unwrap();
    drop(tx.claim().unwrap());
    assert_eq!(drain(&mut rx), 0..2);
    tx.try_push(item(2)).unwrap();
    world.kill(rx.slot());
    core::mem::forget(rx);
    let mut rx = consumer(&memory, &world, "reads", Start::Resume);
    assert_eq!(drain(&mut rx), 2..3);
    assert_eq!(account(&memory, rx.slot()), [2, 0, 1, 0]);
}
