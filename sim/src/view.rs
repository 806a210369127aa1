//! What can be asked of a simulation between two events.

use tidemill_seam::{Duration, Instant};

use crate::choice::{Choice, OverlayReport, Rate};
use crate::coverage::Coverage;
use crate::failure::Failure;
use crate::machine::ProcessId;
use crate::net::Latency;
use crate::process::Process;
use crate::sim::Sim;
use crate::stats::Stats;
use crate::trace::{Subject, Trace, TraceRecord};

impl<P: Process> Sim<P> {
    /// Virtual time, number of the event, and `machine/process` of what ran last: where a caught panic belongs.
    pub fn locate(&self) -> (Instant, u64, String) {
        let last = &self.kernel.last;
        let named = last.kind().subject() == Subject::Process;
        let entity = if named && last.subject() < self.bodies.len() {
            self.kernel.process_name(ProcessId(last.subject() as u32))
        } else {
            "world".to_owned()
        };
        (self.now(), self.kernel.stats.events, entity)
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.kernel.choices.seed()
    }

    /// Virtual time.
    pub fn now(&self) -> Instant {
        Instant::from_nanos(self.kernel.now_ns)
    }

    /// The hash of everything that happened so far.
    pub fn hash(&self) -> u128 {
        self.kernel.hash()
    }

    /// Counts.
    pub fn stats(&self) -> &Stats {
        &self.kernel.stats
    }

    /// Datagrams on their way, counted one by one.
    pub fn in_flight(&self) -> u64 {
        let queue = &self.kernel.queue;
        let held = self.kernel.processes.iter().flat_map(|meta| &meta.held).map(|index| queue.event(*index));
        let waiting = queue.iter().map(|(_, _, event)| event);
        let queued = waiting.chain(held).filter(|event| event.datagram().is_some()).count() as u64;
        queued + self.kernel.parked(None).count() as u64
    }

    /// Events that wait.
    pub fn pending(&self) -> usize {
        self.kernel.queue.len() as usize
    }

    /// Datagrams that wait in the inboxes of a process.
    pub fn inbox(&self, process: ProcessId) -> usize {
        self.kernel.meta(process).seams.as_ref().map_or(0, |seams| seams.waiting())
    }

    /// Tasks that live in a process; none in a state machine, and none in the dead.
    pub fn tasks(&self, process: ProcessId) -> usize {
        self.process(process).map_or(0, Process::tasks)
    }

    /// Every event so far, with [`Config::trace`](crate::Config::trace); otherwise nothing.
    pub fn trace(&self) -> &[TraceRecord] {
        self.kernel.trace.as_deref().map(|kept| &*kept.records).unwrap_or_default()
    }

    /// The run so far with causes and names, with [`Config::trace`](crate::Config::trace); otherwise one without events.
    pub fn traced(&self) -> Trace {
        Trace::of(&self.kernel)
    }

    /// The choices that were not zero, with [`Config::record`](crate::Config::record); otherwise nothing.
    pub fn recorded(&self) -> Vec<Choice> {
        self.kernel.choices.recorded()
    }

    /// How many decisions were taken, with [`Config::record`](crate::Config::record), an overlay or a fork; otherwise 0.
    pub fn decisions(&self) -> u64 {
        self.kernel.choices.decisions()
    }

    /// What became of [`Config::overlay`](crate::Config::overlay) so far.
    pub fn overlay_report(&self) -> OverlayReport {
        self.kernel.choices.report()
    }

    /// What this run's claims came to so far.
    pub fn coverage(&self) -> Coverage {
        let seed = self.seed();
        let mut coverage = Coverage::of(self.kernel.notebook.get().map(|notebook| &**notebook), seed);
        if let Some(faults) = &self.kernel.faults {
            faults.report(&mut coverage, seed);
        }
        coverage
    }

    /// The first failure.
    pub fn failure(&self) -> Option<&Failure> {
        self.kernel.failure.as_deref()
    }

    /// Decides something that belongs to no machine, below `n`.
    ///
    /// # Panics
    /// If `n` is zero: there is nothing to choose from.
    pub fn choose(&mut self, kind: &'static str, n: u64) -> u64 {
        self.kernel.choices.choose(kind, n)
    }

    /// Decides whether something happens that belongs to no machine.
    pub fn chance(&mut self, kind: &'static str, rate: Rate) -> bool {
        self.kernel.choices.chance(kind, rate)
    }
    /// Decides how long something takes that belongs to no machine.
    pub fn draw(&mut self, kind: &'static str, latency: Latency) -> Duration {
        Duration::from_nanos(self.kernel.choices.draw(kind, latency))
    }
}
