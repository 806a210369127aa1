//! The register in two slots of a store, which Linux keeps in a file, on the simulated disk: every law under every power
//! loss, a torn write leaves the value before it, and damage is an error.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crc::{CRC_32_ISCSI, Crc};
use tidemill_contracts::{Effort, register};
use tidemill_host::{FormatError, SlotRegister};
use tidemill_seam::{ExchangeError, Exchanged, ReadingError, Register, Store, Version};
use tidemill_sim::harness::{CutBounds, power_cuts};
use tidemill_sim::{
    Config, Context, DiskConfig, DiskId, Duration, Env, Event, Latency, MachineId, Overlay, Process, Rate,
    Seams, Sim, SimDisk, Site,
};

const MS: Duration = Duration::from_millis(1);

struct Idle;

impl Process for Idle {
    fn on(&mut self, _: &mut Context<'_>, _: Event<'_>) {}
}

struct Host {
    sim: Sim<Idle>,
    machine: MachineId,
    id: DiskId,
    seams: Rc<RefCell<Option<Seams>>>,
    register: SlotRegister<SimDisk>,
}

impl Host {
    fn new(seed: u64, overlay: Overlay, config: DiskConfig) -> Self {
        let mut sim = Sim::with(seed, Config { overlay, ..Config::default() });
        let machine = sim.machine("host");
        let id = sim.disk(machine, "disk", DiskConfig { block: 64, blocks: 4, ..DiskConfig::PERFECT });
        let seams = Rc::new(RefCell::new(None));
        let into = Rc::clone(&seams);
        sim.spawn_with(machine, "idle", move |seams| {
            *into.borrow_mut() = Some(seams.clone());
            Idle
        });
        let mut disk = seams.borrow().as_ref().expect("the factory ran").disk(id);
        SlotRegister::format(&mut disk).expect("an instant disk without a fault");
        sim.set_disk_config(id, DiskConfig { block: 64, blocks: 4, ..config });
        Self { sim, machine, id, seams, register: SlotRegister::new(disk) }
    }

    fn reopen(&mut self) {
        let disk = self.seams.borrow().as_ref().expect("the factory ran").disk(self.id);
        self.register = SlotRegister::new(disk);
    }

    fn stands(&mut self) -> Result<(u64, Vec<u8>), ReadingError> {
        let mut bytes = [0; 64];
        let reading = self.register.read(&mut bytes)?;
        Ok((reading.version.0, bytes[..reading.len].to_vec()))
    }
}

impl register::Bench for Host {
    type Register = SlotRegister<SimDisk>;

    fn handle(&mut self, _: usize) -> &mut SlotRegister<SimDisk> {
        &mut self.register
    }

    fn settle(&mut self) {
        self.sim.run_for(MS).expect_ok();
    }

    fn lose_power(&mut self) -> bool {
        self.sim.lose_power(self.machine);
        self.sim.restore_power(self.machine);
        self.reopen();
        true
    }
}

// SIM-CONTRACTS: the register of files keeps its laws on a disk that loses power, tears, stalls and fails.
#[test]
fn a_register_in_slots_keeps_its_laws_under_power_loss_and_every_error() {
    let rate = Rate::percent(5);
    let rough =
        DiskConfig { write_error: rate, full: rate, stall: rate, sync_error: rate, ..DiskConfig::default() };
    for config in [DiskConfig::default(), rough] {
        let mut seed = 0;
        let make = || {
            seed += 1;
            Host::new(seed, Overlay::new(), config)
        };
        let passed = register(make, Effort::Quick).unwrap();
        assert!(passed.checks > 3_000, "{passed:?}");
    }
}

/// Counts in the register as far as five; what a process was told must stand when the next one begins.
fn count(sim: &mut Sim) -> Result<(), String> {
    let machine = sim.machine("host");
    let shape = DiskConfig { block: 64, blocks: 4, sync: Latency::Constant(MS), ..DiskConfig::default() };
    let id = sim.disk(machine, "disk", shape);
    let (told, formatted) = (Rc::new(Cell::new(0_u64)), Rc::new(Cell::new(false)));
    let broke = Rc::new(RefCell::new(None));
    let into = Rc::clone(&broke);
    sim.cut_power_at_syncs(id, Rate::NEVER, Some(Latency::Constant(MS)));
    sim.spawn_async(machine, "counter", move |env: Env| {
        let (told, formatted, into) = (Rc::clone(&told), Rc::clone(&formatted), Rc::clone(&into));
        async move {
            let mut disk = env.disk(id);
            while !formatted.get() {
                let seen = env.epoch();
                match SlotRegister::format(&mut disk) {
                    Ok(()) => formatted.set(true),
                    Err(FormatError::Pending) => env.changed(seen, None).await,
                    Err(error) => panic!("{error}"),
                }
            }
            let mut register = SlotRegister::new(disk);
            let mut version = match env.read_value(&mut register, &mut [0; 64]).await {
                Ok(reading) => reading.version,
                Err(ReadingError::Absent) => Version::NONE,
                Err(error) => panic!("{error}"),
            };
            if version.0 < told.get() {
                into.replace(Some(format!("{} was won, {} stands", told.get(), version.0)));
            }
            told.set(version.0);
            while version.0 < 5 {
                match env.exchange(&mut register, version, &version.0.to_le_bytes()).await {
                    Ok(Exchanged::Won(won)) => version = won,
                    other => panic!("{other:?}"),
                }
                told.set(version.0);
            }
        }
    });
    sim.run().expect_ok();
    broke.take().map_or(Ok(()), Err)
}

// SIM-DISK: power lost at every sync boundary, twice, leaves the value that was acknowledged last, or the next one.
#[test]
fn no_power_loss_at_any_sync_boundary_takes_a_value_that_was_won() {
    for bounds in
        [CutBounds::default(), CutBounds { depth: 2, tears: 0, subsets_up_to: 1, ..CutBounds::default() }]
    {
        let visited = power_cuts(1, bounds, |sim: &mut Sim| count(sim)).unwrap();
        assert!(visited.exhausted && visited.points > visited.boundaries, "{visited}");
    }
}

#[test]
fn a_torn_exchange_leaves_the_value_before_it_and_one_bad_copy_is_repaired() {
    let pins = [("power-keeps", 1), ("power-tear", 1), ("power-tear-at", 3)];
    let overlay = pins.iter().map(|(kind, value)| (Site::new("host/disk", *kind, 0), *value)).collect();
    let mut host = Host::new(1, overlay, DiskConfig { tear: true, ..DiskConfig::PERFECT });
    assert_eq!(host.register.exchange(Version::NONE, b"one"), Ok(Exchanged::Won(Version(1))));
    let slow = DiskConfig { sync: Latency::Constant(MS), tear: true, ..DiskConfig::PERFECT };
    host.sim.set_disk_config(host.id, DiskConfig { block: 64, blocks: 4, ..slow });
    assert_eq!(host.register.exchange(Version(1), b"two"), Err(ExchangeError::Pending));
    register::Bench::lose_power(&mut host);
    host.sim.set_disk_config(host.id, DiskConfig { block: 64, blocks: 4, ..DiskConfig::PERFECT });
    host.reopen();
    assert_eq!(host.stands(), Ok((1, b"one".to_vec())), "Q8");
    host.sim.rot(host.id, 2, 170);
    host.reopen();
    assert_eq!((host.stands(), host.register.repaired()), (Ok((1, b"one".to_vec())), 1));
}

#[test]
fn damage_to_every_copy_is_an_error_and_never_an_empty_value() {
    let mut host = Host::new(1, Overlay::new(), DiskConfig::PERFECT);
    assert_eq!(host.register.exchange(Version::NONE, b"one"), Ok(Exchanged::Won(Version(1))));
    (0..4).for_each(|block| host.sim.rot(host.id, block, 9));
    host.reopen();
    assert_eq!(host.stands(), Err(ReadingError::Corrupt));
    assert_eq!(host.register.exchange(Version::NONE, b"new"), Err(ExchangeError::Corrupt));
}

#[test]
fn a_forged_version_beyond_which_nothing_counts_is_no_reason_to_panic() {
    let mut host = Host::new(1, Overlay::new(), DiskConfig::PERFECT);
    let mut disk = host.seams.borrow().as_ref().expect("the factory ran").disk(host.id);
    let mut record = [0; 64];
    record[..4].copy_from_slice(b"TMRG");
    record[4] = 2;
    record[8..16].copy_from_slice(&u64::MAX.to_le_bytes());
    let checksum = Crc::<u32>::new(&CRC_32_ISCSI).checksum(&record[..60]);
    record[60..].copy_from_slice(&checksum.to_le_bytes());
    disk.write(128, &record).expect("an instant disk without a fault");
    host.reopen();
    assert_eq!(host.stands(), Ok((u64::MAX, Vec::new())));
    assert_eq!(host.register.exchange(Version(u64::MAX), b"more"), Err(ExchangeError::Corrupt));
    assert_eq!(host.register.exchange(Version(7), b"more"), Ok(Exchanged::Lost(Version(u64::MAX))));
}

#[test]
fn a_value_whose_copies_cannot_be_read_does_not_give_way_to_the_one_before_it() {
    let pins =
        [("read-error", 0, 1), ("read-error", 1, 1), ("read-error-stays", 0, 0), ("read-error-stays", 1, 0)];
    let overlay = pins.iter().map(|(kind, at, value)| (Site::new("host/disk", *kind, *at), *value)).collect();
    let mut host = Host::new(1, overlay, DiskConfig::PERFECT);
    assert_eq!(host.register.exchange(Version::NONE, b"one"), Ok(Exchanged::Won(Version(1))));
    assert_eq!(host.register.exchange(Version(1), b"two"), Ok(Exchanged::Won(Version(2))));
    let failing = DiskConfig { read_error: Rate::per_million(1), ..DiskConfig::PERFECT };
    host.sim.set_disk_config(host.id, DiskConfig { block: 64, blocks: 4, ..failing });
    host.reopen();
    assert_eq!(host.stands(), Err(ReadingError::Unavailable));
    assert_eq!(host.stands(), Ok((2, b"two".to_vec())));
}
