//! The phases of a run: safety, heal, liveness.

use std::fmt;

use crate::kernel::{Kernel, Pending, State};
use crate::machine::{MachineId, ProcessId};
use crate::net::LinkIndex;
use crate::oracle::Moment;
use crate::process::Process;
use crate::sim::Sim;
use crate::stream::Beat;

/// Where a run with a [`Scenario`](crate::Scenario) stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Phase {
    /// Faults strike, as the budget allows.
    Safety,
    /// No fault strikes any more, and the core is repaired.
    Heal,
    /// The core must converge in time, then come to rest and leak nothing.
    Liveness,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Safety => "safety",
            Self::Heal => "heal",
            Self::Liveness => "liveness",
        })
    }
}

impl Kernel {
    /// A failure's message, and in which phase it happened.
    pub(crate) fn in_phase(&self, message: String) -> String {
        match self.phase() {
            Some(phase) => format!("{message}\nin the phase of {phase}"),
            None => message,
        }
    }

    pub(crate) fn phase(&self) -> Option<Phase> {
        self.faults.as_ref().and_then(|faults| faults.phase)
    }

    /// Who would take this event; nobody where it is the world's.
    fn taker(&self, pending: &Pending) -> Option<ProcessId> {
        match *pending {
            Pending::Datagram { to, .. } | Pending::Released { to, .. } => {
                self.machines[to.machine.index()].owner_of(to.port)
            }
            Pending::Timer { process, .. } | Pending::Start { process } | Pending::Wake { process } => {
                Some(process)
            }
            Pending::Stream { stream, beat: Beat::Tell(_) } => self.stream_owner(stream),
            _ => None,
        }
    }
}

impl<P: Process> Sim<P> {
    /// The phase of the run; `None` without a scenario.
    pub fn phase(&self) -> Option<Phase> {
        self.kernel.phase()
    }

    pub(crate) fn enter_phase(&mut self, phase: Phase) {
        self.kernel.faults().phase = Some(phase);
    }

    /// Repairs the core: starts, resumes and joins it, sets its clocks to rate. Up to `f` members of a group that are
    /// down now may stay so: how many and which is a choice, 0 is nobody. Gives who is left behind.
    pub(crate) fn heal_core(&mut self) -> Vec<ProcessId> {
        self.kernel.judges_takes = false;
        self.kernel.notebook().whims.calm();
        self.kernel.spare_stock();
        let timers = std::mem::take(&mut self.kernel.faults().timers);
        timers.into_iter().for_each(|timer| self.unplan(timer));
        let left = self.left_behind();
        if let Some(links) = self.kernel.faults().links_before.take() {
            self.links(links);
        }
        let outside = |sim: &Self, machine: MachineId| {
            left.iter().any(|process| sim.kernel.machine_of(*process) == machine)
        };
        self.kernel.swizzles += 1;
        for link in 0..self.kernel.links.len() {
            let (from, to) = (self.kernel.links[link].from, self.kernel.links[link].to);
            if !outside(self, from) && !outside(self, to) {
                self.kernel.reopen(link as LinkIndex);
            }
        }
        for machine in 0..self.kernel.machines.len() {
            let machine = MachineId(machine as u16);
            if outside(self, machine) {
                continue;
            }
            self.wake_machine(machine);
            if self.kernel.machines[machine.index()].clock.drifts() {
                self.set_clock_rate(machine, 0);
            }
        }
        for process in self.processes().filter(|process| !left.contains(process)) {
            match self.kernel.meta(process).state {
                State::Dead if self.kernel.meta(process).revives => self.restart(process),
                State::Paused => self.resume(process),
                State::Dead | State::Running => {}
            }
        }
        left
    }

    /// Who of those that are down stays so.
    fn left_behind(&mut self) -> Vec<ProcessId> {
        let mut left = Vec::new();
        for group in self.kernel.faults().budget.groups.clone() {
            let spare = group.spare();
            let broken = |member: &ProcessId| self.kernel.meta(*member).state != State::Running;
            let mut broken: Vec<ProcessId> = group.members.iter().copied().filter(broken).collect();
            let stay = self.choose("heal-leaves", spare.min(broken.len()) as u64 + 1);
            for _ in 0..stay {
                let which = self.choose("heal-leaves-whom", broken.len() as u64) as usize;
                left.push(broken.remove(which));
            }
        }
        // Who is needed by another group, or restarts by an earlier fault, is asked for once.
        left.sort_unstable();
        left.dedup();
        left
    }

    /// What still waits, other than what daemons wait for among themselves and for who was left behind.
    pub(crate) fn unrest(&self, left: &[ProcessId]) -> Option<String> {
        let declared = |pending: &Pending| {
            let taker = self.kernel.taker(pending);
            taker.is_some_and(|process| self.kernel.meta(process).daemon || left.contains(&process))
        };
        let waits = self.kernel.queue.iter().map(|(_, _, event)| event).filter(|event| !declared(event));
        let (mut count, mut first) = (0_u64, None);
        for event in waits {
            count += 1;
            first = first.or(Some(event));
        }
        let what = match first? {
            Pending::Datagram { .. } | Pending::Released { .. } => "a datagram",
            Pending::Timer { .. } => "a timer",
            Pending::Start { .. } => "a start",
            Pending::Wake { .. } => "a notification",
            Pending::Disk { .. } => "an operation of a disk",
            Pending::Register { .. } => "an operation of a register",
            Pending::Stream { .. } => "a segment of a stream",
            Pending::Action { .. } => "an action",
        };
        let whose = first.and_then(|event| self.kernel.taker(event));
        let whose = whose.map_or_else(|| "the world".to_owned(), |process| self.name(process));
        Some(format!("{count} events still wait, among them {what} of {whose}"))
    }

    /// Fails the run in this phase.
    pub(crate) fn fail_phase(&mut self, site: &str, message: String) {
        self.kernel.fail(site, message, "world".to_owned());
    }

    /// The last look of the oracles at a world that has come to rest.
    pub(crate) fn rest(&mut self) {
        if !self.kernel.ended {
            self.consult(Moment::Quiet);
        }
    }
}
