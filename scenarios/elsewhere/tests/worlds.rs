//! One script in our simulator, in turmoil and on real loopback: the same classes, but for the gaps that are known.

use std::time::Duration as Real;

use elsewhere::gaps::{LOOPBACK, TURMOIL, Table, found, known};
use elsewhere::world::{SLICE, loopback, ours, turmoil};
use elsewhere::{Class, Told, an_hour};
use tidemill_seam::Duration;

const SEEDS: u64 = 4;

// SIM-LINKS: loss, cuts, outages and rough links end alike here, in turmoil, in madsim and on loopback
// SIM-QUEUES: streams are refused, time out, end and break alike in four worlds, but for known gaps
#[test]
fn our_simulator_plays_the_whole_script() {
    for seed in 0..SEEDS {
        assert_eq!(found(|step| ours::run(step, seed, SLICE)), [], "seed {seed}");
    }
}

#[test]
fn turmoil_plays_the_script_but_for_its_gaps() {
    for seed in 0..SEEDS {
        assert_eq!(found(|step| turmoil::run(step, seed, SLICE)), known(TURMOIL), "seed {seed}");
    }
}

#[test]
fn loopback_plays_the_script_but_for_its_gaps() {
    assert_eq!(found(|step| loopback::run(step, SLICE)), known(LOOPBACK));
}

#[test]
fn an_hour_passes_in_no_time() {
    let second = Duration::from_secs(1);
    let worlds: [fn(Duration) -> Told; 2] =
        [|slice| ours::run(an_hour(), 0, slice), |slice| turmoil::run(an_hour(), 0, slice)];
    for world in worlds {
        let real = tokio::time::Instant::now();
        assert_eq!(world(second), Told::Ended(Class::Delivered));
        assert!(real.elapsed() < Real::from_secs(600), "time is not virtual");
    }
}

#[test]
fn the_table_in_the_readme_is_this_one() {
    let page = include_str!("../README.md");
    assert!(page.contains(&Table.to_string()), "put this in its place:\n{Table}");
}
