use std::fmt;
use std::str::FromStr;

/// Where the runs of a campaign take their choices from. One test runs under all of them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub enum Strategy {
    /// The streams of one seed after the other.
    #[default]
    Random,
    /// As random, but every run draws which families of faults are on, and how often each strikes.
    Swarm,
    /// Probabilistic concurrency testing (Burckhardt and others, "A randomized scheduler with probabilistic guarantees
    /// of finding bugs", 2010; chains of messages instead of threads as in Ozkan and others, "Randomized testing of
    /// distributed systems with probabilistic guarantees", 2018) for bugs of this depth: how many events, or faults,
    /// have to come in one particular order.
    Pct(u32),
    /// Every run there is within bounds.
    Exhaustive(Bounds),
    /// Runs made from earlier ones that showed something new.
    Guided,
    /// All of them, which share the budget.
    Portfolio,
}

/// How far an exhaustive search goes. Within these bounds it is complete.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Bounds {
    /// Faults in one run, at most.
    pub faults: u32,
    /// Decisions of one run that are varied; later ones are 0.
    pub depth: u32,
    /// Values of a decision that are varied; of one with more, only 0 is tried.
    pub width: u32,
    /// Whether of two orders of events that [commute](super::Ready::commutes) only one is run.
    pub reduce: bool,
}

/// Not the name of a strategy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BadStrategy(String);

impl Default for Bounds {
    fn default() -> Self {
        Self { faults: 1, depth: 1_000, width: 16, reduce: true }
    }
}

impl Strategy {
    /// The depths that [`Pct`](Self::Pct) may have.
    pub const DEPTHS: std::ops::RangeInclusive<u32> = 1..=64;
    /// The depth of `pct` without a number.
    const DEPTH: u32 = 3;
}

impl FromStr for Strategy {
    type Err = BadStrategy;
    fn from_str(text: &str) -> Result<Self, BadStrategy> {
        let bad = || BadStrategy(text.to_owned());
        let (name, number) = match text.split_once(':') {
            Some((name, number)) => (name, Some(number.parse().map_err(|_| bad())?)),
            None => (text, None),
        };
        match (name, number) {
            ("random", None) => Ok(Self::Random),
            ("swarm", None) => Ok(Self::Swarm),
            ("guided", None) => Ok(Self::Guided),
            ("portfolio", None) => Ok(Self::Portfolio),
            ("pct", depth) => {
                let depth = depth.unwrap_or(Self::DEPTH);
                Self::DEPTHS.contains(&depth).then_some(Self::Pct(depth)).ok_or_else(bad)
            }
            ("exhaustive", faults) => {
                let bounds = Bounds::default();
                Ok(Self::Exhaustive(Bounds { faults: faults.unwrap_or(bounds.faults), ..bounds }))
            }
            _ => Err(bad()),
        }
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Random => f.write_str("random"),
            Self::Swarm => f.write_str("swarm"),
            Self::Pct(depth) => write!(f, "pct:{depth}"),
            Self::Exhaustive(bounds) => write!(f, "exhaustive:{}", bounds.faults),
            Self::Guided => f.write_str("guided"),
            Self::Portfolio => f.write_str("portfolio"),
        }
    }
}

impl fmt::Display for BadStrategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is no strategy; there are random, swarm, pct:DEPTH ({} to {}), exhaustive:FAULTS, guided, portfolio",
            self.0,
            Strategy::DEPTHS.start(),
            Strategy::DEPTHS.end()
        )
    }
}

impl std::error::Error for BadStrategy {}

#[cfg(test)]
mod tests {
    use super::{Bounds, Strategy};

    #[test]
    fn a_strategy_reads_back_as_it_was_written() {
        let exhaustive = Strategy::Exhaustive(Bounds { faults: 2, ..Bounds::default() });
        for strategy in [Strategy::Random, Strategy::Swarm, Strategy::Pct(7), exhaustive, Strategy::Guided] {
            assert_eq!(strategy.to_string().parse(), Ok(strategy));
        }
        assert_eq!("pct".parse(), Ok(Strategy::Pct(3)));
        assert_eq!("portfolio".parse(), Ok(Strategy::Portfolio));
    }

    #[test]
    fn what_is_no_strategy_is_refused_with_those_there_are() {
        for text in ["", "pct:0", "pct:65", "pct:three", "random:1", "exhaustive:", "luck"] {
            let bad = text.parse::<Strategy>().expect_err(text).to_string();
            assert!(bad.starts_with(&format!("`{text}` is no strategy; there are random, ")), "{bad}");
        }
    }
}
