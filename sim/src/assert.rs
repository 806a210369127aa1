//! Claims about runs: `always!`, `sometimes!`, `reachable!`, `unreachable!`, `watermark!` and `expects!`.
//!
//! A claim is a place in the code with a name. Every simulation counts in a [`Notebook`] of its own how often the place
//! was evaluated and met; the harness adds the notebooks of all seeds up into a [`Coverage`](crate::Coverage).
//!
//! - `always!(at, holds, "name")` panics where it does not hold, and so fails the run.
//! - `sometimes!(at, holds, "name")` must hold at least once in a whole campaign, not in every run.
//! - `reachable!(at, "name")` must be reached in some run, `unreachable!(at, "name")` in none.
//! - `watermark!(at, "name", value)` keeps the least and the greatest value of all runs.
//! - `expects!(at, "name", …)` says that claims of these names must be met in some run, even if no run ever comes
//!   near the place that makes them. One that is never evaluated is known in no other way.
//!
//! `at` is whatever is at hand: a [`Sim`], a [`Context`], an [`Env`] or the [`Seams`] of a process. The claim's name is
//! its identity together with file and line; two places of one name are two claims.

use std::cell::RefCell;

use serde::{Deserialize, Serialize};

use crate::faults::Whims;
use crate::machine::ProcessId;
use crate::process::{Context, Process};
use crate::seams::Seams;
use crate::sim::Sim;
use crate::streams::Choices;
use crate::task::Env;

/// What a claim says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Claims {
    /// It holds whenever it is evaluated.
    Always,
    /// It holds at least once in a campaign.
    Sometimes,
    /// The place is reached at least once in a campaign.
    Reachable,
    /// The place is never reached.
    Unreachable,
    /// The least and the greatest value are kept; nothing is claimed.
    Watermark,
    /// Claims of this name are met at least once in a campaign.
    Expected,
    /// A place of [`buggify!`](tidemill_seam::buggify); met where it fired.
    Buggify,
    /// A fault; met where it happened.
    Fault,
    /// A family of faults; met in runs where it was on.
    Family,
}

/// A place in the code that claims something.
#[derive(Debug)]
pub struct Claim {
    /// What it says.
    pub claims: Claims,
    /// Its name: a sentence.
    pub name: &'static str,
    /// The source file.
    pub file: &'static str,
    /// The line in it.
    pub line: u32,
}

/// What one run saw of a claim.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Seen {
    pub(crate) evaluated: u64,
    pub(crate) met: u64,
    /// Least and greatest value of a watermark.
    pub(crate) range: Option<(i64, i64)>,
}

/// What one simulation knows of its claims. It lives and dies with the simulation.
#[derive(Debug)]
pub struct Notebook {
    claims: RefCell<Vec<(&'static Claim, Seen)>>,
    /// Processes that were killed and did not recover what they held in memory.
    lost: RefCell<Vec<ProcessId>>,
    pub(crate) whims: Whims,
}

/// Whatever belongs to a simulation and can write into its notebook.
pub trait Witness {
    /// The simulation's notebook.
    fn notebook(&self) -> &Notebook;
}

impl Claim {
    /// A claim; the macros make them.
    pub const fn new(claims: Claims, name: &'static str, file: &'static str, line: u32) -> Self {
        Self { claims, name, file, line }
    }

    fn is(&self, other: &Self) -> bool {
        self.line == other.line
            && self.claims == other.claims
            && self.name == other.name
            && self.file == other.file
    }
}

impl Notebook {
    pub(crate) fn new(choices: Choices) -> Self {
        Self { claims: RefCell::default(), lost: RefCell::default(), whims: Whims::new(choices) }
    }

    fn note(&self, claim: &'static Claim, note: impl FnOnce(&mut Seen)) {
        let mut claims = self.claims.borrow_mut();
        let known = claims.iter().position(|(other, _)| claim.is(other));
        let at = known.unwrap_or_else(|| {
            claims.push((claim, Seen { evaluated: 0, met: 0, range: None }));
            claims.len() - 1
        });
        note(&mut claims[at].1);
    }

    /// Counts one evaluation of a claim; gives `met` back.
    pub fn evaluate(&self, claim: &'static Claim, met: bool) -> bool {
        self.note(claim, |seen| {
            seen.evaluated += 1;
            seen.met += u64::from(met);
        });
        met
    }

    /// Makes a claim known without evaluating it.
    pub fn expect(&self, claim: &'static Claim) {
        self.note(claim, |_| {});
    }

    /// Stretches a watermark to `value`.
    pub fn measure(&self, claim: &'static Claim, value: impl Reading) {
        let value = value.reading();
        self.note(claim, |seen| {
            seen.evaluated += 1;
            let (low, high) = seen.range.unwrap_or((value, value));
            seen.range = Some((low.min(value), high.max(value)));
        });
    }

    /// A process died, and what it kept in memory with it.
    pub(crate) fn died(&self, process: ProcessId) {
        if !self.lost(process) {
            self.lost.borrow_mut().push(process);
        }
    }

    pub(crate) fn recovered(&self, process: ProcessId) {
        self.lost.borrow_mut().retain(|lost| *lost != process);
    }

    pub(crate) fn lost(&self, process: ProcessId) -> bool {
        self.lost.borrow().contains(&process)
    }

    /// Every claim of this run, in the order in which they were met first.
    pub(crate) fn claims(&self) -> Vec<(&'static Claim, Seen)> {
        self.claims.borrow().clone()
    }
}

/// A whole number that a watermark can keep; one beyond 64 bits with sign counts as the nearest that is not.
pub trait Reading {
    /// The number.
    fn reading(self) -> i64;
}

macro_rules! readings {
    ($($number:ty)*) => {$(
        impl Reading for $number {
            fn reading(self) -> i64 {
                let nearest = if self > 0 { i64::MAX } else { i64::MIN };
                i64::try_from(self).unwrap_or(nearest)
            }
        }
    )*};
}
readings!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize);

impl Reading for tidemill_seam::Duration {
    /// In nanoseconds.
    fn reading(self) -> i64 {
        self.as_nanos().reading()
    }
}

impl<W: Witness + ?Sized> Witness for &W {
    fn notebook(&self) -> &Notebook {
        (**self).notebook()
    }
}

impl<W: Witness + ?Sized> Witness for &mut W {
    fn notebook(&self) -> &Notebook {
        (**self).notebook()
    }
}

impl<P: Process> Witness for Sim<P> {
    fn notebook(&self) -> &Notebook {
        self.kernel.notebook()
    }
}

impl Witness for Context<'_> {
    fn notebook(&self) -> &Notebook {
        self.kernel.notebook()
    }
}

impl Witness for Seams {
    fn notebook(&self) -> &Notebook {
        &self.0.notebook
    }
}

impl Witness for Env {
    fn notebook(&self) -> &Notebook {
        self.seams().notebook()
    }
}

/// Counts a law and panics where it does not hold: `always!(env, depth <= 8, "the queue is bounded")`.
///
/// A format string and its arguments may follow; they join the panic's message.
#[macro_export]
macro_rules! always {
    ($at:expr, $holds:expr, $name:literal $(,)?) => {
        $crate::always!($at, $holds, $name, "it does not hold")
    };
    ($at:expr, $holds:expr, $name:literal, $($message:tt)+) => {{
        static CLAIM: $crate::Claim =
            $crate::Claim::new($crate::Claims::Always, $name, ::core::file!(), ::core::line!());
        if !$crate::Witness::notebook(&$at).evaluate(&CLAIM, $holds) {
            ::core::panic!("always, {}: {}", $name, ::core::format_args!($($message)+));
        }
    }};
}

/// Counts something that must hold in some run: `sometimes!(sim, lost > 0, "the link loses")`. Gives whether it held.
#[macro_export]
macro_rules! sometimes {
    ($at:expr, $holds:expr, $name:literal $(,)?) => {{
        static CLAIM: $crate::Claim =
            $crate::Claim::new($crate::Claims::Sometimes, $name, ::core::file!(), ::core::line!());
        $crate::Witness::notebook(&$at).evaluate(&CLAIM, $holds)
    }};
}

/// Marks a place that some run must reach: `reachable!(context, "the leader steps down")`.
///
/// Name it in [`expects!`](crate::expects) where the run begins: otherwise a place that no run reaches is unknown.
#[macro_export]
macro_rules! reachable {
    ($at:expr, $name:literal $(,)?) => {{
        static CLAIM: $crate::Claim =
            $crate::Claim::new($crate::Claims::Reachable, $name, ::core::file!(), ::core::line!());
        $crate::Witness::notebook(&$at).evaluate(&CLAIM, true);
    }};
}

/// Marks a place that no run may reach, and panics there: `unreachable!(env, "an answer without a question")`.
#[macro_export]
macro_rules! unreachable {
    ($at:expr, $name:literal $(,)?) => {
        $crate::unreachable!($at, $name, "it was reached")
    };
    ($at:expr, $name:literal, $($message:tt)+) => {{
        static CLAIM: $crate::Claim =
            $crate::Claim::new($crate::Claims::Unreachable, $name, ::core::file!(), ::core::line!());
        $crate::Witness::notebook(&$at).evaluate(&CLAIM, false);
        ::core::panic!("never, {}: {}", $name, ::core::format_args!($($message)+));
    }};
}

/// Keeps the least and the greatest value: `watermark!(env, "queue depth", depth)`.
#[macro_export]
macro_rules! watermark {
    ($at:expr, $name:literal, $value:expr $(,)?) => {{
        static CLAIM: $crate::Claim =
            $crate::Claim::new($crate::Claims::Watermark, $name, ::core::file!(), ::core::line!());
        $crate::Witness::notebook(&$at).measure(&CLAIM, $value);
    }};
}

/// Says which claims must be met in some run: `expects!(sim, "the link loses", "the station dies")`.
#[macro_export]
macro_rules! expects {
    ($at:expr $(, $name:literal)+ $(,)?) => {{
        $({
            static CLAIM: $crate::Claim =
                $crate::Claim::new($crate::Claims::Expected, $name, ::core::file!(), ::core::line!());
            $crate::Witness::notebook(&$at).expect(&CLAIM);
        })+
    }};
}
