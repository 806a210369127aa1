use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};

use super::spans::Spans;
use super::{Item, Moment, Note, Oracle, Tap};
use crate::process::Process;
use crate::sim::Sim;

/// What is sent first arrives first: [`order`], [`order_per_key`].
///
/// Reads `sent`, `unknown` and `delivered`. Refuses, at the event, an item that arrives after one that was sent later, and
/// one that was never sent. Accepts gaps, and the last item again: whether all arrive, and how often, is another law.
///
/// Costs one search in an ordered map a word; memory for what is on its way, and for gaps in the numbers.
///
/// ```
/// use tidemill_sim::oracle::order_per_key;
/// use tidemill_sim::Sim;
///
/// let mut sim: Sim = Sim::new(1);
/// let edge = sim.probe("edge");
/// sim.watch(order_per_key("edge"));
/// for item in [(1, 1), (2, 1), (1, 2)] {
///     edge.sent(item);
/// }
/// for item in [(1, 1), (1, 2), (2, 1)] {
///     edge.delivered(item);
/// }
/// sim.run().expect_ok();
/// ```
#[derive(Debug)]
pub struct Order {
    tap: Tap,
    per_key: bool,
    lanes: BTreeMap<u64, Lane>,
    known: Spans,
}

#[derive(Debug, Default)]
struct Lane {
    /// Sent after the last one that arrived.
    due: VecDeque<Item>,
    last: Option<Item>,
}

/// Items of the probe `name` arrive in the order in which they were sent.
pub fn order(name: &str) -> Order {
    Order { tap: Tap::new(name), per_key: false, lanes: BTreeMap::new(), known: Spans::default() }
}

/// Items of one key of the probe `name` arrive in the order in which they were sent; keys overtake each other.
pub fn order_per_key(name: &str) -> Order {
    Order { per_key: true, ..order(name) }
}

impl<P: Process> Oracle<P> for Order {
    fn check(&mut self, sim: &Sim<P>, moment: Moment) -> Result<(), String> {
        let Self { tap, per_key, lanes, known } = self;
        tap.read(sim, moment, |note| match note {
            Note::Sent(item) | Note::Unknown(item) => {
                if known.insert(item) {
                    lanes.entry(if *per_key { item.key } else { 0 }).or_default().due.push_back(item);
                }
                Ok(())
            }
            Note::Delivered(item) if !known.contains(item) => {
                Err(format!("{item} arrived and was never sent"))
            }
            Note::Delivered(item) => {
                lanes.entry(if *per_key { item.key } else { 0 }).or_default().arrive(item)
            }
            _ => Ok(()),
        })
    }

    fn name(&self) -> Cow<'static, str> {
        format!("{}({})", if self.per_key { "order_per_key" } else { "order" }, self.tap.name).into()
    }
}

impl Lane {
    fn arrive(&mut self, item: Item) -> Result<(), String> {
        if self.last == Some(item) {
            return Ok(());
        }
        while let Some(next) = self.due.pop_front() {
            if next == item {
                self.last = Some(item);
                return Ok(());
            }
        }
        let last = self.last.expect("something else of this lane arrived before");
        Err(format!("{item} arrived after {last}, which was sent later"))
    }
}

/// Watermarks only rise, and nothing comes after the watermark that was to come before: [`watermark`].
///
/// Reads `watermark` and `stamped`. Refuses, at the event, a watermark below an earlier one of its key, and something
/// whose event time lies before its key's watermark. Costs a search in an ordered map a word; memory for the keys.
///
/// ```
/// use tidemill_sim::oracle::watermark;
/// use tidemill_sim::Sim;
///
/// let mut sim: Sim = Sim::new(1);
/// let window = sim.probe("window");
/// sim.watch(watermark("window"));
/// window.stamped(0, 7);
/// window.watermark(0, 5);
/// window.stamped(0, 5);
/// sim.run().expect_ok();
///
/// window.stamped(0, 4);
/// let failure = sim.run().failure().unwrap().message.clone();
/// assert_eq!(failure, "an item of event time 4 came after the watermark 5 of key 0");
/// ```
#[derive(Debug)]
pub struct Watermark {
    tap: Tap,
    marks: BTreeMap<u64, u64>,
}

/// The watermarks of the probe `name` never go back, key by key, and nothing comes late.
pub fn watermark(name: &str) -> Watermark {
    Watermark { tap: Tap::new(name), marks: BTreeMap::new() }
}

impl<P: Process> Oracle<P> for Watermark {
    fn check(&mut self, sim: &Sim<P>, moment: Moment) -> Result<(), String> {
        let Self { tap, marks } = self;
        tap.read(sim, moment, |note| {
            match note {
                Note::Watermark { key, at } => {
                    let mark = marks.entry(key).or_insert(at);
                    if at < *mark {
                        return Err(format!("the watermark of key {key} went back from {mark} to {at}"));
                    }
                    *mark = at;
                }
                Note::Stamped { key, at } => {
                    if let Some(mark) = marks.get(&key).filter(|mark| at < **mark) {
                        return Err(format!(
                            "an item of event time {at} came after the watermark {mark} of key {key}"
                        ));
                    }
                }
                _ => {}
            }
            Ok(())
        })
    }

    fn name(&self) -> Cow<'static, str> {
        format!("watermark({})", self.tap.name).into()
    }
}
