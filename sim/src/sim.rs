//! The loop: take the next event, hand it to whom it concerns, look whether a law broke.

use std::borrow::Cow;
use std::fmt;

use tidemill_seam::{Duration, Instant};

use crate::arena::{Memory, survives};
use crate::failure::Outcome;
use crate::kernel::{Config, Kernel, Meta, Pending, State};
use crate::machine::{Machine, MachineId, ProcessId};
use crate::net::{Address, Cause};
use crate::oracle::{Moment, Oracle, Probe};
use crate::process::{Context, Event, Process, TimerId};
use crate::queue::Index;
use crate::seams::Seams;
use crate::streams::StreamId;
use crate::trace::Happened;

pub(crate) type Factory<P> = Box<dyn FnMut(&Seams) -> P>;
type Action<P> = Box<dyn FnOnce(&mut Sim<P>)>;

/// One simulated world. `P` is what lives in its processes: one type, an enum of several, or, by default, anything.
pub struct Sim<P: Process = Box<dyn Process>> {
    pub(crate) kernel: Kernel,
    pub(crate) bodies: Vec<Body<P>>,
    actions: Vec<Option<Action<P>>>,
    actions_free: Vec<u32>,
    oracles: Vec<(Cow<'static, str>, Box<dyn Oracle<P>>)>,
}

pub(crate) struct Body<P> {
    pub(crate) process: Option<P>,
    pub(crate) factory: Option<Factory<P>>,
}

impl<P: Process> Sim<P> {
    /// An empty world, decided by `seed`.
    pub fn new(seed: u64) -> Self {
        Self::with(seed, Config::default())
    }

    /// An empty world with settings of its own.
    pub fn with(seed: u64, config: Config) -> Self {
        let kernel = Kernel::new(seed, config);
        Self {
            kernel,
            bodies: Vec::new(),
            actions: Vec::new(),
            actions_free: Vec::new(),
            oracles: Vec::new(),
        }
    }

    /// Adds a machine.
    ///
    /// # Panics
    /// If the name is empty, holds a blank or `#`, or is taken.
    pub fn machine(&mut self, name: &str) -> MachineId {
        assert!(crate::choice::is_name(name), "{name:?} cannot name a machine");
        let machines = &mut self.kernel.machines;
        assert!(machines.iter().all(|machine| *machine.name != *name), "two machines are called {name}");
        let id = MachineId(u16::try_from(machines.len()).expect("at most 65,536 machines live in a world"));
        machines.push(Machine::new(name));
        id
    }

    /// Starts a process that cannot be restarted. Its [`Event::Start`] comes at the present instant.
    ///
    /// # Panics
    /// If the name is empty, holds a blank or `#`, or is taken on this machine.
    pub fn spawn(&mut self, machine: MachineId, name: &str, process: P) -> ProcessId {
        self.enrol(machine, name, Body { process: Some(process), factory: None })
    }

    /// Starts a process that the factory builds, now and at every restart. What the closure owns survives a kill.
    ///
    /// # Panics
    /// As [`spawn`](Self::spawn).
    pub fn spawn_with(
        &mut self,
        machine: MachineId,
        name: &str,
        factory: impl FnMut(&Seams) -> P + 'static,
    ) -> ProcessId {
        let id = self.enrol(machine, name, Body { process: None, factory: Some(Box::new(factory)) });
        self.build(id);
        id
    }

    fn enrol(&mut self, machine: MachineId, name: &str, body: Body<P>) -> ProcessId {
        assert!(crate::choice::is_name(name), "{name:?} cannot name a process");
        let (kernel, id) = (&mut self.kernel, ProcessId(self.bodies.len() as u32));
        let host = &mut kernel.machines[machine.index()];
        let twin = |(_, other): &(u16, ProcessId)| *kernel.processes[other.index()].name == *name;
        assert!(!host.ports.iter().any(twin), "two processes on {} are called {name}", host.name);
        let port = (0..u16::MAX).find(|port| host.owner_of(*port).is_none()).expect("a port is free");
        host.ports.push((port, id));
        kernel.processes.push(Meta {
            name: name.into(),
            machine,
            port,
            state: State::Running,
            daemon: false,
            revives: body.factory.is_some(),
            woken: false,
            stream: StreamId::NONE,
            crash: None,
            held: Vec::new(),
            seams: None,
        });
        self.bodies.push(body);
        kernel.sleeps_on(id);
        kernel.schedule(kernel.now_ns, Pending::Start { process: id });
        id
    }

    pub(crate) fn build(&mut self, process: ProcessId) {
        let seams = self.kernel.new_seams(process);
        Memory::doom(&mut self.kernel, process, &seams.0.life);
        let Body { process: living, factory } = &mut self.bodies[process.index()];
        let mut born = true;
        if let Some(factory) = factory {
            born = survives(&seams.0, || *living = Some(factory(&seams)));
        }
        self.kernel.meta_mut(process).seams = Some(seams.0);
        if born { self.settle(process) } else { self.died(process) }
    }

    /// This process may wait for ever: a run that ends while it waits is no deadlock.
    pub fn daemon(&mut self, process: ProcessId) {
        self.kernel.meta_mut(process).daemon = true;
    }

    /// Runs one event at `limit` or before; `false` where there is none, or the run has ended.
    pub(crate) fn step_within(&mut self, limit_ns: u64) -> bool {
        if self.kernel.ended {
            return false;
        }
        let taken = match self.kernel.chosen {
            None => self.kernel.queue.take(limit_ns),
            Some(_) => self.kernel.take_chosen(limit_ns),
        };
        let Some((index, at_ns, pending)) = taken else { return false };
        if let Some(trace) = &mut self.kernel.trace {
            trace.begin(index);
        }
        self.kernel.enter(at_ns);
        match pending {
            Pending::Datagram { from, to, payload } => {
                let route = (from.machine, to.machine);
                if self.kernel.gates.shut == 0 || !self.kernel.stops(index, route, pending) {
                    self.deliver(index, from, to, payload);
                }
            }
            Pending::Released { from, to, payload } => self.deliver(index, from, to, payload),
            Pending::Timer { process, token, due } => {
                debug_assert!(self.kernel.local_now(process) >= due, "W2");
                if self.reaches(index, process) {
                    self.kernel.stats.timers += 1;
                    self.kernel.record(Happened::Timer, process.0, token, 0);
                    self.dispatch(process, Event::Timer { token });
                }
            }
            Pending::Start { process } => {
                if self.reaches(index, process) {
                    self.kernel.record(Happened::Start, process.0, 0, 0);
                    self.dispatch(process, Event::Start);
                }
            }
            Pending::Wake { process } => {
                if self.reaches(index, process) {
                    self.kernel.meta_mut(process).woken = false;
                    self.kernel.record(Happened::Notified, process.0, 0, 0);
                    self.dispatch(process, Event::Notified);
                }
            }
            Pending::Action { index: action } => {
                self.kernel.queue.finish(index);
                self.kernel.record(Happened::Action, 0, 0, 0);
                self.actions_free.push(action);
                if let Some(action) = self.actions[action as usize].take() {
                    action(self);
                }
            }
            Pending::Stream { stream, beat } => self.stream_event(index, stream, beat),
            Pending::Register { register, ticket } => {
                self.kernel.queue.finish(index);
                self.register_event(register, ticket);
            }
            Pending::Disk { disk, ticket } => {
                self.kernel.queue.finish(index);
                self.disk_event(disk, ticket);
            }
        }
        if !self.oracles.is_empty() {
            self.consult(Moment::Event(self.kernel.last));
        }
        if self.kernel.memory.is_some() {
            self.announce_stores();
        }
        true
    }

    #[inline]
    fn deliver(&mut self, index: Index, from: Address, to: Address, payload: u32) {
        let kernel = &mut self.kernel;
        let Some(process) = kernel.machines[to.machine.index()].owner_of(to.port) else {
            kernel.queue.finish(index);
            kernel.discard(from, to, Cause::NoPort, Some(payload));
            return;
        };
        if kernel.meta(process).state == State::Dead {
            kernel.queue.finish(index);
            kernel.discard(from, to, Cause::Dead, Some(payload));
            return;
        }
        if !self.reaches(index, process) {
            if self.kernel.meta(process).state == State::Dead {
                self.kernel.discard(from, to, Cause::Dead, Some(payload));
            }
            return;
        }
        let kernel = &mut self.kernel;
        let bytes = kernel.buffers.lend(payload);
        let inbox_max = kernel.limits.inbox_max as usize;
        let inbox =
            kernel.meta(process).seams.as_ref().and_then(|s| s.deliver(to.port, from, &bytes, inbox_max));
        if inbox == Some(false) {
            kernel.buffers.give_back(payload, bytes);
            kernel.discard(from, to, Cause::Overflow, None);
            return;
        }
        kernel.stats.delivered += 1;
        let stamp = kernel.stamp(&bytes);
        kernel.record(Happened::Datagram, process.0, from.word() << 32 | to.word(), stamp);
        let event = match inbox {
            Some(_) => Event::Readable { port: to.port },
            None => Event::Datagram { from, port: to.port, bytes: &bytes },
        };
        self.dispatch(process, event);
        self.kernel.buffers.give_back(payload, bytes);
    }

    /// Frees the event's place in the queue if its process takes it; a paused process holds it, and one that crashes
    /// at this event never sees it.
    #[inline]
    pub(crate) fn reaches(&mut self, index: Index, process: ProcessId) -> bool {
        let meta = self.kernel.meta(process);
        if meta.state == State::Paused {
            self.hold_event(index, process);
            return false;
        }
        if self.kernel.judges_takes && !self.judge_take(index, process) {
            return false;
        }
        self.kernel.queue.finish(index);
        match self.kernel.meta(process).crash {
            Some(crash) => !self.crashes(process, crash),
            None => true,
        }
    }

    /// The event waits until its process runs on.
    pub(crate) fn hold_event(&mut self, index: Index, process: ProcessId) {
        self.kernel.meta_mut(process).held.push(index);
        self.kernel.record(Happened::Held, process.0, 0, 0);
    }

    #[inline]
    pub(crate) fn dispatch(&mut self, process: ProcessId, event: Event<'_>) {
        let kernel = &mut self.kernel;
        if let Some(seams) = &kernel.meta(process).seams {
            seams.refresh(kernel.local_now(process), kernel.machines.len());
        }
        if self.kernel.memory.is_some() {
            return self.dispatch_sharing(process, event);
        }
        if let Some(body) = &mut self.bodies[process.index()].process {
            body.on(&mut Context { kernel: &mut self.kernel, process }, event);
        }
        if self.kernel.bells.is_some() {
            self.settle(process);
        }
    }

    /// As [`dispatch`](Self::dispatch) in a world with shared memory, where the process may die of it.
    #[inline(never)]
    fn dispatch_sharing(&mut self, process: ProcessId, event: Event<'_>) {
        let (kernel, body) = (&mut self.kernel, &mut self.bodies[process.index()].process);
        let Some(body) = body else { return };
        let Some(seams) = kernel.meta(process).seams.clone() else {
            body.on(&mut Context { kernel, process }, event);
            return;
        };
        let sent = kernel.stats.sent;
        let alive = survives(&seams, || body.on(&mut Context { kernel, process }, event));
        if let Some(memory) = &kernel.memory
            && (kernel.stats.sent != sent || seams.spoke())
        {
            // Whoever hears of it sees what was stored before.
            memory.settle(process);
        }
        if alive { self.settle(process) } else { self.died(process) }
    }

    /// Carries out what a process did through its seams.
    fn settle(&mut self, process: ProcessId) {
        self.kernel.flush(process);
        if self.kernel.faults.is_some() {
            self.execute();
        }
        self.kernel.pump_touched();
        self.kernel.answer_bells();
        self.kernel.visit_shelf();
    }

    /// Carries out what handles did between two runs, outside of any event.
    pub(crate) fn settle_all(&mut self) {
        if self.kernel.bells.is_some() {
            self.processes().for_each(|process| self.kernel.flush(process));
            self.kernel.pump_touched();
            self.kernel.answer_bells();
            self.kernel.visit_shelf();
        }
    }

    /// Shows every handle the instant at which the run stopped.
    pub(crate) fn refresh_all(&self) {
        self.processes().for_each(|process| self.kernel.show_clocks(process));
    }

    /// Shows the oracles the latest event.
    pub(crate) fn consult_last(&mut self) {
        if !self.oracles.is_empty() {
            self.consult(Moment::Event(self.kernel.last));
        }
    }

    #[cold]
    pub(crate) fn consult(&mut self, moment: Moment) {
        let mut oracles = std::mem::take(&mut self.oracles);
        for (name, oracle) in &mut oracles {
            if let Err(message) = oracle.check(self, moment) {
                let entity = self.locate().2;
                self.kernel.fail(name, message, entity);
                break;
            }
        }
        oracles.append(&mut self.oracles);
        self.oracles = oracles;
        self.kernel.probes.iter().for_each(Probe::forget);
    }

    /// Runs the next event; `false` where there is none, or the run has ended.
    pub fn step(&mut self) -> bool {
        let ran = self.step_within(u64::MAX);
        self.kernel.leave();
        ran
    }

    /// Runs until nothing is left to happen. Whoever still waits then waits for ever: a deadlock.
    pub fn run(&mut self) -> Outcome {
        self.settle_all();
        while self.step_within(u64::MAX) {}
        self.kernel.leave();
        if !self.kernel.ended {
            if let Some((process, what)) = self.stuck() {
                let entity = self.kernel.process_name(process);
                self.kernel.fail(
                    "deadlock",
                    format!("nothing will ever happen again, and {entity} waits: {what}"),
                    entity,
                );
            } else {
                self.consult(Moment::Quiet);
            }
        }
        self.ending().unwrap_or(Outcome::Quiet)
    }

    /// Runs every event up to `until`, that instant included, and leaves virtual time there.
    pub fn run_until(&mut self, until: Instant) -> Outcome {
        let limit_ns = until.as_nanos();
        self.settle_all();
        while self.step_within(limit_ns) {}
        self.kernel.leave();
        if let Some(ending) = self.ending() {
            return ending;
        }
        if limit_ns > self.kernel.now_ns {
            if self.kernel.chosen.is_none() {
                self.kernel.queue.advance(limit_ns);
            }
            self.kernel.now_ns = limit_ns;
            self.kernel.at_instant = 0;
        }
        self.refresh_all();
        let quiet = self.kernel.queue.len() == 0 && self.stuck().is_none();
        if quiet { Outcome::Quiet } else { Outcome::Due }
    }

    /// Leaves virtual time where the search for an event has looked already: nothing can happen before.
    pub(crate) fn catch_up(&mut self) {
        let kernel = &mut self.kernel;
        if kernel.chosen.is_none() && kernel.queue.cursor_ns() > kernel.now_ns {
            (kernel.now_ns, kernel.at_instant) = (kernel.queue.cursor_ns(), 0);
        }
    }

    /// Runs for `span` of virtual time.
    pub fn run_for(&mut self, span: Duration) -> Outcome {
        self.run_until(self.now() + span)
    }

    /// Ends the run here: every oracle has its last word, at [`Moment::Quiet`] where nothing is left to happen and nobody
    /// waits, at [`Moment::Due`] where more would happen later.
    pub fn conclude(&mut self) -> Outcome {
        if !self.kernel.ended {
            let quiet = self.kernel.queue.len() == 0 && self.stuck().is_none();
            self.consult(if quiet { Moment::Quiet } else { Moment::Due });
            self.kernel.stop();
        }
        self.ending().unwrap_or(Outcome::Stopped)
    }

    pub(crate) fn ending(&self) -> Option<Outcome> {
        match (&self.kernel.failure, self.kernel.ended) {
            (Some(failure), _) => Some(Outcome::Failed((**failure).clone())),
            (None, true) => Some(Outcome::Stopped),
            (None, false) => None,
        }
    }

    /// Who waits although nothing will come, and for what.
    pub(crate) fn stuck(&self) -> Option<(ProcessId, String)> {
        self.stuck_but(&[])
    }

    /// As [`stuck`](Self::stuck), but for those who may.
    pub(crate) fn stuck_but(&self, left: &[ProcessId]) -> Option<(ProcessId, String)> {
        let waits = |(index, body): (usize, &Body<P>)| {
            let meta = &self.kernel.processes[index];
            if meta.daemon || meta.state == State::Dead || left.contains(&ProcessId(index as u32)) {
                return None;
            }
            let paused = meta.state == State::Paused && !meta.held.is_empty();
            let what =
                if paused { Some("to be resumed".to_owned()) } else { body.process.as_ref()?.waiting() };
            Some((ProcessId(index as u32), what?))
        };
        self.bodies.iter().enumerate().find_map(waits)
    }

    /// Runs `action` at a virtual time; one in the past runs next.
    pub fn at(&mut self, at: Instant, action: impl FnOnce(&mut Self) + 'static) {
        self.plan(at, action);
    }

    /// As [`at`](Self::at), with a handle for [`unplan`](Self::unplan).
    pub(crate) fn plan(&mut self, at: Instant, action: impl FnOnce(&mut Self) + 'static) -> TimerId {
        let index = self.actions_free.pop().unwrap_or_else(|| {
            self.actions.push(None);
            (self.actions.len() - 1) as u32
        });
        self.actions[index as usize] = Some(Box::new(action));
        self.kernel.schedule(at.as_nanos(), Pending::Action { index })
    }

    /// An action that has not run never does.
    pub(crate) fn unplan(&mut self, timer: TimerId) {
        if let Some(Pending::Action { index }) = self.kernel.queue.cancel(timer.index, timer.generation) {
            self.actions[index as usize] = None;
            self.actions_free.push(index);
        }
    }

    /// Runs `action` after `span` of virtual time.
    pub fn after(&mut self, span: Duration, action: impl FnOnce(&mut Self) + 'static) {
        self.at(self.now() + span, action);
    }

    /// Has an oracle look at every event, and at the end of the run. Its name is the first part of the failure's id.
    pub fn oracle(&mut self, name: impl Into<Cow<'static, str>>, oracle: impl Oracle<P> + 'static) {
        self.oracles.push((name.into(), Box::new(oracle)));
    }

    /// A law broke: the run ends after this event. The first failure counts.
    pub fn fail(&mut self, site: &str, message: impl Into<String>) {
        let entity = self.locate().2;
        self.kernel.fail(site, message.into(), entity);
    }

    /// The run ends after this event.
    pub fn stop(&mut self) {
        self.kernel.stop();
    }
}

impl<P: Process> fmt::Debug for Sim<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sim").field("kernel", &self.kernel).finish_non_exhaustive()
    }
}
