use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use tidemill_flow::{Graph, Outcome, Polled, Stages, StartError, Why, Worker};
use tidemill_seam::{Clock, Instant, Notify, Woken, WorkerId};

/// Steps between two looks at the clock.
const BURST: u32 = 64;

type Panic = Box<dyn Any + Send>;

/// Drives a graph with `K` workers, each on its own thread and with its own bell.
///
/// Stages run where they were placed with `on`. An idle worker sleeps until a peer rings, something outside notifies its
/// bell, or a timer falls due; a [`PollNotify`](crate::PollNotify) lets sockets wake it too. Bells of different types
/// share one array as `&(dyn Notify + Sync)`.
///
/// # Laws
/// - **R3** [`stop`](Self::stop) ends a run within a poll of each worker.
/// - **R6** A step that panics is undone and halts the graph; every worker returns, and the caller is told which node
///   it was.
/// - **R7** An idle worker polls once for each bell or timer.
/// - **R14** `stop` works from any thread, before the run, and twice.
///
/// Refuses to move stages between workers while they run. A stall that goes round several workers is not told from
/// waiting for the world outside: it ends with `stop`.
#[derive(Debug)]
pub struct Threads<C, N, const K: usize> {
    clock: C,
    bells: [N; K],
    stopping: AtomicBool,
}

impl<C: Clock + Sync, N: Notify + Sync, const K: usize> Threads<C, N, K> {
    /// A driver whose worker `k` sleeps on `bells[k]`. Deadlines are readings of `clock`, which the bells must share.
    pub const fn new(clock: C, bells: [N; K]) -> Self {
        Self { clock, bells, stopping: AtomicBool::new(false) }
    }

    /// The bell of worker `id`: for what happens outside the graph. A worker beyond the last shares its bell, as its
    /// stages do its thread.
    pub fn bell(&self, id: WorkerId) -> &N {
        &self.bells[id.index().min(K - 1)]
    }

    /// Ends every run of this driver, this one and later ones.
    pub fn stop(&self) {
        // Release: pairs with the Acquire in `drive`; the bells carry it to sleepers.
        self.stopping.store(true, Ordering::Release);
        self.bells.iter().for_each(Notify::notify);
    }

    /// Starts `graph`, runs it to its end, and stops it. Worker 0 runs on the calling thread.
    ///
    /// # Errors
    /// [`StartError`] where a node does not start.
    ///
    /// # Panics
    /// If a node panics a second time, while its first panic is being undone; every worker has returned by then.
    pub fn run<S: Stages + Send>(&self, graph: &mut Graph<S>) -> Result<Outcome, StartError> {
        graph.start(self.clock.now())?;
        let mut workers = graph.workers::<K>().into_iter();
        let first = workers.next().expect("a graph has at least one worker");
        let ends: Result<Vec<Outcome>, Panic> = thread::scope(|scope| {
            let others: Vec<_> = workers.map(|worker| scope.spawn(|| self.shielded(worker))).collect();
            let first = self.shielded(first);
            let others: Vec<_> = others.into_iter().map(|other| other.join().unwrap_or_else(Err)).collect();
            core::iter::once(first).chain(others).collect()
        });
        graph.stop(self.clock.now());
        Ok(together(ends.unwrap_or_else(|panic| resume_unwind(panic)).into_iter()))
    }

    /// Drives a worker to its end; if it cannot go on, the others are stopped first.
    fn shielded<S: Stages>(&self, mut worker: Worker<'_, S>) -> Result<Outcome, Panic> {
        let stop = worker.stop_handle();
        let end = catch_unwind(AssertUnwindSafe(|| self.drive(&mut worker)));
        if end.is_err() {
            stop.stop();
            self.bells.iter().for_each(Notify::notify);
        }
        end
    }

    fn drive<S: Stages>(&self, worker: &mut Worker<'_, S>) -> Outcome {
        let bell = self.bell(worker.id());
        let mut seen = bell.epoch();
        loop {
            // A poll looks at other workers' edges only when told to: also for a bell that rang while it was busy.
            let epoch = bell.epoch();
            if epoch != seen {
                seen = epoch;
                worker.notified();
            }
            // Acquire: pairs with the Release in `stop`.
            if self.stopping.load(Ordering::Acquire) {
                worker.stop_handle().stop();
            }
            let polled = poll(worker, self.clock.now());
            worker.take_bells().for_each(|id| self.bell(id).notify());
            match polled {
                Polled::Ran(_) => {}
                Polled::Idle { due } => {
                    if bell.wait(seen, due) == Woken::Spurious {
                        worker.notified();
                    }
                }
                Polled::Done => return Outcome::Done,
                Polled::Halted(Why::Stopped) => return Outcome::Stopped,
                Polled::Halted(why) => return Outcome::Halted(why),
                Polled::Stalled => return Outcome::Stalled(worker.stalled()),
            }
        }
    }
}

/// Polls; a step that unwinds is undone by a second poll, which says which node it was.
fn poll<S: Stages>(worker: &mut Worker<'_, S>, now: Instant) -> Polled {
    // The second poll makes the worker whole again before anyone looks at it.
    catch_unwind(AssertUnwindSafe(|| worker.poll(now, BURST))).unwrap_or_else(|_| worker.poll(now, BURST))
}

/// What the ends of the workers come to: the worst of them, the lower worker's where two are as bad.
fn together(ends: impl Iterator<Item = Outcome>) -> Outcome {
    let badness = |end: &Outcome| match end {
        Outcome::Done => 0,
        Outcome::Stopped => 1,
        Outcome::Stalled(_) => 2,
        Outcome::Halted(_) => 3,
    };
    ends.reduce(|worst, end| if badness(&end) > badness(&worst) { end } else { worst })
        .unwrap_or(Outcome::Done)
}
