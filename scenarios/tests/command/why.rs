//! What a failing tape is made of, and when a fix is believed.

use super::{Desk, err, json, out, refusal};
use std::fs;

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
