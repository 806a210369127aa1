//! The named regressions of the design: what today's systems get wrong, by safe code.

use super::*;
use crate::cases::turns;

// RING-SPMC, RING-POLICY: the default is safe: a consumer that joined and idles is waited for, and nothing is lost to it.
#[test]
fn a_default_ring_waits_for_an_idle_consumer_r_ring_01() {
    let (memory, world) = (Memory::new(), World::default());
    made(&memory, &world, &spec(8));
    let mut rx = consumer(&memory, &world, "idle", Start::Earliest);
    let mut tx = producer(&memory, &world);
    push(&mut tx, 8);
    let refused = tx.try_push(item(8)).unwrap_err();
    assert_eq!((refused.item, refused.why), (item(8), Why::Full { by: rx.slot(), missing: 1 }));
    let mut sent = 8;
    let mut got = 0;
    while got < 1000 {
        got += drain(&mut rx).count();
        while sent < 1000 && tx.try_push(item(sent)).is_ok() {
            sent += 1;
        }
    }
    assert_eq!((sent, got), (1000, 1000));
}

// RING-JOIN: a late joiner begins at the gate; everything above it is intact, everything below it is counted.
#[test]
fn a_late_joiner_reads_nothing_overwritten_r_ring_02() {
    for history in 0..8 {
        let (memory, world) = (Memory::new(), World::default());
        made(&memory, &world, &spec(8).history(history));
        let mut tx = producer(&memory, &world);
        push(&mut tx, 100);
        let mut rx = consumer(&memory, &world, "late", Start::Earliest);
        let first = rx.position().0;
        assert!(100 - first >= u64::from(history) && 100 - first <= 8, "begins at {first}");
        assert_eq!(drain(&mut rx), first..100);
        let segment = attached(&memory);
        assert_eq!((segment.unheard(), segment.gate().0), (first, first));
        let gone =
            attached(&memory).consumer::<Item, _>(&world, &peer("later"), Start::At(Position(first - 1)));
        assert_eq!(gone.unwrap_err(), JoinError::Gone { earliest: Position(first) });
    }
}

// RING-JOIN, RING-SPMC: who joins later than another gates from its join on, and sees no wrong item.
#[test]
fn the_second_of_two_expected_consumers_is_whole_r_ring_03() {
    let (memory, world) = (Memory::new(), World::default());
    made(&memory, &world, &spec(8));
    let mut tx = producer(&memory, &world);
    let mut first = consumer(&memory, &world, "first", Start::Earliest);
    push(&mut tx, 5);
    assert_eq!(drain(&mut first), 0..5);
    push(&mut tx, 6);
    drain(&mut first);
    push(&mut tx, 3);
    let mut second = consumer(&memory, &world, "second", Start::Earliest);
    let begun = second.position().0;
    assert_eq!(begun, attached(&memory).gate().0);
    drain(&mut first);
    let (mut sent, mut got) = (14, begun);
    while got < 200 {
        while sent < 200 && tx.try_push(item(sent)).is_ok() {
            sent += 1;
        }
        drain(&mut first);
        if sent % 3 != 0 || sent == 200 {
            assert!(sent - second.position().0 <= 8, "it gates");
            got = drain(&mut second).end;
        } else {
            assert!(matches!(second.try_next(), Some(Next::Item(_))));
        }
    }
}

// RING-RESTART: a second session on the same segment inherits no cursor of the first, and delivers everything.
#[test]
fn a_clean_restart_delivers_fifty_of_fifty_r_ring_04() {
    let (memory, world) = (Memory::new(), World::default());
    made(&memory, &world, &spec(64));
    for session in 0..4 {
        let mut tx = producer(&memory, &world);
        assert_eq!((tx.published().0, tx.generation()), (50 * session, session as u32 + 1));
        let mut rx = consumer(&memory, &world, "worker", Start::Latest);
        push(&mut tx, 50);
        tx.close();
        assert_eq!(drain(&mut rx).count(), 50);
        assert!(matches!(rx.try_next(), Some(Next::Closed(End::Finished))));
    }
}

// RING-RESTART, RING-JOIN: a consumer that died and comes back under its name goes on where it stopped, and the slot of the
// one that died gates nobody.
#[test]
fn a_restarted_consumer_neither_replays_nor_blocks_r_ring_05() {
    for hold in [0, 1000] {
        let (memory, world) = (Memory::new(), World::default());
        made(&memory, &world, &spec(8));
        let mut tx = producer(&memory, &world);
        let kept = peer("risk").hold(Duration::from_nanos(hold));
        let join = || attached(&memory).consumer::<Item, _>(&world, &kept, Start::Resume);
        let mut rx = join().unwrap();
        push(&mut tx, 6);
        for _ in 0..4 {
            assert!(matches!(rx.try_next(), Some(Next::Item(_))));
        }
        let slot = rx.slot();
        core::mem::forget(rx);
        world.kill(slot);
        push(&mut tx, 6);
        assert!(tx.try_push(item(12)).is_err(), "unread items of the dead are there still");
        if hold > 0 {
            assert_eq!(tx.tend(Instant::from_nanos(5)), Tended { held: 1, ..Tended::default() });
        }
        let mut rx = join().unwrap();
        assert_eq!((rx.slot(), drain(&mut rx)), (slot, 4..12));
        push(&mut tx, 8);
        assert_eq!(drain(&mut rx), 12..20);
        assert_eq!(attached(&memory).participants().count(), 1);
        tx.tend(Instant::from_nanos(5000));
        push(&mut tx, 8);
        assert_eq!(
            drain(&mut rx),
            20..28,
            "the time of the place that was kept is over, and it is nobody's concern"
        );
    }
}

// RING-JOIN, RING-DEATH: one that died while it joined, behind a gate that had passed it already, is waited for by no
// producer; its name resumes at the gate, and reads nothing that is overwritten.
#[test]
fn who_died_joining_is_not_resumed_where_nobody_waited_rl_2_rl_4() {
    let (memory, world) = (Memory::new(), World::default());
    let segment = made(&memory, &world, &spec(8));
    let mut tx = producer(&memory, &world);
    push(&mut tx, 8);
    let joining = consumer(&memory, &world, "risk", Start::At(Position(4)));
    let live = segment.ctl(joining.slot()).expect("a control word");
    drop(joining);
    push(&mut tx, 1);
    assert_eq!(segment.gate().0, 8, "nobody held it");
    // It looked at the gate before that, went Live, and died before it looked again.
    let word = segment.header().layout.ctl(0).0;
    memory.word(word).expect("a word").store(live.encode(), core::sync::atomic::Ordering::Release);
    let mut rx = consumer(&memory, &world, "risk", Start::Resume);
    push(&mut tx, 7);
    assert_eq!((rx.position().0, drain(&mut rx)), (8, 8..16));
}

// RING-STALE: a second maker is refused while anybody uses the segment, however often it asks.
#[test]
fn a_second_creator_cannot_truncate_a_live_ring_r_ring_10() {
    let (memory, world) = (Memory::new(), World::default());
    made(&memory, &world, &spec(8));
    let mut tx = producer(&memory, &world);
    let mut rx = consumer(&memory, &world, "reads", Start::Earliest);
    let again = || Segment::create(&memory, &spec(4), SegmentId(2), Creator::default(), &world).map(|_| ());
    for i in 0..turns(1000) {
        assert_eq!(again(), Err(CreateError::Taken { slot: Layout::PRODUCER, who: WHO }));
        push(&mut tx, 1);
        assert_eq!(drain(&mut rx), i..i + 1);
    }
    drop(tx);
    let slot = rx.slot();
    assert_eq!(
        again(),
        Err(CreateError::Taken { slot, who: Identity::default() }),
        "its reader still has it"
    );
    drop(rx);
    world.unknown.set(true);
    assert!(again().is_err(), "who cannot be proved dead lives");
    world.unknown.set(false);
    assert_eq!(again(), Ok(()));
    assert_eq!((attached(&memory).header().id, attached(&memory).published()), (SegmentId(2), Position(0)));
}

// RING-JOIN: a name is one participant's while that lives.
#[test]
fn two_live_consumers_cannot_share_a_name_r_ring_12() {
    let (memory, world) = (Memory::new(), World::default());
    made(&memory, &world, &spec(8).history(1));
    let join = |start| attached(&memory).consumer::<Item, _>(&world, &peer("risk"), start);
    let rx = join(Start::Earliest).unwrap();
    for start in [Start::Earliest, Start::Latest, Start::Resume, Start::At(Position(0))] {
        assert_eq!(join(start).unwrap_err(), JoinError::NameTaken { slot: rx.slot() });
    }
    let lossy = peer("risk").policy(Policy::Lossy);
    let reads = attached(&memory).reader::<Item, _>(&world, &lossy, Start::Latest);
    assert_eq!(reads.unwrap_err(), JoinError::NameTaken { slot: rx.slot() });
    world.unknown.set(true);
    assert_eq!(join(Start::Resume).unwrap_err(), JoinError::NameTaken { slot: rx.slot() });
    world.unknown.set(false);
    drop(rx);
    assert!(join(Start::Latest).is_ok());
}

// RING-LOAN: what can never fit is refused at once, whatever waits, and the closure that would have made it did not run.
#[test]
fn an_oversized_batch_is_refused_at_once_r_ring_14() {
    let (memory, world) = (Memory::new(), World::default());
    made(&memory, &world, &spec(8).history(2));
    let mut tx = producer(&memory, &world);
    let _rx = consumer(&memory, &world, "reads", Start::Earliest);
    for waiting in 0..=8 {
        for n in [7, 8, 9, 1000, u32::MAX] {
            let refused = tx.try_batch(n, |_| panic!("a refused closure does not run")).unwrap_err();
            assert_eq!(refused.why, Why::TooLarge { max: 6 }, "{waiting} wait");
        }
        if waiting < 8 {
            push(&mut tx, 1);
        }
    }
    assert_eq!(
        tx.try_batch(0, |_| panic!("nothing to make")).map_err(|refused| refused.why),
        Ok(Position(8))
    );
    let refused = tx.try_batch(2, |_| panic!("a refused closure does not run")).unwrap_err();
    assert!(matches!(refused.why, Why::Full { missing: 2, .. }));
}
