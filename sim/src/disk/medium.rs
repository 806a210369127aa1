//! What is on the medium, what is in the cache, and which writes stand between the two.

use std::collections::BTreeSet;

/// One block of a write that no sync covered yet.
#[derive(Debug)]
pub(super) struct Unsynced {
    pub(super) sequence: u64,
    pub(super) block: u64,
    /// Where the medium will take it: elsewhere, if it is misdirected.
    pub(super) target: u64,
    pub(super) bytes: Vec<u8>,
}

#[derive(Clone, Copy, Default, Debug)]
struct Cached {
    /// Reads find the block in the cache: it is unsynced, or the medium never took it.
    here: bool,
    /// Writes of it in the log.
    unsynced: u32,
}

/// What becomes of one unsynced write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fate {
    Kept,
    Lost,
    /// Only so many of its first bytes reach the medium.
    Torn(usize),
}

#[derive(Debug)]
pub(super) struct Medium {
    block: usize,
    durable: Vec<u8>,
    cache: Vec<u8>,
    cached: Vec<Cached>,
    log: Vec<Unsynced>,
    spare: Vec<Vec<u8>>,
    sequence: u64,
    written: BTreeSet<u64>,
    unreadable: BTreeSet<u64>,
}

impl Medium {
    pub(super) fn new(block: u32) -> Self {
        Self {
            block: block as usize,
            durable: Vec::new(),
            cache: Vec::new(),
            cached: Vec::new(),
            log: Vec::new(),
            spare: Vec::new(),
            sequence: 0,
            written: BTreeSet::new(),
            unreadable: BTreeSet::new(),
        }
    }

    /// The number of the last write.
    pub(super) fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Unsynced writes up to number `covered`, oldest first.
    pub(super) fn unsynced(&self, covered: u64) -> impl Iterator<Item = &Unsynced> {
        self.log.iter().filter(move |write| write.sequence <= covered)
    }

    /// How many blocks of `first..first + count` were never written.
    pub(super) fn fresh(&self, first: u64, count: u64) -> u64 {
        count - self.written.range(first..first + count).count() as u64
    }

    /// How many blocks were ever written.
    pub(super) fn occupied(&self) -> u64 {
        self.written.len() as u64
    }

    /// Whether a read of the block goes to the medium.
    pub(super) fn is_clean(&self, block: u64) -> bool {
        !self.cached.get(block as usize).is_some_and(|cached| cached.here)
    }

    pub(super) fn is_unreadable(&self, block: u64) -> bool {
        self.is_clean(block) && self.unreadable.contains(&block)
    }

    pub(super) fn spoil(&mut self, block: u64) {
        self.unreadable.insert(block);
    }

    /// Every block can be read again.
    pub(super) fn mend(&mut self) {
        self.unreadable.clear();
    }

    fn range(&self, block: u64) -> std::ops::Range<usize> {
        let start = block as usize * self.block;
        start..start + self.block
    }

    /// Copies what a read of `block` gives.
    pub(super) fn read(&self, block: u64, into: &mut [u8]) {
        let from = if self.is_clean(block) { &self.durable } else { &self.cache };
        match from.get(self.range(block)) {
            Some(bytes) => into.copy_from_slice(bytes),
            None => into.fill(0),
        }
    }

    /// Takes a block into the cache; the medium will take it at `target`.
    pub(super) fn write(&mut self, block: u64, target: u64, bytes: &[u8]) {
        let range = self.range(block);
        if self.cache.len() < range.end {
            self.cache.resize(range.end, 0);
            self.cached.resize(block as usize + 1, Cached::default());
        }
        self.cache[range].copy_from_slice(bytes);
        let cached = &mut self.cached[block as usize];
        cached.here = true;
        cached.unsynced += 1;
        self.sequence += 1;
        let mut kept = self.spare.pop().unwrap_or_default();
        kept.clear();
        kept.extend_from_slice(bytes);
        self.log.push(Unsynced { sequence: self.sequence, block, target, bytes: kept });
        self.written.insert(block);
    }

    fn put(&mut self, target: u64, bytes: &[u8]) {
        let range = self.range(target);
        if self.durable.len() < range.end {
            self.durable.resize(range.end, 0);
        }
        self.durable[range.start..range.start + bytes.len()].copy_from_slice(bytes);
        self.unreadable.remove(&target);
    }

    /// Takes every unsynced write up to number `covered` out of the log, each by its fate, in the order of the writes. A
    /// block that the medium did not take stays in the cache, taken for clean.
    pub(super) fn settle(&mut self, covered: u64, fates: impl Fn(usize) -> Fate) {
        let mut log = std::mem::take(&mut self.log);
        let later = log.iter().position(|write| write.sequence > covered).unwrap_or(log.len());
        for (at, write) in log.drain(..later).enumerate() {
            let cached = &mut self.cached[write.block as usize];
            cached.unsynced -= 1;
            let fate = fates(at);
            cached.here &= cached.unsynced > 0 || fate != Fate::Kept;
            match fate {
                Fate::Kept => self.put(write.target, &write.bytes),
                Fate::Torn(len) => self.put(write.target, &write.bytes[..len]),
                Fate::Lost => {}
            }
            self.spare.push(write.bytes);
        }
        self.log = log;
    }

    /// Forgets the cache: what reads find from here on is the medium.
    pub(super) fn forget(&mut self) {
        debug_assert!(self.log.is_empty(), "every unsynced write met its fate");
        self.cached.fill(Cached::default());
    }

    /// Flips a bit of the medium.
    pub(super) fn flip(&mut self, block: u64, bit: u64) {
        let byte = self.range(block).start + (bit / 8) as usize;
        if self.durable.len() <= byte {
            self.durable.resize(self.range(block).end, 0);
        }
        self.durable[byte] ^= 1 << (bit % 8);
    }

    /// What would be read of `block` after a power loss that lost everything unsynced.
    pub(super) fn durable(&self, block: u64, into: &mut [u8]) {
        match self.durable.get(self.range(block)) {
            Some(bytes) => into.copy_from_slice(bytes),
            None => into.fill(0),
        }
    }
}
