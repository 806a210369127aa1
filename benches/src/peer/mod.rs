//! Other simulators, given the same cases. Each file says where its program cannot be the same.

pub mod moonpool;
pub mod turmoil;
