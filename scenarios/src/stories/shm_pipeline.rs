//! source ═[edge]═▶ window, anomaly ═[edge]═▶ sink       three processes, two edges in shared memory, the real readings
//!
//! Any of the three may die at a store and come back. Nothing is lost, and nothing is made twice but what the sink shows to
//! the world: it may die between an effect and letting go of the item behind it, so it shows that one again, under the same
//! number. The book that it writes into lives elsewhere, and knows by the number. What the others know besides the edges is
//! nothing: the source reads its file again, and goes on behind what its edge has; the middle keeps on its edge the readings
//! that its window needs, and makes that anew.

use super::{broken, law};
use crate::stories::pipeline::{EXPECTED, drive, prefix};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use tidemill_flow::shared::{Edge, Inbound, Mark, Outbound, Plain, Rx, Shape, Tx};
use tidemill_flow::{Caps, Payload};
use tidemill_pipeline::{
    Celsius, EndCells, Judged, KEEP, MiddleCells, Rejected, SenderCells, Summary, Verdict, end, middle,
    sender,
};
use tidemill_ring::header::{Creator, SegmentId};
use tidemill_ring::table::Identity;
use tidemill_ring::{Peer, PeerName, Spec};
use tidemill_seam::Duration;
use tidemill_sim::harness::{Must, Param, Params, Shrink, Story};
use tidemill_sim::{
    Arena, Env, Failure, Lateness, MachineId, Mapping, ProcessId, Rate, Sim, SimLiveness, StoreCrash,
    StoreOrder, sometimes,
};

pub(super) const STORY: Story = Story {
    name: "shm_pipeline",
    picture: "source ═[edge]═▶ window, anomaly ═[edge]═▶ sink",
    about: "readings cross three processes over shared memory, none lost, wherever one of them dies",
    seeds: 1_000,
    must: Must::Pass,
    params: &[
        Param {
            name: "rows",
            default: 120,
            range: 1..=8_759,
            about: "readings that are sent",
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
            default: 3,
            range: 0..=100,
            about: "pauses, at most",
            shrink: Shrink::Faults,
        },
        Param {
            name: "late",
            default: 20,
            range: 0..=100,
            about: "stores of a hundred that are seen late",
            shrink: Shrink::No,
        },
        Param {
            name: "keep",
            default: 1,
            range: 0..=1,
            about: "whether the middle keeps what its window needs (0 is a bug)",
            shrink: Shrink::No,
        },
    ],
    body: play,
};

/// Between two looks of who waits.
const LOOK: Duration = Duration::from_nanos(200);
/// Between a death and the next life.
const DOWN: Duration = Duration::from_micros(1);
/// What everything may take, and how long the place of a dead one is kept: longer than any run.
const PATIENCE: Duration = Duration::from_millis(500);

const NAMES: [&str; 3] = ["source", "middle", "sink"];

/// What outlives every process.
#[derive(Default)]
struct Books {
    rows: Cell<usize>,
    done: Cell<[bool; 3]>,
    seen: Cell<usize>,
    /// Verdicts that the sink showed again.
    again: Cell<u64>,
    summary: RefCell<Summary>,
}

fn play(sim: &mut Sim, params: &Params) -> Result<(), Failure> {
    let rows = params.get("rows") as usize;
    let host = sim.machine("host");
    let capacity = 32 << sim.choose("capacity", 2);
    let first = sim.arena(host, "first", shape::<Celsius>(capacity).words());
    let second = sim.arena(host, "second", shape::<Judged>(capacity).words());
    let books = Rc::new(Books::default());
    books.rows.set(rows);
    let keep = if params.get("keep") == 1 { KEEP } else { 0 };
    let world = World { host, first, second, capacity, keep, books: Rc::clone(&books) };
    let all = [spawn(sim, &world, 0, source), spawn(sim, &world, 1, window), spawn(sim, &world, 2, sink)];
    disturb(sim, params, &world, all);
    broken(sim.run_for(PATIENCE))?;
    let (seen, done, again) = (books.seen.get(), books.done.get(), books.again.get());
    law(sim, "every reading arrives", seen == rows, || format!("{seen} of {rows} did, ended: {done:?}"))?;
    law(sim, "every process ends", done == [true; 3], || format!("{NAMES:?}: {done:?}"))?;
    let deaths = sim.stats().store_deaths;
    let explained = again <= deaths * u64::from(capacity);
    law(sim, "what comes again has a death", explained, || {
        format!("{again} came again after {deaths} deaths")
    })?;
    sometimes!(sim, again > 0, "the sink shows a verdict again");
    sometimes!(sim, deaths > 1, "more than one life ends at a store");
    let mut expected = Summary::new();
    EXPECTED[..rows].iter().for_each(|verdict| expected.push(verdict));
    let summary = books.summary.take();
    law(sim, "the sink agrees with the loop", summary == expected, || format!("{summary}, not {expected}"))
}

/// What every process is born into.
#[derive(Clone)]
struct World {
    host: MachineId,
    first: Arena,
    second: Arena,
    capacity: u32,
    keep: u32,
    books: Rc<Books>,
}

impl World {
    fn done(&self, who: usize, env: &Env) {
        let mut done = self.books.done.get();
        done[who] = true;
        self.books.done.set(done);
        if done == [true; 3] {
            env.stop();
        }
    }
}

/// One of three, or all of them, may die at a store; two of them pause; stores are seen late.
fn disturb(sim: &mut Sim, params: &Params, world: &World, all: [ProcessId; 3]) {
    let late = Rate::percent(params.get("late") as u32);
    for arena in [&world.first, &world.second] {
        let within = Duration::from_micros(1);
        arena.delay(Some(Lateness { rate: late, accesses: 20, within, order: StoreOrder::PerWord }));
    }
    let victim = sim.choose("victim", 4) as usize;
    let rate = Rate::percent(params.get("deaths") as u32);
    // Some thirty stores an item: a life may end anywhere, and most come far enough.
    let crash = StoreCrash { rate, within: 30 * params.get("rows") + 400, restart: Some(DOWN) };
    for process in all.iter().enumerate().filter(|(at, _)| victim == 3 || victim == *at).map(|(_, who)| *who)
    {
        sim.crash_at_store(process, crash);
    }
    for _ in 0..sim.choose("pauses", params.get("pauses") + 1) {
        let who = all[sim.choose("who", 3) as usize];
        let at = LOOK.saturating_mul(sim.choose("when", 400));
        let span = LOOK.saturating_mul(1 + sim.choose("for", 100));
        sim.after(at, move |sim| sim.pause(who));
        sim.after(at + span, move |sim| sim.resume(who));
    }
}

fn spawn<F: Future<Output = ()> + 'static>(
    sim: &mut Sim,
    world: &World,
    who: usize,
    body: fn(Env, Mapping, Mapping, World) -> F,
) -> ProcessId {
    let world = world.clone();
    sim.spawn_async(world.host, NAMES[who], move |env| {
        let (first, second) = (env.seams().map(&world.first), env.seams().map(&world.second));
        body(env, first, second, world.clone())
    })
}

fn shape<P: Plain>(capacity: u32) -> Shape {
    Shape::over::<P>(Spec::of::<u32>(capacity).line(1).page(1).journal(8)).expect("an edge")
}

/// Whoever comes first makes the edge.
async fn come<P: Payload + Plain>(env: &Env, mapping: &Mapping, world: &World) -> Edge<P, Mapping> {
    loop {
        if let Ok(edge) = Edge::attach(mapping.clone()) {
            return edge;
        }
        let (shape, live) = (shape::<P>(world.capacity), mapping.liveness());
        let made = Edge::create(mapping.clone(), &shape, SegmentId(1), Creator::default(), &live);
        if let Ok(edge) = made {
            return edge;
        }
        env.sleep(LOOK).await;
    }
}

async fn sending<P: Payload + Plain>(
    env: &Env,
    mapping: Mapping,
    world: &World,
) -> Tx<P, Mapping, SimLiveness> {
    loop {
        let edge = come(env, &mapping, world).await;
        if let Ok(tx) = edge.tx(mapping.liveness(), Identity::default(), Caps::wait(world.capacity)) {
            return tx;
        }
        env.sleep(LOOK).await;
    }
}

async fn receiving<P: Payload + Plain>(
    env: &Env,
    mapping: Mapping,
    world: &World,
) -> Rx<P, Mapping, SimLiveness> {
    let peer = Peer::new(PeerName::parse("next").expect("a name")).hold(PATIENCE);
    loop {
        if let Ok(rx) = come(env, &mapping, world).await.rx(mapping.liveness(), &peer) {
            return rx;
        }
        env.sleep(LOOK).await;
    }
}

async fn source(env: Env, first: Mapping, _: Mapping, world: World) {
    let cells = Box::new(SenderCells::new());
    let near = Outbound::new(sending::<Celsius>(&env, first, &world).await, LOOK);
    let rejected = |bad: &Rejected| env.fail("no row is rejected", bad.to_string());
    let graph = sender(&cells, prefix(world.books.rows.get()), near, rejected);
    if drive(graph.expect("the source's graph is sound"), &env).await {
        world.done(0, &env);
    }
}

async fn window(env: Env, first: Mapping, second: Mapping, world: World) {
    let (cells, mark) = (Box::new(MiddleCells::new()), Mark::new());
    let rx = receiving::<Celsius>(&env, first, &world).await;
    let tx = sending::<Judged>(&env, second, &world).await;
    let near = Outbound::new(tx, LOOK).from(rx.position()).marking(&mark);
    let far = Inbound::new(rx, LOOK).until(&mark, world.keep);
    if drive(middle(&cells, far, near).expect("the middle's graph is sound"), &env).await {
        world.done(1, &env);
    }
}

async fn sink(env: Env, _: Mapping, second: Mapping, world: World) {
    let (cells, mark) = (Box::new(EndCells::new()), Mark::new());
    let rx = receiving::<Judged>(&env, second, &world).await;
    let next = Cell::new(rx.position());
    let far = Inbound::new(rx, LOOK).until(&mark, 0);
    let show = |verdict: &Verdict| {
        let at = next.get();
        world.books.show(&env, at.0 as usize, verdict);
        next.set(tidemill_flow::shared::Position(at.0 + 1));
        mark.reach(next.get());
    };
    if drive(end(&cells, far, show).expect("the sink's graph is sound"), &env).await {
        world.done(2, &env);
    }
}

impl Books {
    /// The sink shows verdict `at`: the next one, or one that was shown before.
    fn show(&self, env: &Env, at: usize, verdict: &Verdict) {
        let seen = self.seen.get();
        let expected = EXPECTED[..self.rows.get()].get(at);
        if at > seen || expected != Some(verdict) {
            env.fail("in order, each whole", format!("behind {seen}, {at} is {verdict:?}, not {expected:?}"));
        }
        if at < seen {
            self.again.set(self.again.get() + 1);
            return;
        }
        self.summary.borrow_mut().push(verdict);
        self.seen.set(seen + 1);
    }
}
