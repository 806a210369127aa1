//! Shipped graphs as processes: the driver `Sim` beside `Single`, `Threads` and the boards.
//!
//! A graph borrows its pools and edges, so the process that runs it is a task: an `async` block owns all three, builds
//! them anew at every restart, and hands the graph to [`run`].
//!
//! A graph whose stages are placed on several workers runs as a [`Crew`]: each worker is a process, whose steps are events.

mod crew;

pub use crew::Crew;

use tidemill_flow::{Graph, Outcome, Polled, Stages, StartError, Why};

use crate::task::Env;

/// Steps between two looks at the clock.
const BURST: u32 = 64;

/// Starts a graph, runs it to its end in this process, and stops it.
///
/// The graph is polled when a datagram or a notification comes and when its earliest timer falls due; all of virtual
/// time passes between these.
///
/// # Errors
/// [`StartError`] where a node does not start.
pub async fn run<S: Stages>(graph: &mut Graph<S>, env: &Env) -> Result<Outcome, StartError> {
    graph.start(env.now())?;
    let mut worker = graph.worker();
    let mut seen = env.epoch();
    let outcome = loop {
        let epoch = env.epoch();
        if epoch != seen {
            seen = epoch;
            worker.notified();
        }
        match worker.poll(env.now(), BURST) {
            Polled::Ran(_) => env.yield_now().await,
            Polled::Idle { due } => env.changed(epoch, due).await,
            Polled::Done => break Outcome::Done,
            Polled::Halted(Why::Stopped) => break Outcome::Stopped,
            Polled::Halted(why) => break Outcome::Halted(why),
            Polled::Stalled => break Outcome::Stalled(worker.stalled()),
        }
    };
    graph.stop(env.now());
    Ok(outcome)
}
