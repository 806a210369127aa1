//! Messages, tokens, edges, nodes, graphs and the workers that drive them.
//!
//! ```text
//!            permit (room + slot, before any work)                bell: wakes the owner of the other end
//! ┌────────┐   │   ┌──────────────── edge ─────────────────┐   │    ┌────────┐
//! │ node A ├───┴──▶│ Tx ─▶ ring of 16-byte tickets ─▶ Rx   ├───┴───▶│ node B │   a node sees views that live one step:
//! └────────┘       └───────────────────────────────────────┘        └───┬────┘   Item<P> in, Permit<P> out
//!     ▲  slots: header 48 B + payload, written once, in place            │
//!     └── home: the pool's one allocator ◀── lane of B (one writer) ◀────┘        loads and stores only
//! ```
//! One graph text runs on a Cortex-M0 without heap or compare-and-swap, on threads, and in the simulator.
//!
#![doc = concat!("```\n", include_str!("../examples/three_nodes.rs"), "\n```")]
//!
//! What travels is a [message](message); where it lies is a [pool](pool); what it waits in is an [edge](edge); what
//! works on it is a [node](node); a [graph](graph) joins them and is judged before anything runs; a [worker] steps it.
//! [wire] carries an edge over a datagram link, [shared] through memory of two processes.
//!
//! A payload that does not fit its port is rustc's own error (V3), and so is an end that is bound twice (V2):
//!
//! ```compile_fail,E0308
//! # use tidemill_flow::{Caps, Edge, Graph, StaticPool, bind, sink, source};
//! # use tidemill_seam::PoolId;
//! static POOL: StaticPool<u32, 4> = StaticPool::new(PoolId(0));
//! static EDGE: Edge<u32, 2> = Edge::new(Caps::wait(2));
//! let (tx, rx) = EDGE.split(&POOL).unwrap();
//! let numbers = bind("numbers", source(|| Some(1)), (), (POOL.home().unwrap().feed([tx]),));
//! let sink = bind("sink", sink(|_: &u64| ()), (rx,), ());
//! ```
//! ```compile_fail,E0382
//! # use tidemill_flow::{Caps, Edge, StaticPool, bind, sink};
//! # use tidemill_seam::PoolId;
//! static POOL: StaticPool<u32, 4> = StaticPool::new(PoolId(0));
//! static EDGE: Edge<u32, 2> = Edge::new(Caps::wait(2));
//! let (_tx, rx) = EDGE.split(&POOL).unwrap();
//! let one = bind("one", sink(|_: &u32| ()), (rx,), ());
//! let two = bind("two", sink(|_: &u32| ()), (rx,), ());
//! ```
//! An edge of zero capacity, or of one that is no power of two, does not compile either (V13):
//!
//! ```compile_fail,E0080
//! # use tidemill_flow::{Caps, Edge};
//! static EDGE: Edge<u32, 0> = Edge::new(Caps::wait(0));
//! ```
//! Refuses: to lose a message without a counted cause, to allocate, to poll, to carry a policy that nobody enforces.
#![no_std]

pub mod edge;
pub mod graph;
pub mod message;
pub mod node;
mod once;
pub mod pool;
pub mod shared;
pub mod wire;
pub mod worker;

pub use edge::{Bounce, Bounced, Caps, Cause, Edge, Level, Load, Policy, Rx, Tx, Verdict, admit};
pub use graph::{Faults, Feed, Graph, Rule, Shape, Stage, Stages, StartError, WiringFault, bind};
pub use message::{Bytes, Criticality, Flags, Header, HeaderError, MemoryClass, Payload, TooLong};
pub use node::{
    Any, Cx, Fault, Inputs, Item, Items, Node, OnFault, Outlet, Outputs, Permit, Permits, Relay, Step,
    Through, filter, fold, join, map, sink, source,
};
pub use pool::{
    FULL_WEIGHT, Home, Lease, Loan, Manager, Misuse, RawToken, Refused, Returns, StaticPool, Taken, Token,
};
pub use worker::{Bells, Cycle, Outcome, Polled, StopHandle, Why, Worker, run};
