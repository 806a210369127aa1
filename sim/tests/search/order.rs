//! The order of events as a choice: windows, lines, tapes (SIMULATOR.md §6).

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use tidemill_sim::explore::Bytes;
use tidemill_sim::{
    Base, Config, Context, Duration, Event, Instant, Latency, LinkConfig, Order, Overlay, Process, Quantiles,
    Rate, Sim,
};

type Log = Rc<RefCell<Vec<(Instant, u8)>>>;

const SENDERS: u8 = 3;

/// Sends its number twice, one millisecond apart.
struct Sender {
    to: tidemill_sim::Address,
    number: u8,
}

struct Listener {
    log: Log,
}

impl Process for Sender {
    fn on(&mut self, context: &mut Context<'_>, event: Event<'_>) {
        context.send(self.to, &[self.number]).unwrap();
        if event == Event::Start {
            context.timer(Duration::from_millis(1), 0);
        }
    }
}

impl Process for Listener {
    fn on(&mut self, context: &mut Context<'_>, event: Event<'_>) {
        if let Event::Datagram { bytes, .. } = event {
            self.log.borrow_mut().push((context.now(), bytes[0]));
        }
    }
}

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn window(min_ms: u64, max_ms: u64) -> LinkConfig {
    let (min, max) = (Duration::from_millis(min_ms), Duration::from_millis(max_ms));
    LinkConfig { latency: Latency::Uniform { min, max }, ..LinkConfig::PERFECT }
}

fn world(seed: u64, config: Config, links: LinkConfig) -> (Sim, Log) {
    let (mut sim, log): (Sim, _) = (Sim::with(seed, config), Log::default());
    sim.links(links);
    let sink = sim.machine("sink");
    let listener = sim.spawn(sink, "listener", Box::new(Listener { log: Rc::clone(&log) }));
    for number in 0..SENDERS {
        let machine = sim.machine(&format!("host{number}"));
        let to = sim.address(listener);
        sim.spawn(machine, "sender", Box::new(Sender { to, number }));
    }
    sim.run().expect_ok();
    (sim, log)
}

fn order(log: &Log) -> Vec<u8> {
    log.borrow().iter().map(|(_, number)| *number).collect()
}

#[test]
fn where_every_choice_is_zero_a_chosen_order_is_the_drawn_one() {
    let rough = LinkConfig { loss: Rate::percent(10), duplicate: Rate::percent(10), ..window(1, 10) };
    let run = |order| world(3, Config { base: Base::Zero, order, ..Config::default() }, rough);
    assert_eq!(run(Order::Chosen).0.hash(), run(Order::Drawn).0.hash());
}

#[test]
fn every_datagram_arrives_within_its_window_and_everything_else_at_its_instant() {
    let mut orders = BTreeSet::new();
    for seed in 0..200 {
        let config = Config { order: Order::Chosen, ..Config::default() };
        let (sim, log) = world(seed, config, window(1, 10));
        let (first, last) = (Duration::from_millis(1), Duration::from_millis(11));
        assert!(
            log.borrow().iter().all(|(at, _)| (Instant::ZERO + first..=Instant::ZERO + last).contains(at))
        );
        assert_eq!((log.borrow().len(), sim.stats().timers), (2 * SENDERS as usize, SENDERS.into()));
        orders.insert(order(&log));
    }
    assert!(orders.len() > 50, "only {} of the 90 orders of six datagrams, two alike each", orders.len());
}

#[test]
fn every_model_of_latency_leaves_a_window_from_its_least_to_its_longest() {
    const TABLE: Quantiles = Quantiles::new(&[(Rate::NEVER, ms(1)), (Rate::ALWAYS, ms(10))]);
    let (near, far) = ((ms(1), ms(2)), (ms(9), ms(10)));
    let bimodal = Latency::Bimodal { near, far, far_rate: Rate::percent(50) };
    let exponential = Latency::Exponential { min: ms(1), mean: Duration::from_micros(405) };
    for latency in [bimodal, exponential, Latency::Measured(TABLE)] {
        let links = LinkConfig { latency, ..LinkConfig::PERFECT };
        let run = |order| world(3, Config { base: Base::Zero, order, ..Config::default() }, links).0.hash();
        assert_eq!(run(Order::Chosen), run(Order::Drawn), "{latency:?}");
        let mut reordered = 0;
        for seed in 0..100 {
            let log = world(seed, Config { order: Order::Chosen, ..Config::default() }, links).1;
            let (first, last) = (Instant::ZERO + ms(1), Instant::ZERO + ms(11));
            assert!(log.borrow().iter().all(|(at, _)| (first..=last).contains(at)), "{latency:?}");
            reordered += u32::from(!order(&log).is_sorted_by_key(|number| number % SENDERS));
        }
        assert!(reordered > 50, "{latency:?}: {reordered} of 100 runs reordered anything");
    }
}

#[test]
fn a_window_that_closes_before_another_opens_keeps_the_order() {
    for seed in 0..100 {
        let config = Config { order: Order::Chosen, ..Config::default() };
        let log = world(seed, config, window(0, 0)).1;
        let second: BTreeSet<u8> = order(&log)[SENDERS as usize..].iter().copied().collect();
        assert_eq!(
            second.len(),
            SENDERS as usize,
            "a datagram of the first instant came after the second one"
        );
    }
}

#[test]
fn a_link_that_leaves_no_latency_open_does_not_reorder() {
    struct Burst(tidemill_sim::Address);
    impl Process for Burst {
        fn on(&mut self, context: &mut Context<'_>, _: Event<'_>) {
            (0..5).for_each(|number| context.send(self.0, &[number]).unwrap());
        }
    }
    for seed in 0..50 {
        let mut sim: Sim = Sim::with(seed, Config { order: Order::Chosen, ..Config::default() });
        sim.links(window(3, 3));
        let (near, far, log) = (sim.machine("near"), sim.machine("far"), Log::default());
        let listener = sim.spawn(far, "listener", Box::new(Listener { log: Rc::clone(&log) }));
        let to = sim.address(listener);
        sim.spawn(near, "burst", Box::new(Burst(to)));
        sim.run().expect_ok();
        assert_eq!(order(&log), [0, 1, 2, 3, 4]);
    }
}

// SIM-EXPLORE: what a source of choices decided repeats from an overlay, without the source and its mode.
#[test]
fn a_chosen_order_repeats_from_its_overlay_alone() {
    let rough = LinkConfig { loss: Rate::percent(10), duplicate: Rate::percent(10), ..window(1, 10) };
    let mut reordered = 0;
    for seed in 0..100 {
        let config = Config { order: Order::Chosen, ..Config::default() };
        let (sim, log) = world(seed, config, rough);
        let overlay: Overlay = sim.recorded().into_iter().collect();
        let (again, twin) = world(seed + 1, Config { overlay, base: Base::Zero, ..Config::default() }, rough);
        assert_eq!((again.hash(), order(&twin)), (sim.hash(), order(&log)), "seed {seed}");
        assert_eq!(again.overlay_report(), tidemill_sim::OverlayReport::default());
        reordered += u32::from(!order(&log).is_sorted());
    }
    assert!(reordered > 50, "{reordered} of 100 runs reordered anything");
}

// SIM-EXPLORE: bytes drive a run, and where they end everything is boring.
#[test]
fn bytes_drive_a_run_and_the_missing_ones_are_zeroes() {
    let run = |bytes: &[u8]| {
        let drive = Some(Bytes::drive(bytes));
        let (sim, log) = world(1, Config { drive, order: Order::Chosen, ..Config::default() }, window(1, 10));
        (sim.hash(), order(&log))
    };
    let boring = world(1, Config { base: Base::Zero, ..Config::default() }, window(1, 10));
    assert_eq!(run(&[]), (boring.0.hash(), order(&boring.1)));
    assert_eq!(run(&[0; 9]), run(&[]));
    assert_ne!(run(&[200; 9]).1, run(&[]).1);
    assert_eq!(run(&[200; 9]), run(&[200, 200, 200, 200, 200, 200, 200, 200, 200, 0, 0]));
}
