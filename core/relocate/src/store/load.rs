//! The checkpoint that a record names, block by block.

use super::batch;
use super::{Life, Retained};
use crate::bad::{Bad, Object, Why};
use crate::checkpoint::{Checkpoint, Output};
use crate::extent::{blocks_for, strip};
use crate::log::{LogEntry, LogSalt};
use crate::mutant::{Mutant, Without};
use crate::stage::{Pointer, StageRecord};
use crate::{EdgeId, Extent, Salt};
use alloc::vec::Vec;
use tidemill_seam::{ReadError, Store};

/// How often a block that cannot be read, or that is damaged, is read before it is given up.
pub(super) const READS: u32 = 3;

/// Why there is no checkpoint, or not yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Not {
    Pending,
    Closed,
    Lost(Option<Bad>),
}

impl From<Bad> for Not {
    fn from(bad: Bad) -> Self {
        Self::Lost(Some(bad))
    }
}

/// A checkpoint on its way in.
#[derive(Debug)]
pub(super) struct Load {
    salt: Salt,
    pointer: Pointer,
    schema: u64,
    without: Without,
    /// Blocks that were read of the state, or of the log.
    at: u64,
    tries: u32,
    /// Blocks of the state, or of the batch that is being read.
    raw: Vec<u8>,
    checkpoint: Option<Checkpoint>,
    /// The checkpoint and the length of the batch that is being read.
    batch: Option<(u64, u64)>,
    newest: u64,
    kept: Vec<Retained>,
    /// Blocks that had to be read again.
    pub(super) again: u64,
}

fn corrupt(object: Object, why: Why) -> Not {
    Bad::Corrupt { object, why }.into()
}

/// How many blocks extents are; nothing where they cannot be counted.
fn count(extents: &[Extent]) -> Option<u64> {
    extents.iter().try_fold(0_u64, |sum, extent| sum.checked_add(extent.count))
}

fn nth(extents: &[Extent], mut at: u64) -> Option<u64> {
    for extent in extents {
        if at < extent.count {
            return extent.block.checked_add(at);
        }
        at -= extent.count;
    }
    None
}

impl Load {
    pub(super) fn new(record: &StageRecord, without: Without) -> Self {
        Self {
            salt: record.checkpoint.salt(record.stage),
            pointer: record.checkpoint.clone(),
            schema: record.schema,
            without,
            at: 0,
            tries: 0,
            raw: Vec::new(),
            checkpoint: None,
            batch: None,
            newest: 0,
            kept: Vec::new(),
            again: 0,
        }
    }

    fn log_salt(&self) -> LogSalt {
        LogSalt { stage: self.salt.stage, inc: self.salt.inc }
    }

    /// Goes on until everything is read: what the life `inc` finds.
    pub(super) fn step(&mut self, store: &mut impl Store) -> Result<(), Not> {
        if self.pointer.seq == 0 {
            return Ok(());
        }
        while self.checkpoint.is_none() {
            self.state(store)?;
        }
        let blocks = count(&self.pointer.log).ok_or(corrupt(Object::StageRecord, Why::Field("extents")))?;
        while self.at < blocks {
            self.log(store)?;
        }
        if self.batch.is_some() {
            return Err(corrupt(Object::LogEntry, Why::Length));
        }
        for kept in &self.kept {
            if kept.from + (kept.entries.len() as u64) < kept.end {
                return Err(corrupt(Object::LogEntry, Why::Field("off")));
            }
        }
        Ok(())
    }

    /// What was found, once everything is read.
    pub(super) fn into_life(self, inc: crate::Incarnation) -> Life {
        Life { inc, schema: self.schema, checkpoint: self.checkpoint, retained: self.kept }
    }

    fn state(&mut self, store: &mut impl Store) -> Result<(), Not> {
        let shape = store.geometry();
        let block = shape.block as usize;
        if self.pointer.len > shape.bytes()
            || count(&self.pointer.extents) != Some(blocks_for(self.pointer.len, block))
        {
            return Err(corrupt(Object::Block, Why::Length));
        }
        while let Some(number) = nth(&self.pointer.extents, self.at) {
            let (salt, at) = (self.salt, self.at);
            self.fetch(store, number, |whole| salt.signed(at, whole))?;
        }
        let bytes = strip(&self.raw, self.pointer.len, block)?;
        if Checkpoint::digest(&bytes) != self.pointer.digest && !self.without.is(Mutant::SkipCrc) {
            return Err(corrupt(Object::Checkpoint, Why::Checksum));
        }
        let checkpoint = Checkpoint::decode(&bytes)?;
        if (checkpoint.inc, checkpoint.seq) != (self.pointer.inc, self.pointer.seq) {
            return Err(corrupt(Object::Checkpoint, Why::Field("seq")));
        }
        self.kept = checkpoint.outputs.iter().map(Retained::of).collect();
        self.checkpoint = Some(checkpoint);
        (self.at, self.raw) = (0, Vec::new());
        Ok(())
    }

    /// Reads one more block of the log.
    fn log(&mut self, store: &mut impl Store) -> Result<(), Not> {
        let Some(number) = nth(&self.pointer.log, self.at) else {
            return Err(corrupt(Object::LogEntry, Why::Length));
        };
        let block = store.geometry().block as usize;
        let (salt, current, seq) = (self.salt, self.batch, self.pointer.seq);
        let index = (self.raw.len() / block) as u64;
        self.fetch(store, number, |whole| match current.or_else(|| batch::claim(whole)) {
            Some((of, _)) => of <= seq && Salt { seq: of, ..salt }.signed(index, whole),
            None => false,
        })?;
        let (of, len) = match self.batch.or_else(|| batch::claim(&self.raw)) {
            Some(claim) if current.is_some() || claim.0 > self.newest => claim,
            _ => return Err(corrupt(Object::LogEntry, Why::Field("seq"))),
        };
        self.batch = Some((of, len));
        if blocks_for(len, block) > index + 1 {
            return Ok(());
        }
        let bytes = strip(&self.raw, len, block)?;
        let (log_salt, kept) = (self.log_salt(), &mut self.kept);
        batch::read(&bytes, log_salt, |edge, entry| keep(kept, edge, &entry))?;
        (self.newest, self.batch) = (of, None);
        self.raw.clear();
        Ok(())
    }

    /// Reads one block behind those that were read; `signed` says whether it is what it should be. One that is not is read again
    /// for a while: the medium may be right where the reading was wrong.
    fn fetch(
        &mut self,
        store: &mut impl Store,
        number: u64,
        signed: impl Fn(&[u8]) -> bool,
    ) -> Result<(), Not> {
        let block = store.geometry().block;
        let start = self.raw.len();
        let at = number.checked_mul(u64::from(block)).ok_or(corrupt(Object::Block, Why::Length))?;
        loop {
            self.raw.resize(start + block as usize, 0);
            let read = store.read(at, &mut self.raw[start..]);
            if read == Ok(()) && (signed(&self.raw[start..]) || self.without.is(Mutant::SkipCrc)) {
                (self.at, self.tries) = (self.at + 1, 0);
                return Ok(());
            }
            self.raw.truncate(start);
            let not = match read {
                Ok(()) => corrupt(Object::Block, Why::Checksum),
                Err(ReadError::Failed) => Not::Lost(None),
                Err(ReadError::Stalled) => return Err(Not::Pending),
                Err(ReadError::Closed) => return Err(Not::Closed),
                Err(ReadError::Misaligned | ReadError::OutOfRange) => {
                    return Err(corrupt(Object::Block, Why::Length));
                }
            };
            self.tries += 1;
            if self.tries >= READS {
                return Err(not);
            }
            self.again += 1;
        }
    }
}

/// Keeps an entry that the checkpoint needs; those before are forgotten, and none may be missing.
fn keep(kept: &mut [Retained], edge: EdgeId, entry: &LogEntry<'_>) -> Result<(), Bad> {
    let Some(kept) = kept.iter_mut().find(|kept| kept.edge == edge) else { return Ok(()) };
    let next = kept.from + kept.entries.len() as u64;
    if entry.off < kept.from && kept.entries.is_empty() {
        return Ok(());
    }
    if entry.off != next || next >= kept.end {
        return Err(Bad::Corrupt { object: Object::LogEntry, why: Why::Field("off") });
    }
    kept.entries.push((entry.label, entry.payload.to_vec()));
    Ok(())
}

impl Retained {
    fn of(output: &Output) -> Self {
        Self { edge: output.edge, from: output.retained, end: output.off, entries: Vec::new() }
    }
}
