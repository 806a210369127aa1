//! A machine: a name, a clock of its own, ports.

use tidemill_seam::{Duration, Instant};

use crate::net::LinkIndex;

/// A machine, numbered in the order of creation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct MachineId(pub(crate) u16);

/// A process, numbered in the order of creation. It keeps its number through kill and restart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ProcessId(pub(crate) u32);

impl MachineId {
    /// The number as an index.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl ProcessId {
    /// The number as an index.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) name: Box<str>,
    pub(crate) clock: MachineClock,
    pub(crate) ports: Vec<(u16, ProcessId)>,
    pub(crate) links: Vec<LinkIndex>,
}

impl Machine {
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.into(), clock: MachineClock::new(), ports: Vec::new(), links: Vec::new() }
    }

    #[inline]
    pub(crate) fn owner_of(&self, port: u16) -> Option<ProcessId> {
        self.ports.iter().find(|(bound, _)| *bound == port).map(|(_, process)| *process)
    }
}

/// A monotonic clock that runs at its own rate: `local = origin + (virtual − since) × (1 + ppm / 10⁶)`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MachineClock {
    since_ns: u64,
    origin_ns: u64,
    ppm: i32,
}

const MILLION: u128 = 1_000_000;

impl MachineClock {
    const fn new() -> Self {
        Self { since_ns: 0, origin_ns: 0, ppm: 0 }
    }

    /// What the clock shows at a virtual time.
    #[inline]
    pub(crate) fn local(&self, virtual_ns: u64) -> Instant {
        let passed = virtual_ns - self.since_ns;
        let passed = if self.ppm == 0 { passed } else { self.scaled(passed) };
        Instant::from_nanos(self.origin_ns.saturating_add(passed))
    }

    fn pace(&self) -> u128 {
        (1_000_000 + i64::from(self.ppm)) as u128
    }

    fn scaled(&self, passed: u64) -> u64 {
        u64::try_from(u128::from(passed) * self.pace() / MILLION).unwrap_or(u64::MAX)
    }

    /// The first virtual time at which the clock shows `local` or later.
    #[inline]
    pub(crate) fn first_at(&self, local: Instant) -> u64 {
        let span = local.as_nanos().saturating_sub(self.origin_ns);
        let span = if self.ppm == 0 { span } else { self.unscaled(span) };
        self.since_ns.saturating_add(span)
    }

    fn unscaled(&self, span: u64) -> u64 {
        u64::try_from((u128::from(span) * MILLION).div_ceil(self.pace())).unwrap_or(u64::MAX)
    }

    /// From `now_ns` on the clock runs `ppm` millionths too fast.
    pub(crate) fn set_rate(&mut self, now_ns: u64, ppm: i32) {
        assert!(ppm > -1_000_000, "a clock that stands still or runs backwards");
        *self = Self { since_ns: now_ns, origin_ns: self.local(now_ns).as_nanos(), ppm };
    }

    /// The clock jumps ahead.
    pub(crate) fn step(&mut self, now_ns: u64, ahead: Duration) {
        let origin_ns = (self.local(now_ns) + ahead).as_nanos();
        *self = Self { since_ns: now_ns, origin_ns, ppm: self.ppm };
    }
}

#[cfg(test)]
mod tests {
    use super::MachineClock;
    use tidemill_seam::{Duration, Instant};

    #[test]
    fn a_deadline_is_never_early_and_less_than_one_tick_late_at_any_rate() {
        for ppm in [-999_999, -500_000, -7, 0, 1, 50, 333_333, 4_000_000] {
            let mut clock = MachineClock::new();
            clock.set_rate(1_000, ppm);
            clock.step(1_500, Duration::from_nanos(77));
            for local in [2_000, 2_001, 123_456_789, 5_000_000_000_u64] {
                let deadline = Instant::from_nanos(local);
                let at = clock.first_at(deadline);
                assert!(clock.local(at) >= deadline, "early at {ppm} ppm");
                assert!(at == 1_500 || clock.local(at - 1) < deadline, "late at {ppm} ppm");
            }
        }
    }

    #[test]
    fn a_clock_never_goes_back_through_rate_changes_and_steps() {
        let (mut clock, mut last) = (MachineClock::new(), Instant::ZERO);
        for (at, ppm) in [(10, 100), (20, -900_000), (21, 0), (1_000, 3), (1_001, -3)] {
            clock.set_rate(at, ppm);
            clock.step(at, Duration::from_nanos(u64::from(at % 2 == 0)));
            assert!(clock.local(at) >= last, "C1");
            last = clock.local(at + 1);
        }
    }
}
