//! The device: decides what becomes of every call.

use tidemill_seam::{ReadError, SyncError, WriteError};

use super::medium::{Fate, Medium};
use super::power::{AT_FAILED_SYNC, Census, PowerCuts};
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
pub(super) struct Sync {
    ticket: u32,
    process: ProcessId,
    covers: u64,
    /// How many failed syncs its handle had heard of.
    heard: u32,
    fails: bool,
    lies: bool,
    wanted: bool,
    /// Due while the device was stalled.
    deferred: bool,
    outcome: Option<Result<(), SyncError>>,
}

#[derive(Debug)]
pub(crate) struct Disk {
    pub(super) id: DiskId,
    pub(super) name: String,
    pub(super) machine: MachineId,
    /// Whether every machine reaches it.
    pub(super) shared: bool,
    pub(crate) config: DiskConfig,
    pub(crate) stats: DiskStats,
    pub(super) cuts: Option<PowerCuts>,
    pub(super) medium: Medium,
    choices: Choices,
    stream: StreamId,
    /// The ticket of the stall's end.
    pub(super) stall: Option<u32>,
    pub(super) syncs: Vec<Sync>,
    tickets: u32,
    /// Syncs that failed.
    failed: u32,
    pub(super) waiting: Vec<ProcessId>,
    pub(super) asks: Vec<Ask>,
    notes: Vec<Note>,
    pub(super) census: Census,
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
            shared: false,
            config,
            stats: DiskStats::default(),
            cuts: None,
            medium: Medium::new(config.block),
            choices,
            stream: StreamId::NONE,
            stall: None,
            syncs: Vec::new(),
            tickets: 0,
            failed: 0,
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

    pub(super) fn chance(&mut self, kind: &'static str, rate: Rate) -> bool {
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

    /// How many syncs failed so far.
    pub(super) const fn failed(&self) -> u32 {
        self.failed
    }

    /// Begins a sync: `Ok` with its outcome if it is over at once, `Err` with its ticket otherwise.
    pub(super) fn sync(&mut self, process: ProcessId, heard: u32) -> Result<Result<(), SyncError>, u32> {
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
        self.syncs.push(Sync { ticket, process, covers, heard, fails, lies, wanted, deferred, outcome });
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
        let Sync { process, covers, heard, fails, lies, .. } = self.syncs[at];
        // What another handle's sync lost, this one may have written.
        let told = self.failed > heard;
        self.stats.syncs += 1;
        if fails {
            self.failed += 1;
            self.stats.sync_errors += 1;
            let fates = self.fates(covers, &AT_FAILED_SYNC);
            self.stats.sync_errors_durable += u64::from(fates.iter().all(|fate| *fate == Fate::Kept));
            self.medium.settle(covers, |at| fates[at]);
        } else if lies {
            self.stats.sync_lies += 1;
        } else {
            self.medium.settle(covers, |_| Fate::Kept);
        }
        let fails = fails || told;
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
}
