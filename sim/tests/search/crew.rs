//! The workers of one graph as processes, and what its shape says about the order of their steps (SIMULATOR.md §6).

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use tidemill_flow::{Caps, Cx, Edge, Fault, Graph, Items, Node, Permits, StaticPool, Step};
use tidemill_flow::{Outcome, bind, sink, source};
use tidemill_seam::{Duration, Instant, PoolId, WorkerId};
use tidemill_sim::explore::{Bounds, Extent, Strategy};
use tidemill_sim::flow::Crew;
use tidemill_sim::harness::{Campaign, Must, Param, Params, Shrink, Story, Tally, Trial};
use tidemill_sim::{Failure, Sim};

/// What the sinks saw, in order: a letter for each item, with its sink in front of it.
type Log = Rc<RefCell<String>>;

const fn param(name: &'static str, default: u64, max: u64) -> Param {
    Param { name, default, range: 0..=max, about: name, shrink: Shrink::No }
}

const fn story(
    name: &'static str,
    params: &'static [Param],
    body: fn(&mut Sim, &Params) -> Result<(), Failure>,
) -> Story {
    Story { name, picture: "source ─▶ sink", about: name, seeds: 100, must: Must::Fail, params, body }
}

/// Items `a`, `b`, `c` and so on.
fn letters(count: u64) -> impl FnMut() -> Option<u32> {
    let mut letters = 0..count as u32;
    move || letters.next()
}

fn write(log: &Log, sink: char) -> impl FnMut(&u32) {
    let log = Rc::clone(log);
    move |letter| {
        let mut log = log.borrow_mut();
        log.push(sink);
        log.push(char::from(b'a' + *letter as u8));
    }
}

/// Every run ends with a failure whose id is what its sinks have seen: the groups of a search are its final states.
fn told(sim: &mut Sim, logs: &[Log]) -> Result<(), Failure> {
    let _ = sim.run();
    let seen: Vec<String> = logs.iter().map(|log| format!("[{}]", log.borrow())).collect();
    sim.fail("final state", seen.join(" "));
    Ok(())
}

/// Steps that nobody else has anything to do with.
struct Alone(u64, Log);

impl Node for Alone {
    type In = ();
    type Out = ();

    fn step(&mut self, _: &mut Cx, _: Items<'_, Self>, (): Permits<'_, Self>) -> Result<Step, Fault> {
        self.1.borrow_mut().push('.');
        self.0 -= 1;
        Ok(if self.0 == 0 { Step::Done } else { Step::Progress })
    }
}

/// A line on which an item is dropped where none is taken in time, and beside it a node that is fed by nobody.
const LINE: Story = story("line", &[param("items", 2, 9), param("steps", 1, 9)], |sim, params| {
    let (host, one, two) = (sim.machine("host"), Log::default(), Log::default());
    let (logs, items) = ([Rc::clone(&one), Rc::clone(&two)], params.get("items"));
    let alone = Alone(params.get("steps"), two);
    sim.spawn_crew(host, "graph", |crew: Crew<3>| async move {
        let pool = StaticPool::<u32, 4>::new(PoolId(0));
        let edge = Edge::<u32, 1>::new(Caps::drop_newest(1));
        let (tx, rx) = edge.split(&pool).unwrap();
        let mut graph = Graph::new((
            bind("read", source(letters(items)), (), (pool.home().unwrap().feed([tx]),)),
            bind("store", sink(write(&one, '-')), (rx,), ()).on(WorkerId(1)),
            bind("alone", alone, (), ()).on(WorkerId(2)),
        ))
        .unwrap();
        assert_eq!(crew.run(&mut graph).await, Ok(Outcome::Done));
    });
    told(sim, &logs)
});

/// One source, one slot for both sinks.
const FORK: Story = story("fork", &[param("items", 1, 9)], |sim, params| {
    let (host, left, right) = (sim.machine("host"), Log::default(), Log::default());
    let (logs, items) = ([Rc::clone(&left), Rc::clone(&right)], params.get("items"));
    sim.spawn_crew(host, "graph", |crew: Crew<3>| async move {
        let pool = StaticPool::<u32, 8>::new(PoolId(0));
        let near = Edge::<u32, 1>::new(Caps::drop_newest(1));
        let far = Edge::<u32, 1>::new(Caps::drop_newest(1));
        let (near_tx, near_rx) = near.split(&pool).unwrap();
        let (far_tx, far_rx) = far.split(&pool).unwrap();
        let mut graph = Graph::new((
            bind("read", source(letters(items)), (), (pool.home().unwrap().feed([near_tx, far_tx]),)),
            bind("left", sink(write(&left, '-')), (near_rx,), ()).on(WorkerId(1)),
            bind("right", sink(write(&right, '-')), (far_rx,), ()).on(WorkerId(2)),
        ))
        .unwrap();
        assert_eq!(crew.run(&mut graph).await, Ok(Outcome::Done));
    });
    told(sim, &logs)
});

/// Two lines whose sinks write into one log, of which the shape knows nothing, and the search only where it is told.
const SHARED_LOG: Story = story("shared_log", &[param("items", 2, 9), param("told", 0, 1)], |sim, params| {
    let (host, log) = (sim.machine("host"), Log::default());
    let (one, two, items) = (Rc::clone(&log), Rc::clone(&log), params.get("items"));
    let said = params.get("told") == 1;
    sim.spawn_crew(host, "graph", |crew: Crew<2>| async move {
        let (first, second) = (StaticPool::<u32, 8>::new(PoolId(0)), StaticPool::<u32, 8>::new(PoolId(1)));
        let (upper, lower) = (Edge::<u32, 2>::new(Caps::wait(2)), Edge::<u32, 2>::new(Caps::wait(2)));
        let (upper_tx, upper_rx) = upper.split(&first).unwrap();
        let (lower_tx, lower_rx) = lower.split(&second).unwrap();
        let mut graph = Graph::new((
            bind("one", source(letters(items)), (), (first.home().unwrap().feed([upper_tx]),)),
            bind("first", sink(write(&one, '<')), (upper_rx,), ()),
            bind("two", source(letters(items)), (), (second.home().unwrap().feed([lower_tx]),))
                .on(WorkerId(1)),
            bind("second", sink(write(&two, '>')), (lower_rx,), ()).on(WorkerId(1)),
        ))
        .unwrap();
        if said {
            crew.shares("first", &["log"]);
            crew.shares("second", &["log"]);
        }
        assert_eq!(crew.run(&mut graph).await, Ok(Outcome::Done));
    });
    told(sim, &[log])
});

fn set(story: &Story, settings: &[(&str, u64)]) -> Params {
    let mut params = story.params();
    for (name, value) in settings {
        story.set(&mut params, name, &value.to_string()).expect("in range");
    }
    params
}

/// Every order within the bounds.
fn everything(story: &Story, params: &Params, reduce: bool) -> (Tally, Extent) {
    let strategy = Strategy::Exhaustive(Bounds { reduce, ..Bounds::default() });
    let campaign = Campaign { story, params, strategy, seeds: 0..200_000, jobs: 1, failures_max: u64::MAX };
    let tally = campaign.run(&mut |_| {});
    let extent = tally.shares[0].extent.expect("an exhaustive search tells its extent");
    (tally, extent)
}

fn ends(tally: &Tally) -> BTreeSet<&str> {
    tally.groups.iter().map(|group| group.failure.id.as_str()).collect()
}

// SIM-EXPLORE: which steps of two workers commute follows from the graph: fewer runs, every final state.
#[test]
fn the_shape_of_a_graph_spares_orders_and_no_final_state() {
    let mut differ = 0;
    for story in [&LINE, &FORK] {
        let params = story.params();
        let (all, whole) = everything(story, &params, false);
        let (few, reduced) = everything(story, &params, true);
        let (before, after) = (all.shares[0].runs, few.shares[0].runs);
        println!(
            "{}: {before} runs, {} final states; reduced {after} runs, of which {} cut",
            story.name,
            ends(&all).len(),
            reduced.cut
        );
        assert!(whole.complete && reduced.complete, "{}: {whole:?} {reduced:?}", story.name);
        differ += usize::from(ends(&all).len() > 1);
        assert_eq!(ends(&all), ends(&few), "{}", story.name);
        assert_eq!(whole.states, reduced.states, "{}", story.name);
        assert!(after * 2 < before, "{}: {after} of {before}", story.name);
    }
    assert_eq!(differ, 1, "in the line the order makes a difference");
}

// SIM-EXPLORE: what nodes share behind the back of their graph is lost unless it is said.
#[test]
fn what_the_shape_does_not_show_has_to_be_said() {
    let silent = set(&SHARED_LOG, &[("items", 1)]);
    let (all, _) = everything(&SHARED_LOG, &silent, false);
    let (wrong, extent) = everything(&SHARED_LOG, &silent, true);
    let (right, _) = everything(&SHARED_LOG, &set(&SHARED_LOG, &[("items", 1), ("told", 1)]), true);
    println!(
        "{} final states; not told {}, told {}",
        ends(&all).len(),
        ends(&wrong).len(),
        ends(&right).len()
    );
    assert!(extent.complete, "it believes that it has seen everything");
    assert!(ends(&wrong).is_subset(&ends(&all)) && ends(&wrong).len() < ends(&all).len());
    assert_eq!(ends(&right), ends(&all));
}

/// Fails at its second item.
struct Brittle(u32);

impl Node for Brittle {
    type In = (u32,);
    type Out = ();

    fn step(&mut self, _: &mut Cx, _: Items<'_, Self>, (): Permits<'_, Self>) -> Result<Step, Fault> {
        self.0 += 1;
        if self.0 == 2 { Err(Fault("tired")) } else { Ok(Step::Progress) }
    }
}

/// Two lines, each with a sink that fails.
const BRITTLE: Story = story("brittle", &[], |sim, _| {
    let (host, log) = (sim.machine("host"), Log::default());
    let end = Rc::clone(&log);
    sim.spawn_crew(host, "graph", |crew: Crew<2>| async move {
        let (first, second) = (StaticPool::<u32, 8>::new(PoolId(0)), StaticPool::<u32, 8>::new(PoolId(1)));
        let (upper, lower) = (Edge::<u32, 2>::new(Caps::wait(2)), Edge::<u32, 2>::new(Caps::wait(2)));
        let (upper_tx, upper_rx) = upper.split(&first).unwrap();
        let (lower_tx, lower_rx) = lower.split(&second).unwrap();
        let mut graph = Graph::new((
            bind("one", source(letters(2)), (), (first.home().unwrap().feed([upper_tx]),)),
            bind("first", Brittle(0), (upper_rx,), ()),
            bind("two", source(letters(2)), (), (second.home().unwrap().feed([lower_tx]),)).on(WorkerId(1)),
            bind("second", Brittle(0), (lower_rx,), ()).on(WorkerId(1)),
        ))
        .unwrap();
        match crew.run(&mut graph).await {
            Ok(Outcome::Halted(why)) => end.borrow_mut().push_str(&format!("{why:?}")),
            other => panic!("somebody fails: {other:?}"),
        }
    });
    told(sim, &[log])
});

// SIM-EXPLORE: whoever can fail first does so in some run of the reduced search.
#[test]
fn both_faults_of_a_graph_are_found_although_either_one_hides_the_other() {
    let (all, _) = everything(&BRITTLE, &BRITTLE.params(), false);
    let (few, extent) = everything(&BRITTLE, &BRITTLE.params(), true);
    assert!(extent.complete && ends(&all).len() == 2, "{:?}", ends(&all));
    assert_eq!(ends(&few), ends(&all));
    println!("{} runs, reduced {}", all.shares[0].runs, few.shares[0].runs);
    assert!(few.shares[0].runs < all.shares[0].runs);
}

// SIM-STABLE: seeds vary who is ahead, and a seed repeats.
#[test]
fn seeds_change_the_order_of_steps_and_zero_takes_turns() {
    let params = set(&FORK, &[("items", 6)]);
    let end = |seed: u64| FORK.trial(&params, &Trial::seed(seed)).failure.expect("it tells how it ends").id;
    let seen: BTreeSet<String> = (0..50).map(end).collect();
    assert!(seen.len() > 10, "{seen:?}");
    assert_eq!(end(3), end(3));
}

/// Sends one item every ten milliseconds.
struct Ticker(u32);

impl Node for Ticker {
    type In = ();
    type Out = (u32,);

    fn step(&mut self, cx: &mut Cx, _: Items<'_, Self>, (out,): Permits<'_, Self>) -> Result<Step, Fault> {
        let due = |items: u32| Instant::ZERO + Duration::from_millis(10).saturating_mul(u64::from(items));
        // A bell of the other worker wakes it as well.
        if cx.now() < due(self.0) {
            return Ok(Step::SleepUntil(due(self.0)));
        }
        out.send(self.0);
        self.0 += 1;
        Ok(if self.0 == 5 { Step::Done } else { Step::SleepUntil(due(self.0)) })
    }
}

#[test]
fn a_worker_sleeps_by_virtual_time_and_wakes_the_next_one() {
    let (mut sim, log) = (Sim::new(1), Log::default());
    let (host, seen) = (sim.machine("host"), Rc::clone(&log));
    sim.spawn_crew(host, "graph", |crew: Crew<2>| async move {
        let pool = StaticPool::<u32, 8>::new(PoolId(0));
        let edge = Edge::<u32, 2>::new(Caps::wait(2));
        let (tx, rx) = edge.split(&pool).unwrap();
        let mut graph = Graph::new((
            bind("tick", Ticker(0), (), (pool.home().unwrap().feed([tx]),)),
            bind("hear", sink(write(&seen, '-')), (rx,), ()).on(WorkerId(1)),
        ))
        .unwrap();
        assert_eq!(crew.run(&mut graph).await, Ok(Outcome::Done));
    });
    assert_eq!(sim.run(), tidemill_sim::Outcome::Quiet);
    assert_eq!(
        (log.borrow().as_str(), sim.now() >= Instant::ZERO + Duration::from_millis(40)),
        ("-a-b-c-d-e", true)
    );
}

/// Neither ends nor sends.
struct Silent;

impl Node for Silent {
    type In = ();
    type Out = (u32,);

    fn step(&mut self, _: &mut Cx, _: Items<'_, Self>, (_,): Permits<'_, Self>) -> Result<Step, Fault> {
        Ok(Step::Wait)
    }
}

#[test]
fn workers_that_wait_for_each_other_are_a_deadlock_and_a_block_that_waits_for_more_is_told() {
    let mut sim = Sim::new(1);
    let host = sim.machine("host");
    sim.spawn_crew(host, "graph", |crew: Crew<2>| async move {
        let pool = StaticPool::<u32, 8>::new(PoolId(0));
        let edge = Edge::<u32, 2>::new(Caps::wait(2));
        let (tx, rx) = edge.split(&pool).unwrap();
        let mut graph = Graph::new((
            bind("say", Silent, (), (pool.home().unwrap().feed([tx]),)),
            bind("hear", sink(|_: &u32| ()), (rx,), ()).on(WorkerId(1)),
        ))
        .unwrap();
        let _ = crew.run(&mut graph).await;
    });
    let failure = sim.run().failure().cloned().expect("nothing ever happens");
    assert_eq!(
        (failure.id.split(':').next(), failure.entity.as_str()),
        (Some("deadlock"), "host/graph/worker0")
    );

    let mut sim = Sim::new(1);
    let host = sim.machine("host");
    sim.spawn_crew(host, "graph", |_: Crew<2>| std::future::pending());
    let failure = sim.run().failure().cloned().expect("no step is ever made");
    assert!(failure.id.starts_with("crew: host/graph waits for something else"), "{failure}");
}
