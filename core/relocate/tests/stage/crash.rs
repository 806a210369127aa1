use crate::rig::{Fate, Stage, World, begin, finish, found, founded, leave, mint, open};
use std::rc::Rc;
use tidemill_relocate::{Incarnation, StageError};
use tidemill_seam::{ExchangeError, SyncError, WriteError};

#[test]
fn a_register_that_was_never_written_is_not_a_stage_without_a_checkpoint() {
    let world = World::new();
    assert_eq!(mint(&world).map(|_| ()), Err(StageError::Absent));
    let mut stage = open(&world);
    assert_eq!((stage.found(), stage.found()), (Ok(true), Ok(false)));
    assert_eq!(stage.begin(&Default::default()), Err(StageError::NoLife));
    assert_eq!(stage.poll(), Err(StageError::NoLife));
    let life = stage.mint().expect("a first life");
    assert_eq!((life.inc, found(&life)), (Incarnation(1), None));
}

#[test]
fn a_life_finds_everything_that_the_one_before_it_left() {
    let (world, mut stage) = founded();
    stage.mint().expect("a first life");
    let committed = leave(&mut stage, 3, 9).expect("a checkpoint");
    let edge = committed.edge.expect("one input and one output");
    assert_eq!((committed.seq, edge.input_offset, edge.output_commit), (1, 9, 9));
    let (_, life) = mint(&world).expect("a second life");
    assert_eq!((life.inc, life.schema, found(&life)), (Incarnation(2), 5, Some(9)));
    let restored = life.restored(crate::rig::OUT);
    assert_eq!((restored.durable.off, restored.durable.seq, restored.from, restored.seen), (9, 1, 3, 10));
    assert_eq!(restored.entries.len(), 6);
    let resumed = life.resumed(crate::rig::IN);
    assert_eq!((resumed.committed.off, resumed.committed.inc, resumed.seen), (9, Incarnation(2), 11));
}

#[test]
fn a_life_that_was_fenced_changes_nothing_and_hears_who_took_over() {
    let (world, mut old) = founded();
    old.mint().expect("a first life");
    leave(&mut old, 0, 2).expect("a checkpoint");
    assert_eq!(old.confirm(), Ok(()));
    let (mut new, _) = mint(&world).expect("a second life");
    let by = Incarnation(2);
    assert_eq!(leave(&mut old, 0, 3), Err(StageError::Fenced { by }));
    assert_eq!(old.begin(&Default::default()), Err(StageError::Fenced { by }), "and stays over");
    assert_eq!(old.inc(), None);
    leave(&mut new, 0, 4).expect("the second life goes on");
    assert_eq!(found(&mint(&world).expect("a third life").1), Some(4));
    assert_eq!(new.confirm(), Err(StageError::Fenced { by: Incarnation(3) }));
}

// What a zombie still writes lands in blocks that nobody else counts on.
#[test]
fn a_late_write_of_any_of_the_lives_before_harms_nothing() {
    let (world, mut zombie) = founded();
    zombie.mint().expect("a first life");
    leave(&mut zombie, 0, 2).expect("a checkpoint");
    begin(&mut zombie, 0, 9).expect("begun");
    let (mut next, life) = mint(&world).expect("a second life");
    assert_eq!(found(&life), Some(2));
    leave(&mut next, 1, 5).expect("a checkpoint");
    begin(&mut next, 1, 8).expect("begun");
    assert!(finish(|| zombie.poll()).is_err(), "it wrote and synced before it heard");
    let (mut last, life) = mint(&world).expect("a third life");
    assert_eq!(found(&life), Some(5));
    leave(&mut last, 4, 6).expect("a checkpoint");
    assert!(finish(|| next.poll()).is_err());
    assert_eq!(found(&mint(&world).expect("a fourth life").1), Some(6));
}

/// Two checkpoints of one life, then one of another; gives how far it was told that checkpoints count.
fn script(world: &Rc<World>, mut stage: Stage) -> Option<u64> {
    let mut told = None;
    let mut run = || -> Result<(), StageError> {
        finish(|| stage.mint())?;
        for (from, off) in [(0, 2), (1, 6)] {
            leave(&mut stage, from, off)?;
            told = Some(off);
        }
        let (mut stage, _) = mint(world)?;
        leave(&mut stage, 4, 9)?;
        told = Some(9);
        Ok(())
    };
    let _ = run();
    told
}

// K2, K4: the machine dies at every operation, and leaves what it wrote, nothing of it, or the half of every block.
#[test]
fn a_death_at_every_operation_leaves_the_checkpoint_that_counts_or_the_next_one() {
    let (world, stage) = founded();
    assert_eq!(script(&world, stage), Some(9));
    let total = world.operations.get();
    let offs = [None, Some(2), Some(6), Some(9)];
    let mut after = 0;
    let worlds = [(0, false), (32, false), (64, false), (0, true), (64, true)];
    for (keep, unheard) in worlds {
        for left in 0..total {
            let (world, stage) = founded();
            world.left.set(Some(left));
            world.unheard.set(unheard);
            let told = script(&world, stage);
            world.lose_power(keep);
            let (mut stage, life) = mint(&world).unwrap_or_else(|error| panic!("after {left}: {error}"));
            let found = found(&life);
            let at = offs.iter().position(|off| *off == told).expect("one of these");
            assert!(
                found == told || found == offs[at + 1],
                "after {left}: {told:?} counted, {found:?} is there"
            );
            after += u64::from(found != told);
            leave(&mut stage, 8, 12).expect("the stage goes on");
        }
    }
    println!("{} deaths, {after} of them after a swap and before its answer", worlds.len() as u64 * total);
    assert!(total >= 30 && after == 6, "{total}, {after}");
}

#[test]
fn whatever_fails_on_the_way_gives_a_checkpoint_up_and_the_next_one_counts() {
    for fates in [
        vec![Fate::Write(WriteError::Full)],
        vec![Fate::Well, Fate::Write(WriteError::Failed)],
        vec![Fate::Write(WriteError::Stalled), Fate::Write(WriteError::Full)],
    ] {
        let (world, mut stage) = founded();
        stage.mint().expect("a first life");
        leave(&mut stage, 0, 2).expect("a checkpoint");
        world.fates.borrow_mut().extend(fates.clone());
        let refused = leave(&mut stage, 1, 5);
        assert!(matches!(refused, Err(StageError::NoSpace | StageError::Failed)), "{refused:?}");
        assert_eq!(stage.stats().given_up, 1);
        let committed = leave(&mut stage, 1, 4).expect("there is space again");
        assert_eq!(committed.seq, 4, "a number that nobody had, for the slot that does not count");
        assert_eq!(found(&mint(&world).expect("a second life").1), Some(4), "{fates:?}");
    }
}

#[test]
fn a_device_that_takes_its_time_is_asked_again() {
    let (world, mut stage) = founded();
    stage.mint().expect("a first life");
    let stalled = Fate::Write(WriteError::Stalled);
    let late = [stalled, stalled];
    world.fates.borrow_mut().extend(late);
    begin(&mut stage, 0, 1).expect("begun");
    assert_eq!((stage.poll(), stage.poll()), (Err(StageError::Pending), Err(StageError::Pending)));
    assert_eq!(stage.begin(&Default::default()), Err(StageError::Busy));
    assert_eq!(stage.confirm(), Err(StageError::Busy));
    finish(|| stage.poll()).expect("a checkpoint");
}

// A sync that failed may have made everything durable or nothing, and no later one makes up for it.
#[test]
fn a_sync_that_failed_ends_the_life_and_the_next_one_reads_what_counts() {
    let (world, mut stage) = founded();
    stage.mint().expect("a first life");
    leave(&mut stage, 0, 2).expect("a checkpoint");
    begin(&mut stage, 0, 3).expect("begun");
    world.fates.borrow_mut().extend([Fate::Well; 5]);
    world.fates.borrow_mut().extend([Fate::Sync(SyncError::Pending), Fate::Sync(SyncError::Failed)]);
    let error = finish(|| stage.poll());
    assert_eq!(error, Err(StageError::Unsynced));
    assert_eq!(stage.begin(&Default::default()), Err(StageError::Unsynced));
    assert_eq!(world.fates.borrow().len(), 0);
    world.lose_power(0);
    let life = stage.mint().expect("a new life in the same process");
    assert_eq!(found(&life), Some(2));
}

#[test]
fn a_register_that_is_away_is_waited_for() {
    let (world, mut stage) = founded();
    world.fates.borrow_mut().push_back(Fate::Exchange(ExchangeError::Unavailable));
    assert_eq!(stage.mint(), Err(StageError::Unavailable));
    assert_eq!(found(&stage.mint().expect("it is back")), None);
    world.fates.borrow_mut().push_back(Fate::Exchange(ExchangeError::Closed));
    assert_eq!(open(&world).mint(), Err(StageError::Closed));
}

#[test]
fn no_life_goes_back_behind_what_it_left() {
    let (world, mut stage) = founded();
    stage.mint().expect("a first life");
    leave(&mut stage, 0, 5).expect("a checkpoint");
    assert_eq!(begin(&mut stage, 0, 4), Err(StageError::Backwards { edge: crate::rig::IN }));
    let (mut stage, _) = mint(&world).expect("a second life");
    assert_eq!(begin(&mut stage, 0, 4), Err(StageError::Backwards { edge: crate::rig::IN }));
    leave(&mut stage, 0, 5).expect("where it was");
}
