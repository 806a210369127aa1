use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context as Poller, Poll, Waker};

use tidemill_flow::{Bells, Graph, Outcome, Polled, Shape, Stages, StartError, Why};
use tidemill_seam::{Duration, Instant};

use crate::latency::Latency;
use crate::machine::{MachineId, ProcessId};
use crate::process::{Context, Event, Process, TimerId};
use crate::sim::Sim;

/// How long a step takes: whoever is ahead is drawn, or chosen where the order of events is.
const PACE: Latency = Latency::Uniform { min: Duration::ZERO, max: Duration::from_micros(1) };

/// The `K` workers of one graph, each a process of its own: what is a thread on a host.
///
/// One event is one step of one node, so an [exhaustive](crate::explore) search goes through every order of the steps of
/// different workers. Which of those orders make no difference follows from the [shape](Graph::shape) of the graph: an
/// edge is touched by the worker that sends on it, by the one that receives, and by the one to whose pool the slots come
/// back; two steps commute if their workers touch no edge in common. What a node touches besides its ports, a log of the
/// test or a cell that two nodes share, is for the test to [say](Self::shares): a search that is not told misses orders.
/// Of the runs that a fault ends, the search sees every fault, but not everything that others may have done before it.
///
/// ```
/// # use tidemill_flow::{Caps, Edge, Graph, Outcome, StaticPool, bind, sink, source};
/// # use tidemill_seam::{PoolId, WorkerId};
/// use tidemill_sim::{Sim, flow::Crew};
/// let mut sim = Sim::new(7);
/// let host = sim.machine("host");
/// sim.spawn_crew(host, "graph", |crew: Crew<2>| async move {
///     let (pool, edge) = (StaticPool::<u32, 4>::new(PoolId(0)), Edge::<u32, 2>::new(Caps::wait(2)));
///     let (tx, rx) = edge.split(&pool).unwrap();
///     let (mut numbers, feed) = (0..5, (pool.home().unwrap().feed([tx]),));
///     let mut graph = Graph::new((
///         bind("read", source(move || numbers.next()), (), feed),
///         bind("store", sink(|_: &u32| ()), (rx,), ()).on(WorkerId(1)),
///     ))
///     .unwrap();
///     assert_eq!(crew.run(&mut graph).await, Ok(Outcome::Done));
/// });
/// sim.run().expect_ok();
/// ```
///
/// Refuses: restarts, for threads die with their process; nodes that listen to links or bells outside of the graph.
#[derive(Debug)]
pub struct Crew<const K: usize>(Rc<Shared>);

/// What the block with the graph and the processes that step it tell each other.
#[derive(Debug)]
struct Shared {
    name: String,
    now: Cell<Instant>,
    turn: Cell<Option<Turn>>,
    came: Cell<Option<(Polled, Bells)>>,
    failed: RefCell<Option<(String, String)>>,
    workers: Vec<Post>,
    /// What nodes touch besides their ports.
    shares: RefCell<Vec<(String, String)>>,
    processes: RefCell<Vec<ProcessId>>,
}

/// A worker as the others see it.
#[derive(Default, Debug)]
struct Post {
    touches: RefCell<Vec<String>>,
    /// A step of its own is on its way.
    busy: Cell<bool>,
    /// Somebody rang since its last step.
    rung: Cell<bool>,
    over: Cell<bool>,
}

/// Whose step it is, and whether somebody rang.
#[derive(Clone, Copy, Debug)]
struct Turn {
    worker: usize,
    rung: bool,
}

type Body = Rc<RefCell<Option<Pin<Box<dyn Future<Output = ()>>>>>>;

/// One worker's process.
struct Hand {
    number: usize,
    shared: Rc<Shared>,
    body: Body,
    timer: Option<TimerId>,
}

impl<const K: usize> Crew<K> {
    /// The present instant of the step that is being made.
    pub fn now(&self) -> Instant {
        self.0.now.get()
    }

    /// What the node touches besides its ports, each thing by a name. Said before [`run`](Self::run).
    pub fn shares(&self, node: &str, things: &[&str]) {
        let all = things.iter().map(|thing| (node.to_owned(), (*thing).to_owned()));
        self.0.shares.borrow_mut().extend(all);
    }

    /// A law broke: the run ends after this step.
    pub fn fail(&self, site: &str, message: impl Into<String>) {
        self.0.failed.borrow_mut().get_or_insert_with(|| (site.to_owned(), message.into()));
    }

    /// Starts a graph, runs it to its end, one step of one worker at a time, and stops it. A stage beyond the last worker
    /// belongs to the last. Nobody hears of a stall that goes round several workers: the simulation ends in a deadlock.
    ///
    /// # Errors
    /// [`StartError`] where a node does not start.
    pub async fn run<S: Stages>(&self, graph: &mut Graph<S>) -> Result<Outcome, StartError> {
        self.learn(&graph.shape());
        graph.start(self.now())?;
        let mut workers = graph.workers::<K>();
        let mut ends = [None; K];
        while ends.iter().any(Option::is_none) {
            let Turn { worker: number, rung } = self.turn().await;
            let worker = &mut workers[number];
            if rung {
                worker.notified();
            }
            let polled = worker.poll(self.now(), 1);
            ends[number] = match polled {
                Polled::Ran(_) | Polled::Idle { .. } => None,
                Polled::Done => Some(Outcome::Done),
                Polled::Halted(Why::Stopped) => Some(Outcome::Stopped),
                Polled::Halted(why) => Some(Outcome::Halted(why)),
                Polled::Stalled => Some(Outcome::Stalled(worker.stalled())),
            };
            self.0.came.set(Some((polled, worker.take_bells())));
        }
        graph.stop(self.now());
        // A fault says more than that the others stopped because of it.
        let weight = |end: &Outcome| match end {
            Outcome::Done => 0,
            Outcome::Stopped => 1,
            Outcome::Stalled(_) => 2,
            Outcome::Halted(_) => 3,
        };
        Ok(ends.into_iter().flatten().max_by_key(weight).unwrap_or(Outcome::Done))
    }

    async fn turn(&self) -> Turn {
        poll_fn(|_| self.0.turn.take().map_or(Poll::Pending, Poll::Ready)).await
    }

    /// What each worker touches.
    fn learn(&self, shape: &Shape) {
        let at = |node: &str| shape.worker(node).map(|worker| worker.index().min(K - 1));
        for (number, post) in self.0.workers.iter().enumerate() {
            let mut touches = vec![format!("{}/worker{number}", self.0.name)];
            for (edge, feed) in shape.edges().enumerate() {
                if [feed.from, feed.to, feed.home].into_iter().any(|node| at(node) == Some(number)) {
                    touches.push(format!("{}/edge{edge}", self.0.name));
                }
            }
            let shares = self.0.shares.borrow();
            let mine = shares.iter().filter(|(node, _)| at(node) == Some(number));
            touches.extend(mine.map(|(_, thing)| thing.clone()));
            *post.touches.borrow_mut() = touches;
        }
    }
}

impl Sim<Box<dyn Process>> {
    /// Starts the workers of a graph, one process each. `body` builds pools, edges and graph and hands the graph to
    /// [`Crew::run`]; it may wait for nothing else.
    ///
    /// # Panics
    /// As [`spawn`](Self::spawn); if `K` is zero.
    pub fn spawn_crew<const K: usize, F: Future<Output = ()> + 'static>(
        &mut self,
        machine: MachineId,
        name: &str,
        body: impl FnOnce(Crew<K>) -> F,
    ) -> [ProcessId; K] {
        const { assert!(K > 0, "a graph has at least one worker") };
        let shared = Rc::new(Shared {
            name: format!("{}/{name}", self.kernel.machines[machine.index()].name),
            now: Cell::new(self.kernel.machines[machine.index()].clock.local(self.kernel.now_ns)),
            turn: Cell::default(),
            came: Cell::default(),
            failed: RefCell::default(),
            workers: (0..K).map(|_| Post::default()).collect(),
            shares: RefCell::default(),
            processes: RefCell::default(),
        });
        let future: Pin<Box<dyn Future<Output = ()>>> = Box::pin(body(Crew(Rc::clone(&shared))));
        let body: Body = Rc::new(RefCell::new(Some(future)));
        // Up to the first turn: from here on the shape of the graph is known.
        advance(&body);
        let processes = core::array::from_fn(|number| {
            let hand = Hand { number, shared: Rc::clone(&shared), body: Rc::clone(&body), timer: None };
            let process = self.spawn(machine, &format!("{name}/worker{number}"), Box::new(hand));
            if let Some(chosen) = &mut self.kernel.chosen {
                chosen.declare(process, None, &shared.workers[number].touches.borrow());
            }
            shared.workers[number].busy.set(true);
            process
        });
        *shared.processes.borrow_mut() = processes.to_vec();
        processes
    }
}

/// Lets the block go on to its next turn, or to its end.
fn advance(body: &Body) {
    let mut body = body.borrow_mut();
    if let Some(future) = &mut *body
        && future.as_mut().poll(&mut Poller::from_waker(Waker::noop())).is_ready()
    {
        *body = None;
    }
}

impl Hand {
    fn post(&self) -> &Post {
        &self.shared.workers[self.number]
    }

    fn step(&mut self, context: &mut Context<'_>) {
        let rung = self.post().rung.replace(false);
        self.shared.now.set(context.now());
        self.shared.turn.set(Some(Turn { worker: self.number, rung }));
        advance(&self.body);
        if let Some((site, message)) = self.shared.failed.take() {
            context.fail(&site, message);
        }
        self.post().busy.set(false);
        let Some((polled, bells)) = self.shared.came.take() else {
            // The block has ended before its graph did, or waits for something that is no step.
            self.post().over.set(true);
            if self.body.borrow().is_some() {
                context.fail("crew", format!("{} waits for something else than its graph", self.shared.name));
            }
            return;
        };
        match polled {
            Polled::Ran(_) => {
                let span = context.draw("pace", PACE);
                self.post().busy.set(true);
                self.timer = Some(context.timer(span, self.number as u64));
            }
            Polled::Idle { due } => {
                self.timer = due.map(|due| context.timer_at(due, self.number as u64));
            }
            Polled::Done | Polled::Stalled => self.post().over.set(true),
            Polled::Halted(_) => {
                // Every worker hears of it, whatever it shares with this one.
                context.kernel.widen(&self.shared.processes.borrow());
                self.post().over.set(true);
            }
        }
        for worker in bells.map(|worker| worker.index()) {
            let post = &self.shared.workers[worker];
            post.rung.set(true);
            if !post.busy.get() && !post.over.get() {
                context.kernel.wake(self.shared.processes.borrow()[worker]);
            }
        }
    }
}

impl Process for Hand {
    fn on(&mut self, context: &mut Context<'_>, event: Event<'_>) {
        let timer = self.timer.take();
        match event {
            Event::Start | Event::Timer { .. } => {}
            // What it is told it looks at with its next step, if one is on its way.
            Event::Notified if self.post().busy.get() => {
                self.timer = timer;
                return;
            }
            Event::Notified => {
                if let Some(timer) = timer {
                    context.cancel(timer);
                }
            }
            Event::Datagram { .. } | Event::Readable { .. } | Event::Stream { .. } => {
                self.timer = timer;
                return;
            }
        }
        if !self.post().over.get() {
            self.step(context);
        }
    }

    fn waiting(&self) -> Option<String> {
        (!self.post().over.get()).then(|| "a step of another worker".to_owned())
    }
}
