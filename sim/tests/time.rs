//! Virtual time: nanoseconds, nothing between two events, and no least latency.

use std::cell::RefCell;
use std::rc::Rc;

use tidemill_seam::{Duration, Instant};
use tidemill_sim::{Address, Context, Event, LinkConfig, Outcome, Process, Sim};

type Seen = Rc<RefCell<Vec<Instant>>>;

/// Ticks so many times, and passes each tick on.
struct Ticker {
    every: Duration,
    left: u32,
    to: Option<Address>,
    seen: Seen,
}

impl Process for Ticker {
    fn on(&mut self, context: &mut Context<'_>, event: Event<'_>) {
        if !matches!(event, Event::Start) {
            self.seen.borrow_mut().push(context.now());
        }
        if let (Event::Timer { .. }, Some(to)) = (event, self.to) {
            context.send(to, &[1]).expect("a datagram of one byte");
        }
        if self.left > 0 {
            self.left -= 1;
            context.timer(self.every, 0);
        }
    }
}

fn ticker(every: Duration, left: u32, to: Option<Address>) -> (Ticker, Seen) {
    let seen = Seen::default();
    (Ticker { every, left, to, seen: seen.clone() }, seen)
}

// SIM-TIME: a link without latency delivers at the very nanosecond, and a tick of one nanosecond is one
#[test]
fn a_nanosecond_is_the_grain_and_a_link_may_take_none() {
    let mut sim = Sim::new(1);
    sim.links(LinkConfig::PERFECT);
    let (near, far) = (sim.machine("near"), sim.machine("far"));
    let (ear, heard) = ticker(Duration::ZERO, 0, None);
    let ear = sim.spawn(far, "ear", Box::new(ear));
    let to = sim.address(ear);
    let (clock, ticked) = ticker(Duration::from_nanos(1), 3, Some(to));
    sim.spawn(near, "clock", Box::new(clock));
    assert_eq!(sim.run(), Outcome::Quiet);
    let expected: Vec<_> = (1..=3).map(Instant::from_nanos).collect();
    assert_eq!((&*ticked.borrow(), &*heard.borrow()), (&expected, &expected));
}

// SIM-TIME: a century without events costs as many events as a second without
#[test]
fn idle_time_costs_nothing() {
    let events = |every| {
        let mut sim = Sim::new(1);
        let machine = sim.machine("one");
        let (clock, seen) = ticker(every, 10, None);
        sim.spawn(machine, "clock", Box::new(clock));
        assert_eq!(sim.run(), Outcome::Quiet);
        let last = *seen.borrow().last().expect("it ticked");
        (last, sim.stats().events)
    };
    let (second, few) = events(Duration::from_millis(100));
    let (century, as_few) = events(Duration::from_secs(315_576_000));
    assert_eq!((second.as_nanos(), century.as_nanos()), (1_000_000_000, 3_155_760_000_000_000_000));
    assert_eq!(few, as_few);
}
