//! A checkpoint on its way out.

use super::batch::{self, Batch};
use super::{Committed, Leaving, Outgoing, Phase, StageError, StageStore, Standing};
use crate::checkpoint::{Checkpoint, ENDS};
use crate::extent::{blocks_for, pack};
use crate::log::LogSalt;
use crate::mutant::Mutant;
use crate::stage::{LOG_EXTENTS, Pointer};
use crate::{EdgeCheckpoint, EdgeId, Extent, Salt};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::mem::replace;
use tidemill_seam::{Exchanged, Register, Store, SyncError, WriteError};

/// How far a checkpoint is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// So many pieces are written.
    Writing(usize),
    Syncing,
    Swapping,
    /// Nobody said what became of the swap.
    Settling,
}

/// A checkpoint on its way out.
#[derive(Debug)]
pub(super) struct Attempt {
    stage: Stage,
    /// Blocks, and what goes there.
    pieces: Vec<(u64, Vec<u8>)>,
    /// The record that names them, over the version that it replaces.
    new: Standing,
    edge: Option<EdgeCheckpoint>,
    ends: Vec<End>,
    log: Vec<Batch>,
    logged: Vec<(EdgeId, u64)>,
    whole: bool,
    /// What was swapped in is not synced yet, where somebody left that out.
    unsynced: bool,
}

/// How far a checkpoint goes on one edge.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    is_output: bool,
    edge: EdgeId,
    off: u64,
}

/// How far a checkpoint goes on each edge.
pub(super) fn ends(checkpoint: &Checkpoint) -> Vec<End> {
    let end = |is_output, edge, off| End { is_output, edge, off };
    let inputs = checkpoint.inputs.iter().map(|input| end(false, input.edge, input.off));
    inputs.chain(checkpoint.outputs.iter().map(|output| end(true, output.edge, output.off))).collect()
}

/// What is written down of the log.
struct Plan {
    kept: Vec<Batch>,
    new: Option<(Batch, Vec<u8>)>,
    whole: bool,
}

impl<S: Store, R: Register> StageStore<S, R> {
    /// Begins a checkpoint; [`poll`](Self::poll) carries it on. Its number.
    ///
    /// # Errors
    /// `NoLife`, `Busy`, `TooLong`, `LogFull`, `Backwards`, `Exhausted`, or why the life is over. Nothing is written.
    ///
    /// # Panics
    /// If there are more than [`ENDS`] inputs or outputs, or the entries of an output are not those from
    /// [`retained`](crate::Output::retained) up to its offset.
    pub fn begin(&mut self, leaving: &Leaving<'_>) -> Result<u64, StageError> {
        match &self.phase {
            Phase::Living => {}
            Phase::Writing(_) => return Err(StageError::Busy),
            Phase::Halted(error) => return Err(*error),
            _ => return Err(StageError::NoLife),
        }
        let Some((version, record)) = &self.standing else { return Err(StageError::NoLife) };
        let (version, mut new) = (*version, record.clone());
        check(leaving);
        // Into the slot that does not count, under a number that no attempt had before.
        let live = record.checkpoint.seq;
        let next = self.seq.checked_add(if self.seq % 2 == live % 2 { 1 } else { 2 });
        let (Some(seq), Some(ver)) = (next, record.ver.checked_add(1)) else {
            return Err(StageError::Exhausted);
        };
        let checkpoint = Checkpoint {
            inc: self.inc,
            seq,
            inputs: leaving.inputs.to_vec(),
            outputs: leaving.outputs.iter().map(|outgoing| outgoing.output).collect(),
            state: leaving.state.to_vec(),
        };
        let ends = ends(&checkpoint);
        self.forward(&ends)?;
        let bytes = checkpoint.encode();
        let (len, max) = (bytes.len() as u64, self.layout.checkpoint_max());
        if len > max {
            return Err(StageError::TooLong { len, max });
        }
        let plan = self.plan(leaving.outputs, seq)?;
        let mut pieces = Vec::new();
        new.checkpoint = self.place(&bytes, seq, &plan, &mut pieces);
        (new.ver, new.schema) = (ver, self.schema);
        let logged = leaving.outputs.iter().map(|outgoing| (outgoing.output.edge, outgoing.output.off));
        self.stats.bytes += pieces.iter().map(|(_, bytes)| bytes.len() as u64).sum::<u64>();
        self.seq = seq;
        self.phase = Phase::Writing(Box::new(Attempt {
            stage: Stage::Writing(0),
            pieces,
            new: (version, new),
            edge: checkpoint.edge(),
            ends,
            log: plan.kept.into_iter().chain(plan.new.map(|(batch, _)| batch)).collect(),
            logged: logged.collect(),
            whole: plan.whole,
            unsynced: false,
        }));
        Ok(seq)
    }

    /// Refuses what goes back behind the checkpoint that counts.
    fn forward(&self, ends: &[End]) -> Result<(), StageError> {
        let back = |new: &&End| {
            let same = |old: &&End| (old.is_output, old.edge) == (new.is_output, new.edge);
            self.ends.iter().find(same).is_some_and(|old| old.off > new.off)
        };
        ends.iter().find(back).map_or(Ok(()), |end| Err(StageError::Backwards { edge: end.edge }))
    }

    /// What is new behind what the log has, or everything anew, where what nobody needs would take too much of the log.
    fn plan(&self, outputs: &[Outgoing<'_>], seq: u64) -> Result<Plan, StageError> {
        let block = self.layout.block();
        let logged = |edge| self.logged.iter().find(|(of, _)| *of == edge).map_or(0, |(_, to)| *to);
        let skip = self.log.iter().take_while(|batch| !batch.is_needed(outputs)).count();
        let mut kept = self.log[skip..].to_vec();
        let used: u64 = kept.iter().map(|batch| batch.count).sum();
        let half = self.layout.log_max();
        let appends = used + blocks_for(batch::size(outputs, logged), block) <= half;
        let all = batch::size(outputs, |_| 0);
        if !appends {
            kept = Vec::new();
            if blocks_for(all, block) > half {
                let max = self.layout.retained_max();
                return Err(StageError::LogFull { len: all.saturating_sub(batch::HEAD as u64), max });
            }
        }
        let salt = LogSalt { stage: self.stage, inc: self.inc };
        let from = |edge| if appends { logged(edge) } else { 0 };
        let (bytes, ends) = batch::write(outputs, from, salt, seq);
        let whole = !appends || self.log.is_empty();
        if ends.is_empty() {
            return Ok(Plan { kept, new: None, whole: false });
        }
        // Behind everything that the checkpoint which counts may need.
        let mut at = self.log.last().map_or(0, |batch| batch.at + batch.count);
        if self.without.is(Mutant::OverwritesLog) {
            at = self.log.first().map_or(0, |batch| batch.at);
        }
        let count = blocks_for(bytes.len() as u64, block);
        Ok(Plan { kept, new: Some((Batch { at, count, ends }, bytes)), whole })
    }

    /// Where everything goes.
    fn place(&self, bytes: &[u8], seq: u64, plan: &Plan, pieces: &mut Vec<(u64, Vec<u8>)>) -> Pointer {
        let (block, mut inc) = (self.layout.block(), self.inc);
        if self.without.is(Mutant::SharedExtents) {
            inc.0 = 0;
        }
        let salt = Salt { stage: self.stage, inc: self.inc, seq };
        let mut pointer = Pointer { inc: self.inc, seq, ..Pointer::default() };
        (pointer.len, pointer.digest) = (bytes.len() as u64, Checkpoint::digest(bytes));
        let slot = self.layout.slot(inc, if self.without.is(Mutant::SingleSlot) { 0 } else { seq });
        pointer.extents[0] = Extent { count: blocks_for(pointer.len, block), ..slot };
        pieces.push((slot.block, pack(bytes, block, salt)));
        if let Some((batch, bytes)) = &plan.new {
            let packed = pack(bytes, block, salt);
            let [first, second] = self.layout.log(inc, batch.at, batch.count);
            let (front, back) = packed.split_at(first.count as usize * block);
            pieces.push((first.block, front.to_vec()));
            if second.count > 0 {
                pieces.push((second.block, back.to_vec()));
            }
        }
        let batches = || plan.kept.iter().chain(plan.new.as_ref().map(|(batch, _)| batch));
        let total = batches().map(|batch| batch.count).sum();
        let from = batches().next().map_or(0, |batch| batch.at);
        const { assert!(LOG_EXTENTS >= 2, "a log goes around its end") };
        if total > 0 {
            pointer.log[..2].copy_from_slice(&self.layout.log(inc, from, total));
        }
        pointer
    }

    /// Carries the checkpoint that was begun on: it counts, if this succeeds.
    ///
    /// # Errors
    /// `Pending` and `Unavailable`: call again. `NoSpace` and `Failed`: it is given up, the one before it counts, and
    /// another may be begun. `NoLife` where none was begun. Otherwise the life is over.
    pub fn poll(&mut self) -> Result<Committed, StageError> {
        loop {
            let Phase::Writing(attempt) = &mut self.phase else {
                return Err(self.error().unwrap_or(StageError::NoLife));
            };
            let over = match attempt.stage {
                Stage::Writing(nth) => match attempt.pieces.get(nth) {
                    Some((block, bytes)) => {
                        let at = *block * self.layout.block() as u64;
                        match self.store.write(at, bytes) {
                            Ok(()) => {
                                attempt.stage = Stage::Writing(nth + 1);
                                Ok(None)
                            }
                            Err(error) => Err(refused(error)),
                        }
                    }
                    None => {
                        attempt.unsynced = self.without.is(Mutant::CasBeforeSync);
                        attempt.stage = if attempt.unsynced { Stage::Swapping } else { Stage::Syncing };
                        Ok(None)
                    }
                },
                Stage::Syncing => self.sync(),
                Stage::Swapping => self.swap(),
                Stage::Settling => self.settle(),
            };
            match over {
                Ok(None) => {}
                Ok(Some(committed)) => return Ok(committed),
                Err(error) => return self.fail(error),
            }
        }
    }

    fn fail(&mut self, error: StageError) -> Result<Committed, StageError> {
        if matches!(error, StageError::NoSpace | StageError::Failed) {
            self.stats.given_up += 1;
            self.phase = Phase::Living;
        }
        self.stop(error)
    }

    fn sync(&mut self) -> Result<Option<Committed>, StageError> {
        if self.syncing {
            // One that was begun before these blocks were written covers none of them, whatever it says.
            match self.store.sync() {
                Err(SyncError::Pending) => return Err(StageError::Pending),
                Err(SyncError::Closed) => return Err(StageError::Closed),
                Ok(()) | Err(SyncError::Failed) => self.syncing = false,
            }
        }
        let synced = self.store.sync();
        let Phase::Writing(attempt) = &mut self.phase else { return Err(StageError::NoLife) };
        match synced {
            Ok(()) if attempt.unsynced => {
                attempt.unsynced = false;
                Ok(self.count())
            }
            Ok(()) => {
                attempt.stage = Stage::Swapping;
                Ok(None)
            }
            Err(SyncError::Pending) => Err(StageError::Pending),
            Err(SyncError::Failed) => Err(StageError::Unsynced),
            Err(SyncError::Closed) => Err(StageError::Closed),
        }
    }

    fn swap(&mut self) -> Result<Option<Committed>, StageError> {
        let Phase::Writing(attempt) = &mut self.phase else { return Err(StageError::NoLife) };
        match self.register.exchange(attempt.new.0, &attempt.new.1.encode())? {
            Exchanged::Won(version) => {
                attempt.new.0 = version;
                Ok(self.won())
            }
            Exchanged::Unknown if self.without.is(Mutant::UnknownCommitIsWon) => Ok(self.won()),
            Exchanged::Unknown if self.without.is(Mutant::UnknownCommitIsLost) => Err(StageError::Failed),
            Exchanged::Lost(_) | Exchanged::Unknown => {
                attempt.stage = Stage::Settling;
                self.stats.settled += 1;
                Ok(None)
            }
        }
    }

    /// Finds out from the record what became of the swap.
    fn settle(&mut self) -> Result<Option<Committed>, StageError> {
        self.look()?;
        let fence = self.fence();
        let (Phase::Writing(attempt), Some((version, record))) = (&mut self.phase, &self.standing) else {
            return Err(StageError::NoLife);
        };
        if let Some(by) = fence {
            if !self.without.is(Mutant::UnfencedStore) {
                return Err(StageError::Fenced { by });
            }
            attempt.new.0 = *version;
            (attempt.new.1.ver, attempt.new.1.inc) = (record.ver + 1, record.inc);
        } else if record.checkpoint == attempt.new.1.checkpoint {
            attempt.new.0 = *version;
            return Ok(self.won());
        } else if *version != attempt.new.0 {
            // Nobody but this life writes while nobody fenced it.
            return Err(StageError::Regressed { seen: attempt.new.1.ver, found: record.ver });
        }
        // It stands as before: the same again happens once at most, whatever becomes of the first.
        attempt.stage = Stage::Swapping;
        Ok(None)
    }

    fn won(&mut self) -> Option<Committed> {
        if let Phase::Writing(attempt) = &mut self.phase
            && attempt.unsynced
        {
            attempt.stage = Stage::Syncing;
            return None;
        }
        self.count()
    }

    /// The checkpoint counts from here on.
    fn count(&mut self) -> Option<Committed> {
        let Phase::Writing(attempt) = replace(&mut self.phase, Phase::Living) else { return None };
        let Attempt { new, edge, ends, log, logged, whole, .. } = *attempt;
        (self.ends, self.log, self.logged) = (ends, log, logged);
        self.stats.checkpoints += 1;
        self.stats.rehomed += u64::from(whole);
        let seq = new.1.checkpoint.seq;
        self.standing = Some(new);
        Some(Committed { seq, edge })
    }

    /// Leaves a checkpoint that is under way to itself.
    pub(super) fn give_up(&mut self) {
        if let Phase::Writing(attempt) = &self.phase {
            self.syncing |= attempt.stage == Stage::Syncing;
            self.stats.given_up += 1;
        }
    }
}

fn check(leaving: &Leaving<'_>) {
    let ends = leaving.inputs.len().max(leaving.outputs.len());
    assert!(ends <= ENDS, "a stage has at most {ENDS} ends of a kind");
    for Outgoing { output, entries } in leaving.outputs {
        let retained = output.off.checked_sub(output.retained);
        assert_eq!(retained, Some(entries.len() as u64), "what is retained is all from there to the offset");
    }
}

fn refused(error: WriteError) -> StageError {
    match error {
        WriteError::Stalled => StageError::Pending,
        WriteError::Full => StageError::NoSpace,
        WriteError::Closed => StageError::Closed,
        WriteError::Failed | WriteError::Misaligned | WriteError::OutOfRange => StageError::Failed,
    }
}
