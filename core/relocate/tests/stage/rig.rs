//! A disk with a cache, a register, and what may go wrong with either, in order.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use tidemill_relocate::{
    Chain, Committed, EdgeId, Input, Label, Leaving, Life, Outgoing, Output, StageError, StageId, StageStore,
};
use tidemill_seam::{
    ExchangeError, Exchanged, Geometry, ReadError, Reading, ReadingError, Register, Store, SyncError,
    Version, WriteError,
};

pub(crate) const STAGE: StageId = StageId([2; 16]);
pub(crate) const IN: EdgeId = EdgeId([1; 16]);
pub(crate) const OUT: EdgeId = EdgeId([3; 16]);
pub(crate) const SCHEMA: u64 = 5;
pub(crate) const BLOCK: usize = 64;
pub(crate) const STATE_MAX: u64 = 64;
pub(crate) const SHAPE: Geometry = Geometry { block: BLOCK as u32, blocks: 3 * (2 * 17 + 20) };

/// What the world does with one operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fate {
    Well,
    /// Nothing happens, and the caller hears this.
    Write(WriteError),
    Sync(SyncError),
    /// The caller is told that nobody knows; it happened, or it never does, or it does with the next operation.
    UnknownDone,
    UnknownNever,
    UnknownLater,
    Exchange(ExchangeError),
}

#[derive(Debug, Default)]
pub(crate) struct World {
    pub(crate) cache: RefCell<Vec<u8>>,
    pub(crate) medium: RefCell<Vec<u8>>,
    /// What becomes of the next writes, syncs and exchanges; well where nothing is said.
    pub(crate) fates: RefCell<VecDeque<Fate>>,
    /// Operations until everything is gone.
    pub(crate) left: Cell<Option<u64>>,
    /// Whether an exchange that everything ends with has its effect.
    pub(crate) unheard: Cell<bool>,
    pub(crate) operations: Cell<u64>,
    pub(crate) syncs: Cell<u64>,
    pub(crate) value: RefCell<(u64, Vec<u8>)>,
    later: RefCell<Option<(u64, Vec<u8>)>>,
    /// Reads of this block give nothing, so often.
    pub(crate) deaf: Cell<(u64, u32)>,
    pub(crate) stale: RefCell<Option<(u64, Vec<u8>)>>,
    pub(crate) may_be_stale: Cell<bool>,
}

#[derive(Clone, Debug)]
pub(crate) struct Disk(pub(crate) Rc<World>);

#[derive(Clone, Debug)]
pub(crate) struct Word(pub(crate) Rc<World>);

impl World {
    pub(crate) fn new() -> Rc<Self> {
        let blank = vec![0; SHAPE.bytes() as usize];
        Rc::new(Self {
            cache: RefCell::new(blank.clone()),
            medium: RefCell::new(blank),
            deaf: Cell::new((u64::MAX, 0)),
            ..Self::default()
        })
    }

    fn fate(&self) -> Option<Fate> {
        self.operations.set(self.operations.get() + 1);
        match self.left.get() {
            Some(0) => return None,
            Some(left) => self.left.set(Some(left - 1)),
            None => {}
        }
        Some(self.fates.borrow_mut().pop_front().unwrap_or(Fate::Well))
    }

    fn arrive(&self) {
        if let Some((expected, value)) = self.later.take()
            && self.value.borrow().0 == expected
        {
            self.value.replace((expected + 1, value));
        }
    }

    /// Power is lost: nothing unsynced is kept, or all of it, or the first half of each block.
    pub(crate) fn lose_power(&self, keep: usize) {
        let (mut cache, mut medium) = (self.cache.borrow_mut(), self.medium.borrow_mut());
        for (old, new) in medium.chunks_mut(BLOCK).zip(cache.chunks(BLOCK)) {
            old[..keep].copy_from_slice(&new[..keep]);
        }
        cache.clone_from(&medium);
        self.left.set(None);
    }
}

impl Store for Disk {
    fn geometry(&self) -> Geometry {
        SHAPE
    }

    fn read(&mut self, at: u64, into: &mut [u8]) -> Result<(), ReadError> {
        SHAPE.place(at, into.len())?;
        let (block, left) = self.0.deaf.get();
        if at / BLOCK as u64 == block && left > 0 {
            self.0.deaf.set((block, left - 1));
            return Err(ReadError::Failed);
        }
        into.copy_from_slice(&self.0.cache.borrow()[at as usize..at as usize + into.len()]);
        Ok(())
    }

    fn write(&mut self, at: u64, from: &[u8]) -> Result<(), WriteError> {
        SHAPE.place(at, from.len())?;
        for (nth, block) in from.chunks(BLOCK).enumerate() {
            match self.0.fate() {
                None => return Err(WriteError::Closed),
                Some(Fate::Write(error)) => return Err(error),
                Some(Fate::Well) => {}
                Some(fate) => panic!("{fate:?} at a write"),
            }
            let at = at as usize + nth * BLOCK;
            self.0.cache.borrow_mut()[at..at + BLOCK].copy_from_slice(block);
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<(), SyncError> {
        match self.0.fate() {
            None => Err(SyncError::Closed),
            Some(Fate::Sync(error)) => Err(error),
            Some(Fate::Well) => {
                self.0.syncs.set(self.0.syncs.get() + 1);
                self.0.medium.borrow_mut().clone_from(&self.0.cache.borrow());
                Ok(())
            }
            Some(fate) => panic!("{fate:?} at a sync"),
        }
    }
}

impl Register for Word {
    fn capacity(&self) -> usize {
        512
    }

    fn reads_may_be_stale(&self) -> bool {
        self.0.may_be_stale.get()
    }

    fn read(&mut self, into: &mut [u8]) -> Result<Reading, ReadingError> {
        if self.0.left.get() == Some(0) {
            return Err(ReadingError::Closed);
        }
        self.0.arrive();
        let stale = self.0.stale.take();
        let (version, value) = stale.unwrap_or_else(|| self.0.value.borrow().clone());
        if version == 0 {
            return Err(ReadingError::Absent);
        }
        into[..value.len()].copy_from_slice(&value);
        Ok(Reading { version: Version(version), len: value.len() })
    }

    fn exchange(&mut self, expected: Version, value: &[u8]) -> Result<Exchanged, ExchangeError> {
        let first = self.0.left.get() == Some(0) && self.0.unheard.take();
        let Some(fate) = self.0.fate() else {
            if first && self.0.value.borrow().0 == expected.0 {
                self.0.value.replace((expected.0 + 1, value.to_vec()));
            }
            return Err(ExchangeError::Closed);
        };
        if let Fate::Exchange(error) = fate {
            return Err(error);
        }
        self.0.arrive();
        let stands = self.0.value.borrow().0;
        if stands != expected.0 {
            return Ok(Exchanged::Lost(Version(stands)));
        }
        let done = (stands + 1, value.to_vec());
        match fate {
            Fate::UnknownNever => {}
            Fate::UnknownLater => _ = self.0.later.replace(Some((stands, value.to_vec()))),
            Fate::UnknownDone | Fate::Well => _ = self.0.value.replace(done),
            fate => panic!("{fate:?} at an exchange"),
        }
        Ok(if fate == Fate::Well { Exchanged::Won(Version(stands + 1)) } else { Exchanged::Unknown })
    }

    fn watch(&mut self, _: Version) -> bool {
        false
    }
}

pub(crate) type Stage = StageStore<Disk, Word>;

pub(crate) fn open(world: &Rc<World>) -> Stage {
    StageStore::new(Disk(Rc::clone(world)), Word(Rc::clone(world)), STAGE, SCHEMA, 3, STATE_MAX)
        .expect("blocks enough")
}

/// A stage that was founded, and a world around it.
pub(crate) fn founded() -> (Rc<World>, Stage) {
    let world = World::new();
    let mut stage = open(&world);
    assert_eq!(stage.found(), Ok(true));
    (world, stage)
}

/// Calls until it is no longer pending.
pub(crate) fn finish<T>(mut call: impl FnMut() -> Result<T, StageError>) -> Result<T, StageError> {
    for _ in 0..1000 {
        match call() {
            Err(StageError::Pending | StageError::Unavailable) => {}
            done => return done,
        }
    }
    panic!("pending for ever");
}

pub(crate) fn mint(world: &Rc<World>) -> Result<(Stage, Life), StageError> {
    let mut stage = open(world);
    let life = finish(|| stage.mint())?;
    Ok((stage, life))
}

/// The payload at an offset, and its label.
pub(crate) fn entry(off: u64) -> (Label, Vec<u8>) {
    (Label(u128::from(off) + 7), format!("item {off}").into_bytes())
}

/// A checkpoint that has read and written up to `off`, of which everything from `from` on is retained.
pub(crate) fn leave(stage: &mut Stage, from: u64, off: u64) -> Result<Committed, StageError> {
    begin(stage, from, off)?;
    finish(|| stage.poll())
}

pub(crate) fn begin(stage: &mut Stage, from: u64, off: u64) -> Result<u64, StageError> {
    let kept: Vec<(Label, Vec<u8>)> = (from..off).map(entry).collect();
    let entries: Vec<(Label, &[u8])> = kept.iter().map(|(label, bytes)| (*label, &bytes[..])).collect();
    let output =
        Output { edge: OUT, off, chain: Chain(u128::from(off)), retained: from, seen: off + 1, ended: false };
    let input = Input { edge: IN, off, chain: Chain(u128::from(off) << 64), seen: off + 2, ended: false };
    let outputs = [Outgoing { output, entries: &entries }];
    stage.begin(&Leaving { inputs: &[input], outputs: &outputs, state: &state(off) })
}

pub(crate) fn state(off: u64) -> Vec<u8> {
    format!("state at {off}").into_bytes()
}

/// The offset of what a life found, all of which fits together; `None` where nothing was left.
pub(crate) fn found(life: &Life) -> Option<u64> {
    let Some(checkpoint) = &life.checkpoint else {
        assert!(life.retained.is_empty(), "something is retained of nothing: {life:?}");
        return None;
    };
    let off = checkpoint.inputs[0].off;
    assert_eq!((checkpoint.outputs[0].off, &checkpoint.state), (off, &state(off)));
    let retained = &life.retained[0];
    let from = checkpoint.outputs[0].retained;
    assert_eq!((retained.edge, retained.from), (OUT, from));
    assert_eq!(retained.entries, (from..off).map(entry).collect::<Vec<_>>());
    Some(off)
}
