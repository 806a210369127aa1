//! Links that hold back what has crossed them: clogged, or held by a story.
//!
//! A gate stands at the far end: what a link carries comes as far as the gate and waits there, in the order in which it
//! would have arrived. A world in which every gate is open looks at one counter a datagram.

use std::cmp::Ordering;

use tidemill_seam::Instant;

use crate::hash::digest;
use crate::kernel::{Kernel, Pending};
use crate::machine::MachineId;
use crate::net::{Address, Cause, Datagram, LinkIndex};
use crate::process::Process;
use crate::queue::Index;
use crate::sim::Sim;
use crate::trace::Happened;

/// What waits at the gates.
#[derive(Debug, Default)]
pub(crate) struct Gates {
    /// Gates that are shut.
    pub(crate) shut: u32,
    /// In the order in which they would have arrived.
    parked: Vec<Parked>,
}

#[derive(Clone, Copy, Debug)]
struct Parked {
    link: LinkIndex,
    since_ns: u64,
    /// Taken out of the queue, and not finished.
    index: Index,
}

impl Kernel {
    /// The datagrams that wait at gates, or at that of one link.
    pub(crate) fn parked(
        &self,
        link: Option<LinkIndex>,
    ) -> impl Iterator<Item = (usize, u64, (Address, Address, u32))> {
        let here = move |(_, parked): &(usize, &Parked)| link.is_none_or(|link| parked.link == link);
        let waiting = self.gates.parked.iter().enumerate().filter(here);
        waiting.filter_map(|(at, parked)| {
            Some((at, parked.since_ns, self.queue.event(parked.index).datagram()?))
        })
    }

    /// Parks what has just arrived, if the gate of its link is shut.
    #[cold]
    pub(crate) fn stops(&mut self, index: Index, (from, to): (MachineId, MachineId), event: Pending) -> bool {
        let link = self.link_between(from, to);
        let gate = &self.links[link as usize];
        let segment = event.datagram().is_none();
        if gate.clogs == 0 && (segment || !gate.held) {
            return false;
        }
        if let Some((from, to, payload)) = event.datagram() {
            if self.is_full(link, self.buffers.get(payload).len()) {
                self.queue.finish(index);
                self.discard(from, to, Cause::Queue, Some(payload));
                return true;
            }
            let stamp = digest(self.buffers.get(payload));
            self.record(Happened::Stopped, link, from.word() << 32 | to.word(), stamp);
            self.stats.stopped += 1;
        }
        self.gates.parked.push(Parked { link, since_ns: self.now_ns, index });
        true
    }

    /// Whether the datagrams at the gate fill the queue of their link.
    fn is_full(&self, link: LinkIndex, len: usize) -> bool {
        let Some(bandwidth) = self.settings[self.links[link as usize].setting as usize].bandwidth else {
            return false;
        };
        let (mut packets, mut bytes) = (1, len as u64);
        for (_, _, (_, _, payload)) in self.parked(Some(link)) {
            packets += 1;
            bytes += self.buffers.get(payload).len() as u64;
        }
        packets > bandwidth.queue_packets || bytes > bandwidth.queue_bytes
    }

    /// Changes a gate; one that opens lets go of all that waits, in order.
    pub(crate) fn set_gate(&mut self, link: LinkIndex, clogs: u16, held: bool) {
        let gate = &mut self.links[link as usize];
        let (was, is) = (gate.clogs > 0 || gate.held, clogs > 0 || held);
        let (from, to) = (gate.from, gate.to);
        let clogging = (gate.clogs > 0).cmp(&(clogs > 0));
        let holding = gate.held.cmp(&held);
        let opens = clogs == 0 && (gate.clogs > 0 || gate.held && !held);
        (gate.clogs, gate.held) = (clogs, held);
        self.gates.shut = self.gates.shut + u32::from(is) - u32::from(was);
        for (change, shut, open) in [(clogging, "clog", "unclog"), (holding, "hold", "let-go")] {
            match change {
                Ordering::Less => self.note(shut, from, to),
                Ordering::Equal => {}
                Ordering::Greater => self.note(open, from, to),
            }
        }
        if opens {
            let freed: Vec<_> = self.gates.parked.extract_if(.., |parked| parked.link == link).collect();
            for parked in freed.into_iter().rev() {
                self.queue.put_first(parked.index);
            }
        }
    }
}

impl<P: Process> Sim<P> {
    /// Stops one direction: what is on its way, or sent later, waits at the far end until [`unclog`](Self::unclog), and
    /// then arrives in order. Clogs count: it takes as many to undo them.
    pub fn clog(&mut self, from: MachineId, to: MachineId) {
        let link = self.kernel.link_between(from, to);
        let (clogs, held) = self.gate(link);
        self.kernel.set_gate(link, clogs.saturating_add(1), held);
    }

    /// Undoes one [`clog`](Self::clog).
    pub fn unclog(&mut self, from: MachineId, to: MachineId) {
        let link = self.kernel.link_between(from, to);
        let (clogs, held) = self.gate(link);
        self.kernel.set_gate(link, clogs.saturating_sub(1), held);
    }

    fn gate(&self, link: LinkIndex) -> (u16, bool) {
        let link = &self.kernel.links[link as usize];
        (link.clogs, link.held)
    }

    /// Takes hold of the datagrams of one direction: each waits at the far end until the story says what becomes of it.
    /// Streams go on.
    pub fn hold(&mut self, from: MachineId, to: MachineId) {
        let link = self.kernel.link_between(from, to);
        let (clogs, _) = self.gate(link);
        self.kernel.set_gate(link, clogs, true);
    }

    /// The datagrams that wait at the far end of one direction, in the order in which they would have arrived.
    /// [`Datagram::at`] is when.
    pub fn held(&mut self, from: MachineId, to: MachineId) -> Vec<Datagram<'_>> {
        let link = self.kernel.link_between(from, to);
        let kernel = &self.kernel;
        let shown = kernel.parked(Some(link)).map(|(_, since_ns, (from, to, payload))| {
            let at = Instant::from_nanos(since_ns);
            Datagram { at, from, to, bytes: kernel.buffers.get(payload) }
        });
        shown.collect()
    }

    /// Delivers the `nth` of the datagrams that [`held`](Self::held) shows, at the present instant; `false` where there is
    /// none. Releasing them out of order reorders them.
    pub fn release(&mut self, from: MachineId, to: MachineId, nth: usize) -> bool {
        let Some((index, (from, to, payload))) = self.take_held(from, to, nth) else { return false };
        let kernel = &mut self.kernel;
        let released = kernel.schedule(kernel.now_ns, Pending::Released { from, to, payload });
        if let Some(trace) = &mut kernel.trace {
            trace.moved(index, released.index);
        }
        kernel.queue.finish(index);
        true
    }

    /// Drops the `nth` of the datagrams that [`held`](Self::held) shows; `false` where there is none.
    pub fn drop_held(&mut self, from: MachineId, to: MachineId, nth: usize) -> bool {
        let Some((index, (from, to, payload))) = self.take_held(from, to, nth) else { return false };
        let kernel = &mut self.kernel;
        if let Some(trace) = &mut kernel.trace {
            trace.carry(index);
        }
        kernel.queue.finish(index);
        kernel.discard(from, to, Cause::Taken, Some(payload));
        true
    }

    fn take_held(
        &mut self,
        from: MachineId,
        to: MachineId,
        nth: usize,
    ) -> Option<(Index, (Address, Address, u32))> {
        let link = self.kernel.link_between(from, to);
        let (at, _, datagram) = self.kernel.parked(Some(link)).nth(nth)?;
        Some((self.kernel.gates.parked.remove(at).index, datagram))
    }

    /// Ends a [`hold`](Self::hold): what still waits arrives now, in order.
    pub fn let_go(&mut self, from: MachineId, to: MachineId) {
        let link = self.kernel.link_between(from, to);
        let (clogs, _) = self.gate(link);
        self.kernel.set_gate(link, clogs, false);
    }
}
