//! Both ends of an edge, by hand.

mod consumer;
mod producer;
mod rig;
mod timeline;
