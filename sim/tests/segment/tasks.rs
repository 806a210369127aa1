//! Both sides as tasks that wait by futures: the shipped ones, under the executor of the simulator.

use std::cell::Cell;
use std::rc::Rc;

use tidemill_ring::coordinate::Coordinate;
use tidemill_ring::header::{Creator, SegmentId};
use tidemill_ring::table::Identity;
use tidemill_ring::task::Doze;
use tidemill_ring::wait::Until;
use tidemill_ring::{Consumer, End, JoinError, Layout, Next, Peer, PeerName, Producer, Segment, Spec, Start};
use tidemill_seam::{Clock, Instant};
use tidemill_sim::harness::{CrashPoints, Victim};
use tidemill_sim::{Duration, Env, Lateness, Mapping, Rate, Sim, SimLiveness, StoreOrder};

use super::watch::{Item, item};
use super::world::{DOWN, TICK};

const ITEMS: u64 = 7;
/// A few probes.
const PATIENCE: Duration = Duration::from_millis(100);

/// The world of one task.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) env: Env,
    pub(crate) words: Mapping,
}

impl Clock for World {
    fn now(&self) -> Instant {
        self.env.now()
    }
}

impl Doze<Mapping> for World {
    async fn doze(&self, region: &Mapping, at: u32, value: u32, span: Duration) {
        region.doze(&self.env, at, value, span).await;
    }
}

fn spec() -> Spec {
    Spec::of::<Item>(2).line(1).page(1).participants(2).journal(0)
}

impl World {
    /// Whoever comes first makes the segment.
    pub(crate) async fn come(&self, spec: &Spec) -> Segment<Mapping> {
        loop {
            if let Ok(segment) = Segment::attach(self.words.clone()) {
                return segment;
            }
            let (words, live) = (self.words.clone(), self.words.liveness());
            if let Ok(segment) = Segment::create(words, spec, SegmentId(1), Creator::default(), &live) {
                return segment;
            }
            self.env.sleep(TICK).await;
        }
    }
}

async fn produce(world: World) {
    let mut tx: Producer<Item, Mapping, SimLiveness> = loop {
        if let Ok(tx) = world.come(&spec()).await.producer(world.words.liveness(), Identity::default()) {
            break tx;
        }
        world.env.sleep(TICK).await;
    };
    if tx.published().0 == 0 {
        tx = tx.coordinate(Coordinate::BufferUntil { n: 1, max: 2 }, world.now());
    }
    while tx.published().0 < ITEMS {
        let published = tx.publish_in(|at| item(at.0), &world, Until::forever()).await;
        published.expect("whoever is dead is waited for no longer");
        if world.env.chance("rests", Rate::percent(50)) {
            world.env.sleep(TICK).await;
        }
    }
    tx.close();
}

async fn consume(world: World, taken: Rc<Cell<u64>>) {
    if taken.get() == ITEMS {
        return;
    }
    let peer = Peer::new(PeerName::parse("risk").expect("a name")).hold(TICK);
    let mut rx: Consumer<Item, Mapping, SimLiveness> = loop {
        match world.come(&spec()).await.consumer(world.words.liveness(), &peer, Start::Resume) {
            Ok(rx) => break rx,
            Err(JoinError::NameTaken { .. } | JoinError::TableFull { .. }) => world.env.sleep(TICK).await,
            Err(other) => panic!("{other}"),
        }
    };
    rx.ready();
    loop {
        let next = rx.position().0;
        match rx.next_in(&world, Until::forever()).await.expect("nothing ends it") {
            Next::Item(lease) => {
                assert_eq!((lease.position().0, *lease), (next, item(next)), "RL-1");
                taken.set(next + 1);
            }
            Next::Restarted { .. } | Next::Closed(End::Crashed) => {}
            Next::Closed(_) => return,
            other => panic!("a consumer hears {other:?}"),
        }
    }
}

fn play(sim: &mut Sim, late: bool) -> u64 {
    let host = sim.machine("host");
    let arena = sim.arena(host, "segment", Layout::of(&spec()).expect("a ring").words());
    if late {
        let (rate, order) = (Rate::percent(60), StoreOrder::PerWord);
        arena.delay(Some(Lateness { rate, accesses: 40, within: TICK.saturating_mul(4), order }));
    }
    let world = move |env: Env| World { words: env.seams().map(&arena), env };
    let (first, second, taken) = (world.clone(), world, Rc::new(Cell::new(0)));
    let desk = Rc::clone(&taken);
    sim.spawn_async(host, "producer", move |env| produce(first(env)));
    sim.spawn_async(host, "risk", move |env| consume(second(env), Rc::clone(&desk)));
    sim.run_for(PATIENCE).expect_ok();
    taken.get()
}

// RING-ASYNC, RING-CRASH: a task that waits by a future, or wakes one, dies at every store of it and comes back
#[test]
fn either_task_dies_at_every_store_of_its_waits() {
    for victim in ["producer", "risk"] {
        let name = format!("host/{victim}");
        let points = CrashPoints::visit(1, &Victim::new(&name).restarting(DOWN), |sim: &mut Sim| {
            assert_eq!(play(sim, false), ITEMS, "everything that is published arrives");
        });
        println!("{victim}: {points}");
        points.expect_ok();
    }
}

// RING-ASYNC, RING-MEMORY: however late stores are seen, every item arrives
#[test]
fn no_task_sleeps_through_what_was_stored_late() {
    for seed in 0..100 {
        assert_eq!(play(&mut Sim::new(seed), true), ITEMS, "seed {seed}");
    }
}
