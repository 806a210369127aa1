//! The model of the network against closed forms: what a rate, a distribution or a queue promises is what it does.
//!
//! Every bound states the probability with which a right model would miss it; the seeds are fixed, so a run that passes
//! passes for ever. Each bound has a control: a model that is slightly wrong misses it.

use std::cell::RefCell;
use std::rc::Rc;

use tidemill_seam::Duration;
use tidemill_sim::{
    Address, Cause, Context, Event, Latency, LinkConfig, Process, Quantiles, Rate, Sim, Stats,
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
