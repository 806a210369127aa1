//! What a figure is held to, and by how much it is met or missed.

use std::fmt;

/// What is asked of a figure.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Goal {
    /// This much, or more.
    AtLeast(f64),
    /// This much, or less.
    AtMost(f64),
}

/// Whether a figure is as it was asked for.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Verdict {
    /// It is, and this many times better.
    Met(f64),
    /// It is not, by this factor.
    Missed(f64),
    /// Nothing was measured.
    Unknown,
}

impl Goal {
    /// How a figure stands to the goal.
    #[must_use]
    pub fn verdict(self, figure: f64) -> Verdict {
        let better = match self {
            Self::AtLeast(goal) => figure / goal,
            Self::AtMost(goal) => goal / figure.max(0.0),
        };
        match better {
            _ if figure.is_nan() => Verdict::Unknown,
            times if times >= 1.0 => Verdict::Met(times),
            times => Verdict::Missed(1.0 / times),
        }
    }

    /// The goal, its number as `shown` shows it.
    #[must_use]
    pub fn text(self, shown: impl Fn(f64) -> String) -> String {
        match self {
            Self::AtLeast(goal) => format!("≥ {}", shown(goal)),
            Self::AtMost(goal) => format!("≤ {}", shown(goal)),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Met(times) if *times > 99.0 => f.write_str("met, by far"),
            Self::Met(times) => write!(f, "met, by {times:.2} x"),
            Self::Missed(factor) => write!(f, "MISSED by {factor:.2} x"),
            Self::Unknown => f.write_str("UNKNOWN"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Goal, Verdict};

    #[test]
    fn a_goal_is_met_at_its_edge_and_missed_by_the_factor_that_is_lacking() {
        assert_eq!(Goal::AtLeast(5.0).verdict(5.0), Verdict::Met(1.0));
        assert_eq!(Goal::AtLeast(5.0).verdict(10.0), Verdict::Met(2.0));
        assert_eq!(Goal::AtLeast(5.0).verdict(2.5), Verdict::Missed(2.0));
        assert_eq!(Goal::AtMost(3.0).verdict(6.0), Verdict::Missed(2.0));
        assert_eq!(Goal::AtMost(3.0).verdict(1.5), Verdict::Met(2.0));
        assert_eq!(Goal::AtMost(3.0).verdict(-0.1).to_string(), "met, by far");
        assert_eq!(Goal::AtMost(3.0).verdict(f64::NAN), Verdict::Unknown);
        assert_eq!(Goal::AtMost(3.0).verdict(3.3).to_string(), "MISSED by 1.10 x");
        assert_eq!(Goal::AtLeast(5e6).text(crate::table::short), "≥ 5.00 M");
    }
}
