//! `tidemill ring`, from outside, over rings that this test makes and leaves.

use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tidemill_host::ring::{Builder, Draft, ring};
use tidemill_ring::Next;

mod values;

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

fn from_json(desk: &Path, arguments: &[&str]) -> (Option<i32>, Value) {
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
    let (code, list) = from_json(&desk, &["ring", "ls", ".", "--json"]);
    assert_eq!((code, list["rings"][0]["state"].as_str()), (Some(0), Some("open")));
    let (code, whole) = from_json(&desk, &["ring", "stat", "./prices.ring", "--json"]);
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

// RING-MPSC, RING-TOOL: of a ring of several producers it is shown who they are, and how it ended; a follower sees that end
#[test]
fn several_producers_are_shown_and_followed_to_their_end() {
    let desk = desk("several");
    let of = || slots(&desk, "orders").producers(2);
    let stat = || from_json(&desk, &["ring", "stat", "./orders.ring", "--json"]).1;
    let mut one = of().multi_producer().expect("a place");
    let two = of().multi_producer().expect("a place");
    one.try_push(7).expect("nobody is waited for");
    let own = std::process::id();
    let whole = stat();
    assert_eq!((&whole["state"], &whole["producers"]), (&json!("open"), &json!([own, own])));
    let (code, text, _) = run(&desk, &["ring", "stat", "./orders.ring"]);
    assert_eq!(code, Some(0));
    assert!(text.contains(&format!("\n  open, 2 of 2 producers: process {own}, {own}\n")), "{text}");
    assert!(run(&desk, &["ring", "ls", "."]).1.contains(&format!("  {own},{own}  ")));
    fs::copy(desk.join("orders.ring"), desk.join("corpse.ring")).expect("copied");
    let (code, whole) = from_json(&desk, &["ring", "stat", "./corpse.ring", "--json"]);
    assert_eq!((code, &whole["state"]), (Some(1), &json!("orphaned")), "a claim of the dead is not settled");
    drop((one, two));
    assert_eq!((&stat()["state"], &stat()["producers"]), (&json!("closed"), &json!([])));
    let followed = run(&desk, &["ring", "tail", "./orders.ring", "-f", "--type", "u64"]);
    assert_eq!(followed, (Some(0), "0  7\n".to_owned(), String::new()));
    let (code, _, err) = run(&desk, &["ring", "tail", "./corpse.ring", "-f"]);
    assert_eq!((code, err.as_str()), (Some(1), "tidemill: ./corpse.ring: the ring is orphaned at 1\n"));
}

// RING-COUNTERS: what the application counts is shown, told as JSON and exported; of whom nobody lives the last count is left
#[test]
fn what_the_application_counts_is_shown_and_exported() {
    let desk = desk("counters");
    let of = || ring("prices").expect("a name").under(&desk);
    let mut tx = slots(&desk, "prices").counters(2).producer().expect("nobody else does");
    let _rx = slots(&desk, "prices").name("ri\"sk").consumer().expect("there is room");
    let mut orders = of().counter(0x100, "orders").expect("a free place");
    of().counter(0x2ff, "bids").expect("a free place").add(7);
    orders.add(41);
    orders.add(1_000_000_000_000);
    tx.try_push(1).expect("there is room");
    let (code, whole) = from_json(&desk, &["ring", "stat", "./prices.ring", "--json"]);
    assert_eq!(code, Some(0));
    let counted = |label, id, value: u64, counted| json!({ "label": label, "id": id, "value": value, "counted": counted });
    let all = [counted("orders", 0x100, 1_000_000_000_041, true), counted("bids", 0x2ff, 7, false)];
    assert_eq!(whole["counters"], Value::from(all.to_vec()));
    let text = run(&desk, &["ring", "stat", "./prices.ring"]).1;
    for line in ["  orders (0x100): 1,000,000,000,041\n", "  bids (0x2ff): 7, by nobody now\n"] {
        assert!(text.contains(line), "{text}");
    }
    let (code, text, _) = run(&desk, &["ring", "stat", "./prices.ring", "--openmetrics"]);
    assert_eq!(code, Some(0));
    for line in [
        "# TYPE tidemill_ring_published counter",
        "tidemill_ring_published_total{ring=\"./prices.ring\"} 1",
        "tidemill_ring_in_flight{ring=\"./prices.ring\",name=\"ri\\\"sk\",slot=\"0\"} 1",
        "tidemill_ring_app_total{ring=\"./prices.ring\",id=\"0x100\",label=\"orders\"} 1000000000041",
        "tidemill_ring_app_total{ring=\"./prices.ring\",id=\"0x2ff\",label=\"bids\"} 7",
    ] {
        assert!(text.lines().any(|own| own == line), "{line} is not in\n{text}");
    }
    assert!(text.ends_with("# EOF\n"), "{text}");
}

// RING-DEATH: a copied file is a ring whose users are all dead, and that is a finding
#[test]
fn a_corpse_is_a_finding() {
    let desk = desk("corpse");
    let tx = slots(&desk, "prices").producer().expect("nobody else does");
    let rx = slots(&desk, "prices").name("risk").consumer().expect("there is room");
    fs::copy(desk.join("prices.ring"), desk.join("corpse.ring")).expect("copied");
    drop((tx, rx));
    let (code, whole) = from_json(&desk, &["ring", "stat", "./corpse.ring", "--json"]);
    assert_eq!((code, whole["state"].as_str(), whole["dead"].as_u64()), (Some(1), Some("orphaned"), Some(1)));
    let (code, list) = from_json(&desk, &["ring", "ls", ".", "--json"]);
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
        assert!(
            err.starts_with(&format!("tidemill: {file}: no ring that can be read: the segment")),
            "{err}"
        );
    }
    let (code, list) = from_json(&desk, &["ring", "ls", ".", "--json"]);
    assert_eq!((code, list["others"].as_array().map(Vec::len)), (Some(1), Some(2)));
    fs::write(desk.join("cut.ring"), [7; 4099]).expect("written");
    let (code, _, err) = run(&desk, &["ring", "doctor", "./cut.ring"]);
    assert_eq!(code, Some(3), "{err}");
    assert!(err.ends_with("the segment is 1025 words long, and 1024 are asked for\n"), "{err}");
    for missing in [["ring", "stat", "./none.ring"], ["ring", "stat", "Upper"], ["ring", "ls", "./none"]] {
        let (code, out, err) = run(&desk, &missing);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{err}");
        assert!(err.starts_with("tidemill: "), "{err}");
    }
}

#[test]
fn every_tool_explains_itself() {
    for name in ["ls", "stat", "tail", "doctor", "gc"] {
        let (code, out, err) = run(Path::new("."), &["ring", name, "--help"]);
        assert_eq!((code, err.as_str()), (Some(0), ""));
        insta::assert_snapshot!(format!("help-ring-{name}"), out);
    }
}

/// A ring with a consumer that waits, and a copy of it in which everybody is dead.
fn corpse(desk: &Path) -> PathBuf {
    let mut tx = slots(desk, "prices").producer().expect("nobody else does");
    let _rx = slots(desk, "prices").name("risk").consumer().expect("there is room");
    tx.try_push(7).expect("there is room");
    let path = desk.join("corpse.ring");
    fs::copy(desk.join("prices.ring"), &path).expect("copied");
    path
}

// RING-TOOL: a ring in use and at rest breaks no law, and is left as it is
#[test]
fn a_sound_ring_is_found_sound_and_left_as_it_is() {
    let desk = desk("sound");
    let mut tx = slots(&desk, "prices").producer().expect("nobody else does");
    let _rx = slots(&desk, "prices").name("risk").consumer().expect("there is room");
    tx.try_push(7).expect("there is room");
    let before = fs::read(desk.join("prices.ring")).expect("there");
    let said = run(&desk, &["ring", "doctor", "./prices.ring"]);
    assert_eq!(said, (Some(0), "./prices.ring: nothing is wrong\n".to_owned(), String::new()));
    assert_eq!(fs::read(desk.join("prices.ring")).expect("there"), before, "a look changed the ring");
    let (code, whole) = from_json(&desk, &["ring", "doctor", "./prices.ring", "--repair", "--json"]);
    assert_eq!((code, &whole["repaired"]), (Some(0), &json!({ "freed": 0, "kept": 0 })));
    assert_eq!(fs::read(desk.join("prices.ring")).expect("there"), before, "nothing was to be repaired");
}

// RING-TOOL, RING-DEATH: the dead are named with the law and the cure; a repair frees what they hold, and nothing else
#[test]
fn the_dead_are_found_and_what_they_hold_is_freed() {
    let desk = desk("doctor");
    corpse(&desk);
    let (code, whole) = from_json(&desk, &["ring", "doctor", "./corpse.ring", "--json"]);
    let laws = |whole: &Value| {
        let findings = whole["findings"].as_array().expect("a list").iter();
        findings
            .map(|one| [&one["law"], &one["symptom"]].map(|text| text.as_str().unwrap_or("").to_owned()))
            .collect::<Vec<_>>()
    };
    let orphaned = ["RL-10", "orphaned"].map(str::to_owned);
    assert_eq!((code, laws(&whole)), (Some(1), vec![orphaned.clone(), ["RL-7", "dead"].map(str::to_owned)]));
    let (code, whole) = from_json(&desk, &["ring", "doctor", "./corpse.ring", "--repair", "--json"]);
    assert_eq!((code, laws(&whole), &whole["repaired"]["freed"]), (Some(1), vec![orphaned], &json!(1)));
    let (_, whole) = from_json(&desk, &["ring", "stat", "./corpse.ring", "--json"]);
    assert_eq!((&whole["dead"], &whole["published"]), (&json!(0), &json!(1)));
}

// RING-TOOL, RING-UNTRUSTED: a word that somebody overwrote is named by law and index
#[test]
fn an_overwritten_word_is_named() {
    let desk = desk("overwritten");
    let path = corpse(&desk);
    let mut file = fs::OpenOptions::new().read(true).write(true).open(path).expect("ours");
    // The gate is the third line of 128 bytes behind the header of 512.
    file.seek(SeekFrom::Start(512 + 2 * 128)).expect("within");
    file.write_all(&99_u32.to_le_bytes()).expect("written");
    let (code, out, _) = run(&desk, &["ring", "doctor", "./corpse.ring"]);
    assert_eq!(code, Some(1));
    let gate =
        "  RL-2, word 192: the gate is past what it may pass: 99, not between 0 and 1\n    cure: none while";
    assert!(out.contains(gate), "{out}");
    fs::write(desk.join("cut.ring"), &fs::read(desk.join("corpse.ring")).expect("ours")[..4096])
        .expect("written");
    let (code, out, err) = run(&desk, &["ring", "doctor", "./cut.ring", "--repair"]);
    assert_eq!((code, out.as_str()), (Some(3), ""), "{err}");
}

// RING-TOOL, RING-STALE: what nobody uses is collected when told to; what is used, half made or no ring stays
#[test]
fn what_nobody_uses_is_collected_and_nothing_else() {
    let desk = desk("gc");
    corpse(&desk);
    let mut tx = slots(&desk, "live").producer().expect("nobody else does");
    let half = Draft::new(desk.join("half.ring"), 1 << 14).expect("there is room");
    fs::write(desk.join("other.ring"), [7; 4096]).expect("written");
    let names = |whole: &Value| {
        let unused = whole["unused"].as_array().expect("a list").iter();
        unused.map(|one| one["path"].as_str().unwrap_or("").to_owned()).collect::<Vec<_>>()
    };
    let dead = vec!["./corpse.ring".to_owned(), "./prices.ring".to_owned()];
    let (code, whole) = from_json(&desk, &["ring", "gc", ".", "--json"]);
    assert_eq!((code, names(&whole), &whole["used"]), (Some(1), dead.clone(), &json!(1)));
    assert!(desk.join("corpse.ring").exists(), "a list removes nothing");
    let (code, whole) = from_json(&desk, &["ring", "gc", ".", "--delete", "--json"]);
    assert_eq!((code, names(&whole)), (Some(1), dead), "what is no ring is a finding");
    let left = ["corpse", "prices", "live", "other"].map(|name| desk.join(format!("{name}.ring")).exists());
    assert_eq!(left, [false, false, true, true]);
    tx.try_push(1).expect("it is used as before");
    drop(half);
    fs::remove_file(desk.join("other.ring")).expect("ours");
    let said = run(&desk, &["ring", "gc", "./live.ring", "--delete"]);
    assert_eq!(said, (Some(0), "nothing to collect, 1 in use\n".to_owned(), String::new()));
    drop(tx);
    assert_eq!(run(&desk, &["ring", "gc", ".", "--delete"]).0, Some(0));
    assert_eq!(fs::read_dir(&desk).expect("ours").count(), 0);
}

// RING-TOOL: looks follow each other, with rates and with whom the producer waits for
#[test]
fn a_ring_is_watched_for_as_often_as_told() {
    let desk = desk("watch");
    let mut tx = slots(&desk, "prices").producer().expect("nobody else does");
    let _rx = slots(&desk, "prices").name("risk").consumer().expect("there is room");
    for i in 0..8 {
        tx.try_push(i).expect("there is room");
    }
    let watch = ["ring", "stat", "./prices.ring", "--watch", "--every", "1ms", "--count", "3"];
    let (code, out, _) = run(&desk, &watch);
    assert_eq!((code, out.matches("./prices.ring\n").count()), (Some(0), 3), "{out}");
    assert_eq!(out.matches("unheard 0, 0 a second\n").count(), 2, "no rate at the first look: {out}");
    assert_eq!(out.matches("full: the producer waits for risk in slot 0 at 0\n").count(), 3, "{out}");
    let (code, out, _) = run(&desk, &[&watch[..], &["--json"]].concat());
    let looks: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!((code, looks.len()), (Some(0), 3));
    assert_eq!((&looks[0]["published_a_second"], &looks[2]["published_a_second"]), (&Value::Null, &json!(0)));
    assert_eq!((&looks[0]["waits_for"], &looks[2]["rates"][0]["a_second"]), (&json!([0]), &json!(0)));
    for usage in [[&watch[..4], &["--every", "0s"]].concat(), [&watch[..3], &watch[6..]].concat()] {
        assert_eq!(run(&desk, &usage).0, Some(2), "{usage:?}");
    }
}

// RING-TOOL: a watch without an end is ended by a signal, and what it has looked at was printed
#[test]
fn a_watch_ends_by_a_signal() {
    let desk = desk("signal");
    let _tx = slots(&desk, "prices").producer().expect("nobody else does");
    let mut child = Command::new(env!("CARGO_BIN_EXE_tidemill"))
        .current_dir(&desk)
        .args(["ring", "stat", "./prices.ring", "--watch", "--every", "1ms"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the command starts");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let mut looks = 0;
    while looks < 3 {
        let line = lines.next().expect("it goes on").expect("text");
        looks += usize::from(line == "./prices.ring");
    }
    let pid = rustix::process::Pid::from_child(&child);
    // Not the one of a keyboard, which whoever runs in the background ignores.
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("our child");
    assert_eq!(child.wait().expect("our child").signal(), Some(15));
}

// RING-TOOL: items are printed from anywhere on, in every form; what was overwritten is a gap
#[test]
fn items_are_printed_from_anywhere_and_in_every_form() {
    let desk = desk("tail");
    let mut tx = slots(&desk, "prices").producer().expect("nobody else does");
    let text = |i: u64| u64::from_le_bytes(*b"item 0\n.") + (i << 40);
    for i in 0..12 {
        tx.try_push(text(i)).expect("nobody is waited for");
    }
    let tail = |more: &[&str]| run(&desk, &[&["ring", "tail", "./prices.ring"][..], more].concat());
    let (code, out, err) = tail(&[]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert_eq!(out, "8  item 8\\n.\n9  item 9\\n.\n10  item :\\n.\n11  item ;\\n.\n");
    assert_eq!(tail(&["--from", "10", "--count", "1"]).1, "10  item :\\n.\n");
    assert_eq!(tail(&["--from", "6", "--count", "1"]).1, "6..8  overwritten\n8  item 8\\n.\n");
    assert_eq!(tail(&["--from", "latest"]).1, "");
    let hex = "11\n  0000  69 74 65 6d 20 3b 0a 2e                          item ;..\n";
    assert_eq!(tail(&["--from", "11", "--hex"]).1, hex);
    let lines = tail(&["--from", "6", "--count", "1", "--json"]).1;
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines[0], json!({ "lagged": { "from": 6, "to": 8 } }));
    assert_eq!(lines[1], json!({ "position": 8, "hex": "6974656d20380a2e" }));
    assert_eq!(tail(&["--from", "never"]).0, Some(2));
    assert_eq!(
        run(&desk, &["ring", "stat", "./prices.ring", "--json"]).1.matches("\"slot\"").count(),
        2,
        "a tail joined"
    );
}

// RING-TOOL: whoever follows sees everything to the end, and an end that is none is a finding
#[test]
fn a_follower_sees_the_stream_to_its_end() {
    let desk = desk("follow");
    let mut tx = slots(&desk, "prices").producer().expect("nobody else does");
    let mut child = Command::new(env!("CARGO_BIN_EXE_tidemill"))
        .current_dir(&desk)
        .args(["ring", "tail", "./prices.ring", "-f", "--every", "1ms", "--json"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the command starts");
    let mut out = BufReader::new(child.stdout.take().expect("piped"));
    for i in 0..20 {
        tx.try_push(i).expect("nobody is waited for");
        let mut line = String::new();
        out.read_line(&mut line).expect("text");
        let value: Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(value["position"], json!(i), "one item at a time is never missed");
    }
    tx.try_push(20).expect("nobody is waited for");
    tx.close();
    let mut rest = String::new();
    out.read_to_string(&mut rest).expect("text");
    assert_eq!(rest.lines().count(), 1, "{rest}");
    assert_eq!(child.wait().expect("our child").code(), Some(0));
    corpse(&desk);
    let (code, out, err) = run(&desk, &["ring", "tail", "./corpse.ring", "-f", "--from", "21"]);
    assert_eq!((code, out.lines().count()), (Some(1), 1), "{err}");
    assert_eq!(err, "tidemill: ./corpse.ring: the ring is orphaned at 22\n");
}
