//! The thermometer pipeline: one graph definition for the simulator, Linux processes and bare metal.
//!
//! ```text
//!  sender    read ─▶ parse ─▶ celsius ─▶ outbound ═══ link ═══▶ inbound ─┬─▶ window ─┐      receiver
//!                      └─▶ rejects                                       └───────────┴─▶ anomaly ─▶ sink
//! ```
//! Over [shared memory](tidemill_flow::shared) it is three processes, any of which may die and come back:
//!
//! ```text
//!  sender ═ edge ═▶ inbound ─▶ window, anomaly ─▶ outbound ═ edge ═▶ inbound ─▶ sink
//! ```
//! All arithmetic is on integers, so that a Cortex-M0 and a server print the same digest.
#![no_std]

mod graph;
mod reading;
mod reference;
mod row;
mod shared;
mod summary;

pub use graph::{Far, LINGER, Near, ReceiverCells, SenderCells, far, near, receiver, sender};
pub use reading::{Celsius, Mean, Reading, Verdict, Window, judge};
pub use reference::{reference, sequential};
pub use row::{Columns, Line, Lines, Reason, Rejected, TEXT_MAX};
pub use shared::{EndCells, Judged, KEEP, MiddleCells, end, middle};
pub use summary::Summary;
