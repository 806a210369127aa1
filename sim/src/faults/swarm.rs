use tidemill_seam::Duration;

use super::{Dice, clock_rate, clock_step, isolate, kill, pause};
use crate::choice::Rate;
use crate::net::{DEFAULT, FilterGuard, LinkConfig};
use crate::process::Process;
use crate::sim::Sim;
use crate::streams::stream_of;

/// Faults that are switched together.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Family {
    /// Links lose datagrams.
    Loss,
    /// Links deliver datagrams twice.
    Duplicate,
    /// Links hold datagrams back, so that later ones overtake them.
    Reorder,
    /// Links flip bits.
    Corrupt,
    /// Links cut the end of datagrams off.
    Truncate,
    /// Machines are cut off from all others for a while.
    Isolate,
    /// Processes die, and start again after a while.
    Kill,
    /// Processes rest for a while.
    Pause,
    /// Clocks jump ahead.
    ClockStep,
    /// Clocks run too fast for a while.
    ClockRate,
    /// Reads, writes and syncs of disks fail, and disks are full.
    DiskError,
    /// Disks take nothing for a while.
    DiskStall,
    /// Bits of disks flip, and reads and writes go elsewhere.
    DiskRot,
    /// Streams are refused, and reset on their way.
    StreamBreak,
    /// Streams take and give less than they could.
    StreamShort,
    /// Stores into shared memory are seen late, in any order that their orderings allow.
    LateStore,
    /// Reservations in pools fail, pools are exhausted, payloads move.
    Memory,
    /// Requests to registers, replies and hints are lost, and outcomes unknown.
    RegisterLoss,
    /// Registers are unavailable for a while.
    RegisterDown,
    /// Registers that say that their reads may be stale give earlier values.
    RegisterStale,
}

impl Family {
    /// Every family, in the order in which they are drawn.
    pub const ALL: [Self; 20] = [
        Self::Loss,
        Self::Duplicate,
        Self::Reorder,
        Self::Corrupt,
        Self::Truncate,
        Self::Isolate,
        Self::Kill,
        Self::Pause,
        Self::ClockStep,
        Self::ClockRate,
        Self::DiskError,
        Self::DiskStall,
        Self::DiskRot,
        Self::StreamBreak,
        Self::StreamShort,
        Self::LateStore,
        Self::Memory,
        Self::RegisterLoss,
        Self::RegisterDown,
        Self::RegisterStale,
    ];

    /// Whether it is about what only some worlds have: decided where the first such thing is, by a stream of its own.
    const fn is_of_stock(self) -> bool {
        matches!(
            self,
            Self::DiskError
                | Self::DiskStall
                | Self::DiskRot
                | Self::StreamBreak
                | Self::StreamShort
                | Self::LateStore
                | Self::Memory
                | Self::RegisterLoss
                | Self::RegisterDown
                | Self::RegisterStale
        )
    }

    /// Its name in choices and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Loss => "swarm-loss",
            Self::Duplicate => "swarm-duplicate",
            Self::Reorder => "swarm-reorder",
            Self::Corrupt => "swarm-corrupt",
            Self::Truncate => "swarm-truncate",
            Self::Isolate => "swarm-isolate",
            Self::Kill => "swarm-kill",
            Self::Pause => "swarm-pause",
            Self::ClockStep => "swarm-clock_step",
            Self::ClockRate => "swarm-clock_rate",
            Self::DiskError => "swarm-disk_error",
            Self::DiskStall => "swarm-disk_stall",
            Self::DiskRot => "swarm-disk_rot",
            Self::StreamBreak => "swarm-stream_break",
            Self::StreamShort => "swarm-stream_short",
            Self::LateStore => "swarm-late_store",
            Self::Memory => "swarm-memory",
            Self::RegisterLoss => "swarm-register_loss",
            Self::RegisterDown => "swarm-register_down",
            Self::RegisterStale => "swarm-register_stale",
        }
    }
}

/// Which families of faults a run may have: each is off in half of the runs, and its rate is drawn anew in each.
///
/// A rate is drawn by magnitude, in whole numbers: it is as likely to lie between 1 and 2 of a thousand as between 4
/// and 8. Links have theirs from 1 of 4,096 datagrams to [`worst_link`](Self::worst_link); processes suffer once in 2⁴ to
/// 2¹² of their events. Choices are `world/swarm#swarm-FAMILY`, 0 is off.
///
/// What only some worlds have, disks, streams, shared memory, pools and registers, is beset where it is, now or later: one
/// of 4,096 to 16 operations. A world without any decides nothing about it. Choices are `world/swarm-FAMILY#on`, 0 is off.
/// Where a disk, a stream, a pool or a register has a higher rate of its own, it keeps it; an arena whose stores are late
/// already is left alone, and a register whose reads are never stale is not made to lie.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Swarm {
    families: Vec<Family>,
    link_bits: u32,
    among: String,
}

impl Swarm {
    /// Every family.
    pub fn all() -> Self {
        Self::of(&Family::ALL)
    }

    /// These families.
    pub fn of(families: &[Family]) -> Self {
        Self { families: families.to_vec(), link_bits: 3, among: "*".to_owned() }
    }

    /// All but this family.
    pub fn without(mut self, family: Family) -> Self {
        self.families.retain(|other| *other != family);
        self
    }

    /// Faults of links harm at most one datagram in two to the power of `bits`; 3 if not said.
    pub fn worst_link(self, bits: u32) -> Self {
        Self { link_bits: bits.min(12), ..self }
    }

    /// Faults of processes and machines hit who fits `pattern`, as in [`kill`]; all if not said.
    pub fn among(self, pattern: &str) -> Self {
        Self { among: pattern.to_owned(), ..self }
    }

    /// From 2⁻¹² to 2 to the power of minus `link_bits`.
    fn rate(&self, dice: &mut Dice<'_>) -> Rate {
        const LEAST: u32 = 32 - 12;
        let most = 32 - self.link_bits;
        let bit = LEAST + dice.choose("magnitude", u64::from(most - LEAST).max(1)) as u32;
        Rate::of_two_to_32((1 << bit) + dice.choose("within", 1 << bit))
    }
}

impl<P: Process> Sim<P> {
    /// Draws the families of this run, and installs their faults until the run ends. Links between machines that have
    /// a setting of their own keep it.
    ///
    /// # Panics
    /// If nobody fits the pattern.
    pub fn swarm(&mut self, swarm: &Swarm) {
        let before = self.kernel.settings()[DEFAULT as usize];
        self.kernel.faults().links_before.get_or_insert(before);
        let name = "world/swarm";
        let stream = self.kernel.choices.open(stream_of(name), || name.to_owned());
        let mut links = before;
        for family in Family::ALL.into_iter().filter(|family| !family.is_of_stock()) {
            let listed = swarm.families.contains(&family);
            let mut dice = Dice { choices: &mut self.kernel.choices, stream };
            // Drawn for every family, so that a longer list moves no decision of the shorter one's.
            let on = dice.choose(family.name(), 2) == 1;
            let rate = swarm.rate(&mut dice);
            let events = (1_u64 << (4 + dice.choose("events-magnitude", 9))) + dice.choose("events", 16);
            if !listed {
                continue;
            }
            self.kernel.faults().families.push((family.name(), on));
            if on {
                self.switch(family, rate, events, &swarm.among, &mut links);
            }
        }
        self.links(links);
        self.kernel.list_stock(swarm.families.iter().copied().filter(|family| family.is_of_stock()));
    }

    fn switch(&mut self, family: Family, rate: Rate, events: u64, among: &str, links: &mut LinkConfig) {
        let fault = match family {
            Family::Loss => return links.loss = rate,
            Family::Duplicate => return links.duplicate = rate,
            Family::Reorder => return links.reorder = rate,
            Family::Corrupt => return links.corrupt = rate,
            Family::Truncate => return links.truncate = rate,
            Family::Isolate => isolate(among),
            Family::Kill => kill(among).drawn(),
            Family::Pause => pause(among),
            Family::ClockStep => clock_step(among, Duration::from_millis(events)),
            Family::ClockRate => clock_rate(among, events as i32),
            Family::DiskError
            | Family::DiskStall
            | Family::DiskRot
            | Family::StreamBreak
            | Family::StreamShort
            | Family::LateStore
            | Family::Memory
            | Family::RegisterLoss
            | Family::RegisterDown
            | Family::RegisterStale => {
                unreachable!("{} is drawn where the first such thing is", family.name())
            }
        };
        FilterGuard::keep(self.install(fault.often(events).named(family.name())));
    }

    /// The families that the swarm drew for this run, and whether each is on.
    pub fn families(&self) -> impl Iterator<Item = (&'static str, bool)> {
        self.kernel.faults.iter().flat_map(|faults| faults.families.iter().copied())
    }
}
