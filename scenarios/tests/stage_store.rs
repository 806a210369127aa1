//! The store of a stage with its record in the slots of a second disk, as Linux keeps both in files: dead at every write, on a disk
//! that is full at every block, and over a medium that rots.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use tidemill_host::{FormatError, SlotRegister};
use tidemill_relocate::{
    Chain, EdgeId, Extent, Label, Leaving, Life, Outgoing, Output, StageError, StageId, StageStore,
};
use tidemill_sim::harness::{CutBounds, power_cuts};
use tidemill_sim::{
    Config, Context, DiskConfig, DiskId, Duration, Env, Event, Latency, Overlay, Process, Rate, Seams, Sim,
    SimDisk, Site,
};

const MS: Duration = Duration::from_millis(1);
const OUT: EdgeId = EdgeId([6; 16]);
const BLOCKS: DiskConfig = DiskConfig { block: 512, blocks: 24, ..DiskConfig::PERFECT };
const RECORD: DiskConfig = DiskConfig { block: 1024, blocks: 4, ..DiskConfig::PERFECT };

type Stage = StageStore<SimDisk, SlotRegister<SimDisk>>;

fn stage_over(blocks: SimDisk, record: SimDisk) -> Stage {
    StageStore::new(blocks, SlotRegister::new(record), StageId([4; 16]), 1, 3, 200).expect("24 blocks")
}

fn open(env: &Env, disks: [DiskId; 2]) -> Stage {
    let [blocks, record] = disks.map(|disk| env.disk(disk));
    stage_over(blocks, record)
}

/// Calls until there is an answer.
async fn answer<T>(
    env: &Env,
    stage: &mut Stage,
    mut call: impl FnMut(&mut Stage) -> Result<T, StageError>,
) -> Result<T, StageError> {
    loop {
        let seen = env.epoch();
        match call(stage) {
            Err(StageError::Pending) => env.changed(seen, None).await,
            Err(StageError::Unavailable) => env.sleep(MS).await,
            answered => return answered,
        }
    }
}

/// Formats what was never formatted, and founds what was never founded.
async fn make(env: &Env, disks: [DiskId; 2], formatted: &Cell<bool>) -> Stage {
    let mut disk = env.disk(disks[1]);
    while !formatted.get() {
        let seen = env.epoch();
        match SlotRegister::format(&mut disk) {
            Ok(()) => formatted.set(true),
            Err(FormatError::Pending) => env.changed(seen, None).await,
            Err(error) => panic!("{error}"),
        }
    }
    let mut stage = open(env, disks);
    answer(env, &mut stage, StageStore::found).await.expect("a register that was formatted");
    stage
}

fn entry(off: u64) -> (Label, Vec<u8>) {
    (Label(u128::from(off)), format!("entry {off}").into_bytes())
}

fn begin(stage: &mut Stage, number: u64) -> Result<u64, StageError> {
    let from = number.saturating_sub(2);
    let kept: Vec<(Label, Vec<u8>)> = (from..number).map(entry).collect();
    let entries: Vec<(Label, &[u8])> = kept.iter().map(|(label, bytes)| (*label, &bytes[..])).collect();
    let output = Output { edge: OUT, off: number, chain: Chain(1), retained: from, seen: 0, ended: false };
    let outputs = [Outgoing { output, entries: &entries }];
    stage.begin(&Leaving { inputs: &[], outputs: &outputs, state: &number.to_le_bytes() })
}

/// The number of the checkpoint that a life found, all of which fits together.
fn number(life: &Life) -> u64 {
    let Some(checkpoint) = &life.checkpoint else { return 0 };
    let number = u64::from_le_bytes(checkpoint.state[..].try_into().expect("eight bytes"));
    let kept = &life.retained[0];
    assert_eq!((checkpoint.outputs[0].off, kept.from), (number, number.saturating_sub(2)));
    assert_eq!(kept.entries, (kept.from..number).map(entry).collect::<Vec<_>>());
    number
}

/// Leaves so many checkpoints; what was told to count must be there when the next life begins, or the one after it.
fn count(sim: &mut Sim, until: u64) -> Result<(), String> {
    let machine = sim.machine("host");
    let slow = |config: DiskConfig| DiskConfig { sync: Latency::Constant(MS), tear: true, ..config };
    let disks = [sim.disk(machine, "blocks", slow(BLOCKS)), sim.disk(machine, "record", slow(RECORD))];
    let (told, formatted) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(false)));
    let broke = Rc::new(RefCell::new(None));
    let into = Rc::clone(&broke);
    for disk in disks {
        sim.cut_power_at_syncs(disk, Rate::NEVER, Some(Latency::Constant(MS)));
    }
    sim.spawn_async(machine, "stage", move |env: Env| {
        let (told, formatted, into) = (Rc::clone(&told), Rc::clone(&formatted), Rc::clone(&into));
        async move {
            let mut stage = make(&env, disks, &formatted).await;
            let life = match answer(&env, &mut stage, StageStore::mint).await {
                Ok(life) => life,
                Err(error) => {
                    into.replace(Some(format!("{} counted: {error}", told.get())));
                    return;
                }
            };
            let found = number(&life);
            if found < told.get() || found > told.get() + 1 {
                into.replace(Some(format!("{} counted, {found} is there", told.get())));
            }
            told.set(found);
            while told.get() < until {
                begin(&mut stage, told.get() + 1).expect("a life");
                answer(&env, &mut stage, StageStore::poll).await.expect("a disk without a fault");
                told.set(told.get() + 1);
            }
        }
    });
    sim.run().expect_ok();
    broke.take().map_or(Ok(()), Err)
}

// SIM-DISK: power lost at every sync boundary of either disk, with every subset of the unsynced writes kept or torn.
#[test]
fn no_power_loss_at_any_sync_boundary_takes_a_checkpoint_that_counts() {
    let twice = CutBounds { depth: 2, tears: 0, subsets_up_to: 1, ..CutBounds::default() };
    for (until, bounds) in [(3, CutBounds::default()), (1, twice)] {
        let visited = power_cuts(1, bounds, |sim: &mut Sim| count(sim, until)).unwrap();
        println!("{visited}");
        assert!(visited.exhausted && visited.points > visited.boundaries, "{visited}");
    }
}

/// Lives, and leaves its seams to the test.
struct Idle;

impl Process for Idle {
    fn on(&mut self, _: &mut Context<'_>, _: Event<'_>) {}
}

/// A machine with two instant disks.
struct World {
    sim: Sim<Idle>,
    disks: [DiskId; 2],
    seams: Rc<RefCell<Option<Seams>>>,
}

impl World {
    /// A stage that was founded there, before its blocks become what `blocks` says.
    fn new(overlay: Overlay, blocks: DiskConfig) -> Self {
        let mut sim = Sim::with(1, Config { overlay, ..Config::default() });
        let machine = sim.machine("host");
        let disks = [sim.disk(machine, "blocks", BLOCKS), sim.disk(machine, "record", RECORD)];
        let seams = Rc::new(RefCell::new(None));
        let into = Rc::clone(&seams);
        sim.spawn_with(machine, "idle", move |seams| {
            *into.borrow_mut() = Some(seams.clone());
            Idle
        });
        let mut world = Self { sim, disks, seams };
        let mut record = world.seams.borrow().as_ref().expect("the factory ran").disk(disks[1]);
        SlotRegister::format(&mut record).expect("an instant disk without a fault");
        assert_eq!(world.open().found(), Ok(true));
        world.sim.set_disk_config(disks[0], blocks);
        world
    }

    fn open(&self) -> Stage {
        let seams = self.seams.borrow();
        let [blocks, record] = self.disks.map(|disk| seams.as_ref().expect("the factory ran").disk(disk));
        stage_over(blocks, record)
    }
}

// SIM-DISK: whichever write finds no space or fails, its checkpoint is given up, and those before and after it count.
#[test]
fn a_write_that_fails_anywhere_costs_one_checkpoint_and_no_other() {
    let rate = Rate::per_million(1);
    let full = DiskConfig { full: rate, ..BLOCKS };
    let failing = DiskConfig { write_error: rate, ..BLOCKS };
    let mut told = 0;
    for (kind, config, refusal) in
        [("full", full, StageError::NoSpace), ("write-error", failing, StageError::Failed)]
    {
        for nth in 0.. {
            let overlay = [(Site::new("host/blocks", kind, nth), 1)].into_iter().collect();
            let world = World::new(overlay, config);
            let (mut counts, mut last) = (0, 0);
            for next in 1..5 {
                let mut stage = world.open();
                assert_eq!(number(&stage.mint().expect("a life")), last, "{kind} {nth}");
                match leave_now(&mut stage, next) {
                    Ok(_) => (counts, last) = (counts + 1, next),
                    Err(error) => assert_eq!(error, refusal, "{kind} {nth}"),
                }
            }
            assert_eq!(number(&world.open().mint().expect("a look")), last);
            if counts == 4 {
                break;
            }
            assert_eq!(counts, 3, "{kind} {nth}");
            told += 1;
        }
    }
    println!("{told} writes failed, one a run");
    assert!(told > 10);
}

// SIM-DISK: a disk with space for so many blocks takes a checkpoint or says that there is no space, and the one before it counts.
#[test]
fn a_disk_that_is_full_at_any_block_leaves_the_checkpoint_before_and_takes_the_next_one_when_there_is_space()
{
    let (mut refused, mut taken) = (0, 0);
    for space in 0..=BLOCKS.blocks {
        let mut world = World::new(Overlay::new(), BLOCKS);
        let mut stage = world.open();
        stage.mint().expect("a first life");
        leave_now(&mut stage, 1).expect("there is space");
        let full = DiskConfig { space, ..BLOCKS };
        world.sim.set_disk_config(world.disks[0], full);
        let mut counts = 1;
        for next in 2..4 {
            match leave_now(&mut stage, next) {
                Ok(_) => (counts, taken) = (next, taken + 1),
                Err(StageError::NoSpace) => refused += 1,
                Err(error) => panic!("space for {space}: {error}"),
            }
        }
        assert_eq!(number(&world.open().mint().expect("a look")), counts, "space for {space}");
        world.sim.set_disk_config(world.disks[0], BLOCKS);
        let mut stage = world.open();
        stage.mint().expect("a life");
        leave_now(&mut stage, 4).expect("there is space again");
        assert_eq!(number(&world.open().mint().expect("a look")), 4);
    }
    println!("{refused} checkpoints found no space, {taken} did");
    assert!(refused > 4 && taken > 10);
}

// SIM-DISK: one bit of the medium flips, in any block: the checkpoint is lost by its number, or nothing happened to it.
#[test]
fn a_medium_that_rots_in_any_block_is_told_where_it_counts() {
    let (mut lost, mut sound) = (0, 0);
    for block in 0..BLOCKS.blocks {
        for bit in [0, 7, 31, 100, 2000, 4064, 4095] {
            let mut world = World::new(Overlay::new(), BLOCKS);
            let mut stage = world.open();
            stage.mint().expect("a first life");
            (1..4).for_each(|number| _ = leave_now(&mut stage, number).expect("a disk without a fault"));
            let pointer = stage.record().expect("it counts").checkpoint.clone();
            let has = |extent: &Extent| (extent.block..extent.block + extent.count).contains(&block);
            let counts = pointer.extents.iter().chain(&pointer.log).any(has);
            world.sim.rot(world.disks[0], block, bit);
            match world.open().mint() {
                Ok(life) => assert!(!counts && number(&life) == 3, "bit {bit} of block {block}"),
                Err(StageError::StateLost { seq: 3, .. }) => assert!(counts, "bit {bit} of block {block}"),
                Err(error) => panic!("bit {bit} of block {block}: {error}"),
            }
            (lost, sound) = (lost + u32::from(counts), sound + u32::from(!counts));
        }
    }
    println!("{lost} bits were told, {sound} did not matter");
    assert!(lost >= 14 && sound > 14);
}

// SIM-DISK: blocks that are read from elsewhere now and then are read again.
#[test]
fn a_read_that_goes_wrong_now_and_then_loses_no_state() {
    let rough = DiskConfig { misdirected_read: Rate::percent(10), ..BLOCKS };
    let (mut reread, mut lost) = (0, 0);
    let mut world = World::new(Overlay::new(), BLOCKS);
    let mut stage = world.open();
    stage.mint().expect("a first life");
    leave_now(&mut stage, 3).expect("a disk without a fault");
    for _ in 0..200 {
        world.sim.set_disk_config(world.disks[0], rough);
        let mut stage = world.open();
        match stage.mint() {
            Ok(life) => {
                assert_eq!(number(&life), 3);
                reread += stage.stats().reread;
            }
            Err(StageError::StateLost { seq, .. }) => lost += u64::from(seq > 0),
            Err(error) => panic!("{error}"),
        }
    }
    println!("{reread} blocks were read again, {lost} lives were told that their state is lost");
    assert!(reread > 10 * lost && reread > 20, "{reread}, {lost}");
}

/// Leaves a checkpoint on disks that take no time.
fn leave_now(stage: &mut Stage, number: u64) -> Result<u64, StageError> {
    begin(stage, number)?;
    stage.poll().map(|committed| committed.seq)
}
