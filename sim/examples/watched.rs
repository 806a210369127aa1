//! What oracles cost: the reference program bare, under the oracles of the world, and under those of an edge as well.
//!
//! `cargo run --release -p tidemill-sim --example watched -- [messages]`

#[expect(dead_code, reason = "its `main` runs elsewhere")]
#[path = "ping_pong.rs"]
mod ping_pong;

use std::process::ExitCode;

use tidemill_sim::oracle::{
    Bounds, at_least_once, at_most_once, bounded, bounded_world, conservation, exactly_once,
    network_conservation, order, order_per_key, within, world_leak,
};
use tidemill_sim::{Duration, Happened, Moment, Sim};

/// Whom to ask.
const LEVELS: [(&str, u32); 3] = [("no oracle", 0), ("the world's", 1), ("an edge's as well", 2)];

fn watched(level: u32) -> Sim<ping_pong::Player> {
    let mut sim = ping_pong::world(1, 5, 1);
    if level >= 1 {
        sim.watch(network_conservation());
        sim.watch(bounded_world(Bounds { pending: 10_000, inbox: 10_000, tasks: 1 }));
        sim.watch(world_leak());
    }
    if level >= 2 {
        // Every datagram that arrives is an item on an edge, written down by the first to look.
        let (edge, mut numbers) = (sim.probe("edge"), [0; 16]);
        sim.oracle("writes", move |_: &Sim<_>, moment: Moment| {
            if let Moment::Event(record) = moment
                && record.kind() == Happened::Datagram
            {
                let (key, number) = (record.subject() as u64, &mut numbers[record.subject()]);
                edge.sent((key, *number));
                edge.delivered((key, *number));
                edge.level(1);
                *number += 1;
            }
            Ok(())
        });
        sim.watch(exactly_once("edge"));
        sim.watch(at_least_once("edge"));
        sim.watch(at_most_once("edge"));
        sim.watch(conservation("edge"));
        sim.watch(order("edge"));
        sim.watch(order_per_key("edge"));
        sim.watch(within("edge", Duration::from_secs(1)));
        sim.watch(bounded("edge", 1));
    }
    sim
}

fn main() -> ExitCode {
    let messages = std::env::args().nth(1).map_or(Ok(1_000_000), |text| text.parse::<u64>());
    let Ok(messages) = messages else {
        eprintln!("watched [messages]: a number");
        return ExitCode::from(2);
    };
    for (name, level) in LEVELS {
        let mut sim = watched(level);
        let begun = cpu_seconds();
        while sim.stats().delivered < messages && sim.step() {}
        let (hash, failure) = (sim.hash(), sim.failure());
        let speed = messages as f64 / (cpu_seconds() - begun);
        println!("{name:<18} {speed:>12.0} messages a CPU-second, hash {hash:032x}, {failure:?}");
    }
    ExitCode::SUCCESS
}

/// CPU time of this process.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    stat.split(' ').next().and_then(|ns| ns.parse::<f64>().ok()).unwrap_or(f64::NAN) / 1e9
}
