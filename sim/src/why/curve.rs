use super::Share;
use crate::harness::{Params, Report, Subject, Trial, tag};
use crate::shrink::Refusal;
use crate::tape::Tape;
use crate::{Fork, Instant, Moment, Sim};
use std::cell::RefCell;
use std::rc::Rc;

/// How closely to look.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ask {
    /// Points of the run at which it is left, at equal numbers of events; as many again lie around the steepest rise.
    pub cuts: u32,
    /// Seeds by which it goes on from each.
    pub runs: u32,
}

/// The share of runs that fail in the same way, by where they leave the run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Curve {
    /// Points, by events ascending: from nothing kept to everything kept.
    pub points: Vec<Point>,
    /// Events of the whole run.
    pub events: u64,
    /// Simulations that ran.
    pub runs: u64,
    /// Whether nobody ended the measurement before all points were there.
    pub complete: bool,
}

/// Runs that share a beginning.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Point {
    /// The events that they share.
    pub events: u64,
    /// Virtual time of the last of them.
    pub at: Instant,
    /// Decisions up to there.
    pub decisions: u64,
    /// How many of the runs fail in the same way.
    pub share: Share,
    /// How many fail in another way.
    pub otherwise: u64,
}

/// How much longer than the tape's run one that leaves it may become.
const LONGER: u64 = 4;
const LONGER_BY: u64 = 10_000;

/// Measures the curve of a failing tape; `go_on` hears after each point how many there are of how many, and may end it.
///
/// # Errors
/// If the tape does not fit the subject, or its run does not fail as recorded.
pub fn curve(
    subject: &Subject<'_>,
    tape: &Tape,
    ask: Ask,
    go_on: &mut dyn FnMut(u64, u64) -> bool,
) -> Result<Curve, Refusal> {
    let params = subject.params_of(tape).map_err(Refusal::Tape)?;
    let (report, steps) = walk(subject, tape, &params);
    let wanted = tag(crate::shrink::check(tape, &report)?);
    let mut measure = Measure { subject, tape, params, wanted, report, runs: 1, asked: ask.runs };
    let cuts = u64::from(ask.cuts.max(1));
    let mut curve = Curve { points: Vec::new(), events: measure.report.events, runs: 0, complete: true };
    for round in 0..2 {
        let (low, high) = match round {
            0 => (0, curve.events),
            _ => curve.rise().map_or((0, 0), |(low, high)| (low.events, high.events)),
        };
        for cut in 0..=cuts {
            let step = step_at(&steps, low + (high - low) * cut / cuts);
            if curve.points.iter().any(|point| point.events == step.events) {
                continue;
            }
            let point = measure.point(step);
            let place = curve.points.partition_point(|other| other.events < point.events);
            curve.points.insert(place, point);
            curve.complete &= go_on(round * (cuts + 1) + cut + 1, 2 * (cuts + 1));
            if !curve.complete {
                break;
            }
        }
    }
    curve.runs = measure.runs;
    Ok(curve)
}

/// A point between two steps of a run.
#[derive(Clone, Copy)]
struct Step {
    events: u64,
    decisions: u64,
    at: Instant,
}

/// The last step at `events` or before.
fn step_at(steps: &[Step], events: u64) -> Step {
    let after = steps.partition_point(|step| step.events <= events);
    steps[after.max(1) - 1]
}

/// Runs the tape and notes how many decisions were taken after each step.
fn walk(subject: &Subject<'_>, tape: &Tape, params: &Params) -> (Report, Vec<Step>) {
    let steps = Rc::new(RefCell::new(vec![Step { events: 0, decisions: 0, at: Instant::ZERO }]));
    let body = |sim: &mut Sim, params: &Params| {
        let into = steps.clone();
        sim.oracle("steps", move |sim: &Sim, moment: Moment| {
            if let Moment::Event(_) = moment {
                let (events, decisions, at) = (sim.stats().events, sim.decisions(), sim.now());
                into.borrow_mut().push(Step { events, decisions, at });
            }
            Ok(())
        });
        subject.play(sim, params)
    };
    let report = subject.with(&body).trial(params, &Trial { record: true, ..tape.trial() });
    let mut steps = steps.take();
    // What the last step decided belongs to the whole of the run, as does what the body decides after it.
    if let Some(last) = steps.last_mut() {
        last.events = report.events;
    }
    (report, steps)
}

struct Measure<'a> {
    subject: &'a Subject<'a>,
    tape: &'a Tape,
    params: Params,
    wanted: String,
    report: Report,
    runs: u64,
    asked: u32,
}

impl Measure<'_> {
    fn point(&mut self, step: Step) -> Point {
        let (mut failed, mut otherwise) = (0, 0);
        let events_max = Some(self.report.events.saturating_mul(LONGER).saturating_add(LONGER_BY));
        for run in 0..u64::from(self.asked) {
            let seed = self.tape.seed.wrapping_add(1 + run);
            let fork = Some(Fork { after: step.decisions, seed });
            let trial = Trial { fork, events_max, ..self.tape.trial() };
            match self.subject.trial(&self.params, &trial).failure.as_ref().map(tag) {
                Some(found) if found == self.wanted => failed += 1,
                Some(_) => otherwise += 1,
                None => {}
            }
        }
        self.runs += u64::from(self.asked);
        let share = Share { hits: failed, of: u64::from(self.asked) };
        Point { events: step.events, at: step.at, decisions: step.decisions, share, otherwise }
    }
}

impl Curve {
    /// The two neighbouring points between which the failure becomes likelier by most: it was decided between them.
    /// `None` where it becomes likelier nowhere.
    pub fn rise(&self) -> Option<(Point, Point)> {
        let rise = |pair: &[Point]| i128::from(pair[1].share.hits) - i128::from(pair[0].share.hits);
        let mut pairs = self.points.windows(2);
        let first = pairs.next()?;
        let best = pairs.fold(first, |best, pair| if rise(pair) > rise(best) { pair } else { best });
        (rise(best) > 0).then_some((best[0], best[1]))
    }

    /// The shares as a line of blocks, one a point, from nothing to all.
    pub fn sparkline(&self) -> String {
        const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
        let block =
            |point: &Point| BLOCKS[(point.share.hits * 8).div_ceil(point.share.of.max(1)).min(8) as usize];
        self.points.iter().map(block).collect()
    }
}
