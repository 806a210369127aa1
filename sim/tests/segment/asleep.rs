//! Both sides asleep whenever they wait: woken by each other, or by a probe where who was to wake them died.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::Ordering;

use tidemill_ring::coordinate::Coordinate;
use tidemill_ring::header::{Creator, SegmentId};
use tidemill_ring::table::Identity;
use tidemill_ring::wait::Parking;
use tidemill_ring::{Consumer, JoinError, Layout, Next, Peer, PeerName, Producer, Segment, Spec, Start};
use tidemill_seam::{Exchange, Region};
use tidemill_sim::harness::{CrashPoints, Victim};
use tidemill_sim::{Duration, Env, Lateness, Mapping, Rate, Sim, SimLiveness, StoreOrder};

use super::watch::{Item, item};
use super::world::{DOWN, TICK};

const ITEMS: u64 = 7;
const PATIENCE: Duration = Duration::from_micros(300);
const HOLD: Duration = Duration::from_micros(20);

#[derive(Clone, Copy)]
struct Plan {
    /// The longest sleep.
    probe: Duration,
    returns: bool,
    /// Stores are seen late.
    late: bool,
    /// Fences do what they say.
    fences: bool,
}

#[derive(Default)]
struct Desk {
    taken: Cell<u64>,
    slept: Cell<u64>,
}

/// A mapping whose fences may do nothing.
#[derive(Clone)]
struct Words {
    mapping: Mapping,
    fences: bool,
}

// SAFETY: the words of the mapping; what may be missing are fences, which no memory safety rests on.
unsafe impl Region for Words {
    fn words(&self) -> u32 {
        self.mapping.words()
    }
    unsafe fn load(&self, at: u32, order: Ordering) -> u32 {
        // SAFETY: the caller's promise, handed on.
        unsafe { self.mapping.load(at, order) }
    }
    unsafe fn store(&self, at: u32, value: u32, order: Ordering) {
        // SAFETY: the caller's promise, handed on.
        unsafe { self.mapping.store(at, value, order) };
    }
    fn fence(&self, order: Ordering) {
        if self.fences {
            self.mapping.fence(order);
        }
    }
    fn wake(&self, at: u32) {
        self.mapping.wake(at);
    }
}

// SAFETY: as for `Region`.
unsafe impl Exchange for Words {
    unsafe fn compare_exchange(&self, at: u32, current: u32, new: u32) -> Result<(), u32> {
        // SAFETY: the caller's promise, handed on.
        unsafe { self.mapping.compare_exchange(at, current, new) }
    }
}

/// One party: its words, and what the story is to be.
#[derive(Clone)]
struct Party {
    env: Env,
    words: Words,
    plan: Plan,
    desk: Rc<Desk>,
}

impl Party {
    fn live(&self) -> SimLiveness {
        self.words.mapping.liveness()
    }

    fn spec() -> Spec {
        Spec::of::<Item>(2).line(1).page(1).participants(2).journal(0)
    }

    async fn come(&self) -> Segment<Words> {
        loop {
            if let Ok(segment) = Segment::attach(self.words.clone()) {
                return segment;
            }
            let words = self.words.clone();
            let made = Segment::create(words, &Self::spec(), SegmentId(1), Creator::default(), &self.live());
            if let Ok(segment) = made {
                return segment;
            }
            self.env.sleep(TICK).await;
        }
    }

    async fn doze(&self, bed: u32) {
        self.desk.slept.set(self.desk.slept.get() + 1);
        self.words.mapping.doze(&self.env, bed, Parking::<Words>::ASLEEP, self.plan.probe).await;
    }
}

async fn produce(party: Party) {
    let env = party.env.clone();
    let mut tx: Producer<Item, Words, SimLiveness> = loop {
        if let Ok(tx) = party.come().await.producer(party.live(), Identity::default()) {
            break tx;
        }
        env.sleep(TICK).await;
    };
    if tx.published().0 == 0 {
        tx = tx.coordinate(Coordinate::BufferUntil { n: 1, max: 2 }, env.now());
    }
    while tx.published().0 < ITEMS {
        let at = tx.published().0;
        if tx.try_push(item(at)).is_err() {
            tx.tend(env.now());
            if tx.lie_down(1) {
                party.doze(tx.bed()).await;
            }
        } else if env.chance("rests", Rate::percent(50)) {
            env.sleep(TICK).await;
        }
    }
    tx.close();
}

async fn consume(party: Party) {
    let (env, desk) = (party.env.clone(), Rc::clone(&party.desk));
    if desk.taken.get() == ITEMS {
        return;
    }
    let peer = Peer::new(PeerName::parse("risk").expect("a name")).hold(HOLD);
    let mut rx: Consumer<Item, Words, SimLiveness> = loop {
        match party.come().await.consumer(party.live(), &peer, Start::Resume) {
            Ok(rx) => break rx,
            Err(JoinError::NameTaken { .. } | JoinError::TableFull { .. }) => env.sleep(TICK).await,
            Err(other) => panic!("{other}"),
        }
    };
    rx.ready();
    loop {
        match hear(&mut rx, &desk) {
            Heard::Item if env.chance("works", Rate::percent(30)) => env.sleep(TICK).await,
            Heard::Item | Heard::News => {}
            Heard::End => return,
            Heard::Nothing if rx.tend().is_some() && !party.plan.returns => return,
            Heard::Nothing if rx.lie_down() => party.doze(rx.bed()).await,
            Heard::Nothing => {}
        }
    }
}

enum Heard {
    Item,
    News,
    End,
    Nothing,
}

fn hear(rx: &mut Consumer<Item, Words, SimLiveness>, desk: &Desk) -> Heard {
    let next = rx.position().0;
    match rx.try_next() {
        Some(Next::Item(lease)) => {
            assert_eq!((lease.position().0, *lease), (next, item(next)), "RL-1");
            desk.taken.set(next + 1);
            Heard::Item
        }
        Some(Next::Restarted { .. }) => Heard::News,
        Some(Next::Closed(_)) => Heard::End,
        Some(other) => panic!("a consumer hears {other:?}"),
        None => Heard::Nothing,
    }
}

fn play(sim: &mut Sim, plan: Plan) -> Rc<Desk> {
    let host = sim.machine("host");
    let words = Layout::of(&Party::spec()).expect("a ring").words();
    let arena = sim.arena(host, "segment", words);
    let desk = Rc::new(Desk::default());
    if plan.late {
        let (rate, order) = (Rate::percent(60), StoreOrder::PerWord);
        arena.delay(Some(Lateness { rate, accesses: 40, within: TICK.saturating_mul(4), order }));
    }
    let party = move |env: Env, desk: &Rc<Desk>| {
        let words = Words { mapping: env.seams().map(&arena), fences: plan.fences };
        Party { env, words, plan, desk: Rc::clone(desk) }
    };
    let (made, shared) = (party.clone(), Rc::clone(&desk));
    let (other, second) = (party.clone(), Rc::clone(&desk));
    sim.spawn_async(host, "producer", move |env| produce(made(env, &shared)));
    sim.spawn_async(host, "risk", move |env| consume(other(env, &second)));
    sim.run_for(PATIENCE).expect_ok();
    desk
}

const SOUND: Plan = Plan { probe: PATIENCE, returns: true, late: false, fences: true };

// RING-WAIT, RING-CRASH: whoever dies between its two steps, or asleep, costs the other one probe.
#[test]
fn either_side_dies_at_every_store_of_a_sleep_and_of_a_wake_rl_16() {
    for victim in ["producer", "risk"] {
        for returns in [true, false] {
            let plan = Plan { probe: TICK.saturating_mul(9), returns, ..SOUND };
            let name = format!("host/{victim}");
            let who = Victim::new(&name);
            let who = if returns { who.restarting(DOWN) } else { who };
            let points = CrashPoints::visit(1, &who, |sim: &mut Sim| {
                let desk = play(sim, plan);
                if returns || sim.stats().store_deaths == 0 {
                    assert_eq!(desk.taken.get(), ITEMS, "everything that is published arrives");
                }
            });
            println!("{victim}, {}: {points}", if returns { "back again" } else { "gone for good" });
            points.expect_ok();
        }
    }
}

// RING-WAIT, RING-MEMORY: however late stores are seen, no wake is missed: there is no probe that would help.
#[test]
fn nobody_sleeps_through_what_was_stored_late_rl_16() {
    let mut slept = 0;
    for seed in 0..200 {
        let desk = play(&mut Sim::new(seed), Plan { late: true, ..SOUND });
        assert_eq!(desk.taken.get(), ITEMS, "seed {seed}");
        slept += desk.slept.get();
    }
    assert!(slept > 400, "{slept} sleeps");
}

// RING-WAIT: the same without fences is slept through in some runs, or this file proves nothing.
#[test]
fn without_fences_somebody_sleeps_for_ever_rl_16() {
    let sleeps_on = |seed: &u64| {
        let plan = Plan { late: true, fences: false, ..SOUND };
        play(&mut Sim::new(*seed), plan).taken.get() < ITEMS
    };
    let lost = (0..200).filter(sleeps_on).count();
    assert!(lost > 0, "no wake was lost in 200 runs");
}
