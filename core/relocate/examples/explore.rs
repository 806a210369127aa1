//! Explores larger bounds than the tests do: `explore [RUN]... [--states N]`, where a run is one of E1 to E10, or END.
//!
//! A bound on states that is hit is printed as not exhausted, and is no pass: the exit status is 2. A broken law exits with 1.

#[path = "../tests/explore/act.rs"]
mod act;
#[path = "../tests/explore/choices.rs"]
mod choices;
#[path = "../tests/explore/laws.rs"]
mod laws;
#[path = "../tests/explore/part.rs"]
mod part;
#[path = "../tests/explore/search.rs"]
mod search;
#[path = "../tests/explore/world.rs"]
mod world;

use search::{Found, search};
use std::process::ExitCode;
use tidemill_relocate::Preset;
use world::{Bounds, Sabotage};

/// Items, generations, lives of the producer, of the consumer, crashes of the host; each request by itself.
fn bounds(items: u8, generations: u64, producers: usize, consumers: usize, crashes: u8) -> Bounds {
    Bounds { items, generations, producers, consumers, crashes, ..Bounds::default() }
}

/// The runs by their names; those of the first line have moves as one step.
fn runs() -> [(&'static str, Bounds); 11] {
    let atomic = |bounds| Bounds { atomic: true, ..bounds };
    let preset = Preset::Deterministic;
    [
        ("E1", atomic(bounds(1, 4, 3, 2, 1))),
        ("E2", atomic(bounds(2, 2, 2, 2, 1))),
        ("E3", atomic(bounds(2, 3, 2, 1, 0))),
        ("E4", Bounds { stale: true, ..bounds(1, 3, 3, 2, 1) }),
        ("E5", bounds(2, 2, 2, 2, 1)),
        ("E6", bounds(2, 3, 2, 1, 0)),
        ("E7", Bounds { rollbacks: 1, ..bounds(2, 3, 3, 1, 0) }),
        ("E8", Bounds { preset, ..bounds(2, 3, 2, 1, 1) }),
        ("E9", atomic(Bounds { by_map: true, ..bounds(2, 3, 2, 1, 0) })),
        ("E10", Bounds { unknown: true, ..bounds(2, 3, 2, 1, 1) }),
        ("END", Bounds { ends: true, ..bounds(2, 2, 2, 2, 0) }),
    ]
}

fn main() -> ExitCode {
    let (mut names, mut states, mut words) = (Vec::new(), 2_000_000, std::env::args().skip(1));
    while let Some(word) = words.next() {
        match word.as_str() {
            "--states" => match words.next().map(|number| number.parse()) {
                Some(Ok(number)) => states = number,
                _ => return complain("--states takes a number"),
            },
            name if runs().iter().any(|run| run.0 == name) => names.push(word),
            _ => return complain(&format!("there is no run {word}")),
        }
    }
    let mut worst = ExitCode::SUCCESS;
    for (name, bounds) in runs() {
        if !names.is_empty() && !names.iter().any(|wanted| wanted == name) {
            continue;
        }
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
    eprintln!("{why}; explore [E1] … [E10] [END] [--states N]");
    ExitCode::from(64)
}
