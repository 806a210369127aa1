//! The two places where the world asks its faults.

use tidemill_seam::{Duration, Instant};

use super::install::Installed;
use super::placement::Harm;
use super::{Deed, Dice, Faults, Occasion, Taken};
use crate::kernel::{Kernel, Pending, State};
use crate::machine::ProcessId;
use crate::net::{Address, Cause, Datagram, Guarded, Verdict};
use crate::process::Process;
use crate::queue::Index;
use crate::sim::Sim;

/// Stands for a filter where the number of a fault is asked for.
pub(crate) const FILTER: usize = usize::MAX - 1;
/// Stands for the doom that a sender met earlier in the same event.
const DOOM: usize = usize::MAX;

/// A verdict, and which fault gave it.
pub(crate) type Judged = Option<(Verdict, usize)>;

impl Faults {
    /// Asks every fault that is a closure; the first that does not pass decides.
    fn ask(&mut self, occasion: &Occasion<'_>, choices: &mut crate::streams::Choices) -> Judged {
        let mut first = None;
        for (index, fault) in self.list.iter_mut().enumerate() {
            let Deed::Judge(judge) = &mut fault.deed else { continue };
            if fault.state.get() == Guarded::Removed {
                continue;
            }
            fault.counts.looked += 1;
            let verdict = judge(occasion, &mut Dice { choices, stream: fault.stream });
            if verdict != Verdict::Pass {
                fault.counts.fired += 1;
                first = first.or(Some((verdict, index)));
            }
        }
        first
    }
}

impl Kernel {
    /// What the faults make of a datagram; the sender that is doomed sends nothing any more.
    #[cold]
    pub(crate) fn judge_fault(&mut self, datagram: &Datagram<'_>) -> Judged {
        let sender = self.machines[datagram.from.machine.index()].owner_of(datagram.from.port);
        let faults = self.faults.as_mut().filter(|faults| faults.active())?;
        if faults.doomed.iter().any(|(doomed, verdict)| Some(*doomed) == sender && *verdict == Verdict::Crash)
        {
            return Some((Verdict::Crash, DOOM));
        }
        faults.ask(&Occasion::Send(*datagram), &mut self.choices)
    }

    /// The verdict of a fault took effect.
    pub(crate) fn credit(&mut self, fault: usize) {
        if let Some(fault) = self.faults.as_mut().and_then(|faults| faults.list.get_mut(fault)) {
            fault.counts.changed += 1;
        }
    }

    pub(crate) fn refuse(&mut self, fault: usize) {
        if let Some(fault) = self.faults.as_mut().and_then(|faults| faults.list.get_mut(fault)) {
            fault.counts.refused += 1;
        }
    }

    /// The sender of a datagram ends with the present event, or rests after it, if the budget allows it. Whether the
    /// datagram is lost with it.
    #[cold]
    pub(crate) fn sender_falls(&mut self, from: Address, verdict: Verdict, fault: usize) -> bool {
        let harm = match verdict {
            Verdict::Crash if fault == DOOM => return true,
            Verdict::Crash => Harm::Kill,
            Verdict::Pause(_) => Harm::Pause,
            _ => return false,
        };
        let Some(sender) = self.machines[from.machine.index()].owner_of(from.port) else { return false };
        if !self.within_budget(harm, &[sender]) {
            self.refuse(fault);
            return false;
        }
        // The end of an event is looked after where there are bells.
        self.bells.get_or_insert_default();
        self.faults().doomed.push((sender, verdict));
        self.credit(fault);
        harm == Harm::Kill
    }

    /// Whether the [budget](super::Placement) allows this harm now.
    pub(crate) fn within_budget(&self, harm: Harm<'_>, victims: &[ProcessId]) -> bool {
        self.faults.as_ref().is_none_or(|faults| faults.budget.allows(self, harm, victims))
    }
}

impl<P: Process> Sim<P> {
    /// Carries out what was decided over senders within the event that just ended.
    pub(crate) fn execute(&mut self) {
        let Some(faults) = &mut self.kernel.faults else { return };
        for (process, verdict) in std::mem::take(&mut faults.doomed) {
            match verdict {
                Verdict::Pause(span) => self.pause_all(&[process], Some(span)),
                _ => self.kill_all(&[process], None),
            };
        }
    }

    /// Kills or pauses, if the budget allows it; whether anything changed.
    fn sentence(&mut self, victims: &[ProcessId], verdict: Verdict, fault: usize) -> bool {
        let (harm, span) = match verdict {
            Verdict::Pause(span) => (Harm::Pause, Some(span)),
            _ => (Harm::Kill, None),
        };
        if !self.kernel.within_budget(harm, victims) {
            self.kernel.refuse(fault);
            return false;
        }
        let changed = match harm {
            Harm::Pause => self.pause_all(victims, span),
            _ => self.kill_all(victims, None),
        };
        if changed {
            self.kernel.credit(fault);
        }
        changed
    }

    /// A process is about to take the event at `index`; `false` where a fault sees to the event instead.
    #[cold]
    pub(crate) fn judge_take(&mut self, index: Index, process: ProcessId) -> bool {
        self.count_events(process);
        if self.kernel.meta(process).state == State::Running {
            let pending = *self.kernel.queue.event(index);
            match self.ask_take(process, &pending) {
                None => true,
                Some((verdict, fault)) => self.carry_out(index, process, pending, verdict, fault),
            }
        } else {
            self.set_aside(index, process);
            false
        }
    }

    fn ask_take(&mut self, process: ProcessId, pending: &Pending) -> Judged {
        let event = match *pending {
            Pending::Start { .. } => Taken::Start,
            Pending::Datagram { .. } => Taken::Datagram,
            Pending::Timer { token, .. } => Taken::Timer { token },
            _ => Taken::Notified,
        };
        let at = Instant::from_nanos(self.kernel.now_ns);
        let Kernel { choices, faults: Some(faults), .. } = &mut self.kernel else { return None };
        if !faults.active() {
            return None;
        }
        faults.ask(&Occasion::Take { at, process, event }, choices)
    }

    /// Strikes with the ready-made faults that wait for this event.
    fn count_events(&mut self, process: ProcessId) {
        let mut due = Vec::new();
        let Kernel { choices, faults: Some(faults), .. } = &mut self.kernel else { return };
        if !faults.active() {
            return;
        }
        for (index, fault) in faults.list.iter_mut().enumerate() {
            if fault.countdown == 0 || !fault.targets.iter().any(|side| side.contains(&process)) {
                continue;
            }
            fault.countdown -= 1;
            if fault.countdown == 0 {
                due.push(index);
                fault.count_down(choices);
            }
        }
        if !due.is_empty() {
            let waits = |fault: &Installed| fault.countdown > 0 || matches!(fault.deed, Deed::Judge(_));
            self.kernel.judges_takes = faults.list.iter().any(waits);
        }
        due.into_iter().for_each(|index| self.strike(index));
    }

    /// The event of a process that does not run any more: held while it is paused, gone once it is dead.
    fn set_aside(&mut self, index: Index, process: ProcessId) {
        if self.kernel.meta(process).state == State::Paused {
            self.hold_event(index, process);
        } else {
            self.kernel.queue.finish(index);
        }
    }

    fn carry_out(
        &mut self,
        index: Index,
        process: ProcessId,
        pending: Pending,
        verdict: Verdict,
        fault: usize,
    ) -> bool {
        match (verdict, pending) {
            (Verdict::Crash | Verdict::Pause(_), _) => {
                let changed = self.sentence(&[process], verdict, fault);
                if changed {
                    self.set_aside(index, process);
                }
                return !changed;
            }
            (Verdict::Delay(span), _) if span > Duration::ZERO => {
                let at_ns = self.kernel.now_ns.saturating_add(span.as_nanos());
                self.kernel.queue.put_later(index, at_ns);
            }
            (Verdict::Drop, Pending::Datagram { from, to, payload }) => {
                self.kernel.queue.finish(index);
                self.kernel.discard(from, to, Cause::Filter, Some(payload));
            }
            (Verdict::Duplicate, Pending::Datagram { from, to, payload }) => {
                let bytes = self.kernel.buffers.lend(payload);
                let copy = self.kernel.buffers.take(&bytes);
                self.kernel.buffers.put_back(payload, bytes);
                self.kernel.stats.duplicated += 1;
                let now_ns = self.kernel.now_ns;
                self.kernel.schedule(now_ns, Pending::Datagram { from, to, payload: copy });
                self.kernel.credit(fault);
                return true;
            }
            (Verdict::Corrupt, Pending::Datagram { from, to, payload }) => {
                let link = self.kernel.link_between(from.machine, to.machine);
                self.kernel.corrupt(link, payload);
                self.kernel.credit(fault);
                return true;
            }
            _ => return true,
        }
        self.kernel.credit(fault);
        false
    }
}
