//! The model of the network against closed forms: what a rate, a distribution or a queue promises is what it does.
//!
//! Every bound states the probability with which a right model would miss it; the seeds are fixed, so a run that passes
//! passes for ever. Each bound has a control: a model that is slightly wrong misses it.

use std::cell::RefCell;
use std::rc::Rc;

use tidemill_seam::Duration;
use tidemill_sim::{
    Address, Bandwidth, Cause, Context, Cut, Event, Latency, LinkConfig, MachineId, Process, ProcessId,
    Quantiles, Rate, Sim, Stats, Swizzle, Verdict,
};

/// Sends datagrams of drawn lengths at drawn intervals; each says in its first eight bytes when it was sent.
struct Source {
    to: Address,
    left: u32,
    gap: Latency,
    /// In bytes, written as nanoseconds.
    len: Latency,
}

impl Process for Source {
    fn on(&mut self, context: &mut Context<'_>, event: Event<'_>) {
        if let Event::Timer { .. } = event {
            let len = context.draw("len", self.len).as_nanos().max(8) as usize;
            let mut bytes = vec![0; len];
            bytes[..8].copy_from_slice(&context.now().as_nanos().to_le_bytes());
            context.send(self.to, &bytes).unwrap();
            self.left -= 1;
        }
        if self.left > 0 {
            let gap = context.draw("gap", self.gap);
            context.timer(gap, 0);
        }
    }
}

/// Notes how long each datagram took, in nanoseconds, and how long it is, in bytes.
struct Drain(Rc<RefCell<Vec<(u64, usize)>>>);

impl Process for Drain {
    fn on(&mut self, context: &mut Context<'_>, event: Event<'_>) {
        if let Event::Datagram { bytes, .. } = event {
            let Some(sent) = bytes.first_chunk() else { return };
            let sent = u64::from_le_bytes(*sent);
            self.0.borrow_mut().push((context.now().as_nanos().wrapping_sub(sent), bytes.len()));
        }
    }
}

const fn us(n: u64) -> Duration {
    Duration::from_micros(n)
}

/// What arrived of `count` datagrams over `link`, and the world afterwards.
fn traffic(seed: u64, link: LinkConfig, count: u32, gap: Latency, len: u64) -> (Sim, Vec<(u64, usize)>) {
    sized(seed, link, count, gap, Latency::Constant(Duration::from_nanos(len)))
}

fn sized(seed: u64, link: LinkConfig, count: u32, gap: Latency, len: Latency) -> (Sim, Vec<(u64, usize)>) {
    let (mut sim, log): (Sim, Rc<RefCell<Vec<_>>>) = (Sim::new(seed), Rc::default());
    sim.links(link);
    let (left, right) = (sim.machine("left"), sim.machine("right"));
    let drain = sim.spawn(right, "drain", Box::new(Drain(Rc::clone(&log))));
    let to = sim.address(drain);
    sim.spawn(left, "source", Box::new(Source { to, left: count, gap, len }));
    sim.run().expect_ok();
    (sim, log.take())
}

/// The interval of Wilson ("Probable inference", 1927) around `hits` of `n` at five standard deviations: a right rate
/// lies outside less often than once in a million times.
fn wilson(hits: u64, n: u32) -> std::ops::RangeInclusive<f64> {
    let (n, z2) = (f64::from(n), 25.0);
    let p = hits as f64 / n;
    let centre = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = (z2 * (p * (1.0 - p) / n + z2 / (4.0 * n * n))).sqrt() / (1.0 + z2 / n);
    centre - half..=centre + half
}

type Fault = (&'static str, fn(Rate) -> LinkConfig, fn(&Stats) -> u64);

const FAULTS: [Fault; 5] = [
    ("loss", |loss| LinkConfig { loss, ..LinkConfig::PERFECT }, |stats| stats.dropped(Cause::Loss)),
    ("duplicate", |duplicate| LinkConfig { duplicate, ..LinkConfig::PERFECT }, |stats| stats.duplicated),
    ("reorder", |reorder| LinkConfig { reorder, ..LinkConfig::PERFECT }, |stats| stats.reordered),
    ("corrupt", |corrupt| LinkConfig { corrupt, ..LinkConfig::PERFECT }, |stats| stats.corrupted),
    ("truncate", |truncate| LinkConfig { truncate, ..LinkConfig::PERFECT }, |stats| stats.truncated),
];

// SIM-LINKS: drop, duplicate, reorder, corrupt and truncate happen as often as they are set to.
#[test]
fn every_fault_of_a_link_happens_at_its_rate() {
    let n = 20_000;
    for (name, config, count) in FAULTS {
        for ppm in [10_000, 50_000, 500_000] {
            let link = config(Rate::per_million(ppm));
            let (sim, _) = traffic(u64::from(ppm), link, n, Latency::Constant(us(10)), 32);
            let (seen, p) = (count(sim.stats()), f64::from(ppm) / 1e6);
            assert!(wilson(seen, n).contains(&p), "{name} at {p}: {seen} of {n}");
            assert!(!wilson(seen, n).contains(&(p * 1.6)), "{name} at {p}: the bound catches nothing");
        }
    }
}

/// The greatest distance between what was seen and a distribution function (Kolmogorov, Smirnov).
fn distance(mut seen: Vec<u64>, cdf: impl Fn(f64) -> f64) -> f64 {
    seen.sort_unstable();
    let n = seen.len() as f64;
    let apart = |(at, time): (usize, &u64)| {
        let want = cdf(*time as f64);
        (want - at as f64 / n).abs().max((want - (at + 1) as f64 / n).abs())
    };
    seen.iter().enumerate().map(apart).fold(0.0, f64::max)
}

/// A right model lies further apart once in a billion times (Massart, "The tight constant in the
/// Dvoretzky-Kiefer-Wolfowitz inequality", 1990): P(D > ε) ≤ 2 exp(−2nε²).
fn massart(n: usize) -> f64 {
    (2e9_f64.ln() / (2.0 * n as f64)).sqrt()
}

fn between(t: f64, (from, to): (f64, f64)) -> f64 {
    ((t - from) / (to - from)).clamp(0.0, 1.0)
}

const MEASURED: Quantiles = Quantiles::new(&[
    (Rate::NEVER, us(180)),
    (Rate::percent(50), us(210)),
    (Rate::percent(99), us(900)),
    (Rate::ALWAYS, us(20_000)),
]);

fn judge(name: &str, latency: Latency, right: impl Fn(f64) -> f64, wrong: impl Fn(f64) -> f64) {
    let link = LinkConfig { latency, ..LinkConfig::PERFECT };
    let (_, seen) = traffic(0x15, link, 40_000, Latency::Constant(us(10)), 8);
    let seen: Vec<u64> = seen.into_iter().map(|(took, _)| took).collect();
    let bound = massart(seen.len());
    let (apart, control) = (distance(seen.clone(), right), distance(seen, wrong));
    assert!(apart <= bound, "{name}: {apart} apart, at most {bound}");
    assert!(control > bound, "{name}: the wrong form is only {control} apart, {bound} is allowed");
}

// SIM-LINKS: delay of every shape follows its closed form.
#[test]
fn every_latency_follows_its_distribution() {
    let ms = 1e6;
    judge(
        "uniform",
        Latency::Uniform { min: us(1_000), max: us(3_000) },
        |t| between(t, (ms, 3.0 * ms)),
        |t| between(t, (ms, 3.2 * ms)),
    );
    let exponential = |mean: f64| move |t: f64| if t < ms { 0.0 } else { 1.0 - ((ms - t) / mean).exp() };
    judge(
        "exponential",
        Latency::Exponential { min: us(1_000), mean: us(2_000) },
        exponential(2.0 * ms),
        exponential(2.2 * ms),
    );
    let bimodal = |far: f64| {
        move |t: f64| (1.0 - far) * between(t, (ms, 2.0 * ms)) + far * between(t, (50.0 * ms, 90.0 * ms))
    };
    judge(
        "bimodal",
        Latency::Bimodal {
            near: (us(1_000), us(2_000)),
            far: (us(50_000), us(90_000)),
            far_rate: Rate::percent(10),
        },
        bimodal(0.10),
        bimodal(0.13),
    );
    let measured = |half: f64| {
        move |t: f64| {
            let us = 1e3;
            0.5 * between(t, (180.0 * us, half * us))
                + 0.49 * between(t, (half * us, 900.0 * us))
                + 0.01 * between(t, (900.0 * us, 20_000.0 * us))
        }
    };
    judge("measured", Latency::Measured(MEASURED), measured(210.0), measured(212.0));
}

/// The mean time that datagrams wait for the transmitter, in milliseconds, with its standard error from `batches`: waits
/// that follow each other are alike, batches of thousands are not.
fn mean_wait(seed: u64, gap: Latency, len: Latency, count: u32) -> (f64, f64) {
    // 1,000 bytes take one millisecond.
    let bandwidth = Some(Bandwidth::bits_per_second(8_000_000));
    let (sim, seen) = sized(seed, LinkConfig { bandwidth, ..LinkConfig::PERFECT }, count, gap, len);
    assert_eq!(sim.stats().delivered, u64::from(count), "the queue has no bound");
    let waits: Vec<f64> = seen.iter().map(|(took, len)| (*took as f64 - *len as f64 * 1e3) / 1e6).collect();
    let means: Vec<f64> =
        waits.chunks(waits.len() / 40).map(|batch| batch.iter().sum::<f64>() / batch.len() as f64).collect();
    let n = means.len() as f64;
    let mean = means.iter().sum::<f64>() / n;
    let variance = means.iter().map(|batch| (batch - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (mean, (variance / n).sqrt())
}

/// Judges waiting times at a load of one half and of four fifths. Five standard errors are missed by a right model less
/// often than once in a hundred thousand times (Student's t of 39 degrees).
fn queue(name: &str, len: Latency, wait: impl Fn(f64) -> f64) {
    for (percent, count) in [(50_u32, 60_000), (80, 160_000)] {
        let load = f64::from(percent) / 100.0;
        let gap = Latency::Exponential { min: Duration::ZERO, mean: us(100_000 / u64::from(percent)) };
        let ((mean, error), want) = (mean_wait(0x9e, gap, len, count), wait(load));
        assert!(
            (mean - want).abs() <= 5.0 * error,
            "{name} at {load}: {mean} ± {error} ms, {want} by the closed form"
        );
        assert!(error < 0.05 * want, "{name} at {load}: ± {error} ms says nothing about {want}");
    }
}

// SIM-QUEUES: bandwidth and queueing follow M/D/1: Wq = ρ / 2μ(1 − ρ) (Pollaczek, Khinchine).
#[test]
fn datagrams_of_one_length_wait_as_in_an_m_d_1_queue() {
    queue("M/D/1", Latency::Constant(Duration::from_nanos(1_000)), |load| load / (2.0 * (1.0 - load)));
}

// SIM-QUEUES: bandwidth and queueing follow M/M/1: Wq = ρ / μ(1 − ρ) (Erlang).
#[test]
fn datagrams_of_exponential_length_wait_as_in_an_m_m_1_queue() {
    let len = Latency::Exponential { min: Duration::ZERO, mean: Duration::from_nanos(1_000) };
    queue("M/M/1", len, |load| load / (1.0 - load));
}

fn conserved(sim: &Sim) {
    let stats = sim.stats();
    assert_eq!(
        stats.sent + stats.duplicated,
        stats.delivered + stats.dropped_in_all() + sim.in_flight(),
        "a datagram vanished or came from nowhere: {stats:?}"
    );
}

// SIM-LINKS, SIM-QUEUES: under all features at once, every datagram is delivered, dropped for a cause, or in flight.
#[test]
fn datagrams_are_conserved_after_every_event_under_all_features_at_once() {
    let mut dropped = [0; Cause::ALL.len()];
    for seed in 0..20 {
        let rate = Rate::percent(10);
        let (mut sim, log): (Sim, Rc<RefCell<Vec<_>>>) = (Sim::new(seed), Rc::default());
        sim.links(LinkConfig {
            latency: Latency::Exponential { min: us(100), mean: us(900) },
            loss: rate,
            duplicate: rate,
            reorder: rate,
            corrupt: rate,
            truncate: rate,
            bandwidth: Some(Bandwidth::bits_per_second(1_000_000).queue(6, 2_000)),
            ..LinkConfig::default()
        });
        let machines = ["a", "b", "c"].map(|name| sim.machine(name));
        let spawn = |sim: &mut Sim, at: usize| {
            let log = Rc::clone(&log);
            sim.spawn_with(machines[at], "drain", move |_| Box::new(Drain(Rc::clone(&log))))
        };
        let drains = [spawn(&mut sim, 0), spawn(&mut sim, 1)];
        for (at, drain) in [(1, drains[0]), (2, drains[1]), (2, drains[0])] {
            let (to, gap) =
                (sim.address(drain), Latency::Exponential { min: Duration::ZERO, mean: us(1_500) });
            let len = Latency::Uniform { min: Duration::from_nanos(8), max: Duration::from_nanos(400) };
            sim.spawn(
                machines[at],
                &format!("to{}", drain.index()),
                Box::new(Source { to, left: 400, gap, len }),
            );
        }
        misfortunes(&mut sim, machines, drains);
        while sim.step() {
            conserved(&sim);
        }
        assert_eq!(sim.in_flight(), 0, "nothing waits for ever");
        Cause::ALL.iter().zip(&mut dropped).for_each(|(cause, sum)| *sum += sim.stats().dropped(*cause));
        let stats = sim.stats();
        assert!(stats.stopped > 0 && stats.truncated > 0 && stats.duplicated > 0 && stats.reordered > 0);
    }
    for (cause, sum) in Cause::ALL.iter().zip(dropped) {
        let absent = matches!(cause, Cause::NoPort | Cause::Overflow);
        assert_eq!(sum == 0, absent, "{cause:?}: {sum}");
    }
}

/// Swizzles, clogs, a hold, a kill, a pause, and a filter for good.
fn misfortunes(sim: &mut Sim, machines: [MachineId; 3], drains: [ProcessId; 2]) {
    let [a, b, c] = machines;
    sim.filter(|_, choices| if choices.choose("f", 9) == 1 { Verdict::Drop } else { Verdict::Pass }).keep();
    let every = Latency::Exponential { min: us(500), mean: us(20_000) };
    for clog in [false, true] {
        sim.after(us(30_000), move |sim| {
            let how = Swizzle { member: Rate::percent(60), cut_every: every, heal_every: every, clog };
            sim.swizzle(&[Cut::Machine(a), Cut::Machine(b), Cut::Link(c, a)], how);
        });
    }
    sim.after(us(50_000), move |sim| sim.hold(c, a));
    for at in 6..20 {
        sim.after(us(at * 10_000), move |sim| {
            let _ = if at % 2 == 0 { sim.release(c, a, 1) } else { sim.drop_held(c, a, 0) };
        });
    }
    sim.after(us(200_000), move |sim| sim.let_go(c, a));
    sim.after(us(100_000), move |sim| sim.pause(drains[1]));
    sim.after(us(140_000), move |sim| sim.kill(drains[1]));
    sim.after(us(180_000), move |sim| sim.restart(drains[1]));
}
