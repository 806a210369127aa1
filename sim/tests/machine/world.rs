//! Machines, processes, clocks and links keep their laws.

use std::cell::RefCell;
use std::rc::Rc;

use tidemill_seam::{Duration, Instant};
use tidemill_sim::{
    Address, Cause, Config, Context, Event, Happened, Latency, LinkConfig, MachineId, Moment, Outcome,
    Overlay, Process, ProcessId, Rate, Sim, Verdict,
};

const MS: Duration = Duration::from_millis(1);

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn at(n: u64) -> Instant {
    Instant::ZERO + ms(n)
}

type Log = Rc<RefCell<Vec<(Instant, Vec<u8>)>>>;

/// Sends a numbered datagram every millisecond.
struct Talker {
    to: Address,
    left: u32,
}

impl Process for Talker {
    fn on(&mut self, context: &mut Context<'_>, _: Event<'_>) {
        context.send(self.to, &self.left.to_be_bytes()).unwrap();
        self.left -= 1;
        if self.left > 0 {
            context.timer(MS, 0);
        }
    }
    fn waiting(&self) -> Option<String> {
        (self.left > 0).then(|| format!("to send {} more", self.left))
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

struct World {
    sim: Sim,
    log: Log,
    machines: [MachineId; 2],
    talker: ProcessId,
    listener: ProcessId,
}

fn world_with(seed: u64, config: Config, link: LinkConfig, count: u32) -> World {
    let mut sim: Sim = Sim::with(seed, config);
    sim.links(link);
    let log = Log::default();
    let machines = [sim.machine("left"), sim.machine("right")];
    let heard = Rc::clone(&log);
    let listener = sim.spawn_with(machines[1], "listener", move |_| Box::new(Listener(Rc::clone(&heard))));
    let to = sim.address(listener);
    let talker = sim.spawn_with(machines[0], "talker", move |_| Box::new(Talker { to, left: count }));
    World { sim, log, machines, talker, listener }
}

fn world(seed: u64, link: LinkConfig, count: u32) -> World {
    world_with(seed, Config::default(), link, count)
}

fn steady(span: Duration) -> LinkConfig {
    LinkConfig { latency: Latency::Constant(span), ..LinkConfig::PERFECT }
}

fn rough() -> LinkConfig {
    let rate = Rate::percent(10);
    LinkConfig { loss: rate, duplicate: rate, reorder: rate, corrupt: rate, ..LinkConfig::default() }
}

fn numbers(log: &Log) -> Vec<u32> {
    log.borrow().iter().map(|(_, bytes)| u32::from_be_bytes(bytes[..].try_into().unwrap())).collect()
}

fn conserved(sim: &Sim) {
    let stats = sim.stats();
    assert_eq!(
        stats.sent + stats.duplicated,
        stats.delivered + stats.dropped_in_all() + sim.in_flight(),
        "a datagram vanished or came from nowhere: {stats:?}"
    );
}

#[test]
fn datagrams_are_conserved_at_every_event_whatever_happens_to_them() {
    let World { mut sim, machines: [left, right], listener, talker, .. } = world(3, rough(), 500);
    sim.at(at(50), move |sim| sim.pause(listener));
    sim.at(at(90), move |sim| sim.kill(listener));
    sim.at(at(120), move |sim| sim.restart(listener));
    sim.at(at(200), move |sim| sim.partition(left, right));
    sim.at(at(250), move |sim| sim.heal_all());
    sim.at(at(300), move |sim| sim.kill(talker));
    let guard =
        sim.filter(|_, choices| if choices.choose("f", 9) == 1 { Verdict::Drop } else { Verdict::Pass });
    while sim.step() {
        conserved(&sim);
    }
    let stats = *sim.stats();
    for cause in [Cause::Loss, Cause::Dead, Cause::Partition, Cause::Filter] {
        assert!(stats.dropped(cause) > 0, "{cause:?} never happened");
    }
    assert!(stats.corrupted > 0 && stats.duplicated > 0 && stats.reordered > 0);
    assert_eq!((sim.pending(), sim.in_flight()), (0, 0));
    drop(guard);
}

// SIM-LINKS: loss at its rate
#[test]
fn losses_stay_within_five_standard_deviations_of_their_rate() {
    for percent in [1, 10, 50] {
        let n = 20_000_u32;
        let loss = Rate::percent(percent);
        let World { mut sim, .. } = world(u64::from(percent), LinkConfig { loss, ..steady(MS) }, n);
        sim.run().expect_ok();
        let p = f64::from(percent) / 100.0;
        let (mean, deviation) = (p * f64::from(n), (p * (1.0 - p) * f64::from(n)).sqrt());
        let lost = sim.stats().dropped(Cause::Loss) as f64;
        assert!((lost - mean).abs() < 5.0 * deviation, "{percent} % of {n} lost {lost}");
    }
}

#[test]
fn latency_fills_its_range_evenly_and_keeps_its_ends() {
    let link = LinkConfig { latency: Latency::Uniform { min: ms(1), max: ms(3) }, ..LinkConfig::PERFECT };
    let World { mut sim, log, .. } = world(11, link, 20_000);
    sim.run().expect_ok();
    let sent = |bytes: &[u8]| at(20_000 - u64::from(u32::from_be_bytes(bytes.try_into().unwrap())));
    let mut lower_half = 0;
    for (heard, bytes) in log.borrow().iter() {
        let span = heard.since(sent(bytes));
        assert!((ms(1)..=ms(3)).contains(&span), "{span} lies outside");
        lower_half += u32::from(span < ms(2));
    }
    assert!((9_600..10_400).contains(&lower_half), "{lower_half} of 20000 in the lower half");
}

// SIM-LINKS: reorder
#[test]
fn a_perfect_link_keeps_order_and_a_reordering_one_does_not() {
    let World { mut sim, log, .. } = world(5, steady(ms(5)), 200);
    sim.run().expect_ok();
    assert_eq!(numbers(&log), (1..=200).rev().collect::<Vec<_>>());
    let late = Latency::Constant(ms(20));
    let World { mut sim, log, .. } =
        world(5, LinkConfig { reorder: Rate::percent(20), reorder_by: late, ..steady(ms(5)) }, 200);
    sim.run().expect_ok();
    let mut heard = numbers(&log);
    assert_ne!(heard, (1..=200).rev().collect::<Vec<_>>());
    heard.sort_unstable();
    assert_eq!(heard, (1..=200).collect::<Vec<_>>(), "reordering loses nothing");
}

// SIM-LINKS: corrupt
#[test]
fn corruption_flips_exactly_one_bit() {
    let World { mut sim, log, .. } = world(5, LinkConfig { corrupt: Rate::ALWAYS, ..steady(ms(5)) }, 200);
    sim.run().expect_ok();
    for (number, want) in numbers(&log).into_iter().zip((1..=200).rev()) {
        assert_eq!((number ^ want).count_ones(), 1);
    }
}

// SIM-LINKS: partitions in one direction
#[test]
fn a_partition_blocks_its_direction_only_until_it_heals() {
    let World { mut sim, log, machines: [left, right], .. } = world(5, steady(Duration::ZERO), 30);
    sim.partition_one_way(right, left);
    sim.at(at(10), move |sim| sim.partition_one_way(left, right));
    sim.at(at(20), move |sim| sim.heal(left, right));
    sim.run().expect_ok();
    let heard: Vec<Instant> = log.borrow().iter().map(|(at, _)| *at).collect();
    assert!(heard.iter().all(|heard| *heard < at(10) || *heard > at(19)), "{heard:?}");
    assert_eq!((heard.len(), sim.stats().dropped(Cause::Partition)), (20, 10));
}

// SIM-PROCESSES: pause and resume
#[test]
fn what_reaches_a_paused_process_waits_for_it_in_order() {
    let World { mut sim, log, listener, .. } = world(5, steady(MS), 30);
    sim.at(at(5), move |sim| sim.pause(listener));
    sim.at(at(15), move |sim| sim.resume(listener));
    sim.run().expect_ok();
    assert_eq!(numbers(&log), (1..=30).rev().collect::<Vec<_>>(), "nothing is lost or overtaken");
    assert!(log.borrow().iter().all(|(heard, _)| *heard <= at(5) || *heard >= at(15)));
}

// SIM-PROCESSES: kill, and restart with durable state
#[test]
fn a_killed_process_hears_nothing_and_a_restarted_one_starts_from_what_its_factory_owns() {
    let World { mut sim, log, listener, talker, .. } = world(5, steady(MS), 10);
    sim.at(at(4), move |sim| sim.kill(listener));
    sim.at(at(8), move |sim| sim.restart(listener));
    sim.at(at(20), move |sim| sim.restart(talker));
    sim.run().expect_ok();
    assert_eq!(sim.stats().dropped(Cause::Dead), 4);
    assert_eq!(numbers(&log), [10, 9, 8, 3, 2, 1].into_iter().chain((1..=10).rev()).collect::<Vec<_>>());
}

#[test]
fn a_process_that_crashes_by_choice_crashes_at_the_same_events_again() {
    let run = || {
        let World { mut sim, listener, .. } = world(5, steady(MS), 1_000);
        sim.crash(listener, Rate::percent(2), Some(Latency::Uniform { min: MS, max: ms(20) }));
        sim.run().expect_ok();
        conserved(&sim);
        (sim.stats().kills, sim.hash())
    };
    assert!(run().0 > 3);
    assert_eq!(run(), run());
}

#[test]
fn a_fast_clock_fires_early_a_slow_one_late_and_a_step_at_once() {
    let fired = |ppm: i32, step: Duration| {
        let World { mut sim, log, machines: [left, _], .. } = world(5, steady(Duration::ZERO), 2);
        sim.run_until(at(0)).expect_ok();
        sim.set_clock_rate(left, ppm);
        sim.step_clock(left, step);
        sim.run().expect_ok();
        log.borrow()[1].0.as_nanos()
    };
    assert_eq!(fired(0, Duration::ZERO), 1_000_000);
    assert_eq!(fired(1_000_000, Duration::ZERO), 500_000);
    assert_eq!(fired(-500_000, Duration::ZERO), 2_000_000);
    assert_eq!(fired(0, ms(7)), 0);
}

#[test]
fn a_filter_lasts_as_long_as_its_guard() {
    let World { mut sim, log, .. } = world(5, steady(MS), 10);
    let guard =
        sim.filter(|datagram, _| if datagram.bytes[3] % 2 == 0 { Verdict::Drop } else { Verdict::Pass });
    sim.run_until(at(4)).expect_ok();
    drop(guard);
    sim.run().expect_ok();
    assert_eq!(numbers(&log), [9, 7, 5, 4, 3, 2, 1]);
}

// SIM-REPLAY: choices alone repeat a run
#[test]
fn a_recorded_run_replays_from_its_overlay_without_its_seed() {
    let recording = Config { record: true, ..Config::default() };
    let World { mut sim, .. } = world_with(77, recording, rough(), 300);
    sim.run().expect_ok();
    let overlay: Overlay = sim.recorded().into_iter().collect();
    let replaying = Config { overlay, base: tidemill_sim::Base::Zero, ..Config::default() };
    let World { sim: mut again, .. } = world_with(78, replaying, rough(), 300);
    again.run().expect_ok();
    assert_eq!(again.hash(), sim.hash());
    assert_eq!(again.overlay_report(), tidemill_sim::OverlayReport::default());
}

// SIM-REPLAY: a pin moves nothing else
#[test]
fn a_pinned_loss_moves_nothing_but_the_datagram_it_loses() {
    let run = |overlay| {
        let World { mut sim, log, .. } = world_with(9, Config { overlay, ..Config::default() }, rough(), 50);
        sim.run().expect_ok();
        log.take()
    };
    let mut want = run(Overlay::new());
    let site = "left/link→right#loss#7".parse().unwrap();
    let got = run(Overlay::from_iter([(site, 1)]));
    want.retain(|heard| got.contains(heard));
    assert_eq!(got, want, "K1");
}

#[test]
fn whoever_waits_for_ever_is_named() {
    struct Stuck;
    impl Process for Stuck {
        fn on(&mut self, _: &mut Context<'_>, _: Event<'_>) {}
        fn waiting(&self) -> Option<String> {
            Some("for an answer".to_owned())
        }
    }
    let mut sim = Sim::<Stuck>::new(1);
    let machine = sim.machine("host");
    let stuck = sim.spawn(machine, "caller", Stuck);
    let outcome = sim.run();
    let failure = outcome.failure().expect("a deadlock");
    assert!(failure.id.starts_with("deadlock: ") && failure.entity == "host/caller", "{failure}");
    assert!(failure.message.contains("for an answer"), "{failure}");

    let mut sim = Sim::<Stuck>::new(1);
    let machine = sim.machine("host");
    let patient = sim.spawn(machine, "caller", Stuck);
    assert_eq!(patient, stuck);
    sim.daemon(patient);
    assert_eq!(sim.run(), Outcome::Quiet);
}

#[test]
fn whoever_is_busy_without_letting_time_pass_is_named() {
    struct Busy;
    impl Process for Busy {
        fn on(&mut self, context: &mut Context<'_>, _: Event<'_>) {
            context.timer(Duration::ZERO, 0);
        }
    }
    let mut sim = Sim::<Busy>::with(1, Config { instant_max: 100, ..Config::default() });
    let machine = sim.machine("host");
    sim.spawn(machine, "spinner", Busy);
    let outcome = sim.run();
    let failure = outcome.failure().expect("a livelock");
    assert_eq!(failure.id, "livelock: # events at one instant, the last one at host/spinner");
}

#[test]
fn whoever_fills_the_queue_is_named() {
    struct Hoarder;
    impl Process for Hoarder {
        fn on(&mut self, context: &mut Context<'_>, _: Event<'_>) {
            context.timer(MS, 0);
            context.timer(MS, 0);
        }
    }
    let mut sim = Sim::<Hoarder>::with(1, Config { pending_max: 1000, ..Config::default() });
    let machine = sim.machine("host");
    sim.spawn(machine, "hoarder", Hoarder);
    let outcome = sim.run();
    let failure = outcome.failure().expect("growth");
    assert!(failure.id.starts_with("growth: ") && failure.entity == "host/hoarder", "{failure}");
}

#[test]
fn an_oracle_sees_every_event_and_its_word_ends_the_run() {
    let World { mut sim, .. } = world(5, steady(MS), 10);
    let mut heard = 0;
    sim.oracle("at most five", move |_: &Sim, moment: Moment| {
        if let Moment::Event(record) = moment {
            heard += u32::from(record.kind() == Happened::Datagram);
        }
        if heard > 5 { Err(format!("{heard} arrived")) } else { Ok(()) }
    });
    let outcome = sim.run();
    let failure = outcome.failure().expect("the oracle speaks");
    assert_eq!((failure.id.as_str(), failure.entity.as_str()), ("at most five: # arrived", "right/listener"));
    assert_eq!(sim.run(), outcome, "a run that failed stays so");
}
