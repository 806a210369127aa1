//! A trace as lines: one an event, in columns, with the event that it happened because of.

use core::fmt::Write as _;

use super::record::{Happened, Subject};
use super::whole::{Place, Trace};
use crate::net::Cause;

/// Longest causal past that is printed whole, in events.
const PAST_MAX: usize = 24;

impl Trace {
    /// What happened, in words, beyond its kind and its place; empty where there is nothing to add.
    pub fn detail(&self, event: usize) -> String {
        let sights: Vec<String> = self.sights(event).map(|store| store.to_string()).collect();
        let detail = self.plain_detail(event);
        match (detail.is_empty(), sights.is_empty()) {
            (_, true) => detail,
            (true, false) => format!("saw {}", sights.join(", ")),
            (false, false) => format!("{detail}  saw {}", sights.join(", ")),
        }
    }

    fn plain_detail(&self, event: usize) -> String {
        let record = self.events()[event];
        match record.kind() {
            Happened::Datagram => {
                let (from, to) = record.ends();
                format!("{} ─▶ :{}  {:016x}", self.name(self.owner(from)), to.port, record.digest())
            }
            Happened::Dropped => {
                let (from, to) = record.ends();
                let cause = Cause::ALL.get(record.subject()).map(|cause| format!("{cause:?}").to_lowercase());
                let [from, to] = [from, to].map(|end| self.name(self.owner(end)));
                format!("{from} ─▶ {to}  {}", cause.unwrap_or_default())
            }
            Happened::Timer => format!("token {}", record.arg()),
            Happened::Resume => format!("{} events waited", record.arg()),
            Happened::Clock => format!("shows {}", seconds(record.arg())),
            Happened::Stored => {
                let (arena, word) = (record.arg() >> 32, record.arg() & 0xffff_ffff);
                format!("arena {arena} word {word} ← {:#x}", record.digest())
            }
            Happened::Start | Happened::Notified | Happened::Action | Happened::Kill | Happened::Pause => {
                String::new()
            }
            _ if record.arg() == 0 && record.digest() == 0 => String::new(),
            _ => format!("{}  {:016x}", record.arg(), record.digest()),
        }
    }

    /// Some of the events as lines, the notes between them included.
    pub fn text(&self, events: &[usize]) -> String {
        let mut out = Lines::new(self, events.iter().copied());
        let first = events.first().copied().unwrap_or(0);
        let mut notes = self.notes().iter().filter(|note| note.after >= first).peekable();
        for event in events {
            while let Some(note) = notes.next_if(|note| note.after <= *event) {
                out.note(note);
            }
            out.event(*event);
        }
        let end = events.last().map_or(self.len(), |last| last + 1);
        notes.take_while(|note| note.after <= end).for_each(|note| out.note(note));
        out.text
    }

    /// The causal past of an event as lines, the event itself last; of a long past only its end.
    pub fn past_text(&self, event: usize) -> String {
        let past = self.past(event);
        let left_out = past.count().saturating_sub(PAST_MAX);
        let mut shown: Vec<usize> = past.iter().rev().take(PAST_MAX).collect();
        shown.reverse();
        let mut out = Lines::new(self, shown.iter().copied());
        if left_out > 0 {
            let _ = writeln!(out.text, "{:>8}  {left_out} events before", "…");
        }
        shown.iter().for_each(|event| out.event(*event));
        out.text
    }
}

struct Lines<'a> {
    trace: &'a Trace,
    places: usize,
    kinds: usize,
    text: String,
}

impl<'a> Lines<'a> {
    fn new(trace: &'a Trace, events: impl Iterator<Item = usize> + Clone) -> Self {
        let length = |place: Place| trace.name(place).chars().count();
        let places = events.clone().map(|event| length(trace.place(event))).max().unwrap_or(0);
        let kinds = events.map(|event| trace.events()[event].kind().name().len()).max().unwrap_or(0);
        Self { trace, places, kinds, text: String::new() }
    }

    fn event(&mut self, event: usize) {
        let record = self.trace.events()[event];
        let (place, kind) = (self.trace.name(self.trace.place(event)), record.kind().name());
        let because = self.trace.cause(event).map(|cause| format!("◀ {cause}")).unwrap_or_default();
        let at = seconds(record.at().as_nanos());
        let detail = self.trace.detail(event);
        let line = format!(
            "{event:>8}  {at}  {place:<places$}  {kind:<kinds$}  {because:<9}  {detail}",
            places = self.places,
            kinds = self.kinds
        );
        let _ = writeln!(self.text, "{}", line.trim_end());
    }

    fn note(&mut self, note: &super::Note) {
        let [from, to] = [note.from, note.to].map(|machine| self.trace.name(Place::Machine(machine)));
        let at = seconds(note.at.as_nanos());
        let because = note.cause.map(|cause| format!("  ◀ {cause}")).unwrap_or_default();
        let _ = writeln!(self.text, "{:>8}  {at}  {} {from} ─▶ {to}{because}", "", note.what);
    }
}

/// Nanoseconds as seconds, with all nine digits.
pub(super) fn seconds(ns: u64) -> String {
    format!("{:>5}.{:09}", ns / 1_000_000_000, ns % 1_000_000_000)
}

impl Happened {
    /// Whether it is something that was done to the world, rather than something that it does.
    pub const fn is_fault(self) -> bool {
        matches!(self, Self::Dropped | Self::Kill | Self::Pause | Self::Resume | Self::Clock)
            || matches!(self.subject(), Subject::Machine)
    }
}
