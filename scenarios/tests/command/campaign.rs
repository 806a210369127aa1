//! Campaigns and their coverage: parts that add up, and files that do not belong.

use super::{Desk, err, json, out, refusal};
use std::fs;

// SIM-ASSERT: parts of a campaign add up to the whole, and a claim that no run met fails it.
#[test]
fn the_coverage_of_parts_adds_up_to_that_of_the_whole() {
    let desk = Desk::new("coverage");
    let part = |seeds: &str, k: &str, file: &str| {
        let arguments = ["run", "replicas", "--seeds", seeds, "--partition", k, "--coverage", file];
        assert_eq!(desk.run(&arguments).status.code(), Some(0));
    };
    part("150", "1/1", "whole.json");
    part("150", "1/2", "parts/1.json");
    part("150", "2/2", "parts/2.json");
    let sum = desk.run(&["coverage", "parts/1.json", "parts/2.json", "--merged", "sum.json"]);
    assert_eq!(sum.status.code(), Some(0), "{}", out(&sum));
    let text = |file: &str| fs::read_to_string(desk.0.join(file)).expect("a file");
    assert_eq!(text("sum.json"), text("whole.json"));
    let table = out(&sum);
    let head: Vec<&str> = table.lines().take(2).flat_map(str::split_whitespace).collect();
    assert_eq!(head.join(" "), "replicas: 150 runs claim runs evaluated met first seed detail name");
    for row in ["fault", "family", "watermark", "sometimes", "reachable", "expected"] {
        assert!(table.contains(&format!("\n  {row} ")), "{table}");
    }
    let object = json(&desk.run(&["coverage", "sum.json", "--json"]));
    assert_eq!(object["stories"][0]["runs"], 150);

    part("1", "1/1", "one.json");
    let one = desk.run(&["coverage", "one.json"]);
    assert_eq!(one.status.code(), Some(1), "one seed has not seen everything: {}", out(&one));
    assert!(out(&one).contains("\n  not met in any of 1 runs: "), "{}", out(&one));
}

#[test]
fn a_coverage_file_that_cannot_be_read_is_refused_with_line_and_reason() {
    let desk = Desk::new("bad-coverage");
    for (name, text) in [
        ("coverage-empty", ""),
        ("coverage-foreign", "tidemill tape 1\n"),
        ("coverage-unknown-version", "{ \"tidemill_coverage\": 9 }"),
        ("coverage-unknown-key", "{ \"tidemill_coverage\": 1,\n  \"sead\": 1 }"),
    ] {
        fs::write(desk.0.join("bad.json"), text).expect("a file");
        insta::assert_snapshot!(name, refusal(&desk.run(&["coverage", "bad.json"])));
    }
    let missing = refusal(&desk.run(&["coverage", "no-such.json"]));
    assert!(missing.starts_with("tidemill: no-such.json: "), "{missing}");
}

#[test]
fn a_campaign_that_was_interrupted_comes_to_the_same_as_one_that_was_not() {
    let desk = Desk::new("campaign");
    let campaign = |file: &str, more: &[&str]| {
        let mut arguments = vec!["campaign", file, "lock_service", "canary", "--strategies", "random,pct:3"];
        arguments.extend(["--block", "4"]);
        arguments.extend(more);
        desk.run(&arguments)
    };
    let at_once = campaign("once.json", &["--runs", "8", "--jobs", "2", "--json"]);
    assert_eq!(at_once.status.code(), Some(1), "{}", err(&at_once));
    for runs in ["2", "4", "8"] {
        assert_eq!(campaign("often.json", &["--runs", runs, "--jobs", "1"]).status.code(), Some(1));
    }
    let read = |name: &str| fs::read_to_string(desk.0.join(name)).expect("a ledger");
    assert_eq!(read("once.json"), read("often.json"));

    let once = json(&at_once)["campaign"].clone();
    let findings = once["findings"].as_array().expect("findings");
    assert_eq!(findings.len(), 1, "the canary fails in one way, whoever finds it: {once}");
    let finding = &findings[0];
    assert_eq!((&finding["story"], &finding["choices"][1]), (&"canary".into(), &1.into()));
    let failed = once["lanes"].as_array().expect("lanes").iter().map(|lane| lane["failed"].as_u64());
    assert_eq!(finding["runs"].as_u64(), failed.sum::<Option<u64>>(), "{once}");
    let replayed = desk.run(&["replay", finding["tape"].as_str().expect("a tape")]);
    assert_eq!(replayed.status.code(), Some(1), "{}", err(&replayed));
}

#[test]
fn the_claims_of_a_campaign_add_up_block_by_block() {
    let desk = Desk::new("campaign-coverage");
    let begin = ["campaign", "c.json", "replicas", "--block", "20", "--coverage", "sum.json", "--runs"];
    for runs in ["20", "40"] {
        let arguments: Vec<&str> = begin.iter().copied().chain([runs]).collect();
        assert_eq!(desk.run(&arguments).status.code(), Some(0));
    }
    assert_eq!(
        desk.run(&["run", "replicas", "--seeds", "40", "--coverage", "run.json"]).status.code(),
        Some(0)
    );
    let text = |file: &str| fs::read_to_string(desk.0.join(file)).expect("a file");
    assert_eq!(text("sum.json"), text("run.json"));
}

#[test]
fn a_file_of_another_campaign_is_refused_and_left_as_it_is() {
    let desk = Desk::new("campaign-refused");
    let begin = ["campaign", "c.json", "ping_pong", "--runs", "2", "--block", "2"];
    assert_eq!(desk.run(&begin).status.code(), Some(0));
    let before = fs::read_to_string(desk.0.join("c.json")).expect("a ledger");
    for (more, why) in [
        (&["--set", "pings=3"][..], "other parameters"),
        (&["--strategies", "swarm"], "other stories or strategies"),
        (&["--strategies", "luck"], "is no strategy"),
    ] {
        let arguments: Vec<&str> = begin.iter().chain(more).copied().collect();
        let complaint = refusal(&desk.run(&arguments));
        assert!(complaint.contains(why), "{complaint}");
    }
    assert!(
        refusal(&desk.run(&["campaign", "c.json", "ping_pong", "--block", "3"])).contains("another --block")
    );
    assert_eq!(fs::read_to_string(desk.0.join("c.json")).expect("a ledger"), before);
    for bad in ["", "{", "[]", "{\"tidemill_campaign\": 9}"] {
        fs::write(desk.0.join("bad.json"), bad).expect("a file");
        let complaint = refusal(&desk.run(&["campaign", "bad.json", "ping_pong"]));
        assert!(complaint.starts_with("tidemill: bad.json: line "), "{complaint}");
        assert_eq!(fs::read_to_string(desk.0.join("bad.json")).expect("the file"), bad);
    }
}
