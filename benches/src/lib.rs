//! Benches with the peers beside us in the same run, one file a question.
//!
//! Absolute figures belong to a machine and a moment; what counts is the ratio to a peer that ran between our rounds.

pub mod case;
pub mod contest;
pub mod figure;
pub mod goal;
pub mod ours;
pub mod parts;
#[cfg(feature = "peers")]
pub mod peer;
pub mod rounds;
pub mod steady;
pub mod subject;
pub mod table;
pub mod three_nodes;
pub mod transport;
