//! What happened, and because of what.
//!
//! - [`TraceRecord`] is one event in 32 bytes: what the rolling hash is made of (law K4).
//! - A [`Trace`] is a whole run, owned and with its names resolved. Each event knows its **cause**: the event that sent
//!   the datagram, set the timer, rang the bell or asked for the action. Together with the order of events within a
//!   process this is the happened-before relation (Lamport, "Time, clocks, and the ordering of events in a distributed
//!   system", 1978), and [`Trace::past`] is the causal past of any event.
//!
//! Keeping a trace changes neither the hash nor any decision. What is not an event, such as the cut of a link, is a
//! [`Note`] beside the events.

mod diff;
mod file;
mod mermaid;
mod page;
mod perfetto;
mod record;
mod recorder;
mod select;
mod text;
mod whole;

#[cfg(test)]
mod tests;

pub use diff::Parting;
pub use file::BadTrace;
pub use mermaid::STEPS_MAX;
pub(crate) use record::Subject;
pub use record::{Happened, TraceRecord};
pub(crate) use recorder::{NOBODY, Recorder, Sighting, Sightings};
pub use select::Window;
pub use whole::{Note, Past, Place, Trace};
