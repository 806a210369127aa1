//! What a process finds in shared memory has a cause: the store of another one.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use crate::shared::{NS, arena, get, resident};
use tidemill_seam::{Exchange, Region};
use tidemill_sim::trace::{Place, Trace};
use tidemill_sim::{Config, Duration, Happened, Lateness, Mapping, ProcessId, Rate, Sim, StoreOrder};

/// A writer that stores 1, 2, 3 … into word 0 every ten nanoseconds, and a reader that looks every ten, five later.
fn run(trace: bool, late: Option<Lateness>) -> (Sim, [ProcessId; 2]) {
    let mut sim: Sim = Sim::with(3, Config { trace, ..Config::default() });
    let (host, words) = arena(&mut sim, 4, late);
    let [(writer, at_writer, to_writer), (reader, at_reader, to_reader)] =
        [("writer", 10, 0), ("reader", 10, 5)].map(|(name, every, first)| {
            resident(&mut sim, (host, &words), name, move |env, desk| async move {
                let memory: Mapping = desk.take().expect("its mapping lies there");
                env.sleep(Duration::from_nanos(1 + first)).await;
                for number in 1..=20 {
                    if first == 0 {
                        // SAFETY: the arena has four words.
                        unsafe { memory.store(0, number, Release) };
                    } else {
                        get(&memory, 0, Acquire);
                        get(&memory, 0, Relaxed);
                    }
                    env.sleep(NS.saturating_mul(every)).await;
                }
            })
        });
    to_writer.replace(Some(at_writer));
    to_reader.replace(Some(at_reader));
    sim.run().expect_ok();
    (sim, [writer, reader])
}

fn of(trace: &Trace, process: ProcessId, kind: Happened) -> Vec<usize> {
    let fits = |event: &usize| {
        trace.place(*event) == Place::Process(process) && trace.events()[*event].kind() == kind
    };
    (0..trace.len()).filter(fits).collect()
}

// SIM-SHM: the event at which a process finds what another one stored follows that store.
#[test]
fn who_finds_a_store_in_memory_follows_it() {
    let (sim, [writer, reader]) = run(true, None);
    let trace = sim.traced();
    let stores = of(&trace, writer, Happened::Stored);
    let looks: Vec<usize> =
        (0..trace.len()).filter(|event| trace.place(*event) == Place::Process(reader)).collect();
    let found: Vec<usize> = looks.iter().flat_map(|look| trace.sights(*look)).collect();
    assert_eq!((stores.len(), found), (20, stores.clone()), "each store is found once, and in order");
    for look in looks {
        for store in trace.sights(look) {
            let asked = trace.cause(store).expect("the writer ran");
            assert!(trace.happened_before(asked, look) && trace.follows(look).any(|event| event == store));
            assert!(trace.detail(look).contains(&format!("saw {store}")), "{}", trace.detail(look));
            assert!(trace.past_text(look).contains("stored"), "{}", trace.past_text(look));
        }
    }
    assert!((0..trace.len()).all(|event| trace.place(event) != Place::Process(writer) || trace.sights(event).next().is_none()));
}

#[test]
fn a_late_store_that_is_not_yet_an_event_is_followed_where_it_was_asked_for() {
    let within = NS.saturating_mul(400);
    let late = Lateness { rate: Rate::percent(70), accesses: 3, within, order: StoreOrder::Fifo };
    let (sim, [writer, reader]) = run(true, Some(late));
    let trace = sim.traced();
    let stores = of(&trace, writer, Happened::Stored);
    let mut early = 0;
    for look in (0..trace.len()).filter(|event| trace.place(*event) == Place::Process(reader)) {
        for seen in trace.sights(look) {
            assert!(seen < look);
            if stores.contains(&seen) {
                continue;
            }
            // The store surfaced at this very look, and became an event after it.
            early += 1;
            let store = stores.iter().copied().find(|store| trace.cause(*store) == Some(seen));
            assert!(store.is_some_and(|store| store > look), "event {seen} stored nothing");
        }
    }
    assert!(early > 3, "{early} stores surfaced at a look");
    for store in &stores {
        let asked = trace.cause(*store).expect("somebody asked for it");
        assert_eq!(
            trace.place(asked),
            Place::Process(writer),
            "a late store is its writer's, whoever's look shows it"
        );
    }
}

// SIM-TRACE: keeping a trace of shared memory changes nothing, and the file of the trace has what was seen.
#[test]
fn keeping_what_was_seen_changes_no_hash_and_reads_back() {
    let late = Lateness {
        rate: Rate::percent(50),
        accesses: 4,
        within: NS.saturating_mul(50),
        order: StoreOrder::PerWord,
    };
    for late in [None, Some(late)] {
        let ((kept, _), (plain, _)) = (run(true, late), run(false, late));
        assert_eq!(kept.hash(), plain.hash());
        let trace = kept.traced();
        let again = Trace::decode(&trace.encode()).expect("it was just written");
        assert!((0..trace.len()).all(|event| trace.sights(event).eq(again.sights(event))));
        assert!((0..trace.len()).any(|event| trace.sights(event).next().is_some()));
        assert_eq!(trace.parting(&again), None);
        let all: Vec<usize> = (0..trace.len()).collect();
        assert!(trace.mermaid(&all).contains("--)") && trace.perfetto(&all).contains("shared memory"));
        assert!(trace.html(&all).contains("saw "));
    }
}

#[test]
fn an_exchange_finds_what_stands_there_whether_it_wins_or_not() {
    for expected in [7, 8] {
        let mut sim: Sim = Sim::with(1, Config { trace: true, ..Config::default() });
        let (host, words) = arena(&mut sim, 2, None);
        let mut desks = Vec::new();
        let mut ids = Vec::new();
        for (name, after) in [("first", 1), ("second", 9)] {
            let (process, mapping, desk) =
                resident(&mut sim, (host, &words), name, move |env, desk| async move {
                    let memory: Mapping = desk.take().expect("its mapping lies there");
                    env.sleep(NS.saturating_mul(after)).await;
                    let (current, new) = if after == 1 { (0, 7) } else { (expected, 9) };
                    // SAFETY: the arena has two words.
                    let _ = unsafe { memory.compare_exchange(0, current, new) };
                });
            desks.push((desk, mapping));
            ids.push(process);
        }
        desks.into_iter().for_each(|(desk, mapping)| drop(desk.replace(Some(mapping))));
        sim.run().expect_ok();
        let trace = sim.traced();
        let store = of(&trace, ids[0], Happened::Stored)[0];
        let looks = (0..trace.len()).filter(|event| trace.place(*event) == Place::Process(ids[1]));
        let found: Vec<usize> = looks.flat_map(|look| trace.sights(look).collect::<Vec<_>>()).collect();
        assert_eq!(found, [store], "expected {expected}");
    }
}
