//! `tidemill ring`, from outside, over rings that this test makes and leaves.

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tidemill_host::ring::{Builder, ring};
use tidemill_ring::Next;

fn desk(test: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("ring-{test}"));
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

fn json(desk: &Path, arguments: &[&str]) -> (Option<i32>, Value) {
    let (code, out, err) = run(desk, arguments);
    assert_eq!(err, "");
    (code, serde_json::from_str(&out).expect("JSON"))
}

fn slots(desk: &Path, name: &str) -> Builder<u64> {
    ring(name).expect("a name").under(desk).slots(8)
}

// RING-SPMC: positions, accounts and owners of a ring in use, by reading alone
#[test]
fn a_ring_in_use_is_shown_as_it_is_and_left_as_it_is() {
    let desk = desk("live");
    let mut tx = slots(&desk, "prices").producer().expect("nobody else does");
    let mut rx = slots(&desk, "prices").name("risk").consumer().expect("there is room");
    for i in 0..5 {
        tx.try_push(i).expect("there is room");
    }
    assert!(matches!(rx.try_next(), Some(Next::Item(_))));
    let before = fs::read(desk.join("prices.ring")).expect("there");
    let (code, list) = json(&desk, &["ring", "ls", ".", "--json"]);
    assert_eq!((code, list["rings"][0]["state"].as_str()), (Some(0), Some("open")));
    let (code, whole) = json(&desk, &["ring", "stat", "./prices.ring", "--json"]);
    assert_eq!(code, Some(0));
    let own = u64::from(std::process::id());
    assert_eq!([&whole["producer"], &whole["published"]].map(Value::as_u64), [Some(own), Some(5)]);
    let one = &whole["participants"][0];
    assert_eq!(
        [&one["name"], &one["policy"], &one["life"]].map(Value::as_str),
        [Some("risk"), Some("block"), Some("alive")]
    );
    assert_eq!(
        [&one["consumed"], &one["in_flight"], &one["lost"]].map(Value::as_u64),
        [Some(1), Some(4), Some(0)]
    );
    let text = run(&desk, &["ring", "stat", "./prices.ring"]);
    assert!(text.1.contains("published 5, gate 0") && text.1.contains("#1 opened"), "{}", text.1);
    assert_eq!(fs::read(desk.join("prices.ring")).expect("there"), before, "a look changed the ring");
}

// RING-DEATH: a copied file is a ring whose users are all dead, and that is a finding
#[test]
fn a_corpse_is_a_finding() {
    let desk = desk("corpse");
    let tx = slots(&desk, "prices").producer().expect("nobody else does");
    let rx = slots(&desk, "prices").name("risk").consumer().expect("there is room");
    fs::copy(desk.join("prices.ring"), desk.join("corpse.ring")).expect("copied");
    drop((tx, rx));
    let (code, whole) = json(&desk, &["ring", "stat", "./corpse.ring", "--json"]);
    assert_eq!((code, whole["state"].as_str(), whole["dead"].as_u64()), (Some(1), Some("orphaned"), Some(1)));
    let (code, list) = json(&desk, &["ring", "ls", ".", "--json"]);
    let states: Vec<_> = list["rings"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|ring| ring["state"].as_str().unwrap_or("none"))
        .collect();
    assert_eq!((code, states), (Some(1), vec!["orphaned", "closed"]));
}

// RING-STALE: what is no ring is said to be none, with the reason; what is not there, or has no such name, is bad usage
#[test]
fn what_is_no_ring_is_said_to_be_none() {
    let desk = desk("others");
    assert_eq!(run(&desk, &["ring", "ls", "."]).1, "no rings\n");
    fs::write(desk.join("short.ring"), [7; 100]).expect("written");
    fs::write(desk.join("long.ring"), [7; 4096]).expect("written");
    fs::write(desk.join("Not-A-Name.ring"), [7; 4096]).expect("written");
    for file in ["./short.ring", "./long.ring"] {
        let (code, out, err) = run(&desk, &["ring", "stat", file]);
        assert_eq!((code, out.as_str()), (Some(3), ""), "{err}");
        assert!(err.starts_with(&format!("tidemill: {file}: the segment's ")), "{err}");
    }
    let (code, list) = json(&desk, &["ring", "ls", ".", "--json"]);
    assert_eq!((code, list["others"].as_array().map(Vec::len)), (Some(1), Some(2)));
    for missing in [["ring", "stat", "./none.ring"], ["ring", "stat", "Upper"], ["ring", "ls", "./none"]] {
        let (code, out, err) = run(&desk, &missing);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{err}");
        assert!(err.starts_with("tidemill: "), "{err}");
    }
}
