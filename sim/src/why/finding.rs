use crate::harness::{Params, Subject, Trial, tag};

/// So many of so many.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Share {
    /// Those that did.
    pub hits: u64,
    /// All.
    pub of: u64,
}

/// How often a failure is met by seeds, and what follows from it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// Seeds that met it.
    pub share: Share,
    /// Seeds that failed in another way.
    pub otherwise: u64,
    /// The first seed that met it.
    pub first: Option<u64>,
}

/// The quantile of the normal distribution that leaves 2.5 % on either side.
const Z: f64 = 1.959_963_984_540_054;

/// Runs `seeds` from 0 and counts those whose failure bears `wanted`, or any failure where nothing is wanted; `go_on`
/// hears after each seed and may end it.
pub fn measure(
    subject: &Subject<'_>,
    params: &Params,
    seeds: u64,
    wanted: Option<&str>,
    go_on: &mut dyn FnMut(&Finding) -> bool,
) -> Finding {
    let mut finding = Finding { share: Share::default(), otherwise: 0, first: None };
    for seed in 0..seeds {
        let found = subject.trial(params, &Trial::seed(seed)).failure.as_ref().map(tag);
        finding.share.of += 1;
        match found {
            Some(found) if wanted.is_none_or(|wanted| wanted == found) => {
                finding.share.hits += 1;
                finding.first.get_or_insert(seed);
            }
            Some(_) => finding.otherwise += 1,
            None => {}
        }
        if !go_on(&finding) {
            break;
        }
    }
    finding
}

/// How many clean seeds leave less than `doubt` that a failure which `rate` of all seeds meet is still there:
/// ln(`doubt`) / ln(1 − `rate`), rounded up. `None` where no number of seeds is enough, or `doubt` is no probability.
pub fn clean_seeds(rate: f64, doubt: f64) -> Option<u64> {
    if !(rate > 0.0 && doubt > 0.0 && doubt < 1.0) {
        return None;
    }
    if rate >= 1.0 {
        return Some(1);
    }
    // ln_1p, because 1 − rate forgets what a small rate says.
    Some((doubt.ln() / (-rate).ln_1p()).ceil().max(1.0) as u64)
}

impl Share {
    /// The share itself; 0 of nothing.
    pub fn rate(self) -> f64 {
        if self.of == 0 { 0.0 } else { self.hits as f64 / self.of as f64 }
    }

    /// The interval that holds the true rate with 95 % confidence (Wilson, "Probable inference, the law of succession,
    /// and statistical inference", 1927). Where nothing was hit its upper end is 3 / n, the rule of three (Hanley and
    /// Lippman-Hand, "If nothing goes wrong, is everything all right?", 1983).
    pub fn interval(self) -> (f64, f64) {
        if self.of == 0 {
            return (0.0, 1.0);
        }
        let n = self.of as f64;
        if self.hits == 0 {
            return (0.0, (3.0 / n).min(1.0));
        }
        let (rate, z2) = (self.rate(), Z * Z);
        let middle = (rate + z2 / (2.0 * n)) / (1.0 + z2 / n);
        let half = Z * (rate * (1.0 - rate) / n + z2 / (4.0 * n * n)).sqrt() / (1.0 + z2 / n);
        let high = if self.hits == self.of { 1.0 } else { (middle + half).min(1.0) };
        ((middle - half).max(0.0), high)
    }
}
