//! producer ═[ring in shared memory]═▶ consumer      every entry once and in order, although the producer dies at any
//!     ▲ dies at a store, comes back   │              store, either side pauses, and stores are seen late
//!     └────────── supervisor ◀────────┘ drained
//!
//! The ring is the shipped one. It does not survive its producer by itself: a supervisor that hears of a new life lets
//! the consumer drain what was published, splits the ring again and hands both halves out (RL-10). The new producer goes
//! on behind the last entry that came out; whether the entry before its death was published, nobody had to know.

use super::{broken, law};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use tidemill_ring::spsc::{Consumer, Producer, Spec, split};
use tidemill_seam::Duration;
use tidemill_sim::harness::{Must, Param, Params, Shrink, Story};
use tidemill_sim::{
    Address, Arena, Env, Failure, Lateness, MachineId, Mapping, ProcessId, Rate, Sim, StoreCrash, StoreOrder,
    TwoSided,
};

pub(super) const STORY: Story = Story {
    name: "shared_ring",
    picture: "producer ═[ring in shared memory]═▶ consumer",
    about: "entries cross shared memory once and in order, wherever the producer dies and however late stores are seen",
    seeds: 1_000,
    must: Must::Pass,
    params: &[
        Param {
            name: "entries",
            default: 150,
            range: 1..=1_000_000,
            about: "entries sent",
            shrink: Shrink::Items,
        },
        Param {
            name: "deaths",
            default: 60,
            range: 0..=90,
            about: "lives of a hundred that end at a store",
            shrink: Shrink::Faults,
        },
        Param {
            name: "pauses",
            default: 4,
            range: 0..=100,
            about: "pauses, at most",
            shrink: Shrink::Faults,
        },
        Param {
            name: "late",
            default: 30,
            range: 0..=100,
            about: "stores of a hundred that are seen late",
            shrink: Shrink::No,
        },
        Param {
            name: "drain",
            default: 1,
            range: 0..=1,
            about: "whether the ring is drained before it is split again (0 is a bug)",
            shrink: Shrink::No,
        },
    ],
    body: play,
};

const TICK: Duration = Duration::from_nanos(100);
/// Between a death and the next life.
const DOWN: Duration = Duration::from_nanos(200);
/// What pauses and short lives may take besides.
const PATIENCE: Duration = Duration::from_millis(2);

type Push = Producer<TwoSided, 2>;
type Pop = Consumer<TwoSided, 2>;

/// What passes from hand to hand, and what the laws look at.
#[derive(Default)]
struct Desk {
    producer: RefCell<Option<Mapping>>,
    consumer: RefCell<Option<Mapping>>,
    /// Where the consumer is told to drain.
    drains: Cell<Option<Address>>,
    push: RefCell<Option<Push>>,
    pop: RefCell<Option<Pop>>,
    /// Entries that came out.
    taken: Cell<u64>,
    /// Entries whose push returned.
    pushed: Cell<u64>,
    splits: Cell<u64>,
    /// Whether the consumer heard the end.
    ended: Cell<bool>,
}

fn play(sim: &mut Sim, params: &Params) -> Result<(), Failure> {
    let spec = Spec::new(1 << sim.choose("capacity", 4)).line(1).starting_at(u32::MAX - 40);
    let host = sim.machine("host");
    let arena = sim.arena(host, "ring", spec.words::<2>());
    let entries = params.get("entries");
    let (desk, drain) = (Rc::new(Desk::default()), params.get("drain") == 1);
    let supervisor = spawn_supervisor(sim, host, spec, drain, &desk);
    let consumer = spawn_consumer(sim, (host, &arena), supervisor, &desk);
    let producer = spawn_producer(sim, (host, &arena), supervisor, entries, &desk);
    disturb(sim, params, &arena, [producer, consumer]);
    broken(sim.run_for(PATIENCE + DOWN.saturating_mul(100 * entries)))?;
    let taken = desk.taken.get();
    law(sim, "every entry arrives", taken == entries, || format!("{taken} of {entries} did"))?;
    law(sim, "the consumer hears the end", desk.ended.get(), || "it still waits".to_owned())?;
    let (splits, lives) = (desk.splits.get(), sim.stats().store_deaths + 1);
    law(sim, "one split a life", splits == lives, || format!("{splits} splits in {lives} lives"))
}

/// Late stores, deaths and pauses.
fn disturb(sim: &mut Sim, params: &Params, arena: &Arena, [producer, consumer]: [ProcessId; 2]) {
    let late = Rate::percent(params.get("late") as u32);
    let within = Duration::from_micros(2);
    arena.delay(Some(Lateness { rate: late, accesses: 20, within, order: StoreOrder::PerWord }));
    // Three stores an entry: a life may end anywhere, and most come far enough.
    let rate = Rate::percent(params.get("deaths") as u32);
    let within = 3 * params.get("entries") / 2 + 1;
    sim.crash_at_store(producer, StoreCrash { rate, within, restart: Some(DOWN) });
    for _ in 0..sim.choose("pauses", params.get("pauses") + 1) {
        let who = [producer, consumer][sim.choose("who", 2) as usize];
        let at = TICK.saturating_mul(sim.choose("when", 400));
        let span = TICK.saturating_mul(1 + sim.choose("for", 100));
        sim.after(at, move |sim| sim.pause(who));
        sim.after(at + span, move |sim| sim.resume(who));
    }
}

/// Who is told of every new life of the producer: has the ring drained, splits it, hands out the halves.
fn spawn_supervisor(sim: &mut Sim, host: MachineId, spec: Spec, drain: bool, desk: &Rc<Desk>) -> Address {
    let desk = Rc::clone(desk);
    let supervisor = sim.spawn_async(host, "supervisor", move |env| {
        let desk = Rc::clone(&desk);
        async move {
            loop {
                let born = birth(&env).await;
                let consumer = desk.drains.get().expect("the consumer was born first");
                if drain {
                    env.send(consumer, b"drain").expect("a short datagram");
                    while env.recv().await.0 != consumer {}
                }
                let (taken, pushed) = (desk.taken.get(), desk.pushed.get());
                if pushed > taken {
                    env.fail("what was pushed arrives", format!("{pushed} were pushed, {taken} arrived"));
                }
                let mapped = (desk.producer.borrow().clone(), desk.consumer.borrow().clone());
                let (Some(producing), Some(consuming)) = mapped else { unreachable!("both have been born") };
                let (push, pop) = split(TwoSided::new(producing, consuming), spec).expect("it fits");
                *desk.push.borrow_mut() = Some(push);
                *desk.pop.borrow_mut() = Some(pop);
                desk.splits.set(desk.splits.get() + 1);
                for half in [consumer, born] {
                    env.send(half, b"go").expect("a short datagram");
                }
            }
        }
    });
    sim.daemon(supervisor);
    sim.address(supervisor)
}

/// Waits for a new life of the producer.
async fn birth(env: &Env) -> Address {
    loop {
        let (from, word) = env.recv().await;
        if word == b"born" {
            return from;
        }
    }
}

fn spawn_consumer(
    sim: &mut Sim,
    (host, arena): (MachineId, &Arena),
    supervisor: Address,
    desk: &Rc<Desk>,
) -> ProcessId {
    let (arena, desk) = (arena.clone(), Rc::clone(desk));
    sim.spawn_async(host, "consumer", move |env| {
        *desk.consumer.borrow_mut() = Some(env.seams().map(&arena));
        desk.drains.set(Some(env.address()));
        let desk = Rc::clone(&desk);
        async move {
            let mut ring = None;
            loop {
                match env.try_recv() {
                    Some((_, word)) if word == b"drain" => {
                        ring.iter_mut().for_each(|ring| take_all(&env, ring, &desk));
                        ring = None;
                        env.send(supervisor, b"drained").expect("a short datagram");
                    }
                    Some(_) => ring = desk.pop.take(),
                    None => {}
                }
                if let Some(ring) = &mut ring {
                    let closed = ring.is_closed();
                    take_all(&env, ring, &desk);
                    if closed && ring.check().is_ok() {
                        desk.ended.set(true);
                        break;
                    }
                }
                env.sleep(TICK.saturating_mul(1 + env.choose("rest", 4))).await;
            }
        }
    })
}

/// Pops whatever waits; each entry has to be the next one, whole.
fn take_all(env: &Env, ring: &mut Pop, desk: &Desk) {
    while let Some(entry) = ring.pop() {
        let next = desk.taken.get();
        if entry != [next as u32, !(next as u32)] {
            env.fail("once, whole and in order", format!("entry {next} is {entry:x?}"));
        }
        desk.taken.set(next + 1);
    }
}

fn spawn_producer(
    sim: &mut Sim,
    (host, arena): (MachineId, &Arena),
    supervisor: Address,
    entries: u64,
    desk: &Rc<Desk>,
) -> ProcessId {
    let (arena, desk) = (arena.clone(), Rc::clone(desk));
    sim.spawn_async(host, "producer", move |env| {
        *desk.producer.borrow_mut() = Some(env.seams().map(&arena));
        let desk = Rc::clone(&desk);
        async move {
            env.send(supervisor, b"born").expect("a short datagram");
            env.recv().await;
            let mut ring = desk.push.take().expect("the supervisor split the ring");
            // Behind the last entry that came out: what was published has been drained.
            for next in desk.taken.get()..entries {
                while ring.push([next as u32, !(next as u32)]).is_err() {
                    env.sleep(TICK).await;
                }
                desk.pushed.set(next + 1);
                env.sleep(TICK.saturating_mul(env.choose("rest", 3))).await;
            }
        }
    })
}
