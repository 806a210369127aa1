//! Processes that are killed with SIGKILL before each of their stores, and what the others find.
//!
//! A victim is this program again, told to run the test `victim` alone with a role, a place and the store that it does not
//! live to make. Everything is judged while it is a zombie: nobody has waited for it yet.
//!
//! Beside every store, the stream is killed at random moments, 20 times each kind of memory; for more:
//! `cargo test -p tidemill-host --test kill -- kills=1000`. The last of the tests that kill to end says how many died in all of
//! them, which are a thousand at least.

#[path = "../counted/mod.rs"]
mod counted;
mod deaths;
mod harm;
mod several;
mod stage;
mod victim;
mod watch;

use deaths::died;
use rustix::process::{Signal, WaitId, WaitIdOptions, kill_process, waitid};
use stage::{MEMORIES, Place, Stage, Victim, Zombie, kill, make, path, spawn, status, told, wait};
use std::process::Stdio;
use tidemill_host::ring::{self, AttachError, Backing, Lock, Mapping};
use tidemill_host::{MonotonicClock, OsEntropy};
use tidemill_ring::name::Name;
use tidemill_ring::required::{Alerted, Required, RequiredError};
use tidemill_ring::segment::Phase;
use tidemill_ring::table::State;
use tidemill_ring::wait::Until;
use tidemill_ring::{Consumer, End, Layout, Next, Refused, Segment, Start, Why};
use tidemill_seam::{Clock, Duration, Entropy, Life, Liveness};
use victim::{Item, item, peer, spec};

type Rx = Consumer<Item, Mapping, Lock>;

/// Plays what it is told. Told nothing, it produces to its end.
#[test]
fn victim() {
    if let (Some(role), Some(place), Some(left)) = (told("role"), told("place"), told("left")) {
        if !harm::play(&role, &place) {
            victim::play(&role, &place, left.parse().expect("a number"));
        }
        return;
    }
    let path = path("shm");
    let backing = make(&path);
    let place = path.to_str().expect("of ASCII");
    for role in ["producer", "batches"] {
        victim::play(role, place, u64::MAX);
    }
    let segment = Segment::attach(&backing.mapping).expect("a segment");
    assert_eq!(segment.published().0, 12);
    assert_eq!(segment.standing().map(|standing| standing.generation), Some(2));
    assert_eq!(segment.participants().count(), 0, "somebody did not leave");
    std::fs::remove_file(path).expect("there");
}

/// Takes everything that waits: whole, in order, without a gap. Gives what stands behind it.
fn drain(rx: &mut Rx) -> Option<Next<()>> {
    loop {
        let at = rx.position();
        match rx.try_next() {
            Some(Next::Item(lease)) => assert_eq!((lease.position(), *lease), (at, item(at.0))),
            Some(Next::Restarted { old, new }) => assert_eq!(new, old + 1),
            Some(Next::Closed(end)) => return Some(Next::Closed(end)),
            None => return None,
            other => panic!("a consumer that is waited for is told {other:?}"),
        }
    }
}

/// What has to hold behind a producer that died, whenever that was: what it published is there, it is proved dead, and
/// another one goes on in order.
fn judge_producer(stage: &Stage, rx: &mut Rx, zombie: &Zombie) {
    let (segment, lock) = stage.party();
    let standing = segment.standing().expect("of a producer");
    let before = drain(rx);
    assert_eq!(rx.position(), segment.published(), "what was published is lost");
    if standing.phase == Phase::Closed {
        assert_eq!(before, Some(Next::Closed(End::Finished)));
    } else if standing.generation > 0 {
        assert!(zombie.killed && before.is_none());
        assert_eq!(lock.probe(Layout::PRODUCER, standing.generation), Life::Dead, "a zombie is dead");
        assert_eq!(rx.tend(), Some(End::Crashed));
    }
    let mut tx = stage.producer();
    assert_eq!(tx.generation(), standing.generation + 1);
    assert_eq!(tx.published(), segment.published());
    for _ in 0..20 {
        tx.try_publish(|at| item(at.0)).expect("there is room");
        assert_eq!(drain(rx), None);
        assert_eq!(rx.position(), tx.published());
    }
}

/// Kills `role` before each of its stores until it lives to its end; `prepare` comes before, `judge` after each death.
/// Gives the number of deaths.
fn at_every_store<P>(
    stage: impl Fn() -> Stage,
    (memory, role): (&str, &str),
    prepare: impl Fn(&Stage) -> P,
    judge: impl Fn(&Stage, P, &Zombie),
) -> u64 {
    for left in 0.. {
        let stage = stage();
        let prepared = prepare(&stage);
        let zombie = stage.end(role, left);
        judge(&stage, prepared, &zombie);
        if !zombie.killed {
            assert!(left > 10, "a {role} that stores {left} times was not let play");
            println!("{memory}: a {role} was killed before each of its {left} stores");
            return left;
        }
    }
    unreachable!("a role has an end");
}

// RING-RESTART, RING-DEATH: R-RING-13, SIGKILL before every store of a producer, on shared memory, a file and a memfd
#[test]
fn a_killed_producer_leaves_a_ring_that_restarts() {
    let mut deaths = 0;
    for memory in MEMORIES {
        for role in ["producer", "batches"] {
            deaths += at_every_store(
                || Stage::new(memory),
                (memory, role),
                |stage| stage.consumer("steady"),
                |stage, mut rx, zombie| judge_producer(stage, &mut rx, zombie),
            );
        }
    }
    died(deaths);
}

// RING-RESTART: whoever takes over may die at any store as well
#[test]
fn a_successor_that_is_killed_has_a_successor() {
    let mut deaths = 0;
    for memory in MEMORIES {
        deaths += at_every_store(
            || Stage::new(memory),
            (memory, "producer"),
            |stage| {
                let mut rx = stage.consumer("steady");
                let first = stage.end("producer", 24);
                assert!(first.killed);
                assert_eq!(drain(&mut rx), None);
                assert!((1..6).contains(&rx.position().0), "it was to die among its items");
                (rx, first)
            },
            |stage, (mut rx, _first), zombie| judge_producer(stage, &mut rx, zombie),
        );
    }
    died(deaths);
}

/// Behind a consumer that died: the producer gets its slot back by proof, another one sees everything, and its name is free.
fn judge_consumer(stage: &Stage, mut tx: tidemill_ring::Producer<Item, Mapping, Lock>, rx: &mut Rx) {
    for _ in 0..20 {
        let mut refused = tx.try_publish(|at| item(at.0)).err();
        while let Some(Refused { why, item: again }) = refused {
            assert!(matches!(why, Why::Full { .. }), "{why:?}");
            tx.tend(MonotonicClock.now());
            assert_eq!(drain(rx), None);
            refused = tx.try_publish(again).err();
        }
    }
    assert_eq!(drain(rx), None);
    assert_eq!(rx.position(), tx.published(), "somebody else's death cost items");
    let (segment, lock) = stage.party();
    let again = segment.clone().consumer::<Item, _>(lock, &peer("victim"), Start::Resume);
    let again = again.expect("a dead one's name is free");
    let live = segment.participants().filter(|one| one.ctl.state == State::Live).count();
    assert_eq!(live, 2, "the dead one holds a slot");
    assert!(again.position() >= segment.gate());
}

// RING-DEATH, RING-JOIN, RING-LOAN: SIGKILL before every store of a consumer, of one that holds what it sees, and of a lossy
// reader: joining, reading, leaving
#[test]
fn a_killed_consumer_blocks_nobody() {
    let mut deaths = 0;
    for memory in MEMORIES {
        for role in ["consumer", "holder", "reader"] {
            deaths += at_every_store(
                || Stage::new(memory),
                (memory, role),
                |stage| {
                    let (rx, mut tx) = (stage.consumer("steady"), stage.producer());
                    for _ in 0..6 {
                        tx.try_publish(|at| item(at.0)).expect("there is room");
                    }
                    (tx, rx)
                },
                |stage, (tx, mut rx), _| judge_consumer(stage, tx, &mut rx),
            );
        }
    }
    died(deaths);
}

/// With a consumer in another process that is there and asleep, and has taken two items.
fn beside_a_sleeper(memory: &str) -> (Stage, tidemill_ring::Producer<Item, Mapping, Lock>, Victim) {
    let stage = Stage::new(memory);
    let mut tx = stage.producer();
    let child = stage.spawn("sleeper", u64::MAX);
    tx.wait_for(&["victim"], Until::forever()).expect("it comes");
    for _ in 0..2 {
        tx.publish(|at| item(at.0), Until::forever()).expect("there is room");
        tx.drained(Until::forever()).expect("it is woken");
    }
    (stage, tx, child)
}

// RING-WAIT: a consumer that sleeps in another process is woken for each item and for the end of the stream
#[test]
fn a_sleeper_in_another_process_is_woken() {
    for memory in MEMORIES {
        let (_stage, tx, child) = beside_a_sleeper(memory);
        tx.close();
        assert!(!wait(child).killed);
    }
}

// RING-WAIT, RING-DEATH: whoever is killed asleep holds up who waits for it no longer than a probe
#[test]
fn a_killed_sleeper_ends_the_wait_for_it() {
    for memory in MEMORIES {
        let (_stage, mut tx, child) = beside_a_sleeper(memory);
        kill_process(child.pid(), Signal::STOP).expect("our child");
        let _ = status(&child, WaitIdOptions::STOPPED | WaitIdOptions::NOWAIT);
        while tx.try_publish(|at| item(at.0)).is_ok() {}
        assert_eq!(tx.tend(MonotonicClock.now()).freed, 0, "whoever is stopped is not dead");
        let _zombie = kill(child);
        tx.publish(|at| item(at.0), Until::forever()).expect("the dead are waited for no longer");
    }
}

// RING-REQUIRED: a required consumer that is killed is told of, its place is kept for the grace, and then the ring drains
#[test]
fn a_killed_required_consumer_shuts_the_ring_down() {
    for memory in MEMORIES {
        let (stage, tx, child) = beside_a_sleeper(memory);
        let mut steady = stage.consumer("steady");
        let mut said = Vec::new();
        let grace = Duration::from_millis(30);
        let required = Required { grace, ..Required::new([Name::parse("victim").expect("a name")]) };
        let mut tx = tx.managed(required).on_alert(|alert| said.push(alert.what));
        tx.publish(|at| item(at.0), Until::forever()).expect("it is there");
        let _zombie = kill(child);
        let why = loop {
            match tx.publish(|at| item(at.0), Until::forever()) {
                Ok(_) => assert_eq!(drain(&mut steady), None),
                Err(refused) => break refused.why,
            }
        };
        assert!(matches!(why, Why::Required(RequiredError::Died { id }) if id.as_str() == "victim"));
        assert_eq!(drain(&mut steady), Some(Next::Closed(End::Shut)));
        drop(tx);
        assert_eq!(said, [Alerted::Died]);
    }
}

// RING-STALE: SIGKILL before every seventh store of a maker: no name, and the next one makes it
#[test]
fn a_killed_creator_leaves_no_name() {
    let mut all = 0;
    for memory in ["shm", "file"] {
        let mut deaths = 0;
        for left in (0..).step_by(7) {
            let path = path(memory);
            let zombie = wait(spawn("creator", &path, left, Stdio::null()));
            if !zombie.killed {
                let backing = Backing::open(&path).expect("it lived to give it");
                assert_eq!(
                    Segment::attach(&backing.mapping).expect("whole").header().layout.spec(),
                    &victim::small()
                );
                std::fs::remove_file(path).expect("there");
                break;
            }
            assert_eq!(Backing::open(&path).err(), Some(AttachError::NotFound));
            drop(make(&path));
            std::fs::remove_file(path).expect("there");
            deaths += 1;
        }
        assert!(deaths > 10, "a maker that stores {deaths} times was not let play");
        println!("{memory}: a maker was killed {deaths} times");
        all += deaths;
    }
    died(all);
}

/// Takes `n` items of a stream that another process publishes.
fn take(rx: &mut Rx, child: &Victim, n: u64) {
    let until = rx.position().0 + n;
    let over = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    while rx.position().0 < until {
        let ended = waitid(WaitId::Pid(child.pid()), over).expect("our child");
        assert!(ended.is_none(), "a stream ended on its own: {ended:?}");
        if let Some(end) = drain(rx) {
            panic!("a stream without an end has one: {end:?}");
        }
        std::thread::yield_now();
    }
}

// RING-RESTART: R-RING-13, SIGKILL at any moment of a stream; each successor goes on where the dead one stopped
#[test]
fn a_stream_goes_on_through_kills_at_random_moments() {
    let kills = told("kills").map_or(20, |kills| kills.parse().expect("a number"));
    for memory in MEMORIES {
        let stage = Stage::new(memory);
        let mut rx = stage.consumer("steady");
        for generation in 1..=kills {
            let child = stage.spawn("stream", u64::MAX);
            take(&mut rx, &child, u64::from(OsEntropy.below(2_000)) + 1);
            let zombie = kill(child);
            assert_eq!(drain(&mut rx), None);
            assert_eq!(rx.tend(), Some(End::Crashed));
            let (segment, _) = stage.party();
            assert_eq!(segment.standing().map(|standing| standing.generation), Some(generation));
            assert_eq!(rx.position(), segment.published(), "what was published is lost");
            drop(zombie);
        }
        println!("{memory}: {} items through {kills} kills", rx.position());
    }
    died(MEMORIES.len() as u64 * u64::from(kills));
}

// RING-DEATH: a process that is stopped is not dead, however long; nobody takes its place, and it goes on
#[test]
fn a_stopped_producer_is_nobodys_to_replace() {
    for memory in MEMORIES {
        let stage = Stage::new(memory);
        let mut rx = stage.consumer("steady");
        let child = stage.spawn("stream", u64::MAX);
        take(&mut rx, &child, 100);
        kill_process(child.pid(), Signal::STOP).expect("our child");
        status(&child, WaitIdOptions::STOPPED);
        drain(&mut rx);
        assert_eq!(rx.tend(), None, "a stopped process is taken for dead");
        let (segment, lock) = stage.party();
        assert_eq!(lock.probe(Layout::PRODUCER, 1), Life::Alive);
        let taken = segment.producer::<Item, _>(lock, ring::identity()).map(drop).map_err(AttachError::from);
        assert!(
            matches!(taken, Err(AttachError::NameTaken { owner }) if owner.process == child.0.id()),
            "{taken:?}"
        );
        kill_process(child.pid(), Signal::CONT).expect("our child");
        take(&mut rx, &child, 100);
        let zombie = kill(child);
        judge_producer(&stage, &mut rx, &zombie);
    }
}
