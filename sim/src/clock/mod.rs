//! The clocks of a machine: one oscillator, and three faces.
//!
//! The monotonic clock stands still while the machine is suspended, the clock for leases goes on, and the one on the wall
//! goes on and may jump. Rate, slew and step are the oscillator's, so all three follow; a jump is the wall's alone.

mod handles;
mod world;

pub use handles::{SimLeaseClock, SimWallClock};

use tidemill_seam::{Duration, Instant, WallTime};

/// A monotonic clock that runs at its own rate: `local = origin + (virtual − since) × (1 + ppm / 10⁶)`, and beside it what
/// passed while it stood still, and what the wall shows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MachineClock {
    since_ns: u64,
    origin_ns: u64,
    ppm: i32,
    /// Neither a rate, nor a slew, nor a suspension: the way of every clock that nobody touched.
    plain: bool,
    suspended: bool,
    /// What passed while the machine was suspended before `since`.
    asleep_ns: u64,
    slew: Option<Slew>,
    /// What the wall showed when the clock for leases showed zero.
    wall_ns: i64,
}

/// A correction that is on its way.
#[derive(Clone, Copy, Debug)]
struct Slew {
    /// Virtual time at which it is done.
    until_ns: u64,
    /// Billionths that the clock runs faster meanwhile; negative where it runs slower.
    ppb: i64,
    /// What rounding left to correct at the end, never negative.
    rest_ns: u64,
}

const BILLION: i128 = 1_000_000_000;

/// 2026-01-01T00:00:00Z: what every wall shows at the beginning.
const WALL_NS: i64 = 1_767_225_600_000_000_000;

impl MachineClock {
    pub(crate) const fn new() -> Self {
        Self {
            since_ns: 0,
            origin_ns: 0,
            ppm: 0,
            plain: true,
            suspended: false,
            asleep_ns: 0,
            slew: None,
            wall_ns: WALL_NS,
        }
    }

    /// What the clock shows at a virtual time.
    #[inline]
    pub(crate) fn local(&self, virtual_ns: u64) -> Instant {
        let passed = if self.plain { virtual_ns - self.since_ns } else { self.passed_awake(virtual_ns) };
        Instant::from_nanos(self.origin_ns.saturating_add(passed))
    }

    #[inline(never)]
    fn passed_awake(&self, virtual_ns: u64) -> u64 {
        if self.suspended { 0 } else { self.passed(virtual_ns) }
    }

    /// What the oscillator counted since `since`.
    fn passed(&self, virtual_ns: u64) -> u64 {
        let span = virtual_ns - self.since_ns;
        match self.slew {
            Some(slew) if virtual_ns < slew.until_ns => scaled(span, self.pace() + i128::from(slew.ppb)),
            Some(slew) => {
                let slewed = self.slewed(slew);
                slewed.saturating_add(scaled(virtual_ns - slew.until_ns, self.pace()))
            }
            None => scaled(span, self.pace()),
        }
    }

    /// What the oscillator counts until the slew is done.
    fn slewed(&self, slew: Slew) -> u64 {
        let span = slew.until_ns - self.since_ns;
        scaled(span, self.pace() + i128::from(slew.ppb)).saturating_add(slew.rest_ns)
    }

    /// Nanoseconds shown for each billion that passes.
    fn pace(&self) -> i128 {
        BILLION + i128::from(self.ppm) * 1_000
    }

    /// The first virtual time at which the clock shows `local` or later, if the machine is not suspended any more.
    #[inline]
    pub(crate) fn first_at(&self, local: Instant) -> u64 {
        let span = local.as_nanos().saturating_sub(self.origin_ns);
        if self.plain { self.since_ns.saturating_add(span) } else { self.first_after(span) }
    }

    #[inline(never)]
    fn first_after(&self, span: u64) -> u64 {
        let Some(slew) = self.slew else {
            return self.since_ns.saturating_add(unscaled(span, self.pace()));
        };
        let at_ns = self.since_ns.saturating_add(unscaled(span, self.pace() + i128::from(slew.ppb)));
        if at_ns < slew.until_ns {
            return at_ns;
        }
        let slewed = self.slewed(slew);
        slew.until_ns.saturating_add(unscaled(span.saturating_sub(slewed), self.pace()))
    }

    /// What the clock for leases shows: it counts suspension.
    pub(crate) fn lease(&self, virtual_ns: u64) -> Instant {
        let counted = self.origin_ns.saturating_add(self.asleep_ns);
        Instant::from_nanos(counted.saturating_add(self.passed(virtual_ns)))
    }

    /// What the wall shows.
    pub(crate) fn wall(&self, virtual_ns: u64) -> WallTime {
        let counted = i64::try_from(self.lease(virtual_ns).as_nanos()).unwrap_or(i64::MAX);
        WallTime::from_unix_nanos(self.wall_ns).shifted(counted)
    }

    /// Whether its oscillator runs too fast or too slow.
    pub(crate) const fn drifts(&self) -> bool {
        self.ppm != 0
    }

    pub(crate) fn is_suspended(&self) -> bool {
        self.suspended
    }

    /// Counts from `now_ns` on.
    fn rebase(&mut self, now_ns: u64) {
        let passed = self.passed(now_ns);
        let counted = if self.suspended { &mut self.asleep_ns } else { &mut self.origin_ns };
        *counted = counted.saturating_add(passed);
        self.slew = self.slew.filter(|slew| slew.until_ns > now_ns);
        self.since_ns = now_ns;
    }

    fn judge_plain(&mut self) {
        self.plain = self.ppm == 0 && self.slew.is_none() && !self.suspended;
    }

    /// From `now_ns` on the clock runs `ppm` millionths too fast.
    fn set_rate(&mut self, now_ns: u64, ppm: i32) {
        assert!(ppm > -1_000_000, "a clock that stands still or runs backwards");
        self.rebase(now_ns);
        self.ppm = ppm;
        let slew_ppb = self.slew.map_or(0, |slew| i128::from(slew.ppb));
        assert!(self.pace() + slew_ppb > 0, "a clock that a slew makes run backwards");
        self.judge_plain();
    }

    /// The clock jumps ahead.
    fn step(&mut self, now_ns: u64, ahead: Duration) {
        self.rebase(now_ns);
        self.origin_ns = self.origin_ns.saturating_add(ahead.as_nanos());
        self.judge_plain();
    }

    /// Over the next `over_ns` the clock gains `by_ns`, or loses it.
    fn slew(&mut self, now_ns: u64, by_ns: i64, over_ns: u64) {
        self.rebase(now_ns);
        let (by, over) = (i128::from(by_ns), i128::from(over_ns));
        assert!(over > 0 && by.abs() <= over * 1_000, "a slew of {by_ns} ns over {over_ns} ns is a step");
        let ppb = (by * BILLION).div_euclid(over);
        assert!(self.pace() + ppb > 0, "a clock that a slew makes run backwards");
        let due = i128::from(scaled(over_ns, self.pace())) + by;
        let got = i128::from(scaled(over_ns, self.pace() + ppb));
        let rest_ns = u64::try_from(due - got).unwrap_or(0);
        self.slew = Some(Slew { until_ns: now_ns.saturating_add(over_ns), ppb: ppb as i64, rest_ns });
        self.judge_plain();
    }

    /// The monotonic face stands still from `now_ns` on, or goes on.
    fn suspend(&mut self, now_ns: u64, suspended: bool) {
        self.rebase(now_ns);
        self.suspended = suspended;
        self.judge_plain();
    }

    /// The wall jumps.
    fn jump(&mut self, by_ns: i64) {
        self.wall_ns = self.wall_ns.saturating_add(by_ns);
    }
}

/// `span × pace / 10⁹`, rounded down.
fn scaled(span: u64, pace: i128) -> u64 {
    u64::try_from(i128::from(span) * pace / BILLION).unwrap_or(u64::MAX)
}

/// The least span that [`scaled`] makes `span` or more of.
fn unscaled(span: u64, pace: i128) -> u64 {
    u64::try_from((i128::from(span) * BILLION + pace - 1) / pace).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::MachineClock;
    use tidemill_seam::{Duration, Instant};

    /// A deadline is never early and at most one tick late, whatever the clock does.
    fn timely(clock: &MachineClock, from_ns: u64, deadlines: impl IntoIterator<Item = u64>) {
        for local in deadlines {
            let deadline = Instant::from_nanos(local);
            let at = clock.first_at(deadline).max(from_ns);
            assert!(clock.local(at) >= deadline, "early: {clock:?} {local}");
            assert!(at == from_ns || clock.local(at - 1) < deadline, "late: {clock:?} {local}");
        }
    }

    // SIM-CLOCKS: timers are never early and less than one tick late at any rate.
    #[test]
    fn a_deadline_is_never_early_and_less_than_one_tick_late_at_any_rate() {
        for ppm in [-999_999, -500_000, -7, 0, 1, 50, 333_333, 4_000_000] {
            let mut clock = MachineClock::new();
            clock.set_rate(1_000, ppm);
            clock.step(1_500, Duration::from_nanos(77));
            timely(&clock, 1_500, [2_000, 2_001, 123_456_789, 5_000_000_000]);
        }
    }

    // SIM-CLOCKS: and during, at the end of, and after a slew in either direction.
    #[test]
    fn a_deadline_is_never_early_and_less_than_one_tick_late_around_a_slew() {
        for (ppm, by_ns) in [(0, 500), (0, -500), (300, 77), (-300, -999), (0, 1), (0, 999_999), (7, -1)] {
            let mut clock = MachineClock::new();
            clock.set_rate(10, ppm);
            clock.slew(1_000, by_ns, 1_000);
            timely(&clock, 1_000, (0..1_010_000).step_by(1 + by_ns.unsigned_abs() as usize / 100));
        }
    }

    // SIM-CLOCKS: a slew corrects by exactly what it was asked, and not at once.
    #[test]
    fn a_slew_corrects_exactly_and_gradually() {
        for by_ns in [3_i64, -3, 1_234_567, -1_234_567, 0] {
            let (mut clock, mut plain) = (MachineClock::new(), MachineClock::new());
            clock.set_rate(5, 40);
            plain.set_rate(5, 40);
            clock.slew(1_000, by_ns, 10_000_000);
            let error = |at: u64| clock.local(at).as_nanos() as i64 - plain.local(at).as_nanos() as i64;
            assert!((error(1_000 + 5_000_000) - by_ns / 2).abs() <= 1, "half way");
            for after in [0, 1, 999_999_999] {
                assert!((error(1_000 + 10_000_000 + after) - by_ns).abs() <= 1, "{by_ns}");
            }
        }
    }

    // SIM-CLOCKS: suspension stops the monotonic clock and not the one for leases.
    #[test]
    fn a_suspended_clock_stands_still_and_the_lease_clock_goes_on() {
        let mut clock = MachineClock::new();
        clock.suspend(100, true);
        let shown = |clock: &MachineClock, at| (clock.local(at).as_nanos(), clock.lease(at).as_nanos());
        assert_eq!(shown(&clock, 175), (100, 175));
        clock.suspend(200, false);
        assert_eq!(shown(&clock, 250), (150, 250));
        clock.set_rate(300, 1_000_000);
        assert_eq!(shown(&clock, 310), (220, 320));
        clock.suspend(400, true);
        clock.step(450, Duration::from_nanos(5));
        assert_eq!(shown(&clock, 500), (405, 705));
        timely(&MachineClock { suspended: false, ..clock }, 500, [405, 406, 1_000]);
    }

    // SIM-CLOCKS: the wall jumps both ways, and nothing else moves.
    #[test]
    fn the_wall_jumps_alone() {
        let mut clock = MachineClock::new();
        let start = clock.wall(0);
        clock.jump(-5_000);
        assert_eq!((clock.wall(100), clock.local(100).as_nanos()), (start.shifted(-4_900), 100));
        clock.jump(i64::MAX);
        assert_eq!(clock.wall(100), tidemill_seam::WallTime::from_unix_nanos(i64::MAX));
    }

    #[test]
    fn a_clock_never_goes_back_through_rate_changes_steps_slews_and_suspension() {
        let (mut clock, mut last, mut lease) = (MachineClock::new(), Instant::ZERO, Instant::ZERO);
        for at in 1..5_000_u64 {
            match at % 7 {
                0 => clock.set_rate(at * 10, [100, -900_000, 0, 3, -3][(at / 7 % 5) as usize]),
                1 => clock.step(at * 10, Duration::from_nanos(at % 2)),
                2 => clock.slew(at * 10, [5, -5, 1, -1][(at / 7 % 4) as usize], 100 + at % 50),
                3 => clock.suspend(at * 10, at % 2 == 0),
                _ => {}
            }
            for step in 0..10 {
                let now = (clock.local(at * 10 + step), clock.lease(at * 10 + step));
                assert!(now.0 >= last && now.1 >= lease, "C1 at {at}: {clock:?}");
                (last, lease) = now;
            }
        }
    }
}
