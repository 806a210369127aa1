//! What an empty simulation costs, and how fast virtual time passes where little happens.
//!
//! `cargo run --release -p tidemill-sim --example idle -- empty [simulations]`, or `idle -- timers [machines] [seconds]`

use std::hint::black_box;
use std::process::ExitCode;

use tidemill_sim::{Context, Duration, Event, Process, Sim};

/// Wakes once a second.
struct Heart;

impl Process for Heart {
    fn on(&mut self, context: &mut Context<'_>, _: Event<'_>) {
        context.timer(Duration::from_secs(1), 0);
    }
}

fn empty(simulations: u64) {
    for seed in 0..simulations {
        let mut sim = Sim::<Heart>::new(seed);
        for name in ["a", "b", "c"] {
            black_box(sim.machine(name));
        }
        sim.run().expect_ok();
        black_box(&sim);
    }
    println!("{simulations} simulations");
}

fn timers(machines: u64, seconds: u64) {
    let mut sim = Sim::new(1);
    for i in 0..machines {
        let machine = sim.machine(&format!("host{i}"));
        sim.spawn(machine, "heart", Heart);
    }
    sim.run_for(Duration::from_secs(seconds)).expect_ok();
    println!("{} events in {seconds} virtual seconds", sim.stats().events);
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, default| arguments.get(at).map_or(Some(default), |text| text.parse().ok());
    match (arguments.first().map(String::as_str), number(1, 3), number(2, 1_000_000)) {
        (Some("empty"), Some(simulations), _) => empty(simulations),
        (Some("timers"), Some(machines), Some(seconds)) => timers(machines, seconds),
        _ => {
            eprintln!("idle empty [simulations] | idle timers [machines] [seconds]");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}
