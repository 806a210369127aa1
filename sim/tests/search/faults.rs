//! Faults happen as they are described, to whom the budget allows, and go with their guards.

use std::cell::Cell;
use std::rc::Rc;

use tidemill_sim::{
    Address, Context, Dice, Duration, Event, Family, Fault, FaultCounts, Instant, Keeps, Latency, LinkConfig,
    Occasion, Placement, Process, ProcessId, Rate, Sim, Swarm, Taken, Verdict, clock_rate, clock_step,
    corrupt, delay, duplicate, isolate, kill, loss, partition, pause,
};

const MS: Duration = Duration::from_millis(1);

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn at(n: u64) -> Instant {
    Instant::ZERO + ms(n)
}

/// Sends to the next one in the ring every millisecond, up to a limit, and counts what it takes.
struct Peer {
    next: Address,
    left: u32,
    taken: Rc<Cell<u64>>,
}

impl Process for Peer {
    fn on(&mut self, context: &mut Context<'_>, event: Event<'_>) {
        self.taken.set(self.taken.get() + 1);
        if !matches!(event, Event::Datagram { .. }) && self.left > 0 {
            self.left -= 1;
            context.send(self.next, &self.left.to_be_bytes()).expect("the next one is there");
            context.timer(MS, 0);
        }
    }
}

struct Ring {
    sim: Sim,
    peers: Vec<ProcessId>,
    taken: Vec<Rc<Cell<u64>>>,
}

/// `count` machines `m0`, `m1`, … with a process `peer` each.
fn ring(seed: u64, count: usize, sends: u32) -> Ring {
    let mut sim: Sim = Sim::new(seed);
    sim.links(LinkConfig { latency: Latency::Constant(MS), ..LinkConfig::PERFECT });
    let machines: Vec<_> = (0..count).map(|number| sim.machine(&format!("m{number}"))).collect();
    let taken: Vec<Rc<Cell<u64>>> = (0..count).map(|_| Rc::default()).collect();
    let mut peers = Vec::new();
    for (number, machine) in machines.iter().enumerate() {
        let next = Address { machine: machines[(number + 1) % count], port: 0 };
        let taken = taken[number].clone();
        peers.push(sim.spawn_with(*machine, "peer", move |_| {
            Box::new(Peer { next, left: sends, taken: taken.clone() })
        }));
    }
    Ring { sim, peers, taken }
}

fn counts(sim: &Sim, name: &str) -> FaultCounts {
    sim.faults().find(|(own, _)| *own == name).expect("it was installed").1
}

fn conserved(sim: &Sim) {
    let stats = sim.stats();
    let gone = stats.delivered + stats.dropped_in_all() + sim.in_flight();
    assert_eq!(stats.sent + stats.duplicated, gone, "a datagram vanished or came from nowhere: {stats:?}");
}

#[test]
fn a_fault_at_an_instant_does_what_it_is_called_and_its_consequence_ends() {
    let Ring { mut sim, peers, .. } = ring(1, 3, 1_000);
    for fault in [
        kill("m0").at(at(10)).restart_after(ms(20)),
        pause("m1/peer").at(at(10)).lasting(ms(20)),
        clock_step("m2", ms(500)).at(at(10)),
        clock_rate("m1", 500_000).at(at(10)).lasting(ms(20)),
    ] {
        sim.install(fault).keep();
    }
    sim.run_until(at(9)).expect_ok();
    assert!(sim.is_alive(peers[0]));
    let clocks: Vec<Instant> = (0..3).map(|peer| sim.local_now(sim.address(peers[peer]).machine)).collect();
    sim.run_until(at(11)).expect_ok();
    assert!(!sim.is_alive(peers[0]) && sim.is_alive(peers[1]));
    let machines: Vec<_> = peers.iter().map(|peer| sim.address(*peer).machine).collect();
    assert_eq!(sim.local_now(machines[2]).since(clocks[2]), ms(502));
    assert_eq!(
        sim.local_now(machines[1]).since(clocks[1]),
        Duration::from_micros(2_500),
        "half as fast again"
    );
    assert_eq!(sim.stats().kills, 1);
    sim.run_until(at(60)).expect_ok();
    assert!(sim.is_alive(peers[0]));
    let late = sim.local_now(machines[1]);
    sim.run_until(at(61)).expect_ok();
    assert_eq!(sim.local_now(machines[1]).since(late), MS, "the clock keeps time again");
    for name in ["kill(m0)", "pause(m1/peer)", "clock_step(m2)", "clock_rate(m1)"] {
        assert_eq!(counts(&sim, name), FaultCounts { looked: 1, fired: 1, changed: 1, refused: 0 }, "{name}");
    }
}

#[test]
fn a_cut_machine_hears_nothing_and_is_joined_again() {
    for (fault, cut) in [(isolate("m1"), 2), (partition("m0", "m1"), 1)] {
        let Ring { mut sim, .. } = ring(1, 3, 100);
        sim.install(fault.at(at(10)).lasting(ms(10))).keep();
        sim.run().expect_ok();
        let lost = sim.stats().dropped_in_all();
        assert!((9 * cut..=11 * cut).contains(&lost), "{lost} were lost in ten milliseconds");
    }
}

#[test]
fn a_fault_every_so_often_goes_with_its_guard() {
    let Ring { mut sim, peers, .. } = ring(1, 2, 1_000);
    let guard = sim.install(kill("m0/peer").every(ms(10)).restart_after(ms(1)));
    sim.run_until(at(55)).expect_ok();
    assert_eq!(counts(&sim, "kill(m0/peer)").changed, 5);
    drop(guard);
    sim.run_until(at(500)).expect_ok();
    assert_eq!((counts(&sim, "kill(m0/peer)").changed, sim.is_alive(peers[0])), (5, true));
}

#[test]
fn a_fault_in_a_window_strikes_within_it_and_at_another_instant_for_another_seed() {
    let mut instants = Vec::new();
    for seed in 0..200 {
        let Ring { mut sim, peers, .. } = ring(seed, 2, 100);
        sim.install(kill("m0").between(at(10), at(20))).keep();
        while sim.is_alive(peers[0]) && sim.step() {}
        assert!((at(10)..at(20)).contains(&sim.now()), "{:?}", sim.now());
        instants.push(sim.now());
    }
    instants.sort_unstable();
    instants.dedup();
    assert!(instants.len() > 150, "{} instants in 200 runs", instants.len());
}

#[test]
fn once_is_at_most_once_after_a_number_of_events_of_every_magnitude() {
    let mut after = Vec::new();
    for seed in 0..400 {
        let Ring { mut sim, taken, .. } = ring(seed, 2, 3_000);
        sim.install(kill("m0").once()).keep();
        sim.run().expect_ok();
        assert!(sim.stats().kills <= 1);
        after.extend((sim.stats().kills == 1).then(|| taken[0].get()));
    }
    assert!(
        after.len() > 340 && after.len() < 400,
        "{} of 400 died; never is one magnitude of 13",
        after.len()
    );
    let below = |limit: u64| after.iter().filter(|events| **events < limit).count();
    let (few, some, many) = (below(15), below(255) - below(15), after.len() - below(255));
    assert!(few > 80 && some > 80 && many > 80, "{few} early, {some} later, {many} late: not by magnitude");
}

#[test]
fn faults_of_datagrams_happen_at_their_rate_and_are_counted() {
    let rate = Rate::percent(10);
    for (fault, name) in [
        (loss(rate), "loss"),
        (duplicate(rate), "duplicate"),
        (corrupt(rate), "corrupt"),
        (delay(rate, ms(5)), "delay"),
    ] {
        let Ring { mut sim, .. } = ring(3, 2, 5_000);
        sim.install(fault).keep();
        while sim.step() {}
        conserved(&sim);
        let FaultCounts { fired, changed, .. } = counts(&sim, name);
        let (stats, sent) = (sim.stats(), 10_000);
        assert!(fired > sent / 12 && fired < sent / 8 && fired == changed, "{name}: {fired} of {sent}");
        match name {
            "loss" => assert_eq!(stats.dropped_in_all(), fired),
            "duplicate" => assert_eq!(stats.duplicated, fired),
            "corrupt" => assert_eq!(stats.corrupted, fired),
            _ => assert_eq!(stats.delivered, sent),
        }
    }
}

/// A fault that gives `verdict` at one occasion in ten that `fits`.
fn sometimes(verdict: Verdict, fits: impl Fn(&Occasion<'_>) -> bool + 'static) -> Fault {
    Fault::new("sometimes", move |occasion: &Occasion<'_>, dice: &mut Dice<'_>| {
        if fits(occasion) && dice.chance("now", Rate::percent(10)) { verdict } else { Verdict::Pass }
    })
}

#[test]
fn every_verdict_over_every_occasion_keeps_the_books_of_the_world() {
    let verdicts = [
        Verdict::Delay(ms(3)),
        Verdict::Drop,
        Verdict::Duplicate,
        Verdict::Corrupt,
        Verdict::Crash,
        Verdict::Pause(ms(3)),
    ];
    for verdict in verdicts {
        for sends in [true, false] {
            let Ring { mut sim, peers, .. } = ring(5, 3, 300);
            let fits = move |occasion: &Occasion<'_>| matches!(occasion, Occasion::Send(_)) == sends;
            sim.install(sometimes(verdict, fits)).keep();
            let revive = kill("m0").every(ms(7)).restart_after(ms(1));
            sim.install(revive).keep();
            for _ in 0..3_000 {
                sim.step();
                conserved(&sim);
                for peer in &peers {
                    if !sim.is_alive(*peer) {
                        sim.after(ms(2), {
                            let peer = *peer;
                            move |sim| {
                                if !sim.is_alive(peer) {
                                    sim.restart(peer)
                                }
                            }
                        });
                    }
                }
            }
            let FaultCounts { fired, changed, refused, .. } = counts(&sim, "sometimes");
            assert!(
                fired > 20 && changed > 10 && refused == 0,
                "{verdict:?} at sends {sends}: {fired}, {changed}"
            );
        }
    }
}

#[test]
fn a_sender_that_crashes_sends_nothing_from_then_on() {
    struct Burst(Address);
    impl Process for Burst {
        fn on(&mut self, context: &mut Context<'_>, _: Event<'_>) {
            for number in 0..10_u8 {
                context.send(self.0, &[number]).expect("it is there");
            }
        }
    }
    let Ring { mut sim, peers, .. } = ring(1, 1, 0);
    let (to, machine) = (sim.address(peers[0]), sim.machine("burst"));
    let burst = sim.spawn_with(machine, "burst", move |_| Box::new(Burst(to)));
    let crash = |occasion: &Occasion<'_>, _: &mut Dice<'_>| match occasion {
        Occasion::Send(datagram) if datagram.bytes == [4] => Verdict::Crash,
        _ => Verdict::Pass,
    };
    sim.install(Fault::new("fourth", crash)).keep();
    sim.run().expect_ok();
    assert_eq!((sim.stats().delivered, sim.is_alive(burst)), (4, false));
}

#[test]
fn a_timer_that_a_fault_delays_can_still_be_cancelled() {
    struct Canceller(Option<tidemill_sim::TimerId>, Rc<Cell<u64>>);
    impl Process for Canceller {
        fn on(&mut self, context: &mut Context<'_>, event: Event<'_>) {
            match event {
                Event::Start => {
                    self.0 = Some(context.timer(ms(10), 1));
                    context.timer(ms(15), 2);
                }
                Event::Timer { token: 2 } => {
                    let timer = self.0.take().expect("it was set");
                    assert!(context.cancel(timer), "it waits still");
                }
                _ => self.1.set(self.1.get() + 1),
            }
        }
    }
    let fired = Rc::new(Cell::new(0));
    let mut sim: Sim = Sim::new(1);
    let host = sim.machine("host");
    sim.spawn(host, "canceller", Box::new(Canceller(None, fired.clone())));
    let late = |occasion: &Occasion<'_>, _: &mut Dice<'_>| match occasion {
        Occasion::Take { event: Taken::Timer { token: 1 }, .. } => Verdict::Delay(ms(10)),
        _ => Verdict::Pass,
    };
    sim.install(Fault::new("late", late)).keep();
    sim.run().expect_ok();
    assert_eq!((fired.get(), counts(&sim, "late").changed), (0, 1));
}

#[test]
fn a_fault_that_never_strikes_and_a_swarm_that_is_off_move_no_decision() {
    let hash = |prepare: fn(&mut Sim)| {
        let Ring { mut sim, .. } = ring(9, 3, 200);
        sim.links(LinkConfig { loss: Rate::percent(5), ..LinkConfig::default() });
        prepare(&mut sim);
        sim.run().expect_ok();
        sim.hash()
    };
    let plain = hash(|_| {});
    assert_eq!(hash(|sim| sim.install(loss(Rate::NEVER)).keep()), plain);
    assert_eq!(
        hash(|sim| sim
            .install(Fault::new("watcher", |_, dice| {
                dice.choose("idle", 7);
                Verdict::Pass
            }))
            .keep()),
        plain
    );
    assert_eq!(hash(|sim| sim.swarm(&Swarm::of(&[]))), plain);
    assert_ne!(hash(|sim| sim.install(kill("m0").often(20)).keep()), plain);
}

#[test]
fn a_name_that_nobody_bears_is_refused_with_the_names_there_are() {
    let refused = std::panic::catch_unwind(|| drop(ring(1, 2, 1).sim.install(kill("m7"))));
    let message = *refused.expect_err("nobody is called so").downcast::<String>().expect("a message");
    assert_eq!(message, "nobody is called `m7`; there are: m0/peer, m1/peer");
}

fn three(f: usize, keeps: Keeps) -> Placement {
    Placement::new().replicas("ring", &["m0", "m1", "m2"], f, keeps)
}

/// Everything at once, on a world of three replicas and one process that is alone.
fn storm(seed: u64, placement: &Placement) -> Ring {
    let mut ring = ring(seed, 5, 60);
    let sim = &mut ring.sim;
    sim.place(placement.clone());
    sim.swarm(&Swarm::all());
    for fault in [
        kill("m*").every(ms(7)).restart_after(ms(13)),
        pause("m*").every(ms(5)).lasting(ms(9)),
        kill("m0").often(20).restart_after(ms(5)),
        kill("m3").every(ms(11)).restart_after(ms(3)),
        sometimes(Verdict::Crash, |_| true),
        sometimes(Verdict::Pause(ms(4)), |_| true),
    ] {
        sim.install(fault).keep();
    }
    ring
}

// SIM-BUDGET: over thousands of seeds no event finds more of a group down than the budget gives.
#[test]
fn no_run_of_thousands_exceeds_its_budget_at_any_event() {
    let placement = three(1, Keeps::Durable)
        .edge("ring→m3", &["m2", "m3"], Keeps::Volatile)
        .node("alone", "m4", Keeps::Volatile)
        .quiet(at(20), at(30));
    let (mut kills, mut refused, mut full) = (0, 0, 0);
    for seed in 0..2_000 {
        let Ring { mut sim, peers, .. } = storm(seed, &placement);
        let (mut events, mut down_before) = (0, 0);
        while events < 400 && sim.step() {
            events += 1;
            sim.budget_kept().unwrap_or_else(|why| panic!("seed {seed}, event {events}: {why}"));
            // The same law once more, said without the help of the budget's own code.
            let down = peers[..3].iter().filter(|peer| !sim.is_alive(**peer)).count();
            assert!(down <= 1 && sim.is_alive(peers[4]), "seed {seed}, event {events}");
            let calm = (at(20)..at(30)).contains(&sim.now());
            assert!(!calm || down <= down_before, "seed {seed}: a death in the quiet window");
            (down_before, full) = (down, full + down);
        }
        kills += sim.stats().kills;
        refused += sim.faults().map(|(_, counts)| counts.refused).sum::<u64>();
    }
    assert!(kills > 2_000 && refused > 2_000 && full > 2_000, "{kills} died, {refused} refused, {full} down");
}

#[test]
fn a_volatile_replica_counts_as_down_until_it_says_that_it_recovered() {
    let Ring { mut sim, peers, .. } = ring(1, 3, 1_000);
    sim.place(three(1, Keeps::Volatile));
    for (name, when) in [("m0", 10), ("m1", 30), ("m2", 50)] {
        sim.install(kill(name).at(at(when)).restart_after(ms(5))).keep();
    }
    let first = peers[0];
    sim.at(at(40), move |sim| sim.recovered(first));
    sim.run_until(at(100)).expect_ok();
    let changed = |name| counts(&sim, name).changed;
    assert_eq!((changed("kill(m0)"), changed("kill(m1)"), changed("kill(m2)")), (1, 0, 1));
    assert_eq!(counts(&sim, "kill(m1)").refused, 1);
}

#[test]
fn a_machine_falls_as_a_whole_or_not_at_all() {
    let Ring { mut sim, peers, .. } = ring(1, 2, 1_000);
    let machine = sim.address(peers[0]).machine;
    let sink = Address { machine, port: 99 };
    let other = sim
        .spawn_with(machine, "other", move |_| Box::new(Peer { next: sink, left: 0, taken: Rc::default() }));
    sim.place(Placement::new().node("state", "m0/other", Keeps::Volatile));
    sim.install(kill("m0").at(at(5))).keep();
    sim.install(kill("m0/peer").at(at(9))).keep();
    sim.run_until(at(8)).expect_ok();
    assert!(sim.is_alive(peers[0]) && sim.is_alive(other) && counts(&sim, "kill(m0)").refused == 1);
    sim.run_until(at(10)).expect_ok();
    assert!(!sim.is_alive(peers[0]) && sim.is_alive(other));
}

#[test]
fn who_cannot_start_again_is_spared_unless_the_story_asks_for_it() {
    for (placement, dies) in [(Placement::new(), false), (Placement::unlimited(), true)] {
        let mut sim: Sim = Sim::new(1);
        let host = sim.machine("host");
        let next = Address { machine: host, port: 9 };
        let only = sim.spawn(host, "only", Box::new(Peer { next, left: 0, taken: Rc::default() }));
        sim.place(placement);
        sim.install(kill("host").at(at(1))).keep();
        sim.run().expect_ok();
        assert_eq!(!sim.is_alive(only), dies);
    }
}

// SIM-SWARM: a family is off in about half of the runs, and the rates of the others are uniform by magnitude.
#[test]
fn families_are_off_in_half_of_the_runs_and_rates_spread_over_magnitudes() {
    let (mut on, mut small, mut large) = ([0_u32; 10], 0, 0);
    let runs = 2_000;
    for seed in 0..runs {
        let Ring { mut sim, .. } = ring(seed, 2, 0);
        sim.swarm(&Swarm::all());
        let families: Vec<(&str, bool)> = sim.families().collect();
        let names: Vec<&str> = families.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, Family::ALL.map(Family::name)[..10], "there is nothing else in this world");
        families.iter().zip(&mut on).for_each(|((_, is_on), on)| *on += u32::from(*is_on));
        let (a, b) = (sim.machine("a"), sim.machine("b"));
        let loss = sim.link_config(a, b).loss;
        assert_eq!(loss != Rate::NEVER, families[0].1);
        assert!(loss < Rate::per_million(125_001) && (loss == Rate::NEVER || loss >= Rate::per_million(244)));
        small += u32::from(loss != Rate::NEVER && loss < Rate::per_million(5_524));
        large += u32::from(loss >= Rate::per_million(5_524));
    }
    // The deviation of a fair coin over 2,000 runs is 22; of half of them, 16.
    assert!(on.iter().all(|on| on.abs_diff(1_000) < 112), "{on:?}");
    assert!(small.abs_diff(large) < 160, "{small} below the geometric middle, {large} above");
}

#[test]
fn a_longer_list_of_families_moves_no_rate_of_the_shorter_one() {
    for seed in 0..50 {
        let links = |swarm: Swarm| {
            let Ring { mut sim, .. } = ring(seed, 2, 0);
            sim.swarm(&swarm);
            let (a, b) = (sim.machine("a"), sim.machine("b"));
            sim.link_config(a, b)
        };
        assert_eq!(links(Swarm::of(&[Family::Loss])).loss, links(Swarm::all()).loss);
        assert_eq!(links(Swarm::all().without(Family::Loss)).corrupt, links(Swarm::all()).corrupt);
    }
}
