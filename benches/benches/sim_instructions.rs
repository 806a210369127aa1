//! Exact instruction counts of the simulator under callgrind, a thousand operations each: read the last three digits as
//! decimals.
//!
//! ```text
//! a message ▪ a message of ping-pong ▪ a timer ▪ a decision ▪ a world in which nothing happens
//! ```
//! Every event is hashed. The counts are the same on every run with one compiler, so they are gated: a limit that is broken
//! fails the bench. A program of its own, because what the compiler inlines depends on what else there is.
#![expect(unused_qualifications, missing_docs, reason = "so expand gungraun's macros")]

use std::hint::black_box;

use benches::case::Case;
use benches::ours::{self, Player};
use benches::parts::{self, Part};
use gungraun::prelude::*;
use gungraun::{Callgrind, EventKind};
use tidemill_sim::Sim;

const OPERATIONS: u32 = 1000;

/// At most this many instructions an operation, and one in twenty more for another compiler.
fn at_most(instructions: u64) -> LibraryBenchmarkConfig {
    let limit = instructions * u64::from(OPERATIONS) * 21 / 20;
    LibraryBenchmarkConfig::default().tool(Callgrind::default().hard_limits([(EventKind::Ir, limit)])).clone()
}

/// Warm: nothing is allocated any more.
fn passed(mut sim: Sim<Part>) -> Sim<Part> {
    parts::pass(&mut sim, 100);
    sim
}

fn sim_passes(mut sim: Sim<Part>, ticks: u32) -> Sim<Part> {
    parts::pass(&mut sim, black_box(ticks));
    sim
}

// One datagram of 64 bytes: sent, queued, delivered, hashed.
#[library_benchmark]
#[bench::tidemill(args = (passed(parts::bouncing())), config = at_most(847))]
fn sim_message(sim: Sim<Part>) -> Sim<Part> {
    sim_passes(sim, OPERATIONS)
}

#[library_benchmark]
#[bench::tidemill(args = (passed(parts::ticking())), config = at_most(467))]
fn sim_timer(sim: Sim<Part>) -> Sim<Part> {
    sim_passes(sim, OPERATIONS)
}

// All in one event.
#[library_benchmark]
#[bench::tidemill(args = (parts::choosing(OPERATIONS)), config = at_most(74))]
fn sim_choice(sim: Sim<Part>) -> Sim<Part> {
    sim_passes(sim, 1)
}

fn five_and_five() -> Sim<Player> {
    delivers(ours::players(5, 5, 1), 1000)
}

fn delivers(mut sim: Sim<Player>, messages: u32) -> Sim<Player> {
    let end = sim.stats().delivered + u64::from(messages);
    while sim.stats().delivered < end {
        assert!(sim.step(), "somebody always sends again");
    }
    sim
}

// With two decisions, loss and latency, and, every other message, a timer that is cancelled and one that is set.
#[library_benchmark]
#[bench::five_and_five(args = (five_and_five()), config = at_most(1149))]
fn sim_message_of_ping_pong(sim: Sim<Player>) -> Sim<Player> {
    delivers(sim, OPERATIONS)
}

// Three machines with a process each: made, run, dropped.
#[library_benchmark]
#[bench::of_three_machines(config = at_most(12899))]
fn sim_idle_world() {
    assert!(ours::run(Case::Empty { machines: 3 }, u64::from(OPERATIONS)).is_some());
}

library_benchmark_group!(
    name = sim_group,
    benchmarks = [sim_message, sim_message_of_ping_pong, sim_timer, sim_choice, sim_idle_world]
);

main!(library_benchmark_groups = sim_group);
