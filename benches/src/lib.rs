//! Benches with the peers beside us in the same run.
