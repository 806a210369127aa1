//! `#[tidemill_sim::test]` as a user meets it: under plain `cargo test`, and in processes of its own.

use std::process::{Command, Output};
use tidemill_sim::{Failure, Outcome, Sim};

/// What the attribute expands to, typed by hand.
#[test]
fn a_test_can_be_typed_without_the_attribute() {
    fn body(sim: &mut Sim) {
        sim.run().expect_ok();
    }
    tidemill_sim::harness::check(
        &tidemill_sim::harness::Test {
            name: concat!(module_path!(), "::", stringify!(a_test_can_be_typed_without_the_attribute)),
            package: env!("CARGO_PKG_NAME"),
            folder: env!("CARGO_MANIFEST_DIR"),
            seeds: 3,
            tapes: "sim-failures",
            strategy: "random",
        },
        body,
    );
}

#[tidemill_sim::test(seeds = 20)]
fn a_body_may_give_an_outcome(sim: &mut Sim) -> Outcome {
    sim.run()
}

#[tidemill_sim::test]
fn a_body_may_give_a_result(sim: &mut Sim) -> Result<(), Failure> {
    sim.run().expect_ok();
    Ok(())
}

#[tidemill_sim::test(seeds = 20, strategy = "pct:3")]
fn a_test_may_have_a_strategy(sim: &mut Sim) -> Outcome {
    sim.run()
}

#[tidemill_sim::test(strategy = "luck")]
#[should_panic(expected = "`luck` is no strategy; there are random, ")]
fn a_strategy_that_is_none_is_refused(sim: &mut Sim) {
    sim.run().expect_ok();
}

// A file is no folder: no tape is kept, so that each time is the first.
#[tidemill_sim::test(strategy = "exhaustive", tapes = "Cargo.toml")]
#[should_panic(expected = "in run 4 of exhaustive:1")]
fn a_failing_body_reports_the_run_of_its_strategy(sim: &mut Sim) {
    assert!(sim.choose("side", 6) != 3, "three is one too many");
}

#[tidemill_sim::test(seeds = 20, tapes = env!("CARGO_TARGET_TMPDIR"))]
#[should_panic(expected = "failed with seed 3")]
fn a_failing_body_reports_the_seed(sim: &mut Sim) {
    assert!(sim.seed() != 3, "three is one too many");
}

mod deep {
    use tidemill_sim::Sim;

    /// Fails with seeds 5 and 6; run by the tests below, in a process of their own.
    #[tidemill_sim::test(seeds = 4, tapes = concat!(env!("CARGO_TARGET_TMPDIR"), "/deep"))]
    #[ignore = "fails on purpose where more than its four seeds run"]
    fn five_and_six(sim: &mut Sim) {
        println!("ran seed {}", sim.seed());
        assert!(!matches!(sim.seed(), 5 | 6), "seed {} is unlucky", sim.seed());
    }
}

fn with(settings: &[(&str, &str)]) -> (Output, String) {
    let mut command = Command::new(std::env::current_exe().expect("this test's own binary"));
    command.args(["--exact", "deep::five_and_six", "--ignored", "--nocapture", "--test-threads=1"]);
    for name in ["TIDEMILL_SEEDS", "TIDEMILL_SEED", "TIDEMILL_TAPE", "RUST_BACKTRACE"] {
        command.env_remove(name);
    }
    let output = command.envs(settings.iter().copied()).output().expect("the binary starts");
    let text = [output.stdout.as_slice(), &output.stderr].concat();
    (output, String::from_utf8_lossy(&text).into_owned())
}

/// One test, because its steps share the folder for tapes.
#[test]
fn the_environment_chooses_what_runs_and_the_printed_commands_repeat_it() {
    let tapes = concat!(env!("CARGO_TARGET_TMPDIR"), "/deep");
    let _ = std::fs::remove_dir_all(tapes);

    let (few, text) = with(&[]);
    assert!(few.status.success() && text.contains("ran seed 3") && !text.contains("ran seed 4"), "{text}");

    let (many, text) = with(&[("TIDEMILL_SEEDS", "100")]);
    assert!(!many.status.success() && text.contains("failed with seed 5 of 100"), "{text}");
    assert!(text.contains("seed 5 is unlucky") && !text.contains("ran seed 6"), "{text}");
    let command = "replay: TIDEMILL_SEED=5 cargo test -p tidemill-sim -- --exact deep::five_and_six";
    assert!(text.contains(command), "{text}");
    let tape = text.lines().find_map(|line| line.strip_prefix("tape:   ")).expect("a tape was written");

    let (one, text) = with(&[("TIDEMILL_SEED", "6")]);
    assert!(!one.status.success() && text.contains("ran seed 6") && !text.contains("ran seed 0"), "{text}");

    let (replayed, text) = with(&[("TIDEMILL_TAPE", tape)]);
    assert!(!replayed.status.success() && text.contains("seed 5 is unlucky"), "{text}");
    assert!(text.contains("as recorded") && !text.contains("ran seed 0"), "{text}");

    let (bad, text) = with(&[("TIDEMILL_SEEDS", "lots")]);
    assert!(!bad.status.success() && text.contains("TIDEMILL_SEEDS=lots: not a whole number"), "{text}");
    std::fs::remove_dir_all(tapes).expect("the folder with the tape");
}
