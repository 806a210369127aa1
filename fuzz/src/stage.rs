use crate::Outcome;
use crate::feed::Feed;
use std::cell::RefCell;
use std::rc::Rc;
use tidemill_relocate::{
    Bad, Chain, Checkpoint, EdgeId, Extent, Incarnation, Label, Leaving, Life, Outgoing, Output, Pointer,
    Salt, StageError, StageId, StageRecord, StageStore, blocks_for, pack,
};
use tidemill_seam::{
    ExchangeError, Exchanged, Geometry, ReadError, Reading, ReadingError, Register, Store, SyncError,
    Version, WriteError,
};

const STAGE: StageId = StageId([8; 16]);
const OUT: EdgeId = EdgeId([2; 16]);
const BLOCK: usize = 64;
const SHAPE: Geometry = Geometry { block: BLOCK as u32, blocks: 135 };
const STATE_MAX: u64 = 100;
/// Steps of one input, at most.
const STEPS: usize = 48;

/// A medium and a register that somebody else may have written.
#[derive(Clone)]
struct World {
    blocks: Rc<RefCell<Vec<u8>>>,
    value: Rc<RefCell<(u64, Vec<u8>)>>,
}

impl Store for World {
    fn geometry(&self) -> Geometry {
        SHAPE
    }

    fn read(&mut self, at: u64, into: &mut [u8]) -> Result<(), ReadError> {
        SHAPE.place(at, into.len())?;
        into.copy_from_slice(&self.blocks.borrow()[at as usize..at as usize + into.len()]);
        Ok(())
    }

    fn write(&mut self, at: u64, from: &[u8]) -> Result<(), WriteError> {
        SHAPE.place(at, from.len())?;
        self.blocks.borrow_mut()[at as usize..at as usize + from.len()].copy_from_slice(from);
        Ok(())
    }

    fn sync(&mut self) -> Result<(), SyncError> {
        Ok(())
    }
}

impl Register for World {
    fn capacity(&self) -> usize {
        StageRecord::BYTES
    }

    fn read(&mut self, into: &mut [u8]) -> Result<Reading, ReadingError> {
        let (version, value) = &*self.value.borrow();
        if *version == 0 {
            return Err(ReadingError::Absent);
        }
        let len = value.len();
        into.get_mut(..len).ok_or(ReadingError::Truncated { len })?.copy_from_slice(value);
        Ok(Reading { version: Version(*version), len })
    }

    fn exchange(&mut self, expected: Version, value: &[u8]) -> Result<Exchanged, ExchangeError> {
        let stands = &mut *self.value.borrow_mut();
        if stands.0 != expected.0 {
            return Ok(Exchanged::Lost(Version(stands.0)));
        }
        *stands = (stands.0 + 1, value.to_vec());
        Ok(Exchanged::Won(Version(stands.0)))
    }

    fn watch(&mut self, _: Version) -> bool {
        false
    }
}

type Stage = StageStore<World, World>;

impl World {
    fn new() -> Self {
        let blocks = Rc::new(RefCell::new(vec![0; SHAPE.bytes() as usize]));
        Self { blocks, value: Rc::default() }
    }

    fn open(&self) -> Stage {
        StageStore::new(self.clone(), self.clone(), STAGE, 3, 3, STATE_MAX).expect("135 blocks are enough")
    }

    /// Puts bytes where a life would have put them, under good checksums and a record that names them.
    fn forge(&self, feed: &mut Feed<'_>) {
        let (inc, seq) = (Incarnation(u64::from(feed.byte())), u64::from(feed.byte()));
        let salt = Salt { stage: STAGE, inc, seq };
        let state = feed.byte() as usize;
        let mut state = feed.bytes(state).to_vec();
        if feed.byte().is_multiple_of(2) {
            let off = u64::from(feed.byte());
            let retained = off.saturating_sub(u64::from(feed.byte()));
            let outputs = vec![Output { edge: OUT, off, chain: Chain(1), retained, seen: 0, ended: false }];
            state = Checkpoint { inc, seq, inputs: Vec::new(), outputs, state }.encode();
        }
        let mut log = feed.byte() as usize;
        log = log.min(feed.0.len());
        let log = [b"TMLB", &seq.to_le_bytes()[..], &(log as u64).to_le_bytes(), feed.bytes(log)].concat();
        let mut pointer = Pointer { inc, seq, len: state.len() as u64, ..Pointer::default() };
        pointer.digest = Checkpoint::digest(&state);
        let blocks = &mut *self.blocks.borrow_mut();
        for (first, bytes, extent) in [(0, &state, &mut pointer.extents[0]), (60, &log, &mut pointer.log[0])]
        {
            let packed = pack(bytes, BLOCK, salt);
            blocks[first * BLOCK..first * BLOCK + packed.len()].copy_from_slice(&packed);
            *extent = Extent { block: first as u64, count: blocks_for(bytes.len() as u64, BLOCK) };
        }
        let mut record = StageRecord::new(STAGE, 3);
        (record.inc, record.ver, record.checkpoint) = (inc, u64::from(feed.byte()), pointer);
        self.value.replace((7, record.encode().to_vec()));
    }
}

/// What a life leaves that has written `off` items, three of which are retained at most.
fn leave(stage: &mut Stage, off: u64) -> Result<(), StageError> {
    let from = off.saturating_sub(3);
    let kept: Vec<(Label, Vec<u8>)> = (from..off).map(entry).collect();
    let entries: Vec<(Label, &[u8])> = kept.iter().map(|(label, bytes)| (*label, &bytes[..])).collect();
    let output = Output { edge: OUT, off, chain: Chain(1), retained: from, seen: 0, ended: false };
    let outputs = [Outgoing { output, entries: &entries }];
    stage.begin(&Leaving { inputs: &[], outputs: &outputs, state: &off.to_le_bytes() })?;
    stage.poll().map(|_| ())
}

fn entry(off: u64) -> (Label, Vec<u8>) {
    (Label(1), off.to_le_bytes()[..off as usize % 9].to_vec())
}

/// The input says how many checkpoints a stage left, then what became of its blocks and its record, between lives that look.
pub(crate) fn run(bytes: &[u8]) -> Outcome {
    let mut feed = Feed(bytes);
    let world = World::new();
    let mut stage = world.open();
    assert_eq!(stage.found(), Ok(true));
    let mut known = None;
    if let 1.. = feed.byte() % 4 {
        stage.mint().expect("a first life");
        for off in 0..u64::from(feed.byte() % 8) {
            leave(&mut stage, off).expect("a disk that never fails");
        }
    }
    let (mut lives, mut refused, mut last) = (0, 0, Outcome::NOTHING);
    // Whether anything was written behind the back of the stage since it looked.
    let mut harmed = false;
    for _ in 0..STEPS {
        if feed.is_empty() {
            break;
        }
        match feed.byte() % 6 {
            0 | 1 => match look(&world, &mut known) {
                Ok(found) => {
                    (stage, harmed) = (found, false);
                    lives += 1;
                }
                Err(error) => {
                    refused += 1;
                    last = Outcome::of(&error);
                }
            },
            2 => {
                let off = u64::from(feed.byte());
                if leave(&mut stage, off) == Ok(()) {
                    known = None;
                    let life = match world.open().mint() {
                        Ok(life) => life,
                        Err(StageError::StateLost { .. }) if harmed => continue,
                        Err(error) => panic!("it counts: {error}"),
                    };
                    assert_eq!(life.checkpoint.as_ref().map(|found| found.outputs[0].off), Some(off));
                    let from = off.saturating_sub(3);
                    assert_eq!(life.retained[0].entries, (from..off).map(entry).collect::<Vec<_>>());
                }
            }
            3 => {
                damage(&mut world.blocks.borrow_mut(), &mut feed);
                (known, harmed) = (None, true);
            }
            4 => {
                let value = &mut *world.value.borrow_mut();
                let (at, len) = (usize::from(feed.byte()) * 2, usize::from(feed.byte()) % 9);
                let end = (at + len).min(value.1.len());
                let bytes = feed.bytes(end.saturating_sub(at));
                value.1[at.min(end)..at.min(end) + bytes.len()].copy_from_slice(bytes);
                (known, harmed) = (None, true);
            }
            _ => {
                world.forge(&mut feed);
                (known, harmed) = (None, true);
            }
        }
    }
    if lives == 0 && refused > 0 { last } else { Outcome::sized("stage", &[lives, refused]) }
}

/// A new life finds what the one before found, where nobody came between, or says by name what is wrong.
fn look(world: &World, known: &mut Option<Life>) -> Result<Stage, StageError> {
    let mut stage = world.open();
    match stage.mint() {
        Ok(life) => {
            for kept in &life.retained {
                let outputs = life.checkpoint.iter().flat_map(|found| &found.outputs);
                let output = outputs.clone().find(|output| output.edge == kept.edge).expect("an output");
                assert_eq!(kept.from + kept.entries.len() as u64, output.off, "all that is retained");
            }
            if let Some(known) = known {
                assert_eq!((&known.checkpoint, &known.retained), (&life.checkpoint, &life.retained));
            }
            *known = Some(life);
            Ok(stage)
        }
        Err(error) => {
            assert!(known.is_none(), "{error} where a life was before");
            match error {
                StageError::StateLost { seq, .. } => assert!(seq > 0),
                StageError::Bad(Bad::Corrupt { .. } | Bad::Unsupported { .. })
                | StageError::Exhausted
                | StageError::Foreign => {}
                error => panic!("a world that never fails: {error}"),
            }
            Err(error)
        }
    }
}

/// Overwrites a few bytes of a block, or puts another block in its place.
fn damage(blocks: &mut [u8], feed: &mut Feed<'_>) {
    let (block, how) = (usize::from(feed.byte()) % SHAPE.blocks as usize, feed.byte());
    if how % 2 == 0 {
        let other = usize::from(feed.byte()) % SHAPE.blocks as usize;
        blocks.copy_within(other * BLOCK..(other + 1) * BLOCK, block * BLOCK);
        return;
    }
    let (at, len) = (usize::from(feed.byte()) % BLOCK, usize::from(feed.byte()) % 9);
    let end = (at + len).min(BLOCK);
    let bytes = feed.bytes(end - at);
    blocks[block * BLOCK + at..block * BLOCK + at + bytes.len()].copy_from_slice(bytes);
}

/// Stages that left nothing and several checkpoints, each looked at, damaged in a block and in the record, forged, and written to.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let scripts: [&[u8]; 5] = [
        &[0, 2, 5, 0, 2, 9, 1],
        &[0, 3, 36, 1, 7, 2, 0xff, 0xff, 0, 2, 12],
        &[0, 3, 36, 0, 37, 0, 3, 80, 0, 81, 0],
        &[4, 20, 2, 0xff, 0xff, 0],
        &[
            5, 4, 9, 5, 1, 2, 3, 4, 5, 0, 3, 2, 40, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 0, 2,
            200,
        ],
    ];
    let stages = [[0, 0], [1, 0], [1, 1], [1, 5]];
    stages.iter().flat_map(|stage| scripts.map(|script| [&stage[..], script].concat())).collect()
}
