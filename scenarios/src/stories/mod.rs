//! The stories: one file each, and one line here.

mod canary;
mod journal;
mod lock_service;
mod ping_pong;
pub(crate) mod pipeline;
#[cfg(not(target_family = "wasm"))]
mod register;
mod relocate;
mod replicas;
mod segment;
mod shared_ring;
mod shm_pipeline;
mod streams;

use std::sync::OnceLock;
use tidemill_sim::harness::Story;
use tidemill_sim::{Failure, Outcome, Sim};

static ALL: &[Story] = &[
    pipeline::STORY,
    ping_pong::STORY,
    lock_service::STORY,
    replicas::STORY,
    shared_ring::STORY,
    shm_pipeline::STORY,
    segment::STORY,
    streams::STORY,
    relocate::STORY,
    relocate::death::STORY,
    journal::STORY,
    // The register of files belongs to the Linux world.
    #[cfg(not(target_family = "wasm"))]
    register::STORY,
    canary::STORY,
];

static OTHERS: OnceLock<&'static [Story]> = OnceLock::new();

/// Every story, in the order in which they are listed and run.
pub fn all() -> &'static [Story] {
    OTHERS.get().copied().unwrap_or(ALL)
}

/// Puts other stories in the place of ours, once, before anything asks for them.
pub(crate) fn replace(stories: &'static [Story]) {
    OTHERS.get_or_init(|| stories);
}

/// The story of that name.
pub fn find(name: &str) -> Option<&'static Story> {
    all().iter().find(|story| story.name == name)
}

/// What broke while the simulation ran.
fn broken(outcome: Outcome) -> Result<(), Failure> {
    match outcome {
        Outcome::Failed(failure) => Err(failure),
        Outcome::Quiet | Outcome::Due | Outcome::Stopped => Ok(()),
    }
}

/// A law that must hold now; `message` says how it does not.
fn law(sim: &Sim, name: &str, holds: bool, message: impl FnOnce() -> String) -> Result<(), Failure> {
    if holds {
        return Ok(());
    }
    Err(Failure::new(name, message(), "world", sim.now(), sim.stats().events))
}

#[cfg(test)]
mod tests {
    use super::all;

    #[test]
    fn names_are_unique_and_fit_into_a_file_name() {
        for (at, story) in all().iter().enumerate() {
            assert!(
                all()[..at].iter().all(|other| other.name != story.name),
                "{} is there twice",
                story.name
            );
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            assert!(story.name.chars().all(plain) && !story.name.is_empty(), "`{}`", story.name);
        }
    }

    #[test]
    fn every_default_lies_within_its_range() {
        for param in all().iter().flat_map(|story| story.params) {
            assert!(param.range.contains(&param.default), "{}", param.name);
        }
    }
}
