//! Nodes: what steps.
//!
//! A node sees payloads only: views of its inputs and permits for its outputs. It meets no edge, pool, region or
//! clock, and never a full queue: room and slot are there before its inputs are taken.

mod item;
mod outlet;
mod outputs;
mod permit;
mod ports;
mod quick;

pub use item::Item;
pub use outlet::Outlet;
pub use outputs::{Outputs, Port, Relay};
pub use permit::{Permit, Through};
pub use ports::{Any, Inputs};
pub use quick::{Filter, Fold, Join, Map, Sink, Source, filter, fold, join, map, sink, source};

pub(crate) use outputs::Outlets;
pub(crate) use ports::Chosen;

use core::fmt;

use tidemill_seam::Instant;

/// The views that a node's step is shown.
pub type Items<'s, N> = <<N as Node>::In as Inputs>::Items<'s>;
/// The permits that a node's step is given.
pub type Permits<'s, N> = <<N as Node>::Out as Outputs>::Permits<'s>;

/// One processing stage.
///
/// # Laws
/// - **N1** Hooks run in lifecycle order, once: `init`, `start`, `step` …, `stop`.
/// - **N2** No step before start, or after `Done`, a fault, or stop.
/// - **N3** A blocked output leaves the inputs untouched.
/// - **N4** After an `Err` no output is visible; inputs follow the declared action; nothing leaks.
/// - **N5** The same after a panic.
/// - **N7** Trace, deadline, criticality and flags propagate from the first input unless set.
/// - **N8** Under [`Any`] no ready port waits more than as many steps as there are ports.
/// - **N9** Output order per port is the order of sending.
/// - **N10** A forwarded slot keeps its address.
/// - **N15** What a source produced is never lost.
/// - **N16** Two instances share nothing.
pub trait Node {
    /// Payloads in, one tuple element a port: `(A, B)` waits for one of each, [`Any<(A, B)>`](Any) takes what comes,
    /// `()` is a source.
    type In: Inputs;
    /// Payloads out, one tuple element a port; [`Relay<P>`](Relay) for a port that only sends on what came in.
    type Out: Outputs;

    /// Whether inputs may be presented now. Pure: it is asked at any time.
    #[inline]
    fn open(&self) -> bool {
        true
    }

    /// Before anything runs; once in a lifetime.
    fn init(&mut self, now: Instant) -> Result<(), Fault> {
        let _ = now;
        Ok(())
    }

    /// Before the first step; consumers start before their producers.
    fn start(&mut self, now: Instant) -> Result<(), Fault> {
        let _ = now;
        Ok(())
    }

    /// One step. It commits whole or not at all: on `Err`, and on a panic, nothing that was sent is seen.
    fn step(&mut self, cx: &mut Cx, items: Items<'_, Self>, out: Permits<'_, Self>) -> Result<Step, Fault>;

    /// After the last step, if it was started; producers stop before their consumers.
    fn stop(&mut self, now: Instant) {
        let _ = now;
    }
}

/// A borrowed node steps in place, so that who built the graph can ask it afterwards.
impl<N: Node> Node for &mut N {
    type In = N::In;
    type Out = N::Out;

    #[inline]
    fn open(&self) -> bool {
        (**self).open()
    }
    fn init(&mut self, now: Instant) -> Result<(), Fault> {
        (**self).init(now)
    }
    fn start(&mut self, now: Instant) -> Result<(), Fault> {
        (**self).start(now)
    }
    #[inline]
    fn step(&mut self, cx: &mut Cx, items: Items<'_, Self>, out: Permits<'_, Self>) -> Result<Step, Fault> {
        (**self).step(cx, items, out)
    }
    fn stop(&mut self, now: Instant) {
        (**self).stop(now);
    }
}

/// What a step wants next. Whatever it says, inputs and room bring the next step too; each answer replaces the last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Something was done. A step that had no input is repeated at once.
    Progress,
    /// Nothing was done: wait for inputs; without input ports, for a notification.
    Idle,
    /// Wait for a notification from outside the graph, or inputs.
    Wait,
    /// Wait until then, or for a notification, or inputs.
    SleepUntil(Instant),
    /// Never step this node again: its edges close.
    Done,
}

/// A step that failed, in the node's words.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fault(pub &'static str);

/// What happens when a step fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OnFault {
    /// Its inputs are dropped and the graph halts.
    #[default]
    Halt,
    /// Its inputs are dropped and the node goes on.
    Continue,
    /// It is shown the same inputs again, so many times in a row, and then halts the graph.
    Retry(u16),
}

/// The circumstances of a step.
#[derive(Clone, Copy, Debug)]
pub struct Cx {
    pub(crate) now: Instant,
    pub(crate) closed: bool,
}

impl Cx {
    /// The present instant: one reading of the worker's clock a poll.
    #[inline]
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// Whether every input is closed and drained: nothing will ever be presented again. A node that then answers
    /// [`Step::Idle`] is done. Never true of a source.
    #[inline]
    pub const fn closed(&self) -> bool {
        self.closed
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl core::error::Error for Fault {}
