//! Property tests that drive runs: values that shrink towards 0, the boring thing.

use proptest::collection::vec;
use proptest::prelude::{Strategy, any};

use super::bytes::Bytes;
use crate::choice::{Choice, Overlay};

/// At most `len_max` bytes that drive a run. They shrink to fewer and smaller ones, and so to a run in which less
/// happens.
pub fn bytes(len_max: usize) -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..=len_max).prop_map(|bytes| Bytes::new(&bytes))
}

/// Overlays that change some of these choices, at most `changes_max`; they are what a recorded run took. They shrink to
/// fewer changes, and each to a smaller value.
///
/// # Panics
/// If there are no choices to change.
pub fn overlays(choices: Vec<Choice>, changes_max: usize) -> impl Strategy<Value = Overlay> {
    assert!(!choices.is_empty(), "a run without choices cannot be changed");
    let change = (0..choices.len(), any::<u64>());
    vec(change, 0..=changes_max).prop_map(move |changes| {
        let value = |(at, drawn): (usize, u64)| {
            let choice = &choices[at];
            (choice.site.clone(), ((u128::from(drawn) * u128::from(choice.n)) >> 64) as u64)
        };
        changes.into_iter().map(value).collect()
    })
}
