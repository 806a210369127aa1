//! One graph, one digest: the simulator and two Linux processes against one loop, and against the figures that the
//! boards are held to as well (`cargo ci boards` runs the third world under QEMU).

use std::process::Command;

/// The year in Seattle, and the slice of it that the boards carry.
const YEAR: &str = "digest=eac6a398e8825ca2 verdicts=8759 anomalies=71";
const SLICE_ROWS: &str = "6000";
const SLICE: &str = "digest=afe170b93854c7c7 verdicts=6000 anomalies=71";

fn tidemill(arguments: &[&str]) -> Vec<String> {
    let output =
        Command::new(env!("CARGO_BIN_EXE_tidemill")).arg("pipeline").args(arguments).output().unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {}: {complaints}", output.status);
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn the_loop_the_simulator_and_two_processes_print_the_same_digest() {
    assert_eq!(tidemill(&["reference"]), [YEAR]);
    for seed in ["1", "2", "3"] {
        assert_eq!(tidemill(&["sim", "--seed", seed]), [YEAR], "seed {seed}");
    }
    let pair = tidemill(&["pair", "--loss", "20", "--duplicate", "20", "--reorder", "50", "--corrupt", "10"]);
    assert!(pair.iter().any(|line| line == YEAR), "{pair:?}");
}

#[test]
fn the_slice_that_the_boards_carry_has_its_digest_in_every_world() {
    assert_eq!(tidemill(&["reference", "--rows", SLICE_ROWS]), [SLICE]);
    assert_eq!(tidemill(&["sim", "--rows", SLICE_ROWS]), [SLICE]);
    let pair = tidemill(&["pair", "--rows", SLICE_ROWS]);
    assert!(pair.iter().any(|line| line == SLICE), "{pair:?}");
}

#[test]
fn bad_rows_are_named_on_standard_error_and_the_rest_is_sent() {
    let path = std::env::temp_dir().join(format!("tidemill-bad-rows-{}.csv", std::process::id()));
    std::fs::write(&path, b"date,temp\n2010/01/01 00:00,39.4\n\xff\n2010/01/01 01:00\n2010/01/01 02:00,39.0")
        .unwrap();
    let output =
        Command::new(env!("CARGO_BIN_EXE_tidemill")).args(["pipeline", "pair"]).arg(&path).output().unwrap();
    std::fs::remove_file(&path).unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        said.lines().collect::<Vec<_>>(),
        [
            "tidemill: line 3: not UTF-8",
            "tidemill: line 4: a column is missing",
            "tidemill: 2 rows rejected, the rest processed"
        ]
    );
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
