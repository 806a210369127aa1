//! Tidemill: write an edge or dataflow system once, prove it in a simulated world from a single seed, and run the same
//! code on Linux and on microcontrollers.
//!
//! This is the facade: each room under its own name, and a [prelude] for those who write nodes and graphs.
//!
//! | module | room | feature |
//! |---|---|---|
//! | [seam] | time, ids, and the traits that a world provides | |
//! | [ring] | bounded lock-free rings over any region of memory | `alloc`: a region on the heap; `derive`: plain types; `codecs`: values in frames |
//! | [flow] | messages, pools, edges, nodes, graphs, workers | `critical-section`: edges that drop the oldest, without compare-and-swap |
//! | `relocate` | edges that move to another host on failure | `relocate` |
//! | `contracts` | the laws as suites for your own parts | `contracts` |
//! | `host` | the Linux world, and the threaded runtime | `host`; `tokio`: links and streams inside tokio |
//! | `mcu` | the bare-metal world | `mcu` |
//!
//! ```
//! use tidemill::prelude::{Caps, Edge, Graph, StaticPool, bind, sink, source};
//! use tidemill::seam::{Instant, PoolId};
//!
//! static POOL: StaticPool<u32, 6> = StaticPool::new(PoolId(0));
//! static EDGE: Edge<u32, 4> = Edge::new(Caps::wait(4));
//!
//! let (tx, rx) = EDGE.split(&POOL).unwrap();
//! let (mut numbers, mut sum) = (1..=4, 0);
//! let mut graph = Graph::new((
//!     bind("numbers", source(|| numbers.next()), (), (POOL.home().unwrap().feed([tx]),)),
//!     bind("sum", sink(|n: &u32| sum += n), (rx,), ()),
//! ))
//! .unwrap();
//! graph.start(Instant::ZERO).unwrap();
//! let mut worker = graph.worker();
//! while let tidemill::flow::Polled::Ran(_) = worker.poll(Instant::ZERO, 64) {}
//! graph.stop(Instant::ZERO);
//! drop(graph);
//! assert_eq!(sum, 10);
//! ```
#![no_std]

#[cfg(feature = "contracts")]
pub use tidemill_contracts as contracts;
pub use tidemill_flow as flow;
#[cfg(feature = "host")]
pub use tidemill_host as host;
#[cfg(feature = "mcu")]
pub use tidemill_mcu as mcu;
#[cfg(feature = "relocate")]
pub use tidemill_relocate as relocate;
pub use tidemill_ring as ring;
pub use tidemill_seam as seam;

/// The names that nearly every node and graph needs.
pub mod prelude {
    pub use tidemill_flow::{
        Any, Caps, Cx, Edge, Fault, Graph, Header, Items, Node, OnFault, Outcome, Payload, Permits, Relay,
        StaticPool, Step, bind, filter, fold, join, map, run, sink, source,
    };
}
