//! Where two runs part.

use core::fmt::Write as _;

use super::Trace;

/// The first event at which two runs differ. A run that is over there has none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Parting {
    /// The event's number. Everything before it is the same in both.
    pub at: usize,
    /// Whether the first run has such an event.
    pub left: bool,
    /// Whether the second run has one.
    pub right: bool,
}

impl Trace {
    /// Where this run and another part; `None` where every event is the same, with the same cause at the same place.
    pub fn parting(&self, other: &Self) -> Option<Parting> {
        let same_names = self.names() == other.names();
        let same = |at: usize| {
            self.events()[at] == other.events()[at]
                && self.cause(at) == other.cause(at)
                && self.sights(at).eq(other.sights(at))
                && (same_names || self.name(self.place(at)) == other.name(other.place(at)))
        };
        let common = self.len().min(other.len());
        let at = (0..common).find(|at| !same(*at)).unwrap_or(common);
        let (left, right) = (at < self.len(), at < other.len());
        (left || right).then_some(Parting { at, left, right })
    }

    /// Where two runs part, as text: the causal past of the first event that differs, in each of them.
    pub fn parting_text(&self, names: [&str; 2], other: &Self, parting: Parting) -> String {
        let mut out = String::new();
        let _ = match parting.at.checked_sub(1) {
            None => writeln!(out, "the first event of all differs"),
            Some(last) => {
                let place = self.name(self.place(last));
                writeln!(out, "{} events are the same; the last of them is at {place}", parting.at)
            }
        };
        for (name, trace, goes_on) in [(names[0], self, parting.left), (names[1], other, parting.right)] {
            let _ = if goes_on {
                let place = trace.name(trace.place(parting.at));
                let past = trace.past_text(parting.at);
                writeln!(out, "\n{name}: event {} at {place}, because of\n{}", parting.at, past.trim_end())
            } else {
                writeln!(out, "\n{name}: the run is over after event {}", parting.at.saturating_sub(1))
            };
        }
        out
    }
}
