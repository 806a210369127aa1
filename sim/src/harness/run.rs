use super::panics::{self, Panicked};
use super::{Finish, Report};
use crate::hash::RollingHash;
use crate::tape::Mark;
use crate::{Config, Failure, Overlay, Sim, TraceRecord};

/// One run: a fresh world, the body, and what is left to read off the world afterwards.
pub(super) fn once<R: Finish>(seed: u64, overlay: Overlay, body: &impl Fn(&mut Sim) -> R) -> Report {
    traced(seed, Config { overlay, ..Config::default() }, &[], body)
}

/// One run whose hash is also noted after so many events; `at` ascends.
pub(super) fn marked<R: Finish>(seed: u64, overlay: Overlay, at: &[u64], body: &impl Fn(&mut Sim) -> R) -> Report {
    traced(seed, Config { overlay, record: true, trace: true, ..Config::default() }, at, body)
}

/// One run whose panic is the caller's: printed as it happens, with its backtrace.
pub(super) fn aloud<R: Finish>(seed: u64, body: &impl Fn(&mut Sim) -> R) -> Report {
    let mut sim = Sim::new(seed);
    let failure = body(&mut sim).failure(&sim);
    report(seed, failure, &[], &sim)
}

fn traced<R: Finish>(seed: u64, config: Config, at: &[u64], body: &impl Fn(&mut Sim) -> R) -> Report {
    let mut sim = Sim::with(seed, config);
    let ended = panics::catch(|| body(&mut sim));
    let failure = match ended {
        Ok(finish) => finish.failure(&sim),
        Err(Panicked { site, message }) => {
            let (now, event, entity) = sim.locate();
            Some(Failure::new(&site, message, entity, now, event))
        }
    };
    report(seed, failure, at, &sim)
}

fn report(seed: u64, failure: Option<Failure>, at: &[u64], sim: &Sim) -> Report {
    let stats = sim.stats();
    Report {
        seed,
        // A body that ignores a broken law has failed all the same.
        failure: failure.or_else(|| sim.failure().cloned()),
        hash: sim.hash(),
        virtual_ns: sim.now().as_nanos(),
        events: stats.events,
        messages: stats.sent,
        counts: stats.named(),
        marks: marks(sim.trace(), at),
        recorded: sim.recorded(),
        overlay: sim.overlay_report(),
    }
}

/// The rolling hash after each number of events in `at` that the trace reaches.
fn marks(trace: &[TraceRecord], at: &[u64]) -> Vec<Mark> {
    let mut hash = RollingHash::new();
    let mut marks = Vec::with_capacity(at.len());
    for (record, events) in trace.iter().zip(1..) {
        let [at_ns, what, arg, digest] = record.words();
        hash.append(at_ns, what, arg, digest);
        if at.binary_search(&events).is_ok() {
            marks.push(Mark { events, hash: hash.value() });
        }
    }
    marks
}
