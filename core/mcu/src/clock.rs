#[cfg(target_arch = "riscv32")]
mod mtime;
#[cfg(target_arch = "arm")]
mod systick;

#[cfg(target_arch = "riscv32")]
pub use mtime::MtimeClock;
#[cfg(target_arch = "arm")]
pub use systick::SysTickClock;
use tidemill_seam::{Clock, Instant};

/// A clock whose core can sleep.
pub trait Doze: Clock {
    /// Sleeps until an interrupt pends or about `until`; may come back early for no reason.
    ///
    /// The caller holds a critical section: an interrupt that pends ends the sleep, and runs only once the section is
    /// left. So whatever was checked inside the section is still true when the sleep begins.
    fn doze(&self, until: Option<Instant>);
}

impl<D: Doze + ?Sized> Doze for &D {
    fn doze(&self, until: Option<Instant>) {
        (**self).doze(until);
    }
}

/// A timer that counts down from `top` to 0 and starts again, made into nanoseconds without end.
///
/// A period of `top + 1` ticks lasts a whole number of nanoseconds, so nothing is lost however many pass.
#[cfg(any(test, target_arch = "arm"))]
#[derive(Clone, Copy, Debug)]
struct Periods {
    base_ns: u64,
    period_ns: u64,
    top: u32,
    /// Nanoseconds a tick, with [`FRACTION`](Self::FRACTION) bits behind the point.
    tick: u64,
}

#[cfg(any(test, target_arch = "arm"))]
impl Periods {
    const FRACTION: u32 = 24;

    #[cfg(target_arch = "arm")]
    const STOPPED: Self = Self { base_ns: 0, period_ns: 0, top: 0, tick: 0 };

    /// Of a timer of `hz` ticks a second, with the longest exact period of at most `ticks_max` ticks.
    ///
    /// # Panics
    /// If there is none: the rate and a whole nanosecond never meet within `ticks_max` ticks.
    fn new(hz: u32, ticks_max: u32) -> Self {
        const SECOND: u64 = 1_000_000_000;
        let step = (u64::from(hz) / gcd(u64::from(hz), SECOND)) as u32;
        let ticks = ticks_max / step * step;
        assert!(ticks > 1, "no exact period of this rate within the ticks allowed");
        Self {
            base_ns: 0,
            period_ns: u64::from(ticks) * SECOND / u64::from(hz),
            top: ticks - 1,
            tick: (SECOND << Self::FRACTION) / u64::from(hz),
        }
    }

    /// The timer has reached 0.
    fn turn(&mut self) {
        self.base_ns += self.period_ns;
    }

    /// The instant at which the timer shows `count`, after the turns made so far.
    fn at(&self, count: u32) -> Instant {
        let ticks = if count == 0 { 0 } else { self.top + 1 - count };
        Instant::from_nanos(self.base_ns + ((u64::from(ticks) * self.tick) >> Self::FRACTION))
    }
}

#[cfg(any(test, target_arch = "arm"))]
fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::Periods;

    const RATES: [u32; 6] = [16_000_000, 25_000_000, 48_000_000, 64_000_000, 168_000_000, 32_768];

    #[test]
    fn c1_no_count_down_goes_back_also_across_its_turn() {
        for hz in RATES {
            let mut periods = Periods::new(hz, if cfg!(miri) { 200 } else { 5_000 });
            let mut last = periods.at(0);
            let top = periods.top;
            for count in (0..3).flat_map(|_| (1..=top).rev().chain([0])) {
                if count == 0 {
                    periods.turn();
                }
                let now = periods.at(count);
                assert!(now > last, "C1: at {hz} Hz count {count} shows {now:?} after {last:?}");
                last = now;
            }
        }
    }

    #[test]
    fn c2_a_thousand_seconds_of_turns_are_a_thousand_seconds() {
        for hz in RATES {
            let mut periods = Periods::new(hz, 1 << 24);
            let ticks = u64::from(periods.top) + 1;
            let turns = u64::from(hz) * 1_000 / ticks;
            (0..turns).for_each(|_| periods.turn());
            let exact = u128::from(turns * ticks) * 1_000_000_000 / u128::from(hz);
            assert_eq!(u128::from(periods.at(0).as_nanos()), exact, "C2: at {hz} Hz");
        }
    }

    #[test]
    #[should_panic(expected = "no exact period")]
    fn a_rate_that_never_meets_a_whole_nanosecond_is_refused() {
        Periods::new(999_999_937, 1 << 24);
    }
}
