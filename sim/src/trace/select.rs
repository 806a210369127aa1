//! Which events of a trace are shown.

use tidemill_seam::Instant;

use super::Trace;

/// Events that are shown: those that fit everything that is set.
#[derive(Clone, Default, Debug)]
pub struct Window {
    /// Not before this instant.
    pub from: Option<Instant>,
    /// Not after this instant.
    pub to: Option<Instant>,
    /// Where it happened, or whom its datagram came from: a part of the name.
    pub process: Option<String>,
    /// A part of the event's line: place, kind or detail.
    pub grep: Option<String>,
}

impl Window {
    /// The events of a trace that fit, in order.
    pub fn select(&self, trace: &Trace) -> Vec<usize> {
        (0..trace.len()).filter(|event| self.fits(trace, *event)).collect()
    }

    fn fits(&self, trace: &Trace, event: usize) -> bool {
        let at = trace.events()[event].at();
        if self.from.is_some_and(|from| at < from) || self.to.is_some_and(|to| at > to) {
            return false;
        }
        let place = || trace.name(trace.place(event));
        let near = |name: &String| place().contains(&**name) || trace.detail(event).contains(&**name);
        let said = |text: &String| {
            let kind = trace.events()[event].kind().name();
            format!("{} {kind} {}", place(), trace.detail(event)).contains(&**text)
        };
        self.process.as_ref().is_none_or(near) && self.grep.as_ref().is_none_or(said)
    }
}
