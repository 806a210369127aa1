//! The state of a stage, with how far it read and wrote when it was like this.

use crate::checkpoint::Input;
use crate::store::{Committed, Life, Outgoing, StageError, StageStore};
use crate::{EdgeCheckpoint, Leaving};
use alloc::vec::Vec;
use tidemill_seam::{Register, Store};

/// A state that can be left to the next life of its stage.
pub trait StageState: Sized {
    /// Names the way in which [`save`](Self::save) writes: another number for each that ever was.
    const SCHEMA: u64;

    /// Appends the bytes of the state.
    fn save(&self, into: &mut Vec<u8>);

    /// The state in `bytes`, which were saved in the way `schema`; nothing where they are not one, or nobody reads them any more.
    fn load(schema: u64, bytes: &[u8]) -> Option<Self>;
}

/// Bytes, as they are.
impl StageState for Vec<u8> {
    const SCHEMA: u64 = 0;

    fn save(&self, into: &mut Vec<u8>) {
        into.extend_from_slice(self);
    }

    fn load(schema: u64, bytes: &[u8]) -> Option<Self> {
        (schema == Self::SCHEMA).then(|| bytes.to_vec())
    }
}

/// Hears when a flush begins and when it is over, to leave whoever flushes alone for so long. It has no part in it.
pub trait FlushObserver {
    /// A flush began, or it is over: it succeeded, was given up, or its stage is gone.
    fn flushing(&mut self, is: bool);
}

impl FlushObserver for () {
    fn flushing(&mut self, _: bool) {}
}

impl<F: FnMut(bool)> FlushObserver for F {
    fn flushing(&mut self, is: bool) {
        self(is);
    }
}

/// Tells its observer that a flush is over at the latest when it is dropped.
#[derive(Debug)]
struct Flush<O: FlushObserver> {
    observer: O,
    is: bool,
}

impl<O: FlushObserver> Flush<O> {
    fn set(&mut self, is: bool) {
        if self.is != is {
            self.is = is;
            self.observer.flushing(is);
        }
    }
}

impl<O: FlushObserver> Drop for Flush<O> {
    fn drop(&mut self) {
        self.set(false);
    }
}

/// The state of a stage and the [store](StageStore) that it survives in.
///
/// What is restored is what a [checkpoint](Self::checkpoint) that counts took of the state: never a later one, never an older
/// one, and never the first one in the place of one that is lost.
///
/// ```
/// use tidemill_relocate::{CheckpointedStageState, EdgeId, Input, Chain, StageError, StageId, StageStore};
/// # use std::{cell::RefCell, rc::Rc};
/// # use tidemill_seam::*;
/// # #[derive(Clone)]
/// # struct Disk(Rc<RefCell<Vec<u8>>>);
/// # impl Store for Disk {
/// #     fn geometry(&self) -> Geometry { Geometry { block: 512, blocks: 64 } }
/// #     fn read(&mut self, at: u64, into: &mut [u8]) -> Result<(), ReadError> {
/// #         into.copy_from_slice(&self.0.borrow()[at as usize..at as usize + into.len()]);
/// #         Ok(())
/// #     }
/// #     fn write(&mut self, at: u64, from: &[u8]) -> Result<(), WriteError> {
/// #         self.0.borrow_mut()[at as usize..at as usize + from.len()].copy_from_slice(from);
/// #         Ok(())
/// #     }
/// #     fn sync(&mut self) -> Result<(), SyncError> { Ok(()) }
/// # }
/// # #[derive(Clone, Default)]
/// # struct Word(Rc<RefCell<(u64, Vec<u8>)>>);
/// # impl Register for Word {
/// #     fn capacity(&self) -> usize { 512 }
/// #     fn read(&mut self, into: &mut [u8]) -> Result<Reading, ReadingError> {
/// #         let (version, value) = &*self.0.borrow();
/// #         if *version == 0 { return Err(ReadingError::Absent) }
/// #         into[..value.len()].copy_from_slice(value);
/// #         Ok(Reading { version: Version(*version), len: value.len() })
/// #     }
/// #     fn exchange(&mut self, expected: Version, value: &[u8]) -> Result<Exchanged, ExchangeError> {
/// #         let stands = &mut *self.0.borrow_mut();
/// #         if stands.0 != expected.0 { return Ok(Exchanged::Lost(Version(stands.0))) }
/// #         *stands = (stands.0 + 1, value.to_vec());
/// #         Ok(Exchanged::Won(Version(stands.0)))
/// #     }
/// #     fn watch(&mut self, _: Version) -> bool { false }
/// # }
/// # let disk = Disk(Rc::new(RefCell::new(vec![0; 512 * 64])));
/// # let word = Word::default();
/// # let (blocks, record) = (|| disk.clone(), || word.clone());
/// // A disk of 64 blocks in three areas, for states of up to a kilobyte.
/// let store = || StageStore::new(blocks(), record(), StageId([7; 16]), 0, 3, 1024).unwrap();
/// assert_eq!(store().found(), Ok(true));                     // once in the history of the stage
///
/// let mut stage = CheckpointedStageState::new(Vec::new(), store());
/// stage.restore()?;                                          // `Pending` where the disk takes its time: call again
/// stage.state_mut().extend(b"seen: 41 items");
/// let read = Input { edge: EdgeId([1; 16]), off: 41, chain: Chain(9), seen: 3, ended: false };
/// stage.checkpoint(&[read], &[])?;
/// assert_eq!(stage.poll()?.edge.unwrap().input_offset, 41);
/// stage.state_mut().clear();                                 // whatever happens now is not in the checkpoint
///
/// let mut next = CheckpointedStageState::new(Vec::new(), store());
/// let life = next.restore()?;
/// assert_eq!(next.state(), b"seen: 41 items");
/// assert_eq!(life.resumed(EdgeId([1; 16])).committed.off, 41);
///
/// // The life before it hears that it is over.
/// stage.checkpoint(&[read], &[])?;
/// assert_eq!(stage.poll(), Err(StageError::Fenced { by: life.inc }));
/// # Ok::<(), StageError>(())
/// ```
#[derive(Debug)]
pub struct CheckpointedStageState<T, S, R, O: FlushObserver = ()> {
    store: StageStore<S, R>,
    state: T,
    bytes: Vec<u8>,
    restored: Option<EdgeCheckpoint>,
    flush: Flush<O>,
}

impl<T: StageState, S: Store, R: Register> CheckpointedStageState<T, S, R> {
    /// A stage that begins with `state`, unless its store holds a checkpoint.
    pub const fn new(state: T, store: StageStore<S, R>) -> Self {
        Self::with_observer(state, store, ())
    }
}

impl<T: StageState, S: Store, R: Register, O: FlushObserver> CheckpointedStageState<T, S, R, O> {
    /// The same, and `observer` hears of every flush.
    pub const fn with_observer(state: T, store: StageStore<S, R>, observer: O) -> Self {
        Self { store, state, bytes: Vec::new(), restored: None, flush: Flush { observer, is: false } }
    }

    /// Begins a new life of the stage, and puts the state of its checkpoint in the place of the present one, if there is a checkpoint.
    ///
    /// # Errors
    /// `Pending` and `Unavailable`: call again. `Unreadable`: the state is not one that is read here. Otherwise see
    /// [`StageStore::mint`]. The state is then as it was.
    pub fn restore(&mut self) -> Result<Life, StageError> {
        self.flush.set(false);
        let life = self.store.mint()?;
        if let Some(checkpoint) = &life.checkpoint {
            match T::load(life.schema, &checkpoint.state) {
                Some(state) => self.state = state,
                // Nobody may write over what somebody else can still read.
                None => return self.store.stop(StageError::Unreadable { schema: life.schema }),
            }
        }
        self.restored =
            life.checkpoint.as_ref().map_or(Some(EdgeCheckpoint::default()), |found| found.edge());
        Ok(life)
    }

    /// Begins to write the state down as it is now, with how far the stage has read and written. Its number;
    /// [`poll`](Self::poll) carries it on, and the state may change meanwhile.
    ///
    /// # Errors
    /// As [`StageStore::begin`].
    ///
    /// # Panics
    /// As [`StageStore::begin`].
    pub fn checkpoint(&mut self, inputs: &[Input], outputs: &[Outgoing<'_>]) -> Result<u64, StageError> {
        self.bytes.clear();
        self.state.save(&mut self.bytes);
        let seq = self.store.begin(&Leaving { inputs, outputs, state: &self.bytes })?;
        self.flush.set(true);
        Ok(seq)
    }

    /// Carries the checkpoint on: it counts, if this succeeds.
    ///
    /// # Errors
    /// As [`StageStore::poll`].
    pub fn poll(&mut self) -> Result<Committed, StageError> {
        let polled = self.store.poll();
        if !matches!(polled, Err(StageError::Pending | StageError::Unavailable)) {
            self.flush.set(false);
        }
        if let Ok(committed) = polled {
            self.restored = committed.edge;
        }
        polled
    }

    /// The state.
    pub const fn state(&self) -> &T {
        &self.state
    }

    /// The state, to go on with.
    pub const fn state_mut(&mut self) -> &mut T {
        &mut self.state
    }

    /// How far the checkpoint that counts goes, of a stage with one input and one output at most.
    pub const fn edge(&self) -> Option<EdgeCheckpoint> {
        self.restored
    }

    /// Whether a checkpoint is under way.
    pub const fn is_flushing(&self) -> bool {
        self.flush.is
    }

    /// Where it survives.
    pub const fn store(&self) -> &StageStore<S, R> {
        &self.store
    }

    /// Where it survives.
    pub const fn store_mut(&mut self) -> &mut StageStore<S, R> {
        &mut self.store
    }
}
