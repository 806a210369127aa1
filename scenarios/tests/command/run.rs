//! What a run prints: its seeds, its hashes, its parts, its time and its reports.

use super::{Desk, err, json, out, refusal};
use std::fs;

#[test]
fn seeds_that_pass_exit_0_and_write_nothing() {
    let desk = Desk::new("green");
    let output = desk.run(&["run", "ping_pong", "--seeds", "20", "--set", "pings=20"]);
    assert_eq!(output.status.code(), Some(0), "{}", out(&output));
    assert!(out(&output).starts_with("story      seeds  failed"), "{}", out(&output));
    assert_eq!(err(&output), "", "no progress bar where there is no terminal");
    assert!(!desk.0.join("sim-failures").exists());
}

#[test]
fn a_seed_has_one_trace_hash_however_it_is_run() {
    let desk = Desk::new("hash");
    let one = json(&desk.run(&["run", "ping_pong", "--seed", "7", "--json"]));
    let run = &one["stories"][0]["runs"][0];
    let hash = run["hash"].as_str().expect("a hash");
    assert_eq!((run["seed"].as_u64(), hash.len()), (Some(7), 32));
    assert!(hash.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)), "{hash}");
    let many = out(&desk.run(&["run", "ping_pong", "--seeds", "9", "--jobs", "3", "--trace-hash"]));
    assert!(many.contains(&format!("ping_pong seed 7 hash {hash}\n")), "{many}");
}

#[test]
fn the_digest_of_many_seeds_does_not_depend_on_jobs() {
    let desk = Desk::new("jobs");
    let digest = |jobs| {
        json(&desk.run(&["run", "ping_pong", "--seeds", "40", "--jobs", jobs, "--json"]))["stories"][0]["digest"].clone()
    };
    assert_eq!(digest("1"), digest("4"));
}

#[test]
fn the_parts_of_a_run_are_the_whole_run_whoever_says_which_part_it_is() {
    let desk = Desk::new("partition");
    let whole = out(&desk.run(&["run", "ping_pong", "--seeds", "10", "--trace-hash"]));
    let hashes = |text: &str| -> Vec<String> {
        text.lines().filter(|line| line.contains(" hash ")).map(str::to_owned).collect()
    };
    let mut parts = Vec::new();
    for (part, jobs) in [("1/3", "1"), ("2/3", "4"), ("3/3", "2")] {
        let output = desk.run(&[
            "run",
            "ping_pong",
            "--seeds",
            "10",
            "--trace-hash",
            "--jobs",
            jobs,
            "--partition",
            part,
        ]);
        assert_eq!(err(&output), format!("tidemill: part {part} of the seeds\n"));
        parts.extend(hashes(&out(&output)));
    }
    assert_eq!(parts, hashes(&whole));
    let second = ["run", "ping_pong", "--seeds", "10", "--trace-hash"];
    let gitlab = desk.run_with(&second, &[("CI_NODE_INDEX", "2"), ("CI_NODE_TOTAL", "3")]);
    assert_eq!(hashes(&out(&gitlab)), parts[3..6]);
    let odd = desk.run_with(&second, &[("CI_NODE_INDEX", "9"), ("CI_NODE_TOTAL", "3")]);
    assert!(refusal(&odd).contains("CI_NODE_INDEX=9 is none of 3 jobs"));
}

#[test]
fn a_run_ends_when_its_time_is_up_and_says_so() {
    let desk = Desk::new("time");
    let output = desk.run(&["run", "ping_pong", "--time", "1", "--json"]);
    assert_eq!(output.status.code(), Some(0));
    let done = json(&output);
    assert_eq!(done["stories"][0]["time_was_up"], true);
    assert!(done["stories"][0]["seeds"].as_u64() > Some(0));
    let whole = json(&desk.run(&["run", "ping_pong", "--time", "600", "--seeds", "3", "--json"]));
    assert_eq!(
        (&whole["stories"][0]["seeds"], &whole["stories"][0]["time_was_up"]),
        (&3.into(), &false.into())
    );
}

#[test]
fn a_junit_report_has_a_suite_for_every_story_and_a_case_for_every_failure() {
    let desk = Desk::new("junit");
    let output = desk.run(&["run", "ping_pong", "canary", "--seeds", "3", "--junit", "report.xml"]);
    assert_eq!(output.status.code(), Some(1));
    let text = fs::read_to_string(desk.0.join("report.xml")).expect("a report");
    let report = quick_junit::Report::deserialize_from_str(&text).expect("JUnit");
    let suites: Vec<_> =
        report.test_suites.iter().map(|suite| (suite.name.as_str(), suite.tests, suite.failures)).collect();
    assert_eq!(suites, [("ping_pong", 1, 0), ("canary", 1, 1)]);
    assert!(text.contains("replay: cargo sim replay sim-failures/canary-20f78d0c.tape"), "{text}");
}

#[test]
fn on_github_a_failure_is_an_annotation_too() {
    let desk = Desk::new("github");
    let output = desk.run_with(&["run", "canary", "--seeds", "2", "--json"], &[("GITHUB_ACTIONS", "true")]);
    let want = "::error file=sim-failures/canary-20f78d0c.tape,title=canary failed with seed 0::every ping arrives: # of # did%0A";
    assert!(err(&output).starts_with(want) && err(&output).lines().count() == 1, "{}", err(&output));
    assert_eq!(json(&output)["stories"][0]["failed"], 2, "standard output is left as it was");
}

// SIM-BUDGET: a story that goes beyond its budget on request does not survive it, and says in which phase.
#[test]
fn two_replicas_that_die_at_once_never_come_back() {
    let desk = Desk::new("beyond");
    let output =
        desk.run(&["run", "replicas", "--seeds", "20", "--set", "beyond=1", "--stop-after", "100", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let story = &json(&output)["stories"][0];
    assert_eq!((&story["seeds"], &story["failed"]), (&20.into(), &20.into()), "{story:#}");
    let message = story["failures"][0]["message"].as_str().expect("a message");
    assert!(message.ends_with(" items within 5s\nin the phase of liveness"), "{message}");
}
