//! Memory that processes share: late stores, hostile peers, zombies, and what each of them saw.

mod hostile;
mod litmus;
mod shared;
mod shared_edge;
mod sights;
mod zombies;
