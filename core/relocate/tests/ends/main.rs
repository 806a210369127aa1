//! Both ends of an edge, by hand.

mod consumer;
mod hostile;
mod producer;
mod rig;
mod timeline;
