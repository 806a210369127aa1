use super::{Progress, Size};
use crate::Choice;
use crate::harness::{Params, Report, Shrink, Subject, Trial, tag};
use crate::tape::Tape;
use std::collections::BTreeSet;

/// How much longer than the smallest run so far another one may become, so that one that never ends is given up.
const LONGER: u64 = 4;
const LONGER_BY: u64 = 10_000;
/// What a run costs besides its events and its choices, in events.
const RUN_COSTS: u64 = 100;

/// The smallest failing run so far, and what was tried.
pub(super) struct Search<'a, 'b> {
    subject: Subject<'a>,
    pub(super) seed: u64,
    wanted: String,
    pub(super) params: Params,
    /// What the run chose, in the order in which it did.
    pub(super) choices: Vec<Choice>,
    report: Report,
    /// Nothing is left of it to try.
    pub(super) whole: bool,
    size: Size,
    tried: BTreeSet<u128>,
    pub(super) runs: u64,
    pub(super) work: u64,
    /// Work at which the present run is left as it is.
    fence: u64,
    /// Seeds that runs were drawn from.
    pub(super) drawn: u64,
    pub(super) runs_max: u64,
    go_on: &'b mut dyn FnMut(&Progress<'_>) -> bool,
    pub(super) pass: &'static str,
    pub(super) rounds: u32,
    ended: bool,
}

/// A failing run, set aside.
pub(super) struct Small {
    pub(super) params: Params,
    pub(super) choices: Vec<Choice>,
    report: Report,
    whole: bool,
}

/// What orders two failing runs: less of what comes first is smaller, whatever follows.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Measure {
    /// Choices, and the bits of what parameters are above the start of their range.
    facts: usize,
    params: Vec<u64>,
    choices: usize,
    /// The numbers in the names of those who chose: the first of several alike is the simplest.
    names: u128,
    counters: u128,
    values: u128,
}

impl<'a, 'b> Search<'a, 'b> {
    /// Begins with a failing run's choices laid out over zero; `None` where that is another run.
    pub(super) fn new(
        subject: Subject<'a>,
        params: Params,
        tape: &Tape,
        first: Report,
        runs_max: u64,
        go_on: &'b mut dyn FnMut(&Progress<'_>) -> bool,
    ) -> Option<Self> {
        let wanted = tag(first.failure.as_ref()?);
        let trial = Trial { record: true, ..tape.trial().pinned(first.choices) };
        let report = subject.trial(&params, &trial);
        if report.hash != first.hash || report.failure.as_ref().map(tag) != Some(wanted.clone()) {
            return None;
        }
        let work = 2 * cost(&report);
        Some(Self {
            subject,
            seed: tape.seed,
            wanted,
            size: Size::of(&params, &report),
            params,
            choices: report.choices.clone(),
            report,
            whole: false,
            tried: BTreeSet::new(),
            runs: 2,
            work,
            fence: u64::MAX,
            drawn: 0,
            runs_max,
            go_on,
            pass: "laying out",
            rounds: 0,
            ended: false,
        })
    }

    /// Shrinks the present run until nothing helps, the finest spans included, or so much work was done.
    pub(super) fn shrink_within(&mut self, work: u64) {
        (self.fence, self.rounds) = (self.work.saturating_add(work), 0);
        let mut before = None;
        while !self.ended() && (self.rounds <= super::spans::FINEST || before != Some(self.measure())) {
            before = Some(self.measure());
            self.round();
            self.rounds += 1;
        }
        self.whole = !self.ended();
        self.fence = u64::MAX;
    }

    pub(super) fn measure(&self) -> Measure {
        self.measure_of(&self.params, &self.choices)
    }

    pub(super) fn measure_of(&self, params: &Params, choices: &[Choice]) -> Measure {
        let lowered = params.iter().zip(self.subject.list()).filter(|(_, param)| param.shrink != Shrink::No);
        let bits = lowered.map(|((_, value), param)| bits(value.saturating_sub(*param.range.start())));
        Measure {
            facts: bits.sum::<usize>() + choices.len(),
            params: params.iter().map(|(_, value)| value).collect(),
            choices: choices.len(),
            names: choices.iter().map(|choice| super::lower::numbers(&choice.site.entity)).sum(),
            counters: choices.iter().map(|choice| u128::from(choice.site.counter)).sum(),
            values: choices.iter().map(|choice| u128::from(choice.value)).sum(),
        }
    }

    /// Whether a run fails as it should.
    pub(super) fn is_wanted(&self, report: &Report) -> bool {
        report.failure.as_ref().map(tag).as_ref() == Some(&self.wanted)
    }

    /// The smallest run, to come back to.
    pub(super) fn smallest(&self) -> Small {
        let (params, choices) = (self.params.clone(), self.choices.clone());
        Small { params, choices, report: self.report.clone(), whole: self.whole }
    }

    /// Goes on from this run.
    pub(super) fn take(&mut self, small: Small) {
        self.size = Size::of(&small.params, &small.report);
        Small { params: self.params, choices: self.choices, report: self.report, whole: self.whole } = small;
    }

    /// Goes on from a run with these choices if it fails as it should, however large it is.
    pub(super) fn start_over(&mut self, params: Params, choices: Vec<Choice>) -> bool {
        let trial = Trial { record: true, ..Trial::seed(self.seed).pinned(choices) };
        let Some(report) = self.one(&params, trial) else { return false };
        let same = self.is_wanted(&report);
        if same {
            self.take(Small { params, choices: report.choices.clone(), report, whole: false });
        }
        same
    }

    fn round(&mut self) {
        let before = self.measure();
        self.pass = "everything";
        self.without(|_| true);
        self.pass = "faults";
        self.lower_params(Shrink::Faults);
        self.drop_choices(|choice| choice.n == 2);
        self.pass = "machines";
        self.lower_params(Shrink::Machines);
        self.drop_machines();
        self.pass = "work";
        self.lower_params(Shrink::Items);
        self.pass = "order";
        self.drop_choices(|choice| (3..=ORDER_MAX).contains(&choice.n));
        self.pass = "times";
        self.drop_choices(|choice| choice.n > ORDER_MAX);
        self.pass = "spans";
        self.cut_spans();
        self.pass = "names";
        self.rename();
        self.earlier();
        self.pass = "values";
        self.lower_values();
        if self.measure() == before {
            self.pass = "pairs";
            self.drop_pairs();
        }
    }

    /// The parameters, the trial and the report of the smallest run; runs and work that led to it.
    pub(super) fn end(self) -> (Params, Trial, Report, [u64; 2]) {
        let trial = Trial::seed(self.seed).pinned(self.choices);
        (self.params, trial, self.report, [self.runs, self.work])
    }

    pub(super) fn list(&self) -> &'a [crate::harness::Param] {
        self.subject.list()
    }

    /// Whether to go on from the present run.
    pub(super) fn ended(&self) -> bool {
        self.ended || self.work >= self.fence
    }

    /// Every decision of the smallest run so far, those that came to zero with the others, in their order; nothing once the
    /// search has ended.
    pub(super) fn decisions(&mut self) -> Vec<Choice> {
        let trial = Trial::seed(self.seed).pinned(self.choices.clone());
        let params = self.params.clone();
        let report = self.one(&params, Trial { record: true, zeros: true, ..trial });
        report.map_or_else(Vec::new, |report| report.choices)
    }

    /// Tries the run without the choices that `drop` names.
    pub(super) fn without(&mut self, drop: impl Fn(&Choice) -> bool) -> bool {
        let kept: Vec<Choice> = self.choices.iter().filter(|choice| !drop(choice)).cloned().collect();
        kept.len() < self.choices.len() && self.attempt(self.params.clone(), kept)
    }

    /// Counts work, and asks whether to go on.
    pub(super) fn spend(&mut self, work: u64) {
        self.work += work;
        let progress = Progress { runs: self.runs, work: self.work, pass: self.pass, best: &self.size };
        self.ended |= !(self.go_on)(&progress);
    }

    /// Runs with these parameters and choices; a run that fails as it should and is smaller becomes the smallest.
    pub(super) fn attempt(&mut self, params: Params, choices: Vec<Choice>) -> bool {
        if self.ended() || !self.tried.insert(fingerprint(&params, &choices)) {
            return false;
        }
        let trial = Trial { record: true, ..Trial::seed(self.seed).pinned(choices) };
        let Some(report) = self.one(&params, trial) else { return false };
        let smaller = self.is_wanted(&report) && self.measure_of(&params, &report.choices) < self.measure();
        if smaller {
            // What nobody asked for and what was out of range is gone.
            self.take(Small { params, choices: report.choices.clone(), report, whole: false });
        }
        smaller
    }

    /// One run, unless the search has ended.
    pub(super) fn one(&mut self, params: &Params, trial: Trial) -> Option<Report> {
        self.ended |= self.runs >= self.runs_max;
        if self.ended {
            return None;
        }
        let events_max = self.size.events.saturating_mul(LONGER).saturating_add(LONGER_BY);
        let report = self.subject.trial(params, &Trial { events_max: Some(events_max), ..trial });
        self.runs += 1;
        self.spend(cost(&report));
        Some(report)
    }
}

/// What a run costs, in events.
fn cost(report: &Report) -> u64 {
    report.events + report.choices.len() as u64 + RUN_COSTS
}

/// More alternatives than this are an amount, of time most often; fewer are an order.
const ORDER_MAX: u64 = 256;

/// How many bits a number has: a parameter at the start of its range says nothing.
const fn bits(number: u64) -> usize {
    (u64::BITS - number.leading_zeros()) as usize
}

impl Small {
    /// What running it costs.
    pub(super) fn cost(&self) -> u64 {
        cost(&self.report)
    }
}

/// 128 bits that stand for what is tried, so that nothing is tried twice. FNV-1a (Fowler, Noll, Vo).
fn fingerprint(params: &Params, choices: &[Choice]) -> u128 {
    const PRIME: u128 = (1 << 88) + 0x13b;
    let mut hash = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    let mut eat = |bytes: &[u8]| {
        bytes.iter().for_each(|byte| hash = (hash ^ u128::from(*byte)).wrapping_mul(PRIME));
    };
    params.iter().for_each(|(_, value)| eat(&value.to_le_bytes()));
    for choice in choices {
        eat(choice.site.entity.as_bytes());
        eat(b"#");
        eat(choice.site.kind.as_bytes());
        eat(&choice.site.counter.to_le_bytes());
        eat(&choice.value.to_le_bytes());
    }
    hash
}
