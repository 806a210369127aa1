//! Three processes over shared memory: each dead at every store in the simulator, and by SIGKILL as real processes.

use std::process::Command;
use tidemill_scenarios::stories::find;
use tidemill_seam::Duration;
use tidemill_sim::harness::{CrashPoints, Params, Story, Victim};
use tidemill_sim::{Failure, Overlay, Sim};

fn story(settings: &[(&str, &str)]) -> (&'static Story, Params) {
    let story = find("shm_pipeline").expect("the story is listed");
    let mut params = story.params();
    for (name, value) in settings {
        story.set(&mut params, name, value).expect("a value within its range");
    }
    (story, params)
}

fn at_every_store(name: &str, rows: &str) {
    let (story, params) = story(&[("rows", rows), ("deaths", "0"), ("pauses", "0"), ("late", "0")]);
    let victim = Victim::new(name).restarting(Duration::from_nanos(700));
    let points =
        CrashPoints::visit(1, &victim, |sim: &mut Sim| -> Result<(), Failure> { (story.body)(sim, &params) });
    println!("{name}, {rows} rows: {points}");
    points.expect_ok();
}

// RING-EDGE: whoever of the three dies, at whatever store, the sink agrees with the sequential reference.
#[test]
fn each_of_three_processes_dies_at_every_store_and_nothing_is_lost() {
    at_every_store("host/source", "3");
    at_every_store("host/middle", "3");
    at_every_store("host/sink", "26");
}

// RING-EDGE: the story runs over many seeds, and lives end in all three processes.
#[test]
fn seeds_lose_nothing() {
    let (story, params) = story(&[]);
    let mut deaths = 0;
    for seed in 0..60 {
        let outcome = story.run(seed, &params, Overlay::new());
        assert!(outcome.failure.is_none(), "seed {seed}: {:?}", outcome.failure);
        deaths += outcome.counts.iter().find(|(name, _)| *name == "kills").map_or(0, |(_, kills)| *kills);
    }
    assert!(deaths > 20, "{deaths} deaths in 60 runs");
}

// RING-EDGE: a process that lets go of what it needs to begin anew is caught: its law is that of positions, not of luck.
#[test]
fn a_window_that_is_not_kept_is_caught() {
    let (story, params) = story(&[("keep", "0")]);
    let caught = |seed: &u64| {
        let failure = story.run(*seed, &params, Overlay::new()).failure;
        failure.is_some_and(|failure| failure.id.starts_with("in order, each whole"))
    };
    let caught = (0..60).filter(caught).count();
    assert!(caught > 4, "by {caught} of 60 seeds only");
}

// RING-EDGE, RING-DEATH: the same as three real processes over the real readings, each killed right before a store, again
// and again.
#[test]
fn three_real_processes_are_killed_at_their_stores_and_nothing_is_lost() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidemill"));
    command.args(["pipeline", "shared", "--rows", "1500", "--kills", "6", "--seed", "3"]);
    let output = command.output().expect("the command starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("killed: source=6 middle=6 sink=6;"), "{said}");
    assert!(said.trim_end().ends_with("verdicts=1500 anomalies=0  same"), "{said}");
}
