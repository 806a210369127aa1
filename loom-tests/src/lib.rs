//! Loom and shuttle models of the shipped rings, and litmus twins that must fail.
//!
//! ```text
//! cargo test -p loom-tests --features loom --release       every interleaving, every reordering of small histories
//! cargo test -p loom-tests --features shuttle --release    many interleavings of long histories
//! ```
//! A model is a closure over the shipped ring. A litmus twin is the same closure over a region that keeps one promise
//! less (a `Flaw`): if its model still passes, the model proves nothing. Without a feature there is nothing here.
#![cfg(any(feature = "loom", feature = "shuttle"))]

pub mod crowds;
mod flawed;
pub mod histories;
pub mod queues;
pub mod segments;
pub mod shared;
mod sparse;

pub use flawed::{CONSUMER_STANDING, DONE, Flaw, Flawed, PRODUCER_STANDING, TAIL};

pub use sparse::{Lapse, Sparse};

#[cfg(feature = "loom")]
pub use loom::{
    sync::{Condvar, Mutex},
    thread,
};

#[cfg(all(feature = "shuttle", not(feature = "loom")))]
pub use shuttle::{
    sync::{Condvar, Mutex},
    thread,
};

/// Runs `model` under every schedule with at most three preemptions and every value each load may see.
#[cfg(feature = "loom")]
pub fn check(model: impl Fn() + Send + Sync + 'static) {
    explore(model, Some(3));
}

/// As [`check`], with at most two preemptions: for models of many steps.
#[cfg(feature = "loom")]
pub fn check_long(model: impl Fn() + Send + Sync + 'static) {
    explore(model, Some(2));
}

/// Runs `model` under every schedule there is.
#[cfg(feature = "loom")]
pub fn check_all(model: impl Fn() + Send + Sync + 'static) {
    explore(model, None);
}

#[cfg(feature = "loom")]
fn explore(model: impl Fn() + Send + Sync + 'static, preemptions: Option<usize>) {
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
    let runs = std::sync::Arc::new(AtomicU64::new(0));
    let counted = runs.clone();
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = preemptions;
    builder.check(move || {
        // Relaxed: a count, read when all is done.
        counted.fetch_add(1, Relaxed);
        model();
    });
    let runs = runs.load(Relaxed);
    println!("{runs} executions");
    assert!(runs > 10, "a model of {runs} executions proves nothing");
}

/// Runs `model` under random schedules, then under schedules with three places where priorities change (PCT).
#[cfg(all(feature = "shuttle", not(feature = "loom")))]
pub fn check(model: impl Fn() + Send + Sync + 'static) {
    let model = std::sync::Arc::new(model);
    let random = model.clone();
    let schedules = schedules();
    shuttle::check_random(move || random(), schedules);
    shuttle::check_pct(move || model(), schedules, 3);
}

#[cfg(all(feature = "shuttle", not(feature = "loom")))]
pub use {check as check_all, check as check_long};

/// How many schedules of each kind: `TIDEMILL_SCHEDULES`, or what takes seconds.
#[cfg(all(feature = "shuttle", not(feature = "loom")))]
fn schedules() -> usize {
    let asked = std::env::var("TIDEMILL_SCHEDULES").ok();
    asked.map_or(1_500, |text| text.parse().expect("TIDEMILL_SCHEDULES is a whole number"))
}

/// `long` under shuttle, `short` under loom, which tries everything.
pub const fn lengths(short: u32, long: u32) -> u32 {
    if cfg!(feature = "loom") { short } else { long }
}
