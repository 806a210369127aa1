use super::{Happened, Place, Trace};
use crate::{Address, Config, Context, Event, LinkConfig, Process, ProcessId, Rate, Sim};
use std::collections::BTreeSet;
use tidemill_seam::{Duration, Instant};

/// Sends every datagram on to the next one, and one more on a timer.
struct Hop {
    next: Option<Address>,
    late: bool,
}

impl Process for Hop {
    fn on(&mut self, context: &mut Context<'_>, event: Event<'_>) {
        match (event, self.next) {
            (Event::Datagram { bytes, .. }, Some(next)) => context.send(next, bytes).expect("it is there"),
            (Event::Start, Some(_)) if self.late => {
                context.timer(Duration::from_secs(1), 7);
            }
            (Event::Timer { .. }, Some(next)) => context.send(next, b"late").expect("it is there"),
            _ => {}
        }
    }
}

/// a ─▶ b ─▶ c, and d alone.
fn relay(seed: u64) -> (Sim<Hop>, [ProcessId; 4]) {
    let mut sim = Sim::with(seed, Config { trace: true, ..Config::default() });
    let hosts = ["a", "b", "c", "d"].map(|name| sim.machine(name));
    let mut next = None;
    let mut ids = Vec::new();
    for host in hosts.into_iter().rev() {
        let alone = ids.is_empty();
        let id = sim.spawn(host, "hop", Hop { next, late: ids.len() == 3 });
        ids.push(id);
        next = (!alone).then(|| sim.address(id));
    }
    ids.reverse();
    (sim, ids.try_into().expect("four"))
}

fn find(trace: &Trace, kind: Happened, process: ProcessId) -> usize {
    let wanted = |(at, event): (usize, &super::TraceRecord)| {
        (event.kind() == kind && trace.place(at) == Place::Process(process)).then_some(at)
    };
    trace.events().iter().enumerate().find_map(wanted).expect("it happened")
}

#[test]
fn a_datagram_is_caused_by_its_send_and_a_timer_by_who_set_it() {
    let (mut sim, [a, b, c, d]) = relay(1);
    sim.run().expect_ok();
    let trace = sim.traced();
    let [start, timer] = [find(&trace, Happened::Start, a), find(&trace, Happened::Timer, a)];
    let [at_b, at_c] = [find(&trace, Happened::Datagram, b), find(&trace, Happened::Datagram, c)];
    assert_eq!(trace.cause(start), None);
    assert_eq!(trace.cause(timer), Some(start));
    assert_eq!((trace.cause(at_b), trace.cause(at_c)), (Some(timer), Some(at_b)));
    let started = find(&trace, Happened::Start, d);
    assert!(trace.happened_before(start, at_c) && !trace.happened_before(started, at_c));
    assert!(!trace.happened_before(at_c, start));
}

#[test]
fn the_causal_past_is_what_vector_clocks_say_it_is() {
    for seed in 0..20 {
        let (mut sim, ids) = relay(seed);
        sim.links(LinkConfig {
            loss: Rate::percent(10),
            duplicate: Rate::percent(30),
            ..LinkConfig::default()
        });
        for ms in 0..30 {
            let process = ids[ms as usize % 4];
            sim.at(Instant::from_nanos(ms * 70_000_000), move |sim| match ms % 5 {
                0 => sim.pause(process),
                1 => ids.iter().for_each(|id| sim.resume(*id)),
                2 => sim.step_clock(sim.kernel.meta(process).machine, Duration::from_millis(3)),
                _ => sim.kernel.send(sim.address(ids[3]), sim.address(process), b"x").expect("it is there"),
            });
        }
        let _ = sim.run();
        let trace = sim.traced();
        // Each event's set of events before it, taken over from whatever it follows: clocks with an entry an event.
        let mut clocks: Vec<BTreeSet<usize>> = Vec::new();
        for at in 0..trace.len() {
            let mut clock = BTreeSet::from([at]);
            for earlier in trace.follows(at) {
                assert!(earlier < at, "an event follows a later one");
                clock.extend(&clocks[earlier]);
            }
            clocks.push(clock);
        }
        for (at, clock) in clocks.iter().enumerate() {
            let past = trace.past(at);
            assert!(past.iter().eq(clock.iter().copied()) && past.count() == clock.len());
        }
    }
}

#[test]
fn what_is_held_through_a_pause_keeps_its_cause_and_follows_the_resume() {
    let (mut sim, [a, b, ..]) = relay(1);
    sim.at(Instant::from_nanos(1), move |sim| sim.pause(b));
    sim.at(Instant::from_nanos(2_000_000_000), move |sim| sim.resume(b));
    sim.run().expect_ok();
    let trace = sim.traced();
    let [timer, came] = [find(&trace, Happened::Timer, a), find(&trace, Happened::Datagram, b)];
    assert_eq!((trace.cause(find(&trace, Happened::Held, b)), trace.cause(came)), (Some(timer), Some(timer)));
    let resume = find(&trace, Happened::Resume, b);
    assert_eq!(trace.previous(came), Some(resume));
    assert_eq!(trace.events()[trace.cause(resume).expect("an action")].kind(), Happened::Action);
}

#[test]
fn a_datagram_that_dies_with_its_reader_still_names_its_sender() {
    for pause in [false, true] {
        let (mut sim, [a, b, ..]) = relay(1);
        if pause {
            sim.at(Instant::from_nanos(1), move |sim| sim.pause(b));
        }
        sim.at(Instant::from_nanos(if pause { 2_000_000_000 } else { 1 }), move |sim| sim.kill(b));
        sim.run().expect_ok();
        let trace = sim.traced();
        let dropped = find(&trace, Happened::Dropped, b);
        assert_eq!(trace.cause(dropped), Some(find(&trace, Happened::Timer, a)), "paused: {pause}");
    }
}

#[test]
fn a_cut_link_is_noted_beside_the_events_and_changes_no_hash() {
    let run = |trace: bool| {
        let mut sim = Sim::<Hop>::with(1, Config { trace, ..Config::default() });
        let (left, right) = (sim.machine("left"), sim.machine("right"));
        sim.at(Instant::from_nanos(5), move |sim| sim.partition_one_way(left, right));
        sim.at(Instant::from_nanos(9), move |sim| sim.heal_all());
        sim.run().expect_ok();
        sim.traced()
    };
    let (kept, not) = (run(true), run(false));
    let notes: Vec<_> =
        kept.notes().iter().map(|note| (note.what, note.at.as_nanos(), note.after, note.cause)).collect();
    assert_eq!(notes, [("partition", 5, 1, Some(0)), ("heal", 9, 2, Some(1))]);
    assert!(not.is_empty() && not.notes().is_empty());
}
