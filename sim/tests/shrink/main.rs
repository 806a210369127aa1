//! Worlds with a planted bug each, and the smallest tape that a hand could write: what the shrinker comes to is as small.

mod worlds;

use tidemill_sim::harness::{Params, Story, Subject, Trial, tag};
use tidemill_sim::shrink::{Shrunk, shrink};
use tidemill_sim::tape::Tape;
use tidemill_sim::{Base, Overlay, Site};
use worlds::{PLANTED, Planted};

/// Seeds whose failing runs are shrunk, of each world.
const SEEDS: usize = 3;

impl Planted {
    /// The smallest failing run, as a hand wrote it.
    fn by_hand(&self) -> (Params, Trial) {
        let mut params = self.story.params();
        for (name, value) in self.params {
            self.story.set(&mut params, name, value).expect("a value in range");
        }
        let choices =
            self.choices.iter().map(|(entity, kind, at, value)| (Site::new(*entity, *kind, *at), *value));
        (params, Trial { base: Base::Zero, overlay: choices.collect::<Overlay>(), ..Trial::default() })
    }
}

fn failing(story: &Story) -> impl Iterator<Item = Tape> + '_ {
    let params = story.params();
    (0..10_000).filter_map(move |seed| {
        let trial = Trial::seed(seed);
        let report = story.trial(&params, &trial);
        report
            .failure
            .is_some()
            .then(|| story.tape_of(&params, &trial, &report).expect("it is deterministic"))
    })
}

fn small(story: &Story, tape: &Tape) -> Shrunk {
    shrink(&Subject::from(story), tape, 20_000, &mut |_| true).expect("the tape fails")
}

#[test]
fn every_hand_written_tape_fails_and_none_of_its_choices_can_be_spared() {
    for planted in PLANTED {
        let story = &planted.story;
        let (params, trial) = planted.by_hand();
        let report = story.trial(&params, &trial);
        let failure = report.failure.unwrap_or_else(|| panic!("{}: the hand's tape passes", story.name));
        assert_eq!(
            (report.overlay.unused.len(), report.overlay.out_of_range.len()),
            (0, 0),
            "{}",
            story.name
        );
        for (site, _) in &trial.overlay {
            let mut without = trial.clone();
            without.overlay.remove(site);
            let spared = story.trial(&params, &without).failure;
            assert_ne!(spared.map(|spared| spared.id), Some(failure.id.clone()), "{}: {site}", story.name);
        }
    }
}

// SIM-SHRINK: over planted bugs every tape keeps its failure id, and the median is as small as by hand.
#[test]
fn planted_bugs_shrink_to_the_size_of_a_hand_written_tape() {
    let mut ratios = Vec::new();
    for planted in PLANTED {
        let story = &planted.story;
        let (params, by_hand) = planted.by_hand();
        let hand = story.trial(&params, &by_hand);
        for tape in failing(story).take(SEEDS) {
            let shrunk = small(story, &tape);
            let wanted = tape.failure.as_ref().expect("a failing tape");
            assert_eq!(shrunk.tape.failure.as_ref(), Some(wanted), "{}", story.name);
            assert_eq!(Some(&wanted.tag), hand.failure.as_ref().map(tag).as_ref(), "{}", story.name);
            let (choices, events) = (shrunk.after.choices, shrunk.after.events);
            let ratio = |ours: u64, hand: u64| ours * 100 / hand.max(1);
            ratios.push(ratio(choices, by_hand.overlay.len() as u64).max(ratio(events, hand.events)));
            println!(
                "{:12} seed {:4}: {} choices, {} events; by hand {}, {}; {} runs",
                story.name,
                tape.seed,
                choices,
                events,
                by_hand.overlay.len(),
                hand.events,
                shrunk.runs
            );
            assert!(choices <= 2 * by_hand.overlay.len() as u64, "{}: {}", story.name, shrunk.tape);
        }
    }
    ratios.sort_unstable();
    assert_eq!(ratios.len(), SEEDS * PLANTED.len(), "every world failed often enough");
    assert!(ratios[ratios.len() / 2] <= 200, "sizes in percent of the hand's: {ratios:?}");
}
