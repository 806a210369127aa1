use super::{Progress, Size};
use crate::harness::{Params, Report, Shrink, Subject, Trial, tag};
use crate::tape::Tape;
use crate::{Choice, Overlay};
use std::collections::BTreeSet;

/// How much longer than the smallest run so far another one may become, so that one that never ends is given up.
const LONGER: u64 = 4;
const LONGER_BY: u64 = 10_000;
/// What a run costs besides its events, in events.
const RUN_COSTS: u64 = 100;

/// The smallest failing run so far, and what was tried.
pub(super) struct Search<'a, 'b> {
    subject: Subject<'a>,
    seed: u64,
    wanted: String,
    pub(super) params: Params,
    /// What the run chose, in the order in which it did.
    pub(super) choices: Vec<Choice>,
    report: Report,
    size: Size,
    tried: BTreeSet<u128>,
    runs: u64,
    work: u64,
    runs_max: u64,
    go_on: &'b mut dyn FnMut(&Progress<'_>) -> bool,
    pass: &'static str,
    pub(super) rounds: u32,
    ended: bool,
}

/// What orders two failing runs: less of what comes first is smaller, whatever follows.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Measure {
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
        let work = 2 * (report.events + RUN_COSTS);
        Some(Self {
            subject,
            seed: tape.seed,
            wanted,
            size: Size::of(&params, &report),
            params,
            choices: report.choices.clone(),
            report,
            tried: BTreeSet::new(),
            runs: 2,
            work,
            runs_max,
            go_on,
            pass: "laying out",
            rounds: 0,
            ended: false,
        })
    }

    /// Shrinks until nothing helps, the finest spans included; `false` where a limit came first.
    pub(super) fn run(&mut self) -> bool {
        loop {
            let before = Measure::of(&self.params, &self.choices);
            self.round();
            self.rounds += 1;
            if self.ended {
                return false;
            }
            if Measure::of(&self.params, &self.choices) == before && self.rounds > super::spans::FINEST {
                return true;
            }
        }
    }

    fn round(&mut self) {
        let before = Measure::of(&self.params, &self.choices);
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
        if Measure::of(&self.params, &self.choices) == before {
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

    pub(super) fn ended(&self) -> bool {
        self.ended
    }

    /// Every decision of the smallest run so far, those that came to zero with the others, in their order; nothing once the
    /// search has ended.
    pub(super) fn decisions(&mut self) -> Vec<Choice> {
        self.ended |= self.runs >= self.runs_max;
        if self.ended {
            return Vec::new();
        }
        let trial =
            Trial { record: true, zeros: true, ..Trial::seed(self.seed).pinned(self.choices.clone()) };
        self.runs += 1;
        let all = self.subject.trial(&self.params, &trial).choices;
        self.spend(self.size.events + RUN_COSTS + all.len() as u64);
        all
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
        if self.ended || !self.tried.insert(fingerprint(&params, &choices)) {
            return false;
        }
        if self.runs >= self.runs_max {
            self.ended = true;
            return false;
        }
        let events_max = self.size.events.saturating_mul(LONGER).saturating_add(LONGER_BY);
        let overlay: Overlay = choices.into_iter().collect();
        let trial = Trial {
            base: crate::Base::Zero,
            overlay,
            record: true,
            events_max: Some(events_max),
            ..Trial::seed(self.seed)
        };
        let report = self.subject.trial(&params, &trial);
        self.runs += 1;
        let events = report.events;
        let same = report.failure.as_ref().map(tag).as_ref() == Some(&self.wanted);
        let smaller =
            same && Measure::of(&params, &report.choices) < Measure::of(&self.params, &self.choices);
        if smaller {
            self.size = Size::of(&params, &report);
            self.params = params;
            // What nobody asked for and what was out of range is gone.
            self.choices.clone_from(&report.choices);
            self.report = report;
        }
        self.spend(events + RUN_COSTS);
        smaller
    }
}

/// More alternatives than this are an amount, of time most often; fewer are an order.
const ORDER_MAX: u64 = 256;

impl Measure {
    fn of(params: &Params, choices: &[Choice]) -> Self {
        Self {
            params: params.iter().map(|(_, value)| value).collect(),
            choices: choices.len(),
            names: choices.iter().map(|choice| super::lower::numbers(&choice.site.entity)).sum(),
            counters: choices.iter().map(|choice| u128::from(choice.site.counter)).sum(),
            values: choices.iter().map(|choice| u128::from(choice.value)).sum(),
        }
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
