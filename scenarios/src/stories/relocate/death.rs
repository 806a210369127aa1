//! a [station, its queue] ──▶ c [centre]      b [nothing yet]      one death, step by step: machine a runs the station, hosts
//!                                                                 its queue, and dies with items that nobody else has
//!
//! The worked timeline of the design, row by row. The centre is shown items early. Readings 0 to 5 are appended on a; those
//! below 4 are durable, and the record says so of those below 2 only; the centre has committed 2 and read up to 5.

use super::cast::{Cast, Setup};
use super::ends::Tune;
use super::{laws, rest};
use crate::stories::law;
use std::fmt;
use tidemill_relocate::{ChainKind, HostId, Preset, Terms};
use tidemill_seam::{Duration, Instant};
use tidemill_sim::harness::{Must, Param, Params, Shrink, Story};
use tidemill_sim::{DiskConfig, Failure, Latency, LinkConfig, RegisterConfig, Sim};

pub(in crate::stories) const STORY: Story = Story {
    name: "relocate_death",
    picture: "a [station, its queue] ──▶ c [centre]      b [nothing yet]",
    about: "machine a dies, or is cut off and comes back: what was final is committed, the rest is said again by b",
    seeds: 20,
    must: Must::Pass,
    params: &[Param {
        name: "cut",
        default: 0,
        range: 0..=1,
        about: "whether a is only cut off, and comes back after three seconds",
        shrink: Shrink::No,
    }],
    body: |sim, params: &Params| play(sim, params.get("cut") == 1).map(|_| ()),
};

const A: HostId = HostId(0xa);
const B: HostId = HostId(0xb);
/// How long after the death the next life begins: the lease of one second has run out.
const SUCCESSION: Duration = Duration::from_millis(1_050);
const RETURN: Duration = Duration::from_secs(3);

/// What the record, the stages and the centre look like at a moment.
#[derive(Clone, PartialEq, Eq)]
struct View {
    ver: u64,
    segs: Vec<(u64, char, u64)>,
    frontier: u64,
    floor: u64,
    complaint: Option<(u64, u64)>,
    inc: u64,
    kept: u64,
    committed: u64,
    cursor: u64,
    rollbacks: u64,
}

impl View {
    fn of(cast: &Cast) -> Self {
        let books = cast.books.borrow();
        let (record, centre) = (&books.record, cast.centres[0].life.get());
        let host = |id: HostId| if id == A { 'a' } else { 'b' };
        let complaint = record.complaint;
        Self {
            ver: record.ver,
            segs: record.segs().iter().map(|seg| (seg.generation.get(), host(seg.host), seg.base)).collect(),
            frontier: record.frontier.off,
            floor: record.floor.off,
            complaint: (complaint.generation.get() > 0).then(|| (complaint.generation.get(), complaint.off)),
            inc: books.station.inc.0,
            kept: books.station.off,
            committed: books.centre.off,
            cursor: centre.cursor,
            rollbacks: centre.rollbacks,
        }
    }

    /// Whether a row of the table tells the one from the other: reading alone is none.
    fn differs(&self, other: &Self) -> bool {
        *self != Self { cursor: self.cursor, ..other.clone() }
    }
}

impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{:<2} F={} floor={} segs {:?}", self.ver, self.frontier, self.floor, self.segs)?;
        if let Some((generation, off)) = self.complaint {
            write!(f, " complaint {{{generation}, {off}}}")?;
        }
        write!(f, " │ station: life {}, kept {} │ ", self.inc, self.kept)?;
        write!(
            f,
            "centre: cursor {}, committed {}, rollbacks {}",
            self.cursor, self.committed, self.rollbacks
        )
    }
}

fn setup() -> Setup {
    let way = Latency::Constant(Duration::from_millis(1));
    let ms = Duration::from_millis;
    Setup {
        kind: ChainKind::Origin,
        hosts: vec![(A, "a".to_owned()), (B, "b".to_owned())],
        stations: ["a", "b"],
        centres: ["c", "d"],
        links: LinkConfig { latency: Latency::Constant(Duration::from_micros(500)), ..LinkConfig::default() },
        register: RegisterConfig { request: way, reply: way, ..RegisterConfig::PERFECT },
        disks: DiskConfig::PERFECT,
        tune: Tune {
            rows: 6,
            pace: ms(100),
            batch: 2,
            mute: 4,
            window: 4,
            read_max: 1,
            preset: Preset::ExactlyOnceEarly,
            terms: Terms { ttl: Duration::from_secs(1), drift_ppm: 200 },
            op_timeout: ms(20),
            resend: ms(8),
            poll: ms(150),
            complain_after: ms(50),
            ..Tune::default()
        },
    }
}

/// Runs it; the rows of the table, at milliseconds since the death.
pub(super) fn play(sim: &mut Sim, cut: bool) -> Result<Vec<String>, Failure> {
    let cast = Cast::new(sim, setup());
    sim.watch(laws(&cast));
    let died = until_the_death(sim, &cast)?;
    let mut rows = vec![row(died, died, &View::of(&cast))];
    let (station, host) = (cast.stations[0].process, cast.hosts[0].2);
    if cut {
        sim.pause(station);
        let (a, others) = (cast.hosts[0].1, [cast.hosts[1].1, cast.centres[0].machine]);
        others.iter().for_each(|other| sim.partition(a, *other));
        sim.at(died + RETURN, move |sim| {
            others.iter().for_each(|other| sim.heal(a, *other));
            sim.resume(station);
        });
    } else {
        sim.kill(station);
        sim.kill(host);
    }
    let successor = cast.stations[1].process;
    sim.at(died + SUCCESSION, move |sim| sim.restart(successor));
    let mut last = View::of(&cast);
    let end = died + RETURN + Duration::from_millis(500);
    while sim.now() < end && sim.step() {
        let view = View::of(&cast);
        if view.differs(&last) {
            rows.push(row(sim.now(), died, &view));
            last = view;
        }
    }
    if let Some(failure) = sim.failure() {
        return Err(failure.clone());
    }
    let over = cast.stations[0].life.get().over;
    law(sim, "the zombie learns", over == cut, || format!("over: {over}, cut off: {cut}"))?;
    let whole = (last.committed, last.floor, last.kept, last.rollbacks) == (6, 6, 6, 1);
    law(sim, "each reading is committed once", whole, || last.to_string())?;
    rest(sim, &cast)?;
    Ok(rows)
}

fn row(now: Instant, died: Instant, view: &View) -> String {
    format!("{:>7.1} ms  {view}", now.since(died).as_nanos() as f64 / 1e6)
}

/// Up to the moment of the death: a has 0 to 5, checkpoint 4 is durable and its frontier was never published.
fn until_the_death(sim: &mut Sim, cast: &Cast) -> Result<Instant, Failure> {
    let mut mute = false;
    loop {
        let view = View::of(cast);
        if view.kept == 4 && !mute {
            sim.register_unavailable(cast.plan.edge, Duration::from_millis(220));
            mute = true;
        }
        let appended = cast.books.borrow().appended(A);
        if appended == 6 {
            let found = (view.ver, view.frontier, view.floor, view.kept, view.committed, view.cursor);
            law(sim, "the table begins as it is written", matches!(found, (_, 2, 2, 4, 2, 5)), || {
                view.to_string()
            })?;
            return Ok(sim.now());
        }
        let goes_on = sim.step();
        if let Some(failure) = sim.failure() {
            return Err(failure.clone());
        }
        law(sim, "it comes to that", goes_on, || view.to_string())?;
    }
}

#[cfg(test)]
mod tests {
    use super::play;
    use tidemill_sim::Sim;

    #[test]
    fn the_worked_timeline_is_what_happens() {
        let rows = |cut| play(&mut Sim::new(1), cut).expect("no law breaks").join("\n");
        insta::assert_snapshot!("machine a dies", rows(false));
        insta::assert_snapshot!("machine a is cut off and comes back", rows(true));
    }
}
