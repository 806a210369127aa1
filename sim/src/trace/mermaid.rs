//! A trace as a Mermaid sequence diagram (<https://mermaid.js.org/syntax/sequenceDiagram.html>).

use core::fmt::Write as _;
use std::collections::BTreeSet;

use super::record::Happened;
use super::text::seconds;
use super::whole::{Place, Trace};

/// Steps that a reader still follows, and that Mermaid still draws.
pub const STEPS_MAX: usize = 200;

impl Trace {
    /// Some of the events as a sequence diagram. The first [`STEPS_MAX`] are drawn, and the diagram says how many are not.
    pub fn mermaid(&self, events: &[usize]) -> String {
        let shown = &events[..events.len().min(STEPS_MAX)];
        let mut out = String::from("sequenceDiagram\n");
        for place in self.taking_part(shown) {
            let _ = writeln!(out, "    participant {} as {}", key(place), escaped(&self.name(place)));
        }
        shown.iter().for_each(|event| self.step(*event, &mut out));
        let left_out = events.len() - shown.len();
        if let (Some(last), 1..) = (shown.last(), left_out) {
            let place = key(self.place(*last));
            let _ = writeln!(out, "    Note over {place}: {left_out} more events are not drawn");
        }
        out
    }

    /// Who takes part, machines before their processes, in the order of creation.
    fn taking_part(&self, events: &[usize]) -> Vec<Place> {
        let mut places = BTreeSet::new();
        for event in events {
            places.insert(self.place(*event));
            if let Some((from, to)) = self.arrow(*event) {
                places.extend([from, to]);
            }
            places.extend(self.sights(*event).map(|store| self.place(store)));
        }
        places.into_iter().collect()
    }

    /// Between whom a datagram went, if the event is the end of its way.
    pub(super) fn arrow(&self, event: usize) -> Option<(Place, Place)> {
        let record = self.events()[event];
        match record.kind() {
            Happened::Datagram => Some((self.owner(record.ends().0), self.place(event))),
            Happened::Dropped => Some((self.owner(record.ends().0), self.owner(record.ends().1))),
            _ => None,
        }
    }

    fn step(&self, event: usize, out: &mut String) {
        let record = self.events()[event];
        let place = key(self.place(event));
        let at = seconds(record.at().as_nanos());
        let what = escaped(&format!("{event} · {} s · {}", at.trim_start(), record.kind().name()));
        let detail = escaped(&self.detail(event));
        for store in self.sights(event).filter(|store| self.place(*store) != self.place(event)) {
            let _ = writeln!(out, "    {}--){place}: {event} saw {store}", key(self.place(store)));
        }
        let _ = match (record.kind(), self.arrow(event)) {
            (Happened::Dropped, Some((from, to))) => {
                writeln!(out, "    {}-x{}: {what} {detail}", key(from), key(to))
            }
            (_, Some((from, to))) => writeln!(out, "    {}->>{}: {what}", key(from), key(to)),
            (Happened::Timer, None) => writeln!(out, "    {place}-->>{place}: {what} {detail}"),
            (_, None) => writeln!(out, "    Note over {place}: {what} {detail}"),
        };
    }
}

fn key(place: Place) -> String {
    match place {
        Place::World => "w".to_owned(),
        Place::Machine(machine) => format!("m{}", machine.index()),
        Place::Process(process) => format!("p{}", process.index()),
    }
}

/// Everything that could mean something to Mermaid, or to the page around it, as a character code.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if c.is_alphanumeric() || " /-_.,()·→▶─".contains(c) {
            out.push(c);
        } else {
            let _ = write!(out, "#{};", u32::from(c));
        }
    }
    out
}
