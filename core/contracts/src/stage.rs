//! Laws K1 to K7 of [`StageStore`], over any store and any register.
//!
//! Handles are opened, minted and left behind, so that several lives write at once; what a life finds is compared, byte for byte,
//! with what was told to count.

mod model;

use crate::trial::Trial;
use crate::{Effort, Passed, Verdict, Violation};
use alloc::vec::Vec;
use model::{Content, Model};
use tidemill_relocate::{Committed, Extent, Leaving, Life, StageError, StageRecord, StageStore};
use tidemill_seam::{ReadingError, Register, Store};

/// Longest state of a history, in bytes.
pub const STATE_MAX: u64 = 200;
/// What is retained of a history at most, in bytes.
pub const RETAINED_MAX: u64 = 700;

/// A stage under test, and its world.
pub trait Bench {
    /// Where its blocks are.
    type Store: Store;
    /// Where its record is.
    type Register: Register;

    /// The stage, as one more process opens it. Those that were opened before may go on.
    fn open(&mut self) -> StageStore<Self::Store, Self::Register>;

    /// Lets the world carry what is under way, for a bounded time.
    fn settle(&mut self) {}

    /// Loses the power of everything, and brings it back: every handle is gone; `false` where this cannot be arranged.
    fn lose_power(&mut self) -> bool {
        false
    }

    /// Turns the lowest bit of a byte of the medium around; `false` where this cannot be arranged.
    fn damage(&mut self, _at: u64) -> bool {
        false
    }
}

const PATIENCE: u32 = 10_000;
const HANDLES: usize = 4;

/// Runs every law. `make` gives a world in which the stage was not [founded](StageStore::found) yet, with room for
/// [`STATE_MAX`] and [`RETAINED_MAX`].
pub fn suite<B: Bench>(mut make: impl FnMut() -> B, effort: Effort) -> Verdict {
    let mut passed = Passed::default();
    for seed in 0xA0..0xA4 {
        passed.add(history(&mut make(), seed, effort.steps() / 16)?);
    }
    Ok(passed)
}

/// One process that opened the stage.
struct Handle<B: Bench> {
    stage: StageStore<B::Store, B::Register>,
    /// The life that was minted there last.
    inc: u64,
    /// What it would leave next, if it lives.
    view: Option<Content>,
    /// The checkpoint that it began and has not ended.
    under_way: Option<u32>,
}

struct History<'b, B: Bench> {
    bench: &'b mut B,
    trial: Trial,
    model: Model,
    /// The last one was minted last.
    handles: Vec<Handle<B>>,
}

fn history<B: Bench>(bench: &mut B, seed: u64, steps: u32) -> Verdict {
    let mut history =
        History { bench, trial: Trial::new(seed), model: Model::default(), handles: Vec::new() };
    history.found()?;
    for _ in 0..steps {
        history.step()?;
    }
    Ok(history.trial.passed())
}

impl<B: Bench> History<'_, B> {
    fn found(&mut self) -> Result<(), Violation> {
        let mut stage = self.bench.open();
        let layout = *stage.layout();
        let room = layout.checkpoint_max() >= STATE_MAX && layout.retained_max() >= RETAINED_MAX;
        self.trial.require("K5", room, "a stage with less room is not judged here")?;
        let blank = self.answer(&mut stage, StageStore::mint)?.map(|_| ());
        self.trial.require("K4", blank == Err(StageError::Absent), "a blank register is a stage")?;
        let first = self.answer(&mut stage, StageStore::found)?;
        self.trial.require("K7", first.is_ok(), "a stage cannot be founded")?;
        let again = self.answer(&mut stage, StageStore::found)?;
        self.trial.require("K4", again == Ok(false), "a stage is founded twice")
    }

    fn step(&mut self) -> Result<(), Violation> {
        self.trial.next();
        if self.handles.last().is_none_or(|handle| handle.view.is_none()) {
            return self.bear();
        }
        let last = self.handles.len() - 1;
        match self.trial.dice.below(16) {
            0..=4 => self.checkpoint(last, PATIENCE),
            5 | 6 => {
                let asks = self.trial.dice.below(3);
                self.checkpoint(last, asks)
            }
            7..=9 => self.bear(),
            10 => self.mint(last),
            11 | 12 => {
                let zombie = self.trial.dice.below(self.handles.len() as u32) as usize;
                self.checkpoint(zombie, PATIENCE)
            }
            13 => self.refuse(last),
            14 => self.lose_power(),
            _ => self.damage(),
        }
    }

    /// Calls until there is an answer.
    fn answer<T>(
        &mut self,
        stage: &mut StageStore<B::Store, B::Register>,
        mut call: impl FnMut(&mut StageStore<B::Store, B::Register>) -> Result<T, StageError>,
    ) -> Result<Result<T, StageError>, Violation> {
        for _ in 0..PATIENCE {
            match call(stage) {
                Err(StageError::Pending | StageError::Unavailable) => self.bench.settle(),
                answered => return Ok(answered),
            }
        }
        Err(self.trial.violation("K7", "an answer never comes"))
    }

    /// A new process takes over.
    fn bear(&mut self) -> Result<(), Violation> {
        if self.handles.len() == HANDLES {
            let gone = self.trial.dice.below(HANDLES as u32) as usize;
            self.forget(gone);
        }
        let stage = self.bench.open();
        self.handles.push(Handle { stage, inc: 0, view: None, under_way: None });
        self.mint(self.handles.len() - 1)
    }

    /// A process is gone, and what it began is left to itself.
    fn forget(&mut self, which: usize) {
        let handle = self.handles.remove(which);
        if which == self.handles.len() {
            self.model.maybe.extend(handle.under_way);
        }
    }

    /// The life of a handle begins anew, and is the last one.
    fn mint(&mut self, which: usize) -> Result<(), Violation> {
        let before = self.handles.iter().rposition(|handle| handle.view.is_some());
        if let Some(before) = before {
            self.model.maybe.extend(self.handles[before].under_way);
        }
        let mut handle = self.handles.remove(which);
        (handle.under_way, handle.view) = (None, None);
        let life = match self.answer(&mut handle.stage, StageStore::mint)? {
            Ok(life) => life,
            Err(error) => {
                let what = match error {
                    StageError::StateLost { .. } => "a checkpoint that counts is lost",
                    StageError::Regressed { .. } => "the record goes back",
                    _ => "a life is not minted",
                };
                let law = if matches!(error, StageError::StateLost { .. }) { "K2" } else { "K3" };
                return Err(self.trial.violation(law, what));
            }
        };
        let newer = life.inc.0 > self.model.inc;
        self.trial.require("K3", newer, "a life has the number of one before it")?;
        self.model.inc = life.inc.0;
        // Whoever is so far behind has no blocks of its own any more.
        let areas = handle.stage.layout().areas();
        self.handles.retain(|handle| handle.inc + areas > life.inc.0);
        handle.inc = life.inc.0;
        handle.view = Some(self.finds(&life)?);
        self.handles.push(handle);
        Ok(())
    }

    /// Compares what a life found with what may count.
    fn finds(&mut self, life: &Life) -> Result<Content, Violation> {
        let Some(found) = &life.checkpoint else {
            let none = self.model.counted.is_none();
            self.trial.require("K2", none, "a life finds nothing where a checkpoint counts")?;
            self.model.settle(None);
            return Ok(Content::default());
        };
        let number = Content::number(&found.state);
        let dead = number.is_some_and(|number| self.model.dead.contains(&number));
        self.trial.require("K5", !dead, "a checkpoint counts that was refused")?;
        let content = number.and_then(|number| self.model.content(number)).cloned();
        let Some(content) = content else {
            return Err(self.trial.violation("K2", "a life finds something else than what counts"));
        };
        let seq = found.seq >= self.model.seq;
        self.trial.require("K3", seq, "a checkpoint has a smaller number than one before it")?;
        self.model.seq = found.seq;
        self.trial.require("K2", content.is(life), "a checkpoint differs from what was left")?;
        self.model.settle(number);
        Ok(content)
    }

    /// Begins the next checkpoint of a life, or goes on with the one that it began.
    fn begin(&mut self, which: usize) -> Result<Option<u32>, Violation> {
        if let Some(number) = self.handles[which].under_way {
            return Ok(Some(number));
        }
        let Some(view) = &self.handles[which].view else { return Ok(None) };
        self.model.last += 1;
        let number = self.model.last;
        let content = view.next(number, &mut self.trial.dice);
        let begun = content.leave(|leaving| self.handles[which].stage.begin(leaving));
        self.model.keep(content);
        match begun {
            Ok(_) => {
                self.handles[which].under_way = Some(number);
                Ok(Some(number))
            }
            Err(error) => {
                self.model.dead.push(number);
                let over = which + 1 < self.handles.len() && error.is_final();
                self.trial.require("K7", over, "a life that is not over begins no checkpoint")?;
                self.handles[which].view = None;
                Ok(None)
            }
        }
    }

    /// A life leaves a checkpoint, which counts if it is the last one, and does not if it is not; or leaves it under way after so
    /// many calls.
    fn checkpoint(&mut self, which: usize, asks: u32) -> Result<(), Violation> {
        let Some(number) = self.begin(which)? else { return Ok(()) };
        let mut ended = Err(StageError::Pending);
        for _ in 0..asks {
            ended = self.handles[which].stage.poll();
            match ended {
                Err(StageError::Pending | StageError::Unavailable) => self.bench.settle(),
                _ => break,
            }
        }
        if let Err(StageError::Pending | StageError::Unavailable) = ended {
            return self.trial.require("K7", asks < PATIENCE, "an answer never comes");
        }
        self.ended(which, number, ended)
    }

    /// A checkpoint came to an end.
    fn ended(
        &mut self,
        which: usize,
        number: u32,
        ended: Result<Committed, StageError>,
    ) -> Result<(), Violation> {
        let mut handle = self.handles.remove(which);
        let is_last = which == self.handles.len();
        handle.under_way = None;
        match ended {
            Ok(committed) => {
                self.trial.require("K1", is_last, "a checkpoint of a life that was fenced counts")?;
                let greater = committed.seq > self.model.seq;
                self.trial.require("K3", greater, "a checkpoint has the number of one before it")?;
                self.model.seq = committed.seq;
                self.model.settle(Some(number));
                handle.view = self.model.content(number).cloned();
                self.handles.insert(which, handle);
                return self.stands(committed.seq);
            }
            Err(StageError::NoSpace | StageError::Failed) => self.model.dead.push(number),
            Err(StageError::Unsynced) => {
                self.model.dead.push(number);
                handle.view = None;
            }
            Err(StageError::Fenced { by }) => {
                self.trial.require("K1", !is_last, "the last life is told that it was fenced")?;
                let inc = handle.view.as_ref().map(|_| by.0 <= self.model.inc);
                self.trial.require("K1", inc == Some(true), "a life is fenced by one that nobody minted")?;
                handle.view = None;
            }
            Err(_) if is_last => {
                // What stands there says whose fault it is.
                self.model.maybe.push(number);
                self.bear()?;
                return Err(self.trial.violation("K7", "a life ends that nobody took over"));
            }
            Err(_) => handle.view = None,
        }
        self.handles.insert(which, handle);
        Ok(())
    }

    /// The record of everybody else says so too.
    fn stands(&mut self, seq: u64) -> Result<(), Violation> {
        let (_, mut register) = self.bench.open().into_parts();
        if register.reads_may_be_stale() {
            return Ok(());
        }
        let mut bytes = [0; StageRecord::BYTES];
        for _ in 0..PATIENCE {
            match register.read(&mut bytes) {
                Err(ReadingError::Pending | ReadingError::Unavailable) => self.bench.settle(),
                read => {
                    let record = read.ok().and_then(|read| StageRecord::decode(&bytes[..read.len]).ok());
                    let stands = record.is_some_and(|record| record.checkpoint.seq == seq);
                    return self.trial.require("K6", stands, "a checkpoint was told to count and does not");
                }
            }
        }
        Err(self.trial.violation("K7", "an answer never comes"))
    }

    /// What has to be refused, and has no effect.
    fn refuse(&mut self, which: usize) -> Result<(), Violation> {
        let handle = &mut self.handles[which];
        let max = handle.stage.layout().checkpoint_max();
        let long = alloc::vec![1; max as usize];
        let busy = handle.under_way.is_some();
        let refused = handle.stage.begin(&Leaving { state: &long, ..Leaving::default() });
        let named = match refused {
            Err(StageError::Busy) => busy,
            Err(StageError::TooLong { len, max: m }) => len > m && m == max,
            _ => false,
        };
        self.trial.require("K5", named, "a checkpoint longer than its slot is taken")?;
        let Some(view) = self.handles[which].view.as_ref().filter(|view| view.off > 0 && !busy) else {
            return Ok(());
        };
        let mut back = view.inputs();
        back[0].off -= 1;
        let refused = self.handles[which].stage.begin(&Leaving { inputs: &back, ..Leaving::default() });
        let named = matches!(refused, Err(StageError::Backwards { .. }));
        self.trial.require("K5", named, "a checkpoint goes back behind the one before")
    }

    fn lose_power(&mut self) -> Result<(), Violation> {
        if !self.bench.lose_power() {
            return Ok(());
        }
        while !self.handles.is_empty() {
            self.forget(self.handles.len() - 1);
        }
        self.bear()
    }

    /// Damages a block that counts: every life is told, until the damage is undone.
    fn damage(&mut self) -> Result<(), Violation> {
        self.bear()?;
        let Some(handle) = self.handles.last() else { return Ok(()) };
        let (Some(record), Some(_)) = (handle.stage.record(), self.model.counted) else { return Ok(()) };
        let (seq, pointer) = (record.checkpoint.seq, record.checkpoint.clone());
        let extents = pointer.extents.iter().chain(&pointer.log).filter(|extent| extent.count > 0);
        let extents: Vec<&Extent> = extents.collect();
        let dice = &mut self.trial.dice;
        let extent = extents[dice.below(extents.len() as u32) as usize];
        let block = extent.block + u64::from(dice.below(extent.count as u32));
        let within = dice.roll();
        let size = u64::from(self.bench.open().into_parts().0.geometry().block);
        let at = block * size + within % size;
        if !self.bench.damage(at) {
            return Ok(());
        }
        self.handles.clear();
        let mut stage = self.bench.open();
        let told = self.answer(&mut stage, StageStore::mint)?;
        let lost = matches!(told, Err(StageError::StateLost { seq: lost, .. }) if lost == seq);
        self.trial.require("K4", lost, "damage is not told by the number of the checkpoint")?;
        self.model.inc = stage.record().map_or(self.model.inc, |record| record.inc.0);
        self.bench.damage(at);
        self.bear()
    }
}
