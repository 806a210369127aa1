use super::{Refusal, shrink, typed};
use crate::harness::{Must, Param, Params, Replay, Shrink, Story, Subject, Trial};
use crate::tape::{Pair, Tape};
use crate::{Base, Failure, Outcome, Sim, Site};
use tidemill_seam::Duration;

/// Fails where a switch is on at the time at which another one is, and three further choices disturb.
const SWITCHES: Story = Story {
    name: "switches",
    picture: "switch ─▶ lamp",
    about: "two switches are never on at once",
    seeds: 100,
    must: Must::Pass,
    params: &[Param { name: "tries", default: 40, range: 1..=100, about: "tries", shrink: Shrink::Items }],
    body: switches,
};

fn switches(sim: &mut Sim, params: &Params) -> Result<(), Failure> {
    for _ in 0..params.get("tries") {
        let (a, b) = (sim.choose("a", 2), sim.choose("b", 8));
        let wait = sim.choose("wait", 1_000);
        sim.choose("noise", 1_000);
        if a == 1 && b >= 5 && wait >= 100 {
            sim.fail("lamp", format!("both on after {wait}"));
        }
        let outcome = sim.run_for(Duration::from_nanos(1 + wait));
        if let Outcome::Failed(failure) = outcome {
            return Err(failure);
        }
    }
    Ok(())
}

fn tape(story: &Story) -> Tape {
    let params = story.params();
    let failed = |seed: &u64| story.trial(&params, &Trial::seed(*seed)).failure.is_some();
    let trial = Trial::seed((0..).find(failed).expect("some seed fails"));
    story.tape_of(&params, &trial, &story.trial(&params, &trial)).expect("it is deterministic")
}

// SIM-SHRINK: a tape comes down to the smallest one, over zero, with the same failure id.
#[test]
fn a_tape_shrinks_to_what_a_hand_would_have_written() {
    let tape = tape(&SWITCHES);
    let shrunk = shrink(&Subject::from(&SWITCHES), &tape, u64::MAX, &mut |_| true).expect("it fails");
    let text: Vec<String> =
        shrunk.tape.choices.iter().map(|pin| format!("{} = {}", pin.site, pin.value)).collect();
    assert_eq!(text, ["world#a#0 = 1", "world#b#0 = 5", "world#wait#0 = 100"]);
    assert_eq!((shrunk.tape.base, shrunk.complete), (Base::Zero, true));
    assert_eq!(shrunk.tape.config, [Pair::new("tries", "1")]);
    assert_eq!(shrunk.tape.failure, tape.failure);
    assert!(shrunk.before.choices > 10 && shrunk.after.choices == 3, "{:?}", shrunk.before);
    assert!(matches!(SWITCHES.replay(&shrunk.tape), Ok(Replay::Same(report)) if report.failure.is_some()));
}

// SIM-SHRINK: what it comes to depends on the tape alone.
#[test]
fn shrinking_twice_gives_one_tape_and_a_small_tape_stays_as_it_is() {
    let subject = Subject::from(&SWITCHES);
    let run = |tape: &Tape| shrink(&subject, tape, u64::MAX, &mut |_| true).expect("it fails");
    let (one, two) = (run(&tape(&SWITCHES)), run(&tape(&SWITCHES)));
    assert_eq!((one.tape.to_string(), one.runs), (two.tape.to_string(), two.runs));
    assert_eq!(run(&one.tape).tape.to_string(), one.tape.to_string());
}

// SIM-SHRINK: a fault goes with the operation that it struck, and the faults of later ones strike where they did.
#[test]
fn what_a_fault_made_longer_is_cut_out_with_it() {
    let story = Story {
        body: |sim, params| {
            for attempt in 0..params.get("tries") {
                let strikes = (0..).take_while(|_| sim.choose("strike", 2) == 1).count();
                if (attempt, strikes) == (2, 3) {
                    sim.fail("third", "struck three times");
                }
            }
            let outcome = sim.run();
            outcome.failure().map_or(Ok(()), |failure| Err(failure.clone()))
        },
        ..SWITCHES
    };
    let choices = [0, 3, 4, 5].map(|counter| (Site::new("world", "strike", counter), 1));
    let trial = Trial { base: Base::Zero, overlay: choices.into_iter().collect(), ..Trial::default() };
    let params = story.params();
    let tape = story.tape_of(&params, &trial, &story.trial(&params, &trial)).expect("it is deterministic");
    let shrunk = shrink(&Subject::from(&story), &tape, u64::MAX, &mut |_| true).expect("it fails");
    let counters: Vec<u64> = shrunk.tape.choices.iter().map(|pin| pin.site.counter).collect();
    assert_eq!((counters, shrunk.complete), (vec![2, 3, 4], true));
}

// SIM-SHRINK: what only the last of many items shows is shown by the last of few, which no smaller tape leads to.
#[test]
fn a_failure_at_the_end_of_a_long_run_is_found_in_a_short_one() {
    const TRIES: &[Param] =
        &[Param { name: "tries", default: 3_000, range: 1..=3_000, about: "tries", shrink: Shrink::Items }];
    let story = Story {
        params: TRIES,
        body: |sim, params| {
            let mut seen = [0; 2];
            for _ in 0..params.get("tries") {
                seen = [sim.choose("noise", 4), sim.choose("strike", 16)];
                let outcome = sim.run_for(Duration::from_nanos(1 + seen[0]));
                outcome.failure().map_or(Ok(()), |failure| Err(failure.clone()))?;
            }
            if seen[1] == 15 {
                sim.fail("last", "the last one is struck");
            }
            let outcome = sim.run();
            outcome.failure().map_or(Ok(()), |failure| Err(failure.clone()))
        },
        ..SWITCHES
    };
    let tape = tape(&story);
    let shrunk = shrink(&Subject::from(&story), &tape, 1_000, &mut |_| true).expect("it fails");
    let text: Vec<String> =
        shrunk.tape.choices.iter().map(|pin| format!("{} = {}", pin.site, pin.value)).collect();
    assert_eq!((text, shrunk.complete), (vec!["world#strike#0 = 15".to_owned()], true));
    assert_eq!((shrunk.tape.seed, shrunk.tape.config), (tape.seed, vec![Pair::new("tries", "1")]));
    assert!(shrunk.before.choices > 4_000 && shrunk.runs < 200, "{} runs", shrunk.runs);
}

#[test]
fn a_limit_leaves_a_failing_tape_at_every_moment() {
    let subject = Subject::from(&SWITCHES);
    let tape = tape(&SWITCHES);
    for runs_max in [0, 2, 3, 5, 10, 20, 40] {
        let shrunk = shrink(&subject, &tape, runs_max, &mut |_| true).expect("it fails");
        assert!(!shrunk.complete && shrunk.runs <= runs_max.max(2), "{} of {runs_max}", shrunk.runs);
        assert!(
            matches!(SWITCHES.replay(&shrunk.tape), Ok(Replay::Same(report)) if report.failure.is_some())
        );
        let mut left = runs_max;
        let told = shrink(&subject, &tape, u64::MAX, &mut |_| {
            left = left.saturating_sub(1);
            left > 2
        });
        assert!(!told.expect("it fails").complete);
    }
}

#[test]
fn a_tape_that_passes_fails_otherwise_or_does_not_fit_is_refused() {
    let subject = Subject::from(&SWITCHES);
    let refusal = |tape: &Tape| shrink(&subject, tape, 10, &mut |_| true).expect_err("nothing to shrink");
    let mut other = tape(&SWITCHES);
    other.config = vec![Pair::new("tries", "1")];
    assert_eq!(refusal(&other), Refusal::Passes);
    let mut other = tape(&SWITCHES);
    let ending = other.failure.as_mut().expect("it fails");
    (ending.tag, ending.id) = ("00000000".into(), "another law: #".into());
    let found = "lamp: both on after #".to_owned();
    assert_eq!(refusal(&other), Refusal::Otherwise { expected: "another law: #".into(), found });
    other.story.value = "lamps".into();
    assert!(matches!(refusal(&other), Refusal::Tape(_)));
}

/// Fails at once where it may, and otherwise never ends.
#[test]
fn a_run_that_would_never_end_is_given_up() {
    fn tick(sim: &mut Sim) {
        sim.after(Duration::from_nanos(1), tick);
    }
    let story = Story {
        params: &[],
        body: |sim, _| {
            if sim.choose("stop", 2) == 1 && sim.choose("noise", 9) < 9 {
                sim.fail("stop", "it stopped");
            }
            tick(sim);
            // Whatever broke, the body calls it by another name.
            let outcome = sim.run();
            outcome.failure().map_or(Ok(()), |f| Err(Failure::new("own", "ended", "world", f.at, f.event)))
        },
        ..SWITCHES
    };
    let params = story.params();
    let trial = Trial { events_max: Some(100_000), ..Trial::default() };
    let endless = (0..).map(|seed| Trial { seed, ..trial.clone() });
    let ids: Vec<String> = endless
        .take(16)
        .map(|trial| story.trial(&params, &trial).failure.expect("it ends somehow").id)
        .collect();
    assert!(ids.contains(&"own: ended".to_owned()), "{ids:?}");
    assert!(ids.contains(&"length: the run is longer than # events".to_owned()), "{ids:?}");
    let seed = ids.iter().position(|id| id == "own: ended").expect("just seen") as u64;
    let trial = Trial::seed(seed);
    let tape = story.tape_of(&params, &trial, &story.trial(&params, &trial)).expect("it is deterministic");
    let shrunk = shrink(&Subject::from(&story), &tape, u64::MAX, &mut |_| true).expect("it fails");
    assert_eq!(shrunk.after.choices, 1, "{}", shrunk.tape);
}

#[test]
fn the_test_that_comes_with_a_tape_is_what_one_would_have_typed() {
    let shrunk = shrink(&Subject::from(&SWITCHES), &tape(&SWITCHES), u64::MAX, &mut |_| true);
    let tape = shrunk.expect("it fails").tape;
    let tag = &tape.failure.as_ref().expect("it fails").tag;
    let want = format!(
        "use tidemill_sim::harness::Trial;
use tidemill_sim::{{Base, Overlay, Site}};

/// lamp: both on after #
#[test]
fn switches_{tag}() {{
    let story = crate::find(\"switches\").expect(\"the story is there\");
    let mut params = story.params();
    story.set(&mut params, \"tries\", \"1\").expect(\"in range\");
    let choices = [
        (Site::new(\"world\", \"a\", 0), 1),
        (Site::new(\"world\", \"b\", 0), 5),
        (Site::new(\"world\", \"wait\", 0), 100),
    ];
    let overlay = Overlay::from_iter(choices);
    let trial = Trial {{ base: Base::Zero, overlay, ..Trial::seed({}) }};
    let failure = story.trial(&params, &trial).failure;
    assert_eq!(failure, None);
}}
",
        tape.seed
    );
    assert_eq!(typed(&tape, "crate::find", Must::Pass), want);
}
