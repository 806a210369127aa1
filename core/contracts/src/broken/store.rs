//! A store with a cache and a medium that may be wrong.

use crate::store::Bench;
use tidemill_seam::{Geometry, ReadError, Store, SyncError, WriteError};

super::faults! {
    /// Every 17th write is lost.
    LosesEach17th => "D1",
    /// A read gives what is durable.
    ReadsTheMedium => "D1",
    /// A block that was never written holds a pattern.
    Dirty => "D1",
    /// A write of two blocks writes the first one twice.
    RepeatsTheFirst => "D1",
    /// A sync does nothing.
    SyncsNothing => "D2",
    /// A sync leaves out blocks with odd numbers.
    SkipsOddBlocks => "D2",
    /// A sync covers the last write only.
    SyncsTheLast => "D2",
    /// A sync that is pending covers nothing.
    PendingCoversNothing => "D3",
    /// A loss of power takes blocks along that nobody wrote.
    ScribblesOnLoss => "D4",
    /// A loss of power leaves a lost block full of ones.
    FillsOnLoss => "D4",
    /// A write between two blocks is taken for the one below.
    RoundsDown => "D5",
    /// A write beyond the last block goes to the first.
    Wraps => "D5",
    /// A write that reaches beyond the end is refused after its first block.
    WritesUpToTheEnd => "D5",
    /// A stalled write is taken all the same.
    StallsAndWrites => "D5",
    /// A failed write leaves a block of ones.
    FailsWithOnes => "D6",
    /// A sync after a failed one covers nothing at all, ever, so that more than the last writes are lost.
    NeverSyncsAgain => "D4",
    /// The device stalls and never goes on.
    StallsForEver => "D7",
    /// A sync stays pending.
    PendingForEver => "D7",
    /// The last block is gone after a thousand calls.
    Shrinks => "D8",
}

const BLOCKS: usize = 8;
const BLOCK: usize = 32;

/// A store with at most one fault, whose power can be lost. Syncs are pending once, and some writes stall or fail.
#[derive(Debug)]
pub struct Disk {
    fault: Option<Fault>,
    medium: [[u8; BLOCK]; BLOCKS],
    cache: [[u8; BLOCK]; BLOCKS],
    unsynced: [bool; BLOCKS],
    covered: [bool; BLOCKS],
    snapshot: [[u8; BLOCK]; BLOCKS],
    last: usize,
    pending: bool,
    failed: bool,
    stalled: bool,
    calls: u32,
    losses: u32,
}

impl Disk {
    /// A fresh store.
    pub fn new(fault: Option<Fault>) -> Self {
        let blank = if fault == Some(Fault::Dirty) { 0xA5 } else { 0 };
        Self {
            fault,
            medium: [[blank; BLOCK]; BLOCKS],
            cache: [[blank; BLOCK]; BLOCKS],
            unsynced: [false; BLOCKS],
            covered: [false; BLOCKS],
            snapshot: [[0; BLOCK]; BLOCKS],
            last: 0,
            pending: false,
            failed: false,
            stalled: false,
            calls: 0,
            losses: 0,
        }
    }

    fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    fn put(&mut self, block: usize, bytes: &[u8]) {
        self.cache[block].copy_from_slice(bytes);
        self.unsynced[block] = true;
        self.last = block;
    }

    /// Takes what the sync covers to the medium.
    fn complete(&mut self) {
        for block in 0..BLOCKS {
            let skipped = self.has(Fault::SyncsNothing)
                || self.has(Fault::PendingCoversNothing)
                || (self.has(Fault::SkipsOddBlocks) && block % 2 == 1)
                || (self.has(Fault::SyncsTheLast) && block != self.last)
                || (self.has(Fault::NeverSyncsAgain) && self.failed);
            if self.covered[block] && !skipped {
                self.medium[block] = self.snapshot[block];
                self.unsynced[block] &= self.cache[block] != self.snapshot[block];
            }
        }
    }
}

impl Store for Disk {
    fn geometry(&self) -> Geometry {
        let shrunk = self.has(Fault::Shrinks) && self.calls > 1_000;
        Geometry { block: BLOCK as u32, blocks: (BLOCKS - usize::from(shrunk)) as u64 }
    }

    fn read(&mut self, at: u64, into: &mut [u8]) -> Result<(), ReadError> {
        self.calls += 1;
        let (first, _) = self.geometry().place(at, into.len())?;
        let from = if self.has(Fault::ReadsTheMedium) { &self.medium } else { &self.cache };
        for (block, into) in from[first as usize..].iter().zip(into.chunks_exact_mut(BLOCK)) {
            into.copy_from_slice(block);
        }
        Ok(())
    }

    fn write(&mut self, at: u64, from: &[u8]) -> Result<(), WriteError> {
        self.calls += 1;
        let shape = self.geometry();
        let at = match self.fault {
            Some(Fault::RoundsDown) => at / BLOCK as u64 * BLOCK as u64,
            Some(Fault::Wraps) if at == shape.bytes() => 0,
            _ => at,
        };
        if self.has(Fault::WritesUpToTheEnd) && at + BLOCK as u64 == shape.bytes() && from.len() > BLOCK {
            self.put(BLOCKS - 1, &from[..BLOCK]);
        }
        let (first, _) = shape.place(at, from.len())?;
        // Every 11th write stalls once, and every 13th fails half way through its last block.
        if self.has(Fault::StallsForEver) && self.calls > 500 {
            return Err(WriteError::Stalled);
        }
        if self.calls.is_multiple_of(11) && !self.stalled {
            self.stalled = true;
            if self.has(Fault::StallsAndWrites) {
                let other = [0x5A; BLOCK];
                self.put((first as usize + BLOCKS - 1) % BLOCKS, &other);
            }
            return Err(WriteError::Stalled);
        }
        self.stalled = false;
        if self.has(Fault::LosesEach17th) && self.calls.is_multiple_of(17) {
            return Ok(());
        }
        let fails = self.calls.is_multiple_of(13);
        for (nth, bytes) in from.chunks_exact(BLOCK).enumerate() {
            let bytes = if self.has(Fault::RepeatsTheFirst) { &from[..BLOCK] } else { bytes };
            let block = first as usize + nth;
            if fails {
                let mut torn = self.cache[block];
                let half =
                    if self.has(Fault::FailsWithOnes) { &[0xFF; BLOCK][..] } else { &bytes[..BLOCK / 2] };
                torn[..half.len()].copy_from_slice(half);
                self.put(block, &torn);
            } else {
                self.put(block, bytes);
            }
        }
        if fails { Err(WriteError::Failed) } else { Ok(()) }
    }

    fn sync(&mut self) -> Result<(), SyncError> {
        self.calls += 1;
        if !self.pending {
            (self.covered, self.snapshot) = (self.unsynced, self.cache);
            // A sync that covers too little does so at once; what is pending is another law.
            let at_once =
                self.fault.is_some_and(|fault| fault.law() == "D2" || fault == Fault::NeverSyncsAgain);
            self.pending = !self.calls.is_multiple_of(3) && !at_once || self.has(Fault::PendingCoversNothing);
            if self.pending {
                return Err(SyncError::Pending);
            }
        }
        if self.has(Fault::PendingForEver) && self.calls > 500 {
            return Err(SyncError::Pending);
        }
        self.pending = false;
        if self.calls.is_multiple_of(19) {
            // Half of it is durable, and nobody knows.
            self.failed = true;
            for block in (0..BLOCKS).step_by(2).filter(|block| self.covered[*block]) {
                self.medium[block] = self.snapshot[block];
            }
            for block in (0..BLOCKS).filter(|block| self.covered[*block]) {
                self.unsynced[block] &= self.cache[block] != self.snapshot[block];
            }
            return Err(SyncError::Failed);
        }
        self.complete();
        Ok(())
    }
}

impl Bench for Disk {
    type Store = Self;

    fn store(&mut self) -> &mut Self {
        self
    }

    /// Every third unsynced block is kept, every third lost, every third torn.
    fn lose_power(&mut self) -> bool {
        self.losses += 1;
        for block in 0..BLOCKS {
            let how = (self.losses as usize + block) % 3;
            match (self.unsynced[block], how) {
                (true, 0) => self.medium[block] = self.cache[block],
                (true, 1) => {
                    let half = BLOCK / 2;
                    self.medium[block][..half].copy_from_slice(&self.cache[block][..half]);
                }
                (true, _) if self.has(Fault::FillsOnLoss) => self.medium[block] = [0xFF; BLOCK],
                (false, 0) if self.has(Fault::ScribblesOnLoss) && self.medium[block] == [0; BLOCK] => {
                    self.medium[block][BLOCK - 1] = 1;
                }
                _ => {}
            }
        }
        (self.cache, self.unsynced, self.pending, self.stalled) =
            (self.medium, [false; BLOCKS], false, false);
        true
    }
}
