//! Runs the targets on stable Rust: the corpus, then mutations of it, as the seed says.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tidemill_fuzz::{Mutator, TARGETS, Target};

const USAGE: &str = "\
usage: cargo run -p tidemill-fuzz -- [--runs N] [--seed S] [TARGET [FILE]]
  N mutations of each target's corpus [default: 2000]; one FILE alone, where it is given";

#[derive(Debug)]
struct Asked {
    runs: u64,
    seed: u64,
    target: Option<String>,
    file: Option<PathBuf>,
}

fn asked(mut words: impl Iterator<Item = String>) -> Option<Asked> {
    let mut asked = Asked { runs: 2_000, seed: 0, target: None, file: None };
    while let Some(word) = words.next() {
        match word.as_str() {
            "--runs" => asked.runs = words.next()?.parse().ok()?,
            "--seed" => asked.seed = words.next()?.parse().ok()?,
            _ if word.starts_with('-') => return None,
            _ if asked.target.is_none() => asked.target = Some(word),
            _ if asked.file.is_none() => asked.file = Some(word.into()),
            _ => return None,
        }
    }
    Some(asked)
}

fn main() -> ExitCode {
    let Some(asked) = asked(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let fits = |target: &&Target| asked.target.as_ref().is_none_or(|name| target.name == name);
    let targets: Vec<&Target> = TARGETS.iter().filter(fits).collect();
    if targets.is_empty() {
        let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
        eprintln!("no such target; there are: {}", names.join(", "));
        return ExitCode::from(2);
    }
    let passed = targets.iter().filter(|target| fuzz(target, &asked)).count();
    if passed == targets.len() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs one target; whether it kept its promise.
fn fuzz(target: &Target, asked: &Asked) -> bool {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name);
    if let Some(file) = &asked.file {
        return match std::fs::read(file) {
            Ok(input) => holds(target, &input),
            Err(error) => {
                eprintln!("{}: {error}", file.display());
                false
            }
        };
    }
    let mut corpus = (target.seeds)();
    corpus.extend(kept(&folder));
    let mut mutator = Mutator::new(asked.seed);
    let mutations = (0..asked.runs).map(|_| mutator.mutate(&corpus)).collect::<Vec<_>>();
    for input in corpus.iter().chain(&mutations) {
        if !holds(target, input) {
            keep(&folder, target, input);
            return false;
        }
    }
    println!("{}: {} inputs and {} mutations: {}", target.name, corpus.len(), asked.runs, target.about);
    true
}

fn holds(target: &Target, input: &[u8]) -> bool {
    catch_unwind(AssertUnwindSafe(|| (target.run)(input))).is_ok()
}

/// Inputs that broke something once, in the order of their names.
fn kept(folder: &Path) -> Vec<Vec<u8>> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths.iter().filter_map(|path| std::fs::read(path).ok()).collect()
}

/// Writes what broke a target into its corpus, and says how to run it again.
fn keep(folder: &Path, target: &Target, input: &[u8]) {
    let hash = input.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let path = folder.join(format!("{hash:016x}"));
    match std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, input)) {
        Ok(()) => {
            println!("{} broke its promise: {}", target.name, target.about);
            println!("replay: cargo run -p tidemill-fuzz -- {} {}", target.name, path.display());
        }
        Err(error) => eprintln!("{}: {error}", path.display()),
    }
}
