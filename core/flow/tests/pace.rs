//! When a node is stepped without input.

mod world;

use std::collections::VecDeque;

use tidemill_flow::{Any, Cx, Fault, Graph, Items, Node, Outcome, Polled, Step, bind, run, source};
use tidemill_seam::{Duration, Instant};
use world::{Log, T0, World, counting, log, pool, wait};

/// A source of its own pace: what a link node does.
struct Ticker {
    script: VecDeque<Step>,
    log: Log<(u64, Step)>,
}

impl Node for Ticker {
    type In = ();
    type Out = ();
    fn step(&mut self, cx: &mut Cx, (): (), (): ()) -> Result<Step, Fault> {
        let next = self.script.pop_front().unwrap_or(Step::Done);
        self.log.borrow_mut().push((cx.now().as_nanos(), next));
        Ok(next)
    }
}

#[test]
fn r_flow_31_a_node_waits_for_a_notification_or_its_time_and_is_not_polled_r7_r11() {
    let at = |ns| Instant::from_nanos(ns);
    let log = log();
    let script = [Step::SleepUntil(at(10)), Step::Wait, Step::SleepUntil(at(50)), Step::Idle, Step::Progress];
    let ticker = Ticker { script: script.into(), log: log.clone() };
    let mut graph = Graph::new((bind("ticker", ticker, (), ()),)).unwrap();
    graph.start(T0).unwrap();
    let mut worker = graph.worker();
    let mut poll = |now: u64, notify: bool| {
        if notify {
            worker.notified();
        }
        worker.poll(T0 + Duration::from_nanos(now), 10)
    };
    assert_eq!(poll(0, false), Polled::Ran(1));
    assert_eq!(poll(9, false), Polled::Idle { due: Some(at(10)) });
    assert_eq!(poll(10, false), Polled::Ran(1), "at its time, not before (R11)");
    assert_eq!(poll(1000, false), Polled::Idle { due: None }, "waits for the world, so nothing stalls");
    assert_eq!(poll(20, true), Polled::Ran(1));
    assert_eq!(poll(21, false), Polled::Idle { due: Some(at(50)) });
    assert_eq!(poll(22, true), Polled::Ran(1), "a notification comes before its time");
    assert_eq!(poll(60, false), Polled::Idle { due: None }, "the old time is forgotten");
    assert_eq!(poll(61, true), Polled::Ran(2), "progress without input is repeated at once; then it is done");
    assert_eq!(poll(62, false), Polled::Done);
    let times: Vec<_> = log.borrow().iter().map(|(now, _)| *now).collect();
    assert_eq!(times, [0, 10, 20, 22, 61, 61]);
}

#[test]
fn a_node_that_lingers_after_its_inputs_closed_is_stepped_on_its_own_time() {
    struct Linger(Log<(u64, bool, bool)>);
    impl Node for Linger {
        type In = Any<(u32,)>;
        type Out = ();
        fn step(&mut self, cx: &mut Cx, (item,): Items<'_, Self>, (): ()) -> Result<Step, Fault> {
            self.0.borrow_mut().push((cx.now().as_nanos(), item.is_some(), cx.closed()));
            Ok(match (item.is_some(), cx.closed(), cx.now().as_nanos()) {
                (true, ..) => Step::Progress,
                (_, true, 100..) => Step::Done,
                _ => Step::SleepUntil(Instant::from_nanos(100)),
            })
        }
    }
    let p = pool(0);
    let a = wait();
    let (tx, rx) = a.split(&p).unwrap();
    let log = log();
    let mut graph = Graph::new((
        bind("numbers", source(counting(2)), (), (p.home().unwrap().feed([tx]),)),
        bind("linger", Linger(log.clone()), (rx,), ()),
    ))
    .unwrap();
    let world = World::default();
    assert_eq!(run(&mut graph, &world, &world), Ok(Outcome::Done));
    assert_eq!(*log.borrow().last().unwrap(), (100, false, true));
    assert_eq!(log.borrow().iter().filter(|(_, item, _)| *item).count(), 2);
    assert_eq!(world.waits.get(), 1, "one sleep, no polling (R7)");
}
