//! One thread, one seed, one world: the simulated seams and the harness around them.

pub mod tape;
