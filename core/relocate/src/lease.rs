//! For how long a holder may believe what a grantor promised, where their clocks differ.
//!
//! Clocks run at rates within `[1 - r, 1 + r]`, agree on nothing, and count while their machine is suspended. The holder
//! counts from when it *sent* its request, the grantor from when it granted. Only liveness rests on this: no law of an edge
//! does.

use crate::mutant::{Mutant, Without};
use crate::{Incarnation, Terms};
use core::fmt;
use tidemill_seam::{Duration, Instant};

const MILLION: u128 = 1_000_000;

/// A lease as its holder counts it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Lease {
    held: Duration,
    renew: Duration,
}

/// Why nobody can hold a lease on such terms.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BadTerms {
    /// A clock that may go wrong by everything tells no time.
    Drift,
    /// Nothing is left of the lease once drift and the longest request are taken off.
    TooShort,
    /// A quarter of what is left does not cover a renewal that has to be repeated.
    NoTimeToRenew {
        /// What it has to cover.
        needed: Duration,
        /// What there is.
        quarter: Duration,
    },
}

impl Lease {
    /// A lease on `terms`, of a life `inc`. A request takes `op_max` at most, an answer and a pause before the next
    /// attempt `retry_max`.
    ///
    /// # Errors
    /// See [`BadTerms`].
    pub fn new(
        terms: Terms,
        inc: Incarnation,
        op_max: Duration,
        retry_max: Duration,
    ) -> Result<Self, BadTerms> {
        Self::counted(terms, inc, (op_max, retry_max), Without::none())
    }

    pub(crate) fn counted(
        terms: Terms,
        inc: Incarnation,
        (op_max, retry_max): (Duration, Duration),
        without: Without,
    ) -> Result<Self, BadTerms> {
        let drift = u128::from(terms.drift_ppm);
        if drift >= MILLION {
            return Err(BadTerms::Drift);
        }
        let counted = u128::from(terms.ttl.as_nanos()) * (MILLION - drift) / (MILLION + drift);
        let held = (counted as u64).checked_sub(op_max.as_nanos()).filter(|held| *held > 0);
        let mut held = held.ok_or(BadTerms::TooShort)?;
        if without.is(Mutant::LeaseIsTtl) {
            held = terms.ttl.as_nanos();
        }
        let quarter = Duration::from_nanos(held / 4);
        if quarter < retry_max {
            return Err(BadTerms::NoTimeToRenew { needed: retry_max, quarter });
        }
        // Between 0.65 and 0.75, in thousandths, so that lives of a stage do not renew in step.
        let share = 650 + inc.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) % 101;
        let renew = Duration::from_nanos((u128::from(held) * u128::from(share) / 1000) as u64);
        Ok(Self { held: Duration::from_nanos(held), renew })
    }

    /// How long the holder believes.
    pub const fn held(&self) -> Duration {
        self.held
    }

    /// How long after the request it asks for another while.
    pub const fn renew(&self) -> Duration {
        self.renew
    }

    /// Whether the holder still believes at `now`, by its own clock, what it asked for at `sent`.
    pub fn holds(&self, sent: Instant, now: Instant) -> bool {
        now.since(sent) < self.held
    }

    /// The longest that a grantor's memory stays taken by a holder that died, by any lawful clock: `Lg · (1 + r) / (1 - r)`.
    pub fn taken_for_max(terms: Terms) -> Duration {
        let drift = u128::from(terms.drift_ppm).min(MILLION - 1);
        let most = (u128::from(terms.ttl.as_nanos()) * (MILLION + drift)).div_ceil(MILLION - drift);
        Duration::from_nanos(u64::try_from(most).unwrap_or(u64::MAX))
    }
}

impl fmt::Display for BadTerms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Drift => f.write_str("a clock that may go wrong by everything tells no time"),
            Self::TooShort => f.write_str("nothing is left of the lease"),
            Self::NoTimeToRenew { needed, quarter } => {
                write!(
                    f,
                    "a renewal may take {} ns, and a quarter of the lease is {} ns",
                    needed.as_nanos(),
                    quarter.as_nanos()
                )
            }
        }
    }
}

impl core::error::Error for BadTerms {}

#[cfg(test)]
mod tests {
    use super::{BadTerms, Lease};
    use crate::{Incarnation, Terms};
    use proptest::proptest;
    use tidemill_seam::{Duration, Instant};

    const OP: Duration = Duration::from_millis(50);

    fn terms(ttl: Duration, drift_ppm: u32) -> Terms {
        Terms { ttl, drift_ppm }
    }

    // The figures of the design: 10 s at 200 ppm.
    #[test]
    fn ten_seconds_are_believed_for_a_little_less_and_renewed_between_two_thirds_and_three_quarters() {
        for inc in 1..500 {
            let lease = Lease::new(terms(Duration::from_secs(10), 200), Incarnation(inc), OP, OP)
                .expect("fair terms");
            assert_eq!(lease.held().as_nanos() / 1_000_000, 9_946);
            assert!((6_464..=7_460).contains(&(lease.renew().as_nanos() / 1_000_000)), "{:?}", lease.renew());
        }
        let takeover = Lease::taken_for_max(terms(Duration::from_secs(10), 200));
        assert_eq!(takeover.as_nanos() / 1_000, 10_004_000);
    }

    #[test]
    fn terms_that_nobody_can_keep_are_refused() {
        let lease = |terms, retry| Lease::new(terms, Incarnation(1), OP, retry).map(|lease| lease.held());
        assert_eq!(lease(terms(Duration::from_secs(1), 1_000_000), OP), Err(BadTerms::Drift));
        assert_eq!(lease(terms(OP, 0), OP), Err(BadTerms::TooShort));
        let quarter = Duration::from_nanos(237_500_000);
        let needed = Duration::from_millis(238);
        let short = Err(BadTerms::NoTimeToRenew { needed, quarter });
        assert_eq!(lease(terms(Duration::from_secs(1), 0), needed), short);
        assert_eq!(lease(terms(Duration::from_secs(1), 0), quarter), Ok(Duration::from_millis(950)));
    }

    proptest! {
        // S10: a fast grantor and a slow holder, or the other way round, at the worst moment within an operation.
        #[test]
        fn nobody_believes_in_a_lease_that_was_granted_to_somebody_else(
            ttl_ms in 300..300_000_u64,
            drift in 0..100_000_u32,
            holder in 0..=200_u64,
            grantor in 0..=200_u64,
            travel_ms in 0..50_u64,
        ) {
            let terms = terms(Duration::from_millis(ttl_ms), drift);
            let Ok(lease) = Lease::new(terms, Incarnation(1), OP, Duration::from_millis(0)) else { return Ok(()) };
            // Millionths per true nanosecond, within the drift.
            let rate = |share: u64| 1_000_000 - u128::from(drift) + u128::from(drift) * u128::from(share) / 100;
            let truth = |local: u64, rate: u128| u128::from(local) * 1_000_000 / rate;
            // Sent at zero; granted when it arrives; true instants at which the one stops and the other grants again.
            let granted = u128::from(travel_ms) * 1_000_000;
            let stops = truth(lease.held().as_nanos(), rate(holder));
            let again = granted + truth(terms.ttl.as_nanos(), rate(grantor));
            assert!(stops <= again, "it stops at {stops} and is granted again at {again}");
            let sent = Instant::ZERO + Duration::from_secs(5);
            assert!(lease.holds(sent, sent) && !lease.holds(sent, sent + lease.held()));
        }
    }
}
