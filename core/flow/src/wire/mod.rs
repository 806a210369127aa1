//! An edge over a [`Link`](tidemill_seam::Link): items cross an unreliable datagram link exactly once and in order.
//!
//! ```text
//!   edge ─▶ Outbound ─▶ Sender ══ DATA seq ══▶ Receiver ─▶ Inbound ─▶ edge
//!                         ▲ window, resend        │ reorder buffer
//!                         └══ ACK next, bits ═════┘
//! ```
//! [`Sender`] and [`Receiver`] are sans-IO state machines over datagrams: selective repeat with cumulative and selective
//! acknowledgement (RFC 2018 in spirit; one item a datagram). [`Outbound`] and [`Inbound`] wrap them as nodes.
//!
//! # Laws
//! - **T1** What comes out of the receiver is a prefix of what went into the sender, item for item: nothing lost,
//!   doubled, reordered, altered or invented, whatever the link does.
//! - **T2** An item is acknowledged only once the receiver owns it: a sender may forget what was acknowledged.
//! - **T3** If datagrams get through infinitely often in both directions, every item and the end arrive.
//! - **T4** A sender that restarts and repeats its input from the start resumes: items that the receiver has are
//!   recognised by their sequence and not delivered again. The input must be a durable, deterministic sequence.
//! - **T5** Foreign bytes are checked once, at [`Frame::check`]; what fails is dropped and counted by [`Reject`].
//! - **T6** Memory is `WINDOW × BYTES` a side, fixed; nothing is allocated.
//!
//! Refuses: congestion control, encryption, path discovery, a receiver that restarts (its state is volatile).

mod frame;
mod node;
mod receiver;
mod sender;

pub use frame::{Frame, OVERHEAD, Reject, Rejects};
pub use node::{Inbound, Outbound};
pub use receiver::Receiver;
pub use sender::{Sender, Timing, WindowFull};
