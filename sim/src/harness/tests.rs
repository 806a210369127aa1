use super::check::Asked;
use super::{
    BadParam, Campaign, Departure, Must, Param, Params, Replay, Shrink, Story, Subject, Tally, Test, Trial,
    tag,
};
use crate::explore::Strategy;
use crate::tape::{Pin, Reason, Tape};
use crate::{Base, Failure, Fork, Outcome, Overlay, Sim, Site};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use tidemill_seam::Duration;

/// Tosses a coin of a hundred sides, one a nanosecond; fails where it falls on the last side.
const COIN: Story = Story {
    name: "coin",
    picture: "hand ─▶ table",
    about: "the coin never falls on its last side",
    seeds: 100,
    must: Must::Pass,
    params: &[Param {
        name: "tosses",
        default: 50,
        range: 1..=1_000,
        about: "tosses",
        shrink: Shrink::Items,
    }],
    body: coin,
};

fn coin(sim: &mut Sim, params: &Params) -> Result<(), Failure> {
    toss(sim, params.get("tosses"));
    match sim.run() {
        Outcome::Failed(failure) => Err(failure),
        _ => Ok(()),
    }
}

fn toss(sim: &mut Sim, left: u64) {
    let side = sim.choose("coin", 100);
    if side == 99 {
        sim.fail("side", format!("the coin fell on {side} with {left} tosses left"));
    } else if left > 0 {
        sim.after(Duration::from_nanos(1 + side), move |sim| toss(sim, left - 1));
    }
}

fn campaign(story: &Story, jobs: usize, failures_max: u64) -> Tally {
    let (strategy, seeds) = (Strategy::Random, 0..200);
    Campaign { story, params: &story.params(), strategy, seeds, jobs, failures_max }.run(&mut |_| {})
}

/// The tape of the first seed that fails.
fn failed_tape() -> Tape {
    let params = COIN.params();
    let failed =
        (0..).map(|seed| COIN.run(seed, &params, Overlay::new())).find(|report| report.failure.is_some());
    COIN.tape(&params, &Overlay::new(), &failed.expect("a coin falls on every side"))
        .expect("it is deterministic")
}

fn left(tape: &Tape) -> Departure {
    match COIN.replay(tape) {
        Ok(Replay::Left { departure, .. }) => departure,
        other => panic!("the replay should have left the path: {other:?}"),
    }
}

fn refused(tape: &Tape) -> (u32, Reason) {
    let error = COIN.replay(tape).expect_err("the tape does not fit");
    (error.line, error.reason)
}

#[test]
fn a_campaign_does_not_depend_on_how_many_threads_ran_it() {
    let alone = campaign(&COIN, 1, u64::MAX);
    assert!(alone.failed > 10 && alone.failed < 190, "{} of 200 seeds failed", alone.failed);
    for jobs in [2, 5] {
        assert_eq!(format!("{:?}", campaign(&COIN, jobs, u64::MAX)), format!("{alone:?}"));
        assert_eq!(format!("{:?}", campaign(&COIN, jobs, 3)), format!("{:?}", campaign(&COIN, 1, 3)));
    }
}

#[test]
fn a_campaign_ends_with_the_failure_that_it_was_told_to_end_with() {
    let tally = campaign(&COIN, 4, 3);
    assert_eq!(tally.failed, 3);
    assert!(tally.seeds < 200);
    assert_eq!(campaign(&COIN, 1, 0).failed, 1, "a campaign meets at least one failure");
}

#[test]
fn seeds_that_fail_alike_share_one_id_and_the_smallest_is_kept() {
    let tally = campaign(&COIN, 3, u64::MAX);
    assert_eq!(tally.groups.len(), 1);
    let group = &tally.groups[0];
    assert_eq!(
        (group.failure.id.as_str(), group.seeds),
        ("side: the coin fell on # with # tosses left", tally.failed)
    );
    let params = COIN.params();
    assert!((0..group.first.seed).all(|seed| COIN.run(seed, &params, Overlay::new()).failure.is_none()));
}

#[test]
fn a_panic_is_a_failure_and_the_thread_goes_on() {
    let story = Story { body: |sim, _| panic!("seed {} is unlucky", sim.seed()), ..COIN };
    let tally = campaign(&story, 2, u64::MAX);
    assert_eq!((tally.seeds, tally.failed, tally.groups.len()), (200, 200, 1));
    let id = &tally.groups[0].failure.id;
    assert!(id.starts_with("sim/src/harness/tests.rs:") && id.ends_with(": seed # is unlucky"), "{id}");
}

#[test]
fn a_law_that_broke_fails_the_run_even_if_the_body_looks_away() {
    let story = Story { body: |sim, params| coin(sim, params).or(Ok(())), ..COIN };
    assert_eq!(campaign(&story, 1, u64::MAX).failed, campaign(&COIN, 1, u64::MAX).failed);
}

// SIM-REPLAY: a tape reproduces its failure
#[test]
fn a_tape_reproduces_the_same_failure_along_the_same_path() {
    let tape = failed_tape();
    let read = Tape::parse(tape.to_string().as_bytes()).expect("our own tape");
    let Ok(Replay::Same(report)) = COIN.replay(&read) else { panic!("{:?}", COIN.replay(&read)) };
    assert_eq!(report.failure.as_ref().map(tag), tape.failure.map(|ending| ending.tag));
    assert_eq!(report.hash, tape.hash);
}

#[test]
fn a_tape_carries_the_parameters_that_were_set() {
    let mut params = COIN.params();
    COIN.set(&mut params, "tosses", "3").expect("in range");
    let report = COIN.run(1, &params, Overlay::new());
    let tape = COIN.tape(&params, &Overlay::new(), &report).expect("it is deterministic");
    assert!(tape.to_string().contains("\nconfig  tosses = 3\n"), "{tape}");
    assert!(matches!(COIN.replay(&tape), Ok(Replay::Same(_))));
}

#[test]
fn parameters_outside_their_range_are_refused_by_name() {
    let mut params = COIN.params();
    assert_eq!(COIN.set(&mut params, "tosses", "0"), Err(BadParam::OutOfRange(1..=1_000)));
    assert_eq!(COIN.set(&mut params, "tosses", "many"), Err(BadParam::NotANumber));
    assert_eq!(COIN.set(&mut params, "sides", "2"), Err(BadParam::Unknown(vec!["tosses"])));
    assert_eq!(params, COIN.params());
}

// SIM-REPLAY: a replay says where it left the path
#[test]
fn a_replay_that_leaves_the_path_says_between_which_events() {
    let mut tape = failed_tape();
    assert!(tape.marks.len() >= 2, "{tape}");
    tape.marks[1].hash ^= 1;
    let (agreed, mark) = (tape.marks[0].events, tape.marks[1]);
    assert_eq!(left(&tape), Departure::Mark { agreed, mark, ended: false });
    tape.marks[1].events = 1 << 40;
    assert_eq!(left(&tape), Departure::Mark { agreed, mark: tape.marks[1], ended: true });
    tape.marks.clear();
    tape.hash ^= 1;
    assert_eq!(left(&tape), Departure::Hash { expected: tape.hash, found: tape.hash ^ 1 });
}

#[test]
fn a_replay_that_passes_says_which_failure_was_expected() {
    let mut tape = failed_tape();
    tape.marks.clear();
    let params = COIN.params();
    let good = (0..).find(|seed| COIN.run(*seed, &params, Overlay::new()).failure.is_none());
    tape.seed = good.expect("some seed passes");
    let expected = tape.failure.as_ref().map(|ending| ending.id.clone());
    assert!(expected.is_some());
    assert_eq!(left(&tape), Departure::End { expected, found: None });
}

#[test]
fn a_pinned_choice_decides_whatever_the_seed_says() {
    let params = COIN.params();
    let pins: Overlay = [(Site::new("world", "coin", 4), 99)].into_iter().collect();
    let report = COIN.run(0, &params, pins.clone());
    let tape = COIN.tape(&params, &pins, &report).expect("it is deterministic");
    assert!(tape.to_string().contains("\nchoice  world#coin#4 = 99\n"), "{tape}");
    assert!(matches!(COIN.replay(&tape), Ok(Replay::Same(report)) if report.failure.is_some()));
}

#[test]
fn a_pin_that_does_not_fit_is_refused_at_its_line() {
    let mut tape = failed_tape();
    tape.choices = vec![Pin { site: Site::new("world", "coin", 0), value: 100, line: 6 }];
    let out = Reason::OutOfRange { site: "world#coin#0".into(), value: 100, n: 100 };
    assert_eq!(refused(&tape), (6, out));
    tape.choices[0] = Pin { site: Site::new("moon", "coin", 0), value: 1, line: 7 };
    assert_eq!(refused(&tape), (7, Reason::UnknownSite("moon#coin#0".into())));
    tape.choices[0] = Pin { site: Site::new("world", "dice", 0), value: 1, line: 7 };
    assert_eq!(refused(&tape), (7, Reason::UnknownSite("world#dice#0".into())));
}

#[test]
fn a_pin_that_the_run_never_reaches_is_a_departure() {
    let mut tape = failed_tape();
    let site = Site::new("world", "coin", 5_000);
    tape.choices = vec![Pin { site: site.clone(), value: 1, line: 6 }];
    assert_eq!(left(&tape), Departure::Unreached { line: 6, site });
}

#[test]
fn a_tape_of_another_story_or_with_strange_parameters_is_refused() {
    let mut tape = failed_tape();
    tape.config = vec![crate::tape::Pair { line: 5, ..crate::tape::Pair::new("tosses", "0") }];
    assert_eq!(
        refused(&tape),
        (5, Reason::BadConfig("config tosses = 0: must lie between 1 and 1000".into()))
    );
    tape.story.value = "dice".into();
    tape.story.line = 3;
    assert_eq!(refused(&tape), (3, Reason::UnknownStory { name: "dice".into(), known: vec!["coin".into()] }));
}

#[test]
fn a_panic_while_the_world_goes_down_is_a_failure_too() {
    struct Fuse;
    impl Drop for Fuse {
        fn drop(&mut self) {
            panic!("the fuse blew");
        }
    }
    let story = Story {
        body: |sim, _| {
            let fuse = Fuse;
            sim.after(Duration::from_secs(1), move |_| drop(fuse));
            Ok(())
        },
        ..COIN
    };
    let failure = story.run(0, &story.params(), Overlay::new()).failure.expect("the fuse blew");
    assert!(failure.id.ends_with(": the fuse blew"), "{failure}");
}

#[test]
fn a_run_that_is_no_function_of_its_seed_gets_no_tape() {
    static RUNS: AtomicU64 = AtomicU64::new(0);
    let story = Story {
        body: |sim, _| {
            // Relaxed: one thread; the leak between runs is what the test is about.
            let runs = RUNS.fetch_add(1, Ordering::Relaxed);
            sim.after(Duration::from_nanos(runs), |_| ());
            let _ = sim.run();
            Ok(())
        },
        ..COIN
    };
    let params = story.params();
    let report = story.run(3, &params, Overlay::new());
    let unsteady = story.tape(&params, &Overlay::new(), &report).expect_err("two runs, two paths");
    assert_eq!((unsteady.seed, unsteady.first), (3, report.hash));
}

/// A folder of this process's own, gone when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tidemill-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder for tapes");
        Self(path)
    }

    fn test<'a>(&'a self, seeds: u64) -> Test<'a> {
        let folder = self.0.to_str().expect("a plain path");
        Test { name: "mine::deep::coin", package: "mine", folder, seeds, tapes: "tapes", strategy: "random" }
    }

    fn tape(&self) -> Option<PathBuf> {
        Some(std::fs::read_dir(self.0.join("tapes")).ok()?.next()?.expect("a readable folder").path())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn only_fair(sim: &mut Sim) -> Result<(), Failure> {
    coin(sim, &COIN.params())
}

#[test]
fn a_failing_test_names_the_seed_the_failure_and_the_command_that_repeats_it() {
    let folder = Folder::new("names");
    let message =
        folder.test(200).run(&Asked::default(), &only_fair).expect_err("a coin falls on every side");
    let seed = failed_tape().seed;
    assert!(message.starts_with(&format!("mine::deep::coin failed with seed {seed} of 200: ")), "{message}");
    assert!(message.contains("side: the coin fell on # with # tosses left"), "{message}");
    let command = format!("\nreplay: TIDEMILL_SEED={seed} cargo test -p mine -- --exact deep::coin\n");
    assert!(message.contains(&command), "{message}");
    let tape = folder.tape().expect("a tape was written");
    assert!(message.ends_with(&format!("tape:   {}", tape.display())), "{message}");
}

#[test]
fn a_tape_once_written_runs_before_any_seed_until_it_passes() {
    let folder = Folder::new("first");
    let failed = folder.test(200).run(&Asked::default(), &only_fair);
    assert!(failed.is_err());
    let message = folder.test(0).run(&Asked::default(), &only_fair).expect_err("the tape still fails");
    assert!(message.contains(", as recorded") && message.contains("TIDEMILL_TAPE="), "{message}");
    // The bug is fixed: the tape stays, and passes.
    assert_eq!(folder.test(10).run(&Asked::default(), &|_: &mut Sim| ()), Ok(()));
    // Another test does not run it.
    let other = Test { name: "mine::other", ..folder.test(0) };
    assert_eq!(other.run(&Asked::default(), &only_fair), Ok(()));
}

#[test]
fn the_caller_chooses_seeds_one_seed_or_a_tape() {
    let folder = Folder::new("chooses");
    let seed = failed_tape().seed;
    let test = folder.test(1_000);
    assert_eq!(test.run(&Asked { seeds: Some(seed), ..Asked::default() }, &only_fair), Ok(()));
    assert!(test.run(&Asked { seeds: Some(seed + 1), ..Asked::default() }, &only_fair).is_err());
    let one = Asked { seed: Some(seed), ..Asked::default() };
    assert!(test.run(&one, &only_fair).expect_err("this seed fails").contains(&format!("seed {seed}: ")));
    let tape = Asked { tape: folder.tape(), ..Asked::default() };
    assert!(test.run(&tape, &only_fair).expect_err("this tape fails").contains("as recorded"));
    assert_eq!(Test { name: "mine::other", ..test }.run(&tape, &only_fair), Ok(()));
    let none = Asked { tape: Some(folder.0.join("no-such.tape")), ..Asked::default() };
    assert!(test.run(&none, &only_fair).expect_err("no such file").contains("no-such.tape"));
}

#[test]
fn a_test_may_give_nothing_an_outcome_or_a_result() {
    let folder = Folder::new("gives");
    let test = folder.test(1);
    assert_eq!(test.run(&Asked::default(), &|_: &mut Sim| ()), Ok(()));
    assert_eq!(test.run(&Asked::default(), &|sim: &mut Sim| sim.run()), Ok(()));
    let message = test.run(&Asked::default(), &|_: &mut Sim| Err::<(), _>("no 17 is left".to_owned()));
    assert!(message.expect_err("an error").contains("error: \"no # is left\""));
}

#[test]
fn a_run_is_the_same_over_zero_once_its_choices_are_pinned() {
    let params = COIN.params();
    let tape = failed_tape();
    let recorded = COIN.trial(&params, &Trial { record: true, ..tape.trial() });
    let pinned = tape.trial().pinned(recorded.choices.clone());
    let again = COIN.trial(&params, &Trial { record: true, ..pinned.clone() });
    assert_eq!((again.hash, &again.choices), (recorded.hash, &recorded.choices));
    let zero = COIN.tape_of(&params, &pinned, &again).expect("it is deterministic");
    assert!(zero.to_string().contains("\nbase    = zero\n"), "{zero}");
    assert!(matches!(COIN.replay(&zero), Ok(Replay::Same(report)) if report.hash == tape.hash));
}

#[test]
fn the_tape_of_a_forked_run_pins_what_the_fork_decided() {
    let params = COIN.params();
    let fork = |seed| Trial { fork: Some(Fork { after: 10, seed }), ..Trial::seed(0) };
    let (trial, report) = (1..)
        .map(|seed| (fork(seed), COIN.trial(&params, &fork(seed))))
        .find(|(_, report)| report.failure.is_some())
        .expect("some seed goes on to fail");
    let tape = COIN.tape_of(&params, &trial, &report).expect("it is deterministic");
    assert_eq!(tape.base, Base::Zero);
    assert!(matches!(COIN.replay(&tape), Ok(Replay::Same(again)) if again.hash == report.hash));
}

// SIM-REPLAY: a small tape over zero in the folder is replayed by the test that bears its name.
#[test]
fn a_shrunk_tape_fails_its_test_until_the_bug_is_fixed() {
    let folder = Folder::new("shrunk");
    assert!(folder.test(200).run(&Asked::default(), &only_fair).is_err());
    let path = folder.tape().expect("a tape was written");
    let tape = Tape::parse(&std::fs::read(&path).expect("a tape")).expect("our own tape");
    let body = |sim: &mut Sim, _: &Params| only_fair(sim);
    let subject = Subject::test("mine::deep::coin", &body);
    let small = crate::shrink::shrink(&subject, &tape, u64::MAX, &mut |_| true).expect("it fails").tape;
    assert_eq!((small.base, small.choices.len()), (Base::Zero, 1), "{small}");
    std::fs::write(&path, small.to_string()).expect("a file");
    let message = folder.test(0).run(&Asked::default(), &only_fair).expect_err("the tape fails");
    assert!(message.contains(", as recorded"), "{message}");
    // With the bug the path is gone, too: the tape passes off its path, and that is a success.
    assert_eq!(folder.test(1).run(&Asked::default(), &|_: &mut Sim| ()), Ok(()));
}
