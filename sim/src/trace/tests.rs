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

// SIM-TRACE: every event names what brought it about.
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

/// A run with every kind of fault, among names that would be markup, JSON or Mermaid if they could.
fn hostile() -> Trace {
    let mut sim = Sim::<Hop>::with(3, Config { trace: true, ..Config::default() });
    let evil =
        ["</script><script>alert(1)</script>", "\"};alert(1)//", "a;end\\nparticipant", "<!--&lt;{{data}}"];
    let hosts = evil.map(|name| sim.machine(name));
    sim.links(LinkConfig { loss: Rate::percent(30), ..LinkConfig::default() });
    let sink = sim.spawn(hosts[1], "<img/src=x>", Hop { next: None, late: false });
    let next = Some(sim.address(sink));
    let source = sim.spawn_with(hosts[0], "`${1}`", move |_| Hop { next, late: true });
    sim.at(Instant::from_nanos(1_000), move |sim| sim.partition(hosts[0], hosts[1]));
    sim.at(Instant::from_nanos(2_000), move |sim| sim.heal(hosts[0], hosts[1]));
    sim.at(Instant::from_nanos(3_000), move |sim| sim.pause(sink));
    sim.at(Instant::from_nanos(4_000), move |sim| sim.resume(sink));
    sim.at(Instant::from_nanos(5_000), move |sim| sim.restart(source));
    sim.at(Instant::from_nanos(6_000), move |sim| sim.set_clock_rate(hosts[1], 50));
    sim.at(Instant::from_nanos(3_000_000_000), |sim| sim.fail("</title>", "<b>broken & \u{2028}</b>"));
    let _ = sim.run();
    sim.traced()
}

fn every(trace: &Trace) -> Vec<usize> {
    (0..trace.len()).collect()
}

#[test]
fn the_text_has_one_line_an_event_and_one_a_note() {
    let trace = hostile();
    let text = trace.text(&every(&trace));
    assert_eq!(text.lines().count(), trace.len() + trace.notes().len(), "{text}");
    assert_eq!(trace.notes().len(), 4);
    assert!(text.lines().filter(|line| line.contains(" partition ")).count() == 2, "{text}");
}

#[test]
fn a_long_past_is_told_from_its_end() {
    let mut sim = Sim::<Hop>::with(1, Config { trace: true, ..Config::default() });
    let [a, b] = ["a", "b"].map(|name| sim.machine(name));
    let near = sim.spawn(a, "near", Hop { next: None, late: true });
    let far = sim.spawn(b, "far", Hop { next: Some(sim.address(near)), late: true });
    let to = sim.address(far);
    sim.process_mut(near).expect("it lives").next = Some(to);
    let _ = sim.run_until(Instant::from_nanos(2_000_000_000));
    let trace = sim.traced();
    let text = trace.past_text(trace.len() - 1);
    let count = trace.past(trace.len() - 1).count();
    assert!(text.starts_with(&format!("       …  {} events before\n", count - 24)), "{text}");
    assert_eq!(text.lines().count(), 25);
}

// SIM-TRACE: what ui.perfetto.dev opens.
/// What ui.perfetto.dev asks of the JSON, by the document "Trace Event Format": phases and their required members, metadata
/// before use, and flows that begin before they end, inside of slices.
#[test]
fn the_perfetto_json_keeps_the_essentials_of_its_format() {
    let trace = hostile();
    let json: serde_json::Value = serde_json::from_str(&trace.perfetto(&every(&trace))).expect("JSON");
    let rows = json["traceEvents"].as_array().expect("an array");
    let (mut known, mut slices, mut begun, mut ended) = (BTreeSet::new(), Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        let (pid, tid) = (row["pid"].as_u64().expect("pid"), row["tid"].as_u64().expect("tid"));
        assert!(row["name"].is_string());
        let ts = || row["ts"].as_f64().filter(|ts| *ts >= 0.0).expect("ts");
        match row["ph"].as_str().expect("ph") {
            "M" => {
                assert!(row["args"]["name"].is_string());
                known.insert(pid);
            }
            "X" => {
                let dur = row["dur"].as_f64().filter(|dur| *dur >= 0.0).expect("dur");
                slices.push((pid, tid, ts(), ts() + dur));
            }
            "s" => begun.push((row["id"].as_u64().expect("id"), pid, tid, ts())),
            "f" => {
                assert_eq!(row["bp"], "e");
                ended.push((row["id"].as_u64().expect("id"), pid, tid, ts()));
            }
            "i" => assert_eq!(row["s"], "p"),
            other => panic!("phase {other}"),
        }
        assert!(known.contains(&pid), "process {pid} has no name");
    }
    assert_eq!(slices.len(), trace.len());
    assert!(!begun.is_empty() && begun.len() == ended.len());
    for ((id, pid, tid, at), (end_id, end_pid, end_tid, end)) in begun.into_iter().zip(ended) {
        assert!(id == end_id && at <= end);
        for (pid, tid, at) in [(pid, tid, at), (end_pid, end_tid, end)] {
            assert!(
                slices.iter().any(|(p, t, from, to)| (*p, *t) == (pid, tid) && (*from..=*to).contains(&at))
            );
        }
    }
}

// SIM-TRACE: a sequence diagram that a reader can follow.
#[test]
fn a_sequence_diagram_is_bounded_and_no_name_ends_a_line_of_it() {
    let trace = hostile();
    let diagram = trace.mermaid(&every(&trace));
    let allowed = |line: &str| {
        line == "sequenceDiagram"
            || ["participant ", "Note over ", "p", "m", "w"]
                .iter()
                .any(|start| line.trim().starts_with(start))
    };
    assert!(diagram.lines().all(allowed), "{diagram}");
    assert!(!diagram.contains(['<', '"', '`', '&', '\\', '{']), "{diagram}");
    let many: Vec<usize> = every(&trace).into_iter().cycle().take(super::STEPS_MAX + 7).collect();
    let long = trace.mermaid(&many);
    assert!(long.trim_end().ends_with(": 7 more events are not drawn"), "{long}");
}

// SIM-TRACE: one self-contained page, whatever the run is about.
#[test]
fn nothing_in_the_page_is_markup_but_the_page() {
    let trace = hostile();
    let page = trace.html(&every(&trace));
    assert_eq!(page.matches("<script").count(), 2);
    assert_eq!(page.matches("</script>").count(), 2);
    let data =
        page.split("type=\"application/json\">").nth(1).and_then(|rest| rest.split("</script>").next());
    let data = data.expect("the block");
    let frame = page.replace(data, "");
    assert!(
        ["http:", "https:", "src=", "url("].iter().all(|word| !frame.contains(word)),
        "it fetches something"
    );
    let run: serde_json::Value = serde_json::from_str(data).expect("JSON");
    assert_eq!(run["t"].as_array().map(Vec::len), Some(trace.len()));
    let names: Vec<_> = run["lanes"].as_array().expect("lanes").iter().map(|lane| &lane["name"]).collect();
    assert!(names.contains(&&serde_json::json!("</script><script>alert(1)</script>/`${1}`")), "{names:?}");
    assert_eq!(run["notes"].as_array().map(Vec::len), Some(4));
}

// SIM-TRACE: two runs are compared event for event, and where they part both causal pasts are told.
#[test]
fn the_first_event_that_differs_is_named_with_both_pasts() {
    let run = |seed, late: u64| {
        let (mut sim, ids) = relay(seed);
        sim.at(Instant::from_nanos(late), move |sim| sim.kill(ids[3]));
        sim.run().expect_ok();
        sim.traced()
    };
    let (one, same, other) = (run(1, 900), run(1, 900), run(1, 901));
    assert_eq!(one.parting(&same), None);
    let parting = one.parting(&other).expect("they differ");
    assert_eq!((parting.at, parting.left, parting.right), (4, true, true));
    let text = one.parting_text(["left", "right"], &other, parting);
    assert!(
        text.contains("\nleft: event 4 at world") && text.contains("\nright: event 4 at world"),
        "{text}"
    );
    assert!(text.contains("0.000000900") && text.contains("0.000000901"), "{text}");
}

#[test]
fn a_window_shows_what_fits_everything_that_is_set() {
    let trace = hostile();
    let all = super::Window::default().select(&trace);
    assert_eq!(all, every(&trace));
    let from = Some(Instant::from_nanos(3_000));
    let some = super::Window { from, to: from, ..Default::default() }.select(&trace);
    assert!(!some.is_empty() && some.iter().all(|event| trace.events()[*event].at().as_nanos() == 3_000));
    let kills = super::Window { grep: Some("kill".into()), ..Default::default() }.select(&trace);
    assert!(kills.iter().all(|event| trace.events()[*event].kind() == Happened::Kill) && kills.len() == 1);
}

#[test]
fn a_trace_reads_back_from_its_bytes() {
    let trace = hostile();
    let again = Trace::decode(&trace.encode()).expect("our own bytes");
    assert_eq!(again.parting(&trace), None);
    assert_eq!((again.names(), again.hash(), again.seed()), (trace.names(), trace.hash(), trace.seed()));
    assert!(every(&trace).into_iter().all(|event| again.follows(event).eq(trace.follows(event))));
}

#[test]
fn damaged_bytes_are_refused_or_read_and_never_a_panic() {
    let bytes = hostile().encode();
    for end in 0..bytes.len() {
        let bad = Trace::decode(&bytes[..end]).expect_err("it is cut short");
        assert!(bad.at <= end, "{bad}");
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert_eq!(Trace::decode(&longer).map_err(|bad| bad.why).err(), Some("more bytes than a trace has"));
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        if let Ok(trace) = Trace::decode(&damaged) {
            let all = every(&trace);
            let shown = [trace.text(&all), trace.mermaid(&all), trace.perfetto(&all), trace.html(&all)];
            assert!(shown.iter().all(|text| !text.is_empty()));
        }
    }
}
