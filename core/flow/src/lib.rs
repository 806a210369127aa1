//! Messages, tokens, edges, nodes, graphs and the workers that drive them.
#![no_std]

pub mod edge;
pub mod message;
mod once;
pub mod pool;

pub use edge::{Bounce, Bounced, Caps, Cause, Edge, Level, Load, Policy, Rx, Tx, Verdict, admit};
pub use message::{Bytes, Criticality, Flags, Header, HeaderError, MemoryClass, Payload, TooLong};
pub use pool::{
    FULL_WEIGHT, Home, Lease, Loan, Manager, Misuse, RawToken, Refused, Returns, StaticPool, Taken, Token,
};

pub mod graph;
pub mod node;
pub mod wire;
pub mod worker;

pub use graph::{Faults, Graph, Rule, Stage, Stages, StartError, WiringFault, bind};
pub use node::{
    Any, Cx, Fault, Inputs, Item, Items, Node, OnFault, Outlet, Outputs, Permit, Permits, Relay, Step,
    Through, filter, fold, join, map, sink, source,
};
pub use worker::{Bells, Cycle, Outcome, Polled, StopHandle, Why, Worker, run};
