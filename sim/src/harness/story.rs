use super::{Finish, Report, Trial, run};
use crate::tape::{Ending, Pair, Pin, Tape};
use crate::{Failure, Overlay, Sim, Trace};
use core::fmt;
use core::ops::RangeInclusive;

/// A simulation with a name: what `tidemill run` runs.
#[derive(Clone, Copy, Debug)]
pub struct Story {
    /// Its name: lower case, digits and `_`, for it becomes part of a file name.
    pub name: &'static str,
    /// Who sends what to whom, on one line.
    pub picture: &'static str,
    /// What must hold, and under which faults, in one sentence.
    pub about: &'static str,
    /// How many seeds run unless the caller says otherwise.
    pub seeds: u64,
    /// Whether a run must pass or must fail.
    pub must: Must,
    /// What can be set.
    pub params: &'static [Param],
    /// The simulation.
    pub body: fn(&mut Sim, &Params) -> Result<(), Failure>,
}

/// What a story is there to show.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Must {
    /// Every seed passes. Part of what runs by default.
    Pass,
    /// Every seed fails: a canary, run only when it is named.
    Fail,
}

/// A number that a story lets its caller set.
#[derive(Clone, Debug)]
pub struct Param {
    /// Its name.
    pub name: &'static str,
    /// Its value if nobody sets it.
    pub default: u64,
    /// The values it may take.
    pub range: RangeInclusive<u64>,
    /// What it sets.
    pub about: &'static str,
    /// Whether the shrinker may drive it towards the start of its range.
    pub shrink: Shrink,
}

/// What becomes less where a parameter does. The shrinker takes them in this order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub enum Shrink {
    /// How many faults strike.
    Faults,
    /// How many machines, processes or nodes there are.
    Machines,
    /// How much work is done.
    Items,
    /// Nothing that makes a failure easier to read: a rate, a limit, a version.
    #[default]
    No,
}

/// The parameters of one run. Every one of them is within its range.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Params {
    values: Vec<(&'static str, u64, u64)>,
}

/// Why a parameter cannot be set.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BadParam {
    /// The story has no such parameter; the ones it has.
    Unknown(Vec<&'static str>),
    /// Not a whole number.
    NotANumber,
    /// Outside the range.
    OutOfRange(RangeInclusive<u64>),
}

impl Story {
    /// The parameters as they are if nobody sets them.
    pub fn params(&self) -> Params {
        Params::of(self.params)
    }

    /// Sets one parameter.
    pub fn set(&self, params: &mut Params, name: &str, value: &str) -> Result<(), BadParam> {
        params.set(self.params, name, value)
    }

    /// Runs the story once.
    pub fn run(&self, seed: u64, params: &Params, overlay: Overlay) -> Report {
        self.trial(params, &Trial { overlay, ..Trial::seed(seed) })
    }

    /// Runs the story once, as `trial` settles it.
    pub fn trial(&self, params: &Params, trial: &Trial) -> Report {
        run::once(trial, &|sim: &mut Sim| (self.body)(sim, params))
    }

    /// Runs the story once, as `trial` settles it, and keeps every event with its cause.
    pub fn trace(&self, params: &Params, trial: &Trial) -> (Report, Trace) {
        run::traced(self.name, trial, &|sim: &mut Sim| (self.body)(sim, params))
    }

    /// Runs the story once, as `trial` settles it, and notes its hash at the end of the first step that reaches each number
    /// of events in `at`, ascending: [`Report::marks`].
    pub fn marked(&self, params: &Params, trial: &Trial, at: Vec<u64>) -> Report {
        run::marked(trial, at, &|sim: &mut Sim| (self.body)(sim, params))
    }

    /// The tape of a run that [`run`](Self::run) reported.
    ///
    /// # Errors
    /// If the run, repeated, takes another path: it is not a function of its seed.
    pub fn tape(&self, params: &Params, overlay: &Overlay, report: &Report) -> Result<Tape, Unsteady> {
        self.tape_of(params, &Trial { overlay: overlay.clone(), ..Trial::seed(report.seed) }, report)
    }

    /// The tape of a run that [`trial`](Self::trial) reported.
    ///
    /// # Errors
    /// As [`tape`](Self::tape).
    pub fn tape_of(&self, params: &Params, trial: &Trial, report: &Report) -> Result<Tape, Unsteady> {
        tape(self.name, params.changed(), trial, report, &|sim: &mut Sim| (self.body)(sim, params))
    }
}

/// A run that took another path when it was repeated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unsteady {
    /// The seed of both runs.
    pub seed: u64,
    /// The hash of the first run.
    pub first: u128,
    /// The hash of the second.
    pub second: u128,
}

/// Marks on a tape, at most.
const MARKS: u64 = 16;

/// The tape of a run of anything that has a name. Repeats the run to set the marks. What a fork decided is pinned.
pub(super) fn tape<R: Finish>(
    name: &str,
    config: Vec<Pair>,
    trial: &Trial,
    report: &Report,
    body: &impl Fn(&mut Sim) -> R,
) -> Result<Tape, Unsteady> {
    let pinned = trial
        .fork
        .is_some()
        .then(|| trial.pinned(run::once(&Trial { record: true, ..trial.clone() }, body).choices));
    let trial = pinned.as_ref().unwrap_or(trial);
    let stride = report.events.div_ceil(MARKS).max(1);
    let at: Vec<u64> = (1..=MARKS).map(|mark| mark * stride).filter(|at| *at <= report.events).collect();
    let again = run::marked(trial, at, body);
    if again.hash != report.hash {
        return Err(Unsteady { seed: report.seed, first: report.hash, second: again.hash });
    }
    Ok(Tape {
        crate_version: env!("CARGO_PKG_VERSION").to_owned(),
        story: Pair::new("story", name),
        seed: report.seed,
        config,
        base: trial.base,
        choices: trial
            .overlay
            .iter()
            .map(|(site, value)| Pin { site: site.clone(), value: *value, line: 0 })
            .collect(),
        marks: again.marks,
        failure: report
            .failure
            .as_ref()
            .map(|failure| Ending { tag: super::tag(failure), id: failure.id.clone() }),
        hash: report.hash,
    })
}

impl fmt::Display for Unsteady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "seed {} is not deterministic: trace hash {:032x}, then {:032x}",
            self.seed, self.first, self.second
        )
    }
}

impl core::error::Error for Unsteady {}

impl Params {
    /// Every parameter at its default.
    pub(super) fn of(list: &[Param]) -> Self {
        Self { values: list.iter().map(|param| (param.name, param.default, param.default)).collect() }
    }

    pub(super) fn set(&mut self, list: &[Param], name: &str, value: &str) -> Result<(), BadParam> {
        let Some(at) = list.iter().position(|param| param.name == name) else {
            return Err(BadParam::Unknown(list.iter().map(|param| param.name).collect()));
        };
        let value = value.parse().map_err(|_| BadParam::NotANumber)?;
        if !list[at].range.contains(&value) {
            return Err(BadParam::OutOfRange(list[at].range.clone()));
        }
        self.values[at].1 = value;
        Ok(())
    }

    /// The same with parameter number `at` at `value`, which must lie in its range.
    pub(crate) fn with(&self, at: usize, value: u64) -> Self {
        let mut other = self.clone();
        other.values[at].1 = value;
        other
    }

    /// Every parameter with its value.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        self.values.iter().map(|(name, value, _)| (*name, *value))
    }

    /// The value of a parameter.
    ///
    /// # Panics
    /// If the story does not list `name`: a mistake in the story.
    #[track_caller]
    pub fn get(&self, name: &str) -> u64 {
        let found = self.values.iter().find(|value| value.0 == name);
        found.unwrap_or_else(|| panic!("the story lists no parameter `{name}`")).1
    }

    /// The parameters that differ from their defaults.
    pub(super) fn changed(&self) -> Vec<Pair> {
        let changed = self.values.iter().filter(|(_, value, default)| value != default);
        changed.map(|(name, value, _)| Pair::new(name, &value.to_string())).collect()
    }
}

impl fmt::Display for BadParam {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(known) if known.is_empty() => f.write_str("the story has no parameters"),
            Self::Unknown(known) => write!(f, "no such parameter; there are: {}", known.join(", ")),
            Self::NotANumber => f.write_str("not a whole number below 2^64"),
            Self::OutOfRange(range) => write!(f, "must lie between {} and {}", range.start(), range.end()),
        }
    }
}

impl core::error::Error for BadParam {}
