//! A machine: a name, a clock of its own, ports.

use crate::clock::MachineClock;
use crate::net::LinkIndex;

/// A machine, numbered in the order of creation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct MachineId(pub(crate) u16);

/// A process, numbered in the order of creation. It keeps its number through kill and restart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ProcessId(pub(crate) u32);

impl MachineId {
    /// The number as an index.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl ProcessId {
    /// The number as an index.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) name: Box<str>,
    pub(crate) clock: MachineClock,
    /// Processes that run on when the machine is no longer suspended.
    pub(crate) asleep: Vec<ProcessId>,
    pub(crate) ports: Vec<(u16, ProcessId)>,
    pub(crate) links: Vec<LinkIndex>,
}

impl Machine {
    pub(crate) fn new(name: &str) -> Self {
        let (ports, links, asleep) = (Vec::new(), Vec::new(), Vec::new());
        Self { name: name.into(), clock: MachineClock::new(), asleep, ports, links }
    }

    #[inline]
    pub(crate) fn owner_of(&self, port: u16) -> Option<ProcessId> {
        self.ports.iter().find(|(bound, _)| *bound == port).map(|(_, process)| *process)
    }
}
