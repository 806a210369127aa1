//! The same graph on one, two and three threads.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use tidemill_flow::{
    Caps, Cx, Edge, Fault, Graph, Items, Node, Outcome, Permits, StartError, StaticPool, Step, Why, bind,
    map, sink, source,
};
use tidemill_host::{FutexNotify, MonotonicClock, PollNotify, Threads, UdpLink};
use tidemill_seam::{Clock, Duration, Epoch, Instant, Link, Notify, PoolId, Woken, WorkerId};

fn bells<const K: usize>() -> [FutexNotify; K] {
    core::array::from_fn(|_| FutexNotify::new())
}

fn driver<const K: usize>() -> Threads<MonotonicClock, FutexNotify, K> {
    Threads::new(MonotonicClock, bells())
}

/// Numbers, their squares, a sink; each node on the worker that `places` says.
fn squares<const K: usize>(
    count: u64,
    places: [u16; 3],
    step: impl Fn(u64) -> u64 + Send,
) -> (Outcome, Vec<u64>) {
    let numbers = StaticPool::<u64, 10>::new(PoolId(0));
    let results = StaticPool::<u64, 6>::new(PoolId(1));
    let (a, b) = (Edge::<u64, 8>::new(Caps::wait(8)), Edge::<u64, 4>::new(Caps::wait(4)));
    let (a_tx, a_rx) = a.split(&numbers).expect("first split");
    let (b_tx, b_rx) = b.split(&results).expect("first split");
    let (a_out, b_out) =
        (numbers.home().expect("first").feed([a_tx]), results.home().expect("first").feed([b_tx]));
    let seen = Mutex::new(Vec::new());
    let mut from = 0..count;
    let mut graph = Graph::new((
        bind("numbers", source(move || from.next()), (), (a_out,)).on(WorkerId(places[0])),
        bind("squares", map(move |n: &u64| step(*n)), (a_rx,), (b_out,)).on(WorkerId(places[1])),
        bind("seen", sink(|n: &u64| seen.lock().expect("whole").push(*n)), (b_rx,), ())
            .on(WorkerId(places[2])),
    ))
    .expect("a graph without a fault");
    let outcome = driver::<K>().run(&mut graph).expect("every node starts");
    drop(graph);
    (outcome, seen.into_inner().expect("whole"))
}

#[test]
fn g8_the_sequence_is_the_same_on_any_number_of_threads_and_any_placement() {
    let count = 3_000;
    let expected: Vec<u64> = (0..count).map(|n| n * n).collect();
    let square = |n| n * n;
    assert_eq!(squares::<1>(count, [0, 0, 0], square), (Outcome::Done, expected.clone()));
    for places in [[0, 1, 1], [0, 0, 1], [1, 0, 1], [0, 1, 0]] {
        assert_eq!(
            squares::<2>(count, places, square),
            (Outcome::Done, expected.clone()),
            "placed {places:?}"
        );
    }
    for places in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        assert_eq!(
            squares::<3>(count, places, square),
            (Outcome::Done, expected.clone()),
            "placed {places:?}"
        );
    }
}

#[test]
fn a_stage_beyond_the_last_worker_runs_on_the_last() {
    let expected: Vec<u64> = (0..100).collect();
    assert_eq!(squares::<2>(100, [0, 1, 9], |n| n), (Outcome::Done, expected));
}

#[test]
fn a_worker_without_stages_returns_at_once() {
    let expected: Vec<u64> = (0..100).collect();
    assert_eq!(squares::<3>(100, [1, 1, 1], |n| n), (Outcome::Done, expected));
}

#[test]
fn r6_a_panicking_node_halts_the_graph_is_named_and_every_worker_returns() {
    let step = |n| if n == 50 { panic!("the step that this test makes panic") } else { n };
    for places in [[0, 0, 0], [0, 1, 2], [2, 0, 1]] {
        let (outcome, seen) = squares::<3>(1_000, places, step);
        assert_eq!(outcome, Outcome::Halted(Why::Panic { node: "squares" }), "placed {places:?}");
        assert!(
            seen.iter().copied().eq(0..seen.len() as u64),
            "N5: what is seen is a prefix of what was sent"
        );
        assert!(seen.len() <= 50, "N5: nothing of the step that panicked, or after it, is seen");
    }
}

/// Counts how often it was asked to sleep.
#[derive(Default)]
struct Counting {
    bell: FutexNotify,
    waits: AtomicU32,
}

impl Notify for Counting {
    fn epoch(&self) -> Epoch {
        self.bell.epoch()
    }
    fn wait(&self, seen: Epoch, until: Option<Instant>) -> Woken {
        self.waits.fetch_add(1, Ordering::Relaxed);
        self.bell.wait(seen, until)
    }
    fn notify(&self) {
        self.bell.notify();
    }
}

/// A source that waits for the world outside, and counts how often it is asked.
struct Listener<'a>(&'a AtomicU32);

impl Node for Listener<'_> {
    type In = ();
    type Out = (u32,);

    fn step(&mut self, _: &mut Cx, (): Items<'_, Self>, _: Permits<'_, Self>) -> Result<Step, Fault> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(Step::Wait)
    }
}

#[test]
fn r7_r14_an_idle_graph_polls_once_a_bell_and_ends_when_told_to_stop() {
    const RINGS: u32 = 100;
    let pool = StaticPool::<u32, 4>::new(PoolId(0));
    let edge = Edge::<u32, 2>::new(Caps::wait(2));
    let (tx, rx) = edge.split(&pool).expect("first split");
    let (asked, driver) =
        (AtomicU32::new(0), Threads::new(MonotonicClock, [Counting::default(), Counting::default()]));
    let mut graph = Graph::new((
        bind("listener", Listener(&asked), (), (pool.home().expect("first").feed([tx]),)),
        bind("seen", sink(|_: &u32| ()), (rx,), ()).on(WorkerId(1)),
    ))
    .expect("a graph without a fault");
    let outcome = thread::scope(|scope| {
        let running = scope.spawn(|| driver.run(&mut graph));
        for _ in 0..RINGS {
            driver.bell(WorkerId(0)).notify();
        }
        driver.stop();
        driver.stop();
        running.join().expect("the driver does not panic")
    });
    assert_eq!(outcome, Ok(Outcome::Stopped));
    let waits = driver.bell(WorkerId(1)).waits.load(Ordering::Relaxed);
    assert!(waits <= 2, "R7: {waits} sleeps of a worker that nobody rang but to stop");
    let asked = asked.into_inner();
    assert!(asked <= RINGS + 2, "R7: {asked} steps for {RINGS} bells");
}

#[test]
fn r14_a_stop_before_the_run_ends_it_at_once() {
    let driver = driver::<2>();
    driver.stop();
    let pool = StaticPool::<u32, 4>::new(PoolId(0));
    let edge = Edge::<u32, 2>::new(Caps::wait(2));
    let (tx, rx) = edge.split(&pool).expect("first split");
    let seen = AtomicU32::new(0);
    let mut graph = Graph::new((
        bind("endless", source(|| Some(1)), (), (pool.home().expect("first").feed([tx]),)),
        bind("seen", sink(|n: &u32| seen.store(*n, Ordering::Relaxed)), (rx,), ()).on(WorkerId(1)),
    ))
    .expect("a graph without a fault");
    assert_eq!(driver.run(&mut graph), Ok(Outcome::Stopped));
    drop(graph);
    assert_eq!(seen.into_inner(), 0);
}

/// Sends on what arrives on a socket, until an empty datagram.
struct Receiver(UdpLink, VecDeque<u32>);

impl Node for Receiver {
    type In = ();
    type Out = (u32,);

    fn step(&mut self, _: &mut Cx, (): Items<'_, Self>, (out,): Permits<'_, Self>) -> Result<Step, Fault> {
        let mut buffer = [0; 4];
        match self.0.recv(&mut buffer).map_err(|_| Fault("the socket is gone"))? {
            None => return Ok(Step::Wait),
            Some(received) if received.len == 0 => return Ok(Step::Done),
            Some(_) => self.1.push_back(u32::from_le_bytes(buffer)),
        }
        if let Some(number) = self.1.pop_front() {
            out.send(number);
        }
        Ok(Step::Progress)
    }
}

#[test]
fn w1_a_worker_that_waits_for_datagrams_misses_none() {
    const COUNT: u32 = 200;
    let (mut near, far) = (UdpLink::loopback().expect("a port"), UdpLink::loopback().expect("a port"));
    let to_far = far.address().expect("bound");
    let bells =
        [PollNotify::new().expect("an epoll instance"), PollNotify::new().expect("an epoll instance")];
    bells[0].watch(&far).expect("a socket can be watched");
    let pool = StaticPool::<u32, 4>::new(PoolId(0));
    let edge = Edge::<u32, 2>::new(Caps::wait(2));
    let (tx, rx) = edge.split(&pool).expect("first split");
    let credit = (Mutex::new(0_u32), FutexNotify::new());
    let mut graph = Graph::new((
        bind("receiver", Receiver(far, VecDeque::new()), (), (pool.home().expect("first").feed([tx]),)),
        bind(
            "seen",
            sink(|n: &u32| {
                let mut next = credit.0.lock().expect("whole");
                assert_eq!(*n, *next, "a datagram was lost or overtaken on loopback");
                *next += 1;
                credit.1.notify();
            }),
            (rx,),
            (),
        )
        .on(WorkerId(1)),
    ))
    .expect("a graph without a fault");
    let outcome = thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0..COUNT {
                near.send(to_far, &n.to_le_bytes()).expect("sent");
                // One at a time, so that the receiver sleeps between any two.
                loop {
                    let seen = credit.1.epoch();
                    if *credit.0.lock().expect("whole") > n {
                        break;
                    }
                    credit.1.wait(seen, None);
                }
            }
            near.send(to_far, &[]).expect("sent");
        });
        Threads::new(MonotonicClock, bells).run(&mut graph)
    });
    assert_eq!(outcome, Ok(Outcome::Done));
    drop(graph);
    assert_eq!(credit.0.into_inner().expect("whole"), COUNT);
}

/// Sends the instant of each of its steps, one every millisecond.
struct Ticker {
    due: Instant,
    left: u32,
}

impl Node for Ticker {
    type In = ();
    type Out = (u32,);

    fn start(&mut self, now: Instant) -> Result<(), Fault> {
        self.due = now + Duration::from_millis(1);
        Ok(())
    }

    fn step(&mut self, cx: &mut Cx, (): Items<'_, Self>, (out,): Permits<'_, Self>) -> Result<Step, Fault> {
        if cx.now() < self.due {
            return Ok(Step::SleepUntil(self.due));
        }
        out.send(self.left);
        self.left -= 1;
        self.due += Duration::from_millis(1);
        Ok(if self.left == 0 { Step::Done } else { Step::SleepUntil(self.due) })
    }
}

#[test]
fn r11_a_timer_never_fires_early_and_always_fires() {
    let pool = StaticPool::<u32, 4>::new(PoolId(0));
    let edge = Edge::<u32, 2>::new(Caps::wait(2));
    let (tx, rx) = edge.split(&pool).expect("first split");
    let seen = Mutex::new(Vec::new());
    let ticker = Ticker { due: Instant::ZERO, left: 5 };
    let mut graph = Graph::new((
        bind("ticker", ticker, (), (pool.home().expect("first").feed([tx]),)),
        bind("seen", sink(|n: &u32| seen.lock().expect("whole").push(*n)), (rx,), ()).on(WorkerId(1)),
    ))
    .expect("a graph without a fault");
    let before = MonotonicClock.now();
    assert_eq!(driver::<2>().run(&mut graph), Ok(Outcome::Done));
    assert!(MonotonicClock.now().since(before) >= Duration::from_millis(5), "R11: five timers fired early");
    drop(graph);
    assert_eq!(seen.into_inner().expect("whole"), [5, 4, 3, 2, 1]);
}

/// Never starts.
struct Broken;

impl Node for Broken {
    type In = ();
    type Out = (u32,);

    fn start(&mut self, _: Instant) -> Result<(), Fault> {
        Err(Fault("no such device"))
    }

    fn step(&mut self, _: &mut Cx, (): Items<'_, Self>, _: Permits<'_, Self>) -> Result<Step, Fault> {
        unreachable!("N2: stepped before it was started")
    }
}

#[test]
fn r2_a_node_that_does_not_start_is_named_and_nothing_runs() {
    let pool = StaticPool::<u32, 4>::new(PoolId(0));
    let edge = Edge::<u32, 2>::new(Caps::wait(2));
    let (tx, rx) = edge.split(&pool).expect("first split");
    let mut graph = Graph::new((
        bind("broken", Broken, (), (pool.home().expect("first").feed([tx]),)),
        bind("seen", sink(|_: &u32| ()), (rx,), ()),
    ))
    .expect("a graph without a fault");
    let error = StartError::Node { node: "broken", fault: Fault("no such device") };
    assert_eq!(driver::<2>().run(&mut graph), Err(error));
}
