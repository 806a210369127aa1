//! One of several producers is killed before each of its stores, and so is whoever heals what it left.

use super::victim::{Item, item, shared};
use super::{MEMORIES, Rx, Stage, Zombie, at_every_store, died, ring};
use tidemill_host::MonotonicClock;
use tidemill_host::ring::{Lock, Mapping};
use tidemill_ring::doctor::{self, Doctor, Symptom};
use tidemill_ring::{End, Layout, MultiProducer, Next, Segment};
use tidemill_seam::{Clock, Life, Liveness, Region};

type Tx = MultiProducer<Item, Mapping, Lock>;

fn stage(memory: &str) -> Stage {
    Stage::of(memory, &shared())
}

fn producer(stage: &Stage) -> Tx {
    let (segment, lock) = stage.party();
    segment.multi_producer(lock, ring::identity()).expect("a place is free")
}

/// Takes what waits: each item is whole, and of its position. Gives how many there were, and whether the end was told.
fn drain(rx: &mut Rx) -> (u64, Option<End>) {
    let mut items = 0;
    loop {
        match rx.try_next() {
            Some(Next::Item(lease)) => {
                assert_eq!(*lease, item(lease.position().0));
                items += 1;
            }
            Some(Next::Closed(end)) => return (items, Some(end)),
            None => return (items, None),
            other => panic!("a consumer that is waited for is told {other:?}"),
        }
    }
}

/// Somebody who has the proof sees to the dead: each time another one.
fn mend(stage: &Stage, turn: u64, (tx, rx): (&mut Tx, &Rx), dead: usize) {
    match turn % 4 {
        0 => drop(tx.tend(MonotonicClock.now())),
        1 => assert_eq!(rx.tend(), None, "somebody lives"),
        2 => {
            let (segment, lock) = stage.party();
            assert_eq!(segment.heal(&lock).freed as usize, dead, "whom a doctor finds is who is healed");
        }
        // Takes the place of a dead one.
        _ => drop((producer(stage), producer(stage))),
    }
}

/// What a doctor finds wrong: nothing that is not cured by a repair.
fn examined(segment: &Segment<Mapping>, lock: &Lock) -> Vec<u32> {
    let (region, data) = (segment.region(), segment.header().layout.data());
    let mut words = vec![0; data as usize];
    doctor::copy(region, &mut words);
    let (met, mut dead) = (Doctor::meet(&words, region.words(), lock).expect("a ring"), Vec::new());
    met.examine(&words, &mut |finding| {
        assert_eq!(finding.symptom, Symptom::Dead, "{finding}");
        dead.push(finding.slot);
    })
    .expect("the same ring");
    dead
}

/// What has to hold behind a producer among several that died, whenever that was: what it published is there, what it had
/// claimed is void once somebody has the proof, and one that lives goes on. Gives how many claims were void.
fn judge(stage: &Stage, (mut tx, mut rx): (Tx, Rx), turn: u64, zombie: &Zombie) -> u64 {
    let (segment, lock) = stage.party();
    let slot = Layout::POSTS + 1;
    let mut items = segment.participant(rx.slot()).expect("its slot").account.consumed;
    items += drain(&mut rx).0;
    if zombie.killed {
        assert_eq!(lock.probe(slot, 1), Life::Dead, "a zombie is dead");
    }
    let dead = examined(&segment, &lock);
    assert!(dead.iter().all(|one| *one == slot) && (zombie.killed || dead.is_empty()), "{dead:?}");
    assert!(tx.try_publish(|at| item(at.0)).is_ok(), "there is room");
    mend(stage, turn, (&mut tx, &rx), dead.len());
    for _ in 0..20 {
        tx.try_publish(|at| item(at.0)).expect("there is room, and nobody holds up the ring");
        let (more, end) = drain(&mut rx);
        items += more;
        assert_eq!((end, rx.position()), (None, segment.published()));
    }
    let account = segment.participant(rx.slot()).expect("its slot").account;
    assert_eq!((account.consumed, account.consumed + account.skipped), (items, rx.position().0));
    let again = producer(stage);
    assert!(again.slot() <= slot, "a dead one holds its place");
    drop((again, tx));
    assert!(examined(&segment, &lock).is_empty(), "nothing is wrong");
    assert_eq!(segment.heal(&lock), tidemill_ring::Healed::default(), "nothing is left to do");
    assert!(items >= 21 && account.skipped <= 2, "{account:?}");
    account.skipped
}

// RING-MPSC, RING-DEATH, RING-TOOL: SIGKILL before every store of a producer among several, each judged by a doctor: coming, claiming, writing, aborting, leaving
#[test]
fn a_killed_producer_among_several_holds_up_nobody() {
    let mut deaths = 0;
    for memory in MEMORIES {
        let turn = std::cell::Cell::new(0);
        let void = std::cell::Cell::new(0);
        deaths += at_every_store(
            || stage(memory),
            (memory, "shares"),
            |stage| (producer(stage), stage.consumer("steady")),
            |stage, parties, zombie| {
                void.set(void.get() + judge(stage, parties, turn.get(), zombie));
                turn.set(turn.get() + 1);
            },
        );
        println!("{memory}: {} claims of {} deaths were no items", void.get(), turn.get());
        assert!(void.get() > 20, "it was to die in claims: {}", void.get());
    }
    died(deaths);
}

// RING-MPSC, RING-DEATH: SIGKILL before every store of who heals a producer that was killed in a claim
#[test]
fn a_killed_healer_has_a_successor() {
    let turn = std::cell::Cell::new(0);
    let deaths = at_every_store(
        || stage("shm"),
        ("shm", "mends"),
        |stage| {
            let (tx, mut rx) = (producer(stage), stage.consumer("steady"));
            let first = stage.end("claims", u64::MAX);
            assert_eq!(drain(&mut rx), (2, None), "it was to die in a claim");
            (tx, rx, first)
        },
        |stage, (tx, rx, _first), zombie| {
            let void = judge(stage, (tx, rx), turn.get(), zombie);
            assert_eq!(void, 1, "a claim is void once");
            turn.set(turn.get() + 1);
        },
    );
    died(deaths);
}
