use super::{Dice, Family};
use crate::arena::{Arena, Lateness, StoreOrder};
use crate::choice::Rate;
use crate::disk::{DiskConfig, DiskId};
use crate::kernel::Kernel;
use crate::memory::{MemoryFaults, Saboteur};
use crate::register::{RegisterConfig, RegisterId};
use crate::stream::StreamConfig;
use crate::streams::stream_of;
use tidemill_seam::Duration;

/// The families of what only some worlds have, disks, streams, shared memory, pools, registers. Each is decided where the
/// first such thing is, so that a world without any decides nothing.
#[derive(Debug, Default)]
pub(crate) struct Stock {
    listed: Vec<Family>,
    drawn: Vec<(Family, Rate)>,
    /// How things were before.
    disks: Vec<(DiskId, DiskConfig)>,
    streams: Option<StreamConfig>,
    /// Arenas whose stores were never late.
    arenas: Vec<Arena>,
    pools: Vec<(Saboteur, MemoryFaults)>,
    registers: Vec<(RegisterId, RegisterConfig)>,
}

/// The least rate, as a power of two of 2³² parts: 2⁻¹².
const LEAST: u64 = 20;
/// Rates lie below 2⁻⁴.
const MAGNITUDES: u64 = 8;

impl Kernel {
    /// These families, too, from now on; what is there already is beset at once.
    pub(crate) fn list_stock(&mut self, families: impl Iterator<Item = Family>) {
        self.faults().stock.listed.extend(families);
        let disks = self.shelf.get().map_or(0, |shelf| shelf.disks.borrow().len() as u32);
        (0..disks).for_each(|disk| self.beset_disk(DiskId(disk)));
        let arenas: Vec<Arena> = self.memory.iter().flat_map(|memory| memory.arenas().to_vec()).collect();
        arenas.iter().for_each(|arena| self.beset_arena(arena));
        let pools = self.pools.clone();
        pools.iter().for_each(|pool| self.beset_pool(pool));
        let registers = self.shelf.get().map_or(0, |shelf| shelf.registers.borrow().len() as u32);
        (0..registers).for_each(|register| self.beset_register(RegisterId(register)));
        if self.stats.streams > 0 {
            self.beset_streams();
        }
    }

    /// How often the faults of a family strike in this run, drawn at the first call.
    fn rate_of(&mut self, family: Family) -> Rate {
        let Self { choices, faults: Some(faults), .. } = self else { return Rate::NEVER };
        if !faults.active() || !faults.stock.listed.contains(&family) {
            return Rate::NEVER;
        }
        if let Some((_, rate)) = faults.stock.drawn.iter().find(|(drawn, _)| *drawn == family) {
            return *rate;
        }
        let name = format!("world/{}", family.name());
        let stream = choices.open(stream_of(&name), || name);
        let mut dice = Dice { choices, stream };
        let on = dice.choose("on", 2) == 1;
        let least = 1 << (LEAST + dice.choose("magnitude", MAGNITUDES));
        let rate = Rate::of_two_to_32(least + dice.choose("within", least));
        let rate = if on { rate } else { Rate::NEVER };
        faults.stock.drawn.push((family, rate));
        faults.families.push((family.name(), on));
        rate
    }

    pub(crate) fn beset_disk(&mut self, id: DiskId) {
        let families = [Family::DiskError, Family::DiskStall, Family::DiskRot];
        let [errs, stalls, rots] = families.map(|family| self.rate_of(family));
        if [errs, stalls, rots] == [Rate::NEVER; 3] {
            return;
        }
        let disk = self.shelf().disk(id);
        let config = &mut disk.borrow_mut().config;
        self.faults().stock.disks.push((id, *config));
        for rate in
            [&mut config.read_error, &mut config.write_error, &mut config.full, &mut config.sync_error]
        {
            *rate = errs.max(*rate);
        }
        for rate in [&mut config.rot, &mut config.misdirected_read, &mut config.misdirected_write] {
            *rate = rots.max(*rate);
        }
        config.stall = stalls.max(config.stall);
    }

    /// The first stream opens.
    pub(crate) fn beset_streams(&mut self) {
        let [breaks, shorts] = [Family::StreamBreak, Family::StreamShort].map(|family| self.rate_of(family));
        if [breaks, shorts] == [Rate::NEVER; 2] {
            return;
        }
        let before = self.touched().config.get();
        let (refuse, reset) = (breaks.max(before.refuse), breaks.max(before.reset));
        let short = shorts.max(before.short);
        self.touched().config.set(StreamConfig { refuse, reset, short, ..before });
        self.faults().stock.streams.get_or_insert(before);
    }

    pub(crate) fn beset_arena(&mut self, arena: &Arena) {
        let rate = self.rate_of(Family::LateStore);
        if rate == Rate::NEVER || arena.lateness().is_some() {
            return;
        }
        let (accesses, within, order) = (16, Duration::from_micros(10), StoreOrder::PerWord);
        arena.delay(Some(Lateness { rate, accesses, within, order }));
        self.faults().stock.arenas.push(arena.clone());
    }

    pub(crate) fn beset_pool(&mut self, pool: &Saboteur) {
        let rate = self.rate_of(Family::Memory);
        if rate == Rate::NEVER {
            return;
        }
        let before = pool.faults();
        let MemoryFaults { fail, exhaust, held_for, relocate } = before;
        let held_for = held_for.max(8);
        let [fail, exhaust, relocate] = [fail, exhaust, relocate].map(|own| own.max(rate));
        pool.set(MemoryFaults { fail, exhaust, held_for, relocate });
        self.faults().stock.pools.push((pool.clone(), before));
    }

    pub(crate) fn beset_register(&mut self, id: RegisterId) {
        let register = self.shelf().register(id);
        let before = register.borrow().config;
        let [loses, downs] = [Family::RegisterLoss, Family::RegisterDown].map(|family| self.rate_of(family));
        let declared = before.stale != Rate::NEVER;
        let stales = if declared { self.rate_of(Family::RegisterStale) } else { Rate::NEVER };
        if [loses, downs, stales] == [Rate::NEVER; 3] {
            return;
        }
        let mut config = before;
        for rate in
            [&mut config.lost_request, &mut config.lost_reply, &mut config.unknown, &mut config.lost_watch]
        {
            *rate = loses.max(*rate);
        }
        config.unavailable = downs.max(config.unavailable);
        config.stale = stales.max(config.stale);
        register.borrow_mut().config = config;
        self.faults().stock.registers.push((id, before));
    }

    /// Everything is as it was before.
    pub(crate) fn spare_stock(&mut self) {
        let Some(faults) = &mut self.faults else { return };
        let Stock { disks, streams, arenas, pools, registers, .. } = std::mem::take(&mut faults.stock);
        // Whoever was beset twice is as it was before the first time.
        for (id, config) in disks.into_iter().rev() {
            self.shelf().disk(id).borrow_mut().config = config;
        }
        streams.into_iter().for_each(|config| self.touched().config.set(config));
        arenas.iter().for_each(|arena| arena.delay(None));
        pools.iter().rev().for_each(|(pool, faults)| pool.set(*faults));
        for (id, config) in registers.into_iter().rev() {
            self.shelf().register(id).borrow_mut().config = config;
        }
    }
}
