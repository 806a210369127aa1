//! The eight probes: what makes other simulators differ from run to run either repeats here, or is caught with the line
//! that did it.

#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "the probes do what no simulation may do, so that they can be seen to be caught"
)]

use std::collections::HashMap;
use std::time::{Instant, SystemTime};
use tidemill_sim::harness::{Test, check};
use tidemill_sim::{Duration, Sim};

tidemill_sim_guard::guard!();

const TEST: Test<'static> = Test {
    // Nothing of this file's name, so that a message which holds that has it from the place in the code.
    name: "probes::one",
    package: "tidemill-sim-guard",
    folder: env!("CARGO_TARGET_TMPDIR"),
    seeds: 1,
    tapes: "probes",
    strategy: "random",
};

/// A process that waits as long as `probe` says.
fn world(sim: &mut Sim, probe: fn() -> u64) {
    let host = sim.machine("host");
    sim.spawn_async(host, "probe", move |env| async move {
        for _ in 0..3 {
            env.sleep(Duration::from_millis(1)).await;
        }
        env.sleep(Duration::from_nanos(1 + probe() % 1_000_000)).await;
    });
    sim.run().expect_ok();
}

/// What the failed test says. On a thread of its own, whose hash keys were never made.
fn complaint(probe: fn() -> u64) -> String {
    let failed = std::thread::spawn(move || check(&TEST, move |sim: &mut Sim| world(sim, probe))).join();
    *failed.expect_err("the probe was silently accepted").downcast::<String>().expect("a message")
}

/// Without debug information the function is named instead of the line, and nobody can tell that it is a library's.
fn is_named(said: &str) -> bool {
    let functions = ["entropy::", "rand::", "getrandom::", "uuid::", "tokio::"];
    said.contains("tests/entropy.rs:") || functions.iter().any(|function| said.contains(function))
}

fn is_caught_here(probe: fn() -> u64, what: &str) {
    let said = complaint(probe);
    assert!(said.contains(what) && is_named(&said), "{said}");
}

fn hash_order() -> u64 {
    let map: HashMap<u64, u64> = (0..40).map(|key| (key, key)).collect();
    map.into_values().fold(0, |sum: u64, value| sum.wrapping_mul(31).wrapping_add(value))
}

// SIM-CHECK: probe 1, the order of a std HashMap.
#[test]
fn the_order_of_a_hash_map_is_caught_where_its_keys_are_made() {
    is_caught_here(hash_order, "random bytes");
}

#[test]
fn the_order_of_a_hash_map_is_caught_by_the_second_run_where_the_keys_are_old() {
    let body = |sim: &mut Sim| world(sim, hash_order);
    let failed = std::thread::spawn(move || {
        assert!(hash_order() > 0);
        check(&TEST, body);
    });
    let said = failed.join().expect_err("it was silently accepted").downcast::<String>().expect("a message");
    assert!(said.contains("is no function of its seed") && said.contains("host/probe"), "{said}");
}

// SIM-CHECK: probe 2, `select!`: the branch is a choice of the simulation's task order, so it repeats.
#[test]
fn what_select_chooses_repeats_or_is_caught() {
    let said = std::thread::spawn(|| {
        check(&TEST, |sim: &mut Sim| {
            let host = sim.machine("host");
            sim.spawn_async(host, "select", |env| async move {
                for _ in 0..8 {
                    let span = tokio::select! {
                        () = env.sleep(Duration::from_nanos(5)) => 1,
                        () = env.sleep(Duration::from_nanos(5)) => 2,
                    };
                    env.sleep(Duration::from_nanos(span)).await;
                }
            });
            sim.run().expect_ok();
        });
    });
    if let Err(said) = said.join() {
        let said = said.downcast::<String>().expect("a message");
        assert!(said.contains("random bytes") && is_named(&said), "{said}");
    }
}

// SIM-CHECK: probe 3, Instant.
#[test]
fn a_monotonic_clock_is_caught_where_it_is_read() {
    is_caught_here(|| u64::from(Instant::now().elapsed().subsec_nanos()), "a real clock was read");
}

// SIM-CHECK: probe 4, SystemTime.
#[test]
fn a_wall_clock_is_caught_where_it_is_read() {
    let now = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    is_caught_here(now, "a real clock was read");
}

// SIM-CHECK: probe 5, rand.
#[test]
fn a_random_number_of_rand_is_caught_where_it_is_drawn() {
    is_caught_here(rand::random::<u64>, "random bytes");
}

// SIM-CHECK: probe 6, getrandom.
#[test]
fn random_bytes_are_caught_where_they_are_drawn() {
    let draw = || {
        let mut bytes = [0; 8];
        getrandom::fill(&mut bytes).map_or(0, |()| u64::from_le_bytes(bytes))
    };
    is_caught_here(draw, "random bytes");
}

// SIM-CHECK: probe 7, uuid.
#[test]
fn a_random_uuid_is_caught_where_it_is_made() {
    is_caught_here(|| uuid::Uuid::new_v4().as_u64_pair().0, "random bytes");
}

// SIM-CHECK: probe 8, the address of a heap block.
#[test]
fn an_address_is_caught_by_the_second_run_which_names_process_and_event() {
    let said = complaint(|| (&raw const *Box::new(7_u64) as u64) / 16);
    assert!(said.contains("is no function of its seed"), "{said}");
    assert!(said.contains("host/probe, because of") && said.contains("timer"), "{said}");
}

type Probe = (&'static str, fn() -> u64);

/// Every probe but `select!`, which repeats.
const PROBES: [Probe; 7] = [
    ("a hash map", hash_order),
    ("a monotonic clock", || u64::from(Instant::now().elapsed().subsec_nanos())),
    ("a wall clock", || SystemTime::now().elapsed().map_or(0, |since| since.as_nanos() as u64)),
    ("rand", rand::random::<u64>),
    ("getrandom", || {
        let mut bytes = [0; 8];
        getrandom::fill(&mut bytes).map_or(0, |()| u64::from_le_bytes(bytes))
    }),
    ("uuid", || uuid::Uuid::new_v4().as_u64_pair().0),
    ("an address", || (&raw const *Box::new(7_u64) as u64) / 16),
];

// SIM-CHECK: in a later simulation of a thread as in the first one, whatever the thread has in store by then.
#[test]
fn every_probe_is_caught_in_the_nth_simulation_of_a_thread_too() {
    for round in 0..2 {
        for (name, probe) in PROBES {
            check(&TEST, |sim: &mut Sim| world(sim, || 7));
            let failed = std::panic::catch_unwind(|| check(&TEST, move |sim: &mut Sim| world(sim, probe)));
            let Err(said) = failed else { panic!("{name} was silently accepted in round {round}") };
            let said = said.downcast::<String>().expect("a message");
            let caught = ["random bytes", "a real clock was read", "is no function of its seed"];
            assert!(caught.iter().any(|how| said.contains(how)), "{name}, round {round}: {said}");
        }
    }
}

#[test]
fn a_thread_is_caught_where_it_is_spawned() {
    is_caught_here(|| std::thread::spawn(|| 7).join().unwrap_or(0), "a thread was spawned");
}

#[test]
fn a_test_that_keeps_to_its_seams_passes_and_the_guard_stays_out_of_the_rest() {
    assert!(Instant::now() <= Instant::now());
    std::thread::spawn(|| check(&TEST, |sim: &mut Sim| world(sim, || 7))).join().expect("it is clean");
}
