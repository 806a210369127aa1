//! A run is a function of its seed, wherever and after whatever it runs (K1, K4, K6).

#[path = "../examples/ping_pong.rs"]
#[expect(dead_code, reason = "the program's own main is not called here")]
mod ping_pong;

use tidemill_sim::{Config, Sim, TraceRecord};

fn hash(seed: u64) -> u128 {
    let mut sim = ping_pong::world(seed, 5, 4);
    while sim.stats().delivered < 5_000 && sim.step() {}
    sim.hash()
}

#[test]
fn the_same_seed_takes_the_same_path_and_another_one_another() {
    assert_eq!(hash(1), hash(1));
    assert_ne!(hash(1), hash(2));
}

// SIM-NTH: the n-th equals the first
#[test]
fn the_tenth_simulation_of_a_process_equals_the_first() {
    let first = hash(8);
    (0..8).for_each(|other| assert_ne!(hash(100 + other), first));
    assert_eq!(hash(8), first);
}

// SIM-NTH: another thread
#[test]
#[expect(clippy::disallowed_methods, reason = "the law is about threads")]
fn another_thread_sees_the_same_path() {
    assert_eq!(std::thread::spawn(|| hash(8)).join().unwrap(), hash(8));
}

// SIM-NTH: a golden hash for every architecture and profile
#[test]
fn every_machine_and_profile_takes_this_path() {
    assert_eq!(hash(1), 0x5c384187376cd8b3d73d6fa72e6e66e2, "{:#034x}", hash(1));
}

#[test]
fn the_trace_is_what_was_hashed_and_reads_back() {
    let mut sim = Sim::<Box<dyn tidemill_sim::Process>>::with(1, Config { trace: true, ..Config::default() });
    let host = sim.machine("host");
    sim.spawn_async(host, "sleeper", |env| async move {
        for _ in 0..3 {
            env.sleep(tidemill_sim::Duration::from_millis(1)).await;
        }
    });
    sim.run().expect_ok();
    let mut want = Sim::new(1);
    let host = want.machine("host");
    want.spawn_async(host, "sleeper", |env| async move {
        for _ in 0..3 {
            env.sleep(tidemill_sim::Duration::from_millis(1)).await;
        }
    });
    want.run().expect_ok();
    assert_eq!(sim.hash(), want.hash(), "keeping the trace changes nothing");
    assert_eq!((sim.trace().len() as u64, want.trace().len()), (sim.stats().events, 0));
    for record in sim.trace() {
        assert_eq!(TraceRecord::decode(&record.encode()), Some(*record));
    }
}
