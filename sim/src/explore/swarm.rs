use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

use super::source::{Asked, Source};
use crate::choice::Rate;
use crate::streams::{below, entropy_stream};

/// The source of one run of a swarm (Groce and others, "Swarm testing", 2012): each kind of fault is off in half of
/// the runs; in the others its rate is drawn, log-uniform, from a 64th of what the world says to four times that. So
/// a run may show nothing but losses, and many of them, and yet no fault strikes that the world does not have.
#[derive(Debug)]
pub(crate) struct Swarm {
    families: ChaCha8Rng,
    dice: ChaCha8Rng,
    /// By the kind of the decision: whether it is on, and the 16th part of a power of two that multiplies its rate.
    drawn: Vec<(&'static str, Option<u64>)>,
}

/// The multiples that are drawn, in 16ths of powers of two above a 64th.
const MULTIPLES: u64 = 8 * 16 + 1;

impl Swarm {
    pub(crate) fn new(seed: u64) -> Self {
        let (families, dice) =
            (entropy_stream(seed, "explore/swarm"), entropy_stream(seed, "explore/swarm/dice"));
        Self { families, dice, drawn: Vec::new() }
    }

    fn family(&mut self, kind: &'static str) -> Option<u64> {
        if let Some((_, drawn)) = self.drawn.iter().find(|(known, _)| *known == kind) {
            return *drawn;
        }
        // A stream of its own for each, so that the order in which kinds are met moves none of them.
        self.families.set_stream(crate::streams::stream_of(kind));
        self.families.set_word_pos(0);
        let on = below(&mut self.families, 2) == 1;
        let drawn = on.then_some(below(&mut self.families, MULTIPLES));
        self.drawn.push((kind, drawn));
        drawn
    }
}

/// `rate` times two to the power of (`multiple` / 16 − 6), with a straight line between two powers; less than always.
fn scaled(rate: Rate, multiple: u64) -> Rate {
    let (power, part) = (multiple / 16, multiple % 16);
    let wide = (u128::from(rate.raw()) << power) * u128::from(16 + part) / 16;
    Rate::of_two_to_32(u64::try_from(wide >> 6).unwrap_or(u64::MAX).clamp(1, (1 << 32) - 1))
}

impl Source for Swarm {
    fn value(&mut self, asked: &Asked<'_>) -> u64 {
        let Some(rate) = asked.rate else { return asked.drawn };
        // One draw whatever comes of it.
        let dice = self.dice.next_u32();
        self.family(asked.kind).map_or(0, |multiple| u64::from(scaled(rate, multiple).hits(dice)))
    }
}

#[cfg(test)]
mod tests {
    use super::{MULTIPLES, Swarm, scaled};
    use crate::choice::Rate;
    use crate::explore::{Asked, Source};

    #[test]
    fn a_multiple_goes_from_a_64th_to_four_times() {
        let rate = Rate::per_million(10_000);
        let of = |multiple| scaled(rate, multiple).as_per_million();
        assert_eq!((of(0), of(6 * 16), of(MULTIPLES - 1)), (156, 10_000, 40_000));
        assert!((1..MULTIPLES).all(|multiple| of(multiple - 1) <= of(multiple)));
        assert!(scaled(Rate::percent(60), MULTIPLES - 1) < Rate::ALWAYS);
    }

    // SIM-EXPLORE: every run of a swarm draws which faults are on, and how often they strike.
    #[test]
    fn each_family_is_off_in_half_of_the_runs_and_strikes_at_its_own_rate_in_the_others() {
        let strikes = |seed, kind| {
            let mut swarm = Swarm::new(seed);
            let rate = Some(Rate::percent(10));
            let asked = Asked { entity: "a", kind, counter: 0, n: 2, rate, drawn: 0, among: &[] };
            (0..2_000).map(|_| swarm.value(&asked)).sum::<u64>()
        };
        let loss: Vec<u64> = (0..200).map(|seed| strikes(seed, "loss")).collect();
        let off = loss.iter().filter(|strikes| **strikes == 0).count();
        assert!((60..140).contains(&off), "off in {off} of 200 runs");
        assert!(
            loss.iter().any(|strikes| (1..40).contains(strikes)) && loss.iter().any(|strikes| *strikes > 400)
        );
        assert_ne!(loss, (0..200).map(|seed| strikes(seed, "corrupt")).collect::<Vec<_>>());
    }
}
