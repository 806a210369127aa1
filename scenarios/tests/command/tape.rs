//! Tapes: written by a failure, refused, replayed, made small.

use super::{Desk, err, json, out, refusal};
use std::fs;

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
