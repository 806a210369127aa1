//! `tidemill check`, from outside, over our own stories. `leaky` has those that leak.

use std::path::{Path, PathBuf};
use std::process::Command;

fn said(program: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output =
        Command::new(program).args(arguments).env_remove("COLUMNS").output().expect("the command starts");
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).expect("text")).concat();
    (output.status.code(), text)
}

fn tidemill() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_tidemill"))
}

#[test]
fn the_subcommand_explains_itself() {
    let (code, out) = said(&tidemill(), &["check", "--help"]);
    assert_eq!(code, Some(0));
    insta::assert_snapshot!("help-check", out);
}

// SIM-CHECK: every story has one hash, in every way that must make no difference.
// SIM-NTH: as the first, a later, and a threaded simulation of a process.
#[test]
fn our_own_stories_have_one_hash_however_they_run() {
    let (code, out) = said(&tidemill(), &["check", "ping_pong", "lock_service", "canary", "--seeds", "3"]);
    assert_eq!(code, Some(0), "{out}");
    assert!(out.lines().filter(|line| line.ends_with("9 runs, equal hashes")).count() >= 6, "{out}");
}

#[test]
fn bad_questions_exit_2() {
    for arguments in
        [&["check", "no_such"][..], &["check", "--seeds", "0"], &["check", "canary", "--set", "luck=1"]]
    {
        assert_eq!(said(&tidemill(), arguments).0, Some(2), "{arguments:?}");
    }
}
