//! Whether a test is a function of its seed: the cheap half of `tidemill check`, in every test.

use super::parting::{Again, Marked, part};
use super::{Finish, Report, Trial, run};
use crate::tape::Mark;
use crate::{Sim, Trace};
use core::convert::Infallible;

/// Runs a seed again, with the heap shifted and with other hash keys; says where the runs part, if they do.
pub(super) fn parted<R: Finish>(name: &str, first: &Report, body: &impl Fn(&mut Sim) -> R) -> Option<String> {
    let again = shifted(|| run::once(&Trial::seed(first.seed), body));
    if again.hash == first.hash {
        return None;
    }
    let mut text = format!("{name} is no function of its seed: seed {} took two paths\n", first.seed);
    let run = |trial: &Trial, at: &[u64], trace: bool| run::kept(trial, trace, at.to_vec(), body);
    let [one, other] = [false, true].map(|shifts| Side { seed: first.seed, run: &run, shifts });
    let Ok(parted) = part(&one, &other);
    text += &match parted {
        Some(parted) => parted.text(["first", "again"]),
        None => "run again and again, it was the same event for event: it differs now and then".to_owned(),
    };
    Some(text)
}

/// A run as a trial settles it, marked at these points, with a trace or without.
type Run<'a> = &'a dyn Fn(&Trial, &[u64], bool) -> (Report, Trace);

/// One of both runs.
struct Side<'a> {
    seed: u64,
    run: Run<'a>,
    shifts: bool,
}

impl Side<'_> {
    fn run(&self, at: &[u64], until: Option<u64>, trace: bool) -> (Report, Trace) {
        let trial = Trial { events_max: until, ..Trial::seed(self.seed) };
        let run = || (self.run)(&trial, at, trace);
        if self.shifts { shifted(run) } else { run() }
    }
}

impl Again for Side<'_> {
    type Error = Infallible;

    fn marks(&self, at: &[u64], until: Option<u64>) -> Result<Marked, Infallible> {
        let Report { marks, events, hash, .. } = self.run(at, until, false).0;
        Ok(Marked { marks, end: Mark { events, hash } })
    }

    fn trace(&self, until: u64) -> Result<Trace, Infallible> {
        Ok(self.run(&[], Some(until), true).1)
    }
}

/// Runs `body` while blocks of many sizes are taken, so that what it allocates stands elsewhere.
fn shifted<T>(body: impl FnOnce() -> T) -> T {
    let taken: Vec<Vec<u8>> = (0..512).map(|n| Vec::with_capacity(8 + n * 8)).collect();
    let result = body();
    drop(taken);
    result
}
