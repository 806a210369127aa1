//! One look at a ring as text, and what moved since the last one.

use super::super::text::{Table, count};
use super::seen::{self, Seen};
use super::shown;
use std::collections::BTreeMap;
use std::fmt::{self, Write};
use tidemill_ring::segment::Participant;
use tidemill_seam::{Duration, Life};

/// Positions at one moment: what rates are made of.
#[derive(Clone, Default)]
pub(super) struct Marks {
    published: u64,
    /// By slot and generation of its owner.
    taken: BTreeMap<(u32, u32), u64>,
}

/// Items a second, since the last look.
pub(super) struct Rates {
    pub(super) published: u64,
    taken: BTreeMap<(u32, u32), u64>,
}

impl Marks {
    pub(super) fn of(seen: &Seen) -> Self {
        let taken = seen.participants.iter().map(|(one, _)| (owner(one), one.cursor.0)).collect();
        Self { published: seen.look.segment().published().0, taken }
    }

    /// What came of the items between two looks that were so far apart.
    pub(super) fn since(&self, last: &Self, span: Duration) -> Rates {
        let rate = |now: u64, then: u64| {
            let items = u128::from(now.saturating_sub(then)) * 1_000_000_000;
            u64::try_from(items / u128::from(span.as_nanos().max(1))).unwrap_or(u64::MAX)
        };
        let of = |(who, now): (&(u32, u32), &u64)| Some((*who, rate(*now, *last.taken.get(who)?)));
        Rates {
            published: rate(self.published, last.published),
            taken: self.taken.iter().filter_map(of).collect(),
        }
    }
}

impl Rates {
    /// Of a participant that was there the last time already.
    pub(super) fn of(&self, one: &Participant) -> Option<u64> {
        self.taken.get(&owner(one)).copied()
    }
}

fn owner(one: &Participant) -> (u32, u32) {
    (one.slot, one.ctl.generation)
}

/// The whole of one look.
pub(super) fn whole(seen: &Seen, rates: Option<&Rates>) -> Result<String, fmt::Error> {
    let mut out = String::new();
    let segment = seen.look.segment();
    let spec = segment.header().layout.spec();
    writeln!(out, "{}", shown(&seen.path))?;
    if spec.shared() {
        let processes: Vec<String> = seen.processes().iter().map(u32::to_string).collect();
        let named = if processes.is_empty() { "" } else { ": process " };
        let (state, there, most, who) = (seen.state(), processes.len(), spec.producers, processes.join(", "));
        writeln!(out, "  {state}, {there} of {most} producers{named}{who}")?;
    } else {
        let (state, process) = (seen.state(), segment.producer_identity().process);
        writeln!(out, "  {state}, generation {}, process {process}", seen.generation())?;
    }
    let (slots, bytes, history) = (count(spec.capacity), count(spec.size), count(spec.history));
    writeln!(out, "  {slots} slots of {bytes} bytes, history {history}, {} places", spec.participants)?;
    let (published, gate, unheard) = (segment.published().0, segment.gate().0, segment.unheard());
    write!(out, "  published {published}, gate {gate}, unheard {unheard}")?;
    match rates {
        Some(rates) => writeln!(out, ", {} a second", count(rates.published))?,
        None => writeln!(out)?,
    }
    if let Some(full) = seen.full() {
        let by: Vec<String> = full.by.iter().map(|(slot, name)| format!("{name} in slot {slot}")).collect();
        writeln!(out, "  full: the producer waits for {} at {}", by.join(", "), full.at)?;
    }
    if !seen.participants.is_empty() {
        write!(out, "{}", participants(seen, rates))?;
    }
    for (one, of) in &seen.counters {
        let idle = if *of == Life::Alive { "" } else { ", by nobody now" };
        writeln!(out, "  {} ({:#x}): {}{idle}", seen::label(one), one.id, count(one.value))?;
    }
    for event in segment.journal() {
        let (number, what, slot) = (event.number, seen::kind(&event), event.slot);
        let (generation, position) = (event.generation, event.position);
        writeln!(out, "  #{number} {what}, slot {slot}, generation {generation}, position {position}")?;
    }
    Ok(out)
}

fn participants(seen: &Seen, rates: Option<&Rates>) -> String {
    let rows = |(one, of): &(Participant, Life)| {
        let account = one.account;
        let cells = [
            seen::name(one),
            one.slot.to_string(),
            seen::state(one.ctl.state),
            seen::policy(one).to_owned(),
            seen::life(*of).to_owned(),
            one.who.process.to_string(),
            count(account.in_flight),
            count(account.consumed),
            count(account.lagged),
            count(account.lost),
        ];
        let rate = rates.map(|rates| rates.of(one).map_or_else(|| "-".to_owned(), count));
        (cells, rate)
    };
    let head =
        ["name", "slot", "state", "policy", "owner", "process", "in flight", "consumed", "lagged", "lost"];
    let head = head.map(str::to_owned);
    let rows: Vec<_> = seen.participants.iter().map(rows).collect();
    if rates.is_none() {
        let mut table = Table::new("  ");
        table.row(head);
        rows.into_iter().for_each(|(cells, _)| table.row(cells));
        return table.to_string();
    }
    let mut table = Table::new("  ");
    let wider = |cells: [String; 10], last: String| -> [String; 11] {
        let mut cells = cells.into_iter().chain([last]);
        std::array::from_fn(|_| cells.next().unwrap_or_default())
    };
    table.row(wider(head, "a second".to_owned()));
    rows.into_iter().for_each(|(cells, rate)| table.row(wider(cells, rate.unwrap_or_default())));
    table.to_string()
}
