//! Rounds A B A B, medians, and the ratio with its interval.

/// Samples of one subject, one a round.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Samples(Vec<f64>);

impl Samples {
    /// Adds the sample of the next round.
    pub fn push(&mut self, sample: f64) {
        self.0.push(sample);
    }

    /// The middle sample; `NaN` where there is none.
    #[must_use]
    pub fn median(&self) -> f64 {
        median(&self.0)
    }

    /// Ours divided by theirs, round by round: what moves both cancels.
    #[must_use]
    pub fn ratio_to(&self, peer: &Self) -> Ratio {
        let mut ratios: Vec<f64> = self.0.iter().zip(&peer.0).map(|(ours, theirs)| ours / theirs).collect();
        ratios.sort_by(f64::total_cmp);
        let out = outliers(ratios.len());
        let end = |at: Option<usize>| at.and_then(|at| ratios.get(at)).copied().unwrap_or(f64::NAN);
        Ratio { median: median(&ratios), low: end(Some(out)), high: end(ratios.len().checked_sub(out + 1)) }
    }
}

impl FromIterator<f64> for Samples {
    fn from_iter<I: IntoIterator<Item = f64>>(samples: I) -> Self {
        Self(samples.into_iter().collect())
    }
}

/// How our samples relate to a peer's.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Ratio {
    /// Median of the rounds' ratios.
    pub median: f64,
    /// Lower end of the median's 95 % interval, or the least ratio where the rounds are too few for one.
    pub low: f64,
    /// Upper end, likewise.
    pub high: f64,
}

fn median(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (middle, odd) = (sorted.len() / 2, sorted.len() % 2 == 1);
    match middle.checked_sub(1) {
        _ if odd => sorted[middle],
        Some(below) => f64::midpoint(sorted[below], sorted[middle]),
        None => f64::NAN,
    }
}

/// Samples outside the 95 % interval of the median on each side: the greatest k with P(Binomial(n, ½) ≤ k) ≤ 2.5 %,
/// and none where even the outermost samples hold the median less often than that.
fn outliers(n: usize) -> usize {
    let mut term = 0.5_f64.powi(i32::try_from(n).expect("few rounds"));
    let mut below = 0.0;
    for k in 0..n {
        below += term;
        if below > 0.025 {
            return k.saturating_sub(1);
        }
        term *= (n - k) as f64 / (k + 1) as f64;
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_stands_in_the_middle() {
        assert!(Samples::default().median().is_nan());
        assert_eq!(Samples::from_iter([3.0, 1.0, 2.0]).median(), 2.0);
        assert_eq!(Samples::from_iter([4.0, 1.0, 2.0, 3.0]).median(), 2.5);
    }

    #[test]
    fn the_interval_of_the_median_is_the_textbooks() {
        // Order statistics (k + 1, n − k) of the sign-test interval: n = 10 → (2, 9), n = 15 → (4, 12), n = 20 → (6, 15).
        assert_eq!(outliers(5), 0);
        assert_eq!(outliers(10), 1);
        assert_eq!(outliers(15), 3);
        assert_eq!(outliers(20), 5);
    }

    #[test]
    fn a_slow_machine_does_not_move_the_ratio() {
        let ours = Samples::from_iter([2.0, 4.0, 20.0]);
        let theirs = Samples::from_iter([1.0, 2.0, 10.0]);
        assert_eq!(ours.ratio_to(&theirs), Ratio { median: 2.0, low: 2.0, high: 2.0 });
    }
}
