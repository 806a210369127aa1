use crate::trace::Place;
use crate::{Happened, Trace};
use std::collections::BTreeSet;

/// The events that could have influenced the failure of a run, the earliest first: the causal past of the event at which
/// it failed, and the datagrams that this past sent and that never arrived, for their absence is an influence too. A
/// law about the whole world is broken by the last event of every process. Empty where the run did not fail.
pub fn slice(trace: &Trace) -> Vec<usize> {
    let Some(failure) = trace.failure() else { return Vec::new() };
    let Some(end) = trace.broken() else { return Vec::new() };
    let mut ends = BTreeSet::from([end]);
    if failure.entity == "world" {
        let last = |process| (0..=end).rev().find(|event| trace.place(*event) == Place::Process(process));
        ends.extend(trace.processes().filter_map(last));
    }
    let mut kept = vec![false; end + 1];
    for end in ends {
        trace.past(end).iter().for_each(|event| kept[event] = true);
    }
    for event in 0..=end {
        let sent = trace.cause(event).is_some_and(|cause| kept[cause]);
        kept[event] |= sent && trace.events()[event].kind() == Happened::Dropped;
    }
    (0..=end).filter(|event| kept[*event]).collect()
}
