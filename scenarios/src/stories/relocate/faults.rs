//! What a run suffers, beside what a swarm does to it.

use super::{Cast, Part};
use std::rc::Rc;
use tidemill_seam::{Duration, Instant};
use tidemill_sim::{MachineId, Phase, ProcessId, Sim, reachable};

/// Faults strike before this, while there is something to do.
const WINDOW_MS: u64 = 600;

pub(super) fn strike(sim: &mut Sim, cast: &Cast, most: u64) {
    for _ in 0..sim.choose("faults", most + 1) {
        let begin = Instant::ZERO + Duration::from_millis(1 + sim.choose("fault-at-ms", WINDOW_MS));
        match sim.choose("fault", 8) {
            0 => host_dies(sim, cast, begin),
            1 => taken_over(sim, &cast.stations, begin, |sim| reachable!(sim, "a station is taken over")),
            2 => taken_over(sim, &cast.centres, begin, |sim| reachable!(sim, "a centre is taken over")),
            3 => sleeps(sim, cast, begin),
            4 => cut(sim, cast, begin),
            5 => moved(sim, cast, begin),
            6 => dies(sim, cast, begin),
            _ => zombie(sim, &cast.stations, begin),
        }
    }
}

/// Does something, if faults still strike then.
fn at(sim: &mut Sim, begin: Instant, deed: impl FnOnce(&mut Sim) + 'static) {
    sim.at(begin, move |sim| {
        if sim.phase().is_none_or(|phase| phase == Phase::Safety) {
            deed(sim);
        }
    });
}

fn revive(sim: &mut Sim, process: ProcessId) {
    if !sim.is_alive(process) {
        sim.restart(process);
    }
}

fn some_host(sim: &mut Sim, cast: &Cast) -> (MachineId, ProcessId) {
    let (_, machine, process) = cast.hosts[sim.choose("host", cast.hosts.len() as u64) as usize];
    (machine, process)
}

fn host_dies(sim: &mut Sim, cast: &Cast, begin: Instant) {
    let (_, host) = some_host(sim, cast);
    let down = Duration::from_millis(sim.choose("down-ms", 400));
    at(sim, begin, move |sim| {
        reachable!(sim, "a host dies");
        sim.kill(host);
        sim.after(down, move |sim| revive(sim, host));
    });
}

fn dies(sim: &mut Sim, cast: &Cast, begin: Instant) {
    let parts = [&cast.stations, &cast.centres][sim.choose("who", 2) as usize];
    let process = parts[sim.choose("which", 2) as usize].process;
    let down = Duration::from_millis(sim.choose("down-ms", 400));
    at(sim, begin, move |sim| {
        sim.kill(process);
        sim.after(down, move |sim| revive(sim, process));
    });
}

/// Another life begins, on this machine or the other; the one before may go on.
fn taken_over(sim: &mut Sim, parts: &[Part; 2], begin: Instant, tell: impl Fn(&Sim) + 'static) {
    let process = parts[sim.choose("which", 2) as usize].process;
    at(sim, begin, move |sim| {
        tell(sim);
        sim.restart(process);
    });
}

/// One station sleeps past its lease, the other takes over, and both go on.
fn zombie(sim: &mut Sim, stations: &[Part; 2], begin: Instant) {
    let first = sim.choose("which", 2) as usize;
    let (asleep, awake) = (stations[first].process, stations[1 - first].process);
    let span = Duration::from_millis(1_000 + sim.choose("sleep-ms", 500));
    let delay = Duration::from_millis(sim.choose("takeover-ms", 300));
    at(sim, begin, move |sim| {
        reachable!(sim, "somebody sleeps past its lease");
        sim.pause(asleep);
        sim.after(span, move |sim| sim.resume(asleep));
        at(sim, begin + delay, move |sim| sim.restart(awake));
    });
}

fn sleeps(sim: &mut Sim, cast: &Cast, begin: Instant) {
    let (_, host) = some_host(sim, cast);
    let parts: Vec<ProcessId> = cast.stations.iter().chain(&cast.centres).map(|part| part.process).collect();
    let who = [host, parts[0], parts[1], parts[2], parts[3]][sim.choose("who-sleeps", 5) as usize];
    let span = Duration::from_millis(1 + sim.choose("sleep-ms", 1_500));
    at(sim, begin, move |sim| {
        sim.pause(who);
        sim.after(span, move |sim| sim.resume(who));
    });
}

/// A station or a centre and a host no longer hear each other, or only one of them does.
fn cut(sim: &mut Sim, cast: &Cast, begin: Instant) {
    let (host, _) = some_host(sim, cast);
    let parts = [&cast.centres, &cast.stations][sim.choose("who", 2) as usize];
    let part = parts[sim.choose("which", 2) as usize].machine;
    let way = sim.choose("way", 3);
    let span = Duration::from_millis(1 + sim.choose("cut-ms", 1_000));
    at(sim, begin, move |sim| {
        reachable!(sim, "two machines are cut apart");
        match way {
            0 => sim.partition(host, part),
            1 => sim.partition_one_way(host, part),
            _ => sim.partition_one_way(part, host),
        }
        sim.after(span, move |sim| sim.heal(host, part));
    });
}

fn moved(sim: &mut Sim, cast: &Cast, begin: Instant) {
    let (id, ..) = cast.hosts[sim.choose("host", cast.hosts.len() as u64) as usize];
    let order = Rc::clone(&cast.order);
    at(sim, begin, move |sim| {
        reachable!(sim, "a queue is moved as planned");
        order.set(Some(id));
    });
}
