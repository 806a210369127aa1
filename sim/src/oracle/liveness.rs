use std::borrow::Cow;
use std::collections::{BTreeSet, VecDeque};

use tidemill_seam::{Duration, Instant};

use super::spans::Spans;
use super::{Item, Moment, Note, Oracle, Tap};
use crate::process::Process;
use crate::sim::Sim;

/// What is promised happens in time: [`within`].
///
/// Reads `sent` as the promise, and `delivered`, `dropped` or `unknown` as its end. Refuses a promise that is open at the
/// first event after its span, one that was kept only then, and one that is open in a quiet world. A promise made between two
/// events counts from the second. Costs a search in an
/// ordered set a word; memory for open promises, and for gaps in the numbers of kept ones.
///
/// ```
/// use tidemill_sim::oracle::within;
/// use tidemill_sim::{Duration, Sim};
///
/// let mut sim: Sim = Sim::new(1);
/// let answers = sim.probe("answers");
/// sim.watch(within("answers", Duration::from_secs(5)));
/// let asked = answers.clone();
/// sim.after(Duration::from_secs(1), move |_| asked.sent(1));
/// sim.after(Duration::from_secs(7), move |_| answers.delivered(1));
/// assert_eq!(sim.run().failure().unwrap().id, "within(answers): item # is open for longer than #");
/// ```
#[derive(Debug)]
pub struct Within {
    tap: Tap,
    span: Duration,
    open: BTreeSet<Item>,
    /// Promises in the order of their deadlines; those no longer open fall out at the front.
    deadlines: VecDeque<(Instant, Item)>,
    known: Spans,
}

/// What was sent to the probe `name` arrives, or is given up, within `span` of virtual time.
pub fn within(name: &str, span: Duration) -> Within {
    Within {
        tap: Tap::new(name),
        span,
        open: BTreeSet::new(),
        deadlines: VecDeque::new(),
        known: Spans::default(),
    }
}

impl<P: Process> Oracle<P> for Within {
    fn check(&mut self, sim: &Sim<P>, moment: Moment) -> Result<(), String> {
        let (Self { tap, span, open, deadlines, known }, now) = (self, sim.now());
        while let Some((deadline, item)) = deadlines.front() {
            match open.contains(item) {
                true if *deadline < now => return Err(format!("{item} is open for longer than {span:?}")),
                true => break,
                false => deadlines.pop_front(),
            };
        }
        tap.read(sim, moment, |note| {
            match note {
                Note::Sent(item) if known.insert(item) => {
                    open.insert(item);
                    deadlines.push_back((now + *span, item));
                }
                Note::Delivered(item) | Note::Dropped(item, _) | Note::Unknown(item) => {
                    open.remove(&item);
                }
                _ => {}
            }
            Ok(())
        })?;
        match open.first() {
            Some(first) if moment == Moment::Quiet => {
                Err(format!("{first} is open, and nothing will ever happen again"))
            }
            _ => Ok(()),
        }
    }

    fn name(&self) -> Cow<'static, str> {
        format!("within({})", self.tap.name).into()
    }
}
