use tidemill_seam::{Clock, Notify};

use super::{Cycle, Polled, Why};
use crate::graph::{Graph, Stages, StartError};

/// Steps between two looks at the clock.
const BURST: u32 = 64;

/// How a graph ended.
#[expect(clippy::large_enum_variant, reason = "made once a run, and there is no heap to box it on")]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Every node is done.
    Done,
    /// Somebody asked for it.
    Stopped,
    /// A node failed or panicked.
    Halted(Why),
    /// Nobody could move any more.
    Stalled(Cycle),
}

/// Starts a graph if need be, runs it to its end on this thread, and stops it: the driver for a world with one worker.
///
/// # Errors
/// [`StartError`] where a node does not start.
pub fn run<S: Stages>(
    graph: &mut Graph<S>,
    clock: &impl Clock,
    notify: &impl Notify,
) -> Result<Outcome, StartError> {
    if !graph.is_started() {
        graph.start(clock.now())?;
    }
    let mut worker = graph.worker();
    let mut seen = notify.epoch();
    let outcome = loop {
        // The epoch is taken before the look for work, so a notification since then ends the wait at once.
        let epoch = notify.epoch();
        if epoch != seen {
            seen = epoch;
            worker.notified();
        }
        match worker.poll(clock.now(), BURST) {
            Polled::Ran(_) => {}
            Polled::Idle { due } => {
                notify.wait(epoch, due);
            }
            Polled::Done => break Outcome::Done,
            Polled::Halted(Why::Stopped) => break Outcome::Stopped,
            Polled::Halted(why) => break Outcome::Halted(why),
            Polled::Stalled => break Outcome::Stalled(worker.stalled()),
        }
    };
    graph.stop(clock.now());
    Ok(outcome)
}
