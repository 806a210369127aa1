//! What a strategy asks for, run by run, and what it hears.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use super::mutant::{Change, Mutant, Steps};
use super::order::Order;
use super::pct::Pct;
use super::source::Drive;
use super::strategy::Bounds;
use super::swarm::Swarm;
use super::walk::{Path, Trail, Walk};
use crate::choice::Choice;
use crate::harness::{Report, Trial};

/// One run that a strategy asks for.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Which member of the search asked.
    pub member: usize,
    pub trial: Trial,
    pub way: Way,
}

/// Where its choices come from.
#[derive(Clone, Debug)]
pub(crate) enum Way {
    /// As the trial says.
    Plain,
    /// As the seed says, at rates that are drawn.
    Swarm,
    Pct {
        depth: u32,
        decisions: u64,
    },
    Walk(Bounds, Path),
    Mutant(Change),
}

/// The source of a run, kept until the run is over.
#[derive(Debug)]
pub(crate) enum Reins {
    Plain,
    Swarm(Drive),
    Pct(Rc<RefCell<Pct>>),
    Walk(Rc<RefCell<Walk>>),
    Mutant(Rc<RefCell<Mutant>>, Rc<RefCell<Steps>>),
}

/// What the strategy hears of a run besides its report.
#[derive(Debug)]
pub(crate) enum Learned {
    Nothing,
    Decisions(u64),
    Trail(Trail),
    Log(Vec<Choice>, BTreeSet<u64>),
}

/// A run that was asked for.
#[derive(Debug)]
pub(crate) struct Found {
    pub report: Report,
    pub learned: Learned,
}

impl Plan {
    /// What repeats the run without its strategy.
    pub(crate) fn repeats(&self, report: &Report) -> Trial {
        match self.way {
            Way::Plain => self.trial.clone(),
            _ => self.trial.pinned(report.choices.clone()),
        }
    }
}

impl Way {
    pub(crate) fn reins(&self, seed: u64) -> Reins {
        let cell = |walk| Rc::new(RefCell::new(walk));
        match self {
            Self::Plain => Reins::Plain,
            Self::Swarm => Reins::Swarm(Drive::new(Swarm::new(seed))),
            Self::Pct { depth, decisions } => {
                Reins::Pct(Rc::new(RefCell::new(Pct::new(seed, *depth, *decisions))))
            }
            Self::Walk(bounds, path) => Reins::Walk(cell(Walk::new(*bounds, path.clone()))),
            Self::Mutant(change) => {
                Reins::Mutant(Rc::new(RefCell::new(Mutant::new(change.clone()))), Rc::default())
            }
        }
    }
}

impl Reins {
    pub(crate) fn drive(&self) -> (Option<Drive>, Order) {
        match self {
            Self::Plain => (None, Order::Drawn),
            Self::Swarm(drive) => (Some(drive.clone()), Order::Drawn),
            Self::Pct(source) => (Some(Drive::shared(source)), Order::Chosen),
            Self::Walk(source) => (Some(Drive::shared(source)), Order::Chosen),
            Self::Mutant(source, _) => (Some(Drive::shared(source)), Order::Chosen),
        }
    }

    pub(crate) fn learned(&self, report: &Report) -> Learned {
        use super::mutant::Features;
        match self {
            Self::Plain | Self::Swarm(_) => Learned::Nothing,
            Self::Pct(source) => Learned::Decisions(source.borrow().decisions()),
            Self::Walk(source) => Learned::Trail(source.borrow_mut().trail()),
            Self::Mutant(source, steps) => {
                let mut features = BTreeSet::new();
                steps.borrow().features(&mut features);
                report.coverage.features(&mut features);
                Learned::Log(source.borrow_mut().log(), features)
            }
        }
    }
}
