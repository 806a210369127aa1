use super::intrusion::{self, Intrusion};
use super::panics::{self, Panicked};
use super::{Finish, Report};
use crate::explore::{Found, Plan, Reins};
use crate::tape::Mark;
use crate::{Base, Cause, Choice, Config, Failure, Fork, Moment, Overlay, Sim, Trace};
use std::cell::RefCell;
use std::rc::Rc;
use tidemill_seam::Instant;

/// What settles a run, besides what runs.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Trial {
    /// The seed.
    pub seed: u64,
    /// Where choices come from that the overlay does not name.
    pub base: Base,
    /// Choices that are pinned.
    pub overlay: Overlay,
    /// Where the run goes on by another seed.
    pub fork: Option<Fork>,
    /// Whether the report lists the choices.
    pub record: bool,
    /// Whether those that were zero are listed too.
    pub zeros: bool,
    /// After so many events the run fails as too long, whatever its body makes of it: a run whose choices were changed
    /// may never end.
    pub events_max: Option<u64>,
}

impl Trial {
    /// A run that its seed alone settles.
    pub fn seed(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }

    /// The same run as one that takes `choices`, those that were not zero, and nothing from any stream but entropy.
    pub fn pinned(&self, choices: Vec<Choice>) -> Self {
        Self { base: Base::Zero, overlay: choices.into_iter().collect(), ..Self::seed(self.seed) }
    }
}

/// One run: a fresh world, the body, and what is left to read off the world afterwards.
pub(super) fn once<R: Finish>(trial: &Trial, body: &impl Fn(&mut Sim) -> R) -> Report {
    marked(trial, Vec::new(), body)
}

/// One run whose hash is also noted on the way, at about as many events as `at` says, ascending.
pub(super) fn marked<R: Finish>(trial: &Trial, at: Vec<u64>, body: &impl Fn(&mut Sim) -> R) -> Report {
    kept(trial, false, at, body).0
}

/// One run with its trace.
pub(super) fn traced<R: Finish>(name: &str, trial: &Trial, body: &impl Fn(&mut Sim) -> R) -> (Report, Trace) {
    let (report, trace) = kept(trial, true, Vec::new(), body);
    let trace = trace.named(name, report.failure.clone());
    (report, trace)
}

/// One run that a strategy asked for, and what the strategy hears of it.
pub(super) fn planned<R: Finish>(plan: &Plan, body: &impl Fn(&mut Sim) -> R) -> Found {
    let reins = plan.way.reins(plan.trial.seed);
    let report = driven(&plan.trial, false, Vec::new(), &reins, body).0;
    Found { learned: reins.learned(&report), report }
}

/// One run, with its trace or without, whose hash is also noted on the way.
pub(super) fn kept<R: Finish>(
    trial: &Trial,
    trace: bool,
    at: Vec<u64>,
    body: &impl Fn(&mut Sim) -> R,
) -> (Report, Trace) {
    driven(trial, trace, at, &Reins::Plain, body)
}

fn driven<R: Finish>(
    trial: &Trial,
    trace: bool,
    at: Vec<u64>,
    reins: &Reins,
    body: &impl Fn(&mut Sim) -> R,
) -> (Report, Trace) {
    let Trial { seed, base, overlay, fork, record, zeros, events_max } = trial.clone();
    let (drive, order) = reins.drive();
    let config = Config { overlay, base, fork, drive, order, record, trace, ..Config::default() };
    let mut sim = Sim::with(seed, config);
    if zeros {
        sim.kernel.choices.record_zeros();
    }
    if let Reins::Mutant(_, steps) = reins {
        let steps = Rc::clone(steps);
        sim.oracle("steps", move |sim: &Sim, moment: Moment| {
            steps.borrow_mut().look(sim, moment);
            Ok(())
        });
    }
    let marks = note(&mut sim, at);
    let longer = events_max.map(|events_max| limit(&mut sim, events_max));
    let (caught, intrusion) = intrusion::within(|| panics::catch(|| body(&mut sim)));
    let mut failure = match caught {
        Ok(finish) => finish.failure(&sim),
        Err(panicked) => Some(broke(panicked, &sim)),
    };
    if let Some(Intrusion { what, site }) = &intrusion {
        let (now, event, entity) = sim.locate();
        failure = Some(Failure::new(site, what.as_str(), entity, now, event));
    }
    let failure = longer.and_then(|longer| longer.take()).or(failure);
    let mut report = report(seed, failure, &sim);
    (report.marks, report.intrusion) = (marks.take(), intrusion);
    let trace = sim.traced();
    if let (Err(panicked), None) = (panics::catch(|| drop(sim)), &report.failure) {
        let (now, event) = (Instant::from_nanos(report.virtual_ns), report.events);
        report.failure = Some(Failure::new(&panicked.site, panicked.message, "world", now, event));
    }
    (report, trace)
}

/// One run whose panic is the caller's: printed as it happens, with its backtrace.
pub(super) fn aloud<R: Finish>(seed: u64, body: &impl Fn(&mut Sim) -> R) -> Report {
    let mut sim = Sim::new(seed);
    let failure = body(&mut sim).failure(&sim);
    report(seed, failure, &sim)
}

fn broke(panicked: Panicked, sim: &Sim) -> Failure {
    let (now, event, entity) = sim.locate();
    Failure::new(&panicked.site, sim.kernel.in_phase(panicked.message), entity, now, event)
}

fn report(seed: u64, failure: Option<Failure>, sim: &Sim) -> Report {
    let stats = sim.stats();
    Report {
        seed,
        // A body that ignores a broken law has failed all the same.
        failure: failure.or_else(|| sim.failure().cloned()),
        hash: sim.hash(),
        virtual_ns: sim.now().as_nanos(),
        events: stats.events,
        messages: stats.sent,
        counts: counts(sim),
        marks: Vec::new(),
        choices: sim.recorded(),
        coverage: sim.coverage(),
        intrusion: None,
        overlay: sim.overlay_report(),
    }
}

/// What can happen to messages, processes, disks and registers, each with how often it did.
fn counts(sim: &Sim) -> Vec<(&'static str, u64)> {
    let (stats, disks, registers) = (sim.stats(), sim.disks(), sim.registers());
    let mut counts = vec![
        ("sent", stats.sent),
        ("delivered", stats.delivered),
        ("duplicated", stats.duplicated),
        ("reordered", stats.reordered),
        ("corrupted", stats.corrupted),
        ("truncated", stats.truncated),
        ("stopped", stats.stopped),
        ("streams", stats.streams),
        ("segments", stats.segments),
        ("retries", stats.retries),
        ("refused", stats.refused),
        ("timed out", stats.timed_out),
        ("resets", stats.resets),
    ];
    counts.extend(Cause::ALL.iter().map(|cause| (name(*cause), stats.dropped(*cause))));
    counts.extend([
        ("kills", stats.kills),
        ("power losses", disks.power_losses),
        ("disk reads", disks.reads),
        ("disk writes", disks.writes),
        ("disk syncs", disks.syncs),
        ("disk errors", disks.read_errors + disks.write_errors + disks.full + disks.sync_errors),
        ("disk stalls", disks.stalls),
        ("disk rot", disks.rot + disks.misdirected_reads + disks.misdirected_writes),
        ("unsynced writes lost", disks.lost),
        ("register reads", registers.reads),
        ("register writes", registers.won),
        ("register conflicts", registers.lost),
        ("register unknowns", registers.unknown),
        ("register refusals", registers.refused),
    ]);
    counts
}

/// What became of a datagram that was dropped.
fn name(cause: Cause) -> &'static str {
    match cause {
        Cause::Loss => "lost",
        Cause::Partition => "partitioned",
        Cause::Filter => "filtered",
        Cause::NoPort => "unclaimed",
        Cause::Dead => "sent to the dead",
        Cause::Overflow => "overflowed",
        Cause::Queue => "tail-dropped",
        Cause::Taken => "taken off",
    }
}

/// Ends the run after so many events; what it ends with is left in the cell.
fn limit(sim: &mut Sim, events_max: u64) -> Rc<RefCell<Option<Failure>>> {
    let struck = Rc::new(RefCell::new(None));
    let into = struck.clone();
    sim.oracle("length", move |sim: &Sim, _: Moment| {
        let events = sim.stats().events;
        if events <= events_max {
            return Ok(());
        }
        let message = format!("the run is longer than {events_max} events");
        *into.borrow_mut() = Some(Failure::new("length", message.as_str(), "world", sim.now(), events));
        Err(message)
    });
    struck
}

/// Notes the hash at the end of the first step that reaches each number of events in `at`.
fn note(sim: &mut Sim, at: Vec<u64>) -> Rc<RefCell<Vec<Mark>>> {
    let marks = Rc::new(RefCell::new(Vec::with_capacity(at.len())));
    if !at.is_empty() {
        let (into, mut due) = (marks.clone(), at.into_iter().peekable());
        sim.oracle("marks", move |sim: &Sim, _: Moment| {
            let events = sim.stats().events;
            if due.next_if(|at| *at <= events).is_some() {
                while due.next_if(|at| *at <= events).is_some() {}
                into.borrow_mut().push(Mark { events, hash: sim.hash() });
            }
            Ok(())
        });
    }
    marks
}
