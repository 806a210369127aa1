//! Stores of a stage that lack a safeguard, or stand on what does not keep its word.

use crate::stage::{Bench, STATE_MAX};
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use tidemill_relocate::{Mutant, StageId, StageStore};
use tidemill_seam::{
    ExchangeError, Exchanged, Geometry, ReadError, Reading, ReadingError, Register, Store, SyncError,
    Version, WriteError,
};

super::faults! {
    /// Each checkpoint is written over the one before.
    SingleSlot => "K2",
    /// Lives write where the one before them wrote.
    SharedExtents => "K2",
    /// What is retained is written over what is still needed of it.
    OverwritesLog => "K2",
    /// The store says that it synced and did not.
    LyingSync => "K2",
    /// A life goes on that was fenced.
    Unfenced => "K1",
    /// The register takes every exchange.
    BlindRegister => "K1",
    /// The register is put back to its first value by a loss of power.
    ForgetfulRegister => "K3",
    /// Blocks are taken for sound whatever their checksums say.
    SkipsChecksums => "K4",
    /// A blank register is taken for a stage without a checkpoint.
    BlankIsDefault => "K4",
    /// A life begins anew where its checkpoint is lost.
    BeginsAnew => "K4",
    /// A checkpoint counts before it is durable, and also where that fails.
    CountsBeforeSync => "K5",
    /// A checkpoint of which nobody knows is given up, and may count.
    UnknownIsLost => "K5",
    /// A checkpoint of which nobody knows is taken for one that counts.
    UnknownIsWon => "K6",
    /// A sync stays pending.
    PendingForEver => "K7",
}

impl Fault {
    /// The name of the safeguard that it leaves out; none where it is the world that does not keep its word.
    pub const fn safeguard(self) -> Option<&'static str> {
        Some(match self {
            Self::SingleSlot => "single_slot",
            Self::SharedExtents => "shared_extents",
            Self::OverwritesLog => "overwrites_log",
            Self::CountsBeforeSync => "cas_before_sync",
            Self::Unfenced => "unfenced_store",
            Self::SkipsChecksums => "skip_crc",
            Self::BlankIsDefault => "blank_is_default",
            Self::BeginsAnew => "fallback_past_ack",
            Self::UnknownIsLost => "unknown_commit_is_lost",
            Self::UnknownIsWon => "unknown_commit_is_won",
            Self::LyingSync | Self::BlindRegister | Self::ForgetfulRegister | Self::PendingForEver => {
                return None;
            }
        })
    }

    const fn mutant(self) -> Option<Mutant> {
        Some(match self {
            Self::SingleSlot => Mutant::SingleSlot,
            Self::SharedExtents => Mutant::SharedExtents,
            Self::OverwritesLog => Mutant::OverwritesLog,
            Self::CountsBeforeSync => Mutant::CasBeforeSync,
            Self::Unfenced => Mutant::UnfencedStore,
            Self::SkipsChecksums => Mutant::SkipCrc,
            Self::BlankIsDefault => Mutant::BlankIsDefault,
            Self::BeginsAnew => Mutant::FallbackPastAck,
            Self::UnknownIsLost => Mutant::UnknownCommitIsLost,
            Self::UnknownIsWon => Mutant::UnknownCommitIsWon,
            Self::LyingSync | Self::BlindRegister | Self::ForgetfulRegister | Self::PendingForEver => {
                return None;
            }
        })
    }
}

const BLOCK: usize = 64;
const SHAPE: Geometry = Geometry { block: BLOCK as u32, blocks: 256 };

#[derive(Debug)]
struct Inner {
    fault: Option<Fault>,
    medium: RefCell<Vec<u8>>,
    cache: RefCell<Vec<u8>>,
    calls: Cell<u32>,
    syncs: Cell<u32>,
    exchanges: Cell<u32>,
    losses: Cell<u32>,
    value: RefCell<(u64, Vec<u8>)>,
    first: RefCell<Vec<u8>>,
    /// An exchange that happens when somebody asks next.
    later: RefCell<Option<(u64, Vec<u8>)>>,
}

impl Inner {
    fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    fn arrive(&self) {
        if let Some((expected, value)) = self.later.take()
            && self.value.borrow().0 == expected
        {
            self.value.replace((expected + 1, value));
        }
    }
}

fn count(of: &Cell<u32>) -> u32 {
    of.set(of.get() + 1);
    of.get()
}

/// A disk that stalls, fails and fills up now and then, and a register that does not always know; with at most one fault, in the
/// stage or in these.
#[derive(Debug)]
pub struct World(Rc<Inner>);

/// A handle of the disk.
#[derive(Debug)]
pub struct Disk {
    inner: Rc<Inner>,
    pending: bool,
    stalled: bool,
}

/// A handle of the register.
#[derive(Debug)]
pub struct Word(Rc<Inner>);

impl World {
    /// A fresh world.
    pub fn new(fault: Option<Fault>) -> Self {
        let blank = alloc::vec![0; SHAPE.bytes() as usize];
        Self(Rc::new(Inner {
            fault,
            medium: RefCell::new(blank.clone()),
            cache: RefCell::new(blank),
            calls: Cell::default(),
            syncs: Cell::default(),
            exchanges: Cell::default(),
            losses: Cell::default(),
            value: RefCell::default(),
            first: RefCell::default(),
            later: RefCell::default(),
        }))
    }
}

impl Bench for World {
    type Store = Disk;
    type Register = Word;

    fn open(&mut self) -> StageStore<Disk, Word> {
        let disk = Disk { inner: Rc::clone(&self.0), pending: false, stalled: false };
        let stage = StageStore::new(disk, Word(Rc::clone(&self.0)), StageId([1; 16]), 1, 4, STATE_MAX);
        let stage = stage.expect("256 blocks are enough");
        match self.0.fault.and_then(Fault::mutant) {
            Some(mutant) => stage.without(mutant),
            None => stage,
        }
    }

    /// Every third unsynced block is kept, every third lost, every third torn.
    fn lose_power(&mut self) -> bool {
        let losses = count(&self.0.losses) as usize;
        let (mut medium, mut cache) = (self.0.medium.borrow_mut(), self.0.cache.borrow_mut());
        for (nth, (old, new)) in medium.chunks_mut(BLOCK).zip(cache.chunks(BLOCK)).enumerate() {
            let kept = [BLOCK, BLOCK / 2, 0][(losses + nth) % 3];
            old[..kept].copy_from_slice(&new[..kept]);
        }
        cache.clone_from(&medium);
        if self.0.has(Fault::ForgetfulRegister) {
            self.0.value.borrow_mut().1.clone_from(&self.0.first.borrow());
        }
        true
    }

    fn damage(&mut self, at: u64) -> bool {
        self.0.medium.borrow_mut()[at as usize] ^= 1;
        self.0.cache.borrow_mut()[at as usize] ^= 1;
        true
    }
}

impl Store for Disk {
    fn geometry(&self) -> Geometry {
        SHAPE
    }

    fn read(&mut self, at: u64, into: &mut [u8]) -> Result<(), ReadError> {
        SHAPE.place(at, into.len())?;
        match count(&self.inner.calls) % 61 {
            0 => return Err(ReadError::Failed),
            30 => return Err(ReadError::Stalled),
            _ => {}
        }
        into.copy_from_slice(&self.inner.cache.borrow()[at as usize..at as usize + into.len()]);
        Ok(())
    }

    fn write(&mut self, at: u64, from: &[u8]) -> Result<(), WriteError> {
        SHAPE.place(at, from.len())?;
        let calls = count(&self.inner.calls);
        if calls.is_multiple_of(7) && !self.stalled {
            self.stalled = true;
            return Err(WriteError::Stalled);
        }
        self.stalled = false;
        if calls.is_multiple_of(31) {
            return Err(WriteError::Full);
        }
        let len = if calls.is_multiple_of(29) { from.len() / 2 } else { from.len() };
        self.inner.cache.borrow_mut()[at as usize..at as usize + len].copy_from_slice(&from[..len]);
        if len == from.len() { Ok(()) } else { Err(WriteError::Failed) }
    }

    fn sync(&mut self) -> Result<(), SyncError> {
        let syncs = count(&self.inner.syncs);
        if self.inner.has(Fault::PendingForEver) && syncs > 50 {
            return Err(SyncError::Pending);
        }
        if !self.pending || (syncs.is_multiple_of(4) && !syncs.is_multiple_of(3)) {
            self.pending = true;
            return Err(SyncError::Pending);
        }
        self.pending = false;
        if syncs.is_multiple_of(37) {
            return Err(SyncError::Failed);
        }
        if !self.inner.has(Fault::LyingSync) {
            self.inner.medium.borrow_mut().clone_from(&self.inner.cache.borrow());
        }
        Ok(())
    }
}

impl Register for Word {
    fn capacity(&self) -> usize {
        512
    }

    fn read(&mut self, into: &mut [u8]) -> Result<Reading, ReadingError> {
        self.0.arrive();
        let (version, value) = &*self.0.value.borrow();
        match *version {
            0 => Err(ReadingError::Absent),
            _ => {
                let len = value.len();
                let room = into.get_mut(..len).ok_or(ReadingError::Truncated { len })?;
                room.copy_from_slice(value);
                Ok(Reading { version: Version(*version), len })
            }
        }
    }

    /// Every fifth time nobody knows what became of it: it happened, never does, or does later, in turn.
    fn exchange(&mut self, expected: Version, value: &[u8]) -> Result<Exchanged, ExchangeError> {
        self.0.arrive();
        let exchanges = count(&self.0.exchanges);
        if exchanges.is_multiple_of(13) {
            return Err(ExchangeError::Unavailable);
        }
        let mut stands = self.0.value.borrow_mut();
        let blind = self.0.has(Fault::BlindRegister) && expected != Version::NONE;
        if stands.0 != expected.0 && !blind {
            return Ok(Exchanged::Lost(Version(stands.0)));
        }
        let next = (stands.0 + 1, value.to_vec());
        if stands.0 == 0 {
            self.0.first.replace(value.to_vec());
        }
        if !exchanges.is_multiple_of(5) {
            *stands = next;
            return Ok(Exchanged::Won(Version(stands.0)));
        }
        match exchanges / 5 % 3 {
            0 => *stands = next,
            1 => {}
            _ => _ = self.0.later.replace(Some((expected.0, value.to_vec()))),
        }
        Ok(Exchanged::Unknown)
    }

    fn watch(&mut self, _: Version) -> bool {
        false
    }
}
