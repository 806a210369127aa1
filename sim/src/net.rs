//! Links: one per ordered pair of machines, lossy as configured, each with its own stream of decisions.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;

use tidemill_seam::{Duration, Instant};

use crate::choice::Rate;
pub use crate::latency::{Latency, Quantiles};
use crate::machine::{MachineId, ProcessId};
use crate::shaper::Bandwidth;
use crate::streams::{Choices, StreamId};

/// A port of a machine.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// The machine.
    pub machine: MachineId,
    /// The port on it.
    pub port: u16,
}

/// What one direction of a link does to datagrams.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LinkConfig {
    /// How long a datagram takes.
    pub latency: Latency,
    /// How often one is lost.
    pub loss: Rate,
    /// How often one arrives twice; the copy has a latency of its own.
    pub duplicate: Rate,
    /// How often one is held back, so that later ones overtake it.
    pub reorder: Rate,
    /// By how much it is held back.
    pub reorder_by: Latency,
    /// How often one bit is flipped.
    pub corrupt: Rate,
    /// How often one loses its end: from one byte to all of them.
    pub truncate: Rate,
    /// How much it carries; `None` is as much as comes, at once.
    pub bandwidth: Option<Bandwidth>,
}

/// What a fault or a filter makes of what is about to happen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Nothing.
    Pass,
    /// It takes longer.
    Delay(Duration),
    /// It is lost.
    Drop,
    /// It arrives twice.
    Duplicate,
    /// One bit of it is flipped.
    Corrupt,
    /// The process dies.
    Crash,
    /// The process rests for so long.
    Pause(Duration),
}

/// Why a datagram never reached anybody.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Cause {
    /// The link lost it.
    Loss,
    /// The link was partitioned when it was sent.
    Partition,
    /// A filter dropped it.
    Filter,
    /// Nobody had bound the port.
    NoPort,
    /// The process was dead, or died with the datagram before it.
    Dead,
    /// The receiver's inbox was full.
    Overflow,
    /// The queue of a link of limited bandwidth was full.
    Queue,
    /// A story took it off the link.
    Taken,
}

impl Cause {
    /// Every cause, in the order of their numbers.
    pub const ALL: [Self; 8] = [
        Self::Loss,
        Self::Partition,
        Self::Filter,
        Self::NoPort,
        Self::Dead,
        Self::Overflow,
        Self::Queue,
        Self::Taken,
    ];
}

/// A datagram on its way, as a filter sees it.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    /// Virtual time of the send.
    pub at: Instant,
    /// Who sent it.
    pub from: Address,
    /// Where it goes.
    pub to: Address,
    /// What it says.
    pub bytes: &'a [u8],
}

pub(crate) type LinkIndex = u32;
pub(crate) const NO_LINK: LinkIndex = u32::MAX;
/// The setting of every link between two machines that was not given its own.
pub(crate) const DEFAULT: u32 = 0;
/// The setting of the inside of a machine, unless it was given its own.
pub(crate) const INSIDE: u32 = 1;

/// Small, because a large world touches another one with every datagram.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) from: MachineId,
    pub(crate) to: MachineId,
    /// Partitioned, or cut by a swizzle: nothing enters.
    pub(crate) blocked: bool,
    pub(crate) partitioned: bool,
    /// A story decides over every datagram at the far end.
    pub(crate) held: bool,
    /// Swizzles that cut it.
    pub(crate) cuts: u16,
    /// How often it was clogged and not unclogged.
    pub(crate) clogs: u16,
    /// Which of the kernel's settings this direction has; [`DEFAULT`] unless it was given its own.
    pub(crate) setting: u32,
    pub(crate) stream: StreamId,
    /// Decisions that only a fault asks for, apart from the others so that switching a fault moves none of them.
    pub(crate) details: StreamId,
}

impl Link {
    pub(crate) const fn new(from: MachineId, to: MachineId, setting: u32) -> Self {
        let (stream, details) = (StreamId::NONE, StreamId::NONE);
        let (blocked, partitioned, held) = (false, false, false);
        Self { from, to, blocked, partitioned, held, cuts: 0, clogs: 0, setting, stream, details }
    }
}

/// Decides over every datagram at the moment of its send.
pub(crate) type FilterFn = Box<dyn FnMut(&Datagram<'_>, &mut Choices) -> Verdict>;

pub(crate) struct Filter {
    pub(crate) state: Rc<Cell<Guarded>>,
    pub(crate) judge: FilterFn,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Guarded {
    Installed,
    Kept,
    Removed,
}

/// Removes its filter or its fault when dropped.
#[derive(Debug)]
#[must_use = "the filter or fault goes with its guard"]
pub struct FilterGuard(pub(crate) Rc<Cell<Guarded>>);

impl FilterGuard {
    /// Leaves the filter or fault in place until the simulation ends.
    pub fn keep(self) {
        self.0.set(Guarded::Kept);
    }
}

impl Drop for FilterGuard {
    fn drop(&mut self) {
        if self.0.get() == Guarded::Installed {
            self.0.set(Guarded::Removed);
        }
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Filter").field("state", &self.state).finish_non_exhaustive()
    }
}

impl Cause {
    /// Whether the datagram came as far as its target, rather than being dropped when it was sent.
    pub const fn is_at_the_end(self) -> bool {
        matches!(self, Self::NoPort | Self::Dead | Self::Overflow | Self::Taken)
    }
}

impl LinkConfig {
    /// Instant and perfect.
    pub const PERFECT: Self = Self {
        latency: Latency::ZERO,
        loss: Rate::NEVER,
        duplicate: Rate::NEVER,
        reorder: Rate::NEVER,
        reorder_by: Latency::ZERO,
        corrupt: Rate::NEVER,
        truncate: Rate::NEVER,
        bandwidth: None,
    };
}

/// One to ten milliseconds, and no fault.
impl Default for LinkConfig {
    fn default() -> Self {
        let latency = Latency::Uniform { min: Duration::from_millis(1), max: Duration::from_millis(10) };
        Self { latency, reorder_by: latency, ..Self::PERFECT }
    }
}

impl Address {
    pub(crate) fn word(self) -> u64 {
        u64::from(self.machine.0) << 16 | u64::from(self.port)
    }

    pub(crate) const fn of_word(word: u64) -> Self {
        Self { machine: MachineId((word >> 16) as u16), port: word as u16 }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "m{}:{}", self.machine.0, self.port)
    }
}

impl fmt::Display for ProcessId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p{}", self.0)
    }
}
