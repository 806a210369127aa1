//! What a story does to its world: faults of processes.

use tidemill_seam::Duration;

use crate::choice::Rate;
use crate::kernel::{Crash, Kernel, Pending, State};
use crate::machine::{MachineId, ProcessId};
use crate::net::{Address, Cause, Latency};
use crate::process::Process;
use crate::sim::Sim;
use crate::trace::{Happened, Subject};

impl<P: Process> Sim<P> {
    /// Where datagrams to this process are sent.
    pub fn address(&self, process: ProcessId) -> Address {
        self.kernel.address(process)
    }

    /// `machine/process`.
    pub fn name(&self, process: ProcessId) -> String {
        self.kernel.process_name(process)
    }

    /// The name of a machine.
    pub fn machine_name(&self, machine: MachineId) -> &str {
        &self.kernel.machines[machine.index()].name
    }

    /// The inhabitant of a process; `None` while it is dead.
    pub fn process(&self, process: ProcessId) -> Option<&P> {
        self.bodies[process.index()].process.as_ref()
    }

    /// The inhabitant of a process; `None` while it is dead.
    pub fn process_mut(&mut self, process: ProcessId) -> Option<&mut P> {
        self.bodies[process.index()].process.as_mut()
    }

    /// Every process, in the order of creation.
    pub fn processes(&self) -> impl Iterator<Item = ProcessId> + use<P> {
        (0..self.bodies.len() as u32).map(ProcessId)
    }

    /// Whether the process lives, running or paused.
    pub fn is_alive(&self, process: ProcessId) -> bool {
        self.kernel.meta(process).state != State::Dead
    }

    /// Kills a process: its memory, timers and what waited for it are gone. Nothing happens to a dead one.
    pub fn kill(&mut self, process: ProcessId) {
        if self.kernel.bury(process) {
            self.bodies[process.index()].process = None;
            self.kernel.pump_touched();
        }
    }

    /// Starts a process anew from its factory; one that still lives is killed first.
    ///
    /// # Panics
    /// If the process was not spawned with a factory.
    pub fn restart(&mut self, process: ProcessId) {
        let can = self.bodies[process.index()].factory.is_some();
        assert!(can, "{} was spawned without a factory", self.name(process));
        self.kill(process);
        self.kernel.meta_mut(process).state = State::Running;
        self.kernel.answer_for(process);
        self.kernel.sleeps_on(process);
        self.build(process);
        if self.is_alive(process) {
            self.kernel.schedule(self.kernel.now_ns, Pending::Start { process });
        }
    }

    /// Stops a process from running. What reaches it waits. Its machine's clock goes on.
    pub fn pause(&mut self, process: ProcessId) {
        if self.kernel.meta(process).state == State::Running {
            self.kernel.meta_mut(process).state = State::Paused;
            self.kernel.freeze(process, true);
            self.kernel.record(Happened::Pause, process.0, 0, 0);
        }
    }

    /// Lets a paused process run on: what waited reaches it now, in the order in which it came. On a suspended machine it
    /// runs on when the machine does.
    pub fn resume(&mut self, process: ProcessId) {
        if self.kernel.meta(process).state != State::Paused {
            return;
        }
        if self.kernel.sleeps_on(process) {
            return;
        }
        let meta = self.kernel.meta_mut(process);
        meta.state = State::Running;
        let held = std::mem::take(&mut meta.held);
        self.kernel.record(Happened::Resume, process.0, held.len() as u64, 0);
        self.kernel.freeze(process, false);
        for index in held.into_iter().rev() {
            self.kernel.put_back(process, index);
        }
    }

    pub(crate) fn on_machine(&self, machine: MachineId) -> Vec<ProcessId> {
        self.processes().filter(|process| self.kernel.meta(*process).machine == machine).collect()
    }

    /// Pauses every process of a machine.
    pub fn pause_machine(&mut self, machine: MachineId) {
        self.on_machine(machine).into_iter().for_each(|process| self.pause(process));
    }

    /// Resumes every process of a machine.
    pub fn resume_machine(&mut self, machine: MachineId) {
        self.on_machine(machine).into_iter().for_each(|process| self.resume(process));
    }

    /// From now on the process may die instead of taking an event, and come back after a while.
    ///
    /// # Panics
    /// If it is to come back and was not spawned with a factory.
    pub fn crash(&mut self, process: ProcessId, rate: Rate, restart: Option<Latency>) {
        let can = restart.is_none() || self.bodies[process.index()].factory.is_some();
        assert!(can, "{} was spawned without a factory", self.name(process));
        self.kernel.meta_mut(process).crash = (rate != Rate::NEVER).then_some(Crash { rate, restart });
    }

    #[cold]
    pub(crate) fn crashes(&mut self, process: ProcessId, crash: Crash) -> bool {
        let stream = self.kernel.process_stream(process);
        if !self.kernel.choices.chance_by(stream, "crash", crash.rate) {
            return false;
        }
        self.kill(process);
        if let Some(latency) = crash.restart {
            let down_ns = latency.draw(&mut self.kernel.choices, stream, "restart-after");
            self.after(Duration::from_nanos(down_ns), move |sim| {
                if !sim.is_alive(process) {
                    sim.restart(process);
                }
            });
        }
        true
    }

    /// Says what a process shares with others besides its machine, each thing by a name: an edge, a word of a region, a
    /// register, a log of the test. Two events commute if the processes that they reach live on different machines and
    /// share nothing, and if neither moves the other's instant; an exhaustive search runs one of the two orders then. A
    /// process for which nothing was said shares with everybody. Changes nothing in any other run.
    pub fn touches(&mut self, process: ProcessId, things: &[&str]) {
        let machine = self.kernel.meta(process).machine.index();
        if let Some(chosen) = &mut self.kernel.chosen {
            chosen.declare(process, Some(machine), things);
        }
    }
}

impl Kernel {
    /// Moves time on and bounds what happens at one instant (K7).
    #[inline]
    pub(crate) fn enter(&mut self, at_ns: u64) {
        if at_ns != self.now_ns {
            self.now_ns = at_ns;
            self.at_instant = 0;
        }
        self.at_instant += 1;
        if self.at_instant > self.limits.instant_max {
            self.busy();
        }
    }

    #[cold]
    fn busy(&mut self) {
        let subject = ProcessId(self.last.subject() as u32);
        let named = self.last.kind().subject() == Subject::Process;
        let entity = if named { self.process_name(subject) } else { "world".to_owned() };
        let message = format!("{} events at one instant, the last one at {entity}", self.at_instant);
        self.fail("livelock", message, entity);
    }

    /// Takes a process out of the world; `false` where it was dead already.
    fn bury(&mut self, process: ProcessId) -> bool {
        if self.meta(process).state == State::Dead {
            return false;
        }
        self.stats.kills += 1;
        self.record(Happened::Kill, process.0, 0, 0);
        self.notebook().died(process);
        let meta = self.meta_mut(process);
        meta.state = State::Dead;
        meta.woken = false;
        let held = std::mem::take(&mut meta.held);
        if let Some(seams) = meta.seams.take() {
            seams.alive.set(false);
            if let Some(memory) = &mut self.memory {
                memory.bury(process, seams.life.stores());
            }
        }
        for index in held {
            let event = *self.queue.event(index);
            if let Some(trace) = &mut self.trace {
                trace.carry(index);
            }
            self.queue.finish(index);
            if let Some((from, to, payload)) = event.datagram() {
                self.discard(from, to, Cause::Dead, Some(payload));
            }
        }
        let owned = |event: &Pending| match *event {
            Pending::Timer { process: owner, .. }
            | Pending::Start { process: owner }
            | Pending::Wake { process: owner } => owner == process,
            _ => false,
        };
        let timers: Vec<_> =
            self.queue.iter().filter(|(_, _, event)| owned(event)).map(|(i, g, _)| (i, g)).collect();
        for (index, generation) in timers {
            self.queue.cancel(index, generation);
        }
        self.bury_streams(process);
        true
    }

    /// What a paused process stored late stays where it is.
    fn freeze(&self, process: ProcessId, frozen: bool) {
        if let Some(seams) = &self.meta(process).seams {
            seams.paused.set(frozen);
        }
        if let Some(memory) = &self.memory {
            memory.freeze(process, frozen);
        }
    }

    /// Sends what a process left in its outbox.
    pub(crate) fn flush(&mut self, process: ProcessId) {
        let Some(seams) = &self.meta(process).seams else { return };
        let machine = seams.machine;
        let (wanted, mut outbox) = (seams.wanted.take(), seams.outbox.take());
        for port in wanted {
            self.bind(process, port);
        }
        let mut start = 0;
        for sent in outbox.sent.drain(..) {
            let from = Address { machine, port: sent.port };
            let accepted = self.send(from, sent.to, &outbox.bytes[start..sent.end]);
            debug_assert!(accepted.is_ok(), "the handle checked before");
            start = sent.end;
        }
        outbox.bytes.clear();
        if let Some(seams) = &self.meta(process).seams {
            seams.outbox.replace(outbox);
        }
    }

    /// Schedules every process whose bell rang.
    pub(crate) fn answer_bells(&mut self) {
        let Some(rung) = self.bells.as_ref().and_then(|bells| bells.answer()) else { return };
        for process in rung {
            let meta = self.meta_mut(process);
            if let Some(seams) = &meta.seams {
                seams.ringing.set(false);
            }
            self.wake(process);
        }
    }
}
