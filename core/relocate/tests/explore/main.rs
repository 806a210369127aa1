//! Every run of the shipped machines within bounds, shortest first; the laws after every step.
//!
//! A step is one request carried out with its effect and its answer, one item pushed, one checkpoint, one birth or one crash.
//! Whoever is not stepped any more is dead, or paused: all earlier lives stay, and may come back as zombies at any time.

mod act;
mod choices;
mod laws;
mod search;
mod walk;
mod world;

use search::{Found, search};
use tidemill_relocate::{Mutant, Preset};
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
    }
}

const ONE_ITEM: Bounds = bounds(1, 2, 2, 1, 0);
const ONE_CRASH: Bounds = Bounds { atomic: true, ..bounds(1, 2, 2, 1, 1) };
const TWO_CONSUMERS: Bounds = bounds(1, 2, 1, 2, 0);
const TWO_ITEMS: Bounds = Bounds { atomic: true, ..bounds(2, 2, 2, 1, 0) };
const CERTIFIED: Bounds = Bounds { preset: Preset::ExactlyOnce, ..ONE_ITEM };
const LAGGING: Bounds = Bounds { stale: true, ..ONE_ITEM };
const BLURRED: Bounds = Bounds { unknown: true, ..bounds(1, 2, 2, 1, 0) };
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
    clean("the same, items shown once they are final", CERTIFIED);
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
    assert!(clean("two items, moves at once", TWO_ITEMS).drained);
}

#[test]
fn no_run_with_records_that_lag_or_swaps_that_nobody_answers_breaks_a_law() {
    clean("one item, a consumer is shown old records", LAGGING);
    clean("one item, swaps of unknown outcome", BLURRED);
}

/// What is left out, where it shows, and the law that breaks.
const MUTANTS: &[(Sabotage, Bounds, &str)] = &[
    (Sabotage::In(Mutant::AckOnRead), ONE_ITEM, "S2"),
    (Sabotage::In(Mutant::DropWhenHostAcked), ONE_ITEM, "S2"),
    (Sabotage::In(Mutant::CommitPastFrontier), ONE_ITEM, "S1"),
    (Sabotage::In(Mutant::NoCommitValidation), ONE_ITEM, "S1"),
    (Sabotage::UnfencedProducerStore, ONE_ITEM, "S3"),
    (Sabotage::UnfencedConsumerStore, ZOMBIE_CONSUMER, "S3"),
    (Sabotage::BlindPublish, ONE_ITEM, "S4"),
    (Sabotage::In(Mutant::AcceptAfterSeal), ONE_ITEM, "S6"),
    (Sabotage::In(Mutant::NoFence), ONE_ITEM, "S6"),
    (Sabotage::In(Mutant::RebindOlder), LAGGING, "S8"),
    (Sabotage::In(Mutant::ProduceBeforeAcquire), ONE_ITEM, "S4"),
    (Sabotage::In(Mutant::AdoptSuffix), ONE_ITEM, "S8"),
    (Sabotage::In(Mutant::FrontierBeforeCheckpoint), ONE_ITEM, "S5"),
    (Sabotage::In(Mutant::NoOwnerIncRule), ONE_ITEM, "S8"),
    (Sabotage::In(Mutant::IgnoreNonce), ONE_ITEM, "S14"),
    (Sabotage::In(Mutant::UnknownCasIsWon), BLURRED, "S4"),
];

#[test]
fn every_safeguard_that_is_left_out_is_missed() {
    println!("{:<36} {:>4}  what breaks", "left out", "steps");
    for (sabotage, bounds, id) in MUTANTS {
        let found = search(*bounds, *sabotage, "", MOST);
        let Found::Broken { law, run, .. } = &found else { panic!("{sabotage:?} survives: {found}") };
        println!("{:<36} {:>4}  {law}", format!("{sabotage:?}"), run.len());
        assert!(law.starts_with(&format!("{id}:")), "{sabotage:?}: {found}");
    }
}

// A second wall: what the compare-and-swap, the fence, the order of acquiring and the monotone rebind keep out, the validation
// of a commit keeps out as well.
#[test]
fn a_commit_that_is_validated_needs_no_second_wall() {
    let walls = [
        (Sabotage::BlindPublish, ONE_ITEM),
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
    let mut sights = Sights::default();
    let mut steps = 0;
    for seed in 0..1_000 {
        match walk::walk(seed, Sabotage::None) {
            Ok(walked) => (sights, steps) = (sights.or(walked.world.sights()), steps + walked.steps),
            Err(broke) => panic!("seed {seed}: {broke}"),
        }
    }
    println!("1000 seeds, {steps} steps, {sights:?}");
    let Sights {
        whole_after_move, whole_after_crash, rolled_back, maker_fenced, taker_fenced, drained, ..
    } = sights;
    let all = [whole_after_move, whole_after_crash, rolled_back, maker_fenced, taker_fenced, drained];
    assert_eq!(all, [true; 6], "{sights:?}");
}

#[test]
fn a_safeguard_of_liveness_that_is_left_out_is_missed() {
    for mutant in [Mutant::IgnoreComplaint, Mutant::ForgetBeforeAppend] {
        let broke = (0..200).find_map(|seed| Some((seed, walk::walk(seed, Sabotage::In(mutant)).err()?)));
        let (seed, law) = broke.unwrap_or_else(|| panic!("{mutant:?} survives 200 seeds"));
        println!("{mutant:?}: seed {seed}: {}", &law[..law.find(',').unwrap_or(law.len())]);
        assert!(law.starts_with("L1:"), "{mutant:?}: {law}");
    }
}
