//! Small worlds, one for each hot path of the simulator, whose instructions are counted.

use tidemill_seam::Duration;
use tidemill_sim::{Address, Context, Event, Latency, LinkConfig, Process, Sim};

use crate::case::PAYLOAD;

const SEED: u64 = 7;
const TICK: Duration = Duration::from_millis(1);

/// Who lives in such a world.
#[derive(Debug)]
pub enum Part {
    /// Sends back what it gets; one of the two begins.
    Bouncing(Option<Address>),
    /// A timer every millisecond.
    Ticking,
    /// After a millisecond, so many decisions; and their sum.
    Choosing(u32, u64),
}

impl Process for Part {
    fn on(&mut self, context: &mut Context<'_>, event: Event<'_>) {
        match (self, event) {
            (Self::Bouncing(Some(other)), Event::Start) => {
                context.send(*other, &[0; PAYLOAD]).expect("the other can be named");
            }
            (Self::Bouncing(_), Event::Datagram { from, bytes, .. }) => {
                context.send(from, bytes).expect("the other can be named");
            }
            (Self::Choosing(choices, sum), Event::Timer { .. }) => {
                *sum += (0..*choices).map(|_| context.choose("which", 10)).sum::<u64>();
            }
            (Self::Ticking | Self::Choosing(..), _) => {
                context.timer(TICK, 0);
            }
            (Self::Bouncing(_), _) => {}
        }
    }
}

/// One datagram between two machines, a millisecond each way over a link that decides nothing.
#[must_use]
pub fn bouncing() -> Sim<Part> {
    let mut sim = Sim::new(SEED);
    sim.links(LinkConfig { latency: Latency::Constant(TICK), ..LinkConfig::default() });
    let [near, far] = ["near", "far"].map(|name| sim.machine(name));
    let far = sim.spawn(far, "wall", Part::Bouncing(None));
    let to = sim.address(far);
    sim.spawn(near, "player", Part::Bouncing(Some(to)));
    sim
}

/// One machine whose timer falls due every millisecond.
#[must_use]
pub fn ticking() -> Sim<Part> {
    alone(Part::Ticking)
}

/// One machine that decides so many times, all in its first millisecond's timer.
#[must_use]
pub fn choosing(choices: u32) -> Sim<Part> {
    alone(Part::Choosing(choices, 0))
}

fn alone(part: Part) -> Sim<Part> {
    let mut sim = Sim::new(SEED);
    let machine = sim.machine("machine");
    sim.spawn(machine, "part", part);
    sim
}

/// Runs so many milliseconds.
pub fn pass(sim: &mut Sim<Part>, ticks: u32) {
    sim.run_for(TICK.saturating_mul(u64::from(ticks))).expect_ok();
}

#[cfg(test)]
mod tests {
    use super::{Part, bouncing, choosing, pass, ticking};

    #[test]
    fn each_world_does_what_is_counted_once_a_millisecond() {
        let (mut bounces, mut ticks, mut choices) = (bouncing(), ticking(), choosing(1000));
        for (sim, millis) in [(&mut bounces, 1000), (&mut ticks, 1000), (&mut choices, 1)] {
            pass(sim, millis);
        }
        assert_eq!(bounces.stats().delivered, 1000);
        assert_eq!(ticks.stats().timers, 1000);
        let part = choices.processes().next().and_then(|part| choices.process(part));
        let Some(Part::Choosing(1000, sum)) = part else { panic!("{part:?}") };
        // A thousand draws below ten have a mean of 4.5 and a deviation of 2.9.
        assert!(sum.abs_diff(4500) < 500, "{sum}");
    }
}
