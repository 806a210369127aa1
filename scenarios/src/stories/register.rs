//! writer ──▶ register in two slots ═══▶ [disk]      what was won or read stands, and nothing stands that nobody wrote
//!
//! The register is the one that Linux keeps in a file, here on a disk that stalls, fills, tears and fails to read, to write
//! and to sync; its process dies and comes back, and power fails. The writer counts: each value is written once, by an
//! exchange that expects the version it read last, or now and then the one before it, which has to lose. An exchange whose
//! outcome nobody knows may have happened until the next value is read. A disk from which a slot can no longer be read is
//! repaired, and everything else with it: from then on the same register has to give back its value and take the others.

use super::ping_pong::per_thousand;
use super::{broken, law};
use std::cell::RefCell;
use std::rc::Rc;
use tidemill_host::{FormatError, SlotRegister};
use tidemill_seam::{Duration, ExchangeError, Exchanged, ReadingError, Version};
use tidemill_sim::harness::{Must, Param, Params, Shrink, Story};
use tidemill_sim::{DiskConfig, DiskId, Env, Failure, Latency, Rate, Sim, SimDisk, expects, reachable};

pub(super) const STORY: Story = Story {
    name: "register",
    picture: "writer ──▶ register in two slots ═══▶ disk",
    about: "a value that was won or read stands, whatever power, process and disk do",
    seeds: 500,
    must: Must::Pass,
    params: &[
        Param {
            name: "writes",
            default: 40,
            range: 1..=10_000,
            about: "values that are won",
            shrink: Shrink::Items,
        },
        Param {
            name: "outages",
            default: 4,
            range: 0..=20,
            about: "power failures between syncs",
            shrink: Shrink::Faults,
        },
        Param {
            name: "harm",
            default: 60,
            range: 0..=200,
            about: "calls harmed of a thousand",
            shrink: Shrink::No,
        },
    ],
    body: |sim, params| play(sim, params, Flaw::None),
};

const BLOCK: u32 = 64;
/// Before a call that failed is made again.
const PAUSE: Duration = Duration::from_micros(200);
/// So often is it made again before its disk counts as lost: both copies of a slot can no longer be read.
const TRIES: u32 = 100;
/// What a writer needs for an exchange on a sound disk, and more: a sync takes five milliseconds at most.
const AN_EXCHANGE: Duration = Duration::from_millis(10);
/// What it needs before: a stall that had begun ends, and what is found is written again.
const A_BEGINNING: Duration = Duration::from_millis(100);

/// What a test leaves out, to see that it is missed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    /// A writer whose disk was lost never asks again.
    GivesUp,
}

fn play(sim: &mut Sim, params: &Params, flaw: Flaw) -> Result<(), Failure> {
    let machine = sim.machine("host");
    let harm = per_thousand(params.get("harm"));
    let config = DiskConfig {
        block: BLOCK,
        blocks: 4,
        read_error: harm,
        write_error: harm,
        full: harm,
        stall: harm,
        sync_error: harm,
        ..DiskConfig::default()
    };
    let disk = sim.disk(machine, "disk", config);
    let back = Latency::Uniform { min: Duration::from_millis(1), max: Duration::from_millis(20) };
    sim.cut_power_at_syncs(disk, harm, Some(back));
    let ledger = Rc::new(RefCell::new(Ledger { left: params.get("writes"), ..Ledger::default() }));
    let kept = Rc::clone(&ledger);
    let writer = sim.spawn_async(machine, "writer", move |env| write_all(env, disk, Rc::clone(&kept), flaw));
    sim.crash(writer, Rate::per_million(10_000), Some(back));
    for _ in 0..params.get("outages") {
        let at = Duration::from_nanos(sim.choose("outage-at", 500_000_000));
        let ledger = Rc::clone(&ledger);
        sim.after(at, move |sim| {
            if !ledger.borrow().lost {
                sim.lose_power(machine);
                sim.after(Duration::from_millis(5), move |sim| sim.restore_power(machine));
            }
        });
    }
    let (lost, left) = (|| ledger.borrow().lost, || ledger.borrow().left);
    while !lost() && sim.step() {}
    if lost() {
        sim.repair_disk(disk);
        sim.crash(writer, Rate::NEVER, None);
        broken(sim.run_for(A_BEGINNING + AN_EXCHANGE.saturating_mul(left())))?;
    } else {
        broken(sim.run())?;
    }
    let left = left();
    law(sim, "every value is won", left == 0, || format!("{left} are not"))?;
    if params.get("harm") > 0 {
        expects!(sim, "an exchange whose outcome nobody knows", "an exchange that expects too little");
    }
    Ok(())
}

/// The writer's memory, which no crash touches.
#[derive(Default)]
struct Ledger {
    formatted: bool,
    /// The version and value that were won or read last.
    stands: (Version, u64),
    /// Values that were written over it since, and may yet stand in its place (Q4).
    perhaps: Vec<u64>,
    left: u64,
    next: u64,
    /// Whether a slot could not be read any more: whoever sees it repairs what is broken.
    lost: bool,
}

async fn write_all(env: Env, disk: DiskId, ledger: Rc<RefCell<Ledger>>, flaw: Flaw) {
    let mut disk = env.disk(disk);
    if !ledger.borrow().formatted {
        format(&env, &mut disk).await;
        ledger.borrow_mut().formatted = true;
    }
    let mut register = SlotRegister::new(disk);
    while ledger.borrow().left > 0 {
        let found = read(&env, &mut register, &ledger).await;
        if flaw == Flaw::GivesUp && ledger.borrow().lost {
            return;
        }
        let law = ledger.borrow_mut().read(found);
        keep(&env, law).await;
        while ledger.borrow().left > 0 && write(&env, &mut register, &ledger).await {}
    }
}

/// A law that was broken ends the run.
async fn keep(env: &Env, law: Result<(), (&str, String)>) {
    if let Err((law, message)) = law {
        env.fail(law, message);
        env.sleep(PAUSE).await;
    }
}

async fn format(env: &Env, disk: &mut SimDisk) {
    loop {
        let seen = env.epoch();
        match SlotRegister::format(disk) {
            Ok(()) => return,
            Err(FormatError::Pending) => env.changed(seen, None).await,
            Err(FormatError::Failed) => env.sleep(PAUSE).await,
            Err(FormatError::TooSmall) => unreachable!("four blocks are enough"),
        }
    }
}

/// Version and value, however often it takes; says where the disk is lost.
async fn read(env: &Env, register: &mut SlotRegister<SimDisk>, ledger: &RefCell<Ledger>) -> (Version, u64) {
    let mut tries = 0;
    loop {
        let mut bytes = [0; 8];
        match env.read_value(register, &mut bytes).await {
            Ok(reading) => return (reading.version, u64::from_le_bytes(bytes)),
            Err(ReadingError::Absent) => return (Version::NONE, 0),
            Err(ReadingError::Unavailable) => env.sleep(PAUSE).await,
            Err(error) => keep(env, Err(("the register is there", error.to_string()))).await,
        }
        tries += 1;
        if tries == TRIES {
            reachable!(env, "a disk that no longer gives back either copy of a slot");
            ledger.borrow_mut().lost = true;
        }
    }
}

/// One exchange; whether it won, so that what stands is known.
async fn write(env: &Env, register: &mut SlotRegister<SimDisk>, ledger: &RefCell<Ledger>) -> bool {
    let (stands, value) = ledger.borrow_mut().next();
    let stale = stands > Version::NONE && !ledger.borrow().lost && env.choose("stale", 8) == 1;
    let expected = if stale { Version(stands.0 - 1) } else { stands };
    if !stale {
        // A crash may come before the answer.
        ledger.borrow_mut().perhaps.push(value);
    }
    let answer = env.exchange(register, expected, &value.to_le_bytes()).await;
    match answer {
        Ok(Exchanged::Lost(_)) if stale => reachable!(env, "an exchange that expects too little"),
        Ok(Exchanged::Unknown) => reachable!(env, "an exchange whose outcome nobody knows"),
        _ => {}
    }
    let law = ledger.borrow_mut().answered(value, stale, answer);
    keep(env, law).await;
    matches!(answer, Ok(Exchanged::Won(_)))
}

impl Ledger {
    /// The version that stands, as far as is known, and a value that was never written.
    fn next(&mut self) -> (Version, u64) {
        self.next += 1;
        (self.stands.0, self.next)
    }

    fn stand(&mut self, version: Version, value: u64) {
        self.stands = (version, value);
        self.perhaps.clear();
        self.left = self.left.saturating_sub(1);
    }

    /// What is read has to be what stood, or what may have been written since.
    fn read(&mut self, (version, value): (Version, u64)) -> Result<(), (&'static str, String)> {
        let (stood, last) = self.stands;
        if (version, value) == self.stands {
            return Ok(());
        }
        if version > stood && self.perhaps.contains(&value) {
            self.stand(version, value);
            return Ok(());
        }
        let law = if version <= stood { "no value is lost" } else { "no value is made up" };
        Err((law, format!("{last} stood under {stood:?}, {value} is there under {version:?}")))
    }

    /// An exchange wins if and only if the version that stands is the expected one.
    fn answered(
        &mut self,
        value: u64,
        stale: bool,
        answer: Result<Exchanged, ExchangeError>,
    ) -> Result<(), (&'static str, String)> {
        let (stood, _) = self.stands;
        let others = self.perhaps.iter().any(|perhaps| *perhaps != value);
        match answer {
            Ok(Exchanged::Unknown) => return Ok(()),
            Ok(Exchanged::Won(won)) if !stale && won > stood => {
                self.stand(won, value);
                return Ok(());
            }
            _ => self.perhaps.retain(|perhaps| *perhaps != value),
        }
        match answer {
            Ok(Exchanged::Lost(found)) if (stale && found == stood) || (others && found > stood) => Ok(()),
            Err(ExchangeError::Unavailable) => Ok(()),
            _ => Err((
                "an exchange wins where its version stands",
                format!("{answer:?} where {stood:?} stands, stale: {stale}"),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Flaw, STORY, play};
    use tidemill_sim::Sim;

    #[test]
    fn a_writer_that_gives_up_where_its_disk_is_lost_is_found() {
        let run = |seed, flaw| play(&mut Sim::new(seed), &STORY.params(), flaw);
        let mut lost = 0;
        for (seed, failure) in
            (0..STORY.seeds).filter_map(|seed| Some((seed, run(seed, Flaw::GivesUp).err()?)))
        {
            assert!(failure.id.starts_with("every value is won"), "{failure}");
            run(seed, Flaw::None).expect("who does not give up goes on");
            lost += 1;
        }
        assert!(lost > 5, "{lost} of {} seeds lose their disk", STORY.seeds);
    }
}
