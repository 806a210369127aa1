//! What a story does to clocks.

use tidemill_seam::{Duration, Instant, WallTime};

use super::MachineClock;
use crate::kernel::{Kernel, Pending, State};
use crate::machine::{MachineId, ProcessId};
use crate::process::Process;
use crate::queue::Index;
use crate::seams::SeamsInner;
use crate::sim::Sim;
use crate::trace::Happened;

impl<P: Process> Sim<P> {
    fn change_clock(&mut self, machine: MachineId, change: impl FnOnce(&mut MachineClock, u64)) {
        let now_ns = self.kernel.now_ns;
        change(&mut self.kernel.machines[machine.index()].clock, now_ns);
        self.kernel.clock_changed(machine);
    }

    /// The machine's clock has its origin so much before the beginning of the run: machines do not agree on zero.
    ///
    /// # Panics
    /// If virtual time has passed: then it is a [step](Self::step_clock).
    pub fn offset_clock(&mut self, machine: MachineId, ahead: Duration) {
        assert!(self.kernel.now_ns == 0, "a clock has its offset before time passes");
        self.step_clock(machine, ahead);
    }

    /// The machine's clock runs `ppm` millionths too fast from now on.
    ///
    /// # Panics
    /// If `ppm` is a million below zero or less, or a slew under way would make it so: clocks are monotonic.
    pub fn set_clock_rate(&mut self, machine: MachineId, ppm: i32) {
        self.change_clock(machine, |clock, now_ns| clock.set_rate(now_ns, ppm));
    }

    /// The machine's clock jumps ahead; timers that it jumps over fall due at once.
    pub fn step_clock(&mut self, machine: MachineId, ahead: Duration) {
        self.change_clock(machine, |clock, now_ns| clock.step(now_ns, ahead));
    }

    /// The machine's clock gains `by_ns`, or loses it where negative, little by little over `over` of virtual time. Takes
    /// the place of a slew that is under way.
    ///
    /// # Panics
    /// If the clock would have to stand still or run backwards for it, or more than a thousand times too fast.
    pub fn slew_clock(&mut self, machine: MachineId, by_ns: i64, over: Duration) {
        self.change_clock(machine, |clock, now_ns| clock.slew(now_ns, by_ns, over.as_nanos()));
    }

    /// The machine sleeps: its processes are paused and its monotonic clock stands still, its timers with it. Its clock for
    /// leases and the one on its wall go on. Nothing happens to one that sleeps.
    pub fn suspend_machine(&mut self, machine: MachineId) {
        if self.kernel.machines[machine.index()].clock.is_suspended() {
            return;
        }
        for process in self.on_machine(machine) {
            if self.kernel.meta(process).state == State::Running {
                self.pause(process);
                self.kernel.machines[machine.index()].asleep.push(process);
            }
        }
        self.kernel.hold_timers(machine);
        self.change_clock(machine, |clock, now_ns| clock.suspend(now_ns, true));
    }

    /// The machine goes on where it was, and so do the processes that ran. Nothing happens to one that is awake.
    pub fn wake_machine(&mut self, machine: MachineId) {
        if !self.kernel.machines[machine.index()].clock.is_suspended() {
            return;
        }
        self.change_clock(machine, |clock, now_ns| clock.suspend(now_ns, false));
        let asleep = std::mem::take(&mut self.kernel.machines[machine.index()].asleep);
        asleep.into_iter().for_each(|process| self.resume(process));
    }

    /// The machine's wall clock jumps ahead, or back where negative. No other clock and no timer moves.
    pub fn jump_wall_clock(&mut self, machine: MachineId, by_ns: i64) {
        self.change_clock(machine, |clock, _| clock.jump(by_ns));
    }

    /// What the machine's clock shows.
    pub fn local_now(&self, machine: MachineId) -> Instant {
        self.kernel.machines[machine.index()].clock.local(self.kernel.now_ns)
    }

    /// What the machine's clock for leases shows.
    pub fn lease_now(&self, machine: MachineId) -> Instant {
        self.kernel.machines[machine.index()].clock.lease(self.kernel.now_ns)
    }

    /// What the machine's wall shows.
    pub fn wall_now(&self, machine: MachineId) -> WallTime {
        self.kernel.machines[machine.index()].clock.wall(self.kernel.now_ns)
    }
}

impl Kernel {
    pub(crate) fn clock_of(&self, process: ProcessId) -> &MachineClock {
        &self.machines[self.meta(process).machine.index()].clock
    }

    /// Shows the handles of a process what its clocks show.
    pub(crate) fn show_clocks(&self, process: ProcessId) {
        if let Some(seams) = &self.meta(process).seams {
            self.show_to(seams);
        }
    }

    pub(crate) fn show_to(&self, seams: &SeamsInner) {
        let clock = &self.machines[seams.machine.index()].clock;
        let now = clock.local(self.now_ns);
        seams.refresh(now, self.machines.len());
        let lease_ns = clock.lease(self.now_ns).as_nanos() - now.as_nanos();
        let local_ns = i64::try_from(now.as_nanos()).unwrap_or(i64::MAX);
        let wall_ns = clock.wall(self.now_ns).as_unix_nanos().saturating_sub(local_ns);
        seams.ahead.set((lease_ns, wall_ns));
    }

    /// Has a process that would run sleep on, if its machine is suspended.
    pub(crate) fn sleeps_on(&mut self, process: ProcessId) -> bool {
        let machine = self.meta(process).machine;
        let machine = &mut self.machines[machine.index()];
        let suspended = machine.clock.is_suspended();
        if suspended {
            if !machine.asleep.contains(&process) {
                machine.asleep.push(process);
            }
            self.meta_mut(process).state = State::Paused;
        }
        suspended
    }

    /// Takes the timers of a machine out of time.
    fn hold_timers(&mut self, machine: MachineId) {
        let here = |process: ProcessId| self.processes[process.index()].machine == machine;
        let timers = self.queue.iter().filter_map(|(index, _, event)| match *event {
            Pending::Timer { process, due, .. } if here(process) => Some((due, index, process)),
            _ => None,
        });
        let mut timers: Vec<_> = timers.collect();
        timers.sort_unstable();
        for (_, index, process) in timers {
            self.queue.hold(index);
            self.meta_mut(process).held.push(index);
        }
    }

    /// Gives an event that a process held back to the queue: now, or when it falls due, if the clock stood still.
    pub(crate) fn put_back(&mut self, process: ProcessId, index: Index) {
        self.queue.put_first(index);
        if let Pending::Timer { due, .. } = *self.queue.event(index) {
            let at_ns = self.clock_of(process).first_at(due);
            if at_ns > self.now_ns {
                self.queue.reschedule(index, at_ns);
            }
        }
    }

    fn clock_changed(&mut self, machine: MachineId) {
        let clock = self.machines[machine.index()].clock;
        self.record(Happened::Clock, u32::from(machine.0), clock.local(self.now_ns).as_nanos(), 0);
        let here = |process: ProcessId| self.processes[process.index()].machine == machine;
        let moved = |event: &Pending| match *event {
            Pending::Timer { process, due, .. } if here(process) => Some(clock.first_at(due)),
            _ => None,
        };
        let timers = self.queue.iter().filter_map(|(index, _, event)| Some((moved(event)?, index)));
        let mut timers: Vec<_> = timers.map(|(at_ns, index)| (at_ns.max(self.now_ns), index)).collect();
        timers.sort_unstable();
        for (at_ns, index) in timers {
            self.queue.reschedule(index, at_ns);
        }
        for process in 0..self.processes.len() as u32 {
            if self.meta(ProcessId(process)).machine == machine {
                self.show_clocks(ProcessId(process));
            }
        }
    }
}
