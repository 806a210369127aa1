use tidemill_seam::Duration;

use super::placement::Harm;
use super::{Deed, Dice, Lasts};
use crate::kernel::{Kernel, State};
use crate::machine::{MachineId, ProcessId};
use crate::process::Process;
use crate::sim::Sim;

/// What a fault is about to do, without the part that only closures have.
#[derive(Clone, Copy)]
enum Blow {
    Kill,
    Pause,
    Isolate,
    Cut { one_way: bool },
    ClockStep(Duration),
    ClockRate(i32),
}

impl Blow {
    const fn harm(self, others: &[ProcessId]) -> Harm<'_> {
        match self {
            Self::Kill => Harm::Kill,
            Self::Pause => Harm::Pause,
            Self::Isolate => Harm::Isolate,
            Self::Cut { one_way } => Harm::Cut { others, one_way },
            Self::ClockStep(_) | Self::ClockRate(_) => Harm::Other,
        }
    }
}

impl<P: Process> Sim<P> {
    /// A ready-made fault is due: it strikes, or the budget refuses it.
    pub(crate) fn strike(&mut self, index: usize) {
        if !self.strikes(index) {
            return;
        }
        let Some(faults) = &mut self.kernel.faults else { return };
        let fault = &mut faults.list[index];
        fault.counts.looked += 1;
        let (blow, lasts) = match fault.deed {
            Deed::Kill => (Blow::Kill, fault.lasts),
            Deed::Pause => (Blow::Pause, fault.lasts),
            Deed::Isolate => (Blow::Isolate, fault.lasts),
            Deed::Cut { one_way } => (Blow::Cut { one_way }, fault.lasts),
            Deed::ClockStep(ahead) => (Blow::ClockStep(ahead), fault.lasts),
            Deed::ClockRate(ppm) => (Blow::ClockRate(ppm), fault.lasts),
            Deed::Judge(_) => return,
        };
        let (pick, [targets, others]) = (fault.pick, fault.targets.clone());
        let Some(victims) = self.victims(index, blow.harm(&others), targets, pick) else { return };
        let counts = &mut self.kernel.faults().list[index].counts;
        counts.fired += 1;
        let span = self.span(index, lasts);
        if self.hit(blow, &victims, &others, span) {
            self.kernel.faults().list[index].counts.changed += 1;
        }
    }

    /// Who is hit: one of the living targets that the budget gives, or all targets; nobody if it refuses.
    fn victims(
        &mut self,
        index: usize,
        harm: Harm<'_>,
        targets: Vec<ProcessId>,
        pick: bool,
    ) -> Option<Vec<ProcessId>> {
        if !pick {
            return self.permits(index, harm, &targets).then_some(targets);
        }
        let alive: Vec<ProcessId> = targets.into_iter().filter(|target| self.is_alive(*target)).collect();
        let mut open: Vec<ProcessId> =
            alive.into_iter().filter(|target| self.kernel.within_budget(harm, &[*target])).collect();
        if open.is_empty() {
            self.kernel.faults().list[index].counts.refused += 1;
            return None;
        }
        let Kernel { choices, faults: Some(faults), .. } = &mut self.kernel else { return None };
        let mut dice = Dice { choices, stream: faults.list[index].stream };
        let victim = open.swap_remove(dice.choose("victim", open.len() as u64) as usize);
        Some(vec![victim])
    }

    fn permits(&mut self, index: usize, harm: Harm<'_>, victims: &[ProcessId]) -> bool {
        let permitted = self.kernel.within_budget(harm, victims);
        if !permitted {
            self.kernel.faults().list[index].counts.refused += 1;
        }
        permitted
    }

    /// How long the consequence lasts; `None`: until the world is healed.
    pub(crate) fn span(&mut self, index: usize, lasts: Lasts) -> Option<Duration> {
        match lasts {
            Lasts::Heal => None,
            Lasts::For(span) => Some(span),
            Lasts::Drawn => {
                let Kernel { choices, faults: Some(faults), .. } = &mut self.kernel else { return None };
                let mut dice = Dice { choices, stream: faults.list[index].stream };
                Some(Duration::from_millis(1 + dice.magnitude("lasts-magnitude", "lasts", 10)))
            }
        }
    }

    /// Whether anything changed.
    fn hit(
        &mut self,
        blow: Blow,
        victims: &[ProcessId],
        others: &[ProcessId],
        span: Option<Duration>,
    ) -> bool {
        match blow {
            Blow::Kill => self.kill_all(victims, span),
            Blow::Pause => self.pause_all(victims, span),
            Blow::Isolate => {
                let here = self.machines_of(victims);
                let all = self.machines_of(&self.processes().collect::<Vec<_>>());
                let there = all.into_iter().filter(|machine| !here.contains(machine));
                let pairs = there.flat_map(|to| here.iter().flat_map(move |from| [(*from, to), (to, *from)]));
                self.cut(pairs.collect(), span)
            }
            Blow::Cut { one_way } => {
                let (here, there) = (self.machines_of(victims), self.machines_of(others));
                let apart = |(from, to): &(MachineId, MachineId)| from != to;
                let forth =
                    here.iter().flat_map(|from| there.iter().map(move |to| (*from, *to))).filter(apart);
                let pairs = forth.flat_map(|(from, to)| {
                    [Some((from, to)), (!one_way).then_some((to, from))].into_iter().flatten()
                });
                self.cut(pairs.collect(), span)
            }
            Blow::ClockStep(ahead) => {
                self.machines_of(victims).into_iter().for_each(|machine| self.step_clock(machine, ahead));
                ahead > Duration::ZERO
            }
            Blow::ClockRate(ppm) => {
                let machines = self.machines_of(victims);
                machines.iter().for_each(|machine| self.set_clock_rate(*machine, ppm));
                if let Some(span) = span {
                    self.later(self.now() + span, move |sim| {
                        machines.iter().for_each(|m| sim.set_clock_rate(*m, 0))
                    });
                }
                ppm != 0
            }
        }
    }

    pub(crate) fn kill_all(&mut self, victims: &[ProcessId], span: Option<Duration>) -> bool {
        let living: Vec<ProcessId> = victims.iter().copied().filter(|v| self.is_alive(*v)).collect();
        living.iter().for_each(|victim| self.kill(*victim));
        let changed = !living.is_empty();
        if let (Some(span), true) = (span, changed) {
            self.later(self.now() + span, move |sim| {
                let dead = living.into_iter().filter(|v| !sim.is_alive(*v) && sim.kernel.meta(*v).revives);
                dead.collect::<Vec<_>>().into_iter().for_each(|process| sim.restart(process));
            });
        }
        changed
    }

    pub(crate) fn pause_all(&mut self, victims: &[ProcessId], span: Option<Duration>) -> bool {
        let running = |v: &ProcessId| self.kernel.meta(*v).state == State::Running;
        let running: Vec<ProcessId> = victims.iter().copied().filter(running).collect();
        running.iter().for_each(|victim| self.pause(*victim));
        let changed = !running.is_empty();
        if let (Some(span), true) = (span, changed) {
            self.later(self.now() + span, move |sim| {
                running.into_iter().for_each(|process| sim.resume(process))
            });
        }
        changed
    }

    /// Cuts directions that are open, and joins the same ones again.
    fn cut(&mut self, pairs: Vec<(MachineId, MachineId)>, span: Option<Duration>) -> bool {
        let open: Vec<_> = pairs.into_iter().filter(|(from, to)| !self.is_partitioned(*from, *to)).collect();
        open.iter().for_each(|(from, to)| self.partition_one_way(*from, *to));
        let changed = !open.is_empty();
        if let (Some(span), true) = (span, changed) {
            self.later(self.now() + span, move |sim| {
                open.into_iter().for_each(|(from, to)| sim.join(from, to))
            });
        }
        changed
    }

    fn is_partitioned(&mut self, from: MachineId, to: MachineId) -> bool {
        let link = self.kernel.link_between(from, to);
        self.kernel.links[link as usize].blocked
    }

    /// Joins one direction.
    pub(crate) fn join(&mut self, from: MachineId, to: MachineId) {
        let link = self.kernel.link_between(from, to);
        self.kernel.cut(link, false, self.kernel.links[link as usize].cuts);
    }

    /// The machines of these processes, each once, in the order of their numbers.
    pub(crate) fn machines_of(&self, processes: &[ProcessId]) -> Vec<MachineId> {
        let mut machines: Vec<MachineId> = processes.iter().map(|p| self.kernel.machine_of(*p)).collect();
        machines.sort_unstable();
        machines.dedup();
        machines
    }
}

impl<P: Process> Sim<P> {
    /// Whether the world, as it stands now, is within its [budget](super::Placement): what every run keeps at every event,
    /// unless the story itself breaks it.
    ///
    /// # Errors
    /// The group that is not, and who in it is down.
    pub fn budget_kept(&self) -> Result<(), String> {
        let Some(faults) = &self.kernel.faults else { return Ok(()) };
        for group in &faults.budget.groups {
            if faults.budget.fits(&self.kernel, group, |_| false, |_, _| false) {
                continue;
            }
            let down = || group.members.iter().filter(|m| faults.budget.is_down(&self.kernel, group, **m));
            let (count, max) = (down().count(), group.down_max);
            let names: Vec<String> = down().map(|member| self.name(*member)).collect();
            let cut = if count > max { "" } else { ", and more are cut off" };
            return Err(format!("{}: {count} are down{cut}, {max} may be: {}", group.name, names.join(", ")));
        }
        Ok(())
    }
}
