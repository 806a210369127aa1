//! Tapes of failures that were found once, replayed for ever.

use std::fs::{self, File};
use std::path::PathBuf;
use tidemill_scenarios::stories;
use tidemill_sim::harness::{Must, Replay};
use tidemill_sim::tape::Tape;

/// A tape's bug is fixed when its run passes; the canary's must go on failing as it did.
// SIM-REPLAY: tapes that were kept are replayed by plain `cargo test`
#[test]
fn what_failed_once_never_fails_again_and_the_canary_always_does() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/sim-failures");
    let entries = fs::read_dir(folder).expect("the folder of tapes");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "tape"));
    paths.sort();
    assert!(!paths.is_empty(), "at least the canary's tape lies in {folder}");
    for path in paths {
        let named = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let tape = File::open(&path).and_then(Tape::read).unwrap_or_else(|error| panic!("{}", named(&error)));
        let tape = tape.unwrap_or_else(|error| panic!("{}", named(&error)));
        let story = stories::find(&tape.story.value).unwrap_or_else(|| panic!("{}", named(&"unknown story")));
        let (report, same_end) = match story.replay(&tape).unwrap_or_else(|error| panic!("{}", named(&error)))
        {
            Replay::Same(report) => (report, true),
            Replay::Left { report, same_end, .. } => (report, same_end),
        };
        match story.must {
            Must::Pass => {
                assert!(report.failure.is_none(), "{}", named(&report.failure.expect("just looked")))
            }
            Must::Fail => assert!(same_end, "{}", named(&"the canary no longer fails as it did")),
        }
    }
}
