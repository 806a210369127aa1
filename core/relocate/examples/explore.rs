//! Explores larger bounds than the tests do: `explore [RUN]... [--states N]`, where a run is one of E2, E3, E5 and E6.
//!
//! A bound on states that is hit is printed as not exhausted, and is no pass: the exit status is 2. A broken law exits with 1.

#[path = "../tests/explore/act.rs"]
mod act;
#[path = "../tests/explore/choices.rs"]
mod choices;
#[path = "../tests/explore/laws.rs"]
mod laws;
#[path = "../tests/explore/search.rs"]
mod search;
#[path = "../tests/explore/world.rs"]
mod world;

use search::{Found, search};
use std::process::ExitCode;
use world::{Bounds, Sabotage};

/// Name, items, generations, lives of the producer, of the consumer, crashes of the host, whether moves are one step.
type Run = (&'static str, u8, u64, usize, usize, u8, bool);

const RUNS: [Run; 4] = [
    ("E2", 2, 2, 2, 2, 1, true),
    ("E3", 2, 3, 2, 1, 0, true),
    ("E5", 2, 2, 2, 2, 1, false),
    ("E6", 2, 3, 2, 1, 0, false),
];

fn main() -> ExitCode {
    let (mut names, mut states, mut words) = (Vec::new(), 2_000_000, std::env::args().skip(1));
    while let Some(word) = words.next() {
        match word.as_str() {
            "--states" => match words.next().map(|number| number.parse()) {
                Some(Ok(number)) => states = number,
                _ => return complain("--states takes a number"),
            },
            name if RUNS.iter().any(|run| run.0 == name) => names.push(word),
            _ => return complain(&format!("there is no run {word}")),
        }
    }
    let mut worst = ExitCode::SUCCESS;
    for &(name, items, generations, producers, consumers, crashes, atomic) in &RUNS {
        if !names.is_empty() && !names.iter().any(|wanted| wanted == name) {
            continue;
        }
        let bounds =
            Bounds { items, generations, producers, consumers, crashes, atomic, ..Bounds::default() };
        let found = search(bounds, Sabotage::None, "", states);
        println!("{name}: {found}");
        match found {
            Found::Exhausted { sights, .. } if sights.whole => {}
            Found::Exhausted { .. } => return complain("no run comes to an end"),
            Found::NotExhausted { .. } => worst = ExitCode::from(2),
            Found::Broken { .. } => return ExitCode::FAILURE,
        }
    }
    worst
}

fn complain(why: &str) -> ExitCode {
    eprintln!("{why}; explore [E2] [E3] [E5] [E6] [--states N]");
    ExitCode::from(64)
}
