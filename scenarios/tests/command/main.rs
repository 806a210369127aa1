//! The built command, from outside: what it prints and how it exits.

mod campaign;
mod run;
mod tape;
mod why;

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
