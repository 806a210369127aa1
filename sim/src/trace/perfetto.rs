//! A trace in the JSON of Chrome's trace-event format, which Perfetto (<https://ui.perfetto.dev>) opens.
//!
//! A machine is a process there and a process a thread. Every event is a slice, every datagram a flow from the slice in
//! which it was sent, every store that another process found in shared memory one to the slice that did. Virtual time does not pass within an event: a slice lasts until the next event of its lane, and at
//! most [`SLICE_MAX_NS`], so that it can be seen.

use serde_json::{Value, json};

use super::record::Happened;
use super::whole::{Place, Trace};

const SLICE_MAX_NS: u64 = 100_000;

impl Trace {
    /// Some of the events as Chrome trace-event JSON.
    pub fn perfetto(&self, events: &[usize]) -> String {
        let mut rows = self.lanes();
        let lengths = self.lengths(events);
        let shown = |event: usize| events.binary_search(&event).is_ok();
        for (event, length_ns) in events.iter().zip(lengths) {
            rows.push(self.slice(*event, length_ns));
            let cause = self.cause(*event).filter(|cause| shown(*cause));
            if let (Some(cause), Happened::Datagram | Happened::Dropped) =
                (cause, self.events()[*event].kind())
            {
                rows.push(self.flow(cause, ("datagram", json!(event)), "s"));
                rows.push(self.flow(*event, ("datagram", json!(event)), "f"));
            }
            for store in self.sights(*event).filter(|store| shown(*store)) {
                let name = || ("shared memory", json!(format!("{store}-{event}")));
                rows.push(self.flow(store, name(), "s"));
                rows.push(self.flow(*event, name(), "f"));
            }
        }
        rows.extend(self.notes().iter().map(|note| {
            let [from, to] = [note.from, note.to].map(|machine| self.name(Place::Machine(machine)));
            let (pid, tid) = ids(self, Place::Machine(note.from));
            let name = format!("{} {from} ─▶ {to}", note.what);
            json!({ "ph": "i", "s": "p", "name": name, "cat": "fault", "pid": pid, "tid": tid, "ts": us(note.at.as_nanos()) })
        }));
        let about =
            json!({ "story": self.story(), "seed": self.seed(), "hash": format!("{:032x}", self.hash()) });
        json!({ "traceEvents": rows, "displayTimeUnit": "ns", "otherData": about }).to_string()
    }

    fn lanes(&self) -> Vec<Value> {
        let row = |name: &str, (pid, tid): (u64, u64), value: String| json!({ "ph": "M", "name": name, "pid": pid, "tid": tid, "args": { "name": value } });
        let mut rows = vec![row("process_name", ids(self, Place::World), "world".to_owned())];
        for machine in self.machines() {
            let place = Place::Machine(machine);
            rows.push(row("process_name", ids(self, place), self.name(place)));
            rows.push(row("thread_name", ids(self, place), "clock".to_owned()));
        }
        for process in self.processes() {
            let place = Place::Process(process);
            rows.push(row("thread_name", ids(self, place), self.name(place)));
        }
        rows
    }

    /// How long each slice is drawn, in nanoseconds.
    fn lengths(&self, events: &[usize]) -> Vec<u64> {
        let mut next = std::collections::BTreeMap::new();
        let mut lengths: Vec<u64> = Vec::with_capacity(events.len());
        for event in events.iter().rev() {
            let at = self.events()[*event].at().as_nanos();
            let until = next.insert(self.place(*event), at);
            lengths.push(until.map_or(SLICE_MAX_NS, |until| (until - at).min(SLICE_MAX_NS)));
        }
        lengths.reverse();
        lengths
    }

    fn slice(&self, event: usize, length_ns: u64) -> Value {
        let record = self.events()[event];
        let (pid, tid) = ids(self, self.place(event));
        let cat = if record.kind().is_fault() { "fault" } else { record.kind().name() };
        json!({
            "ph": "X", "name": record.kind().name(), "cat": cat, "pid": pid, "tid": tid,
            "ts": us(record.at().as_nanos()), "dur": us(length_ns),
            "args": { "event": event, "cause": self.cause(event), "detail": self.detail(event) },
        })
    }

    fn flow(&self, at: usize, (name, id): (&str, Value), ph: &str) -> Value {
        let (pid, tid) = ids(self, self.place(at));
        let ts = us(self.events()[at].at().as_nanos());
        let mut row =
            json!({ "ph": ph, "name": name, "cat": name, "id": id, "pid": pid, "tid": tid, "ts": ts });
        if ph == "f" {
            row["bp"] = json!("e");
        }
        row
    }
}

/// Microseconds, the format's unit, to the nanosecond.
fn us(ns: u64) -> f64 {
    ns as f64 / 1_000.0
}

/// Process and thread of a lane: a machine's own events stand on its thread 0.
fn ids(trace: &Trace, place: Place) -> (u64, u64) {
    match place {
        Place::World => (0, 0),
        Place::Machine(machine) => (machine.index() as u64 + 1, 0),
        Place::Process(process) => (trace.machine_of(process).index() as u64 + 1, process.index() as u64 + 1),
    }
}
