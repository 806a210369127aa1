//! Claims are counted in every run, added up over runs, and judged at the end of a campaign.

use tidemill_sim::harness::{Campaign, Must, Params, Story, Test};
use tidemill_sim::{
    Claims, Context, Coverage, Duration, Event, Failure, Overlay, Process, Sim, always, expects, reachable,
    sometimes, unreachable, watermark,
};

/// Rolls a die of six sides once a millisecond, ten times.
struct Die {
    left: u64,
}

impl Process for Die {
    fn on(&mut self, context: &mut Context<'_>, _: Event<'_>) {
        let side = context.choose("side", 6);
        always!(context, side < 6, "a die has six sides", "it fell on {side}");
        sometimes!(context, side == 5, "a six");
        watermark!(context, "side", side);
        if side == 0 {
            reachable!(context, "a one");
        }
        self.left -= 1;
        if self.left > 0 {
            context.timer(Duration::from_millis(1), 0);
        }
    }
}

fn roll(sim: &mut Sim, _: &Params) -> Result<(), Failure> {
    expects!(sim, "a one");
    let table = sim.machine("table");
    sim.spawn(table, "die", Box::new(Die { left: 10 }));
    sim.spawn_async(table, "onlooker", |env| async move {
        env.sleep(Duration::from_millis(env.choose("nap", 3))).await;
        sometimes!(env, env.now().as_nanos() == 0, "an onlooker who does not sleep");
    });
    sim.run().expect_ok();
    Ok(())
}

type Body = fn(&mut Sim, &Params) -> Result<(), Failure>;

const DICE: Story = Story {
    name: "dice",
    picture: "hand ─▶ table",
    about: "every side comes up",
    seeds: 50,
    must: Must::Pass,
    params: &[],
    body: roll,
};

fn coverage(story: &Story, seeds: u64, jobs: usize) -> Coverage {
    let params = story.params();
    Campaign {
        story,
        params: &params,
        strategy: tidemill_sim::explore::Strategy::Random,
        seeds: 0..seeds,
        jobs,
        failures_max: u64::MAX,
    }
    .run(&mut |_| {})
    .coverage
}

// SIM-ASSERT: claims in processes, tasks and stories, added up over seeds and threads to the same sums.
#[test]
fn the_sums_do_not_depend_on_how_many_threads_added_them_up() {
    let alone = coverage(&DICE, 50, 1);
    assert_eq!(alone.runs, 50);
    let rolls = alone.named("a die has six sides");
    assert_eq!((rolls.runs, rolls.evaluated, rolls.met), (50, 500, 500));
    let six = alone.named("a six");
    assert!(six.evaluated == 500 && six.met > 20 && six.met < 250, "{six:?}");
    let first = six.seed.expect("somebody rolled a six");
    assert!(coverage(&DICE, first, 1).named("a six").met == 0 && dice(first).named("a six").met > 0);
    assert_eq!(alone.named("side").range, Some((0, 5)));
    assert_eq!(alone.unmet().count(), 0);
    for jobs in [2, 3, 7] {
        assert_eq!(coverage(&DICE, 50, jobs), alone);
    }
}

fn dice(seed: u64) -> Coverage {
    DICE.run(seed, &DICE.params(), Overlay::new()).coverage
}

#[test]
fn a_claim_is_told_from_another_of_its_name_by_its_place() {
    let sim: Sim = Sim::new(1);
    for round in 0..3 {
        sometimes!(sim, round > 5, "late");
        sometimes!(sim, round < 5, "late");
    }
    let coverage = sim.coverage();
    let late: Vec<_> = coverage.iter().map(|(id, counts)| (id.line, counts.evaluated, counts.met)).collect();
    assert_eq!((late.len(), late[0].0 + 1), (2, late[1].0));
    assert_eq!((late[0].1, late[0].2, late[1].1, late[1].2), (3, 0, 3, 3));
    let unmet: Vec<String> = coverage.unmet().map(ToString::to_string).collect();
    assert_eq!(unmet, [format!("late (sim/tests/claims.rs:{})", late[0].0)]);
}

#[test]
fn what_is_expected_and_never_reached_is_unmet_although_nobody_evaluated_it() {
    let sim: Sim = Sim::new(1);
    expects!(sim, "the leader steps down", "the leader stays");
    reachable!(sim, "the leader stays");
    let coverage = sim.coverage();
    let unmet: Vec<_> = coverage.unmet().map(|id| (id.claims, &*id.name)).collect();
    assert_eq!(unmet, [(Claims::Expected, "the leader steps down")]);
}

#[test]
fn what_must_always_hold_or_never_be_reached_fails_the_run_where_it_stands() {
    let bodies: [Body; 2] = [
        |sim, _| {
            let depth = 3 + sim.seed() % 2;
            always!(sim, depth < 4, "the queue is short", "{depth} wait");
            Ok(())
        },
        |sim, _| {
            if sim.seed() == 1 {
                unreachable!(sim, "an odd seed", "it is {}", 1);
            }
            Ok(())
        },
    ];
    for (body, id) in
        bodies.into_iter().zip(["always, the queue is short: # wait", "never, an odd seed: it is #"])
    {
        let story = Story { body, ..DICE };
        let run = |seed| story.run(seed, &story.params(), Overlay::new());
        assert!(run(0).failure.is_none());
        let failed = run(1);
        let failure = failed.failure.expect("it does not hold");
        assert!(failure.id.starts_with("sim/tests/claims.rs:") && failure.id.ends_with(id), "{}", failure.id);
        let counts: Vec<_> =
            failed.coverage.iter().map(|(_, counts)| (counts.evaluated, counts.met)).collect();
        assert_eq!(counts, [(1, 0)], "a failed run counts, too");
    }
}

#[test]
fn a_watermark_keeps_the_ends_of_every_kind_of_number() {
    let mut sim: Sim = Sim::new(1);
    let numbers: [i128; 4] = [3, -7, i128::MAX, i128::MIN];
    for value in numbers.into_iter().take(2) {
        watermark!(sim, "narrow", value);
    }
    for value in numbers {
        watermark!(&mut sim, "wide", value);
    }
    watermark!(&sim, "span", Duration::from_micros(2));
    let coverage = sim.coverage();
    assert_eq!(coverage.named("narrow").range, Some((-7, 3)));
    assert_eq!(coverage.named("wide").range, Some((i64::MIN, i64::MAX)));
    assert_eq!(coverage.named("span").range, Some((2_000, 2_000)));
}

/// A test whose claim is met by every tenth seed only.
fn tenth(sim: &mut Sim) {
    let seed = sim.seed();
    sometimes!(sim, seed == 9, "the tenth seed");
}

fn outcome(seeds: u64) -> Result<(), String> {
    let (folder, strategy) = ("no-such-folder", "random");
    let test = Test { name: "claims::tenth", package: "p", folder, seeds, tapes: "none", strategy };
    std::panic::catch_unwind(|| tidemill_sim::harness::check(&test, tenth))
        .map_err(|panic| panic.downcast_ref::<String>().expect("a message").clone())
}

// SIM-ASSERT: an unmet `sometimes!` fails a test at the end of its seeds.
#[test]
fn a_test_fails_when_a_claim_was_not_met_by_any_seed_of_its_budget() {
    assert_eq!(outcome(10), Ok(()));
    let message = outcome(9).expect_err("the tenth seed is not among nine");
    let start = "claims::tenth: not met in any of 9 seeds:\n  the tenth seed (sim/tests/claims.rs:";
    assert!(message.starts_with(start), "{message}");
}

#[test]
fn a_world_that_claims_nothing_has_nothing_to_report() {
    let mut sim: Sim = Sim::new(1);
    sim.run().expect_ok();
    assert_eq!(sim.coverage().iter().count(), 0);
}
