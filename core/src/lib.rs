//! Edges, rings, graphs and the seams that they run on: the facade crate.
