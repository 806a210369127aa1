//! `tidemill trace` and `tidemill diff`, from outside.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn desk(test: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("trace-{test}"));
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).expect("a folder to run in");
    path
}

fn run(desk: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_tidemill"))
        .current_dir(desk)
        .args(arguments)
        .env_remove("COLUMNS")
        .output()
        .expect("the command starts");
    let [out, err] = [stdout, stderr].map(|bytes| String::from_utf8(bytes).expect("text"));
    (status.code(), out, err)
}

const CANARY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/sim-failures/canary-20f78d0c.tape");

#[test]
fn the_subcommands_explain_themselves() {
    let desk = desk("help");
    for name in ["trace", "diff"] {
        let (code, out, _) = run(&desk, &[name, "--help"]);
        assert_eq!(code, Some(0));
        insta::assert_snapshot!(format!("help-{name}"), out);
    }
}

// SIM-TRACE: a run as text, from its story and seed.
#[test]
fn the_first_milliseconds_of_a_run_read_well() {
    let (code, out, _) = run(&desk("text"), &["trace", "ping_pong", "--seed", "7", "--to", "20ms"]);
    assert_eq!(code, Some(0));
    insta::assert_snapshot!("trace-text", out);
}

// SIM-TRACE: a sequence diagram.
#[test]
fn the_first_milliseconds_of_a_run_make_a_diagram() {
    let arguments = ["trace", "ping_pong", "--seed", "7", "--to", "20ms", "--format", "mermaid"];
    let (code, out, _) = run(&desk("mermaid"), &arguments);
    assert_eq!(code, Some(0));
    insta::assert_snapshot!("trace-mermaid", out);
}

// SIM-TRACE: a tape becomes a page and Perfetto JSON.
#[test]
fn a_tape_becomes_a_page_and_perfetto_json() {
    let desk = desk("formats");
    for (format, file) in [("html", "run.html"), ("perfetto", "run.json")] {
        let (code, out, err) = run(&desk, &["trace", CANARY, "--format", format, "-o", file]);
        assert_eq!((code, out.as_str(), err.as_str()), (Some(0), "", ""));
    }
    let json: serde_json::Value =
        serde_json::from_slice(&fs::read(desk.join("run.json")).expect("a file")).expect("JSON");
    assert_eq!(json["otherData"]["story"], "canary");
    assert!(json["traceEvents"].as_array().is_some_and(|rows| rows.len() > 500));
    let page = fs::read_to_string(desk.join("run.html")).expect("a file");
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("every ping arrives: # of # did"));
}

// SIM-TRACE: `diff` of two traces.
#[test]
fn two_runs_part_at_an_event_that_is_named_with_both_pasts() {
    let desk = desk("diff");
    let (code, out, _) = run(&desk, &["diff", "ping_pong", "ping_pong", "--seed", "7", "--set-b", "loss=0"]);
    assert_eq!(code, Some(1));
    insta::assert_snapshot!("diff", out);
    let (code, out, _) = run(&desk, &["diff", CANARY, "canary", "--seed", "0"]);
    assert_eq!(code, Some(0), "{out}");
    assert!(out.ends_with("the same, event for event\n"), "{out}");
}

#[test]
fn bad_questions_exit_2_and_say_why() {
    let desk = desk("usage");
    fs::write(desk.join("bad.tape"), "no tape\n").expect("a file");
    for (arguments, why) in [
        (&["trace", "ping_pong"][..], "--seed N names it"),
        (&["trace", "pong", "--seed", "1"], "neither a tape nor a story"),
        (&["trace", "bad.tape"], "bad.tape: "),
        (&["trace", CANARY, "--seed", "1"], "has its own seed"),
        (&["trace", "ping_pong", "--seed", "1", "--set", "luck=1"], "luck"),
        (&["trace", "ping_pong", "--seed", "1", "--to", "soon"], "--to"),
        (&["trace", "ping_pong", "--seed", "1", "-o", "no/such/folder"], "no/such/folder"),
        (&["diff", "ping_pong", "canary", "--seed", "1"], "A is about ping_pong and B about canary"),
        (&["diff", "ping_pong", "bad.tape", "--seed", "1"], "bad.tape: "),
        (&["diff", "ping_pong"], "<B>"),
    ] {
        let (code, out, err) = run(&desk, arguments);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(err.contains(why), "{arguments:?}: {err}");
    }
}
