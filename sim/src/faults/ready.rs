use tidemill_seam::Duration;

use super::{Deed, Fault, Occasion};
use crate::choice::Rate;
use crate::net::Verdict;

fn of(deed: &str, targets: &[&str], what: Deed) -> Fault {
    let name = format!("{deed}({})", targets.join(","));
    Fault::ready(name, targets.iter().map(|target| (*target).to_owned()).collect(), what)
}

/// Kills `target`: a machine by its name, with all its processes, a process by `machine/process`, or, where a name holds
/// a `*`, one of those that it fits, chosen among the ones that the budget spares.
///
/// It starts again when the world is healed, or earlier: [`Fault::restart_after`].
pub fn kill(target: &str) -> Fault {
    of("kill", &[target], Deed::Kill)
}

/// Pauses `target`, named as in [`kill`], for a while that is drawn, or [said](Fault::lasting): a zombie when it wakes.
pub fn pause(target: &str) -> Fault {
    of("pause", &[target], Deed::Pause)
}

/// Cuts the machine of `target`, named as in [`kill`], off from all others for a while.
pub fn isolate(target: &str) -> Fault {
    of("isolate", &[target], Deed::Isolate)
}

/// Cuts both directions between two machines for a while.
pub fn partition(a: &str, b: &str) -> Fault {
    of("partition", &[a, b], Deed::Cut { one_way: false })
}

/// The clock of the machine of `target`, named as in [`kill`], jumps ahead.
pub fn clock_step(target: &str, ahead: Duration) -> Fault {
    of("clock_step", &[target], Deed::ClockStep(ahead))
}

/// The clock of the machine of `target`, named as in [`kill`], runs `ppm` millionths too fast for a while.
///
/// # Panics
/// When it strikes, if `ppm` is a million below zero or less: clocks are monotonic.
pub fn clock_rate(target: &str, ppm: i32) -> Fault {
    of("clock_rate", &[target], Deed::ClockRate(ppm))
}

/// Every datagram is lost at this rate, on top of what links lose.
pub fn loss(rate: Rate) -> Fault {
    datagrams("loss", rate, Verdict::Drop)
}

/// Every datagram arrives twice at this rate.
pub fn duplicate(rate: Rate) -> Fault {
    datagrams("duplicate", rate, Verdict::Duplicate)
}

/// One bit of a datagram is flipped at this rate.
pub fn corrupt(rate: Rate) -> Fault {
    datagrams("corrupt", rate, Verdict::Corrupt)
}

/// A datagram takes `by` longer at this rate, so that later ones overtake it.
pub fn delay(rate: Rate, by: Duration) -> Fault {
    datagrams("delay", rate, Verdict::Delay(by))
}

fn datagrams(name: &'static str, rate: Rate, verdict: Verdict) -> Fault {
    Fault::new(name, move |occasion, dice| match occasion {
        Occasion::Send(_) if dice.chance(name, rate) => verdict,
        _ => Verdict::Pass,
    })
}
