//! A second process of ours for the steps that build where the first, which has all the others, does not at that time.
//!
//! Half of a step is one long test or one crate that everything waits for. Two of them at a time keep two processors busy.

use crate::shell::{Failure, Place, Said};
use std::thread::{self, JoinHandle};

/// Steps that never wait for the lock of the workspace's own target directory while something is compiled there.
pub(crate) const STEPS: [&str; 8] =
    ["miri", "noheap", "boards", "planted", "loom", "aarch64", "downstream", "elsewhere"];

/// No one program of a step may take half as long.
const LIMIT_S: u64 = 60 * 60;

/// The second process.
#[derive(Debug)]
pub(crate) struct Beside(JoinHandle<Result<Said, Failure>>);

impl Beside {
    pub(crate) fn start(place: &Place) -> Result<Self, Failure> {
        let program =
            std::env::current_exe().map_err(|error| Failure::new(format!("who are we? {error}")))?;
        let long = place.long.then_some("--long");
        let call = place.call(program).args(STEPS).args(long).limit(LIMIT_S);
        println!("\n── beside ── {}: their output comes at the end", STEPS.join(", "));
        Ok(Self(thread::spawn(|| call.capture())))
    }

    /// All that it said, its summary last.
    pub(crate) fn finish(self) -> Result<String, Failure> {
        let said = self.0.join().map_err(|_| Failure::new("the thread beside us panicked"))??;
        match said.code() {
            Some(0 | 1) => Ok(said.all()),
            _ => Err(Failure::new(format!("the steps beside us: {}\n{}", said.ending(), said.all()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::STEPS;
    use crate::table;

    #[test]
    fn what_runs_beside_is_in_the_table() {
        for name in STEPS {
            assert!(table::STEPS.iter().any(|step| step.name == name), "{name}");
        }
    }
}
