//! The built command, from outside: what it prints and how it exits.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A folder of one test's own to run the command in, so that the paths it prints are short and always the same.
struct Desk(PathBuf);

impl Desk {
    fn new(test: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a folder to run in");
        Self(path)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.run_with(arguments, &[])
    }

    /// Runs the command in an environment of which only these variables count.
    fn run_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidemill"));
        command.current_dir(&self.0).args(arguments);
        for name in
            ["COLUMNS", "GITHUB_ACTIONS", "CI_NODE_INDEX", "CIRCLE_NODE_INDEX", "BUILDKITE_PARALLEL_JOB"]
        {
            command.env_remove(name);
        }
        for name in ["SLURM_ARRAY_TASK_ID", "AWS_BATCH_JOB_ARRAY_INDEX", "JOB_COMPLETION_INDEX"] {
            command.env_remove(name);
        }
        command.envs(variables.iter().copied()).output().expect("the command starts")
    }

    /// The tape of the canary's first seed.
    fn canary(&self) -> String {
        assert_eq!(self.run(&["run", "canary", "--seed", "0"]).status.code(), Some(1));
        let tapes: Vec<PathBuf> = fs::read_dir(self.0.join("sim-failures"))
            .expect("the folder for tapes")
            .map(|entry| entry.expect("a readable folder").path())
            .collect();
        assert_eq!(tapes.len(), 1, "{tapes:?}");
        fs::read_to_string(&tapes[0]).expect("a tape is text")
    }

    fn replay(&self, tape: &[u8]) -> Output {
        fs::write(self.0.join("bad.tape"), tape).expect("a file");
        self.run(&["replay", "bad.tape"])
    }
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("text")
}

fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// The one line of a bad tape's refusal; nothing else may be printed, and the exit code is 2.
fn refusal(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(2), "{}{}", out(output), err(output));
    assert_eq!(out(output), "");
    err(output)
}

#[test]
fn every_subcommand_explains_itself() {
    let desk = Desk::new("help");
    for (name, arguments) in [
        ("help", &["--help"][..]),
        ("help-list", &["list", "--help"]),
        ("help-run", &["run", "--help"]),
        ("help-coverage", &["coverage", "--help"]),
        ("help-replay", &["replay", "--help"]),
        ("help-campaign", &["campaign", "--help"]),
        ("help-shrink", &["shrink", "--help"]),
        ("help-why", &["why", "--help"]),
        ("help-findability", &["findability", "--help"]),
    ] {
        let output = desk.run(arguments);
        assert_eq!(output.status.code(), Some(0));
        insta::assert_snapshot!(name, out(&output));
    }
}

#[test]
fn the_list_shows_every_story_with_its_picture() {
    let desk = Desk::new("list");
    insta::assert_snapshot!("list", out(&desk.run(&["list"])));
    let listed = json(&desk.run(&["list", "--json"]));
    let names: Vec<_> =
        listed["stories"].as_array().expect("an array").iter().map(|story| &story["name"]).collect();
    let known: Vec<_> = tidemill_scenarios::stories::all().iter().map(|story| story.name).collect();
    assert_eq!(names, known);
}

#[test]
fn an_unknown_story_is_answered_with_the_list_and_exit_2() {
    let output = Desk::new("unknown").run(&["run", "ping_pong", "pnig*"]);
    insta::assert_snapshot!("unknown-story", refusal(&output));
}

#[test]
fn bad_usage_exits_2_before_anything_runs() {
    let desk = Desk::new("usage");
    for arguments in [
        &["run", "--seeds", "0"][..],
        &["run", "--seeds", "many"],
        &["run", "--seed", "1", "--seeds", "2"],
        &["run", "--jobs", "0"],
        &["run", "--time", "0"],
        &["run", "--partition", "0/3"],
        &["run", "--partition", "4/3"],
        &["run", "--partition", "/3"],
        &["run", "--partition", "1/2", "--seed", "3"],
        &["run", "ping_pong", "--set", "loss"],
        &["run", "ping_pong", "--set", "loss=1001"],
        &["run", "ping_pong", "--set", "luck=1"],
        &["replay"],
        &["replay", "no-such.tape"],
        &["dance"],
        &[],
    ] {
        let output = desk.run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(!err(&output).is_empty() && out(&output).is_empty(), "{arguments:?}");
    }
    assert!(!desk.0.join("sim-failures").exists());
}

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
fn the_canary_fails_leaves_a_tape_and_the_printed_command_reproduces_it() {
    let desk = Desk::new("canary");
    let output = desk.run(&["run", "canary", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let failed = json(&output);
    let failure = &failed["stories"][0]["failures"][0];
    let tape = failure["tape"].as_str().expect("a tape");

    let again = desk.run(&["run", "canary"]);
    assert!(out(&again).contains(&format!("\nreplay: cargo sim replay {tape}\n")), "{}", out(&again));
    let replayed = desk.run(&["replay", tape]);
    assert_eq!(replayed.status.code(), Some(1));
    assert!(
        out(&replayed).ends_with("reproduced: the same failure along the same path\n"),
        "{}",
        out(&replayed)
    );
    let replayed = json(&desk.run(&["replay", tape, "--json"]));
    assert_eq!(replayed["failure"]["id"], failure["id"]);
    assert_eq!(replayed["hash"], failure["hash"]);
    assert_eq!(replayed["seed"], failure["seed"]);
}

#[test]
fn a_tape_that_cannot_be_read_is_refused_with_line_and_reason() {
    let desk = Desk::new("tapes");
    let tape = desk.canary();
    let story = tape.replace("story   = canary", "story   = parrot");
    for (name, bad) in [
        ("tape-empty", String::new()),
        ("tape-foreign", "PK\u{3}\u{4}".to_owned()),
        ("tape-truncated", tape.replace("end\n", "")),
        ("tape-cut-mid-line", tape[..tape.find("seed").expect("a seed") + 6].to_owned()),
        ("tape-unknown-version", tape.replace("tape 1", "tape 9")),
        ("tape-unknown-story", story),
        ("tape-unknown-key", tape.replace("seed    =", "sead    =")),
        ("tape-unknown-parameter", tape.replace("end\n", "config wind = 3\nend\n")),
        ("tape-unknown-site", tape.replace("end\n", "choice moon#loss#0 = 1\nend\n")),
        ("tape-bad-site", tape.replace("end\n", "choice somewhere = 1\nend\n")),
        ("tape-out-of-range", tape.replace("end\n", "choice client/link→server#loss#0 = 2\nend\n")),
        ("tape-bad-seed", tape.replace("seed    = 0", "seed    = zero")),
    ] {
        insta::assert_snapshot!(name, refusal(&desk.replay(bad.as_bytes())));
    }
    let mut bytes = tape.into_bytes();
    bytes[20] = 0xff;
    insta::assert_snapshot!("tape-not-text", refusal(&desk.replay(&bytes)));
}

#[test]
fn a_tape_that_no_longer_reproduces_says_where_it_left_the_path_and_exits_3() {
    let desk = Desk::new("departed");
    let tape = desk.canary();
    let marks = |line: &&str| !line.starts_with("mark");
    let unmarked: String = tape.lines().filter(marks).map(|line| format!("{line}\n")).collect();

    let other_seed = desk.replay(tape.replace("seed    = 0", "seed    = 1").as_bytes());
    assert_eq!(other_seed.status.code(), Some(3));
    assert!(out(&other_seed).contains("\nleft the recorded path among the first "), "{}", out(&other_seed));

    let calm = unmarked.replace("failure =", "config  loss = 0\nfailure =");
    let calm = desk.replay(calm.as_bytes());
    assert_eq!(calm.status.code(), Some(3));
    let want = "\ndoes not reproduce: expected failure `every ping arrives: # of # did`, got success\n";
    assert!(
        out(&calm).contains(want) && out(&calm).contains("\nleft the recorded path at its end"),
        "{}",
        out(&calm)
    );

    let far =
        desk.replay(tape.replace("end\n", "choice client/link→server#loss#99999 = 1\nend\n").as_bytes());
    assert_eq!(far.status.code(), Some(3));
    assert!(
        out(&far).contains("\nleft the recorded path before the choice `client/link→server#loss#99999`"),
        "{}",
        out(&far)
    );

    let hash = unmarked.lines().find(|line| line.starts_with("hash")).expect("a hash");
    let other_hash = unmarked.replace(hash, "hash = 00000000000000000000000000000000");
    let other_hash = desk.replay(other_hash.as_bytes());
    assert_eq!(other_hash.status.code(), Some(3));
    assert!(out(&other_hash).contains("expected 00000000000000000000000000000000"), "{}", out(&other_hash));
    let any_path = desk.run(&["replay", "bad.tape", "--any-path"]);
    assert_eq!(any_path.status.code(), Some(1), "the failure is the same");
}

// SIM-SHRINK: the command makes a tape small, and what it prints replays.
#[test]
fn a_shrunk_tape_is_small_replays_and_comes_with_its_test() {
    let desk = Desk::new("shrink");
    fs::write(desk.0.join("big.tape"), desk.canary()).expect("a file");
    let output = desk.run(&["shrink", "big.tape", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let shrunk = json(&output);
    assert_eq!((&shrunk["after"]["choices"], &shrunk["complete"]), (&1.into(), &true.into()));
    assert_eq!(
        (&shrunk["before"]["params"]["pings"], &shrunk["after"]["params"]["pings"]),
        (&500.into(), &1.into())
    );
    assert_eq!(shrunk["tape"], "big.small.tape");
    let replayed = desk.run(&["replay", "big.small.tape", "--json"]);
    assert_eq!(replayed.status.code(), Some(1), "{}", err(&replayed));
    assert_eq!(
        (&json(&replayed)["failure"]["id"], &json(&replayed)["same_path"]),
        (&shrunk["id"], &true.into())
    );

    let printed = out(&desk.run(&["shrink", "big.tape", "--out", "small.tape"]));
    assert!(printed.ends_with(shrunk["test"].as_str().expect("text")), "{printed}");
    let same = |name: &str| fs::read_to_string(desk.0.join(name)).expect("a tape");
    assert_eq!(same("small.tape"), same("big.small.tape"));
    // The same test lies beside this one, in the layout of the house, and runs.
    let bare = |text: &str| text.replace(char::is_whitespace, "").replace(",]", "]");
    let typed =
        bare(&fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/shrunk.rs")).expect("a test"));
    assert!(typed.ends_with(&bare(shrunk["test"].as_str().expect("text"))), "{printed}");
}

#[test]
fn a_tape_that_does_not_fail_as_it_says_cannot_be_shrunk_and_exits_3() {
    let desk = Desk::new("shrink-refused");
    let calm = desk.canary().replace("failure =", "config  loss = 0\nfailure =");
    fs::write(desk.0.join("calm.tape"), calm).expect("a file");
    let output = desk.run(&["shrink", "calm.tape"]);
    assert_eq!((output.status.code(), out(&output)), (Some(3), String::new()));
    assert_eq!(
        err(&output),
        "tidemill: calm.tape: the run of this tape passes: there is nothing to shrink\n"
    );
    fs::write(desk.0.join("cut.tape"), "tidemill tape 1\n").expect("a file");
    assert!(refusal(&desk.run(&["shrink", "cut.tape"])).contains("cut.tape: line 1: truncated"));
}

// SIM-WHY: the command measures the curve, draws it, and counts the causal slice.
#[test]
fn a_failing_tape_is_explained_by_a_curve_a_picture_and_a_slice() {
    let desk = Desk::new("why");
    assert_eq!(desk.run(&["run", "canary", "--stop-after", "1", "--set", "pings=20"]).status.code(), Some(1));
    let tape = "sim-failures/canary-20f78d0c.tape";
    let output = desk.run(&["why", tape, "--runs", "20", "--svg", "why.svg", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let why = json(&output);
    let points = why["points"].as_array().expect("points");
    let last = &points[points.len() - 1];
    assert_eq!((&last["failed"], &last["runs"], &last["events"]), (&20.into(), &20.into(), &why["events"]));
    assert!(points[0]["failed"].as_u64() < Some(20) && points[0]["events"] == 0, "{}", points[0]);
    let decided = [&why["decided"][0], &why["decided"][1]].map(|event| event.as_u64().expect("an event"));
    assert!(decided[0] < decided[1], "{decided:?}");
    let svg = fs::read_to_string(desk.0.join("why.svg")).expect("a picture");
    assert!(svg.contains(&format!("decided between event {} and event {}", decided[0], decided[1])), "{svg}");

    let printed = out(&desk.run(&["why", tape, "--runs", "20"]));
    assert!(printed.starts_with("canary fails: every ping arrives: # of # did\n"), "{printed}");
    assert!(
        printed.contains(&format!("\ndecided between event {} and event {}: ", decided[0], decided[1])),
        "{printed}"
    );
    let slice = why["slice"].as_array().expect("events").len();
    let diagram = why["mermaid"].as_str().expect("a diagram");
    assert!(diagram.starts_with("sequenceDiagram\n") && diagram.contains("client/once"), "{diagram}");
    assert_eq!(desk.run(&["why", tape, "--runs", "1", "--mermaid", "why.mmd"]).status.code(), Some(0));
    assert_eq!(fs::read_to_string(desk.0.join("why.mmd")).expect("a diagram"), diagram);
    assert!(printed.contains("client/once") && printed.contains("dropped"), "{printed}");
    assert!(printed.contains(&format!("\ncausal slice: {slice} of {} events", why["events"])), "{printed}");
}

// SIM-WHY: how many clean seeds are needed before a fix is believed.
#[test]
fn findability_says_how_many_clean_seeds_are_enough() {
    let desk = Desk::new("findability");
    assert_eq!(desk.run(&["run", "canary", "--stop-after", "1", "--set", "pings=10"]).status.code(), Some(1));
    let tape = "sim-failures/canary-20f78d0c.tape";
    let found = json(&desk.run(&["findability", tape, "--seeds", "400", "--json"]));
    // Ten pings of which one in twenty is lost: 1 - 0.95^10 is 40 %.
    let (hits, low) = (found["hits"].as_u64().expect("hits"), found["interval"][0].as_f64().expect("a rate"));
    assert!((120..200).contains(&hits) && (0.30..0.40).contains(&low), "{found}");
    let wanted = (0.05_f64.ln() / (1.0 - low).ln()).ceil();
    assert_eq!(found["believed_after"][0]["clean_seeds"].as_f64(), Some(wanted));
    let printed = out(&desk.run(&["findability", "ping_pong", "--seeds", "20"]));
    assert!(printed.contains("met by   0 of 20 seeds\n") && printed.contains("replay its tape"), "{printed}");
    assert!(refusal(&desk.run(&["findability", "ping_pon"])).contains("neither a tape nor a story"));
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
