//! The laws of a segment with one producer, one by one.

use super::*;
use crate::cases::turns;

fn lossy() -> Policy {
    Policy::Lossy
}

fn ns(n: u64) -> Instant {
    Instant::from_nanos(n)
}

const AFTER: Duration = Duration::from_nanos(100);

// RING-SPMC: every consumer gets every item, once and in order, over many laps and across a half-lap of the low word.
#[test]
fn every_consumer_gets_every_item_rl_1_rl_2() {
    for (capacity, history) in [(1, 0), (2, 0), (2, 1), (8, 3), (64, 0)] {
        let (memory, world) = (Memory::new(), World::default());
        made(&memory, &world, &spec(capacity).history(history));
        let mut tx = producer(&memory, &world);
        let mut all: Vec<_> = ["a", "b", "c"]
            .map(|name| consumer(&memory, &world, name, Start::Earliest))
            .into_iter()
            .collect();
        let mut sent = 0;
        for turn in 0..turns(400) as usize {
            while turn % 7 != 0 && tx.try_push(item(sent)).is_ok() {
                sent += 1;
            }
            let who = turn % 3;
            let from = all[who].position().0;
            let got = drain(&mut all[who]);
            assert_eq!(got, from..sent);
        }
        assert!(sent > turns(100) * u64::from(capacity));
        assert!(all.iter_mut().all(|rx| drain(rx).end == sent));
        assert!(tx.is_consumed(Position(sent)));
    }
}

// RING-LOAN: what is granted appears at once when it is committed, and not at all when it is dropped.
#[test]
fn a_grant_appears_whole_or_not_at_all_rl_1_rl_15() {
    let (memory, world) = (Memory::new(), World::default());
    made(&memory, &world, &spec(8));
    let mut tx = producer(&memory, &world);
    let mut rx = consumer(&memory, &world, "reads", Start::Earliest);
    for i in 0..2 {
        let mut grant = tx.grant(3).unwrap();
        (0..=i).for_each(|at| assert_eq!(grant.put(item(77)), Ok(Position(at))));
    }
    assert!(rx.try_next().is_none());
    let mut grant = tx.grant(2).unwrap();
    (0..2).for_each(|i| assert_eq!(grant.put(item(i)), Ok(Position(i))));
    assert_eq!((grant.position(), grant.put(item(2))), (None, Err(item(2))));
    assert_eq!(grant.commit(), Position(0));
    assert_eq!(drain(&mut rx), 0..2);
    assert_eq!(tx.try_batch(8, |at| item(at.0)).unwrap(), Position(2));
    assert_eq!(drain(&mut rx), 2..10);
    let panics = std::panic::AssertUnwindSafe(|| {
        tx.try_batch(3, |at| if at.0 == 11 { panic!("half") } else { item(0) })
    });
    assert!(std::panic::catch_unwind(panics).is_err());
    assert!(rx.try_next().is_none(), "an error in the middle publishes none of it");
    assert_eq!(tx.try_publish(|at| item(at.0)).unwrap(), Position(10));
    assert_eq!(drain(&mut rx), 10..11);
}

// RING-LOAN: a lease that is put back comes again; a peek takes nothing; an acknowledgement goes no further than was seen.
#[test]
fn reading_and_acknowledging_are_two_things_rl_5() {
    let (memory, world) = (Memory::new(), World::default());
    made(&memory, &world, &spec(4));
    let mut tx = producer(&memory, &world);
    let mut rx = consumer(&memory, &world, "reads", Start::Earliest);
    push(&mut tx, 4);
    assert_eq!((rx.peek(0), rx.peek(3), rx.peek(4)), (Some(item(0)), Some(item(3)), None));
    let Some(Next::Item(lease)) = rx.try_next() else { panic!("four wait") };
    lease.put_back();
    assert!(tx.try_push(item(4)).is_err());
    assert_eq!(rx.ack(Position(2)), Position(2));
    assert_eq!(rx.ack(Position(0)), Position(2), "what was taken stays taken");
    assert_eq!(rx.ack(Position(99)), Position(4), "and no more than was seen to be there");
    push(&mut tx, 4);
    let mut seen = Vec::new();
    assert_eq!(rx.poll(3, |item, at, last| seen.push((item[0], at.0, last))), (3, None));
    assert_eq!(seen, [(4, 4, false), (5, 5, false), (6, 6, true)]);
    let panics = std::panic::AssertUnwindSafe(|| rx.poll(9, |_, at, _| assert_ne!(at.0, 7)));
    assert!(std::panic::catch_unwind(panics).is_err());
    assert_eq!(rx.position(), Position(7), "what was not handled is not acknowledged");
    assert_eq!(rx.poll(9, |_, _, _| ()), (1, None));
    tx.close();
    assert_eq!(rx.poll(9, |_, _, _| ()), (0, Some(Next::Closed(End::Finished))));
}

// RING-POLICY: a lossy reader never gates; it is told exactly what it missed, and never of a loss within the history.
#[test]
fn a_lossy_reader_is_told_of_every_loss_and_of_no_other_rl_5_rl_6_rl_17() {
    for history in 1..8 {
        let (memory, world) = (Memory::new(), World::default());
        made(&memory, &world, &spec(8).history(history));
        let mut tx = producer(&memory, &world);
        let mut ui = reader(&memory, &world, "ui", lossy());
        let (mut next, mut lagged) = (0, 0);
        for turn in 0..turns(300) {
            push(&mut tx, turn % 11);
            let behind = tx.published().0 - next;
            let mut first = true;
            while let Some(said) = ui.try_next() {
                match said {
                    Next::Item(got) => assert_eq!(got, item(next)),
                    Next::Lagged { from, to } => {
                        assert!(behind > u64::from(history) && first, "a loss that was none");
                        assert_eq!(from, Position(next));
                        assert!(to > from && to <= tx.published());
                        lagged += to.0 - from.0;
                        next = to.0 - 1;
                    }
                    other => panic!("{other:?}"),
                }
                (first, next) = (false, next + 1);
                if turn % 5 == 0 {
                    break;
                }
            }
            let account = attached(&memory).participant(ui.slot()).unwrap().account;
            assert_eq!((account.lagged, account.consumed), (lagged, next - lagged));
            assert_eq!(account.end, account.start + account.consumed + account.lagged + account.in_flight);
        }
        assert!(lagged > 0);
    }
}

#[test]
fn a_ring_without_history_has_no_lossy_readers_rl_6() {
    let (memory, world) = (Memory::new(), World::default());
    made(&memory, &world, &spec(8).policies(Policies::BLOCK.and(Policy::Lossy)));
    let join =
        |policy| attached(&memory).reader::<Item, _>(&world, &peer("ui").policy(policy), Start::Latest);
    assert_eq!(join(Policy::Lossy).unwrap_err(), JoinError::NoHistory);
    let evict = Policy::Evict { after: AFTER };
    assert_eq!(join(evict).unwrap_err(), JoinError::Policy(evict));
    assert_eq!(join(Policy::Block).unwrap_err(), JoinError::Role(Policy::Block));
    let leases = attached(&memory).consumer::<Item, _>(&world, &peer("ui").policy(lossy()), Start::Latest);
    assert_eq!(leases.unwrap_err(), JoinError::Role(Policy::Lossy));
}

// RING-POLICY: a reader that holds the producer up too long is evicted, is told so, and its slot is nobody's before.
#[test]
fn an_evicted_reader_is_told_and_its_slot_is_quarantined_rl_9() {
    let (memory, world) = (Memory::new(), World::default());
    made(&memory, &world, &spec(4).participants(1));
    let mut tx = producer(&memory, &world);
    let mut slow = reader(&memory, &world, "slow", Policy::Evict { after: AFTER });
    push(&mut tx, 4);
    assert_eq!(slow.try_next(), Some(Next::Item(item(0))));
    push(&mut tx, 1);
    assert_eq!(tx.tend(ns(0)), Tended::default());
    assert_eq!(tx.tend(ns(99)), Tended::default());
    assert!(tx.try_push(item(5)).is_err(), "an eviction takes as long as was agreed");
    assert_eq!(tx.tend(ns(100)), Tended { evicted: 1, ..Tended::default() });
    push(&mut tx, 8);
    let join = || attached(&memory).consumer::<Item, _>(&world, &peer("next"), Start::Latest);
    assert_eq!(join().unwrap_err(), JoinError::TableFull { participants: 1 });
    assert_eq!(slow.try_next(), Some(Next::Evicted { at: Position(1) }));
    assert_eq!(slow.try_next(), Some(Next::Evicted { at: Position(1) }));
    let account = attached(&memory).participant(0).unwrap().account;
    assert_eq!(
        (account.consumed, account.lost, account.in_flight),
        (1, 4, 0),
        "what it had not read is lost to it"
    );
    drop(slow);
    assert_eq!(join().unwrap().position(), tx.published());
}

#[test]
fn a_dead_evicted_reader_gives_its_slot_up_by_proof_only_rl_8_rl_9() {
    let (memory, world) = (Memory::new(), World::default());
    made(&memory, &world, &spec(4).participants(1));
    let mut tx = producer(&memory, &world);
    let slow = reader(&memory, &world, "slow", Policy::Evict { after: AFTER });
    push(&mut tx, 4);
    tx.tend(ns(0));
    assert_eq!(tx.tend(ns(100)).evicted, 1);
    core::mem::forget(slow);
    let join = || attached(&memory).consumer::<Item, _>(&world, &peer("next"), Start::Latest);
    assert!(join().is_err());
    world.kill(0);
    world.unknown.set(true);
    assert!(join().is_err(), "no proof, no slot");
    world.unknown.set(false);
    assert!(join().is_ok());
}

// RING-POLICY: one who must not stall makes every publication fail once it does, until it moves or leaves.
#[test]
fn a_stalled_consumer_that_must_not_stall_fails_the_ring() {
    let (memory, world) = (Memory::new(), World::default());
    made(&memory, &world, &spec(2));
    let mut tx = producer(&memory, &world);
    let fails = peer("core").policy(Policy::Fail { after: AFTER });
    let mut rx = attached(&memory).consumer::<Item, _>(&world, &fails, Start::Earliest).unwrap();
    push(&mut tx, 2);
    tx.tend(ns(10));
    let why = |tx: &mut Tx<'_, World>| tx.try_push(item(tx.published().0)).map_err(|refused| refused.why);
    assert_eq!(why(&mut tx), Err(Why::Full { by: 0, missing: 1 }));
    assert_eq!(tx.tend(ns(110)).failed, Some(0));
    assert_eq!(why(&mut tx), Err(Why::Failed { by: 0 }));
    drop(rx.try_next());
    assert_eq!(why(&mut tx), Ok(Position(2)), "it moved");
    core::mem::forget(rx);
    world.kill(0);
    assert_eq!(tx.tend(ns(111)).failed, Some(0), "its death is no excuse");
    assert_eq!(tx.tend(ns(9999)).failed, Some(0));
    assert_eq!(why(&mut tx), Err(Why::Failed { by: 0 }));
    let mut rx = attached(&memory).consumer::<Item, _>(&world, &fails, Start::Resume).unwrap();
    assert_eq!(drain(&mut rx), 1..3);
    push(&mut tx, 2);
}

// RING-DEATH: only proof frees; a silent consumer is waited for, however long.
#[test]
fn nobody_is_taken_for_dead_without_proof_rl_8() {
    let (memory, world) = (Memory::new(), World::default());
    made(&memory, &world, &spec(4));
    let mut tx = producer(&memory, &world);
    let rx = consumer(&memory, &world, "silent", Start::Earliest);
    push(&mut tx, 4);
    for at in [0, 1 << 40, 1 << 60] {
        assert_eq!(tx.tend(ns(at)), Tended::default());
    }
    core::mem::forget(rx);
    world.kill(0);
    world.unknown.set(true);
    assert_eq!(tx.tend(ns(1 << 61)), Tended::default());
    world.unknown.set(false);
    let probes = world.probes.get();
    assert!(tx.try_push(item(4)).is_err());
    assert_eq!(world.probes.get(), probes, "a refused publication asks nobody");
    assert_eq!(tx.tend(ns(1 << 61)), Tended { freed: 1, ..Tended::default() });
    push(&mut tx, 4);
    assert_eq!(attached(&memory).participants().count(), 0);
    let account = attached(&memory).participant(0).unwrap().account;
    assert_eq!((account.consumed, account.lost), (0, 4), "what it had not read is lost to it");
}

// RING-DEATH, RING-LOAN: who holds up a batch is seen to although there is room for less.
#[test]
fn a_batch_that_waits_for_the_dead_is_seen_to_rl_8() {
    let (memory, world) = (Memory::new(), World::default());
    made(&memory, &world, &spec(4));
    let mut tx = producer(&memory, &world);
    core::mem::forget(consumer(&memory, &world, "gone", Start::Earliest));
    world.kill(0);
    push(&mut tx, 3);
    assert_eq!(tx.tend(ns(0)), Tended::default(), "there is room for one");
    let batch = |tx: &mut Tx<'_, World>| tx.try_batch(2, |at| item(at.0)).map_err(|refused| refused.why);
    assert_eq!(batch(&mut tx), Err(Why::Full { by: 0, missing: 1 }));
    assert_eq!(tx.tend(ns(0)), Tended { freed: 1, ..Tended::default() });
    assert_eq!(batch(&mut tx), Ok(Position(3)));
}

// RING-DEATH: a place that is kept gates until its time is over, also for a producer that came later.
#[test]
fn a_kept_place_gates_until_its_time_is_over_rl_10() {
    for restart in [false, true] {
        let (memory, world) = (Memory::new(), World::default());
        made(&memory, &world, &spec(4));
        let mut tx = producer(&memory, &world);
        let kept = peer("risk").hold(AFTER);
        core::mem::forget(attached(&memory).consumer::<Item, _>(&world, &kept, Start::Earliest).unwrap());
        push(&mut tx, 4);
        world.kill(0);
        assert_eq!(tx.tend(ns(7)), Tended { held: 1, ..Tended::default() });
        if restart {
            drop(tx);
            tx = producer(&memory, &world);
            assert_eq!(tx.tend(ns(7)), Tended::default());
        }
        assert_eq!(tx.tend(ns(106)), Tended::default());
        assert_eq!(attached(&memory).participant(0).unwrap().ctl.state, State::Held);
        assert!(tx.try_push(item(4)).is_err());
        assert_eq!(tx.tend(ns(107)), Tended { freed: 1, ..Tended::default() });
        push(&mut tx, 4);
    }
}

// RING-RESTART: a producer that died is followed by one that goes on where it stopped; consumers are told, and lose nothing.
#[test]
fn a_dead_producer_is_followed_and_nothing_published_is_lost_rl_10() {
    let (memory, world) = (Memory::new(), World::default());
    made(&memory, &world, &spec(8).history(2));
    let mut rx = consumer(&memory, &world, "reads", Start::Earliest);
    let mut ui = reader(&memory, &world, "ui", lossy());
    for life in 1..6_u32 {
        let mut tx = producer(&memory, &world);
        assert_eq!(tx.generation(), life);
        push(&mut tx, 3);
        tx.grant(2).unwrap().put(item(u64::MAX)).unwrap();
        core::mem::forget(tx);
        assert!(matches!(
            attached(&memory).producer::<Item, _>(&world, WHO),
            Err(OpenError::Taken { generation, who: WHO }) if generation == life
        ));
        assert_eq!(rx.tend(), None, "it lives");
        world.kill(Layout::PRODUCER);
        let last = 3 * u64::from(life);
        let told = Next::Restarted { old: life - 1, new: life };
        if life > 1 {
            assert_eq!(rx.tend(), None, "first what it left");
            assert!(
                matches!(rx.try_next(), Some(Next::Restarted { old, new }) if (old, new) == (life - 1, life))
            );
            assert_eq!(ui.try_next(), Some(told));
        }
        assert_eq!(drain(&mut rx), last - 3..last);
        (last - 3..last).for_each(|i| assert_eq!(ui.try_next(), Some(Next::Item(item(i)))));
        assert_eq!((rx.tend(), ui.tend()), (Some(End::Crashed), Some(End::Crashed)));
        assert!(rx.try_next().is_none() && ui.try_next().is_none());
    }
    let segment = attached(&memory);
    let opened = segment.journal().filter(|entry| entry.kind == Kind::Opened);
    assert_eq!(opened.map(|entry| entry.position).collect::<Vec<_>>(), [0, 3, 6, 9, 12]);
}

// RING-RESTART: whoever peeks or polls is told of a restart too, before the first item of the new producer.
#[test]
fn a_restart_is_told_to_who_peeks_and_to_who_polls_rl_10() {
    let (memory, world) = (Memory::new(), World::default());
    made(&memory, &world, &spec(8));
    let mut peeks = consumer(&memory, &world, "peeks", Start::Earliest);
    let mut polls = consumer(&memory, &world, "polls", Start::Earliest);
    producer(&memory, &world).hand_over();
    assert_eq!((peeks.peek(0), polls.poll(1, |_, _, _| ())), (None, (0, None)));
    let mut tx = producer(&memory, &world);
    push(&mut tx, 2);
    assert_eq!(peeks.peek(0), None, "something else is to be heard first");
    assert!(matches!(peeks.try_next(), Some(Next::Restarted { old: 1, new: 2 })));
    assert_eq!((peeks.peek(0), peeks.peek(1)), (Some(item(0)), Some(item(1))));
    assert_eq!(polls.poll(8, |_, _, _| ()), (0, Some(Next::Restarted { old: 1, new: 2 })));
    assert_eq!(polls.poll(8, |_, _, _| ()), (2, None));
}

// RING-RESTART: a consumer that is behind hears of a restart between the last item of the old and the first of the new.
#[test]
fn a_restart_is_told_between_the_two_rl_10() {
    let (memory, world) = (Memory::new(), World::default());
    made(&memory, &world, &spec(8));
    let mut rx = consumer(&memory, &world, "reads", Start::Earliest);
    let mut tx = producer(&memory, &world);
    push(&mut tx, 3);
    tx.hand_over();
    let mut tx = producer(&memory, &world);
    push(&mut tx, 3);
    let mut said = Vec::new();
    while let Some(next) = rx.try_next() {
        said.push(match next {
            Next::Item(lease) => lease.position().0,
            Next::Restarted { old: 1, new: 2 } => 100,
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(said, [0, 1, 2, 100, 3, 4, 5]);
    tx.shut_down();
    assert!(matches!(rx.try_next(), Some(Next::Closed(End::Shut))));
    assert_eq!(attached(&memory).standing().unwrap().phase, Phase::Shut);
    let tx = producer(&memory, &world);
    assert!(matches!(rx.try_next(), Some(Next::Restarted { old: 2, new: 3 })));
    drop(tx);
    assert!(matches!(rx.try_next(), Some(Next::Closed(End::Finished))));
}

// RING-JOIN: who joins while nobody produces, and while the producer sleeps for ever, joins.
#[test]
fn a_join_needs_nobodys_help_rl_4() {
    let (memory, world) = (Memory::new(), World::default());
    made(&memory, &world, &spec(4).history(1));
    let early = consumer(&memory, &world, "early", Start::Latest);
    let mut tx = producer(&memory, &world);
    push(&mut tx, 4);
    drop(early);
    let late = consumer(&memory, &world, "late", Start::Earliest);
    let latest = consumer(&memory, &world, "latest", Start::Latest);
    assert_eq!((late.position(), latest.position()), (Position(0), Position(4)));
    let ahead = attached(&memory).consumer::<Item, _>(&world, &peer("x"), Start::At(Position(5)));
    assert_eq!(ahead.unwrap_err(), JoinError::Ahead { latest: Position(4) });
    let at = attached(&memory).consumer::<Item, _>(&world, &peer("x"), Start::At(Position(3))).unwrap();
    assert_eq!(at.position(), Position(3));
    drop((late, latest, at));
    let held = ["a", "b", "c", "d"].map(|name| consumer(&memory, &world, name, Start::Latest));
    let full = attached(&memory).consumer::<Item, _>(&world, &peer("e"), Start::Latest);
    assert_eq!(full.unwrap_err(), JoinError::TableFull { participants: 4 });
    drop(held);
    push(&mut tx, 8);
}

// RING-JOIN: a table that is full of the dead has room, except for those whose place is kept.
#[test]
fn the_dead_make_room_for_who_joins_rl_7_rl_8() {
    let (memory, world) = (Memory::new(), World::default());
    made(&memory, &world, &spec(4).participants(2));
    let kept = peer("kept").hold(AFTER);
    core::mem::forget(attached(&memory).consumer::<Item, _>(&world, &kept, Start::Latest).unwrap());
    core::mem::forget(consumer(&memory, &world, "gone", Start::Latest));
    let join = || attached(&memory).consumer::<Item, _>(&world, &peer("new"), Start::Latest);
    assert!(join().is_err());
    world.kill(0);
    assert!(join().is_err(), "that place is kept");
    world.kill(1);
    assert_eq!(join().unwrap().slot(), 1);
}

// RING-TYPES: slots that hold something else are refused by what differs.
#[test]
fn other_elements_are_refused_by_what_differs() {
    let (memory, world) = (Memory::new(), World::default());
    made(&memory, &world, &spec(4));
    let field = |error| match error {
        OpenError::Incompatible(error) => error.field,
        other => panic!("{other:?}"),
    };
    let segment = || attached(&memory);
    assert_eq!(field(segment().producer::<u32, _>(&world, WHO).unwrap_err()), Field::ElementSize);
    assert_eq!(field(segment().producer::<u64, _>(&world, WHO).unwrap_err()), Field::ElementAlign);
    assert_eq!(field(segment().producer::<[i32; 2], _>(&world, WHO).unwrap_err()), Field::Fingerprint);
    assert!(matches!(
        segment().consumer::<[f32; 2], _>(&world, &peer("x"), Start::Latest),
        Err(JoinError::Incompatible(error)) if error.field == Field::Fingerprint
    ));
}

// RING-STALE: what is half made is not there.
#[test]
fn a_segment_that_is_not_ready_cannot_be_attached_to() {
    let (memory, world) = (Memory::new(), World::default());
    assert_eq!(Segment::attach(&memory).unwrap_err(), AttachError::NotReady);
    let short = Inline::<128>::new();
    assert!(
        matches!(Segment::attach(&short), Err(AttachError::Incompatible(error)) if error.field == Field::Length)
    );
    let need = Layout::of(&spec(1024)).unwrap().words();
    let refused = Segment::create(&memory, &spec(1024), SegmentId(1), Creator::default(), &world);
    assert_eq!(refused.unwrap_err(), CreateError::Short { need, have: WORDS as u32 });
    made(&memory, &world, &spec(4));
    memory.word(Layout::STATE.0).unwrap().store(1, core::sync::atomic::Ordering::Relaxed);
    assert_eq!(Segment::attach(&memory).unwrap_err(), AttachError::NotReady);
}
