//! Loom and shuttle models of the shipped rings, and litmus twins that must fail.
