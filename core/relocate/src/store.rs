//! Where a stage leaves its checkpoints: blocks of a store, and a record in a register that says which of them count.

mod batch;
mod error;
mod layout;
mod life;
mod load;
mod write;

use crate::mutant::{Mutant, Without};
use crate::stage::StageRecord;
use crate::{EdgeId, Incarnation, StageId};
use alloc::boxed::Box;
use alloc::vec::Vec;
use batch::Batch;
pub use error::StageError;
pub use layout::{BadLayout, Layout};
pub use life::{Committed, Leaving, Life, Outgoing, Retained, StageStats};
use load::{Load, Not};
use tidemill_seam::{Exchanged, Register, Store, Version};
use write::{Attempt, End};

/// A record, with the version that an exchange for it has to expect.
type Standing = (Version, Box<StageRecord>);

#[derive(Debug)]
enum Phase {
    /// No life.
    Idle,
    /// No life; somebody founded the stage before, and what stands there is being read.
    Looking,
    /// The next life is being swapped in.
    Minting(Standing),
    /// The checkpoint that it finds is being read.
    Loading(Box<Load>),
    Living,
    Writing(Box<Attempt>),
    /// Over.
    Halted(StageError),
}

/// Mints the lives of a stage and keeps their checkpoints, over any [`Store`] and any [`Register`].
///
/// A checkpoint is written into blocks that nothing counts on, synced, and swapped in: the record in the register names the
/// blocks that count, so that the swap is the moment at which output becomes final. Whatever ends before it leaves the
/// checkpoint before. A life is minted by the same swap, which every earlier life loses from then on: what these write may
/// still reach their own blocks, and those are no one else's ([`Layout`]).
///
/// # Laws
/// - **K1** A life that was minted fences every one before it: their checkpoints count no more, and they are told who took over.
/// - **K2** A life finds the newest checkpoint that counts, byte for byte, with everything that is retained; one that was
///   acknowledged counts, and one that was refused or given up never does.
/// - **K3** Lives and checkpoints only ever get greater numbers, and no two lives the same.
/// - **K4** Damage is an error with the number of the checkpoint, never an older state and never an empty one; a register that was
///   never written is not one without a checkpoint.
/// - **K5** A checkpoint that is too long, finds no space or fails has no effect, and the next one may succeed.
/// - **K6** A swap whose outcome nobody knows is settled before anything else is done: no checkpoint ends unknown.
/// - **K7** No call waits. Once faults end, what is asked for ends after a bounded number of calls.
///
/// # What is done again, and what is not
/// A block that cannot be read, or is damaged, is read three times. A stalled device, a pending sync and a register that cannot
/// be reached are asked again by the next call. A write that failed gives the checkpoint up; the next one is another
/// checkpoint with another number. A sync that failed ends the life ([`Unsynced`](StageError::Unsynced)): what it covered may
/// be durable or not, and only a new life, which reads what is there, can tell. A swap of unknown outcome is settled by the
/// record; that of a mint is never claimed, the next greater life is minted.
///
/// A store that only one machine can reach lets a stage survive the death of its process, not that of the machine.
#[derive(Debug)]
pub struct StageStore<S, R> {
    store: S,
    register: R,
    stage: StageId,
    schema: u64,
    layout: Layout,
    without: Without,
    /// The record as it was seen last.
    standing: Option<Standing>,
    inc: Incarnation,
    /// The greatest life that may have been asked for.
    asked: Incarnation,
    /// The greatest checkpoint that was begun.
    seq: u64,
    /// How far the checkpoint that counts goes on each edge.
    ends: Vec<End>,
    /// The batches that it needs, oldest first.
    log: Vec<Batch>,
    /// How far each output is logged, by this life.
    logged: Vec<(EdgeId, u64)>,
    /// A sync that was given up is still under way.
    syncing: bool,
    phase: Phase,
    stats: StageStats,
}

impl<S: Store, R: Register> StageStore<S, R> {
    /// The store of `stage`, whose states are written in the way `schema`: the stage's own number.
    ///
    /// # Errors
    /// If `store` has not the blocks that `areas` for states of `state_max` bytes take ([`Layout::new`]).
    pub fn new(
        store: S,
        register: R,
        stage: StageId,
        schema: u64,
        areas: u64,
        state_max: u64,
    ) -> Result<Self, BadLayout> {
        let layout = Layout::new(store.geometry(), areas, state_max)?;
        Ok(Self {
            store,
            register,
            stage,
            schema,
            layout,
            without: Without::default(),
            standing: None,
            inc: Incarnation(0),
            asked: Incarnation(0),
            seq: 0,
            ends: Vec::new(),
            log: Vec::new(),
            logged: Vec::new(),
            syncing: false,
            phase: Phase::Idle,
            stats: StageStats::default(),
        })
    }

    /// The same, but for one safeguard.
    #[cfg(feature = "_mutants")]
    #[must_use]
    pub fn without(mut self, mutant: Mutant) -> Self {
        self.without = Without::only(mutant);
        self
    }

    /// Writes the first record of a stage, once in its history; whether there was none.
    ///
    /// # Errors
    /// `Pending` and `Unavailable`: call again. Otherwise what is wrong with the register, or with what stands there.
    pub fn found(&mut self) -> Result<bool, StageError> {
        if self.standing.is_some() {
            return Ok(false);
        }
        if !matches!(self.phase, Phase::Looking) {
            let first = StageRecord::new(self.stage, self.schema);
            match self.register.exchange(Version::NONE, &first.encode())? {
                Exchanged::Won(version) => {
                    self.standing = Some((version, Box::new(first)));
                    return Ok(true);
                }
                // The same again expects that nothing stands there, so that it happens once at most.
                Exchanged::Unknown => return Err(StageError::Unavailable),
                Exchanged::Lost(_) => self.phase = Phase::Looking,
            }
        }
        self.look()?;
        self.phase = Phase::Idle;
        Ok(false)
    }

    /// Begins a new life, and fences every one before it: what it finds. Ends the life that was minted here before, and gives up
    /// its checkpoint, if one is under way.
    ///
    /// # Errors
    /// `Pending` and `Unavailable`: call again. Otherwise see [`StageError`]; a later call begins anew.
    pub fn mint(&mut self) -> Result<Life, StageError> {
        if !matches!(self.phase, Phase::Minting(_) | Phase::Loading(_)) {
            self.give_up();
            (self.inc, self.phase) = (Incarnation(0), Phase::Idle);
        }
        loop {
            match &mut self.phase {
                Phase::Minting((version, new)) => {
                    let exchanged = match self.register.exchange(*version, &new.encode()) {
                        Ok(exchanged) => exchanged,
                        Err(error) => return self.stop(error.into()),
                    };
                    self.minted(exchanged);
                }
                Phase::Loading(load) => {
                    let loaded = load.step(&mut self.store);
                    return self.loaded(loaded);
                }
                _ => {
                    if let Err(error) = self.propose() {
                        return self.stop(error);
                    }
                }
            }
        }
    }

    /// Reads the record, and makes up the next one with a life of its own.
    fn propose(&mut self) -> Result<(), StageError> {
        if let Err(error) = self.look() {
            if error != StageError::Absent || !self.without.is(Mutant::BlankIsDefault) {
                return Err(error);
            }
            self.standing = Some((Version::NONE, Box::new(StageRecord::new(self.stage, self.schema))));
        }
        let Some((version, record)) = &self.standing else { return Err(StageError::Unavailable) };
        let mut new = record.clone();
        let above = record.inc.max(self.asked);
        let next = if self.without.is(Mutant::SharedExtents) {
            above.0.checked_add(1).map(Incarnation)
        } else {
            self.layout.next_apart(above, &record.checkpoint)
        };
        (new.inc, new.ver) = match (next, record.ver.checked_add(1)) {
            (Some(inc), Some(ver)) => (inc, ver),
            _ => return Err(StageError::Exhausted),
        };
        self.phase = Phase::Minting((*version, new));
        Ok(())
    }

    fn minted(&mut self, exchanged: Exchanged) {
        let Phase::Minting((_, new)) = core::mem::replace(&mut self.phase, Phase::Idle) else { return };
        self.asked = new.inc;
        match exchanged {
            Exchanged::Won(version) => {
                self.phase = Phase::Loading(Box::new(Load::new(&new, self.without)));
                self.inc = new.inc;
                self.standing = Some((version, new));
            }
            Exchanged::Lost(_) => {}
            // Somebody else may have asked for the same life: it is nobody's.
            Exchanged::Unknown => self.stats.settled += 1,
        }
    }

    fn loaded(&mut self, loaded: Result<(), Not>) -> Result<Life, StageError> {
        match loaded {
            Ok(()) => {}
            Err(Not::Pending) => return Err(StageError::Pending),
            Err(Not::Closed) => return self.stop(StageError::Closed),
            Err(Not::Lost(why)) => {
                let seq = self.standing.as_ref().map_or(0, |(_, record)| record.checkpoint.seq);
                if !self.without.is(Mutant::FallbackPastAck) {
                    return self.stop(StageError::StateLost { seq, why });
                }
                self.phase = Phase::Loading(Box::new(Load::new(
                    &StageRecord::new(self.stage, self.schema),
                    self.without,
                )));
            }
        }
        let Phase::Loading(load) = core::mem::replace(&mut self.phase, Phase::Living) else {
            return Err(StageError::NoLife);
        };
        self.stats.lives += 1;
        self.stats.reread += load.again;
        let life = load.into_life(self.inc);
        self.seq = self.standing.as_ref().map_or(0, |(_, record)| record.checkpoint.seq);
        self.ends = life.checkpoint.as_ref().map_or_else(Vec::new, write::ends);
        // What the life before it logged is written again into blocks of its own.
        (self.log, self.logged) = (Vec::new(), Vec::new());
        Ok(life)
    }

    /// Remembers an error that ends what is under way.
    pub(crate) fn stop<T>(&mut self, error: StageError) -> Result<T, StageError> {
        if error.is_final() {
            self.phase = Phase::Halted(error);
        }
        Err(error)
    }

    /// Whether this life may still write, as far as the record says.
    ///
    /// # Errors
    /// `Fenced` where a later life took over; `Busy` while a checkpoint is under way, whose outcome says the same.
    pub fn confirm(&mut self) -> Result<(), StageError> {
        match &self.phase {
            Phase::Living => {}
            Phase::Writing(_) => return Err(StageError::Busy),
            Phase::Halted(error) => return Err(*error),
            _ => return Err(StageError::NoLife),
        }
        if let Err(error) = self.look() {
            return self.stop(error);
        }
        match self.fence() {
            Some(by) => self.stop(StageError::Fenced { by }),
            None => Ok(()),
        }
    }

    /// The life that took over from this one, as far as is known.
    fn fence(&self) -> Option<Incarnation> {
        self.standing.as_ref().map(|(_, record)| record.inc).filter(|inc| *inc > self.inc)
    }

    /// Reads the record.
    fn look(&mut self) -> Result<(), StageError> {
        let mut bytes = [0; StageRecord::BYTES];
        let reading = self.register.read(&mut bytes)?;
        let record = StageRecord::decode(&bytes[..reading.len]).map_err(StageError::Bad)?;
        if record.stage != self.stage {
            return Err(StageError::Foreign);
        }
        if let Some((version, known)) = &self.standing {
            if reading.version < *version && self.register.reads_may_be_stale() {
                self.stats.behind += 1;
                return Err(StageError::Unavailable);
            }
            let back = record.inc < known.inc || record.checkpoint.seq < known.checkpoint.seq;
            if reading.version < *version || record.ver < known.ver || back {
                return Err(StageError::Regressed { seen: known.ver, found: record.ver });
            }
        }
        self.standing = Some((reading.version, Box::new(record)));
        Ok(())
    }

    /// Which life this is, while it lives.
    pub const fn inc(&self) -> Option<Incarnation> {
        match self.phase {
            Phase::Living | Phase::Writing(_) => Some(self.inc),
            _ => None,
        }
    }

    /// Why the life is over.
    pub const fn error(&self) -> Option<StageError> {
        match self.phase {
            Phase::Halted(error) => Some(error),
            _ => None,
        }
    }

    /// The record as it was seen last.
    pub fn record(&self) -> Option<&StageRecord> {
        self.standing.as_ref().map(|(_, record)| &**record)
    }

    /// How the blocks are divided.
    pub const fn layout(&self) -> &Layout {
        &self.layout
    }

    /// What it did and met so far.
    pub const fn stats(&self) -> StageStats {
        self.stats
    }

    /// Asks to be notified once the record may have moved beyond what was seen: a hint, and no more.
    pub fn watch(&mut self) -> bool {
        let seen = self.standing.as_ref().map_or(Version::NONE, |(version, _)| *version);
        self.register.watch(seen)
    }

    /// The store and the register.
    pub fn into_parts(self) -> (S, R) {
        (self.store, self.register)
    }
}
