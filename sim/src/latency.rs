//! How long something takes: closed forms and measured tables, in integers only, so that every machine draws the same.

use tidemill_seam::Duration;

use crate::choice::Rate;
use crate::streams::{Choices, StreamId};

/// How long something takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Latency {
    /// Always the same; draws nothing.
    Constant(Duration),
    /// Anything from `min` to `max`, both included. The least delay is the boring one.
    Uniform {
        /// The shortest.
        min: Duration,
        /// The longest.
        max: Duration,
    },
    /// `min`, and on top of it an exponentially distributed time: what comes independently of all that came before.
    ///
    /// One draw of 32 bits through the inverse of the distribution, within `mean` / 2³¹ + 1 ns of its exact value. The
    /// longest is `min` + 22.19 `mean`, which an exact exponential exceeds once in 2³² times.
    Exponential {
        /// The shortest.
        min: Duration,
        /// The mean of what comes on top.
        mean: Duration,
    },
    /// Mostly `near`, sometimes `far`: a cache and its disk, a path and its detour. Uniform within either.
    Bimodal {
        /// The shortest and the longest of the usual case.
        near: (Duration, Duration),
        /// The shortest and the longest of the other case.
        far: (Duration, Duration),
        /// How often it is the other case.
        far_rate: Rate,
    },
    /// As measured: one draw of 32 bits through a table of quantiles.
    Measured(Quantiles),
}

/// A measured distribution: its quantiles, with a straight line between two neighbours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Quantiles(&'static [(Rate, Duration)]);

/// 2³²: the values of a draw through an inverse distribution function.
const DRAWS: u64 = 1 << 32;
/// ln 2 in units of 2⁻⁶⁴.
const LN_2: u128 = 0xB172_17F7_D1CF_79AB;

impl Quantiles {
    /// A table of points: what share of the times is at most how long.
    ///
    /// ```
    /// use tidemill_sim::{Duration, Latency, Quantiles, Rate};
    /// const fn us(n: u64) -> Duration {
    ///     Duration::from_micros(n)
    /// }
    /// const PING: Quantiles = Quantiles::new(&[
    ///     (Rate::NEVER, us(180)),
    ///     (Rate::percent(50), us(210)),
    ///     (Rate::percent(99), us(900)),
    ///     (Rate::ALWAYS, us(20_000)),
    /// ]);
    /// let latency = Latency::Measured(PING);
    /// # let _ = latency;
    /// ```
    ///
    /// # Panics
    /// If the shares do not rise from never to always, or a time is shorter than the one before; where the table is a
    /// constant, at compile time.
    pub const fn new(points: &'static [(Rate, Duration)]) -> Self {
        assert!(points.len() >= 2, "a table of quantiles has two points or more");
        assert!(points[0].0.raw() == 0, "the first quantile is that of never");
        assert!(points[points.len() - 1].0.raw() == DRAWS, "the last quantile is that of always");
        let mut at = 1;
        while at < points.len() {
            let ((share, time), (before, shorter)) = (points[at], points[at - 1]);
            assert!(share.raw() > before.raw(), "the shares of a table of quantiles rise");
            assert!(time.as_nanos() >= shorter.as_nanos(), "the times of a table of quantiles do not fall");
            at += 1;
        }
        Self(points)
    }

    /// The time at the share `drawn` / 2³², rounded down to a nanosecond.
    fn at(self, drawn: u64) -> u64 {
        let above = self.0.partition_point(|(share, _)| share.raw() <= drawn);
        let ((low, short), (high, long)) = (self.0[above - 1], self.0[above]);
        let (low, high) = (low.raw(), high.raw());
        let rise = u128::from(long.as_nanos() - short.as_nanos()) * u128::from(drawn - low);
        short.as_nanos() + (rise / u128::from(high - low)) as u64
    }
}

impl Latency {
    /// Nothing at all.
    pub const ZERO: Self = Self::Constant(Duration::ZERO);

    #[inline]
    pub(crate) fn draw(self, choices: &mut Choices, stream: StreamId, kind: &'static str) -> u64 {
        match self {
            Self::Constant(span) => span.as_nanos(),
            Self::Uniform { min, max } => {
                let width = max.as_nanos().saturating_sub(min.as_nanos());
                min.as_nanos() + choices.span_by(stream, kind, width.saturating_add(1))
            }
            _ if choices.is_loose() => self.leave_open(choices, stream),
            _ => self.draw_shaped(choices, stream, kind),
        }
    }

    /// The least time, and the rest as a window.
    #[cold]
    fn leave_open(self, choices: &mut Choices, stream: StreamId) -> u64 {
        let (min, max) = match self {
            Self::Constant(span) => (span.as_nanos(), span.as_nanos()),
            Self::Uniform { min, max } => (min.as_nanos(), max.as_nanos()),
            Self::Exponential { min, mean } => {
                let longest = exponential(mean.as_nanos(), DRAWS - 1);
                (min.as_nanos(), min.as_nanos().saturating_add(longest))
            }
            Self::Bimodal { near, far, far_rate } => {
                let (min, max) = if choices.chance_by(stream, "far", far_rate) { far } else { near };
                (min.as_nanos(), max.as_nanos())
            }
            Self::Measured(quantiles) => (quantiles.at(0), quantiles.at(DRAWS - 1)),
        };
        choices.leave_open(max.saturating_sub(min));
        min
    }

    #[inline(never)]
    fn draw_shaped(self, choices: &mut Choices, stream: StreamId, kind: &'static str) -> u64 {
        match self {
            Self::Constant(_) | Self::Uniform { .. } => self.draw(choices, stream, kind),
            Self::Exponential { min, mean } => {
                let drawn = choices.choose_by(stream, kind, DRAWS);
                min.as_nanos().saturating_add(exponential(mean.as_nanos(), drawn))
            }
            Self::Bimodal { near, far, far_rate } => {
                let width = |(min, max): (Duration, Duration)| max.as_nanos().saturating_sub(min.as_nanos());
                let is_far = choices.chance_by(stream, "far", far_rate);
                // As many draws in either case, so that a pinned one moves no later one.
                let widest = width(near).max(width(far)).saturating_add(1);
                let drawn = u128::from(choices.choose_by(stream, kind, widest));
                let this = if is_far { far } else { near };
                let within = drawn * (u128::from(width(this)) + 1) / u128::from(widest);
                this.0.as_nanos() + within as u64
            }
            Self::Measured(quantiles) => quantiles.at(choices.choose_by(stream, kind, DRAWS)),
        }
    }
}

/// `mean × −ln(1 − drawn / 2³²)`: too long by at most `mean` × ln 2 / 2³², then rounded down.
fn exponential(mean: u64, drawn: u64) -> u64 {
    let halvings = (32 << 32) - log2(DRAWS - drawn);
    let nepers = (u128::from(halvings) * LN_2) >> 64;
    u64::try_from((u128::from(mean) * nepers) >> 32).unwrap_or(u64::MAX)
}

/// The binary logarithm of a number above zero in units of 2⁻³², rounded down: one bit of it for every squaring of the
/// mantissa (Majithia and Levan, "A note on base-2 logarithm computations", 1973).
fn log2(number: u64) -> u64 {
    let whole = 63 - number.leading_zeros();
    let mut mantissa = number << (63 - whole);
    let mut bits = u64::from(whole);
    for _ in 0..32 {
        let square = (u128::from(mantissa) * u128::from(mantissa)) >> 63;
        let carry = (square >> 64) as u64;
        bits = bits << 1 | carry;
        mantissa = (square >> carry) as u64;
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::{DRAWS, Quantiles, exponential, log2};
    use crate::choice::Rate;
    use tidemill_seam::Duration;

    #[test]
    fn the_exponential_stays_within_its_error_bound_and_starts_at_zero() {
        let mean = 1_000_000_000_u64;
        assert_eq!((exponential(mean, 0), exponential(0, DRAWS - 1)), (0, 0));
        let mut last = 0;
        for drawn in (0..DRAWS).step_by(99_991).chain(DRAWS - 1_000..DRAWS) {
            let exact = -(1.0 - drawn as f64 / DRAWS as f64).ln() * mean as f64;
            let got = exponential(mean, drawn);
            assert!(got >= last, "not monotonic at {drawn}");
            // The last term is the rounding of the reference itself.
            let bound = mean as f64 / 2_f64.powi(31) + 1.0 + exact * 1e-15;
            assert!((got as f64 - exact).abs() <= bound, "{got} at {drawn}, exactly {exact}");
            last = got;
        }
        assert!((22.18..22.19).contains(&(exponential(mean, DRAWS - 1) as f64 / mean as f64)));
    }

    #[test]
    fn powers_of_two_have_whole_logarithms() {
        for power in 0..64 {
            assert_eq!(log2(1 << power), power << 32);
        }
    }

    #[test]
    fn quantiles_keep_their_points_and_lie_on_the_line_between() {
        let us = Duration::from_nanos;
        let points = [(Rate::NEVER, us(10)), (Rate::percent(50), us(20)), (Rate::ALWAYS, us(1_020))];
        let table = Quantiles::new(Vec::leak(points.to_vec()));
        assert_eq!((table.at(0), table.at(DRAWS / 4), table.at(DRAWS / 2)), (10, 15, 20));
        assert_eq!((table.at(DRAWS / 4 * 3), table.at(DRAWS - 1)), (520, 1_019));
    }

    #[test]
    #[should_panic(expected = "the shares of a table of quantiles rise")]
    fn quantiles_out_of_order_are_refused() {
        let points =
            [(Rate::NEVER, Duration::ZERO), (Rate::NEVER, Duration::ZERO), (Rate::ALWAYS, Duration::ZERO)];
        Quantiles::new(Vec::leak(points.to_vec()));
    }
}
