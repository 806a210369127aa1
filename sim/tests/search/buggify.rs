//! Shipped code asks whether to do something rare; the world decides, counts, and stops asking for it once it is healed.

use tidemill_seam::Usual;
use tidemill_sim::{Buggify, Claims, Config, Counts, Duration, Sim, buggify};

/// Shipped code: how many of `waiting` are sent now. Any number from one up is lawful.
fn batch(whims: &impl Buggify, waiting: u32) -> u32 {
    if buggify!(whims, "one at a time") {
        return 1;
    }
    buggify!(whims, "a short batch", usual: waiting.min(8), rare: waiting.min(3))
}

fn world(seed: u64) -> Sim {
    let mut sim = Sim::with(seed, Config { record: true, ..Config::default() });
    let host = sim.machine("host");
    sim.spawn_async(host, "sender", |env| async move {
        let whims = env.seams().buggify();
        for waiting in 1..=200 {
            let sent = batch(&whims, waiting);
            assert!(sent >= 1 && sent <= waiting.min(8));
            env.sleep(Duration::from_nanos(u64::from(sent))).await;
        }
    });
    sim
}

fn counts(sim: &Sim, name: &str) -> Counts {
    let coverage = sim.coverage();
    let mut found = coverage.iter().filter(|(id, _)| id.claims == Claims::Buggify && id.name == *name);
    found.next().map(|(_, counts)| *counts).unwrap_or_default()
}

// SIM-SWARM: a site is off in half of the runs, and fires by magnitude in the others; the report counts each.
#[test]
fn a_site_is_off_in_half_of_the_runs_and_fires_now_and_then_in_the_others() {
    let (mut off, mut rare, mut often) = (0, 0, 0);
    for seed in 0..200 {
        let mut sim = world(seed);
        sim.run().expect_ok();
        let Counts { evaluated, met, changed, .. } = counts(&sim, "one at a time");
        assert!(evaluated == 200 && changed == met);
        match met {
            0 => off += 1,
            1..20 => rare += 1,
            _ => often += 1,
        }
        let short = counts(&sim, "a short batch");
        assert!(short.evaluated == 200 - met && short.changed <= short.met);
    }
    assert!((80..=140).contains(&off) && rare > 20 && often > 20, "{off} off, {rare} rare, {often} often");
}

#[test]
fn a_rare_value_that_equals_the_usual_one_has_changed_nothing() {
    let changed: u64 = (0..100)
        .map(|seed| {
            let mut sim: Sim = Sim::new(seed);
            let host = sim.machine("host");
            sim.spawn_async(host, "sender", |env| async move {
                for _ in 0..50 {
                    assert_eq!(buggify!(env, "the same", usual: 2, rare: 1 + 1), 2);
                }
            });
            sim.run().expect_ok();
            let counts = counts(&sim, "the same");
            assert_eq!(counts.changed, 0);
            counts.met
        })
        .sum();
    assert!(changed > 100, "it fired {changed} times");
}

#[test]
fn what_fired_replays_from_its_choices_and_zero_is_the_usual() {
    let seed = (0..).find(|seed| {
        let mut sim = world(*seed);
        sim.run().expect_ok();
        counts(&sim, "one at a time").met > 10
    });
    let mut sim = world(seed.expect("some seed has it on"));
    sim.run().expect_ok();
    let recorded = sim.recorded();
    assert!(
        recorded.iter().any(|choice| choice.site.to_string().starts_with("buggify/one-at-a-time#fires#"))
    );
    let replay = |overlay| {
        let config = Config { overlay, base: tidemill_sim::Base::Zero, ..Config::default() };
        let mut again = Sim::with(seed.unwrap_or(0), config);
        let host = again.machine("host");
        again.spawn_async(host, "sender", |env| async move {
            let whims = env.seams().buggify();
            for waiting in 1..=200 {
                env.sleep(Duration::from_nanos(u64::from(batch(&whims, waiting)))).await;
            }
        });
        again.run().expect_ok();
        (again.hash(), counts(&again, "one at a time").met)
    };
    assert_eq!(replay(recorded.into_iter().collect()), (sim.hash(), counts(&sim, "one at a time").met));
    assert_eq!(replay(tidemill_sim::Overlay::new()).1, 0);
}

#[test]
fn outside_of_a_simulation_it_is_the_usual_and_weighs_nothing() {
    assert!((1..100).all(|waiting| batch(&Usual, waiting) == waiting.min(8)));
    assert_eq!(size_of::<Usual>(), 0);
}

#[test]
fn nothing_rare_happens_in_a_healed_world() {
    for seed in 0..40 {
        let mut sim: Sim = Sim::new(seed);
        let host = sim.machine("host");
        let whims = sim.spawn_async(host, "sender", |env| async move {
            loop {
                env.sleep(Duration::from_millis(10)).await;
                let healed = env.now().as_nanos() > 1_000_000_000;
                let fired = buggify!(env, "a late answer");
                assert!(!(healed && fired), "it fired after the heal");
            }
        });
        sim.daemon(whims);
        sim.load(|_: &mut Sim| {}).safe_for(Duration::from_secs(1)).live_within(Duration::from_secs(1));
        sim.run_for(Duration::from_secs(2)).expect_ok();
    }
}
