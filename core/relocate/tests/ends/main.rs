//! Both ends of an edge, by hand.

mod consumer;
mod hostile;
mod leases;
mod loss;
mod mutants;
mod observed;
mod producer;
mod rig;
mod timeline;
