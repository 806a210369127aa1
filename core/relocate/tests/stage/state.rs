use crate::rig::{Disk, Fate, STAGE, STATE_MAX, Word, World, finish};
use std::cell::RefCell;
use std::rc::Rc;
use tidemill_relocate::{
    CheckpointedStageState, EdgeCheckpoint, Event, Leaving, Observed, StageError, StageState, StageStore,
};
use tidemill_seam::{Instant, SyncError, WriteError};

fn store(world: &Rc<World>) -> StageStore<Disk, Word> {
    StageStore::new(Disk(Rc::clone(world)), Word(Rc::clone(world)), STAGE, Sum::SCHEMA, 3, STATE_MAX)
        .expect("blocks enough")
}

/// A sum that is written in eight bytes; an older release wrote four.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Sum(u64);

impl StageState for Sum {
    const SCHEMA: u64 = 5;

    fn save(&self, into: &mut Vec<u8>) {
        into.extend(self.0.to_le_bytes());
    }

    fn load(schema: u64, bytes: &[u8]) -> Option<Self> {
        match schema {
            4 => Some(Self(u64::from(u32::from_le_bytes(bytes.try_into().ok()?)))),
            5 => Some(Self(u64::from_le_bytes(bytes.try_into().ok()?))),
            _ => None,
        }
    }
}

#[test]
fn a_state_of_an_older_release_is_read_and_one_of_a_later_is_left_alone() {
    for (schema, bytes, expected) in [
        (4, vec![7, 1, 0, 0], Ok(Sum(263))),
        (6, vec![7, 1, 0, 0], Err(StageError::Unreadable { schema: 6 })),
        (5, vec![7, 1, 0, 0], Err(StageError::Unreadable { schema: 5 })),
    ] {
        let world = World::new();
        let blocks = (Disk(Rc::clone(&world)), Word(Rc::clone(&world)));
        let mut other = StageStore::new(blocks.0, blocks.1, STAGE, schema, 3, STATE_MAX).expect("blocks");
        other.found().expect("founded");
        other.mint().expect("a life");
        other.begin(&Leaving { state: &bytes, ..Default::default() }).expect("begun");
        other.poll().expect("a checkpoint");
        let mut stage = CheckpointedStageState::new(Sum(1), store(&world));
        assert_eq!(stage.restore().map(|_| *stage.state()), expected);
        if let Err(error) = expected {
            assert_eq!(stage.checkpoint(&[], &[]), Err(error), "nobody writes over it");
            assert_eq!(stage.state(), &Sum(1));
        }
    }
}

#[test]
fn what_a_stage_does_after_a_checkpoint_was_begun_is_not_in_it() {
    let world = World::new();
    store(&world).found().expect("founded");
    let mut stage = CheckpointedStageState::new(Sum(1), store(&world));
    assert_eq!(stage.edge(), None);
    stage.restore().expect("a first life");
    assert_eq!((stage.state(), stage.edge()), (&Sum(1), Some(EdgeCheckpoint::default())));
    world.fates.borrow_mut().push_back(Fate::Write(WriteError::Stalled));
    stage.state_mut().0 = 10;
    stage.checkpoint(&[], &[]).expect("begun");
    assert_eq!(stage.poll(), Err(StageError::Pending));
    stage.state_mut().0 = 99;
    finish(|| stage.poll()).expect("a checkpoint");
    let mut next = CheckpointedStageState::new(Sum(1), store(&world));
    next.restore().expect("a second life");
    assert_eq!(next.state(), &Sum(10));
}

// The mark is taken away on every path, and does nothing to the flush.
#[test]
fn whoever_watches_a_flush_hears_its_end_however_it_ends() {
    let paths: [(&str, &[Fate]); 4] = [
        ("well", &[]),
        ("no space", &[Fate::Write(WriteError::Full)]),
        ("unsynced", &[Fate::Well, Fate::Sync(SyncError::Failed)]),
        ("dropped", &[Fate::Write(WriteError::Stalled)]),
    ];
    for (name, fates) in paths {
        let world = World::new();
        store(&world).found().expect("founded");
        let heard = Rc::new(RefCell::new(Vec::new()));
        let into = Rc::clone(&heard);
        let observer = move |is| into.borrow_mut().push(is);
        let mut stage = CheckpointedStageState::with_observer(Sum(1), store(&world), observer);
        stage.restore().expect("a first life");
        world.fates.borrow_mut().extend(fates);
        stage.checkpoint(&[], &[]).expect("begun");
        assert_eq!((&heard.borrow()[..], stage.is_flushing()), (&[true][..], true), "{name}");
        let polled = stage.poll();
        assert_eq!(polled.is_ok(), name == "well", "{name}: {polled:?}");
        assert_eq!(stage.is_flushing(), name == "dropped");
        drop(stage);
        assert_eq!(&heard.borrow()[..], [true, false], "{name}");
    }
}

#[test]
fn whoever_watches_a_store_hears_of_lives_checkpoints_and_refusals() {
    let world = World::new();
    store(&world).found().expect("founded");
    let told = RefCell::new(Vec::new());
    let observer = |now: Instant, event| told.borrow_mut().push((now.as_nanos(), event));
    let at = Instant::from_nanos;
    let mut stage = Observed::new(store(&world), observer);
    let inc = stage.mint(at(1)).expect("a first life").inc;
    let leaving = Leaving { state: b"a state", ..Leaving::default() };
    stage.begin(at(5), &leaving).expect("begun");
    stage.poll(at(9)).expect("a checkpoint");
    world.fates.borrow_mut().push_back(Fate::Write(WriteError::Full));
    stage.begin(at(10), &leaving).expect("begun");
    assert_eq!(stage.poll(at(11)), Err(StageError::NoSpace));
    let (lives, seq) = (Event::Minted { inc, seq: 0 }, 1);
    let counts = Event::Checkpointed { seq, bytes: 64, took_ns: 4 };
    assert_eq!(*told.borrow(), [(1, lives), (9, counts), (11, Event::Refused(StageError::NoSpace))]);
}
