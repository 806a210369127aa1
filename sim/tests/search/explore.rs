//! What each strategy finds, and in how many runs (SIMULATOR.md §6).

use std::collections::{BTreeMap, BTreeSet};

use tidemill_sim::Overlay;
use tidemill_sim::explore::{Bounds, Extent, Strategy};
use tidemill_sim::harness::{Campaign, Params, Replay, Story, Tally};

use crate::planted::{
    ABA, ALL, CHECK_THEN_ACT, LOST_WAKE_UP, OVERTAKEN_TWICE, THREE, TWO_LOSSES, USE_BEFORE_SET_UP,
};

/// Runs in which a bug must be found.
const BUDGET: u64 = 1_000;

fn exhaustive(faults: u32) -> Strategy {
    Strategy::Exhaustive(Bounds { faults, ..Bounds::default() })
}

fn strategies() -> [Strategy; 7] {
    [
        Strategy::Random,
        Strategy::Swarm,
        Strategy::Pct(2),
        Strategy::Pct(3),
        exhaustive(2),
        Strategy::Guided,
        Strategy::Portfolio,
    ]
}

fn set(story: &Story, settings: &[(&str, u64)]) -> Params {
    let mut params = story.params();
    for (name, value) in settings {
        story.set(&mut params, name, &value.to_string()).expect("in range");
    }
    params
}

fn search(story: &Story, params: &Params, strategy: Strategy, runs: u64, failures_max: u64) -> Tally {
    Campaign { story, params, strategy, seeds: 0..runs, jobs: 1, failures_max }.run(&mut |_| {})
}

/// In which run the bug was found.
fn found(story: &Story, strategy: Strategy) -> Option<u64> {
    let tally = search(story, &story.params(), strategy, BUDGET, 1);
    tally.groups.first().map(|group| group.finds[0].run)
}

/// Every run within the bounds.
fn everything(story: &Story, params: &Params, bounds: Bounds) -> (Tally, Extent) {
    let tally = search(story, params, Strategy::Exhaustive(bounds), 200_000, u64::MAX);
    let extent = tally.shares[0].extent.expect("an exhaustive search tells its extent");
    (tally, extent)
}

fn ids(tally: &Tally) -> BTreeSet<&str> {
    tally.groups.iter().map(|group| group.failure.id.as_str()).collect()
}

// SIM-EXPLORE: six planted bugs, and in how many runs each strategy finds them; `-` is not within the budget.
#[test]
fn each_strategy_finds_what_it_is_good_at() {
    let mut runs = BTreeMap::new();
    for story in &ALL {
        for strategy in [&strategies()[..], &[Strategy::Pct(1)]].concat() {
            let run = found(story, strategy);
            println!(
                "{:20} {:14} {}",
                story.name,
                strategy.to_string(),
                run.map_or("-".into(), |run| run.to_string())
            );
            runs.insert((story.name, strategy), run);
        }
    }
    let within = |story: &Story, strategy, most: u64| {
        let run = runs[&(story.name, strategy)];
        assert!(
            run.is_some_and(|run| run <= most),
            "{} by {strategy}: {run:?}, not within {most}",
            story.name
        );
    };
    within(&USE_BEFORE_SET_UP, Strategy::Pct(1), 10);
    within(&CHECK_THEN_ACT, Strategy::Pct(2), 50);
    within(&OVERTAKEN_TWICE, Strategy::Pct(3), 100);
    within(&TWO_LOSSES, exhaustive(2), 200);
    within(&TWO_LOSSES, Strategy::Guided, 500);
    within(&LOST_WAKE_UP, Strategy::Pct(2), 100);
    within(&ABA, Strategy::Pct(3), 500);
    ALL.iter().for_each(|story| within(story, Strategy::Portfolio, BUDGET));
}

// SIM-EXPLORE: a bug of depth 3 that a thousand random runs do not find.
#[test]
fn change_points_beat_chance_where_order_has_to_turn_twice() {
    assert_eq!(found(&OVERTAKEN_TWICE, Strategy::Random), None);
    assert_eq!(found(&OVERTAKEN_TWICE, Strategy::Pct(1)), None, "one chain after the other never turns");
    let runs = found(&OVERTAKEN_TWICE, Strategy::Pct(3)).expect("found");
    let decisions = 60;
    assert!(runs <= 2 * decisions * decisions, "{runs} runs are more than the bound allows on the average");
}

// SIM-EXPLORE: what is absent within bounds is proved absent, and what is there is found.
#[test]
fn an_exhaustive_search_finds_the_bug_and_proves_the_mended_twin() {
    let small: [(&Story, &[(&str, u64)]); 6] = [
        (&USE_BEFORE_SET_UP, &[("steps", 4)]),
        (&CHECK_THEN_ACT, &[("steps", 4)]),
        (&OVERTAKEN_TWICE, &[("steps", 5), ("lead", 2)]),
        (&TWO_LOSSES, &[]),
        (&LOST_WAKE_UP, &[("tasks", 0)]),
        (&ABA, &[("steps", 6)]),
    ];
    for (story, settings) in small {
        let bounds = Bounds { faults: 2, ..Bounds::default() };
        let (broken, extent) = everything(story, &set(story, settings), bounds);
        assert!(broken.failed > 0 && extent.complete, "{}: {extent:?}", story.name);
        let mended = [settings, &[("mended", 1)]].concat();
        let (proved, extent) = everything(story, &set(story, &mended), bounds);
        assert!(proved.failed == 0 && extent.complete, "{}: {:?} {extent:?}", story.name, ids(&proved));
        println!("{}: {} runs, {} states, no bug", story.name, proved.shares[0].runs, extent.states);
    }
}

// SIM-EXPLORE: without a reduction as many runs as there are orders; with one, one for each that differs.
#[test]
fn a_reduced_search_reaches_the_same_states_and_failures_in_fewer_runs() {
    let mut saved = 0;
    let models: [(&Story, &[(&str, u64)]); 5] = [
        (&THREE, &[("steps", 2), ("shares", 0)]),
        (&THREE, &[("steps", 2), ("shares", 1)]),
        (&THREE, &[("steps", 2), ("shares", 2)]),
        (&OVERTAKEN_TWICE, &[("steps", 4), ("lead", 2), ("noise", 1)]),
        (&CHECK_THEN_ACT, &[("steps", 4)]),
    ];
    for (story, settings) in models {
        let params = set(story, settings);
        let (all, whole) = everything(story, &params, Bounds { reduce: false, ..Bounds::default() });
        let (few, reduced) = everything(story, &params, Bounds::default());
        assert!(whole.complete && reduced.complete, "{whole:?} {reduced:?}");
        assert_eq!((whole.cut, ids(&all)), (0, ids(&few)), "{}", story.name);
        assert_eq!(whole.states, reduced.states, "{}: {settings:?}", story.name);
        let (before, after) = (all.shares[0].runs, few.shares[0].runs);
        println!("{} {settings:?}: {before} runs, reduced {after} of which {} cut", story.name, reduced.cut);
        assert!(after <= before);
        saved += u64::from(after * 2 < before);
    }
    assert!(saved >= 4, "in {saved} of five models a reduction saves half of the runs");
}

// SIM-EXPLORE: three chains of n events have (3n)! / n!³ orders; where they share nothing one of them is enough.
#[test]
fn as_many_runs_as_there_are_orders_and_one_where_all_of_them_commute() {
    let orders = |settings| {
        let params = set(&THREE, settings);
        let (all, extent) = everything(&THREE, &params, Bounds { reduce: false, ..Bounds::default() });
        assert!(extent.complete);
        let (few, reduced) = everything(&THREE, &params, Bounds::default());
        (all.seeds, few.seeds, reduced.complete)
    };
    // A start and one step, or two.
    assert_eq!(orders(&[("steps", 1), ("shares", 0)]), (90, 1, true));
    assert_eq!(orders(&[("steps", 1), ("shares", 3)]), (90, 90, true));
    assert_eq!(orders(&[("steps", 2), ("shares", 0)]), (1680, 1, true));
}

// SIM-EXPLORE: one budget, whatever the number of threads.
#[test]
fn what_a_search_finds_does_not_depend_on_the_number_of_threads() {
    for strategy in strategies() {
        let run = |jobs| {
            let params = TWO_LOSSES.params();
            let campaign = Campaign {
                story: &TWO_LOSSES,
                params: &params,
                strategy,
                seeds: 5..305,
                jobs,
                failures_max: 3,
            };
            format!("{:?}", campaign.run(&mut |_| {}))
        };
        assert_eq!(run(1), run(3), "{strategy}");
    }
}

// SIM-EXPLORE: whatever a strategy finds is a tape that repeats without it.
#[test]
fn what_any_strategy_found_is_a_tape_like_any_other() {
    let mut tapes = 0;
    for story in &ALL {
        for strategy in strategies() {
            let params = story.params();
            let tally = search(story, &params, strategy, BUDGET, 1);
            for group in &tally.groups {
                let tape = story.tape_of(&params, &group.trial, &group.first).expect("it repeats");
                let text = tape.to_string();
                let read = tidemill_sim::tape::Tape::parse(text.as_bytes()).expect("our own tape");
                assert!(matches!(story.replay(&read), Ok(Replay::Same(_))), "{} by {strategy}", story.name);
                tapes += 1;
            }
        }
    }
    assert!(tapes > 20, "{tapes} tapes");
}

// SIM-EXPLORE: the budget is shared, and the report says which strategy found what, and in which of its runs.
#[test]
fn a_portfolio_says_who_found_what() {
    let tally = search(&TWO_LOSSES, &TWO_LOSSES.params(), Strategy::Portfolio, BUDGET, u64::MAX);
    let runs: u64 = tally.shares.iter().map(|share| share.runs).sum();
    let cut: u64 = tally.shares.iter().filter_map(|share| share.extent).map(|extent| extent.cut).sum();
    assert_eq!((runs, tally.seeds), (BUDGET, BUDGET - cut));
    assert!(tally.shares.len() >= 6 && tally.shares.iter().all(|share| share.runs > 0));
    let group = &tally.groups[0];
    for find in &group.finds {
        let share = tally.shares.iter().find(|share| share.strategy == find.strategy).expect("it took part");
        assert!(share.failed > 0 && find.run <= share.runs, "{find:?} {share:?}");
    }
    let finders: BTreeSet<Strategy> = group.finds.iter().map(|find| find.strategy).collect();
    assert!(finders.contains(&Strategy::Guided) && finders.len() == group.finds.len(), "{finders:?}");
}

// SIM-EXPLORE: a claim that was met for the first time is what a guided search builds on.
#[test]
fn a_guided_search_climbs_from_one_rare_thing_to_two() {
    let (guided, random) = (found(&TWO_LOSSES, Strategy::Guided), found(&TWO_LOSSES, Strategy::Random));
    assert!(guided.is_some() && random.is_none_or(|random| guided < Some(random)), "{guided:?} {random:?}");
    let alone = TWO_LOSSES.run(0, &TWO_LOSSES.params(), Overlay::new());
    assert!(alone.failure.is_none());
}
