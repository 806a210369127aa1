use crate::rig::{OUT, STATE_MAX, begin, entry, found, founded, leave, mint};
use tidemill_relocate::{Chain, EdgeId, Label, Leaving, Life, Outgoing, Output, StageError};

// A checkpoint costs what is new, not what is retained.
#[test]
fn a_checkpoint_writes_what_is_new_however_much_is_retained() {
    let (world, mut stage) = founded();
    stage.mint().expect("a first life");
    let mut costs = Vec::new();
    let mut before = 0;
    for off in 1..6 {
        leave(&mut stage, 0, off).expect("a checkpoint");
        costs.push(stage.stats().bytes - before);
        before = stage.stats().bytes;
    }
    assert!(costs.windows(2).all(|pair| pair[0] == pair[1]), "{costs:?}");
    assert_eq!(stage.stats().rehomed, 1, "the first one of a life");
    let (syncs, swaps) = (world.syncs.get(), world.value.borrow().0);
    leave(&mut stage, 1, 6).expect("a checkpoint");
    assert_eq!((world.syncs.get() - syncs, world.value.borrow().0 - swaps), (1, 1), "one sync and one swap");
    assert_eq!(found(&mint(&world).expect("a second life").1), Some(6));
}

// The log goes around its end many times, and each checkpoint can be read.
#[test]
fn a_log_goes_around_and_every_checkpoint_is_found() {
    let (world, mut stage) = founded();
    stage.mint().expect("a first life");
    for off in 1..60_u64 {
        leave(&mut stage, off.saturating_sub(3), off).expect("a checkpoint");
        let value = world.value.borrow().clone();
        assert_eq!(found(&mint(&world).expect("a look").1), Some(off));
        world.value.replace(value);
    }
    assert_eq!(stage.stats().checkpoints, 59);
}

#[test]
fn a_log_of_which_too_much_is_needed_by_nobody_is_written_anew() {
    let (world, mut stage) = founded();
    stage.mint().expect("a first life");
    // One entry that is needed for long keeps everything behind it in the log.
    let slow = EdgeId([8; 16]);
    for off in 1..40_u64 {
        let from = off.saturating_sub(2);
        leave_two(&mut stage, slow, from, off).expect("a checkpoint");
        let value = world.value.borrow().clone();
        let life = mint(&world).expect("a look").1;
        assert_eq!(kept(&life, OUT), (from, off));
        assert_eq!(kept(&life, slow), (0, 1));
        world.value.replace(value);
    }
    let stats = stage.stats();
    assert!(stats.rehomed > 3 && stats.rehomed < 20, "{stats:?}");
}

fn kept(life: &Life, edge: EdgeId) -> (u64, u64) {
    let kept = life.retained.iter().find(|kept| kept.edge == edge).expect("an output");
    assert_eq!(kept.entries, (kept.from..).take(kept.entries.len()).map(entry).collect::<Vec<_>>());
    (kept.from, kept.from + kept.entries.len() as u64)
}

fn leave_two(stage: &mut crate::rig::Stage, slow: EdgeId, from: u64, off: u64) -> Result<u64, StageError> {
    let all: Vec<(Label, Vec<u8>)> = (0..off).map(entry).collect();
    let all: Vec<(Label, &[u8])> = all.iter().map(|(label, bytes)| (*label, &bytes[..])).collect();
    let output = |edge, retained, off| Output { edge, off, chain: Chain(0), retained, seen: 0, ended: false };
    let outputs = [
        Outgoing { output: output(slow, 0, 1), entries: &all[..1] },
        Outgoing { output: output(OUT, from, off), entries: &all[from as usize..] },
    ];
    let seq = stage.begin(&Leaving { inputs: &[], outputs: &outputs, state: b"" })?;
    crate::rig::finish(|| stage.poll())?;
    Ok(seq)
}

#[test]
fn more_than_half_of_the_log_is_not_retained_and_nothing_is_written() {
    let (world, mut stage) = founded();
    stage.mint().expect("a first life");
    leave(&mut stage, 0, 4).expect("a checkpoint");
    let max = stage.layout().retained_max();
    let refused = begin(&mut stage, 0, 30);
    assert!(
        matches!(refused, Err(StageError::LogFull { len, max: m }) if len > max && m == max),
        "{refused:?}"
    );
    leave(&mut stage, 25, 30).expect("the consumer let go of most");
    assert_eq!(found(&mint(&world).expect("a second life").1), Some(30));
}

#[test]
fn a_state_that_does_not_fit_is_refused_and_the_one_before_stands() {
    let (world, mut stage) = founded();
    stage.mint().expect("a first life");
    leave(&mut stage, 0, 4).expect("a checkpoint");
    let state = vec![7; stage.layout().checkpoint_max() as usize];
    let refused = stage.begin(&Leaving { state: &state, ..Leaving::default() });
    assert!(matches!(refused, Err(StageError::TooLong { .. })), "{refused:?}");
    let most = vec![7; STATE_MAX as usize];
    assert!(stage.begin(&Leaving { state: &most, ..Leaving::default() }).is_ok());
    drop(stage);
    assert_eq!(found(&mint(&world).expect("a second life").1), Some(4));
}

#[test]
fn a_life_writes_what_it_found_into_blocks_of_its_own_before_those_are_given_to_others() {
    let (world, mut stage) = founded();
    stage.mint().expect("a first life");
    leave(&mut stage, 0, 5).expect("a checkpoint");
    // Lives that leave nothing, and between them some that leave what they found.
    for round in 0..12 {
        let (mut stage, life) = mint(&world).expect("a life");
        assert_eq!(found(&life), Some(5));
        if round % 3 == 0 {
            leave(&mut stage, 0, 5).expect("a checkpoint");
            assert_eq!(stage.stats().rehomed, 1);
        }
    }
}
