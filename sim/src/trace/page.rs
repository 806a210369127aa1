//! A trace as one page of HTML that needs nothing else: no server, no network, no other file.
//!
//! The run is a block of JSON in which no `<` stands, and the page's script puts every word of it on the screen as text,
//! so no name and no message can become markup.

use serde_json::json;

use super::record::{Happened, Subject};
use super::whole::{Place, Trace};

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

impl Trace {
    /// Some of the events as a page. Causes and causal pasts are those of the whole run.
    pub fn html(&self, events: &[usize]) -> String {
        let lanes = self.page_lanes();
        let lane = |place: Place| lanes.iter().position(|known| *known == place).map_or(-1, |at| at as i64);
        let number = |event: Option<usize>| event.map_or(-1, |event| event as i64);
        let all = || 0..self.len();
        let kinds: Vec<&str> = Happened::all().iter().map(|kind| kind.name()).collect();
        let faults: Vec<bool> = Happened::all().iter().map(|kind| kind.is_fault()).collect();
        let run = json!({
            "story": self.story(),
            "seed": self.seed().to_string(),
            "hash": format!("{:032x}", self.hash()),
            "failure": self.failure().map(ToString::to_string),
            "broken": number(self.broken()),
            "kinds": kinds,
            "faults": faults,
            "lanes": lanes.iter().map(|place| json!({
                "name": self.name(*place),
                "whole": !matches!(place, Place::Process(_)),
            })).collect::<Vec<_>>(),
            "shown": if events.len() == self.len() { json!(null) } else { json!(events) },
            "t": self.events().iter().map(|event| event.at().as_nanos()).collect::<Vec<_>>(),
            "k": self.events().iter().map(|event| event.kind() as u8).collect::<Vec<_>>(),
            "l": all().map(|event| lane(self.place(event))).collect::<Vec<_>>(),
            "c": all().map(|event| number(self.cause(event))).collect::<Vec<_>>(),
            "p": all().map(|event| number(self.previous(event))).collect::<Vec<_>>(),
            "m": all().map(|event| number(self.clock(event))).collect::<Vec<_>>(),
            "s": all().filter_map(|event| {
                let sights: Vec<usize> = self.sights(event).collect();
                (!sights.is_empty()).then(|| (event.to_string(), json!(sights)))
            }).collect::<serde_json::Map<_, _>>(),
            "x": all().map(|event| self.arrow(event).map_or(-1, |(_, to)| lane(to))).collect::<Vec<_>>(),
            "d": all().map(|event| self.detail(event)).collect::<Vec<_>>(),
            "notes": self.notes().iter().map(|note| json!([
                note.at.as_nanos(), note.after, note.what, lane(Place::Machine(note.from)),
                lane(Place::Machine(note.to)), number(note.cause),
            ])).collect::<Vec<_>>(),
        });
        let data = run.to_string().replace('<', "\\u003c");
        // The data comes last: nothing in it is taken for one of the other marks.
        PAGE.replacen("{{style}}", STYLE, 1).replacen("{{script}}", SCRIPT, 1).replacen("{{data}}", &data, 1)
    }

    /// The lanes of the page: the world, then each machine with its processes; only where something happens.
    fn page_lanes(&self) -> Vec<Place> {
        let kinds = |subject| self.events().iter().filter(move |event| event.kind().subject() == subject);
        let mut lanes = Vec::new();
        if self.events().iter().any(|event| event.kind() == Happened::Action) {
            lanes.push(Place::World);
        }
        for machine in self.machines() {
            let ticks = kinds(Subject::Machine).any(|event| event.subject() == machine.index());
            let noted = self.notes().iter().any(|note| note.from == machine || note.to == machine);
            let unowned = |event| self.place(event) == Place::Machine(machine);
            if ticks || noted || (0..self.len()).any(unowned) {
                lanes.push(Place::Machine(machine));
            }
            let here = self.processes().filter(|process| self.machine_of(*process) == machine);
            lanes.extend(here.map(Place::Process));
        }
        lanes
    }
}
