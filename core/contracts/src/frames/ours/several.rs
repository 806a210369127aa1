//! One of several producers as the only one: each time it dies another takes its place.

use super::takes::{PartsTaken, RunsTaken};
use super::{ABANDONED, Form, N, Ours, belie, parts, runs, spoiled, words};
use crate::segment::Claims;
use tidemill_ring::frame::{MultiFrameProducer, MultiVarProducer};
use tidemill_ring::table::Identity;
use tidemill_ring::{Segment, Spec};
use tidemill_seam::Exchange;

/// As [`Parts`](super::Parts), in a ring of several producers.
pub type PartsOfSeveral<'c, R> = Ours<'c, R, PartsClaimed, PartsTaken>;
/// As [`Runs`](super::Runs), in a ring of several producers.
pub type RunsOfSeveral<'c, R> = Ours<'c, R, RunsClaimed, RunsTaken>;

/// In parts that are claimed together.
#[derive(Debug)]
pub enum PartsClaimed {}
/// In runs of granules that are claimed together.
#[derive(Debug)]
pub enum RunsClaimed {}

const fn several(spec: Spec) -> Spec {
    spec.producers(2)
}

/// Words that [`PartsOfSeveral`] takes.
///
/// # Panics
/// Where there is no such ring.
pub fn several_parts_words(capacity: u32) -> u32 {
    words(&several(parts(capacity)))
}

/// Words that [`RunsOfSeveral`] takes.
///
/// # Panics
/// Where there is no such ring.
pub fn several_runs_words(capacity: u32) -> u32 {
    words(&several(runs(capacity)))
}

impl<'c, R: Exchange + Clone + 'c> Form<'c, R> for PartsClaimed {
    type Tx = MultiFrameProducer<N, R, &'c Claims>;

    fn spec(capacity: u32) -> Spec {
        several(parts(capacity))
    }

    fn open(segment: Segment<R>, claims: &'c Claims) -> Self::Tx {
        segment.multi_frame_producer(claims, Identity::default()).expect("a place is free")
    }

    fn slot(tx: &Self::Tx) -> u32 {
        tx.slot()
    }

    fn abandon(tx: &mut Self::Tx, payload: &[u8]) {
        if let Ok(mut grant) = tx.grant(payload.len(), ABANDONED) {
            grant.write(&payload[..payload.len() / 2]);
        }
    }

    /// There are none: the parts of a message are claimed together, and what is given up ends whatever is open.
    fn orphan(_: &mut Self::Tx, _: u32) -> bool {
        false
    }

    fn lie(tx: &mut Self::Tx, _: &Segment<R>, number: u32) -> bool {
        tx.raw().try_push(spoiled(number, 1, 1_000_000)).is_ok()
    }
}

impl<'c, R: Exchange + Clone + 'c> Form<'c, R> for RunsClaimed {
    type Tx = MultiVarProducer<N, R, &'c Claims>;

    fn spec(capacity: u32) -> Spec {
        several(runs(capacity))
    }

    fn open(segment: Segment<R>, claims: &'c Claims) -> Self::Tx {
        segment.multi_var_producer(claims, Identity::default()).expect("a place is free")
    }

    fn slot(tx: &Self::Tx) -> u32 {
        tx.slot()
    }

    fn abandon(tx: &mut Self::Tx, payload: &[u8]) {
        if let Ok(mut grant) = tx.grant(payload.len(), ABANDONED) {
            grant.write(&payload[..payload.len() / 2]);
        }
    }

    fn orphan(_: &mut Self::Tx, _: u32) -> bool {
        false
    }

    fn lie(tx: &mut Self::Tx, segment: &Segment<R>, _: u32) -> bool {
        belie(tx, segment)
    }
}
