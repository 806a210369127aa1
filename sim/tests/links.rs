//! Links keep their laws: shapes of latency, truncation, bandwidth, clog, hold, swizzle.

use std::cell::RefCell;
use std::rc::Rc;

use tidemill_seam::{Duration, Instant};
use tidemill_sim::{
    Address, Bandwidth, Base, Cause, Config, Context, Cut, Event, Latency, LinkConfig, MachineId, Process,
    Quantiles, Rate, Sim, Swizzle,
};

const MS: Duration = ms(1);

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

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

fn heard(log: &Log) -> Vec<(u64, u8)> {
    log.borrow().iter().map(|(at, bytes)| (at.as_nanos() / 1_000_000, bytes[0])).collect()
}

fn ends(sim: &Sim) -> (MachineId, MachineId) {
    let mut machines = sim.processes().map(|process| sim.address(process).machine);
    let right = machines.next().unwrap();
    (machines.next().unwrap(), right)
}

// SIM-QUEUES: bandwidth: a datagram occupies the transmitter for its length, and the next one waits for it.
#[test]
fn datagrams_leave_a_narrow_link_one_after_another() {
    // 1,000 bytes at 2 Mbit/s take 4 ms; one comes every millisecond; the link itself takes 10 ms.
    let bandwidth = Some(Bandwidth::bits_per_second(2_000_000));
    let link = LinkConfig { bandwidth, latency: Latency::Constant(ms(10)), ..LinkConfig::PERFECT };
    let (mut sim, log) = world(Config::default(), link, MS, (5, 1_000));
    sim.run().expect_ok();
    assert_eq!(heard(&log), [(14, 5), (18, 4), (22, 3), (26, 2), (30, 1)]);
}

// SIM-QUEUES: a finite queue drops what finds no room, counted by a cause of its own.
#[test]
fn what_finds_the_queue_full_is_dropped_and_counted() {
    for queue in [
        Bandwidth::bits_per_second(2_000_000).queue(2, u64::MAX),
        Bandwidth::bits_per_second(2_000_000).queue(9, 2_000),
    ] {
        let link = LinkConfig { bandwidth: Some(queue), ..LinkConfig::PERFECT };
        let (mut sim, log) = world(Config::default(), link, MS, (10, 1_000));
        sim.run().expect_ok();
        // Two find room at once, then one whenever one has left: at 4 and at 8 milliseconds.
        assert_eq!(heard(&log), [(4, 10), (8, 9), (12, 6), (16, 2)]);
        assert_eq!(sim.stats().dropped(Cause::Queue), 6);
    }
}

// SIM-QUEUES: clog: everything stops, what is on its way included, and drains in order.
#[test]
fn a_clogged_link_stops_and_then_drains_in_order() {
    let link = LinkConfig { latency: Latency::Constant(ms(5)), ..LinkConfig::PERFECT };
    let (mut sim, log) = world(Config::default(), link, MS, (10, 1));
    let (left, right) = ends(&sim);
    sim.after(ms(7), move |sim| {
        sim.clog(left, right);
        sim.clog(left, right);
    });
    sim.after(ms(12), move |sim| sim.unclog(left, right));
    sim.after(ms(13), move |sim| sim.unclog(left, right));
    sim.run().expect_ok();
    let late = [(13, 8), (13, 7), (13, 6), (13, 5), (13, 4), (13, 3)];
    assert_eq!(heard(&log), [&[(5, 10), (6, 9)], &late[..], &[(13, 2), (14, 1)]].concat());
    assert_eq!((sim.stats().stopped, sim.in_flight()), (6, 0));
}

// SIM-QUEUES: a clogged link of limited bandwidth keeps no more than its queue holds.
#[test]
fn a_clogged_link_keeps_what_its_queue_holds() {
    let bandwidth = Some(Bandwidth::bits_per_second(1_000_000_000).queue(3, 1_000));
    let (mut sim, log) =
        world(Config::default(), LinkConfig { bandwidth, ..LinkConfig::PERFECT }, MS, (10, 8));
    let (left, right) = ends(&sim);
    sim.clog(left, right);
    sim.run_for(ms(20)).expect_ok();
    assert_eq!((sim.in_flight(), sim.stats().dropped(Cause::Queue)), (3, 7));
    sim.heal_all();
    sim.run().expect_ok();
    assert_eq!(heard(&log), [(20, 10), (20, 9), (20, 8)]);
}

// SIM-QUEUES: hold, inspect, release one by one, out of order, or never.
#[test]
fn a_story_looks_at_held_datagrams_and_decides_over_each() {
    let (mut sim, log) = world(Config::default(), LinkConfig::PERFECT, MS, (5, 2));
    let (left, right) = ends(&sim);
    sim.hold(left, right);
    sim.run_for(ms(10)).expect_ok();
    let shown: Vec<(u64, u8)> =
        sim.held(left, right).iter().map(|held| (held.at.as_nanos() / 1_000_000, held.bytes[0])).collect();
    assert_eq!(shown, [(0, 5), (1, 4), (2, 3), (3, 2), (4, 1)]);
    assert!(sim.release(left, right, 3) && sim.drop_held(left, right, 0) && !sim.release(left, right, 3));
    assert_eq!(sim.in_flight(), 4);
    sim.run_for(MS).expect_ok();
    assert_eq!(heard(&log), [(10, 2)]);
    sim.let_go(left, right);
    sim.run().expect_ok();
    assert_eq!(heard(&log), [(10, 2), (11, 4), (11, 3), (11, 1)]);
    let stats = sim.stats();
    assert_eq!((stats.dropped(Cause::Taken), stats.stopped, stats.delivered), (1, 5, 4));
}

/// The cuts of a swizzle, as they are seen by whoever sends into every link every millisecond.
fn swizzled(seed: u64, clog: bool, machines: usize) -> (Sim, Vec<Vec<bool>>, Duration) {
    let mut sim: Sim = Sim::new(seed);
    let names: Vec<_> = (0..machines).map(|at| sim.machine(&format!("m{at}"))).collect();
    let targets: Vec<_> = names.iter().map(|machine| Cut::Machine(*machine)).collect();
    let every = Latency::Uniform { min: ms(2), max: ms(9) };
    let how = Swizzle { member: Rate::percent(70), cut_every: every, heal_every: every, clog };
    let whole = sim.swizzle(&targets, how);
    let mut seen = Vec::new();
    while sim.now() <= Instant::ZERO + whole {
        sim.run_for(MS).expect_ok();
        let cut =
            |machine: &MachineId| names.iter().all(|other| other == machine || sim.is_cut(*machine, *other));
        seen.push(names.iter().map(cut).collect());
    }
    (sim, seen, whole)
}

// SIM-QUEUES: swizzle: a random subset is cut one by one and heals in another order, through choices.
#[test]
fn a_swizzle_cuts_one_after_another_and_heals_in_another_order() {
    let (mut subsets, mut reordered) = (std::collections::BTreeSet::new(), 0);
    for seed in 0..50 {
        let (sim, seen, _) = swizzled(seed, seed % 2 == 0, 5);
        let first = |cut: bool| {
            let turned = |at: usize| {
                let ever = seen.iter().position(|now| now[at])?;
                Some(if cut { ever } else { ever + seen[ever..].iter().position(|now| !now[at])? })
            };
            let mut order: Vec<_> = (0..5).filter_map(|at| Some((turned(at)?, at))).collect();
            order.sort_unstable();
            order.into_iter().map(|(_, at)| at).collect::<Vec<_>>()
        };
        let (cuts, heals) = (first(true), first(false));
        assert_eq!(cuts.len(), heals.len(), "whatever was cut heals");
        assert!(seen.last().unwrap().iter().all(|cut| !cut));
        reordered += u32::from(cuts != heals);
        let mut members = cuts.clone();
        members.sort_unstable();
        subsets.insert(members);
        drop(sim);
    }
    assert!(subsets.len() > 10 && reordered > 25, "{} subsets, {reordered} reordered", subsets.len());
}

// SIM-QUEUES: the boring swizzle cuts nobody, and healing everything calls a swizzle off.
#[test]
fn a_swizzle_can_be_called_off_and_its_zero_is_nobody() {
    let mut sim: Sim = Sim::with(1, Config { base: Base::Zero, ..Config::default() });
    let targets = [Cut::Machine(sim.machine("a")), Cut::Machine(sim.machine("b"))];
    let every = Latency::Constant(MS);
    let how = Swizzle { member: Rate::percent(99), cut_every: every, heal_every: every, clog: false };
    assert_eq!(sim.swizzle(&targets, how), Duration::ZERO);

    let mut sim: Sim = Sim::new(1);
    let (a, b) = (sim.machine("a"), sim.machine("b"));
    sim.swizzle(&[Cut::Link(a, b), Cut::Link(b, a)], Swizzle { member: Rate::ALWAYS, ..how });
    sim.run_until(Instant::ZERO).expect_ok();
    assert!(sim.is_cut(a, b) != sim.is_cut(b, a));
    sim.heal_all();
    sim.run().expect_ok();
    assert!(!sim.is_cut(a, b) && !sim.is_cut(b, a));
}

// SIM-LINKS: what is set for one direction between two machines happens there, and nowhere else.
#[test]
fn a_link_of_its_own_suffers_alone() {
    let steady = LinkConfig { latency: Latency::Constant(MS), ..LinkConfig::PERFECT };
    let own: [(&str, LinkConfig); 6] = [
        ("loss", LinkConfig { loss: Rate::ALWAYS, ..steady }),
        ("delay", LinkConfig { latency: Latency::Constant(ms(7)), ..steady }),
        ("duplicate", LinkConfig { duplicate: Rate::ALWAYS, ..steady }),
        (
            "reorder",
            LinkConfig { reorder: Rate::percent(50), reorder_by: Latency::Constant(ms(9)), ..steady },
        ),
        ("corrupt", LinkConfig { corrupt: Rate::ALWAYS, ..steady }),
        ("truncate", LinkConfig { truncate: Rate::ALWAYS, ..steady }),
    ];
    let count = 20;
    let untouched: Vec<(Instant, Vec<u8>)> =
        (0..count).map(|at| (Instant::ZERO + ms(1 + u64::from(at)), vec![count - at; 50])).collect();
    for (name, link) in own {
        let mut sim: Sim = Sim::new(5);
        sim.links(steady);
        let machines = ["a", "b", "c"].map(|name| sim.machine(name));
        let ears = machines.map(|machine| {
            let log = Log::default();
            let listener = sim.spawn(machine, "listener", Box::new(Listener(Rc::clone(&log))));
            (sim.address(listener), log)
        });
        for (from, to) in [(0, 1), (1, 0), (0, 2)] {
            let talker = Talker { to: ears[to].0, left: count, gap: MS, len: 50 };
            sim.spawn(machines[from], &format!("talker{to}"), Box::new(talker));
        }
        sim.link(machines[0], machines[1], link);
        sim.run().expect_ok();
        let is_untouched = ears.map(|(_, log)| *log.borrow() == untouched);
        assert_eq!(is_untouched, [true, false, true], "{name} from a to b");
    }
}

// SIM-TIME: a link takes no time at all or a single nanosecond, and what lies a century ahead comes at once.
#[test]
fn links_know_zero_one_nanosecond_and_a_century() {
    let century = Duration::from_secs(100 * 365 * 86_400);
    for latency in [Duration::ZERO, Duration::from_nanos(1), century] {
        let link = LinkConfig { latency: Latency::Constant(latency), ..LinkConfig::PERFECT };
        let (mut sim, log) = world(Config::default(), link, century, (3, 1));
        sim.run().expect_ok();
        let heard: Vec<u64> = log.borrow().iter().map(|(at, _)| at.as_nanos()).collect();
        let sent = [0, 1, 2].map(|at| century.as_nanos() * at);
        assert_eq!(heard, sent.map(|sent| sent + latency.as_nanos()));
        assert!(sim.stats().events < 20, "idle time has no events");
    }
}
