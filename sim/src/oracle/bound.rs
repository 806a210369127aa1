use std::borrow::Cow;

use super::{Moment, Note, Oracle, Tap};
use crate::machine::ProcessId;
use crate::process::Process;
use crate::sim::Sim;
use crate::trace::Happened;

/// A level never rises above a mark: [`bounded`].
///
/// Reads `level`: the length of a queue, bytes kept, entries of a map. Refuses a level above the mark at the event in which
/// it was written. Costs a comparison a word; keeps the highest level.
///
/// ```
/// use tidemill_sim::oracle::bounded;
/// use tidemill_sim::Sim;
///
/// let mut sim: Sim = Sim::new(1);
/// let queue = sim.probe("queue");
/// sim.watch(bounded("queue", 8));
/// queue.level(8);
/// sim.run().expect_ok();
/// queue.level(9);
/// assert_eq!(sim.run().failure().unwrap().message, "the level rose to 9, and 8 is the most");
/// ```
#[derive(Debug)]
pub struct Bounded {
    tap: Tap,
    max: u64,
}

/// The level of the probe `name` is never above `max`.
pub fn bounded(name: &str, max: u64) -> Bounded {
    Bounded { tap: Tap::new(name), max }
}

impl<P: Process> Oracle<P> for Bounded {
    fn check(&mut self, sim: &Sim<P>, moment: Moment) -> Result<(), String> {
        let max = self.max;
        self.tap.read(sim, moment, |note| match note {
            Note::Level(level) if level > max => {
                Err(format!("the level rose to {level}, and {max} is the most"))
            }
            _ => Ok(()),
        })
    }

    fn name(&self) -> Cow<'static, str> {
        format!("bounded({})", self.tap.name).into()
    }
}

/// What a world may hold at once: [`bounded_world`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bounds {
    /// Events that wait, datagrams under way among them.
    pub pending: usize,
    /// Datagrams in the inboxes of one process.
    pub inbox: usize,
    /// Tasks of one process.
    pub tasks: usize,
}

/// A world stays small: [`bounded_world`].
#[derive(Debug)]
pub struct BoundedWorld(Bounds);

/// No event leaves more behind than `bounds` say.
///
/// Looks at the queue, and at the process that the event reached: three comparisons an event, and no memory.
///
/// ```
/// use tidemill_sim::oracle::{Bounds, bounded_world};
/// use tidemill_sim::{Duration, Sim};
///
/// let mut sim: Sim = Sim::new(1);
/// sim.watch(bounded_world(Bounds { pending: 10, inbox: 4, tasks: 4 }));
/// let host = sim.machine("host");
/// sim.spawn_async(host, "eager", |env| async move {
///     for _ in 0..5 {
///         let naps = env.clone();
///         env.spawn("nap", async move { naps.sleep(Duration::from_secs(1)).await });
///     }
/// });
/// assert_eq!(sim.run().failure().unwrap().message, "host/eager has 5 tasks, and 4 are the most");
/// ```
pub fn bounded_world(bounds: Bounds) -> BoundedWorld {
    BoundedWorld(bounds)
}

impl<P: Process> Oracle<P> for BoundedWorld {
    fn check(&mut self, sim: &Sim<P>, moment: Moment) -> Result<(), String> {
        let Bounds { pending, inbox, tasks } = self.0;
        if sim.pending() > pending {
            return Err(format!("{} events wait, and {pending} are the most", sim.pending()));
        }
        let Moment::Event(record) = moment else { return Ok(()) };
        let reached = matches!(
            record.kind(),
            Happened::Start | Happened::Datagram | Happened::Timer | Happened::Notified
        );
        if !reached {
            return Ok(());
        }
        let process = ProcessId(record.subject() as u32);
        let over = |is: usize, most: usize, what: &str| {
            let message = || format!("{} has {is} {what}, and {most} are the most", sim.name(process));
            if is > most { Err(message()) } else { Ok(()) }
        };
        over(sim.inbox(process), inbox, "datagrams in its inboxes")?;
        over(sim.tasks(process), tasks, "tasks")
    }

    fn name(&self) -> Cow<'static, str> {
        "bounded_world".into()
    }
}
