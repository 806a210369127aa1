//! station ──▶ [queue on one of three hosts] ──▶ centre      a queue that moves whenever its host, its station or its register
//!    ╰────── edge record ─── stage registers ───╯             fails: every reading once, in order, and the laws at every step
//!
//! Two stations take turns, and so do two centres: whoever begins a life fences the one before, which may sleep and come back.
//! Hosts forget everything when they die. A station says at each offset who it is, so that no two lives say the same, and only
//! what its checkpoint covers is final. The centre commits the digest of what it took, with what its window still needs.

mod books;
mod cast;
pub(super) mod death;
mod ends;
mod faults;
#[cfg(test)]
mod takeover;

use super::{broken, law};
use cast::{Cast, Part, Setup};
use ends::{Life, Shared, Shelf, Tune};
use std::cell::Cell;
use std::rc::Rc;
use tidemill_relocate::{ChainKind, Checkpoint, HostId, Preset, StageRecord, unpack};
use tidemill_seam::{Duration, Instant};
use tidemill_sim::harness::{Must, Param, Params, Shrink, Story};
use tidemill_sim::{
    Cause, DiskConfig, Failure, Family, Latency, LinkConfig, Load, Moment, Oracle, Process, Rate,
    RegisterConfig, RegisterId, Sim, Swarm, expects, sometimes, watermark,
};

pub(super) const STORY: Story = Story {
    name: "relocate",
    picture: "station ──▶ [queue on one of three hosts] ──▶ centre",
    about: "a queue moves between hosts that forget, stations and centres that come back, and each reading is committed once",
    seeds: 1_000,
    must: Must::Pass,
    params: &[
        Param {
            name: "rows",
            default: 60,
            range: 1..=8_759,
            about: "readings that are sent",
            shrink: Shrink::Items,
        },
        Param { name: "hosts", default: 3, range: 1..=8, about: "hosts of queues", shrink: Shrink::Machines },
        Param {
            name: "faults",
            default: 6,
            range: 0..=100,
            about: "takeovers, deaths, pauses, cuts and moves, at most",
            shrink: Shrink::Faults,
        },
        Param {
            name: "storm",
            default: 1,
            range: 0..=1,
            about: "whether a swarm of faults comes on top",
            shrink: Shrink::Faults,
        },
        Param {
            name: "pace",
            default: 5_000,
            range: 0..=1_000_000,
            about: "microseconds between two readings",
            shrink: Shrink::No,
        },
    ],
    body: play,
};

const SAFE: Duration = Duration::from_secs(4);
/// Leases that hang over from before, twice, and everything else.
const LIVE: Duration = Duration::from_secs(6);
/// A reading, where each has a checkpoint of its own.
const LIVE_EACH: Duration = Duration::from_millis(20);

fn play(sim: &mut Sim, params: &Params) -> Result<(), Failure> {
    let setup = setup(sim, params);
    let cast = Cast::new(sim, setup);
    if params.get("storm") == 1 {
        cast.stranger(sim);
    }
    faults::strike(sim, &cast, params.get("faults"));
    // What a disk cannot read any more it reads again once faults end.
    let disks = [cast.plan.station.disk, cast.plan.centre.disk];
    sim.at(Instant::ZERO + SAFE, move |sim| disks.into_iter().for_each(|disk| sim.repair_disk(disk)));
    // One copy of what a stage keeps is all there is: a medium that loses it is no fault to survive.
    let swarm = if params.get("storm") == 1 { Swarm::all().without(Family::DiskRot) } else { Swarm::of(&[]) };
    let (rows, books) = (params.get("rows"), Rc::clone(&cast.books));
    let (stations, centres) = (lives(&cast.stations), lives(&cast.centres));
    let goal = Rc::clone(&books);
    let lived = sim
        .load(Rows { rows, books })
        .swarm(&swarm)
        .check(laws(&cast))
        .goal("every reading is committed", move |_| {
            let books = goal.borrow();
            let (committed, floor) = (books.centre.off, books.record.floor.off);
            if (committed, floor) == (rows, rows) {
                return Ok(());
            }
            let known = format!("{} of {rows} are final, {committed} committed", books.finals());
            Err(format!(
                "{known}, floor {floor}; {:?}; {:?}",
                stations.each_ref().map(|l| l.get()),
                centres.each_ref().map(|l| l.get())
            ))
        })
        .safe_for(SAFE)
        .live_within(LIVE + LIVE_EACH.saturating_mul(rows));
    if let Some(failure) = sim.failure() {
        return Err(failure.clone());
    }
    rest(sim, &cast)?;
    claims(sim, &cast, params);
    if let Some(liveness) = lived.liveness {
        watermark!(sim, "virtual time from the last fault to the last commit", liveness);
    }
    Ok(())
}

/// Every run has an edge of its own kind; 0 is the usual one.
fn setup(sim: &mut Sim, params: &Params) -> Setup {
    let storm = params.get("storm") == 1;
    let pace = Duration::from_micros(params.get("pace"));
    let mut tune = Tune { rows: params.get("rows"), pace, ..Tune::default() };
    let mut kind = ChainKind::Origin;
    let mut stale = Rate::NEVER;
    if storm {
        let mut one_of =
            |kind: &'static str, values: &[u64]| values[sim.choose(kind, values.len() as u64) as usize];
        tune.batch = one_of("batch", &[8, 1, 3, 20]);
        tune.capacity = one_of("capacity", &[1 << 14, 1_000, 400]);
        tune.retain_max = one_of("retain", &[1 << 12, 600]);
        tune.window = one_of("window", &[8, 1, 3]);
        tune.read_max = one_of("read-max", &[8, 1, 3]) as u32;
        tune.preset = [Preset::ExactlyOnce, Preset::ExactlyOnceEarly][one_of("preset", &[0, 1]) as usize];
        kind = [ChainKind::Origin, ChainKind::Content][one_of("chain", &[0, 1]) as usize];
        // Replicas that lag behind are declared, and some runs have them.
        stale = [Rate::NEVER, Rate::percent(2)][one_of("replicas", &[0, 1]) as usize];
    } else {
        let wide =
            Tune { batch: 64, capacity: 1 << 18, retain_max: 1 << 13, window: 64, read_max: 64, ..tune };
        tune = wide;
    }
    let (least, most) = (Duration::from_micros(200), Duration::from_millis(2));
    // In a calm nothing overtakes.
    let latency = if storm { Latency::Uniform { min: least, max: most } } else { Latency::Constant(least) };
    let reorder_by = Latency::Uniform { min: Duration::from_millis(2), max: Duration::from_millis(80) };
    let timeout = Duration::from_millis(40);
    Setup {
        kind,
        hosts: (0..params.get("hosts")).map(|host| (HostId(host), format!("host{host}"))).collect(),
        stations: ["station0", "station1"],
        centres: ["centre0", "centre1"],
        links: LinkConfig { latency, reorder_by, ..LinkConfig::default() },
        register: RegisterConfig { timeout, stale, ..RegisterConfig::default() },
        disks: DiskConfig { tear: false, ..DiskConfig::default() },
        tune,
    }
}

fn lives(parts: &[Part; 2]) -> [Rc<Cell<Life>>; 2] {
    parts.each_ref().map(|part| Rc::clone(&part.life))
}

/// The load is given once everything is final.
struct Rows {
    rows: u64,
    books: Shared,
}

impl Load<Box<dyn Process>> for Rows {
    fn begin(&mut self, _: &mut Sim) {}

    fn left(&self, _: &Sim) -> u64 {
        self.rows - self.books.borrow().finals().min(self.rows)
    }
}

/// The laws over the registers and the disks, whenever a register changes. What hosts say is judged where they say it.
struct Laws {
    books: Shared,
    edge: (RegisterId, u64),
    /// The station's stage and the centre's, and how often their registers were written.
    stages: [(Shelf, u64); 2],
    blocks: Vec<u8>,
}

impl Laws {
    /// What a power loss would leave of the checkpoint that counts.
    fn head(&mut self, sim: &Sim, shelf: &Shelf, record: &StageRecord) -> Result<Option<Checkpoint>, String> {
        let pointer = &record.checkpoint;
        if pointer.seq == 0 {
            return Ok(None);
        }
        self.blocks.clear();
        for extent in &pointer.extents {
            for block in extent.block..extent.block + extent.count {
                self.blocks.extend(sim.durable(shelf.disk, block));
            }
        }
        let block = sim.disk_config(shelf.disk).block as usize;
        let lost = |bad| format!("S11: checkpoint {} counts and is not durable: {bad}", pointer.seq);
        let bytes = unpack(&self.blocks, pointer.len, block, pointer.salt(record.stage)).map_err(lost)?;
        Checkpoint::decode(&bytes).map(Some).map_err(lost)
    }

    fn stage(&mut self, sim: &Sim, which: usize) -> Result<(), String> {
        let (shelf, seen) = &mut self.stages[which];
        let (shelf, won) = (*shelf, sim.register_stats(shelf.register).won);
        if std::mem::replace(seen, won) == won {
            return Ok(());
        }
        let Some((_, bytes)) = sim.register_value(shelf.register) else { return Ok(()) };
        let record = StageRecord::decode(&bytes).map_err(|bad| format!("S11: {bad}"))?;
        let head = self.head(sim, &shelf, &record)?;
        let mut books = self.books.borrow_mut();
        let kept = match which {
            0 => books.station_wrote(&record, head.as_ref()),
            _ => books.centre_wrote(&record, head.as_ref()),
        };
        kept.map_err(|(law, message)| format!("{law}: {message}"))
    }
}

impl Oracle<Box<dyn Process>> for Laws {
    fn check(&mut self, sim: &Sim, _: Moment) -> Result<(), String> {
        (0..self.stages.len()).try_for_each(|which| self.stage(sim, which))?;
        let (register, seen) = &mut self.edge;
        let won = sim.register_stats(*register).won;
        if std::mem::replace(seen, won) == won {
            return Ok(());
        }
        let Some((_, bytes)) = sim.register_value(*register) else { return Ok(()) };
        let kept = self.books.borrow_mut().record_wrote(&bytes);
        kept.map_err(|(law, message)| format!("{law}: {message}"))
    }

    fn name(&self) -> std::borrow::Cow<'static, str> {
        "laws".into()
    }
}

fn laws(cast: &Cast) -> Laws {
    let stages = [(cast.plan.station, 0), (cast.plan.centre, 0)];
    Laws { books: Rc::clone(&cast.books), edge: (cast.plan.edge, 0), stages, blocks: Vec::new() }
}

/// After everything is committed: whoever is not of the last life knows it, and no host lends what nobody owns.
fn rest(sim: &mut Sim, cast: &Cast) -> Result<(), Failure> {
    broken(sim.run_for(cast.plan.tune.terms.ttl.saturating_mul(2)))?;
    let books = cast.books.borrow();
    let (station, centre) = (books.station.inc.0, books.centre.inc.0);
    for (parts, last, heard) in
        [(&cast.stations, station, station), (&cast.centres, centre, books.record.floor.inc.0)]
    {
        for part in parts.iter().filter(|part| sim.is_alive(part.process)) {
            let life = part.life.get();
            // A centre that has nothing to commit learns of a later one once that has committed something.
            let knows = life.inc == 0 || life.inc == last || life.over || heard <= life.inc;
            law(sim, "L7", knows, || format!("{} is {life:?}, and {last} the last", sim.name(part.process)))?;
        }
    }
    let owned = books.record.segs();
    for (host, ..) in cast.hosts.iter().filter(|(.., process)| sim.is_alive(*process)) {
        let mine = owned.iter().filter(|seg| seg.host == *host).count();
        let lent = books.lent.get(host).copied().unwrap_or(0);
        law(sim, "S12", lent <= mine, || format!("host {} lends {lent}, {mine} have an owner", host.0))?;
    }
    let (moves, rollbacks) = (books.record.generation.get(), cast.rollbacks());
    law(sim, "L8", rollbacks <= moves, || format!("{rollbacks} rollbacks in {moves} moves"))
}

/// What has to be seen in some run, or it was never tried.
fn claims(sim: &Sim, cast: &Cast, params: &Params) {
    if params.get("storm") == 0 || params.get("faults") == 0 {
        return;
    }
    let (books, stats) = (cast.books.borrow(), *sim.stats());
    let sights = books.sights;
    sometimes!(sim, sights.drained, "a move is drained");
    sometimes!(sim, sights.abandoned, "a move abandons a host");
    sometimes!(sim, sights.complained, "a centre complains of a host that it cannot reach");
    sometimes!(sim, sights.forgotten, "a host forgets a segment that somebody uses");
    sometimes!(sim, sights.unmapped, "a zombie appends where nobody looks");
    sometimes!(sim, sights.gap, "an append overtakes another");
    sometimes!(sim, sights.full, "a segment is full");
    sometimes!(sim, sights.orphan, "a segment that lost its exchange is given back");
    sometimes!(sim, sights.refused, "a host refuses who does not name its segment");
    sometimes!(sim, cast.rollbacks() > 0, "a centre takes back what it was shown early");
    let over = |parts: &[Part; 2]| parts.iter().any(|part| part.life.get().over);
    sometimes!(sim, over(&cast.stations), "a station learns that it is a zombie");
    sometimes!(sim, over(&cast.centres), "a centre learns that it is a zombie");
    sometimes!(sim, stats.dropped(Cause::Loss) > 0, "a link loses a datagram");
    sometimes!(sim, stats.duplicated > 0, "a link delivers twice");
    sometimes!(sim, stats.reordered > 0, "a datagram is overtaken");
    sometimes!(sim, stats.corrupted > 0, "a link flips a bit");
    sometimes!(sim, stats.dropped(Cause::Partition) > 0, "a cut link swallows a datagram");
    let register = sim.register_stats(cast.plan.edge);
    sometimes!(sim, register.unknown > 0, "nobody says what became of an exchange");
    sometimes!(sim, register.late > 0, "an exchange of unknown outcome happens later");
    sometimes!(sim, register.stale > 0, "a replica shows an old record");
    sometimes!(sim, register.refused > 0, "the register cannot be reached");
    sometimes!(sim, sights.late, "a host is asked to lend as who it was before");
    let disk = sim.disk_stats(cast.plan.station.disk);
    sometimes!(sim, disk.write_errors > 0, "a disk does not write a checkpoint");
    sometimes!(sim, disk.full > 0, "a disk has no space for a checkpoint");
    sometimes!(sim, disk.sync_errors > 0, "a sync fails");
    sometimes!(sim, disk.stalls > 0, "a disk takes nothing for a while");
    expects!(sim, "a stage whose disk failed it begins again");
    expects!(
        sim,
        "a host dies",
        "a station is taken over",
        "a centre is taken over",
        "somebody sleeps past its lease"
    );
    expects!(sim, "two machines are cut apart", "a queue is moved as planned");
    watermark!(sim, "moves of a run", books.record.generation.get() as i64);
    watermark!(sim, "virtual time of a run", sim.now().since(Instant::ZERO));
}

#[cfg(test)]
mod tests {
    use super::STORY;
    use tidemill_sim::Overlay;

    #[test]
    fn no_storm_loses_anything() {
        for seed in 0..40 {
            let report = STORY.run(seed, &STORY.params(), Overlay::new());
            assert!(report.failure.is_none(), "seed {seed}: {:?}", report.failure);
        }
    }
}
