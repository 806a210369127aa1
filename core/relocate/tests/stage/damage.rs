use crate::rig::{BLOCK, Disk, SHAPE, STATE_MAX, Stage, Word, World, found, founded, leave, mint, open};
use std::collections::BTreeMap;
use std::rc::Rc;
use tidemill_relocate::{Bad, Extent, Object, StageError, StageId, StageStore, Why};

/// A stage that left two checkpoints, with entries in its log from both.
fn left() -> (Rc<World>, Stage) {
    let (world, mut stage) = founded();
    stage.mint().expect("a first life");
    leave(&mut stage, 0, 3).expect("a checkpoint");
    leave(&mut stage, 1, 5).expect("a checkpoint");
    (world, stage)
}

fn live(stage: &Stage) -> Vec<u64> {
    let pointer = &stage.record().expect("it was read").checkpoint;
    let blocks = |extent: &Extent| extent.block..extent.block + extent.count;
    pointer.extents.iter().chain(&pointer.log).flat_map(blocks).collect()
}

// K4: whatever bit flips, it is told by the number of the checkpoint, or was none of it.
#[test]
fn every_flipped_bit_of_what_counts_is_a_state_that_is_lost_and_no_other_one_matters() {
    let (world, stage) = left();
    let live = live(&stage);
    let whole = (world.cache.borrow().clone(), world.value.borrow().clone());
    let mut objects = BTreeMap::new();
    for block in 0..SHAPE.blocks {
        let bits: &[usize] = if live.contains(&block) { &[1, 0] } else { &[128, 5] };
        for bit in (bits[1]..BLOCK * 8).step_by(bits[0]) {
            world.cache.borrow_mut()[block as usize * BLOCK + bit / 8] ^= 1 << (bit % 8);
            match mint(&world) {
                Ok((_, life)) => {
                    assert_eq!(found(&life), Some(5));
                    assert!(!live.contains(&block), "bit {bit} of block {block}");
                }
                Err(StageError::StateLost { seq: 2, why: Some(Bad::Corrupt { object, .. }) }) => {
                    assert!(live.contains(&block), "block {block} counts for nothing");
                    *objects.entry(format!("{object}")).or_insert(0) += 1;
                }
                Err(other) => panic!("bit {bit} of block {block}: {other}"),
            }
            world.cache.borrow_mut().clone_from(&whole.0);
            world.value.borrow_mut().clone_from(&whole.1);
        }
    }
    println!("{} blocks count, bits that are told: {objects:?}", live.len());
    assert_eq!(objects.values().sum::<u32>(), (live.len() * BLOCK * 8) as u32);
}

// Torn, blank, stale and swapped blocks, one at a time, and a block of another checkpoint in the same place.
#[test]
fn every_block_that_is_cut_off_blank_older_or_elsewhere_is_told() {
    let (world, mut stage) = left();
    let older = world.cache.borrow().clone();
    // Both slots are written once more, and the log goes on.
    leave(&mut stage, 2, 6).expect("a checkpoint");
    leave(&mut stage, 2, 7).expect("a checkpoint");
    let live = live(&stage);
    let whole = (world.cache.borrow().clone(), world.value.borrow().clone());
    let range = |block: u64| block as usize * BLOCK..(block as usize + 1) * BLOCK;
    for (nth, &block) in live.iter().enumerate() {
        let other = live[(nth + 1) % live.len()];
        for how in 0..4 {
            let mut blocks = world.cache.borrow_mut();
            match how {
                0 => blocks[range(block)].fill(0),
                1 => blocks[range(block)][BLOCK / 2..].fill(0),
                2 => blocks[range(block)].copy_from_slice(&older[range(block)]),
                _ => blocks[range(block)].copy_from_slice(&whole.0[range(other)]),
            }
            let changed = *blocks != whole.0;
            drop(blocks);
            match mint(&world) {
                Ok((_, life)) => assert!(!changed && found(&life) == Some(7), "{how} of block {block}"),
                Err(StageError::StateLost { seq: 4, .. }) => assert!(changed),
                Err(other) => panic!("{how} of block {block}: {other}"),
            }
            world.cache.borrow_mut().clone_from(&whole.0);
            world.value.borrow_mut().clone_from(&whole.1);
        }
    }
}

#[test]
fn a_block_that_is_read_at_the_second_or_third_time_is_no_loss() {
    for (times, lost) in [(1, false), (2, false), (3, true)] {
        let (world, stage) = left();
        world.deaf.set((live(&stage)[0], times));
        match mint(&world) {
            Ok((stage, life)) => {
                assert!(!lost && found(&life) == Some(5));
                assert_eq!(stage.stats().reread, u64::from(times));
            }
            Err(error) => assert_eq!((error, lost), (StageError::StateLost { seq: 2, why: None }, true)),
        }
    }
}

#[test]
fn the_blocks_of_another_stage_or_of_nobody_are_a_state_that_is_lost() {
    let checksum = Bad::Corrupt { object: Object::Block, why: Why::Checksum };
    let (world, _) = left();
    let blank = World::new();
    let swapped = |disk: &Rc<World>| {
        let register = Word(Rc::clone(&world));
        let store = StageStore::new(Disk(Rc::clone(disk)), register, crate::rig::STAGE, 5, 3, STATE_MAX);
        store.expect("blocks enough").mint().expect_err("not its blocks")
    };
    assert_eq!(swapped(&blank), StageError::StateLost { seq: 2, why: Some(checksum) });
    let foreign = World::new();
    let id = StageId([9; 16]);
    let mut other =
        StageStore::new(Disk(Rc::clone(&foreign)), Word(Rc::clone(&foreign)), id, 5, 3, STATE_MAX)
            .expect("blocks enough");
    other.found().expect("founded");
    other.mint().expect("a life");
    leave(&mut other, 0, 3).expect("a checkpoint");
    leave(&mut other, 1, 5).expect("a checkpoint");
    assert_eq!(swapped(&foreign), StageError::StateLost { seq: 2, why: Some(checksum) });
    assert!(mint(&world).is_ok(), "its own");
}

#[test]
fn a_state_that_is_lost_stays_lost_and_is_not_written_over() {
    let (world, stage) = left();
    let block = live(&stage)[0] as usize * BLOCK;
    world.cache.borrow_mut()[block] ^= 1;
    let mut stage = open(&world);
    let lost = stage.mint().expect_err("damaged");
    assert_eq!(leave(&mut stage, 5, 5), Err(lost));
    assert_eq!(stage.mint(), Err(lost), "a new life does not help");
    world.cache.borrow_mut()[block] ^= 1;
    assert_eq!(found(&stage.mint().expect("the medium came back")), Some(5));
}
