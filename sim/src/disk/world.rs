//! Disks as the world sees them: made, read by oracles, drained after events, and dead without power.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use tidemill_seam::Duration;

use super::device::Disk;
use super::power::{PowerCuts, Side};
use super::{Census, DiskConfig, DiskId, DiskStats};
use crate::choice::Rate;
use crate::kernel::{Kernel, Pending, State};
use crate::machine::{MachineId, ProcessId};
use crate::net::Latency;
use crate::process::Process;
use crate::seams::{Bells, Seams};
use crate::sim::Sim;
use crate::trace::Happened;

impl<P: Process> Sim<P> {
    /// Gives a machine a disk. Its choices belong to `machine/name`.
    ///
    /// # Panics
    /// If the name is empty, holds a blank or `#`, or is taken by another disk of this machine; if a block or the disk is
    /// empty.
    pub fn disk(&mut self, machine: MachineId, name: &str, config: DiskConfig) -> DiskId {
        assert!(crate::choice::is_name(name), "{name:?} cannot name a disk");
        assert!(config.block > 0 && config.blocks > 0, "a disk has blocks, and blocks have bytes");
        let kernel = &mut self.kernel;
        kernel.bells();
        let shelf = Rc::clone(kernel.shelf());
        let name = format!("{}/{name}", kernel.machines[machine.index()].name);
        let mut disks = shelf.disks.borrow_mut();
        assert!(disks.iter().all(|disk| disk.borrow().name != name), "two disks are called {name}");
        let id = DiskId(disks.len() as u32);
        let disk = Disk::new(id, machine, name, config, kernel.choices.branch());
        disks.push(Rc::new(RefCell::new(disk)));
        drop(disks);
        kernel.beset_disk(id);
        id
    }

    /// From now on processes of every machine reach this disk, as over a network of its own. Its page cache stays with its machine, which
    /// alone can lose it.
    pub fn share_disk(&mut self, disk: DiskId) {
        self.disk_at(disk).borrow_mut().shared = true;
    }

    fn disk_at(&self, disk: DiskId) -> Rc<RefCell<Disk>> {
        self.kernel.shelf().disk(disk)
    }

    /// What the disk is like.
    pub fn disk_config(&self, disk: DiskId) -> DiskConfig {
        self.disk_at(disk).borrow().config
    }

    /// From now on the disk is like this.
    ///
    /// # Panics
    /// If the geometry changes (D8).
    pub fn set_disk_config(&mut self, disk: DiskId, config: DiskConfig) {
        let disk = self.disk_at(disk);
        let disk = &mut *disk.borrow_mut();
        assert!(disk.config.geometry() == config.geometry(), "the shape of a disk never changes");
        disk.config = config;
    }

    /// What the disk did and suffered so far.
    pub fn disk_stats(&self, disk: DiskId) -> DiskStats {
        self.disk_at(disk).borrow().stats
    }

    /// What a power loss at this moment would leave of a block, if it lost everything that is not synced.
    pub fn durable(&self, disk: DiskId, block: u64) -> Vec<u8> {
        let disk = self.disk_at(disk);
        let disk = disk.borrow();
        let mut bytes = vec![0; disk.config.block as usize];
        disk.medium.durable(block, &mut bytes);
        bytes
    }

    /// Flips one bit of the medium, as age does.
    ///
    /// # Panics
    /// If there is no such bit.
    pub fn rot(&mut self, disk: DiskId, block: u64, bit: u64) {
        let disk = self.disk_at(disk);
        let disk = &mut *disk.borrow_mut();
        assert!(block < disk.config.blocks && bit < u64::from(disk.config.block) * 8, "no such bit");
        disk.rot(block, bit);
    }

    /// The device takes nothing for a while.
    pub fn stall_disk(&mut self, disk: DiskId, span: Duration) {
        self.disk_at(disk).borrow_mut().begin_stall(span.as_nanos());
        self.kernel.shelf().touch_disk(disk);
        self.kernel.drain_shelf();
    }

    /// From now on the disk's machine may lose power at any sync of it, before it takes effect or before it is answered,
    /// and comes back after a while. Syncs then never end within the call.
    ///
    /// At a rate of never the choice (`power`) is taken all the same, so that a tape or
    /// [`power_cuts`](crate::harness::power_cuts) can pin it.
    pub fn cut_power_at_syncs(&mut self, disk: DiskId, rate: Rate, back: Option<Latency>) {
        self.disk_at(disk).borrow_mut().cuts = Some(PowerCuts { rate, back });
    }

    /// No power is lost at syncs of this disk any more.
    pub fn keep_power_at_syncs(&mut self, disk: DiskId) {
        if let Some(cuts) = &mut self.disk_at(disk).borrow_mut().cuts {
            cuts.rate = Rate::NEVER;
        }
    }

    /// The disk serves again: from now on nothing fails, stalls or goes astray, no power is lost at its syncs, and blocks that
    /// could not be read give what the medium has. What is lost, rotten or elsewhere stays so, and what is under way ends
    /// as it was decided.
    pub fn repair_disk(&mut self, disk: DiskId) {
        self.keep_power_at_syncs(disk);
        let disk = self.disk_at(disk);
        let disk = &mut *disk.borrow_mut();
        let DiskConfig { block, blocks, space, sync, stall_for, tear, .. } = disk.config;
        disk.config = DiskConfig { block, blocks, space, sync, stall_for, tear, ..DiskConfig::PERFECT };
        disk.medium.mend();
    }

    /// What the enumeration of power cuts needs to know of every disk whose syncs may cut the power.
    pub(crate) fn census(&self) -> Vec<Census> {
        let Some(shelf) = self.kernel.shelf.get() else { return Vec::new() };
        let disks = shelf.disks.borrow();
        disks.iter().filter_map(|disk| disk.borrow().census()).collect()
    }

    /// The machine loses power: its processes are killed, its arenas are zero again, and its disks keep of what was not synced what they choose to.
    pub fn lose_power(&mut self, machine: MachineId) {
        self.kernel.record(Happened::PowerLoss, u32::from(machine.0), 0, 0);
        for process in self.on_machine(machine) {
            self.kill(process);
        }
        if let Some(memory) = &self.kernel.memory {
            memory.lose_power(machine);
        }
        let disks: Vec<_> = self.kernel.shelf().disks.borrow().iter().map(Rc::clone).collect();
        for disk in disks {
            let disk = &mut *disk.borrow_mut();
            if disk.machine == machine {
                disk.lose_power();
            }
        }
    }

    /// Power is back: every dead process of the machine that has a factory starts anew.
    pub fn restore_power(&mut self, machine: MachineId) {
        for process in self.on_machine(machine) {
            if !self.is_alive(process) && self.bodies[process.index()].factory.is_some() {
                self.restart(process);
            }
        }
    }

    /// A sync of a disk falls due, or a stall ends.
    pub(crate) fn disk_event(&mut self, disk: DiskId, ticket: u32) {
        let shared = self.disk_at(disk);
        let over = shared.borrow_mut().stall_over(ticket);
        self.kernel.shelf().touch_disk(disk);
        match over {
            Some((waiting, due)) => {
                self.kernel.drain_shelf();
                waiting.into_iter().for_each(|process| self.kernel.wake(process));
                for ticket in due {
                    self.kernel.schedule(self.kernel.now_ns, Pending::Disk { disk, ticket });
                }
            }
            None => self.sync_falls_due(&shared, ticket),
        }
        self.kernel.drain_shelf();
    }

    fn sync_falls_due(&mut self, shared: &Rc<RefCell<Disk>>, ticket: u32) {
        let cut = {
            let disk = &mut *shared.borrow_mut();
            if disk.is_due(ticket) { disk.cut() } else { None }
        };
        if cut == Some(Side::Before) {
            return self.cut_power(shared);
        }
        let process = shared.borrow_mut().complete(ticket);
        if cut == Some(Side::After) {
            return self.cut_power(shared);
        }
        if let Some(process) = process {
            self.kernel.drain_shelf();
            self.kernel.wake(process);
        }
    }

    fn cut_power(&mut self, shared: &Rc<RefCell<Disk>>) {
        let (machine, cuts) = {
            let disk = shared.borrow();
            (disk.machine, disk.cuts)
        };
        self.kernel.drain_shelf();
        self.lose_power(machine);
        if let Some(back) = cuts.and_then(|cuts| cuts.back) {
            let down_ns = shared.borrow_mut().draw(back, "power-back-after");
            self.after(Duration::from_nanos(down_ns), move |sim| sim.restore_power(machine));
        }
    }
}

impl Kernel {
    /// The shelf, which a world without handles and disks does not have yet.
    pub(crate) fn shelf(&self) -> &Rc<crate::shelf::Shelf> {
        self.shelf.get_or_init(Rc::default)
    }

    /// The bells, which a world without handles and disks does not have yet.
    pub(crate) fn bells(&mut self) -> Arc<Bells> {
        Arc::clone(self.bells.get_or_insert_with(|| Arc::new(Bells::default())))
    }

    /// The seams of a process, which one that was spawned without a factory does not have yet.
    pub(crate) fn seams_of(&mut self, process: ProcessId) -> Seams {
        if let Some(seams) = &self.meta(process).seams {
            return Seams(Rc::clone(seams));
        }
        let seams = self.new_seams(process);
        self.meta_mut(process).seams = Some(Rc::clone(&seams.0));
        seams
    }

    /// Fresh seams of a process, shown the present instant.
    pub(crate) fn new_seams(&mut self, process: ProcessId) -> Seams {
        let bells = self.bells();
        let (address, name) = (self.address(process), self.process_name(process));
        let (seed, mtu) = (self.choices.seed(), self.limits.mtu);
        let shared = (bells, Rc::clone(self.notebook()), Rc::clone(self.shelf()), Rc::clone(self.touched()));
        let seams = Seams::new(process, address, seed, name, mtu, shared);
        seams.0.paused.set(self.meta(process).state == State::Paused);
        self.show_to(&seams.0);
        seams
    }

    /// Looks at what handles touched since the last call, if anything.
    #[inline]
    pub(crate) fn visit_shelf(&mut self) {
        if self.shelf.get().is_some_and(|shelf| shelf.was_touched()) {
            self.drain_shelf();
        }
    }

    /// Hashes and schedules what the handles of disks and registers left since the last call.
    pub(crate) fn drain_shelf(&mut self) {
        let shelf = Rc::clone(self.shelf());
        shelf.was_touched();
        while let Some(id) = shelf.next_disk() {
            let disk = shelf.disk(id);
            let mut disk = disk.borrow_mut();
            let (notes, asks) = disk.taken();
            for note in notes {
                let arg = u64::from(id.0) << 48 | (note.what as u64) << 40 | note.at & 0xff_ffff_ffff;
                self.record(Happened::Disk, note.process.0, arg, note.digest);
            }
            for ask in asks {
                let at_ns = self.now_ns.saturating_add(ask.after_ns);
                self.schedule(at_ns, Pending::Disk { disk: id, ticket: ask.ticket });
            }
        }
        while let Some(id) = shelf.next_register() {
            self.drain_register(id);
        }
    }

    /// Has a process look again, as if its bell had rung.
    pub(crate) fn wake(&mut self, process: ProcessId) {
        let meta = self.meta_mut(process);
        if meta.state != State::Dead && !std::mem::replace(&mut meta.woken, true) {
            self.schedule(self.now_ns, Pending::Wake { process });
        }
    }
}
