use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use super::{Item, Moment, Note, Oracle, Tap};
use crate::process::Process;
use crate::sim::Sim;

/// What was taken is given back: [`no_leak`].
///
/// Reads `took` and `gave`: slots of a pool, arenas, mappings, permits. Refuses, at the event, what is taken while somebody
/// has it or given back while nobody has it; and, once the world is quiet, what was never given back. What a killed process
/// had is no exception: whoever cleans up after it writes `gave`. Costs a search in an ordered set a word; memory for what is
/// taken.
///
/// ```
/// use tidemill_sim::oracle::no_leak;
/// use tidemill_sim::Sim;
///
/// let mut sim: Sim = Sim::new(1);
/// let pool = sim.probe("pool");
/// sim.watch(no_leak("pool"));
/// pool.took(3);
/// pool.gave(3);
/// sim.run().expect_ok();
///
/// pool.took(4);
/// let failure = sim.run().failure().unwrap().message.clone();
/// assert_eq!(failure, "item 4 was never given back, as 1 of those taken");
/// ```
#[derive(Debug)]
pub struct NoLeak {
    tap: Tap,
    taken: BTreeSet<Item>,
}

/// Whatever was taken from the probe `name` is given back once, before the world is quiet.
pub fn no_leak(name: &str) -> NoLeak {
    NoLeak { tap: Tap::new(name), taken: BTreeSet::new() }
}

impl<P: Process> Oracle<P> for NoLeak {
    fn check(&mut self, sim: &Sim<P>, moment: Moment) -> Result<(), String> {
        let Self { tap, taken } = self;
        tap.read(sim, moment, |note| match note {
            Note::Took(item) if !taken.insert(item) => Err(format!("{item} was taken twice")),
            Note::Gave(item) if !taken.remove(&item) => {
                Err(format!("{item} was given back and nobody had it"))
            }
            _ => Ok(()),
        })?;
        match taken.first() {
            Some(first) if moment == Moment::Quiet => {
                Err(format!("{first} was never given back, as {} of those taken", taken.len()))
            }
            _ => Ok(()),
        }
    }

    fn name(&self) -> Cow<'static, str> {
        format!("no_leak({})", self.tap.name).into()
    }
}

/// A count that somebody else keeps is zero in the end: [`no_leak_of`].
pub struct NoLeakOf<F> {
    name: String,
    count: F,
}

/// `count` gives zero once the world is quiet: slots of a pool in use, open handles, arenas.
///
/// Asked once, at the end.
///
/// ```
/// use tidemill_sim::oracle::no_leak_of;
/// use tidemill_sim::Sim;
/// use std::rc::Rc;
///
/// let pool = Rc::new(());
/// let mut sim: Sim = Sim::new(1);
/// let home = pool.clone();
/// sim.watch(no_leak_of("handles", move || Rc::strong_count(&home) as u64 - 2));
/// sim.run().expect_ok();
/// let _kept = pool.clone();
/// assert_eq!(sim.run().failure().unwrap().id, "no_leak(handles): # are still there");
/// ```
pub fn no_leak_of<F: FnMut() -> u64>(name: &str, count: F) -> NoLeakOf<F> {
    NoLeakOf { name: name.to_owned(), count }
}

impl<P: Process, F: FnMut() -> u64> Oracle<P> for NoLeakOf<F> {
    fn check(&mut self, _: &Sim<P>, moment: Moment) -> Result<(), String> {
        if moment != Moment::Quiet {
            return Ok(());
        }
        match (self.count)() {
            0 => Ok(()),
            left => Err(format!("{left} are still there")),
        }
    }

    fn name(&self) -> Cow<'static, str> {
        format!("no_leak({})", self.name).into()
    }
}

impl<F> fmt::Debug for NoLeakOf<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NoLeakOf").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A quiet world holds nothing: [`world_leak`].
#[derive(Debug)]
pub struct WorldLeak {
    tasks_max: usize,
}

/// Once the world is quiet, no event waits, no datagram is under way, and no payload is kept; and no process that may wait
/// for ever has more than one task that does.
///
/// Whoever else waits in a quiet world is a deadlock, which a run finds by itself. Looks once, at the end, at every process.
///
/// ```
/// use tidemill_sim::oracle::world_leak;
/// use tidemill_sim::Sim;
///
/// let mut sim: Sim = Sim::new(1);
/// let host = sim.machine("host");
/// let server = sim.spawn_async(host, "server", |env| async move {
///     // A task for every request, and no request ever comes to an end.
///     for _ in 0..2 {
///         let waits = env.clone();
///         env.spawn("request", async move { waits.recv().await });
///     }
/// });
/// sim.daemon(server);
/// sim.watch(world_leak().tasks_max(1));
/// assert_eq!(sim.run().failure().unwrap().id, "world_leak: # tasks of host/server wait for ever, and # may");
/// ```
pub fn world_leak() -> WorldLeak {
    WorldLeak { tasks_max: 1 }
}

impl WorldLeak {
    /// As many tasks of one process may wait for ever; 1 if not said.
    pub fn tasks_max(self, tasks_max: usize) -> Self {
        Self { tasks_max }
    }
}

impl<P: Process> Oracle<P> for WorldLeak {
    fn check(&mut self, sim: &Sim<P>, moment: Moment) -> Result<(), String> {
        if moment != Moment::Quiet {
            return Ok(());
        }
        let held = [
            (sim.pending() as u64, "events wait"),
            (sim.in_flight(), "datagrams are under way"),
            (sim.kernel.buffers.in_use() as u64, "payloads are kept"),
        ];
        if let Some((count, what)) = held.into_iter().find(|(count, _)| *count > 0) {
            return Err(format!("{count} {what} in a quiet world"));
        }
        let crowded = sim.processes().find(|process| sim.tasks(*process) > self.tasks_max);
        crowded.map_or(Ok(()), |process| {
            let (tasks, name) = (sim.tasks(process), sim.name(process));
            Err(format!("{tasks} tasks of {name} wait for ever, and {} may", self.tasks_max))
        })
    }

    fn name(&self) -> Cow<'static, str> {
        "world_leak".into()
    }
}

#[cfg(test)]
mod tests {
    use super::world_leak;
    use crate::{Duration, Sim};

    // SIM-ORACLES: no leak of payloads and tasks
    #[test]
    fn a_payload_that_nobody_gives_back_is_found() {
        let mut sim: Sim = Sim::new(1);
        sim.watch(world_leak());
        sim.run().expect_ok();
        sim.after(Duration::ZERO, |sim| {
            sim.kernel.buffers.take(b"lost");
        });
        let outcome = sim.run();
        let id = outcome.failure().map(|failure| failure.id.as_str());
        assert_eq!(id, Some("world_leak: # payloads are kept in a quiet world"));
    }
}
