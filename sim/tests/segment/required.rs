//! A managed producer whose required consumers die, stand still and come back, on clocks that jump.

use std::cell::Cell;
use std::rc::Rc;

use tidemill_ring::header::{Creator, SegmentId};
use tidemill_ring::name::Name;
use tidemill_ring::required::{Alerted, OnFail, Required};
use tidemill_ring::table::Identity;
use tidemill_ring::{
    Consumer, End, JoinError, Layout, Next, Peer, PeerName, Producer, Segment, Spec, Start, Why,
};
use tidemill_sim::{Arena, Duration, Env, Mapping, Rate, Sim, SimLiveness};

use super::watch::{Item, item};
use super::world::TICK;

const ITEMS: u64 = 60;
const GRACE: Duration = Duration::from_micros(20);

#[derive(Default)]
struct Desk {
    taken: Cell<u64>,
    died: Cell<u64>,
    stalled: Cell<u64>,
    cleared: Cell<u64>,
    /// The producer gave up.
    failed: Cell<bool>,
    published: Cell<u64>,
    end: Cell<Option<End>>,
}

fn required() -> Required<1> {
    Required {
        startup: Duration::from_millis(1),
        progress: Duration::from_micros(4),
        check: TICK.saturating_mul(3),
        grace: GRACE,
        on_fail: OnFail::Shutdown,
        ..Required::new([Name::parse("risk").expect("a name")])
    }
}

fn spec() -> Spec {
    Spec::of::<Item>(4).line(1).page(1).participants(3).journal(0)
}

async fn come(env: &Env, mapping: &Mapping) -> Segment<Mapping> {
    loop {
        if let Ok(segment) = Segment::attach(mapping.clone()) {
            return segment;
        }
        env.sleep(TICK).await;
    }
}

async fn produce(env: Env, mapping: Mapping, desk: Rc<Desk>) {
    let live = mapping.liveness();
    Segment::create(mapping.clone(), &spec(), SegmentId(1), Creator::default(), &live)
        .expect("a fresh arena");
    let tx: Producer<Item, Mapping, SimLiveness> =
        come(&env, &mapping).await.producer(live, Identity::default()).expect("nobody else does");
    let heard = Rc::clone(&desk);
    let mut tx = tx.managed(required()).on_alert(move |alert| {
        let count = match alert.what {
            Alerted::Died | Alerted::Left => &heard.died,
            Alerted::Stalled { .. } => &heard.stalled,
            Alerted::Cleared => &heard.cleared,
        };
        count.set(count.get() + 1);
    });
    while tx.published().0 < ITEMS {
        let at = tx.published().0;
        match tx.try_push(item(at)) {
            Ok(_) => desk.published.set(at + 1),
            Err(refused) if refused.why.may_pass() => {}
            Err(refused) => {
                assert!(matches!(refused.why, Why::Required(_)), "{:?}", refused.why);
                desk.failed.set(true);
                return;
            }
        }
        env.sleep(TICK).await;
    }
    tx.raw().close();
}

async fn consume(env: Env, mapping: Mapping, desk: Rc<Desk>, pauses: bool) {
    if desk.end.get().is_some() {
        return;
    }
    let peer = Peer::new(PeerName::parse("risk").expect("a name"));
    let mut rx: Consumer<Item, Mapping, SimLiveness> = loop {
        match come(&env, &mapping).await.consumer(mapping.liveness(), &peer, Start::Resume) {
            Ok(rx) => break rx,
            Err(JoinError::NameTaken { .. }) => env.sleep(TICK).await,
            Err(other) => panic!("{other}"),
        }
    };
    rx.ready();
    let (first, taken) = (rx.position().0, desk.taken.get());
    assert!(desk.failed.get() || first == taken || first + 1 == taken, "begins at {first} after {taken}");
    loop {
        let next = rx.position().0;
        let heard = rx.try_next().map(|next| next.map(|lease| *lease));
        match heard {
            Some(Next::Item(got)) => {
                assert_eq!(got, item(next), "RL-1");
                desk.taken.set(next + 1);
            }
            Some(Next::Closed(end)) => return desk.end.set(Some(end)),
            Some(Next::Restarted { .. }) | None => {}
            Some(other) => panic!("a consumer hears {other:?}"),
        }
        let rests = pauses && env.chance("rests", Rate::percent(4));
        env.sleep(if rests { TICK.saturating_mul(120) } else { TICK }).await;
    }
}

/// One run: with deaths that are followed by a next life after `down`, none where that is zero.
fn play(seed: u64, down: Duration, pauses: bool, jumps: bool) -> Rc<Desk> {
    let mut sim: Sim = Sim::new(seed);
    let host = sim.machine("host");
    let arena: Arena = sim.arena(host, "segment", Layout::of(&spec()).expect("a ring").words());
    let desk = Rc::new(Desk::default());
    let (words, shared) = (arena.clone(), Rc::clone(&desk));
    sim.spawn_async(host, "producer", move |env| {
        let mapping = env.seams().map(&words);
        produce(env, mapping, Rc::clone(&shared))
    });
    let shared = Rc::clone(&desk);
    let risk = sim.spawn_async(host, "risk", move |env| {
        let mapping = env.seams().map(&arena);
        consume(env, mapping, Rc::clone(&shared), pauses)
    });
    if down > Duration::ZERO {
        for death in 0..3 {
            sim.after(TICK.saturating_mul(9 + seed % 11 + 400 * death), move |sim| {
                sim.kill(risk);
                sim.after(down, move |sim| sim.restart(risk));
            });
        }
    }
    if jumps {
        for jump in 0..4 {
            let ahead = TICK.saturating_mul(seed % 30);
            sim.after(TICK.saturating_mul(5 + 37 * jump), move |sim| sim.step_clock(host, ahead));
        }
    }
    sim.run_for(Duration::from_micros(400)).expect_ok();
    desk
}

// RING-REQUIRED: who dies and is back within the grace costs nothing; the producer told of each death, and of each return.
#[test]
fn who_is_back_within_the_grace_misses_nothing() {
    let (mut died, mut cleared) = (0, 0);
    for seed in 0..60 {
        let desk = play(seed, TICK.saturating_mul(20), false, seed % 2 == 0);
        assert_eq!((desk.taken.get(), desk.failed.get()), (ITEMS, false), "seed {seed}");
        assert_eq!(desk.end.get(), Some(End::Finished), "seed {seed}");
        died += desk.died.get();
        cleared += desk.cleared.get();
    }
    assert!(died > 30 && cleared > 30, "{died} deaths, {cleared} returns");
}

// RING-REQUIRED: who is back after the grace finds a ring that drains: everything published is there, and nothing more is.
#[test]
fn who_is_back_after_the_grace_finds_a_ring_that_was_shut() {
    for seed in 0..60 {
        let desk = play(seed, GRACE + GRACE, false, seed % 2 == 0);
        assert!(desk.failed.get() && desk.died.get() == 1, "seed {seed}");
        assert_eq!(
            (desk.taken.get(), desk.end.get()),
            (desk.published.get(), Some(End::Shut)),
            "seed {seed}"
        );
    }
}

// RING-REQUIRED: who rests for longer than it may is told of, and a clock that jumps accuses nobody for ever.
#[test]
fn who_rests_too_long_is_told_of_and_forgiven() {
    let (mut stalled, mut failed) = (0, 0);
    for seed in 0..60 {
        let desk = play(seed, Duration::ZERO, true, seed % 2 == 0);
        assert_eq!(desk.taken.get(), desk.published.get(), "seed {seed}");
        let end = if desk.failed.get() { End::Shut } else { End::Finished };
        assert_eq!(desk.end.get(), Some(end), "seed {seed}");
        stalled += desk.stalled.get();
        failed += u64::from(desk.failed.get());
        assert!(desk.stalled.get() >= desk.cleared.get(), "seed {seed}: forgiven without a reason");
    }
    assert!(stalled > 20 && failed < 30, "{stalled} stalls, {failed} failures");
}
