use crate::rig::{Fate, STAGE, begin, entry, finish, found, founded, leave, mint, open};
use tidemill_relocate::{Bad, Incarnation, Object, StageError, StageId, StageRecord, Why};

const UNKNOWN: [Fate; 3] = [Fate::UnknownDone, Fate::UnknownNever, Fate::UnknownLater];

/// Everything up to the exchange of the checkpoint that was begun goes well.
fn up_to_the_swap(fates: &[Fate]) -> Vec<Fate> {
    [&[Fate::Well; 6][..], fates].concat()
}

#[test]
fn a_checkpoint_of_which_nobody_knows_is_settled_before_it_counts() {
    for fate in UNKNOWN {
        for again in UNKNOWN {
            let (world, mut stage) = founded();
            stage.mint().expect("a first life");
            leave(&mut stage, 0, 2).expect("a checkpoint");
            begin(&mut stage, 0, 3).expect("begun");
            world.fates.borrow_mut().extend(up_to_the_swap(&[fate, again]));
            finish(|| stage.poll()).unwrap_or_else(|error| panic!("{fate:?}, {again:?}: {error}"));
            assert!(stage.stats().settled > 0, "{fate:?}");
            world.fates.borrow_mut().clear();
            assert_eq!(found(&mint(&world).expect("a second life").1), Some(3), "{fate:?}, {again:?}");
        }
    }
}

#[test]
fn a_checkpoint_of_which_nobody_knows_and_a_life_that_comes_between() {
    for fate in UNKNOWN {
        let (world, mut stage) = founded();
        stage.mint().expect("a first life");
        leave(&mut stage, 0, 2).expect("a checkpoint");
        begin(&mut stage, 0, 3).expect("begun");
        // The exchange, and then nothing more until the next life is there.
        world.fates.borrow_mut().extend(up_to_the_swap(&[fate]));
        world.stale.replace(Some((0, Vec::new())));
        assert_eq!(stage.poll(), Err(StageError::Absent), "the answer gets lost");
        let (_, life) = mint(&world).expect("a second life");
        let expected = if fate == Fate::UnknownNever { 2 } else { 3 };
        assert_eq!((life.inc, found(&life)), (Incarnation(2), Some(expected)), "{fate:?}");
    }
}

// Two processes may ask for the same life, and the one that hears nothing must not take it.
#[test]
fn a_life_of_which_nobody_knows_is_nobodys() {
    for fate in UNKNOWN {
        let (world, mut stage) = founded();
        world.fates.borrow_mut().push_back(fate);
        let life = stage.mint().expect("a life");
        assert_eq!(life.inc, Incarnation(2), "{fate:?}");
        leave(&mut stage, 0, 2).expect("a checkpoint");
        assert_eq!(found(&mint(&world).expect("the next life").1), Some(2));
    }
}

#[test]
fn the_first_record_is_written_once_whatever_is_heard_of_it() {
    for fate in UNKNOWN {
        let world = crate::rig::World::new();
        let mut stage = open(&world);
        world.fates.borrow_mut().push_back(fate);
        assert_eq!(stage.found(), Err(StageError::Unavailable));
        assert_eq!(stage.found(), Ok(fate == Fate::UnknownNever), "{fate:?}");
        assert_eq!(world.value.borrow().0, 1);
    }
}

#[test]
fn a_register_that_was_put_back_is_not_believed() {
    let (world, mut stage) = founded();
    stage.mint().expect("a first life");
    let backup = world.value.borrow().clone();
    leave(&mut stage, 0, 2).expect("a checkpoint");
    world.value.replace(backup.clone());
    assert_eq!(stage.confirm(), Err(StageError::Regressed { seen: 3, found: 2 }));
    assert_eq!(stage.begin(&Default::default()), Err(StageError::Regressed { seen: 3, found: 2 }));
    // Somebody else went on from the backup, so that the writing is new and its life is old.
    world.value.replace((
        9,
        StageRecord::decode(&backup.1)
            .map(|mut r| {
                r.ver = 8;
                r
            })
            .unwrap()
            .encode()
            .to_vec(),
    ));
    assert_eq!(stage.mint(), Err(StageError::Regressed { seen: 3, found: 8 }));
}

#[test]
fn a_reading_that_lags_behind_is_counted_and_not_used() {
    let (world, mut stage) = founded();
    world.may_be_stale.set(true);
    stage.mint().expect("a first life");
    world.stale.replace(Some((1, world.value.borrow().1.clone())));
    assert_eq!(stage.confirm(), Err(StageError::Unavailable));
    assert_eq!((stage.confirm(), stage.stats().behind), (Ok(()), 1));
}

#[test]
fn a_record_that_is_foreign_newer_or_damaged_is_refused_by_name() {
    let refused = |bytes: Vec<u8>| {
        let (world, _) = founded();
        world.value.replace((4, bytes));
        mint(&world).map(|_| ()).expect_err("no record of this stage")
    };
    let record = StageRecord::new(STAGE, 5).encode().to_vec();
    assert_eq!(refused(StageRecord::new(StageId([9; 16]), 5).encode().to_vec()), StageError::Foreign);
    let bad = |why| StageError::Bad(Bad::Corrupt { object: Object::StageRecord, why });
    assert_eq!(refused(vec![0; 512]), bad(Why::Magic));
    assert_eq!(refused(Vec::new()), bad(Why::Length));
    assert_eq!(refused(record[..511].to_vec()), bad(Why::Length));
    let mut torn = record;
    torn[40] ^= 4;
    assert_eq!(refused(torn), bad(Why::Checksum));
    assert_eq!(entry(1).1, b"item 1");
}
