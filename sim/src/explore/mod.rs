//! Sources of choices other than the seed's streams, and the order of events as a choice.
//!
//! A [`Source`] stands behind the kernel's one door (law K1): it gives the values of decisions that no overlay names.
//! Whatever it decides is recorded, so that the run repeats from an [`Overlay`](crate::Overlay) over
//! [`Base::Zero`](crate::Base) without it.
//!
//! # Windows
//! Seeds draw a latency when a datagram is sent, so which event is next follows from numbers that were drawn before.
//! A strategy that wants to decide just that, and nothing else, runs with [`Order::Chosen`]: an event then has a window,
//! from the least latency to the greatest one that its link allows, and which event is next is a choice of its own,
//! `world/order#next`, among all events whose window opens before any other closes. The chosen event happens when
//! its window opens, or at once if it is open.
//! - Virtual time never runs back, nothing happens outside of its window, and a timer, a start, a notification and an
//!   action of the story have a window of one instant. Every order so found is one that latencies could have drawn.
//! - Value 0 is the event whose window opened first, the oldest of several: where every choice is 0, a run is the
//!   same in either order.
//! - Datagrams of one direction that have the same constant latency stay in line, and so do the timers of one process;
//!   a process starts before anything else reaches it.
//! - The end of a [`run_until`](crate::Sim::run_until) closes every window that it cuts.

//!
//! # Strategies
//! A [`Strategy`] asks for runs and hears what came of them; a [`Campaign`](crate::harness::Campaign), a simulated test
//! and `tidemill run --strategy` run any of them over the same body.
//! - `random`: the streams of one seed after the other, in the drawn order.
//! - `swarm`: the same, and every run draws which kinds of faults are on and how often they strike.
//! - `pct:d`: random priorities of chains of events, and `d − 1` points at which whoever would go next falls behind
//!   everybody; a fault is such a point, too. The first run has no points, and tells how many decisions there are.
//! - `exhaustive:f`: every run with at most `f` faults; of two orders of events that [commute](Ready::commutes) one
//!   is run. [`Sim::touches`](crate::Sim::touches) says what processes share; where nothing was said, nothing commutes. For
//!   the workers of a graph its shape says it: see [`Crew`](crate::flow::Crew).
//!   [`Extent`] says whether it is complete, and what was held.
//! - `guided`: keeps runs that show something new (a claim that was met, how a process went from one event to the
//!   next, how much waited), and changes single values of them or what comes behind one decision.
//! - `portfolio`: all of these share the budget; [`Find`](crate::harness::Find) says who found what.
//!
//! A run that a strategy decided is on tape as any other: `base = zero`, and a line for every choice that is not 0.

mod bytes;
mod mutant;
mod order;
mod pct;
mod plan;
#[cfg(feature = "proptest")]
pub mod property;
mod search;
mod source;
mod strategy;
mod swarm;
mod walk;

pub use bytes::Bytes;
pub use mutant::Features;
pub(crate) use order::{Chosen, ENTITY};
pub use order::{Order, Ready};
pub(crate) use plan::{Found, Plan, Reins};
pub(crate) use search::Search;
pub use search::{Extent, Share};
pub use source::{Asked, Drive, Source};
pub use strategy::{BadStrategy, Bounds, Strategy};
