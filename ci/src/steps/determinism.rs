//! One seed, one hash: wherever, whenever and however it runs.

use super::cargo::wasm_build;
use super::profiles;
use super::tidemill::{Build, Run, Tidemill, json, runs};
use crate::shell::{Failure, Place};
use crate::table::Verdict;
use std::path::Path;

/// Seeds a story, from 0.
const SEEDS: u64 = 8;
/// Stories about the Linux world, which the WebAssembly module does not have.
const NATIVE: [&str; 1] = ["register"];
/// Seeds a story where the program is not optimised.
const SLOW_SEEDS: u64 = 2;

/// The reference is the n-th simulation of a process with one worker thread, optimised, on this machine. Each other way
/// must give the same hash for the same seed.
pub(crate) fn run(place: &Place) -> Verdict {
    let dir = place.scratch("determinism")?;
    let release = Tidemill::build(place, Build::Release)?;
    let reference = many(&release, &dir, SEEDS, "1")?;
    let stories = reference.iter().filter(|(_, seed, _)| *seed == 0).count();
    if reference.len() as u64 != stories as u64 * SEEDS || stories == 0 {
        return Err(Failure::new(format!("{} runs of {stories} stories reported", reference.len())));
    }
    let mut ways = 0;
    let mut agree = |way: &str, found: &[Run]| -> Result<(), Failure> {
        println!("{way:<28} {} runs", found.len());
        ways += 1;
        compare(way, &reference, found)
    };
    agree("again, in a new process", &many(&release, &dir, SEEDS, "1")?)?;
    agree("among three threads", &many(&release, &dir, SEEDS, "3")?)?;
    let mut alone = Vec::new();
    for seed in 0..SEEDS {
        alone.extend(report(&release, &dir, &["run", "--json", "--seed", &seed.to_string()])?);
    }
    agree("first of a new process", &alone)?;
    for build in [Build::Debug, Build::Aarch64] {
        let other = Tidemill::build(place, build)?;
        agree(build.name(), &many(&other, &dir, SLOW_SEEDS, "2")?)?;
    }
    agree("wasm32, by node", &wasm(place, &dir, &reference)?)?;
    let mut said = format!("{stories} stories, {ways} ways, equal hashes");
    // Two more builds of a test: with the long budget only.
    if place.long {
        profiles::compare(place, &dir, &release)?;
        said.push_str("; a leak of the profile is caught at its event");
    }
    Ok(said)
}

/// Every story as WebAssembly, in node. Those of the reference only: canaries run only where they are named.
fn wasm(place: &Place, dir: &Path, reference: &[Run]) -> Result<Vec<Run>, Failure> {
    wasm_build(place, "tidemill-scenarios-wasm").run()?;
    let module = place.target.join("wasm32-unknown-unknown/release/tidemill_scenarios_wasm.wasm");
    let script = place.root.join("ci/wasm/hashes.mjs");
    let seeds = SLOW_SEEDS.to_string();
    let call = place.call("node").args([script.as_os_str(), module.as_os_str(), seeds.as_ref()]).dir(dir);
    let line = call.line();
    let said = call.capture()?;
    if said.code() != Some(0) {
        return Err(Failure::new(format!("{}: {}", said.ending(), said.all().trim())).repeat(line));
    }
    let report = json(&said)?;
    let left_out: Vec<&str> = report["stories"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|story| story["left_out"].is_string())
        .filter_map(|story| story["story"].as_str())
        .collect();
    println!("left out of wasm32, which cannot unwind: {}", left_out.join(", "));
    let mut found = runs(&report);
    found.retain(|(story, ..)| reference.iter().any(|(known, ..)| known == story));
    let asked = |(story, seed, _): &&Run| {
        *seed < SLOW_SEEDS && !left_out.contains(&story.as_str()) && !NATIVE.contains(&story.as_str())
    };
    let asked = reference.iter().filter(asked).count();
    if found.len() != asked {
        return Err(Failure::new(format!("{} of {asked} runs were reported", found.len())).repeat(line));
    }
    Ok(found)
}

fn many(tidemill: &Tidemill, dir: &Path, seeds: u64, jobs: &str) -> Result<Vec<Run>, Failure> {
    report(tidemill, dir, &["run", "--json", "--trace-hash", "--seeds", &seeds.to_string(), "--jobs", jobs])
}

fn report(tidemill: &Tidemill, dir: &Path, args: &[&str]) -> Result<Vec<Run>, Failure> {
    let call = tidemill.call(dir, args.iter().copied());
    let line = call.line();
    let said = call.capture()?;
    if !matches!(said.code(), Some(0 | 1)) {
        return Err(Failure::new(format!("{}: {}", said.ending(), said.all().trim())).repeat(line));
    }
    Ok(runs(&json(&said)?))
}

/// Every run found must be one of the reference, with the same hash.
fn compare(way: &str, reference: &[Run], found: &[Run]) -> Result<(), Failure> {
    if found.is_empty() {
        return Err(Failure::new(format!("{way}: no run was reported")));
    }
    for (story, seed, hash) in found {
        let expected = reference.iter().find(|(name, number, _)| name == story && number == seed);
        let Some((_, _, expected)) = expected else {
            return Err(Failure::new(format!("{way}: {story} seed {seed} was not asked for")));
        };
        if hash != expected {
            return Err(Failure::new(format!(
                "{way}: {story} seed {seed} has hash {hash}, expected {expected}"
            ))
            .repeat(format!("cargo sim run {story} --seed {seed} --json")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::compare;

    fn run(seed: u64, hash: &str) -> (String, u64, String) {
        (String::from("story"), seed, hash.to_owned())
    }

    #[test]
    fn one_differing_hash_is_named_with_its_story_and_seed() {
        let reference = [run(0, "aa"), run(1, "bb")];
        assert!(compare("way", &reference, &[run(1, "bb")]).is_ok());
        let failure = compare("way", &reference, &[run(0, "aa"), run(1, "bc")]).expect_err("it differs");
        assert_eq!(failure.why, "way: story seed 1 has hash bc, expected bb");
        assert_eq!(failure.repeat.as_deref(), Some("cargo sim run story --seed 1 --json"));
    }

    #[test]
    fn no_run_and_a_strange_run_are_failures() {
        assert!(compare("way", &[run(0, "aa")], &[]).is_err());
        assert!(compare("way", &[run(0, "aa")], &[run(5, "aa")]).is_err());
    }
}
