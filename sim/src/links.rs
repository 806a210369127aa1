//! What a story does to its links: settings, partitions, filters.

use std::cell::Cell;
use std::rc::Rc;

use crate::kernel::Kernel;
use crate::machine::MachineId;
use crate::net::{
    DEFAULT, Datagram, Filter, FilterGuard, Guarded, INSIDE, Link, LinkConfig, LinkIndex, Verdict,
};
use crate::process::Process;
use crate::sim::Sim;
use crate::streams::Choices;

impl<P: Process> Sim<P> {
    /// Sets every link between two machines that has no setting of its own.
    pub fn links(&mut self, config: LinkConfig) {
        self.kernel.settings()[DEFAULT as usize] = config;
    }

    /// Sets one direction between two machines, or the inside of one (perfect unless set).
    pub fn link(&mut self, from: MachineId, to: MachineId, config: LinkConfig) {
        let link = self.kernel.link_between(from, to);
        let setting = self.kernel.links[link as usize].setting;
        if setting == DEFAULT || setting == INSIDE {
            self.kernel.links[link as usize].setting = self.kernel.settings.len() as u32;
            self.kernel.settings.push(config);
        } else {
            self.kernel.settings[setting as usize] = config;
        }
    }

    /// The setting of one direction.
    pub fn link_config(&mut self, from: MachineId, to: MachineId) -> LinkConfig {
        let link = self.kernel.link_between(from, to);
        self.kernel.settings[self.kernel.links[link as usize].setting as usize]
    }

    /// Cuts both directions: what is sent from now on is dropped; what is on its way arrives.
    pub fn partition(&mut self, a: MachineId, b: MachineId) {
        self.partition_one_way(a, b);
        self.partition_one_way(b, a);
    }

    /// Cuts one direction.
    pub fn partition_one_way(&mut self, from: MachineId, to: MachineId) {
        let link = self.kernel.link_between(from, to);
        self.kernel.cut(link, true, self.kernel.links[link as usize].cuts);
    }

    /// Whether nothing gets through one direction: partitioned, cut by a swizzle, or clogged.
    pub fn is_cut(&self, from: MachineId, to: MachineId) -> bool {
        let link = self.kernel.machines[from.index()].links.get(to.index());
        let link = link.and_then(|link| self.kernel.links.get(*link as usize));
        link.is_some_and(|link| link.blocked || link.clogs > 0)
    }

    /// Joins both directions again. What a [`swizzle`](Self::swizzle) cut stays cut.
    pub fn heal(&mut self, a: MachineId, b: MachineId) {
        for (from, to) in [(a, b), (b, a)] {
            let link = self.kernel.link_between(from, to);
            self.kernel.cut(link, false, self.kernel.links[link as usize].cuts);
        }
    }

    /// Joins everything again: partitions and clogs end, swizzles are called off. Held links stay in the story's hand.
    pub fn heal_all(&mut self) {
        self.kernel.swizzles += 1;
        for link in 0..self.kernel.links.len() as u32 {
            self.kernel.reopen(link);
        }
    }

    /// Has a closure decide over every datagram at its send, until the guard is dropped. The first filter that does
    /// not pass decides.
    pub fn filter(
        &mut self,
        judge: impl FnMut(&Datagram<'_>, &mut Choices) -> Verdict + 'static,
    ) -> FilterGuard {
        let state = Rc::new(Cell::new(Guarded::Installed));
        self.kernel.judges_sends = true;
        self.kernel.filters.push(Filter { state: Rc::clone(&state), judge: Box::new(judge) });
        FilterGuard(state)
    }
}

impl Kernel {
    /// Nothing cuts or clogs the link any more.
    pub(crate) fn reopen(&mut self, index: LinkIndex) {
        self.cut(index, false, 0);
        let Link { clogs, held, .. } = self.links[index as usize];
        if clogs > 0 {
            self.set_gate(index, 0, held);
        }
    }

    /// Changes what cuts a link.
    pub(crate) fn cut(&mut self, index: LinkIndex, partitioned: bool, cuts: u16) {
        let link = &mut self.links[index as usize];
        let (from, to, was) = (link.from, link.to, link.blocked);
        (link.partitioned, link.cuts) = (partitioned, cuts);
        link.blocked = partitioned || cuts > 0;
        match (was, link.blocked) {
            (false, true) => self.note("partition", from, to),
            (true, false) => self.note("heal", from, to),
            _ => {}
        }
    }
}
