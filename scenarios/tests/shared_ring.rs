//! The producer of `shared_ring` dies at every one of its stores, and the ring that is split undrained is caught.

use tidemill_scenarios::stories::find;
use tidemill_seam::Duration;
use tidemill_sim::harness::{CrashPoints, Params, Story, Trial, Victim};
use tidemill_sim::{Failure, Happened, Overlay, Sim, why};

fn story(settings: &[(&str, &str)]) -> (&'static Story, Params) {
    let story = find("shared_ring").expect("the story is listed");
    let mut params = story.params();
    for (name, value) in settings {
        story.set(&mut params, name, value).expect("a value within its range");
    }
    (story, params)
}

// SIM-SHM, SIM-PROCESSES: the shipped ring under its supervisor, the producer dead at every store and back again.
#[test]
fn the_producer_dies_at_every_store_and_nothing_is_lost() {
    let (story, params) = story(&[("entries", "12"), ("deaths", "0")]);
    let body = |sim: &mut Sim| -> Result<(), Failure> { (story.body)(sim, &params) };
    for seed in 0..6 {
        let victim = Victim::new("host/producer").restarting(Duration::from_nanos(300));
        let points = CrashPoints::visit(seed, &victim, body);
        // Two words and the tail an entry, and the word that closes the ring.
        assert_eq!(points.stores, 3 * 12 + 1, "{points}");
        points.expect_ok();
    }
}

// SIM-SHM: a death in the life after every death.
#[test]
fn the_producer_dies_twice_at_every_pair_of_stores() {
    let (story, params) = story(&[("entries", "4"), ("deaths", "0"), ("pauses", "0")]);
    let victim = Victim::new("host/producer").restarting(Duration::from_nanos(300));
    let body = |sim: &mut Sim| -> Result<(), Failure> { (story.body)(sim, &params) };
    CrashPoints::visit_pairs(1, &victim, &victim, body).expect_ok();
}

// SIM-SHM: what the story is there to catch, it catches.
#[test]
fn a_ring_that_is_split_before_it_is_drained_is_caught() {
    let (story, params) = story(&[("drain", "0")]);
    let caught = |seed: &u64| {
        let failure = story.run(*seed, &params, Overlay::new()).failure;
        failure.is_some_and(|failure| failure.id == "what was pushed arrives: # were pushed, # arrived")
    };
    let caught = (0..100).filter(caught).count();
    assert!(caught > 5, "by {caught} of 100 seeds only");
}

// SIM-WHY, SIM-SHM: the causal slice of a failure crosses shared memory: from who found an entry to who stored it.
#[test]
fn why_a_ring_was_found_wanting_leads_through_the_stores_of_its_producer() {
    let (story, params) = story(&[("drain", "0")]);
    let fails = |seed: &u64| story.run(*seed, &params, Overlay::new()).failure.is_some();
    let seed = (0..100).find(fails).expect("some seed fails");
    let (_, trace) = story.trace(&params, &Trial::seed(seed));
    let slice = why::slice(&trace);
    let at = |event: usize| trace.name(trace.place(event));
    let by_producer =
        |event: &usize| at(*event) == "host/producer" && trace.events()[*event].kind() == Happened::Stored;
    let crossed = slice.iter().filter(|event| at(**event) == "host/consumer");
    let crossed = crossed.flat_map(|event| trace.sights(*event)).filter(by_producer).count();
    assert!(crossed > 5, "the consumer saw {crossed} stores of the producer");
    assert!(trace.text(&slice).lines().any(|line| line.contains("host/consumer") && line.contains("saw ")));
}
