//! station: read ─▶ parse ─▶ celsius ═══ bad link ═══▶ centre: window ─▶ anomaly ─▶ sink      exactly once, in order
//!
//! The station may pause, and die and come back: its file is its durable state. The centre may pause; what it holds is
//! volatile, so it does not die. Both run the graph that `tidemill pipeline` runs on Linux and the boards run bare.

use super::{broken, law};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::LazyLock;
use tidemill_flow::wire::Timing;
use tidemill_flow::{Graph, Outcome, Stages};
use tidemill_pipeline::{
    ReceiverCells, Rejected, SenderCells, Summary, Verdict, far, near, receiver, sender, sequential,
};
use tidemill_seam::{Duration, Instant, Link, Received, RecvError, SendError};
use tidemill_sim::harness::{Must, Param, Params, Shrink, Story};

use tidemill_sim::{
    Address, Cause, Env, Failure, Family, Latency, Layout, LinkConfig, MachineId, Placement, ProcessId, Rate,
    Sim, Swarm, Tasks, expects, kill, reachable, sometimes,
};

pub(crate) const STORY: Story = Story {
    name: "pipeline",
    picture: "station: read ─▶ parse ─▶ celsius ═══ link ═══▶ centre: window ─▶ anomaly ─▶ sink",
    about: "a year of readings arrives exactly once and in order, whatever happens to link and station",
    seeds: 1_000,
    must: Must::Pass,
    params: &[
        Param {
            name: "rows",
            default: 8_759,
            range: 1..=8_759,
            about: "readings that are sent",
            shrink: Shrink::Items,
        },
        Param {
            name: "faults",
            default: 8,
            range: 0..=100,
            about: "pauses, partitions and deaths, at most",
            shrink: Shrink::Faults,
        },
        Param {
            name: "harm",
            default: 15,
            range: 0..=50,
            about: "worst rate of each harm to datagrams, percent",
            shrink: Shrink::No,
        },
        Param {
            name: "budget",
            default: 0,
            range: 0..=2,
            about: "what strikes: 1 is a swarm within the graphs' budget, 2 goes beyond it",
            shrink: Shrink::No,
        },
    ],
    body: play,
};

const SEATTLE: &[u8] = include_bytes!("../../data/seattle-temps.csv");

/// What one loop says of the year: a constant, worked out once.
pub(super) static EXPECTED: LazyLock<Vec<Verdict>> = LazyLock::new(|| {
    let mut verdicts = Vec::new();
    sequential(
        SEATTLE,
        |bad| panic!("the year in Seattle has no bad row: {bad}"),
        |verdict| verdicts.push(verdict),
    );
    verdicts
});

/// Longer than all faults together may last, so that no side gives the other up.
const PATIENCE: Duration = Duration::from_secs(200);

fn play(sim: &mut Sim, params: &Params) -> Result<(), Failure> {
    simulate(sim, params).map(|_| ())
}

/// One run: what the sink saw, which is what it had to see.
pub(crate) fn simulate(sim: &mut Sim, params: &Params) -> Result<Summary, Failure> {
    let rows = params.get("rows") as usize;
    weather(sim, params.get("harm"));
    let books = Rc::new(Books { done: Cell::default(), seen: Cell::default(), summary: RefCell::default() });
    let (station, centre) = (sim.machine("station"), sim.machine("centre"));
    let receiving = spawn_centre(sim, centre, rows, &books);
    let sending = spawn_station(sim, station, rows, sim.address(receiving), &books);
    let by_itself = params.get("budget") == 0;
    if by_itself && params.get("faults") > 0 {
        expects!(sim, "the centre pauses", "the station pauses", "both directions are cut");
        expects!(sim, "the way there is cut", "the way back is cut", "the station dies");
    }
    let faults = if by_itself { params.get("faults") } else { 0 };
    for _ in 0..sim.choose("faults", faults + 1) {
        misfortune(sim, (station, sending), (centre, receiving));
    }
    match params.get("budget") {
        0 => {}
        1 => {
            sim.place(layout().placement());
            swarm(sim);
        }
        _ => {
            sim.place(Placement::unlimited());
            swarm(sim);
            // Whenever it is: what the centre has taken off the wire is gone.
            let (every, down) = (Duration::from_millis(20), Duration::from_millis(1));
            sim.install(kill("centre").every(every).restart_after(down)).keep();
        }
    }
    let limit = Instant::ZERO + PATIENCE.saturating_mul(10);
    broken(sim.run_until(limit))?;
    if params.get("harm") > 0 {
        let stats = *sim.stats();
        sometimes!(sim, stats.dropped(Cause::Loss) > 0, "the link loses a datagram");
        sometimes!(sim, stats.duplicated > 0, "the link delivers twice");
        sometimes!(sim, stats.reordered > 0, "a datagram is overtaken");
        sometimes!(sim, stats.corrupted > 0, "the link flips a bit");
        if by_itself && params.get("faults") > 0 {
            sometimes!(sim, stats.dropped(Cause::Partition) > 0, "a cut link swallows a datagram");
            sometimes!(sim, stats.dropped(Cause::Dead) > 0, "a datagram finds its receiver dead");
        }
    }
    let (seen, done) = (books.seen.get(), books.done.get());
    law(sim, "every reading arrives", seen == rows, || format!("{seen} of {rows} did"))?;
    law(sim, "both halves end", done == [true; 2], || format!("by {limit:?}: station and centre {done:?}"))?;
    let mut expected = Summary::new();
    EXPECTED[..rows].iter().for_each(|verdict| expected.push(verdict));
    let summary = books.summary.take();
    law(sim, "the sink agrees with the loop", summary == expected, || format!("{summary}, not {expected}"))?;
    Ok(summary)
}

/// Deaths, pauses and cuts of anybody, as the budget allows.
fn swarm(sim: &mut Sim) {
    sim.install(kill("*").times(3).restart_after(Duration::from_millis(50))).keep();
    sim.swarm(&Swarm::of(&[Family::Isolate, Family::Pause]));
}

/// Which half of the graph runs where. The station reads its file again when it comes back, so that it may die; what the
/// centre has taken off the wire lies there and nowhere else.
pub(crate) fn layout() -> Layout {
    const SOUND: &str = "the half is sound";
    let (sending, receiving) = (Box::new(SenderCells::new()), Box::new(ReceiverCells::new()));
    let near = near(Nowhere, (), Timing::DEFAULT);
    let station = sender(&sending, &[], near, |_| ()).expect(SOUND).shape();
    let centre = receiver(&receiving, far(Nowhere, PATIENCE), |_| ()).expect(SOUND).shape();
    Layout::new()
        .runs("station/sender", &station)
        .runs("centre/receiver", &centre)
        .replays("read")
        .wire("near", "far")
}

/// A link for a graph that is looked at and never runs.
struct Nowhere;

impl Link for Nowhere {
    type Address = ();

    fn mtu(&self) -> usize {
        0
    }

    fn send(&mut self, (): (), _: &[u8]) -> Result<(), SendError> {
        Err(SendError::Unroutable)
    }

    fn recv(&mut self, _: &mut [u8]) -> Result<Option<Received<()>>, RecvError> {
        Ok(None)
    }
}

/// What both halves leave behind for the oracles.
struct Books {
    done: Cell<[bool; 2]>,
    seen: Cell<usize>,
    summary: RefCell<Summary>,
}

impl Books {
    /// One half has ended; with the second one there is nothing left to see.
    fn finish(&self, half: usize, env: &Env) {
        let mut done = self.done.get();
        done[half] = true;
        self.done.set(done);
        if done == [true; 2] {
            env.stop();
        }
    }
}

fn spawn_station(
    sim: &mut Sim,
    machine: MachineId,
    rows: usize,
    peer: Address,
    books: &Rc<Books>,
) -> ProcessId {
    let (books, file) = (Rc::clone(books), prefix(rows));
    sim.spawn_with(machine, "sender", move |seams| {
        let books = Rc::clone(&books);
        Box::new(Tasks::new(seams, move |env| async move {
            let cells = Box::new(SenderCells::new());
            let near = near(env.seams().link(), peer, Timing { patience: PATIENCE, ..Timing::DEFAULT });
            let rejected = |bad: &Rejected| env.fail("no row is rejected", bad.to_string());
            let graph = sender(&cells, file, near, rejected).expect("the station's graph is sound");
            if drive(graph, &env).await {
                books.finish(0, &env);
            }
        }))
    })
}

fn spawn_centre(sim: &mut Sim, machine: MachineId, rows: usize, books: &Rc<Books>) -> ProcessId {
    let books = Rc::clone(books);
    sim.spawn_with(machine, "receiver", move |seams| {
        let books = Rc::clone(&books);
        Box::new(Tasks::new(seams, move |env| async move {
            let cells = Box::new(ReceiverCells::new());
            let sink = |verdict: &Verdict| {
                let at = books.seen.replace(books.seen.get() + 1);
                let expected = EXPECTED[..rows].get(at);
                if expected != Some(verdict) {
                    env.fail(
                        "exactly once, in order",
                        format!("reading {at} is {verdict:?}, not {expected:?}"),
                    );
                }
                books.summary.borrow_mut().push(verdict);
            };
            let graph = receiver(&cells, far(env.seams().link(), PATIENCE), sink);
            if drive(graph.expect("the centre's graph is sound"), &env).await {
                books.finish(1, &env);
            }
        }))
    })
}

pub(super) async fn drive<S: Stages>(mut graph: Graph<S>, env: &Env) -> bool {
    match tidemill_sim::flow::run(&mut graph, env).await {
        Ok(Outcome::Done) => true,
        end => {
            env.fail("the graph runs to its end", format!("{end:?}"));
            false
        }
    }
}

/// The header and the first `rows` rows.
pub(super) fn prefix(rows: usize) -> &'static [u8] {
    let mut ends = SEATTLE.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
    &SEATTLE[..ends.nth(rows).unwrap_or(SEATTLE.len())]
}

/// Each harm is off in half of the runs.
fn weather(sim: &mut Sim, harm: u64) {
    let mut rate = |kind: &'static str| match sim.choose(kind, 2 * harm + 2).saturating_sub(harm + 1) {
        0 => Rate::NEVER,
        percent => Rate::percent(percent as u32),
    };
    let config = LinkConfig {
        loss: rate("loss"),
        duplicate: rate("duplicate"),
        reorder: rate("reorder"),
        corrupt: rate("corrupt"),
        ..LinkConfig::default()
    };
    let spread = Duration::from_millis(sim.choose("spread-ms", 20));
    let min = Duration::from_millis(1);
    let latency = Latency::Uniform { min, max: min + spread };
    let reorder_by = Latency::Uniform { min, max: Duration::from_millis(50) };
    sim.links(LinkConfig { latency, reorder_by, ..config });
}

/// One fault, somewhere in the first ten seconds, that lasts up to one.
fn misfortune(sim: &mut Sim, station: (MachineId, ProcessId), centre: (MachineId, ProcessId)) {
    let begin = Instant::ZERO + Duration::from_millis(sim.choose("fault-at-ms", 10_000));
    let end = begin + Duration::from_millis(1 + sim.choose("fault-for-ms", 1_000));
    let ((near, sender), (far, receiver)) = (station, centre);
    match sim.choose("fault", 6) {
        0 => {
            let start = move |sim: &mut Sim| {
                reachable!(sim, "the centre pauses");
                sim.pause(receiver);
            };
            during(sim, begin, end, start, move |sim| sim.resume(receiver));
        }
        1 => {
            let start = move |sim: &mut Sim| {
                reachable!(sim, "the station pauses");
                sim.pause(sender);
            };
            during(sim, begin, end, start, move |sim| sim.resume(sender));
        }
        2 => {
            let start = move |sim: &mut Sim| {
                reachable!(sim, "both directions are cut");
                sim.partition(near, far);
            };
            during(sim, begin, end, start, move |sim| sim.heal(near, far));
        }
        3 => {
            let start = move |sim: &mut Sim| {
                reachable!(sim, "the way there is cut");
                sim.partition_one_way(near, far);
            };
            during(sim, begin, end, start, move |sim| sim.heal(near, far));
        }
        4 => {
            let start = move |sim: &mut Sim| {
                reachable!(sim, "the way back is cut");
                sim.partition_one_way(far, near);
            };
            during(sim, begin, end, start, move |sim| sim.heal(near, far));
        }
        _ => {
            let start = move |sim: &mut Sim| {
                reachable!(sim, "the station dies");
                sim.kill(sender);
            };
            let revive = move |sim: &mut Sim| {
                if !sim.is_alive(sender) {
                    sim.restart(sender);
                }
            };
            during(sim, begin, end, start, revive);
        }
    }
}

fn during(
    sim: &mut Sim,
    begin: Instant,
    end: Instant,
    start: impl FnOnce(&mut Sim) + 'static,
    stop: impl FnOnce(&mut Sim) + 'static,
) {
    sim.at(begin, start);
    sim.at(end, stop);
}
