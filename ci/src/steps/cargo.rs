//! Steps that are one or two cargo commands.

use crate::shell::{Call, Failure, Place};
use crate::table::Verdict;
use std::thread;

pub(crate) fn fmt(place: &Place) -> Verdict {
    place.cargo(["fmt", "--all", "--check"]).run()?;
    for manifest in satellites(place) {
        place.cargo(["fmt", "--check", "--manifest-path", &manifest]).run()?;
    }
    Ok(String::new())
}

/// Crates outside of the workspace, because they build for other machines or with other toolchains.
fn satellites(place: &Place) -> Vec<String> {
    [
        "scenarios/boards/Cargo.toml",
        "scenarios/downstream/Cargo.toml",
        "scenarios/elsewhere/Cargo.toml",
        "benches/madsim-peer/Cargo.toml",
        "ci/noheap/Cargo.toml",
    ]
    .into_iter()
    .filter(|manifest| place.root.join(manifest).is_file())
    .map(String::from)
    .collect()
}

/// What is off unless asked for, and read by lints and documentation all the same.
const OPTIONAL: &str = "tidemill-host/tokio,tidemill-fuzz/codecs";

pub(crate) fn clippy(place: &Place) -> Verdict {
    let all = ["clippy", "--workspace", "--all-targets", "--keep-going", "--features", OPTIONAL];
    place.cargo(all).args(["--", "-D", "warnings"]).run()?;
    Ok(String::new())
}

pub(crate) fn docs(place: &Place) -> Verdict {
    let call =
        place.cargo(["doc", "--workspace", "--no-deps", "--lib", "--keep-going", "--features", OPTIONAL]);
    call.env("RUSTDOCFLAGS", "-D warnings").run()?;
    Ok(String::new())
}

pub(crate) fn test(place: &Place) -> Verdict {
    counted(place.cargo(["test", "--workspace", "--no-fail-fast"]))
}

pub(crate) fn loom(place: &Place) -> Verdict {
    linted(place.cargo(["test", "-p", "loom-tests", "--features", "loom", "--release"]))
}

pub(crate) fn shuttle(place: &Place) -> Verdict {
    let call = place.cargo(["test", "-p", "loom-tests", "--features", "shuttle", "--release"]);
    linted(if place.long { call.env("TIDEMILL_SCHEDULES", "100000") } else { call })
}

/// The codecs of rings: each alone for a board without an operating system, all of them against any bytes.
pub(crate) fn codecs(place: &Place) -> Verdict {
    for codec in ["postcard", "bincode", "rkyv", "flatbuffers"] {
        let bare = ["check", "-p", "tidemill-ring", "--target", "thumbv6m-none-eabi", "--features", codec];
        place.cargo(bare).run()?;
    }
    counted(place.cargo([
        "test",
        "-p",
        "tidemill-ring",
        "--features",
        "codecs,alloc",
        "--test",
        "codec",
        "--test",
        "typed",
    ]))
}

/// A build for WebAssembly. It runs a few seeds in node: what is not optimised is sooner done.
pub(crate) fn wasm_build(place: &Place, package: &str) -> Call {
    let call = place.cargo(["build", "--release", "-p", package, "--target", "wasm32-unknown-unknown"]);
    call.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0")
}

pub(crate) fn wasm(place: &Place) -> Verdict {
    wasm_build(place, "tidemill-sim").run()?;
    Ok(String::new())
}

/// What miri looks at: one selection in every call, so that it is built once.
const MIRI: [&str; 7] = ["+nightly", "miri", "test", "-p", "tidemill-ring", "-p", "tidemill-flow"];

/// Once over everything, and beside it the tests with threads again under several schedules: the first is one thread long.
pub(crate) fn miri(place: &Place) -> Verdict {
    // That nothing is allocated is counted over a long run, and the pure machines of rings have no unsafe code: miri adds
    // hours to them and no knowledge. A hostile peer's words are of another size than ours, which its stores do not know.
    let never = [
        "nothing_is_allocated",
        "required::",
        "coordinate::",
        "topology::",
        "no_words_make_a_consumer_panic",
        "a_peer_that_writes_anything",
    ];
    // The tests over a segment check its header again and again, frames, names, waits and wires have no unsafe code of their
    // own, and histories are long: with the long budget only.
    let for_long = [
        "header::",
        "segment::",
        "doctor::",
        "tail::",
        "claim::",
        "frame::",
        "name::",
        "wait::",
        "histories::",
        "a_cancel_ends_a_wait",
        "the_same_sequence_comes_out_on_any_number_of_threads",
        "t1_t3_every_item_arrives_once_and_in_order",
        "t4_a_restarted_sender_resumes_where_the_receiver_stands",
        "t5_arbitrary_bytes",
    ];
    let short: &[&str] = if place.long { &[] } else { &for_long };
    let skipped: Vec<&str> = never.iter().chain(short).flat_map(|name| ["--skip", *name]).collect();
    let both = ["core/ring", "core/flow"];
    let whole = if place.long { &both[..] } else { &both[1..] };
    // Headers, wires, paces and a count of allocations reach no unsafe code that another program does not.
    let plain: &[&str] =
        if place.long { &[] } else { &["message", "no_allocation", "pace", "quick", "wire"] };
    let whole =
        test_programs(place, whole, &[""])?.into_iter().filter(|name| !plain.contains(&name.as_str()));
    let whole: Vec<String> = chosen(whole).collect();
    let seeds = if place.long { "0..128" } else { "0..3" };
    let names = ["two_threads", "different_threads"];
    let threaded: Vec<String> = chosen(test_programs(place, &both, &names)?).collect();
    place.cargo(MIRI).args(["--lib", "--no-run"]).args(&whole).args(&threaded).run()?;
    let units = place.cargo(MIRI).args(["--lib", "--"]).args(&skipped);
    let whole = place.cargo(MIRI).args(whole).args(["--"]).args(&skipped);
    let threaded = place.cargo(MIRI).args(threaded).args(["--"]).args(names);
    let threaded = threaded.env("MIRIFLAGS", format!("-Zmiri-many-seeds={seeds}"));
    let (once, again) = thread::scope(|scope| {
        let again = scope.spawn(|| counted(threaded));
        let once = counted(units)
            .and_then(|units| Ok(format!("{units} of one file, {} of one crate", counted(whole)?)));
        (once, again.join().expect("a step does not panic"))
    });
    Ok(format!("{}; {} with threads under seeds {seeds}", once?, again?))
}

/// `--test NAME` for each test program.
fn chosen(names: impl IntoIterator<Item = String>) -> impl Iterator<Item = String> {
    names.into_iter().flat_map(|name| [String::from("--test"), name])
}

/// The test programs of these crates in which one of these words stands.
fn test_programs(place: &Place, crates: &[&str], words: &[&str]) -> Result<Vec<String>, Failure> {
    let mut names = Vec::new();
    for folder in crates.iter().map(|name| place.root.join(name).join("tests")) {
        let failed = |error| Failure::new(format!("{}: {error}", folder.display()));
        for entry in std::fs::read_dir(&folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.extension().is_none_or(|end| end != "rs") {
                continue;
            }
            let text = std::fs::read_to_string(&path).map_err(failed)?;
            if words.iter().any(|word| text.contains(word)) {
                names.extend(path.file_stem().and_then(|stem| Some(stem.to_str()?.to_owned())));
            }
        }
    }
    names.sort();
    Ok(names)
}

/// As [`counted`], built by clippy, which is a compiler too: one build with its lints instead of two. Any warning is a failure.
pub(crate) fn linted(call: Call) -> Verdict {
    let call = call.env("RUSTC_WORKSPACE_WRAPPER", "clippy-driver");
    let line = call.line();
    let said = call.read()?;
    if let Some(warning) = first_warning(&said.stderr) {
        println!("{}", said.stderr);
        return Err(Failure::new(warning).repeat(line));
    }
    summed(&said.stdout, line)
}

fn first_warning(stderr: &str) -> Option<&str> {
    stderr.lines().find(|line| line.starts_with("warning"))
}

/// A run of tests, with how many there were: a suite that has lost its tests does not pass.
pub(crate) fn counted(call: Call) -> Verdict {
    let line = call.line();
    summed(&call.read()?.stdout, line)
}

fn summed(said: &str, line: String) -> Verdict {
    let tests = tests_passed(said);
    println!(
        "{}",
        said.lines().filter(|line| line.starts_with("test result")).collect::<Vec<_>>().join("\n")
    );
    if tests == 0 { Err(Failure::new("no test ran").repeat(line)) } else { Ok(format!("{tests} tests")) }
}

/// The sum over the closing lines of all test programs.
pub(crate) fn tests_passed(said: &str) -> usize {
    said.lines()
        .filter_map(|line| line.strip_prefix("test result: ok. ")?.split(' ').next()?.parse::<usize>().ok())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::{first_warning, tests_passed};

    #[test]
    fn passed_tests_are_summed_over_programs_and_no_program_is_no_test() {
        let said = "running 3 tests\ntest result: ok. 3 passed; 0 failed; 1 ignored\nx\ntest result: ok. 14 passed; 0 failed\n";
        assert_eq!(tests_passed(said), 17);
        assert_eq!(tests_passed("nothing"), 0);
    }

    #[test]
    fn a_warning_is_found_among_what_cargo_says() {
        let said = "   Compiling a v0.1.0\nwarning: unused variable: `x`\n    Finished `release`\n";
        assert_eq!(first_warning(said), Some("warning: unused variable: `x`"));
        assert_eq!(first_warning("   Compiling warnings v0.1.0\n"), None);
    }
}
