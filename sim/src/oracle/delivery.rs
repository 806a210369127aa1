use std::borrow::Cow;
use std::collections::BTreeSet;

use super::spans::Spans;
use super::{Item, Moment, Note, Oracle, Tap};
use crate::process::Process;
use crate::sim::Sim;

/// How often an item may arrive: [`exactly_once`], [`at_least_once`], [`at_most_once`].
///
/// Reads `sent`, `unknown`, `delivered` and `dropped`. Refuses, at the event, an item that arrives without having been
/// sent; a second arrival (exactly, at most once); a drop (exactly, at least once); and, once the world is quiet, an item
/// that was sent and never arrived (exactly, at least once). Accepts that an item whose sender
/// [does not know](super::Probe::unknown) arrives or not.
///
/// Costs a search in an ordered set a word; memory for items on their way, and for gaps in the numbers of what arrived.
///
/// ```
/// use tidemill_sim::oracle::exactly_once;
/// use tidemill_sim::Sim;
///
/// let mut sim: Sim = Sim::new(1);
/// let sink = sim.probe("sink");
/// sim.watch(exactly_once("sink"));
/// sink.sent(1);
/// sink.sent(2);
/// sink.delivered(2);
/// sink.delivered(1);
/// sim.run().expect_ok();
///
/// sink.delivered(2);
/// let failure = sim.run().failure().unwrap().id.clone();
/// assert_eq!(failure, "exactly_once(sink): item # arrived twice");
/// ```
#[derive(Debug)]
pub struct Delivery {
    tap: Tap,
    law: &'static str,
    least: bool,
    most: bool,
    /// Sent, and not arrived yet.
    due: BTreeSet<Item>,
    /// Perhaps sent.
    perhaps: BTreeSet<Item>,
    arrived: Spans,
}

impl Delivery {
    fn new(name: &str, law: &'static str, least: bool, most: bool) -> Self {
        let tap = Tap::new(name);
        Self {
            tap,
            law,
            least,
            most,
            due: BTreeSet::new(),
            perhaps: BTreeSet::new(),
            arrived: Spans::default(),
        }
    }
}

/// Every item that was sent to the probe `name` arrives, and none arrives twice.
pub fn exactly_once(name: &str) -> Delivery {
    Delivery::new(name, "exactly_once", true, true)
}

/// Every item that was sent to the probe `name` arrives, once or more often.
pub fn at_least_once(name: &str) -> Delivery {
    Delivery::new(name, "at_least_once", true, false)
}

/// No item that was sent to the probe `name` arrives twice; any may be lost.
pub fn at_most_once(name: &str) -> Delivery {
    Delivery::new(name, "at_most_once", false, true)
}

impl<P: Process> Oracle<P> for Delivery {
    fn check(&mut self, sim: &Sim<P>, moment: Moment) -> Result<(), String> {
        let Self { tap, least, most, due, perhaps, arrived, .. } = self;
        tap.read(sim, moment, |note| {
            match note {
                Note::Sent(item) if !arrived.contains(item) && !perhaps.contains(&item) => {
                    due.insert(item);
                }
                Note::Unknown(item) if !arrived.contains(item) => {
                    due.remove(&item);
                    perhaps.insert(item);
                }
                Note::Delivered(item) => {
                    let expected = due.remove(&item) || perhaps.remove(&item);
                    let first = arrived.insert(item);
                    if first && !expected {
                        return Err(format!("{item} arrived and was never sent"));
                    }
                    if !first && *most {
                        return Err(format!("{item} arrived twice"));
                    }
                }
                Note::Dropped(item, cause) => {
                    if *least && !arrived.contains(item) && !perhaps.contains(&item) {
                        return Err(format!("{item} was dropped: {cause}"));
                    }
                    due.remove(&item);
                }
                _ => {}
            }
            Ok(())
        })?;
        match self.due.first() {
            Some(first) if self.least && moment == Moment::Quiet => {
                Err(format!("{first} never arrived, as {} of those sent", self.due.len()))
            }
            _ => Ok(()),
        }
    }

    fn name(&self) -> Cow<'static, str> {
        format!("{}({})", self.law, self.tap.name).into()
    }
}
