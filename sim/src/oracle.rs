//! Oracles: laws about a whole run, looked at after every event.

use crate::process::Process;
use crate::sim::Sim;
use crate::trace::TraceRecord;

/// When an oracle looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Moment {
    /// This just happened.
    Event(TraceRecord),
    /// Nothing will ever happen again.
    Quiet,
}

/// A law about a whole run.
pub trait Oracle<P: Process> {
    /// Says what is wrong, if anything is.
    fn check(&mut self, sim: &Sim<P>, moment: Moment) -> Result<(), String>;
}

impl<P: Process, F: FnMut(&Sim<P>, Moment) -> Result<(), String>> Oracle<P> for F {
    fn check(&mut self, sim: &Sim<P>, moment: Moment) -> Result<(), String> {
        self(sim, moment)
    }
}
