//! The store of a stage over a simulated disk and a simulated register: its laws, with several lives at once, under every power loss
//! and every error that the laws of the disk and of the register allow.

use std::cell::RefCell;
use std::rc::Rc;

use tidemill_contracts::stage::{Bench, STATE_MAX};
use tidemill_contracts::{Effort, stage};
use tidemill_relocate::{StageId, StageStore};
use tidemill_seam::Duration;
use tidemill_sim::{
    Context, DiskConfig, DiskId, Event, MachineId, Process, Rate, RegisterConfig, RegisterId, Seams, Sim,
    SimDisk, SimRegister,
};

const MS: Duration = Duration::from_millis(1);

struct Idle;

impl Process for Idle {
    fn on(&mut self, _: &mut Context<'_>, _: Event<'_>) {}
}

struct Host {
    sim: Sim<Idle>,
    machine: MachineId,
    disk: DiskId,
    register: RegisterId,
    seams: Rc<RefCell<Option<Seams>>>,
    block: u32,
}

impl Host {
    fn new(seed: u64, disk: DiskConfig, register: RegisterConfig) -> Self {
        let mut sim = Sim::new(seed);
        let machine = sim.machine("host");
        let block = disk.block;
        let disk = sim.disk(machine, "disk", disk);
        let register = sim.register("stage", register);
        let seams = Rc::new(RefCell::new(None));
        let into = Rc::clone(&seams);
        sim.spawn_with(machine, "idle", move |seams| {
            *into.borrow_mut() = Some(seams.clone());
            Idle
        });
        Self { sim, machine, disk, register, seams, block }
    }
}

impl Bench for Host {
    type Store = SimDisk;
    type Register = SimRegister;

    fn open(&mut self) -> StageStore<SimDisk, SimRegister> {
        let seams = self.seams.borrow();
        let seams = seams.as_ref().expect("the factory ran");
        let (disk, register) = (seams.disk(self.disk), seams.register(self.register));
        StageStore::new(disk, register, StageId([1; 16]), 1, 3, STATE_MAX).expect("blocks enough")
    }

    fn settle(&mut self) {
        self.sim.run_for(MS).expect_ok();
    }

    fn lose_power(&mut self) -> bool {
        self.sim.lose_power(self.machine);
        self.sim.restore_power(self.machine);
        true
    }

    fn damage(&mut self, at: u64) -> bool {
        let block = u64::from(self.block);
        self.sim.rot(self.disk, at / block, at % block * 8);
        true
    }
}

// SIM-DISK, SIM-CONTRACTS: a stage keeps its laws whatever its disk and its register may do.
#[test]
fn a_stage_keeps_its_laws_under_power_loss_and_every_error() {
    let rate = Rate::percent(5);
    let calm = DiskConfig { block: 64, blocks: 192, ..DiskConfig::default() };
    let rough = DiskConfig { write_error: rate, full: rate, stall: rate, sync_error: rate, ..calm };
    let far = RegisterConfig {
        lost_request: rate,
        lost_reply: rate,
        unknown: rate,
        unavailable: rate,
        lost_watch: rate,
        ..RegisterConfig::default()
    };
    let stale = RegisterConfig { stale: Rate::percent(20), ..far };
    for (disk, register) in [(calm, RegisterConfig::PERFECT), (rough, far), (rough, stale)] {
        let mut seed = 0;
        let make = || {
            seed += 1;
            Host::new(seed, disk, register)
        };
        let passed = stage(make, Effort::Quick).unwrap_or_else(|violation| panic!("{violation}"));
        println!("{passed:?}");
        assert!(passed.checks > 1_000, "{passed:?}");
    }
}
