//! Links keep their laws: shapes of latency, truncation, bandwidth, clog, hold, swizzle.

use std::cell::RefCell;
use std::rc::Rc;

use tidemill_seam::{Duration, Instant};
use tidemill_sim::{
    Address, Base, Config, Context, Event, Latency, LinkConfig, Process, Quantiles, Rate, Sim,
};

const MS: Duration = Duration::from_millis(1);

type Log = Rc<RefCell<Vec<(Instant, Vec<u8>)>>>;

/// Sends a numbered datagram of `len` bytes every `gap`.
struct Talker {
    to: Address,
    left: u8,
    gap: Duration,
    len: usize,
}

impl Process for Talker {
    fn on(&mut self, context: &mut Context<'_>, _: Event<'_>) {
        if self.left > 0 {
            context.send(self.to, &vec![self.left; self.len]).unwrap();
            self.left -= 1;
            context.timer(self.gap, 0);
        }
    }
}

struct Listener(Log);

impl Process for Listener {
    fn on(&mut self, context: &mut Context<'_>, event: Event<'_>) {
        if let Event::Datagram { bytes, .. } = event {
            self.0.borrow_mut().push((context.now(), bytes.to_vec()));
        }
    }
}

fn world(config: Config, link: LinkConfig, gap: Duration, (count, len): (u8, usize)) -> (Sim, Log) {
    let (mut sim, log): (Sim, _) = (Sim::with(5, config), Log::default());
    sim.links(link);
    let (left, right) = (sim.machine("left"), sim.machine("right"));
    let listener = sim.spawn(right, "listener", Box::new(Listener(Rc::clone(&log))));
    let to = sim.address(listener);
    sim.spawn(left, "talker", Box::new(Talker { to, left: count, gap, len }));
    (sim, log)
}

// SIM-LINKS: truncation takes the end of a datagram and leaves the rest as it was.
#[test]
fn a_truncated_datagram_keeps_its_beginning_and_loses_at_least_a_byte() {
    let link = LinkConfig { truncate: Rate::ALWAYS, ..LinkConfig::PERFECT };
    let (mut sim, log) = world(Config::default(), link, MS, (200, 100));
    sim.run().expect_ok();
    let lens: Vec<usize> = log.borrow().iter().map(|(_, bytes)| bytes.len()).collect();
    assert!(lens.len() == 200 && lens.iter().all(|len| *len < 100) && lens.iter().min() < Some(&5));
    for ((_, bytes), number) in log.borrow().iter().zip((1..=200).rev()) {
        assert!(bytes.iter().all(|byte| *byte == number));
    }
    assert_eq!(sim.stats().truncated, 200);
}

// SIM-LINKS: whatever the shape of a latency, zero is the least delay.
#[test]
fn the_boring_choice_is_the_least_delay_of_every_latency() {
    const TABLE: Quantiles = Quantiles::new(&[(Rate::NEVER, MS), (Rate::ALWAYS, Duration::from_secs(1))]);
    let second = Duration::from_secs(1);
    for latency in [
        Latency::Constant(MS),
        Latency::Uniform { min: MS, max: second },
        Latency::Exponential { min: MS, mean: second },
        Latency::Bimodal { near: (MS, second), far: (second, second), far_rate: Rate::percent(99) },
        Latency::Measured(TABLE),
    ] {
        let config = Config { base: Base::Zero, ..Config::default() };
        let (mut sim, log) = world(config, LinkConfig { latency, ..LinkConfig::PERFECT }, MS, (1, 1));
        sim.run().expect_ok();
        assert_eq!(log.borrow()[0].0, Instant::ZERO + MS, "{latency:?}");
    }
}
