//! An edge between two processes: tickets in a segment, messages in a pool behind them, and nothing but offsets.
//!
//! ```text
//!  one process                     one region, mapped by both wherever they like                     another
//!  Tx ─ slot, header, payload ─▶ │ segment: table · cursors · tickets │ counters │ slot × (N + 4) │ ─▶ Rx reads in place
//!   ▲   once, in place           └──────────────────────────────────────────────────────────────┘     │
//!   └──────────── slots of the items below `cleared` ◀──── the cursor, which only the consumer moves ◀┘
//! ```
//! A message is written once, into a slot of the pool, and lies there until the consumer has let go of it: what crosses is a
//! ticket of 16 bytes, and no word of the payload is stored a second time. There is no way back and no list of who holds what:
//! the cursor of the consumer says which tickets are done with, and their slots are the producer's again.
//!
//! # Laws
//! Those of an [edge](crate::edge) (E1 to E7, E9 to E13, E19 to E22, E25) under `Wait` and `DropNewest`, and across deaths:
//!
//! - **X1** *Owner by proof.* A slot is named by one ticket from [`cleared`](tidemill_ring::Producer::cleared) on, or it is
//!   free, or on loan to the producer that lives. A successor works the free ones out from the tickets alone, so what a dead
//!   producer had on loan is free again, and what it had published is not.
//! - **X2** *Never twice.* A slot becomes free when the clearance passes its one ticket, and by nothing else.
//! - **X3** *Nothing lost.* What was published arrives at whoever has the consumer's name, once it is back, as long as its
//!   place is kept ([`Peer::hold`](tidemill_ring::Peer::hold)); it begins at the first item that was not released.
//! - **X4** *Stable positions.* An item has its number for ever, whoever produces. So a producer that repeats its input goes
//!   on at the first that is not there, and a consumer that sees an item again knows it.
//!
//! A consumer that dies without such a place, or leaves, closes the edge. What it left is counted once
//! [`recover`](Tx::recover) takes it back, and goes to the next consumer otherwise, if there is one before.
//!
//! A peer that writes what is not its own costs a [`fault`](Tx::fault) at most, never a panic or a wait without an end.
//!
//! Refuses: an edge that evicts, a second consumer, a payload that is not [`Plain`], and to wait:
//! between processes nobody rings a bell, so a [node](Outbound) that waits looks again after a while.

mod edge;
mod mark;
mod node;
mod rx;
mod shape;
mod slots;
mod tx;

pub use edge::{Edge, OpenError};
pub use mark::Mark;
pub use node::{Inbound, Outbound};
pub use rx::{Held, Rx};
pub use shape::{Shape, Ticket};
pub use tidemill_ring::{Fingerprint, Plain, Position};
pub use tx::{Loan, Tx};
