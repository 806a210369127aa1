//! Laws D1 to D8 of [`Store`].
//!
//! Blocks of at most 1,024 bytes are judged. Where the bench cannot lose power, D2, D3 and D4 are left to one that can.

use crate::trial::Trial;
use crate::{Effort, Passed, Verdict, Violation};
use tidemill_seam::{Geometry, ReadError, Store, SyncError, WriteError};

/// A store under test, and its world.
pub trait Bench {
    /// The store.
    type Store: Store;

    /// The store as it is now; another handle after a loss of power.
    fn store(&mut self) -> &mut Self::Store;

    /// Lets the world carry what is under way, for a bounded time.
    fn settle(&mut self) {}

    /// Loses power and brings the store back; `false` where this cannot be arranged.
    fn lose_power(&mut self) -> bool {
        false
    }
}

/// A store whose power stays on.
#[derive(Clone, Copy, Debug)]
pub struct Powered<S>(pub S);

impl<S: Store> Bench for Powered<S> {
    type Store = S;
    fn store(&mut self) -> &mut S {
        &mut self.0
    }
}

const BLOCKS: usize = 16;
const BLOCK_MAX: usize = 1024;
const VERSIONS: usize = 32;
const CROWDED: usize = 12;
const PATIENCE: u32 = 10_000;

/// Runs every law. `make` gives a fresh store.
pub fn suite<B: Bench>(mut make: impl FnMut() -> B, effort: Effort) -> Verdict {
    let mut passed = Passed::default();
    for seed in 0xD0..0xD4 {
        passed.add(history(&mut make(), seed, effort.steps() / 8)?);
    }
    Ok(passed)
}

/// What a block may hold: the number of what is durable for sure, and those of the writes since, the latest last.
#[derive(Clone, Copy)]
struct Block {
    versions: [u32; VERSIONS],
    len: usize,
    /// Versions there were when the pending sync began; zero without one.
    marked: usize,
    /// The last of them was not a write that failed, so it is known.
    marked_sure: bool,
    /// The first version that was written after the last failed sync.
    fresh: usize,
    /// The last sync that covered it was pending before it succeeded.
    late: bool,
    /// A read may give any mixture of the versions: a write failed, or power was lost.
    unsure: bool,
}

impl Block {
    const BLANK: Self = Self {
        versions: [0; VERSIONS],
        len: 1,
        marked: 0,
        marked_sure: true,
        fresh: 1,
        late: false,
        unsure: false,
    };

    fn known(&self) -> &[u32] {
        &self.versions[..self.len]
    }

    fn latest(&self) -> u32 {
        self.versions[self.len - 1]
    }

    fn write(&mut self, number: u32) {
        self.versions[self.len] = number;
        self.len += 1;
    }

    /// A sync succeeded that covers the first `marked` versions.
    fn covered(&mut self, late: bool) {
        if self.marked > self.fresh && self.marked_sure {
            self.late = late;
            let durable = self.marked - 1;
            self.versions.copy_within(durable..self.len, 0);
            self.len -= durable;
            self.fresh = 1;
            self.unsure &= self.len > 1;
        }
        self.marked = 0;
    }
}

/// Byte `at` of the block that write number `number` leaves; number zero is blank.
fn byte(number: u32, at: usize) -> u8 {
    if number == 0 {
        return 0;
    }
    let mixed = (number ^ (at as u32) << 20).wrapping_mul(0x9E37_79B1);
    (mixed >> 24) as u8 ^ (mixed >> 11) as u8
}

struct History<'b, B> {
    bench: &'b mut B,
    trial: Trial,
    shape: Geometry,
    blocks: [Block; BLOCKS],
    used: usize,
    next: u32,
    syncing: bool,
}

fn history<B: Bench>(bench: &mut B, seed: u64, steps: u32) -> Verdict {
    let mut trial = Trial::new(seed);
    let shape = bench.store().geometry();
    trial.require("D8", shape.block > 0 && shape.blocks > 0, "a store has blocks, and blocks have bytes")?;
    trial.require(
        "D8",
        shape.block as usize <= BLOCK_MAX,
        "a block of more than 1,024 bytes is not judged here",
    )?;
    let used = shape.blocks.min(BLOCKS as u64) as usize;
    let blocks = [Block::BLANK; BLOCKS];
    let mut history = History { bench, trial, shape, blocks, used, next: 1, syncing: false };
    for block in 0..used {
        history.look(block, "D1", "a block that was never written is not zero")?;
    }
    for _ in 0..steps {
        history.step()?;
    }
    Ok(history.trial.passed())
}

impl<B: Bench> History<'_, B> {
    fn step(&mut self) -> Result<(), Violation> {
        self.trial.next();
        match self.trial.dice.below(16) {
            0..=6 => self.write()?,
            7..=10 => {
                let block = self.trial.dice.below(self.used as u32) as usize;
                self.look(block, "D1", "a read gives something else than what was written last")?;
            }
            11 | 12 => self.sync(1)?,
            13 => self.sync(PATIENCE)?,
            14 => self.refuse()?,
            _ => self.lose_power()?,
        }
        let shape = self.bench.store().geometry();
        self.trial.require("D8", shape == self.shape, "the geometry changes")
    }

    /// Calls until the device is no longer stalled.
    fn patiently<T, E: PartialEq>(
        &mut self,
        stalled: E,
        mut call: impl FnMut(&mut B::Store) -> Result<T, E>,
    ) -> Result<Result<T, E>, Violation> {
        for _ in 0..PATIENCE {
            match call(self.bench.store()) {
                Err(error) if error == stalled => self.bench.settle(),
                answered => return Ok(answered),
            }
        }
        Err(self.trial.violation("D7", "a device stalls for ever"))
    }

    /// Writes one block or two.
    fn write(&mut self) -> Result<(), Violation> {
        let first = self.trial.dice.below(self.used as u32) as usize;
        let count = (1 + self.trial.dice.below(2) as usize).min(self.used - first);
        if self.blocks[first..first + count].iter().any(|block| block.len >= CROWDED) {
            return self.make_room(first, count);
        }
        let size = self.shape.block as usize;
        let mut bytes = [0; 2 * BLOCK_MAX];
        let number = self.next;
        self.next += count as u32;
        for (nth, block) in bytes.chunks_exact_mut(size).take(count).enumerate() {
            block.iter_mut().enumerate().for_each(|(at, into)| *into = byte(number + nth as u32, at));
        }
        let at = first as u64 * u64::from(self.shape.block);
        let written = self.patiently(WriteError::Stalled, |store| store.write(at, &bytes[..count * size]))?;
        let blocks = &mut self.blocks[first..first + count];
        match written {
            Ok(()) => {
                for (nth, block) in blocks.iter_mut().enumerate() {
                    block.write(number + nth as u32);
                    block.unsure = false;
                }
            }
            Err(WriteError::Failed) => {
                for (nth, block) in blocks.iter_mut().enumerate() {
                    block.write(number + nth as u32);
                    block.unsure = true;
                }
            }
            Err(WriteError::Full) => {}
            Err(_) => {
                return Err(self
                    .trial
                    .violation("D5", "a write of whole blocks within the store is refused"));
            }
        }
        let (law, what) = match written {
            Ok(()) => ("D1", "a write that was taken is not read"),
            Err(WriteError::Failed) => ("D6", "a failed write leaves something that is neither old nor new"),
            Err(_) => ("D5", "a refused write has an effect"),
        };
        (first..first + count).try_for_each(|block| self.look(block, law, what))?;
        self.look((first + self.used - 1) % self.used, "D5", "a write has an effect beyond its blocks")
    }

    /// The model holds enough versions of a block: it is written and synced until one is left.
    fn make_room(&mut self, first: usize, count: usize) -> Result<(), Violation> {
        for _ in 0..CROWDED {
            (first..first + count).try_for_each(|block| self.rewrite(block))?;
            self.sync(PATIENCE)?;
            if self.blocks[first..first + count].iter().all(|block| block.len < CROWDED) {
                return Ok(());
            }
        }
        Err(self.trial.violation("D6", "no sync succeeds any more"))
    }

    /// Compares a block with what it may hold.
    fn look(&mut self, block: usize, law: &'static str, what: &'static str) -> Result<(), Violation> {
        let size = self.shape.block as usize;
        let mut bytes = [0xEE; BLOCK_MAX];
        let at = block as u64 * u64::from(self.shape.block);
        match self.patiently(ReadError::Stalled, |store| store.read(at, &mut bytes[..size]))? {
            Ok(()) => {}
            Err(ReadError::Failed) => return Ok(()),
            Err(_) => {
                return Err(self.trial.violation("D5", "a read of a block within the store is refused"));
            }
        }
        let model = self.blocks[block];
        let is = |number: u32| bytes[..size].iter().enumerate().all(|(at, found)| *found == byte(number, at));
        if !model.unsure {
            return self.trial.require(law, is(model.latest()), what);
        }
        let one_of =
            |(at, found): (usize, &u8)| model.known().iter().any(|number| byte(*number, at) == *found);
        let mixture = bytes[..size].iter().enumerate().all(one_of);
        self.trial.require(law, mixture, what)
    }

    /// Goes on with the sync, or begins one, and asks for its outcome so many times.
    fn sync(&mut self, asks: u32) -> Result<(), Violation> {
        for ask in 0..asks {
            if !self.syncing {
                for block in &mut self.blocks {
                    (block.marked, block.marked_sure) = (block.len, !block.unsure);
                }
            }
            match self.bench.store().sync() {
                Err(SyncError::Pending) => {
                    self.syncing = true;
                    if ask + 1 < asks {
                        self.bench.settle();
                    }
                }
                Ok(()) => {
                    let late = core::mem::take(&mut self.syncing);
                    self.blocks.iter_mut().for_each(|block| block.covered(late));
                    return Ok(());
                }
                Err(SyncError::Failed) => {
                    self.syncing = false;
                    for block in &mut self.blocks {
                        block.fresh = block.marked.max(1);
                        block.marked = 0;
                    }
                    return Ok(());
                }
                Err(SyncError::Closed) => {
                    return Err(self.trial.violation("D7", "a store that is there is gone"));
                }
            }
        }
        self.trial.require("D7", asks < PATIENCE, "a sync is pending for ever")
    }

    /// Calls that have to be refused, and have no effect.
    fn refuse(&mut self) -> Result<(), Violation> {
        let (block, size) = (u64::from(self.shape.block), self.shape.block as usize);
        let bytes = [0xA5; 2 * BLOCK_MAX];
        let end = self.shape.bytes();
        let beyond = self.patiently(WriteError::Stalled, |store| store.write(end, &bytes[..size]))?;
        self.trial.require(
            "D5",
            beyond == Err(WriteError::OutOfRange),
            "a write beyond the last block is taken",
        )?;
        let across =
            self.patiently(WriteError::Stalled, |store| store.write(end - block, &bytes[..2 * size]))?;
        self.trial.require("D5", across == Err(WriteError::OutOfRange), "a write across the end is taken")?;
        if block > 1 {
            let short = self.patiently(WriteError::Stalled, |store| store.write(0, &bytes[..size - 1]))?;
            self.trial.require("D5", short == Err(WriteError::Misaligned), "a part of a block is taken")?;
            let askew = self.patiently(WriteError::Stalled, |store| store.write(1, &bytes[..size]))?;
            self.trial.require(
                "D5",
                askew == Err(WriteError::Misaligned),
                "a write between blocks is taken",
            )?;
        }
        let mut into = [0; BLOCK_MAX];
        let read = self.patiently(ReadError::Stalled, |store| store.read(end, &mut into[..size]))?;
        self.trial.require(
            "D5",
            read == Err(ReadError::OutOfRange),
            "a read beyond the last block is taken",
        )?;
        let what = "a refused call has an effect";
        for block in [0, self.used - 1] {
            self.look(block, "D5", what)?;
        }
        Ok(())
    }

    /// Loses power, and compares what is left with what may be.
    fn lose_power(&mut self) -> Result<(), Violation> {
        let crowded = self.blocks.iter().any(|block| block.len > VERSIONS - CROWDED);
        if crowded || !self.bench.lose_power() {
            return Ok(());
        }
        self.syncing = false;
        for block in 0..self.used {
            let Block { len, late, .. } = self.blocks[block];
            (self.blocks[block].marked, self.blocks[block].unsure) = (0, true);
            let (law, what) = match (len, self.blocks[block].latest(), late) {
                (1, 0, _) => ("D4", "a block that nobody wrote is changed"),
                (1, _, true) => ("D3", "what was accepted before a pending sync is gone after it"),
                (1, _, false) => ("D2", "what a sync covered is gone"),
                _ => ("D4", "a block is neither old, nor new, nor torn"),
            };
            self.look(block, law, what)?;
            self.rewrite(block)?;
        }
        self.sync(PATIENCE)
    }

    /// Gives a block a known content again.
    fn rewrite(&mut self, block: usize) -> Result<(), Violation> {
        if self.blocks[block].len == 1 {
            self.blocks[block].unsure = false;
            return Ok(());
        }
        let size = self.shape.block as usize;
        let (at, number) = (block as u64 * u64::from(self.shape.block), self.next);
        self.next += 1;
        let mut bytes = [0; BLOCK_MAX];
        bytes[..size].iter_mut().enumerate().for_each(|(at, into)| *into = byte(number, at));
        // Whatever stood there, the medium holds one of these until the next sync.
        self.blocks[block].write(number);
        for _ in 0..PATIENCE {
            if self.patiently(WriteError::Stalled, |store| store.write(at, &bytes[..size]))? == Ok(()) {
                self.blocks[block].unsure = false;
                let before = block.saturating_sub(1);
                return self.look(before, "D5", "a write has an effect beyond its blocks");
            }
        }
        Err(self.trial.violation("D6", "a block cannot be written any more"))
    }
}
