//! Why a run fails: when its failure became likely, what could have influenced it, and when a fix may be believed.
//!
//! - [`curve`] keeps the path up to some event and goes on by other seeds, again and again: the share of runs that still
//!   fail in the same way, over the length of the run. Where it rises, the failure was decided.
//! - [`fn@slice`] is the causal past of the failure: the events that could have influenced it, and no other.
//! - [`Finding`] says how many clean seeds it takes before a fix is believed.
//!
//! Seeds and cuts are settled by the tape and the caller, so the same question gets the same answer.

mod curve;
mod finding;
mod slice;
mod svg;

#[cfg(test)]
mod tests;

pub use curve::{Ask, Curve, Point, curve};
pub use finding::{Finding, Share, clean_seeds, measure};
pub use slice::slice;
