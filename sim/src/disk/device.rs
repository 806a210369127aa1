//! The device: decides what becomes of every call.

use tidemill_seam::{ReadError, SyncError, WriteError};

use super::medium::{Fate, Medium};
use super::{DiskConfig, DiskId, DiskStats};
use crate::choice::Rate;
use crate::hash::digest;
use crate::machine::{MachineId, ProcessId};
use crate::net::Latency;
use crate::streams::{Choices, StreamId, stream_of};

/// What the kernel has to hash: a call that took effect, or a fault.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Note {
    pub(crate) process: ProcessId,
    pub(crate) what: What,
    pub(crate) at: u64,
    pub(crate) digest: u64,
}

/// The call of a [`Note`].
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(crate) enum What {
    Read,
    Write,
    SyncBegun,
    SyncDone,
    SyncFailed,
    Refused,
    Stalled,
    StallOver,
}

/// What the kernel has to schedule.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask {
    pub(crate) after_ns: u64,
    pub(crate) ticket: u32,
}

/// A sync that began and whose outcome nobody took yet.
#[derive(Debug)]
struct Sync {
    ticket: u32,
    process: ProcessId,
    covers: u64,
    fails: bool,
    lies: bool,
    wanted: bool,
    /// Due while the device was stalled.
    deferred: bool,
    outcome: Option<Result<(), SyncError>>,
}

/// How often the machine loses power at a sync, and when it is back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PowerCuts {
    pub(crate) rate: Rate,
    pub(crate) back: Option<Latency>,
}

/// The names of the choices by which writes are kept or lost.
struct Losing {
    keeps: &'static str,
    prefix: &'static str,
    lost: &'static str,
    tear: &'static str,
    tear_at: &'static str,
}

const AT_POWER_LOSS: Losing = Losing {
    keeps: "power-keeps",
    prefix: "power-prefix",
    lost: "power-lost",
    tear: "power-tear",
    tear_at: "power-tear-at",
};
const AT_FAILED_SYNC: Losing = Losing {
    keeps: "sync-keeps",
    prefix: "sync-prefix",
    lost: "sync-lost",
    tear: "sync-tear",
    tear_at: "sync-tear-at",
};

#[derive(Debug)]
pub(crate) struct Disk {
    pub(super) id: DiskId,
    pub(super) name: String,
    pub(super) machine: MachineId,
    pub(crate) config: DiskConfig,
    pub(super) stats: DiskStats,
    pub(super) cuts: Option<PowerCuts>,
    pub(super) medium: Medium,
    choices: Choices,
    stream: StreamId,
    /// The ticket of the stall's end.
    stall: Option<u32>,
    syncs: Vec<Sync>,
    tickets: u32,
    waiting: Vec<ProcessId>,
    asks: Vec<Ask>,
    notes: Vec<Note>,
    census: Census,
}

/// How many decisions of each kind a disk took about power and what it loses.
#[derive(Clone, Default, Debug)]
pub(crate) struct Drawn(Vec<(&'static str, u64)>);

/// Where power was, or could have been, cut at the syncs of a disk.
#[derive(Clone, Default, Debug)]
pub(crate) struct Census {
    pub(crate) disk: String,
    pub(crate) words: u64,
    pub(crate) tears: bool,
    /// Syncs that fell due.
    pub(crate) boundaries: u64,
    /// For each cut: its boundary, the unsynced writes of blocks, and what had been drawn before.
    pub(crate) cuts: Vec<(u64, usize, Drawn)>,
    drawn: Drawn,
}

impl Disk {
    pub(super) fn new(
        id: DiskId,
        machine: MachineId,
        name: String,
        config: DiskConfig,
        choices: Choices,
    ) -> Self {
        Self {
            id,
            name,
            machine,
            config,
            stats: DiskStats::default(),
            cuts: None,
            medium: Medium::new(config.block),
            choices,
            stream: StreamId::NONE,
            stall: None,
            syncs: Vec::new(),
            tickets: 0,
            waiting: Vec::new(),
            asks: Vec::new(),
            notes: Vec::new(),
            census: Census::default(),
        }
    }

    fn stream(&mut self) -> StreamId {
        if self.stream == StreamId::NONE {
            let name = self.name.clone();
            self.stream = self.choices.open(stream_of(&name), || name);
        }
        self.stream
    }

    fn chance(&mut self, kind: &'static str, rate: Rate) -> bool {
        if rate == Rate::NEVER {
            return false;
        }
        let stream = self.stream();
        self.choices.chance_by(stream, kind, rate)
    }

    pub(super) fn choose(&mut self, kind: &'static str, n: u64) -> u64 {
        let stream = self.stream();
        self.choices.choose_by(stream, kind, n)
    }

    pub(super) fn draw(&mut self, latency: Latency, kind: &'static str) -> u64 {
        let stream = self.stream();
        latency.draw(&mut self.choices, stream, kind)
    }

    fn note(&mut self, process: ProcessId, what: What, at: u64, digest: u64) {
        self.notes.push(Note { process, what, at, digest });
    }

    /// What the kernel has to hash and to schedule since it last looked.
    pub(crate) fn taken(&mut self) -> (std::vec::Drain<'_, Note>, std::vec::Drain<'_, Ask>) {
        (self.notes.drain(..), self.asks.drain(..))
    }

    fn ticket(&mut self) -> u32 {
        self.tickets += 1;
        self.tickets
    }

    /// The device takes nothing for a while.
    pub(super) fn begin_stall(&mut self, after_ns: u64) {
        let ticket = self.ticket();
        self.stall = Some(ticket);
        self.asks.push(Ask { after_ns, ticket });
    }

    /// Whether the device takes nothing; it may begin to stall at this call.
    fn stalls(&mut self, process: ProcessId) -> bool {
        if self.stall.is_none() && self.chance("stall", self.config.stall) {
            self.stats.stalls += 1;
            let after_ns = self.draw(self.config.stall_for, "stall-for");
            self.begin_stall(after_ns);
            self.note(process, What::Stalled, after_ns, 0);
        }
        if self.stall.is_some() && !self.waiting.contains(&process) {
            self.waiting.push(process);
        }
        self.stall.is_some()
    }

    pub(super) fn read(&mut self, process: ProcessId, at: u64, into: &mut [u8]) -> Result<(), ReadError> {
        let (first, count) = self.config.geometry().place(at, into.len())?;
        if self.stalls(process) {
            return Err(ReadError::Stalled);
        }
        if count == 0 {
            return Ok(());
        }
        if self.chance("read-error", self.config.read_error) {
            if self.choose("read-error-stays", 2) == 1 {
                self.medium.spoil(first);
            }
            return self.read_fails(process, at);
        }
        if (first..first + count).any(|block| self.medium.is_unreadable(block)) {
            return self.read_fails(process, at);
        }
        if self.chance("rot", self.config.rot) {
            let block = first + self.choose("rot-block", count);
            let bit = self.choose("rot-bit", u64::from(self.config.block) * 8);
            self.rot(block, bit);
        }
        let mut astray = None;
        if self.chance("misdirected-read", self.config.misdirected_read) {
            let block = first + self.choose("misdirected-block", count);
            if self.medium.is_clean(block) {
                astray = Some((block, self.elsewhere(block, "misdirected-from")));
                self.stats.misdirected_reads += 1;
            }
        }
        for (block, into) in (first..).zip(into.chunks_exact_mut(self.config.block as usize)) {
            let from = astray.filter(|(here, _)| *here == block).map_or(block, |(_, there)| there);
            self.medium.read(from, into);
        }
        self.stats.reads += 1;
        self.note(process, What::Read, at, digest(into));
        Ok(())
    }

    fn read_fails(&mut self, process: ProcessId, at: u64) -> Result<(), ReadError> {
        self.stats.read_errors += 1;
        self.note(process, What::Refused, at, 0);
        Err(ReadError::Failed)
    }

    pub(super) fn rot(&mut self, block: u64, bit: u64) {
        self.stats.rot += 1;
        self.medium.flip(block, bit);
    }

    /// Any other block than this one.
    fn elsewhere(&mut self, block: u64, kind: &'static str) -> u64 {
        let blocks = self.config.blocks;
        if blocks < 2 { block } else { (block + 1 + self.choose(kind, blocks - 1)) % blocks }
    }

    pub(super) fn write(&mut self, process: ProcessId, at: u64, from: &[u8]) -> Result<(), WriteError> {
        let (first, count) = self.config.geometry().place(at, from.len())?;
        if self.stalls(process) {
            return Err(WriteError::Stalled);
        }
        if count == 0 {
            return Ok(());
        }
        let space = self.config.space.saturating_sub(self.medium.occupied());
        if self.medium.fresh(first, count) > space || self.chance("full", self.config.full) {
            self.stats.full += 1;
            self.note(process, What::Refused, at, 0);
            return Err(WriteError::Full);
        }
        let mut taken = count;
        let fails = self.chance("write-error", self.config.write_error);
        if fails {
            taken = self.choose("write-error-after", count + 1);
        }
        let mut target = first;
        if self.chance("misdirected-write", self.config.misdirected_write) {
            target = self.elsewhere(first, "misdirected-to");
            self.stats.misdirected_writes += 1;
        }
        let blocks = from.chunks_exact(self.config.block as usize).take(taken as usize);
        for (block, bytes) in (first..).zip(blocks) {
            self.medium.write(block, if block == first { target } else { block }, bytes);
        }
        if fails {
            self.stats.write_errors += 1;
            self.note(process, What::Refused, at, taken);
            return Err(WriteError::Failed);
        }
        self.stats.writes += 1;
        self.note(process, What::Write, at, digest(from));
        Ok(())
    }

    /// Begins a sync: `Ok` with its outcome if it is over at once, `Err` with its ticket otherwise.
    pub(super) fn sync(&mut self, process: ProcessId) -> Result<Result<(), SyncError>, u32> {
        let covers = self.medium.sequence();
        self.note(process, What::SyncBegun, covers, 0);
        let fails = self.chance("sync-error", self.config.sync_error);
        let lies = !fails && self.chance("sync-lie", self.config.sync_lie);
        let after_ns = match self.config.sync {
            Latency::Constant(span) => span.as_nanos(),
            latency => self.draw(latency, "sync-takes"),
        };
        self.stalls(process);
        let ticket = self.ticket();
        let (wanted, deferred, outcome) = (true, false, None);
        self.syncs.push(Sync { ticket, process, covers, fails, lies, wanted, deferred, outcome });
        if after_ns == 0 && self.stall.is_none() && self.cuts.is_none() {
            self.complete(ticket);
            return Ok(self.outcome(ticket).expect("it is complete"));
        }
        self.asks.push(Ask { after_ns, ticket });
        Err(ticket)
    }

    /// The outcome of a sync, once.
    pub(super) fn outcome(&mut self, ticket: u32) -> Option<Result<(), SyncError>> {
        let at = self.syncs.iter().position(|sync| sync.ticket == ticket)?;
        let outcome = self.syncs[at].outcome?;
        self.syncs.remove(at);
        Some(outcome)
    }

    /// Nobody asks for this sync any more; it goes on.
    pub(super) fn abandon(&mut self, ticket: u32) {
        self.syncs.retain_mut(|sync| {
            sync.wanted &= sync.ticket != ticket;
            sync.wanted || sync.outcome.is_none()
        });
    }

    /// Whether the sync of this ticket would take effect now.
    pub(super) fn is_due(&self, ticket: u32) -> bool {
        self.stall.is_none() && self.syncs.iter().any(|sync| sync.ticket == ticket && sync.outcome.is_none())
    }

    /// A sync takes effect and has an outcome; one that falls due in a stall waits for its end.
    pub(super) fn complete(&mut self, ticket: u32) -> Option<ProcessId> {
        let at = self.syncs.iter().position(|sync| sync.ticket == ticket)?;
        if self.stall.is_some() {
            self.syncs[at].deferred = true;
            return None;
        }
        let Sync { process, covers, fails, lies, .. } = self.syncs[at];
        self.stats.syncs += 1;
        if fails {
            self.stats.sync_errors += 1;
            let fates = self.fates(covers, &AT_FAILED_SYNC);
            self.stats.sync_errors_durable += u64::from(fates.iter().all(|fate| *fate == Fate::Kept));
            self.medium.settle(covers, |at| fates[at]);
        } else if lies {
            self.stats.sync_lies += 1;
        } else {
            self.medium.settle(covers, |_| Fate::Kept);
        }
        let sync = &mut self.syncs[at];
        (sync.outcome, sync.deferred) = (Some(if fails { Err(SyncError::Failed) } else { Ok(()) }), false);
        if !sync.wanted {
            self.syncs.remove(at);
        }
        self.note(process, if fails { What::SyncFailed } else { What::SyncDone }, covers, 0);
        Some(process)
    }

    /// If this ticket is the end of the stall: gives who waits for the device, and the syncs that fell due meanwhile.
    pub(super) fn stall_over(&mut self, ticket: u32) -> Option<(Vec<ProcessId>, Vec<u32>)> {
        if self.stall != Some(ticket) {
            return None;
        }
        self.stall = None;
        let waiting = std::mem::take(&mut self.waiting);
        if let Some(first) = waiting.first() {
            self.note(*first, What::StallOver, 0, 0);
        }
        let due = self.syncs.iter().filter(|sync| sync.deferred).map(|sync| sync.ticket).collect();
        Some((waiting, due))
    }

    /// Whether the machine loses power at this sync: before it takes effect, or after and before it is answered.
    pub(super) fn cut(&mut self) -> Option<Side> {
        let cuts = self.cuts?;
        self.census.boundaries += 1;
        // A rate of never is a hair above it, so that the choice is there to be pinned.
        let rate = cuts.rate.max(Rate::HARDLY);
        if !self.chance("power", rate) {
            return None;
        }
        let before = self.census.drawn.clone();
        let side = if self.count("power-side", 2) == 0 { Side::Before } else { Side::After };
        self.census.cuts.push((self.census.boundaries - 1, 0, before));
        Some(side)
    }

    /// What there is to know, where syncs may cut the power.
    pub(super) fn census(&self) -> Option<Census> {
        self.cuts?;
        let (disk, words) = (self.name.clone(), u64::from(self.config.block).div_ceil(8));
        Some(Census { disk, words, tears: self.config.tear, ..self.census.clone() })
    }

    /// Power is gone: every unsynced write is kept or lost, and what was under way is forgotten.
    pub(super) fn lose_power(&mut self) {
        let covers = u64::MAX;
        if let Some((_, unsynced, _)) = self.census.cuts.last_mut() {
            *unsynced = self.medium.unsynced(covers).count();
        }
        let fates = self.fates(covers, &AT_POWER_LOSS);
        self.stats.power_losses += 1;
        for fate in &fates {
            match fate {
                Fate::Kept => self.stats.kept += 1,
                Fate::Lost => self.stats.lost += 1,
                Fate::Torn(_) => {
                    self.stats.lost += 1;
                    self.stats.torn += 1;
                }
            }
        }
        self.medium.settle(covers, |at| fates[at]);
        self.medium.forget();
        self.syncs.clear();
        self.waiting.clear();
        self.asks.clear();
        self.stall = None;
    }

    /// Decides what becomes of the unsynced writes up to number `covered`.
    fn fates(&mut self, covered: u64, names: &Losing) -> Vec<Fate> {
        let count = self.medium.unsynced(covered).count();
        if count == 0 {
            return Vec::new();
        }
        let mut fates = vec![Fate::Kept; count];
        match self.count(names.keeps, 4) {
            0 => {}
            1 => fates.fill(Fate::Lost),
            2 => {
                let kept = self.count(names.prefix, count as u64) as usize;
                fates[kept..].fill(Fate::Lost);
            }
            _ => {
                for fate in &mut fates {
                    if self.count(names.lost, 2) == 1 {
                        *fate = Fate::Lost;
                    }
                }
            }
        }
        let lost: Vec<usize> = (0..count).filter(|at| fates[*at] == Fate::Lost).collect();
        if self.config.tear && !lost.is_empty() {
            let torn = self.count(names.tear, lost.len() as u64 + 1);
            let words = u64::from(self.config.block).div_ceil(8);
            if torn > 0 && words > 1 {
                let words = 1 + self.count(names.tear_at, words - 1);
                fates[lost[torn as usize - 1]] = Fate::Torn(words as usize * 8);
            }
        }
        fates
    }

    /// Decides, and counts that it did.
    fn count(&mut self, kind: &'static str, n: u64) -> u64 {
        if n > 1 {
            self.census.drawn.count(kind);
        }
        self.choose(kind, n)
    }
}

impl Drawn {
    fn count(&mut self, kind: &'static str) {
        match self.0.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, count)) => *count += 1,
            None => self.0.push((kind, 1)),
        }
    }

    /// How many decisions of this kind there were.
    pub(crate) fn of(&self, kind: &str) -> u64 {
        self.0.iter().find(|(known, _)| *known == kind).map_or(0, |(_, count)| *count)
    }
}

/// When in the life of a sync the power goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Side {
    Before,
    After,
}
