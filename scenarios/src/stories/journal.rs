//! writer ──▶ journal ═╦═▶ [disk left]      what was acknowledged outlives power, and what was not there never comes back
//!                     ╚═▶ [disk right]
//!
//! A log of numbered records on two disks, each record with its checksum, its place and the incarnation that wrote it. A
//! batch is acknowledged when both disks synced it. Recovery takes of each record the copy that is good, writes the other
//! one again, and seals the end with a record of its own before anybody reads, so that what it took for absent stays so.
//! Power fails at syncs and in between; both disks stall, fill, tear and fail to write and to sync; the left one also rots,
//! misdirects and cannot read: one copy of two is what a fault may take.

use super::ping_pong::per_thousand;
use super::{broken, law};
use crc::{CRC_32_ISCSI, Crc};
use std::cell::RefCell;
use std::rc::Rc;
use tidemill_seam::Duration;
use tidemill_sim::harness::{Must, Param, Params, Shrink, Story};
use tidemill_sim::{DiskConfig, DiskId, Env, Failure, Latency, Rate, Sim, SimDisk};

pub(super) const STORY: Story = Story {
    name: "journal",
    picture: "writer ──▶ journal ═══▶ two disks",
    about: "acknowledged writes are never lost and never come back, whatever power and disks do",
    seeds: 500,
    must: Must::Pass,
    params: &[
        Param {
            name: "writes",
            default: 60,
            range: 1..=120,
            about: "values that are written",
            shrink: Shrink::Items,
        },
        Param {
            name: "outages",
            default: 4,
            range: 0..=20,
            about: "power failures between syncs",
            shrink: Shrink::Items,
        },
        Param {
            name: "harm",
            default: 30,
            range: 0..=100,
            about: "calls harmed of a thousand",
            shrink: Shrink::No,
        },
    ],
    body: |sim, params| play(sim, params, Flaw::None),
};

const BLOCK: usize = 64;
const BLOCKS: u64 = 256;
const KEYS: usize = 5;
const BATCH: u64 = 3;
/// The key of the record that seals the end of the log.
const SEAL: u8 = 0xFF;
const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);

/// What a test leaves out, to see that it is missed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    /// A batch is acknowledged without a sync.
    #[cfg_attr(not(test), expect(dead_code, reason = "a test leaves the sync out"))]
    NoSync,
}

fn play(sim: &mut Sim, params: &Params, flaw: Flaw) -> Result<(), Failure> {
    let machine = sim.machine("host");
    let harm = per_thousand(params.get("harm"));
    let sound = DiskConfig {
        block: BLOCK as u32,
        blocks: BLOCKS,
        write_error: harm,
        full: harm,
        stall: harm,
        sync_error: harm,
        ..DiskConfig::default()
    };
    let ailing =
        DiskConfig { read_error: harm, rot: harm, misdirected_read: harm, misdirected_write: harm, ..sound };
    let disks = [sim.disk(machine, "left", ailing), sim.disk(machine, "right", sound)];
    let back = Latency::Uniform { min: Duration::from_millis(1), max: Duration::from_millis(20) };
    disks.iter().for_each(|disk| sim.cut_power_at_syncs(*disk, harm, Some(back)));
    let ledger = Rc::new(RefCell::new(Ledger { left: params.get("writes"), ..Ledger::default() }));
    let kept = Rc::clone(&ledger);
    let journal = sim.spawn_async(machine, "journal", move |env| serve(env, disks, Rc::clone(&kept), flaw));
    sim.crash(journal, Rate::per_million(5_000), Some(back));
    for _ in 0..params.get("outages") {
        let at = Duration::from_nanos(sim.choose("outage-at", 500_000_000));
        sim.after(at, move |sim| {
            sim.lose_power(machine);
            sim.after(Duration::from_millis(5), move |sim| sim.restore_power(machine));
        });
    }
    broken(sim.run())?;
    let left = ledger.borrow().left;
    law(sim, "every write is acknowledged", left == 0, || format!("{left} are not"))
}

/// What the writer knows of one key.
#[derive(Clone, Default)]
struct Known {
    /// The value that was acknowledged or read last.
    stands: u32,
    /// Values that were written since and not acknowledged: any of them may stand.
    perhaps: Vec<u32>,
}

/// The writer's memory, which no crash of the journal touches.
#[derive(Default)]
struct Ledger {
    keys: [Known; KEYS],
    /// Values that are not acknowledged yet.
    left: u64,
    next: u32,
}

/// One block of the log.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Record {
    place: u64,
    incarnation: u32,
    key: u8,
    value: u32,
}

impl Record {
    fn encode(self) -> [u8; BLOCK] {
        let mut bytes = [0; BLOCK];
        bytes[..8].copy_from_slice(&self.place.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.incarnation.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.value.to_le_bytes());
        bytes[16] = self.key;
        let checksum = CRC.checksum(&bytes[..BLOCK - 4]);
        bytes[BLOCK - 4..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// The record, if it is whole and belongs to this place. A blank block is none.
    fn decode(bytes: &[u8; BLOCK], place: u64) -> Option<Self> {
        let (covered, checksum) = bytes.split_last_chunk::<4>()?;
        let word = |at: usize| covered[at..].first_chunk::<4>().map(|word| u32::from_le_bytes(*word));
        let there = u64::from_le_bytes(*covered.first_chunk::<8>()?);
        let record = Self { place, incarnation: word(8)?, value: word(12)?, key: covered[16] };
        let whole = CRC.checksum(covered).to_le_bytes() == *checksum && there == place;
        (whole && record.incarnation > 0).then_some(record)
    }
}

struct Journal {
    env: Env,
    disks: [SimDisk; 2],
    incarnation: u32,
    end: u64,
    values: [u32; KEYS],
}

async fn serve(env: Env, disks: [DiskId; 2], ledger: Rc<RefCell<Ledger>>, flaw: Flaw) {
    let disks = disks.map(|disk| env.disk(disk));
    let mut journal = Journal { env, disks, incarnation: 0, end: 0, values: [0; KEYS] };
    journal.recover().await;
    ledger.borrow_mut().compare(&journal);
    loop {
        let batch = ledger.borrow_mut().batch(&journal);
        let Some(batch) = batch else { break };
        journal.append(&batch, flaw == Flaw::None).await;
        ledger.borrow_mut().acknowledged(&batch);
    }
}

impl Journal {
    /// One copy of a record; `None` where it is damaged, absent or cannot be read.
    async fn copy(&mut self, disk: usize, place: u64) -> Option<Record> {
        let mut bytes = [0; BLOCK];
        for _ in 0..3 {
            if self.env.read(&mut self.disks[disk], place * BLOCK as u64, &mut bytes).await.is_ok() {
                return Record::decode(&bytes, place);
            }
        }
        None
    }

    /// Reads the log, writes again what has one good copy only, and seals the end.
    async fn recover(&mut self) {
        let (mut newest, mut ended) = (0, false);
        for place in 0..BLOCKS {
            let copies = [self.copy(0, place).await, self.copy(1, place).await];
            let best = copies.into_iter().flatten().max_by_key(|record| record.incarnation);
            newest = newest.max(best.map_or(0, |record| record.incarnation));
            let next = best.filter(|record| {
                let same = record.incarnation == self.incarnation && record.key != SEAL;
                !ended && (same || (record.key == SEAL && record.incarnation > self.incarnation))
            });
            let Some(record) = next else {
                ended = true;
                continue;
            };
            if record.key == SEAL {
                self.incarnation = record.incarnation;
            } else {
                self.values[usize::from(record.key)] = record.value;
            }
            self.end = place + 1;
            for (disk, copy) in copies.into_iter().enumerate() {
                if copy != Some(record) {
                    self.write(disk, &[record]).await;
                }
            }
        }
        self.incarnation = newest + 1;
        let seal = Record { place: self.end, incarnation: self.incarnation, key: SEAL, value: 0 };
        if self.end < BLOCKS {
            self.append(&[seal], true).await;
        }
    }

    /// Writes records to one disk, however often it takes.
    async fn write(&mut self, disk: usize, records: &[Record]) {
        let bytes: Vec<u8> = records.iter().flat_map(|record| record.encode()).collect();
        let at = records[0].place * BLOCK as u64;
        while self.env.write(&mut self.disks[disk], at, &bytes).await.is_err() {
            self.env.sleep(Duration::from_micros(100)).await;
        }
    }

    /// Writes records to both disks and syncs them; a sync that fails covers nothing any more, so all is written again.
    async fn append(&mut self, records: &[Record], synced: bool) {
        for disk in 0..2 {
            self.write(disk, records).await;
        }
        for disk in 0..2 {
            while synced && self.env.sync(&mut self.disks[disk]).await.is_err() {
                self.write(disk, records).await;
            }
        }
        self.env.sleep(Duration::from_micros(500)).await;
        self.end += records.len() as u64;
    }
}

impl Ledger {
    /// What a recovered journal shows has to be what stood, or what may have been written since.
    fn compare(&mut self, journal: &Journal) {
        for (key, (known, found)) in self.keys.iter_mut().zip(journal.values).enumerate() {
            if found != known.stands && !known.perhaps.contains(&found) {
                let how = if found < known.stands { "lost" } else { "made up" };
                let message = format!("key {key}: {} stood, {found} is there", known.stands);
                journal.env.fail(&format!("an acknowledged write is {how}"), message);
            }
            *known = Known { stands: found, perhaps: Vec::new() };
        }
    }

    /// The next values, if any are left and there is room.
    fn batch(&mut self, journal: &Journal) -> Option<Vec<Record>> {
        let wanted = if self.left == 0 { 0 } else { 1 + journal.env.choose("batch", BATCH.min(self.left)) };
        let count = wanted.min(BLOCKS - journal.end);
        let batch: Vec<Record> = (journal.end..journal.end + count)
            .map(|place| {
                self.next += 1;
                let (key, value) = (journal.env.choose("key", KEYS as u64) as u8, self.next);
                self.keys[usize::from(key)].perhaps.push(value);
                Record { place, incarnation: journal.incarnation, key, value }
            })
            .collect();
        (!batch.is_empty()).then_some(batch)
    }

    fn acknowledged(&mut self, batch: &[Record]) {
        for record in batch {
            self.keys[usize::from(record.key)] = Known { stands: record.value, perhaps: Vec::new() };
        }
        self.left -= batch.len() as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::{Flaw, STORY, play};
    use tidemill_sim::harness::{CutBounds, power_cuts};
    use tidemill_sim::{Outcome, Sim};

    fn params(writes: &str, outages: &str, harm: &str) -> tidemill_sim::harness::Params {
        let mut params = STORY.params();
        for (name, value) in [("writes", writes), ("outages", outages), ("harm", harm)] {
            STORY.set(&mut params, name, value).unwrap();
        }
        params
    }

    // SIM-DISK: a sync that is left out is found by seeds.
    #[test]
    fn a_missing_sync_is_found_within_fifty_seeds() {
        let found = (0..50).find_map(|seed| play(&mut Sim::new(seed), &STORY.params(), Flaw::NoSync).err());
        let failure = found.expect("a write that was acknowledged without a sync is lost");
        assert!(failure.id.starts_with("an acknowledged write is lost"), "{failure}");
    }

    // SIM-DISK: power lost at every sync boundary, with everything that it may leave.
    #[test]
    fn no_power_cut_at_any_sync_boundary_loses_an_acknowledged_write() {
        let params = params("6", "0", "0");
        let bounds = CutBounds { tears: 1, ..CutBounds::default() };
        let visited = power_cuts(3, bounds, |sim: &mut Sim| play(sim, &params, Flaw::None)).unwrap();
        assert!(visited.exhausted && visited.points > visited.boundaries, "{visited}");
    }

    #[test]
    fn the_journal_suffers_what_the_story_says() {
        let mut sim = Sim::new(1);
        play(&mut sim, &params("120", "10", "60"), Flaw::None).unwrap();
        assert_eq!(sim.run(), Outcome::Quiet);
        assert!(sim.stats().kills > 5, "{:?}", sim.stats());
    }
}
