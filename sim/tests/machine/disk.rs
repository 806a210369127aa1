//! The simulated disk: what a kill and a power loss leave, every fault, and the crash at every sync boundary.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;

use tidemill_seam::{Duration, ReadError, Store, SyncError, WriteError};
use tidemill_sim::harness::{CutBounds, power_cuts};
use tidemill_sim::{
    Config, Context, DiskConfig, DiskId, DiskStats, Env, Event, Latency, MachineId, Overlay, Process, Rate,
    Seams, Sim, SimDisk, Site,
};

const BLOCK: usize = 512;
const MS: Duration = Duration::from_millis(1);

/// Lives, and leaves its seams to the test.
struct Idle;

impl Process for Idle {
    fn on(&mut self, _: &mut Context<'_>, _: Event<'_>) {}
}

struct World {
    sim: Sim<Idle>,
    machine: MachineId,
    disk: DiskId,
    seams: Rc<RefCell<Option<Seams>>>,
}

impl World {
    fn new(overlay: Overlay, config: DiskConfig) -> Self {
        let mut sim = Sim::with(7, Config { overlay, ..Config::default() });
        let machine = sim.machine("host");
        let disk = sim.disk(machine, "disk", config);
        let seams = Rc::new(RefCell::new(None));
        let into = Rc::clone(&seams);
        sim.spawn_with(machine, "idle", move |seams| {
            *into.borrow_mut() = Some(seams.clone());
            Idle
        });
        Self { sim, machine, disk, seams }
    }

    fn open(&self) -> SimDisk {
        self.seams.borrow().as_ref().expect("the factory ran").disk(self.disk)
    }

    fn cycle(&mut self) -> SimDisk {
        self.sim.lose_power(self.machine);
        self.sim.restore_power(self.machine);
        self.open()
    }
}

fn block(byte: u8) -> [u8; BLOCK] {
    [byte; BLOCK]
}

/// The first byte of each of the first `n` blocks.
fn first_bytes(disk: &mut SimDisk, n: usize) -> Vec<u8> {
    let mut bytes = vec![0; n * BLOCK];
    disk.read(0, &mut bytes).unwrap();
    bytes.chunks(BLOCK).map(|block| block[0]).collect()
}

fn write(disk: &mut SimDisk, number: u64, byte: u8) {
    disk.write(number * BLOCK as u64, &block(byte)).unwrap();
}

fn pins(sites: &[(&str, u64, u64)]) -> Overlay {
    sites.iter().map(|(kind, nth, value)| (Site::new("host/disk", *kind, *nth), *value)).collect()
}

// SIM-DISK: a kill leaves the page cache, a power loss takes what was not synced, and what was synced stays.
#[test]
fn a_kill_leaves_unsynced_writes_and_a_power_loss_takes_them() {
    let mut world = World::new(pins(&[("power-keeps", 0, 1)]), DiskConfig::PERFECT);
    let mut disk = world.open();
    write(&mut disk, 0, 1);
    disk.sync().unwrap();
    write(&mut disk, 0, 2);
    write(&mut disk, 1, 3);
    let process = world.sim.processes().next().unwrap();
    world.sim.restart(process);
    assert_eq!(disk.read(0, &mut block(0)), Err(ReadError::Closed), "the old handle died with its process");
    let mut disk = world.open();
    assert_eq!(first_bytes(&mut disk, 2), [2, 3]);
    assert_eq!(world.sim.durable(world.disk, 0), block(1));
    let mut disk = world.cycle();
    assert_eq!(first_bytes(&mut disk, 2), [1, 0]);
    assert_eq!(world.sim.disk_stats(world.disk).lost, 2);
}

// SIM-DISK: any subset of the unsynced writes may survive, and every subset does for some seed.
#[test]
fn a_power_loss_keeps_any_subset_of_the_unsynced_writes() {
    let mut seen = BTreeSet::new();
    for seed in 0..300 {
        let mut sim = Sim::<Idle>::new(seed);
        let machine = sim.machine("host");
        let id = sim.disk(machine, "disk", DiskConfig::PERFECT);
        let shown = Rc::new(RefCell::new(None));
        let into = Rc::clone(&shown);
        sim.spawn_with(machine, "idle", move |seams| {
            *into.borrow_mut() = Some(seams.clone());
            Idle
        });
        let mut disk = shown.borrow().as_ref().unwrap().disk(id);
        for number in 0..3 {
            write(&mut disk, number, 9);
        }
        sim.lose_power(machine);
        seen.insert((0..3).map(|at| sim.durable(id, at)[0]).collect::<Vec<_>>());
    }
    assert_eq!(seen.len(), 8);
}

// SIM-DISK: a torn write is a prefix of the new block and the rest of the old one.
#[test]
fn a_torn_block_is_new_in_front_and_old_behind() {
    let overlay = pins(&[("power-keeps", 0, 1), ("power-tear", 0, 1), ("power-tear-at", 0, 2)]);
    let mut world = World::new(overlay, DiskConfig { tear: true, ..DiskConfig::PERFECT });
    let mut disk = world.open();
    write(&mut disk, 0, 1);
    disk.sync().unwrap();
    write(&mut disk, 0, 2);
    let mut disk = world.cycle();
    let mut bytes = block(0);
    disk.read(0, &mut bytes).unwrap();
    assert_eq!((bytes[..24].to_vec(), bytes[24..].to_vec()), (vec![2; 24], vec![1; BLOCK - 24]));
    assert_eq!(world.sim.disk_stats(world.disk).torn, 1);
}

// SIM-DISK: a sync that fails may have persisted everything or nothing, and the next one does not cover it.
#[test]
fn a_failed_sync_is_unknown_and_a_later_one_does_not_make_up_for_it() {
    for (keeps, want) in [(0, 2), (1, 1)] {
        let config = DiskConfig { sync_error: Rate::ALWAYS, ..DiskConfig::PERFECT };
        let mut world = World::new(pins(&[("sync-keeps", 0, keeps)]), DiskConfig::PERFECT);
        let mut disk = world.open();
        write(&mut disk, 0, 1);
        disk.sync().unwrap();
        world.sim.set_disk_config(world.disk, config);
        write(&mut disk, 0, 2);
        assert_eq!(disk.sync(), Err(SyncError::Failed));
        world.sim.set_disk_config(world.disk, DiskConfig::PERFECT);
        assert_eq!(disk.sync(), Ok(()));
        assert_eq!(first_bytes(&mut disk, 1), [2], "the cache still shows it");
        let stats = world.sim.disk_stats(world.disk);
        assert_eq!((stats.sync_errors, stats.sync_errors_durable), (1, u64::from(keeps == 0)));
        assert_eq!(first_bytes(&mut world.cycle(), 1), [want]);
    }
}

// SIM-DISK: a sync that fails loses what another handle wrote, and that one is told, once.
#[test]
fn a_sync_that_failed_is_told_to_every_handle() {
    let mut world = World::new(Overlay::new(), DiskConfig::PERFECT);
    let (mut ours, mut theirs) = (world.open(), world.open());
    write(&mut ours, 0, 1);
    world.sim.set_disk_config(world.disk, DiskConfig { sync_error: Rate::ALWAYS, ..DiskConfig::PERFECT });
    assert_eq!(theirs.sync(), Err(SyncError::Failed));
    world.sim.set_disk_config(world.disk, DiskConfig::PERFECT);
    let mut later = world.open();
    assert_eq!((ours.sync(), theirs.sync(), later.sync()), (Err(SyncError::Failed), Ok(()), Ok(())));
    write(&mut ours, 0, 2);
    assert_eq!(ours.sync(), Ok(()));
    assert_eq!(first_bytes(&mut world.cycle(), 1), [2]);
}

// SIM-DISK: a disk that is shared is the same to every machine.
#[test]
fn a_shared_disk_is_reached_from_every_machine() {
    let mut world = World::new(Overlay::new(), DiskConfig::PERFECT);
    let elsewhere = world.sim.machine("elsewhere");
    world.sim.share_disk(world.disk);
    let seams = Rc::new(RefCell::new(None));
    let into = Rc::clone(&seams);
    world.sim.spawn_with(elsewhere, "idle", move |seams| {
        *into.borrow_mut() = Some(seams.clone());
        Idle
    });
    let mut there =
        seams.borrow().as_ref().map(|seams: &Seams| seams.disk(world.disk)).expect("the factory ran");
    write(&mut there, 0, 7);
    assert_eq!((first_bytes(&mut world.open(), 1), there.sync()), (vec![7], Ok(())));
}

// SIM-DISK: a disk that lies says that it synced.
#[test]
fn a_lying_sync_loses_what_it_promised() {
    let config = DiskConfig { sync_lie: Rate::ALWAYS, ..DiskConfig::PERFECT };
    let mut world = World::new(pins(&[("power-keeps", 0, 1)]), config);
    let mut disk = world.open();
    write(&mut disk, 0, 2);
    assert_eq!(disk.sync(), Ok(()));
    assert_eq!(first_bytes(&mut world.cycle(), 1), [0]);
}

// SIM-DISK: a misdirected write overwrites its victim and leaves its own block as it was.
#[test]
fn a_misdirected_write_lands_elsewhere() {
    let config = DiskConfig { misdirected_write: Rate::ALWAYS, ..DiskConfig::PERFECT };
    let world = World::new(pins(&[("misdirected-to", 0, 0)]), config);
    let mut disk = world.open();
    write(&mut disk, 0, 7);
    assert_eq!(first_bytes(&mut disk, 2), [7, 0], "the cache is right");
    disk.sync().unwrap();
    assert_eq!(first_bytes(&mut disk, 2), [0, 7], "the medium is not");
    assert_eq!(world.sim.disk_stats(world.disk).misdirected_writes, 1);
}

// SIM-DISK: a misdirected read gives another block once, and harms nothing.
#[test]
fn a_misdirected_read_comes_from_elsewhere() {
    let mut world = World::new(pins(&[("misdirected-from", 0, 0)]), DiskConfig::PERFECT);
    let mut disk = world.open();
    write(&mut disk, 1, 7);
    disk.sync().unwrap();
    world
        .sim
        .set_disk_config(world.disk, DiskConfig { misdirected_read: Rate::ALWAYS, ..DiskConfig::PERFECT });
    assert_eq!(first_bytes(&mut disk, 1), [7]);
    world.sim.set_disk_config(world.disk, DiskConfig::PERFECT);
    assert_eq!(first_bytes(&mut disk, 2), [0, 7]);
}

// SIM-DISK: rot flips one bit of the medium, for good, and no error tells.
#[test]
fn rot_flips_one_bit_for_good() {
    let mut world = World::new(Overlay::new(), DiskConfig { rot: Rate::ALWAYS, ..DiskConfig::PERFECT });
    let mut disk = world.open();
    let mut bytes = block(0);
    disk.read(0, &mut bytes).unwrap();
    world.sim.set_disk_config(world.disk, DiskConfig::PERFECT);
    let ones = |bytes: &[u8]| bytes.iter().map(|byte| byte.count_ones()).sum::<u32>();
    assert_eq!(ones(&bytes), 1);
    let mut again = block(0);
    disk.read(0, &mut again).unwrap();
    assert_eq!((again, world.sim.disk_stats(world.disk).rot), (bytes, 1));
    world.sim.rot(world.disk, 3, 8);
    disk.read(3 * BLOCK as u64, &mut again).unwrap();
    assert_eq!(again[1], 1);
}

// SIM-DISK: a read error that stays is gone once the block is written again.
#[test]
fn a_read_error_may_stay_until_the_block_is_written() {
    let mut world = World::new(
        pins(&[("read-error-stays", 0, 1)]),
        DiskConfig { read_error: Rate::ALWAYS, ..DiskConfig::PERFECT },
    );
    let mut disk = world.open();
    assert_eq!(disk.read(0, &mut block(0)), Err(ReadError::Failed));
    world.sim.set_disk_config(world.disk, DiskConfig::PERFECT);
    assert_eq!(disk.read(0, &mut block(0)), Err(ReadError::Failed));
    assert_eq!(disk.read(BLOCK as u64, &mut block(0)), Ok(()));
    write(&mut disk, 0, 1);
    disk.sync().unwrap();
    assert_eq!(first_bytes(&mut disk, 1), [1]);
}

// SIM-DISK: a disk that is repaired gives back what its medium has, and fails no more.
#[test]
fn a_repaired_disk_can_be_read_again_and_fails_no_more() {
    let (always, sync) = (Rate::ALWAYS, Latency::Constant(MS));
    let config = DiskConfig { sync, read_error: always, sync_error: always, ..DiskConfig::PERFECT };
    let mut world =
        World::new(pins(&[("read-error-stays", 0, 1)]), DiskConfig { sync, ..DiskConfig::PERFECT });
    let mut disk = world.open();
    write(&mut disk, 0, 1);
    assert_eq!(disk.sync(), Err(SyncError::Pending));
    world.sim.run().expect_ok();
    assert_eq!(disk.sync(), Ok(()));
    world.sim.set_disk_config(world.disk, config);
    world.sim.cut_power_at_syncs(world.disk, always, None);
    for _ in 0..2 {
        assert_eq!(disk.read(0, &mut block(0)), Err(ReadError::Failed));
    }
    world.sim.repair_disk(world.disk);
    assert_eq!(first_bytes(&mut disk, 2), [1, 0]);
    assert_eq!(disk.sync(), Err(SyncError::Pending));
    world.sim.run().expect_ok();
    assert_eq!((disk.sync(), world.sim.disk_config(world.disk).sync), (Ok(()), sync));
    assert_eq!(world.sim.disk_stats(world.disk).power_losses, 0);
}

// SIM-DISK: a write error leaves a prefix of the blocks written.
#[test]
fn a_failed_write_leaves_a_prefix_of_its_blocks() {
    let overlay = pins(&[("write-error-after", 0, 2)]);
    let mut world = World::new(overlay, DiskConfig { write_error: Rate::ALWAYS, ..DiskConfig::PERFECT });
    let mut disk = world.open();
    assert_eq!(disk.write(0, &[5; 3 * BLOCK]), Err(WriteError::Failed));
    world.sim.set_disk_config(world.disk, DiskConfig::PERFECT);
    assert_eq!(first_bytes(&mut disk, 3), [5, 5, 0]);
}

// SIM-DISK: no space for blocks that were never written, and always some for the others.
#[test]
fn a_full_disk_takes_only_what_it_has_space_for() {
    let world = World::new(Overlay::new(), DiskConfig { space: 2, ..DiskConfig::PERFECT });
    let mut disk = world.open();
    write(&mut disk, 9, 1);
    assert_eq!(disk.write(0, &[1; 2 * BLOCK]), Err(WriteError::Full));
    assert_eq!(first_bytes(&mut disk, 2), [0, 0], "D5");
    write(&mut disk, 0, 1);
    write(&mut disk, 9, 2);
    assert_eq!(disk.write(BLOCK as u64, &block(1)), Err(WriteError::Full));
}

// SIM-DISK: a stall takes virtual time, refuses everything meanwhile, and its end is heard.
#[test]
fn a_stall_takes_virtual_time_and_its_end_wakes_who_waits() {
    let mut sim = Sim::new(1);
    let machine = sim.machine("host");
    let id = sim.disk(
        machine,
        "disk",
        DiskConfig {
            stall: Rate::percent(50),
            stall_for: Latency::Constant(Duration::from_millis(20)),
            sync: Latency::Constant(MS),
            ..DiskConfig::PERFECT
        },
    );
    let took = Rc::new(Cell::new(Duration::ZERO));
    let into = Rc::clone(&took);
    sim.spawn_async(machine, "writer", move |env: Env| {
        let into = Rc::clone(&into);
        async move {
            let mut disk = env.disk(id);
            for number in 0..20 {
                env.write(&mut disk, number * BLOCK as u64, &block(1)).await.unwrap();
                env.sync(&mut disk).await.unwrap();
            }
            into.set(env.now().since(tidemill_seam::Instant::ZERO));
        }
    });
    sim.run().expect_ok();
    let stats = sim.disk_stats(id);
    assert!(stats.stalls > 10, "{stats:?}");
    let stalled = Duration::from_millis(20).saturating_mul(stats.stalls);
    let took = took.get();
    assert!(took >= stalled && took <= stalled + Duration::from_millis(20), "{took} for {stalled} of stalls");
}

// SIM-DISK: a fault that is off draws nothing, and one that is on moves no other entity's decisions.
#[test]
fn a_disk_without_faults_decides_nothing() {
    let mut sim = Sim::<Idle>::with(3, Config { record: true, ..Config::default() });
    let machine = sim.machine("host");
    let id = sim.disk(machine, "disk", DiskConfig::PERFECT);
    let shown = Rc::new(RefCell::new(None));
    let into = Rc::clone(&shown);
    sim.spawn_with(machine, "idle", move |seams| {
        *into.borrow_mut() = Some(seams.disk(id));
        Idle
    });
    let mut disk = shown.take().unwrap();
    for number in 0..50 {
        write(&mut disk, number, 1);
        disk.sync().unwrap();
        first_bytes(&mut disk, 3);
    }
    sim.lose_power(machine);
    assert_eq!(sim.recorded(), []);
}

/// Writes two blocks, syncs, and says so: whatever was said must stand after any power loss.
fn two_blocks_then_a_word(sim: &mut Sim, synced: bool) -> Result<(), String> {
    let machine = sim.machine("host");
    let id = sim.disk(machine, "disk", DiskConfig { sync: Latency::Constant(MS), ..DiskConfig::default() });
    sim.cut_power_at_syncs(id, Rate::NEVER, Some(Latency::Constant(MS)));
    let said = Rc::new(Cell::new(0_u8));
    let (told, broke) = (Rc::clone(&said), Rc::new(RefCell::new(None)));
    let into = Rc::clone(&broke);
    sim.spawn_async(machine, "writer", move |env: Env| {
        let (told, into) = (Rc::clone(&told), Rc::clone(&into));
        async move {
            let mut disk = env.disk(id);
            let mut bytes = [0; 2 * BLOCK];
            disk.read(0, &mut bytes).unwrap();
            let stands = bytes[0].min(bytes[BLOCK]);
            if stands < told.get() {
                *into.borrow_mut() = Some(format!("{} was said, {stands} stands", told.get()));
            }
            for round in told.get() + 1..=3 {
                disk.write(0, &[round; 2 * BLOCK]).unwrap();
                if synced {
                    env.sync(&mut disk).await.unwrap();
                    told.set(round);
                } else {
                    told.set(round);
                    env.sync(&mut disk).await.unwrap();
                }
            }
        }
    });
    sim.run().expect_ok();
    broke.take().map_or(Ok(()), Err)
}

// SIM-DISK: every sync boundary is a crash point, with every subset of what was not synced, and the count is exact.
#[test]
fn the_crash_at_every_sync_boundary_is_visited() {
    let bounds = CutBounds { tears: 0, ..CutBounds::default() };
    let visited = power_cuts(1, bounds, |sim: &mut Sim| two_blocks_then_a_word(sim, true)).unwrap();
    // Three syncs, each with the loss before it takes effect (four subsets of two writes) or after it (nothing to lose).
    assert_eq!((visited.boundaries, visited.points, visited.exhausted), (6, 3 * (4 + 1), true));
    let twice =
        power_cuts(1, CutBounds { depth: 2, ..bounds }, |sim: &mut Sim| two_blocks_then_a_word(sim, true));
    assert!(twice.unwrap().points > 3 * visited.points);
    let torn =
        power_cuts(1, CutBounds::default(), |sim: &mut Sim| two_blocks_then_a_word(sim, true)).unwrap();
    // Four subsets lose four writes in all, each torn at three places.
    assert_eq!(torn.points, 3 * (4 + 4 * 3 + 1));
}

#[test]
fn a_word_given_before_its_sync_is_found_and_the_overlay_repeats_it() {
    let body = |sim: &mut Sim| two_blocks_then_a_word(sim, false);
    let bad = power_cuts(1, CutBounds::default(), body).unwrap_err();
    assert!(bad.failure.message.contains("was said"), "{bad}");
    let mut again = Sim::with(1, Config { overlay: bad.overlay.clone(), ..Config::default() });
    assert!(body(&mut again).is_err());
    assert_eq!(again.overlay_report(), tidemill_sim::OverlayReport::default());
}

#[test]
fn a_disk_is_the_same_on_every_run_of_a_seed() {
    let run = |seed| {
        let mut sim = Sim::new(seed);
        let machine = sim.machine("host");
        let rate = Rate::percent(10);
        let config = DiskConfig {
            read_error: rate,
            stall: rate,
            sync_error: rate,
            misdirected_read: rate,
            misdirected_write: rate,
            rot: rate,
            ..DiskConfig::default()
        };
        let id = sim.disk(machine, "disk", config);
        sim.cut_power_at_syncs(id, rate, Some(Latency::Constant(MS)));
        let rounds = Rc::new(Cell::new(0));
        sim.spawn_async(machine, "writer", move |env: Env| {
            let rounds = Rc::clone(&rounds);
            async move {
                let mut disk = env.disk(id);
                while rounds.get() < 400 {
                    rounds.set(rounds.get() + 1);
                    let _ = env
                        .write(&mut disk, rounds.get() % 9 * BLOCK as u64, &block(rounds.get() as u8))
                        .await;
                    let _ = env.sync(&mut disk).await;
                    let _ = env.read(&mut disk, 0, &mut [0; 9 * BLOCK]).await;
                }
            }
        });
        sim.run().expect_ok();
        (sim.hash(), sim.disk_stats(id))
    };
    assert_eq!(run(5), run(5));
    assert_ne!(run(5).0, run(6).0);
    let DiskStats { power_losses, sync_errors, rot, .. } = run(5).1;
    assert!(power_losses > 3 && sync_errors > 3 && rot > 3);
}
