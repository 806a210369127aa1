//! From a failing tape to a small one that fails in the same way.
//!
//! The failure is looked for in smaller worlds first: what a large run hides behind everything that has to come before it,
//! a short one may show, and that one takes its place. The choices of the run are laid out over zero, and then, over and
//! over until nothing helps: fewer faults, fewer machines, less work, the canonical order, the earliest times, the smallest
//! values. Every step runs the simulation anew and counts only if the failure's id is the same and the run says less: a
//! choice is one fact, and a parameter as many as it has bits above the start of its range. Spans of decisions are cut out
//! whole, and what was decided behind them moves up: so an operation goes with the faults that it met. Groups go before
//! single choices, by delta debugging (Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002).
//! At last other failing runs of the world that is left are shrunk as well: each may end in a tape of its own, and the
//! smallest is kept.
//!
//! Whatever is drawn comes from seeds 0, 1, 2 and so on, and no clock is read: the same tape shrinks to the same tape. A
//! limit ends the search early and leaves the smallest tape so far, which is a failing one at every moment.
//!
//! Refuses: tapes that do not fit, runs that pass, runs that fail otherwise than their tape says.

mod anew;
mod ddmin;
mod lower;
mod search;
mod spans;
mod typed;

#[cfg(test)]
mod tests;

use crate::Failure;
use crate::harness::{Params, Report, Subject, Trial, Unsteady, tag};
use crate::tape::{Tape, TapeError};
use core::fmt;
use search::Search;
pub use typed::typed;

/// How large a failing run is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Size {
    /// Choices that are not zero.
    pub choices: u64,
    /// Events up to the failure.
    pub events: u64,
    /// Virtual time up to the failure, in nanoseconds.
    pub virtual_ns: u64,
    /// The parameters.
    pub params: Vec<(&'static str, u64)>,
}

/// What a search says of itself after each run, and now and then in between.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Progress<'a> {
    /// Runs so far.
    pub runs: u64,
    /// What they cost: one for each event and each choice, a hundred for each run, and something for what is looked through
    /// between them.
    /// Unlike time it is the same everywhere.
    pub work: u64,
    /// What is being tried.
    pub pass: &'static str,
    /// The smallest failing run so far.
    pub best: &'a Size,
}

/// A small tape and how it came about.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// The tape: over zero, with every choice that it needs.
    pub tape: Tape,
    /// How it fails.
    pub failure: Failure,
    /// The run of the given tape.
    pub before: Size,
    /// The run of the small one.
    pub after: Size,
    /// Simulations that ran.
    pub runs: u64,
    /// What they cost, as [`Progress::work`] counts.
    pub work: u64,
    /// Whether nothing is left to try; otherwise a limit ended the search.
    pub complete: bool,
}

/// Why a tape cannot be shrunk.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// The tape does not fit what it is about.
    Tape(TapeError),
    /// Its run passes.
    Passes,
    /// Its run fails in another way than the tape says: the ids.
    Otherwise {
        /// As recorded.
        expected: String,
        /// This run's.
        found: String,
    },
    /// Its run is not a function of its choices.
    Unsteady(Unsteady),
}

/// Shrinks a tape within `runs_max` simulations; `go_on` sees every one of them, and what
/// happens in between, and may end the search.
///
/// # Errors
/// If the tape does not fit the subject, or its run does not fail as recorded. A tape that records a success and fails
/// is shrunk for the failure that it has.
pub fn shrink(
    subject: &Subject<'_>,
    tape: &Tape,
    runs_max: u64,
    go_on: &mut dyn FnMut(&Progress<'_>) -> bool,
) -> Result<Shrunk, Refusal> {
    let params = subject.params_of(tape).map_err(Refusal::Tape)?;
    let first = subject.trial(&params, &Trial { record: true, ..tape.trial() });
    check(tape, &first)?;
    let before = Size::of(&params, &first);
    let Some(mut search) = Search::new(*subject, params, tape, first, runs_max, go_on) else {
        return Err(Refusal::Unsteady(unsteady(subject, tape)));
    };
    let complete = search.run();
    let (params, trial, report, [runs, work]) = search.end();
    let tape = subject.tape_of(&params, &trial, &report).map_err(Refusal::Unsteady)?;
    let after = Size::of(&params, &report);
    let failure = report.failure.expect("every step of the search keeps the failure");
    Ok(Shrunk { tape, failure, before, after, runs, work, complete })
}

/// The failure, if it is the one that the tape records.
pub(crate) fn check<'a>(tape: &Tape, first: &'a Report) -> Result<&'a Failure, Refusal> {
    let Some(failure) = &first.failure else { return Err(Refusal::Passes) };
    match &tape.failure {
        Some(expected) if expected.tag != tag(failure) => {
            Err(Refusal::Otherwise { expected: expected.id.clone(), found: failure.id.clone() })
        }
        _ => Ok(failure),
    }
}

/// Two runs of the tape, or of the tape and of its choices over zero, that should have been one.
fn unsteady(subject: &Subject<'_>, tape: &Tape) -> Unsteady {
    let run = |trial: &Trial| {
        let params = subject.params_of(tape).expect("the tape fitted before");
        subject.trial(&params, trial)
    };
    let first = run(&Trial { record: true, ..tape.trial() });
    let second = run(&tape.trial().pinned(first.choices));
    Unsteady { seed: tape.seed, first: first.hash, second: second.hash }
}

impl Size {
    fn of(params: &Params, report: &Report) -> Self {
        Self {
            choices: report.choices.len() as u64,
            events: report.events,
            virtual_ns: report.virtual_ns,
            params: params.iter().collect(),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tape(error) => error.fmt(f),
            Self::Passes => f.write_str("the run of this tape passes: there is nothing to shrink"),
            Self::Otherwise { expected, found } => {
                write!(f, "the run fails with `{found}`, and the tape says `{expected}`")
            }
            Self::Unsteady(unsteady) => unsteady.fmt(f),
        }
    }
}

impl core::error::Error for Refusal {}
