//! Runs simulations by the thousand and turns what fails into a tape.
//!
//! - A [`Story`] is a simulation with a name: one body, run once per seed. [`check`] is the same for a plain test.
//! - A [`Campaign`] runs a story over a range of seeds on several threads and merges the reports in seed order, so
//!   that its [`Tally`] does not depend on how many threads there were.
//! - A [`Subject`] is a story or a test as something that runs again in other ways: what shrinks and explains works on it.
//! - [`power_cuts`] runs a body once for every crash at a sync boundary and for what it may leave on the disk.
//! - [`part`] finds the first event at which two runs differ that should not.
//! - [`Story::replay`] runs a tape again and says whether the run took the recorded path to the recorded end.
//!
//! Threads, the environment and the file system are touched here and by the command, never inside a simulation.
//! A panic inside a simulation is caught and becomes a [`Failure`](crate::Failure).

mod campaign;
mod check;
mod crash_points;
mod cuts;
mod finish;
mod intrusion;
mod panics;
mod parting;
mod replay;
mod report;
mod run;
mod steady;
mod story;
mod subject;

#[cfg(test)]
mod tests;

pub use campaign::{Campaign, Find, Group, Tally};
pub use check::{Test, check};
pub use crash_points::{CrashPoints, Victim};
pub use cuts::{BadCut, CutBounds, CutsVisited, power_cuts};
pub use finish::Finish;
pub use intrusion::{Intrusion, inside, intrude};
pub use parting::{Again, Marked, Parted, part};
pub use replay::{Departure, Replay};
pub use report::{Report, tag};
pub use run::Trial;
pub use story::{BadParam, Must, Param, Params, Shrink, Story, Unsteady};
pub use subject::Subject;
