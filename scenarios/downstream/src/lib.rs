//! A collector of readings that survives its own death, and the spool inside it.
//!
//! ```text
//!  meters ══ any datagrams ══▶ take ─▶ [spool 8] ─▶ store ─▶ disk
//!         ◀═══════════════════ acknowledged once it is on the disk
//! ```
//!
//! Nothing here knows whether it is simulated: the collector reaches the world through [`World`].

mod collector;
mod spool;

pub use collector::{Disk, Reading, World, collector, meter};
pub use spool::{Receiver, Sender, spool};
