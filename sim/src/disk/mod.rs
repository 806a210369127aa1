//! A machine's disk: blocks that survive a kill, and a power loss once they are synced.
//!
//! Writes stand in the machine's page cache until a sync takes them to the medium; whatever reads finds in the cache is
//! right, what comes from the medium may be rotten or from elsewhere. A kill leaves the cache alone. A power loss keeps any
//! subset of the unsynced writes, a prefix of them, all or nothing, and may tear one. A sync that fails may lose what others wrote:
//! every handle that is open then hears of it by its own next sync, as Linux tells every open file. Every fault is a choice of the
//! entity `machine/disk`, drawn only where its rate is not zero; zero is always the boring thing.

mod device;
mod handle;
mod medium;
mod power;
mod world;

use tidemill_seam::{Duration, Geometry};

use crate::choice::Rate;
use crate::net::Latency;

pub(crate) use device::Disk;
pub use handle::SimDisk;
pub(crate) use power::Census;

/// A disk, numbered in the order of creation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct DiskId(pub(crate) u32);

/// What a disk is like, and how often it fails. A rate is asked once a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DiskConfig {
    /// Bytes of a block, the sector: what a power loss keeps or loses.
    pub block: u32,
    /// Blocks.
    pub blocks: u64,
    /// Blocks that can ever be written; behind the others there is no space.
    pub space: u64,
    /// How long a sync takes. One that takes no time is over when the call returns.
    pub sync: Latency,
    /// How often a read fails. By a second choice (`read-error-stays`) it fails until the block is written again.
    pub read_error: Rate,
    /// How often a write fails, after any number of its blocks.
    pub write_error: Rate,
    /// How often a write finds no space.
    pub full: Rate,
    /// How often the device takes nothing for a while.
    pub stall: Rate,
    /// For how long.
    pub stall_for: Latency,
    /// How often a sync fails; all, some or nothing of it is durable then, and the cache takes it for clean.
    pub sync_error: Rate,
    /// How often a sync says that it succeeded and did nothing. A disk that lies breaks its laws.
    pub sync_lie: Rate,
    /// How often a block of a read comes from elsewhere.
    pub misdirected_read: Rate,
    /// How often the first block of a write goes elsewhere on the medium.
    pub misdirected_write: Rate,
    /// How often a read finds a bit of the medium flipped, for good.
    pub rot: Rate,
    /// Whether a power loss may tear a block: its first words new, the others old.
    pub tear: bool,
}

impl DiskConfig {
    /// A mebibyte in blocks of 512 bytes; instant, without a fault but what a power loss does, tearing aside.
    pub const PERFECT: Self = Self {
        block: 512,
        blocks: 2048,
        space: u64::MAX,
        sync: Latency::Constant(Duration::ZERO),
        read_error: Rate::NEVER,
        write_error: Rate::NEVER,
        full: Rate::NEVER,
        stall: Rate::NEVER,
        stall_for: Latency::Constant(Duration::from_millis(10)),
        sync_error: Rate::NEVER,
        sync_lie: Rate::NEVER,
        misdirected_read: Rate::NEVER,
        misdirected_write: Rate::NEVER,
        rot: Rate::NEVER,
        tear: false,
    };

    /// The shape.
    pub const fn geometry(&self) -> Geometry {
        Geometry { block: self.block, blocks: self.blocks }
    }
}

/// A sync of one to five milliseconds, and power losses that may tear.
impl Default for DiskConfig {
    fn default() -> Self {
        let sync = Latency::Uniform { min: Duration::from_millis(1), max: Duration::from_millis(5) };
        Self { sync, tear: true, ..Self::PERFECT }
    }
}

/// What a disk did and suffered so far.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct DiskStats {
    /// Reads that succeeded.
    pub reads: u64,
    /// Writes that succeeded.
    pub writes: u64,
    /// Syncs that ended, whatever they said.
    pub syncs: u64,
    /// Reads that failed.
    pub read_errors: u64,
    /// Writes that failed.
    pub write_errors: u64,
    /// Writes that found no space.
    pub full: u64,
    /// Stalls.
    pub stalls: u64,
    /// Syncs that failed.
    pub sync_errors: u64,
    /// Failed syncs that made everything durable all the same.
    pub sync_errors_durable: u64,
    /// Syncs that lied.
    pub sync_lies: u64,
    /// Reads that gave a block from elsewhere.
    pub misdirected_reads: u64,
    /// Writes that go elsewhere.
    pub misdirected_writes: u64,
    /// Bits that flipped.
    pub rot: u64,
    /// Power losses.
    pub power_losses: u64,
    /// Unsynced writes of blocks that power losses kept.
    pub kept: u64,
    /// Unsynced writes of blocks that power losses lost, the torn ones among them.
    pub lost: u64,
    /// Blocks that power losses tore.
    pub torn: u64,
}
