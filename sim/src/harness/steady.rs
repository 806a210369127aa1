//! Whether a test is a function of its seed: the cheap half of `tidemill check`, in every test.

use super::{Finish, Report, Trial, run};
use crate::Sim;

/// How often both runs are repeated until their traces differ.
const TRIES: usize = 5;

/// Runs a seed again, with the heap shifted and with other hash keys; says where the runs part, if they do.
pub(super) fn parted<R: Finish>(name: &str, first: &Report, body: &impl Fn(&mut Sim) -> R) -> Option<String> {
    let trial = Trial::seed(first.seed);
    let again = shifted(|| run::once(&trial, body));
    if again.hash == first.hash {
        return None;
    }
    let mut text = format!("{name} is no function of its seed: seed {} took two paths\n", first.seed);
    for _ in 0..TRIES {
        let (_, one) = run::traced(name, &trial, body);
        let (_, other) = shifted(|| run::traced(name, &trial, body));
        if let Some(parting) = one.parting(&other) {
            text += &one.parting_text(["first", "again"], &other, parting);
            return Some(text);
        }
    }
    text += "run again with a trace, it was the same event for event: it differs now and then";
    Some(text)
}

/// Runs `body` while blocks of many sizes are taken, so that what it allocates stands elsewhere.
fn shifted<T>(body: impl FnOnce() -> T) -> T {
    let taken: Vec<Vec<u8>> = (0..512).map(|n| Vec::with_capacity(8 + n * 8)).collect();
    let result = body();
    drop(taken);
    result
}
