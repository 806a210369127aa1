//! Every run of the shipped machines within bounds, shortest first; the laws after every step.
//!
//! A step is one request carried out with its effect and its answer, one item pushed, one checkpoint, one birth or one crash.
//! Whoever is not stepped any more is dead, or paused: all earlier lives stay, and may come back as zombies at any time.

mod act;
mod choices;
mod laws;
mod mutants;
mod part;
mod search;
mod walk;
mod world;

use search::{Found, search};
use tidemill_relocate::{Mutant, Preset};
use walk::{FAR, walk};
use world::{Bounds, Sabotage, Sights};

/// Items, generations, lives of the producer, lives of the consumer, crashes of the host; relocation split into its requests.
const fn bounds(items: u8, generations: u64, producers: usize, consumers: usize, crashes: u8) -> Bounds {
    Bounds {
        items,
        generations,
        producers,
        consumers,
        crashes,
        atomic: false,
        stale: false,
        unknown: false,
        deaf: false,
        preset: Preset::ExactlyOnceEarly,
        lies: false,
        ends: false,
        rollbacks: 0,
        by_map: false,
        echoes: 0,
    }
}

const ONE_ITEM: Bounds = bounds(1, 2, 2, 1, 0);
const ENDING: Bounds = Bounds { ends: true, atomic: true, ..ONE_ITEM };
const ENDING_TWICE: Bounds = Bounds { ends: true, atomic: true, ..bounds(1, 2, 1, 2, 0) };
const GOING_BACK: Bounds = Bounds { rollbacks: 1, atomic: true, ..bounds(1, 2, 1, 1, 0) };
const BY_MAP: Bounds = Bounds { by_map: true, ..ONE_ITEM };
const ONE_CRASH: Bounds = Bounds { atomic: true, echoes: 1, ..bounds(1, 2, 2, 1, 1) };
const TWO_CONSUMERS: Bounds = bounds(1, 2, 1, 2, 0);
const TWO_ITEMS: Bounds = bounds(2, 2, 1, 1, 0);
const CERTIFIED: Bounds = Bounds { preset: Preset::ExactlyOnce, atomic: true, ..ONE_ITEM };
const LAGGING: Bounds = Bounds { stale: true, ..ONE_ITEM };
const BLURRED: Bounds = Bounds { unknown: true, ..bounds(1, 2, 2, 1, 0) };
const AT_ONCE: Bounds = Bounds { preset: Preset::AtLeastOnce, atomic: true, ..bounds(1, 2, 2, 2, 0) };
const REPEATED: Bounds = Bounds { preset: Preset::Deterministic, ..ONE_ITEM };
const ZOMBIE_CONSUMER: Bounds = bounds(2, 1, 1, 2, 0);
/// More than any of these has.
const MOST: usize = 1_000_000;

/// Says what was explored; a bound that was hit is no pass.
fn clean(name: &str, bounds: Bounds) -> Sights {
    let found = search(bounds, Sabotage::None, "", MOST);
    println!("{name}: {found}");
    let Found::Exhausted { sights, .. } = found else { panic!("{name}: {found}") };
    assert!(sights.whole, "{name}: no run comes to an end");
    sights
}

#[test]
fn no_run_of_one_item_breaks_a_law() {
    let sights = clean("one item, two lives of the producer", ONE_ITEM);
    assert!(sights.whole_after_move && sights.maker_fenced && sights.rolled_back, "{sights:?}");
    clean("the same, items shown once they are final, moves at once", CERTIFIED);
}

#[test]
fn no_run_in_which_the_host_forgets_everything_breaks_a_law() {
    let sights = clean("one item, one crash, moves at once", ONE_CRASH);
    assert!(sights.whole_after_crash && sights.complained, "{sights:?}");
}

#[test]
fn no_run_of_two_consumers_breaks_a_law() {
    assert!(clean("one item, two lives of the consumer", TWO_CONSUMERS).taker_fenced);
}

#[test]
fn no_run_of_two_items_breaks_a_law() {
    assert!(clean("two items", TWO_ITEMS).whole_after_move);
}

#[test]
fn no_run_with_records_that_lag_or_swaps_that_nobody_answers_breaks_a_law() {
    clean("one item, a consumer is shown old records", LAGGING);
    clean("one item, swaps of unknown outcome", BLURRED);
}

#[test]
fn no_run_to_an_end_breaks_a_law() {
    assert!(clean("one item and the end", ENDING).finished);
    let sights = clean("one item and the end, two lives of the consumer", ENDING_TWICE);
    assert!(sights.finished && sights.taker_fenced, "{sights:?}");
}

#[test]
fn no_run_of_a_stage_that_goes_back_to_its_checkpoint_breaks_a_law() {
    assert!(clean("one item, one rollback", GOING_BACK).rolled_back);
}

// The other rule: not what was read, but where.
#[test]
fn no_run_by_the_map_breaks_a_law() {
    assert!(clean("one item, by the map", BY_MAP).rolled_back);
}

#[test]
fn no_run_whose_effects_leave_at_once_breaks_a_law() {
    let sights = clean("one item, effects leave at once, two consumers", AT_ONCE);
    assert!(sights.rolled_back && sights.taker_fenced, "{sights:?}");
}

#[test]
fn no_run_of_a_producer_that_repeats_itself_breaks_a_law() {
    let sights = clean("one item, committed as it comes", REPEATED);
    assert!(sights.past_frontier && sights.whole_after_move && !sights.found_out, "{sights:?}");
}

// Declared deterministic, and it is not: nothing that it says twice is ever mixed.
#[test]
fn a_producer_that_does_not_repeat_itself_is_found_out() {
    let sights = clean("one item, said to be repeated", Bounds { lies: true, ..REPEATED });
    assert!(sights.found_out, "{sights:?}");
}

// A second wall: what the compare-and-swap, the fence, the order of acquiring and the monotone rebind keep out, the validation
// of a commit keeps out as well.
#[test]
fn a_commit_that_is_validated_needs_no_second_wall() {
    let walls = [
        (Sabotage::BlindPublish, Bounds { atomic: true, ..ONE_ITEM }),
        (Sabotage::In(Mutant::NoFence), ONE_ITEM),
        (Sabotage::In(Mutant::RebindOlder), LAGGING),
        (Sabotage::In(Mutant::ProduceBeforeAcquire), ONE_ITEM),
        (Sabotage::In(Mutant::AdoptSuffix), ONE_ITEM),
    ];
    for (sabotage, bounds) in walls {
        let found = search(bounds, sabotage, "S1:", MOST);
        println!("{sabotage:?}, S1 alone: {found}");
        assert!(matches!(found, Found::Exhausted { .. }), "{sabotage:?}: {found}");
    }
}

// L1: whatever happened before, once faults end everything is committed.
#[test]
fn long_runs_keep_the_laws_and_end_with_everything_committed() {
    let presets = [
        (Preset::ExactlyOnceEarly, 200),
        (Preset::ExactlyOnce, 100),
        (Preset::AtLeastOnce, 100),
        (Preset::Deterministic, 100),
    ];
    for (preset, seeds) in presets {
        let sights = walks(Bounds { preset, ..FAR }, seeds);
        let Sights {
            whole_after_move,
            whole_after_crash,
            rolled_back,
            maker_fenced,
            taker_fenced,
            drained,
            ..
        } = sights;
        let early = rolled_back || preset == Preset::Deterministic;
        let all = [whole_after_move, whole_after_crash, early, maker_fenced, taker_fenced, drained];
        assert_eq!((all, sights.found_out), ([true; 6], false), "{sights:?}");
        assert_eq!(sights.past_frontier, preset == Preset::Deterministic, "{sights:?}");
    }
}

#[test]
fn long_runs_to_an_end_keep_the_laws_and_come_to_it() {
    for preset in [Preset::ExactlyOnce, Preset::ExactlyOnceEarly, Preset::Deterministic] {
        assert!(walks(Bounds { preset, ends: true, ..FAR }, 100).finished);
    }
}

#[test]
fn long_runs_of_a_producer_that_does_not_repeat_itself_find_it_out() {
    let sights = walks(Bounds { preset: Preset::Deterministic, lies: true, rollbacks: 0, ..FAR }, 100);
    assert!(sights.found_out && sights.past_frontier, "{sights:?}");
}

/// So many runs, one for each seed; what they came by.
fn walks(bounds: Bounds, seeds: u64) -> Sights {
    let (mut sights, mut steps) = (Sights::default(), 0);
    for seed in 0..seeds {
        match walk(bounds, seed, Sabotage::None) {
            Ok(walked) => (sights, steps) = (sights.or(walked.world.sights()), steps + walked.steps),
            Err(broke) => panic!("{:?}, seed {seed}: {broke}", bounds.preset),
        }
    }
    println!("{:?}: {seeds} seeds, {steps} steps, {sights:?}", bounds.preset);
    sights
}

// S15: the whole of a run, again.
#[test]
fn the_same_seed_is_the_same_run() {
    for seed in 0..20 {
        let run = || walk(FAR, seed, Sabotage::None).expect("it keeps the laws").trace;
        assert_eq!(run(), run(), "seed {seed}");
    }
}
