//! Shipped graphs run as simulated processes:
//! ticker ─▶ [4] ─▶ sender ┄┄ link ┄┄▶ receiver ─▶ [4] ─▶ sink

use std::cell::RefCell;
use std::rc::Rc;

use tidemill_flow::{
    Caps, Cx, Edge, Fault, Graph, Items, Node, Outcome, Permits, StaticPool, Step, bind, sink,
};
use tidemill_seam::{Duration, Instant, Link, PoolId};
use tidemill_sim::{Address, Env, Latency, LinkConfig, Sim, SimLink, flow};

const TICK: Duration = Duration::from_millis(10);
const COUNT: u32 = 20;

type Heard = Rc<RefCell<Vec<(Instant, u32)>>>;

struct Ticker {
    next: u32,
    due: Instant,
}

impl Node for Ticker {
    type In = ();
    type Out = (u32,);

    fn step(&mut self, cx: &mut Cx, _: Items<'_, Self>, (out,): Permits<'_, Self>) -> Result<Step, Fault> {
        if cx.now() < self.due {
            return Ok(Step::SleepUntil(self.due));
        }
        out.send(self.next);
        (self.next, self.due) = (self.next + 1, self.due + TICK);
        Ok(if self.next == COUNT { Step::Done } else { Step::SleepUntil(self.due) })
    }
}

struct Receiver(SimLink, u32);

impl Node for Receiver {
    type In = ();
    type Out = (u32,);

    fn step(&mut self, _: &mut Cx, _: Items<'_, Self>, (out,): Permits<'_, Self>) -> Result<Step, Fault> {
        let mut bytes = [0; 4];
        if self.0.recv(&mut bytes).expect("the process lives").is_none() {
            return Ok(Step::Wait);
        }
        out.send(u32::from_be_bytes(bytes));
        self.1 += 1;
        Ok(if self.1 == COUNT { Step::Done } else { Step::Progress })
    }
}

async fn sending(env: Env, to: Address) {
    let pool = StaticPool::<u32, 6>::new(PoolId(0));
    let edge = Edge::<u32, 4>::new(Caps::wait(4));
    let (tx, rx) = edge.split(&pool).unwrap();
    let mut link = env.seams().link();
    let mut graph = Graph::new((
        bind("ticker", Ticker { next: 0, due: env.now() + TICK }, (), (pool.home().unwrap().feed([tx]),)),
        bind("sender", sink(move |n: &u32| link.send(to, &n.to_be_bytes()).expect("room")), (rx,), ()),
    ))
    .unwrap();
    ended(&env, flow::run(&mut graph, &env).await);
}

async fn receiving(env: Env, heard: Heard) {
    let pool = StaticPool::<u32, 6>::new(PoolId(0));
    let edge = Edge::<u32, 4>::new(Caps::wait(4));
    let (tx, rx) = edge.split(&pool).unwrap();
    let clock = env.clone();
    let mut graph = Graph::new((
        bind("receiver", Receiver(env.seams().link(), 0), (), (pool.home().unwrap().feed([tx]),)),
        bind("sink", sink(move |n: &u32| heard.borrow_mut().push((clock.now(), *n))), (rx,), ()),
    ))
    .unwrap();
    ended(&env, flow::run(&mut graph, &env).await);
}

fn ended<E: std::fmt::Debug>(env: &Env, outcome: Result<Outcome, E>) {
    if !matches!(outcome, Ok(Outcome::Done)) {
        env.fail("graph", format!("{outcome:?}"));
    }
}

fn world(seed: u64, link: LinkConfig) -> (Sim, Heard) {
    let mut sim = Sim::new(seed);
    sim.links(link);
    let (left, right, heard) = (sim.machine("left"), sim.machine("right"), Heard::default());
    let into = Rc::clone(&heard);
    let receiver = sim.spawn_async(right, "receiver", move |env| receiving(env, Rc::clone(&into)));
    let to = sim.address(receiver);
    sim.spawn_async(left, "sender", move |env| sending(env, to));
    (sim, heard)
}

#[test]
fn a_graph_sleeps_and_wakes_by_virtual_time_and_by_datagrams() {
    let latency = Latency::Constant(Duration::from_millis(3));
    let (mut sim, heard) = world(1, LinkConfig { latency, ..LinkConfig::PERFECT });
    assert_eq!(sim.run(), tidemill_sim::Outcome::Quiet);
    let due = |n: u32| Instant::ZERO + TICK.saturating_mul(u64::from(n) + 1) + Duration::from_millis(3);
    assert_eq!(*heard.borrow(), (0..COUNT).map(|n| (due(n), n)).collect::<Vec<_>>());
    assert!(sim.stats().events < 5 * u64::from(COUNT), "a graph is woken, never polled: {:?}", sim.stats());
}

#[test]
fn a_graph_whose_input_never_ends_is_named() {
    let (mut sim, heard) =
        world(1, LinkConfig { loss: tidemill_sim::Rate::percent(50), ..LinkConfig::default() });
    let outcome = sim.run();
    let failure = outcome.failure().expect("the receiver waits for what was lost");
    assert_eq!((failure.id.split(':').next(), failure.entity.as_str()), (Some("deadlock"), "right/receiver"));
    assert!(heard.borrow().len() < COUNT as usize);
}
