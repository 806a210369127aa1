//! Counts of a run.

use std::ops::AddAssign;

use crate::disk::DiskStats;
use crate::net::Cause;
use crate::process::Process;
use crate::register::RegisterStats;
use crate::sim::Sim;

/// What happened so far, in numbers. At any moment
/// `sent + duplicated = delivered + dropped + in flight` (see [`Sim::in_flight`](crate::Sim::in_flight)).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Stats {
    /// Events of every kind.
    pub events: u64,
    /// Datagrams that a link accepted.
    pub sent: u64,
    /// Copies that links made of them.
    pub duplicated: u64,
    /// Datagrams that reached a process.
    pub delivered: u64,
    /// Datagrams with a flipped bit.
    pub corrupted: u64,
    /// Datagrams that lost their end.
    pub truncated: u64,
    /// Datagrams that were held back.
    pub reordered: u64,
    /// Datagrams that a clogged or held link stopped, for a while or for ever.
    pub stopped: u64,
    /// Streams that somebody began to open.
    pub streams: u64,
    /// Segments of streams that machines sent, those that no link carried included.
    pub segments: u64,
    /// Waits for a link that carries, or for an answer.
    pub retries: u64,
    /// Ends whose peer refused.
    pub refused: u64,
    /// Ends that gave up.
    pub timed_out: u64,
    /// Ends that their peer or a story broke.
    pub resets: u64,
    /// Timers that fell due.
    pub timers: u64,
    /// Processes killed.
    pub kills: u64,
    /// Those of them that died at a store into shared memory.
    pub store_deaths: u64,
    pub(crate) dropped: [u64; Cause::ALL.len()],
}

impl Stats {
    /// Datagrams dropped for one cause.
    pub fn dropped(&self, cause: Cause) -> u64 {
        self.dropped[cause as usize]
    }

    /// Datagrams dropped for any cause.
    pub fn dropped_in_all(&self) -> u64 {
        self.dropped.iter().sum()
    }
}

impl<P: Process> Sim<P> {
    /// What all disks of the world did and suffered together.
    pub fn disks(&self) -> DiskStats {
        let mut sum = DiskStats::default();
        if let Some(shelf) = self.kernel.shelf.get() {
            shelf.disks.borrow().iter().for_each(|disk| sum += disk.borrow().stats);
        }
        sum
    }

    /// What happened to all registers of the world together.
    pub fn registers(&self) -> RegisterStats {
        let mut sum = RegisterStats::default();
        if let Some(shelf) = self.kernel.shelf.get() {
            shelf.registers.borrow().iter().for_each(|register| sum += register.borrow().stats);
        }
        sum
    }
}

/// Together with another one's.
impl AddAssign for DiskStats {
    fn add_assign(&mut self, other: Self) {
        self.reads += other.reads;
        self.writes += other.writes;
        self.syncs += other.syncs;
        self.read_errors += other.read_errors;
        self.write_errors += other.write_errors;
        self.full += other.full;
        self.stalls += other.stalls;
        self.sync_errors += other.sync_errors;
        self.sync_errors_durable += other.sync_errors_durable;
        self.sync_lies += other.sync_lies;
        self.misdirected_reads += other.misdirected_reads;
        self.misdirected_writes += other.misdirected_writes;
        self.rot += other.rot;
        self.power_losses += other.power_losses;
        self.kept += other.kept;
        self.lost += other.lost;
        self.torn += other.torn;
    }
}

/// Together with another one's.
impl AddAssign for RegisterStats {
    fn add_assign(&mut self, other: Self) {
        self.reads += other.reads;
        self.stale += other.stale;
        self.won += other.won;
        self.lost += other.lost;
        self.unknown += other.unknown;
        self.late += other.late;
        self.lost_requests += other.lost_requests;
        self.lost_replies += other.lost_replies;
        self.refused += other.refused;
        self.hints += other.hints;
        self.lost_hints += other.lost_hints;
    }
}
