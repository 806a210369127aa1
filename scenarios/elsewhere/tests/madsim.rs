//! The script in madsim, whose time must be virtual: without `--cfg madsim` this does not compile.

use std::time::Duration as Real;

use elsewhere::gaps::{MADSIM, found, known};
use elsewhere::world::{SLICE, madsim};
use elsewhere::{Class, Told, an_hour};
use tidemill_host::MonotonicClock;
use tidemill_seam::{Clock, Duration};

#[test]
fn madsim_plays_the_script_but_for_its_gaps() {
    for seed in 0..4 {
        assert_eq!(found(|step| madsim::run(step, seed, SLICE)), known(MADSIM), "seed {seed}");
    }
}

#[test]
fn an_hour_passes_in_no_time() {
    let real = MonotonicClock.now();
    assert_eq!(madsim::run(an_hour(), 0, Duration::from_secs(1)), Told::Ended(Class::Delivered));
    let real = Real::from(MonotonicClock.now().since(real));
    assert!(real < Real::from_secs(600), "time is not virtual: {real:?} passed");
}
