use core::fmt;

/// A point of civil time: nanoseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct WallTime(i64);

/// The clock on the wall: what people read, and nothing may rest on.
///
/// # Laws
/// - **U1** It may jump in both directions at any moment: two readings say nothing about which came first, or how much
///   time went by.
/// - **U2** It and a [`Clock`](crate::Clock) are two clocks: a jump of the one never moves the other, nor any timer.
/// - **U3** Reading has no effect.
pub trait WallClock {
    /// The time of day and its date.
    fn wall_now(&self) -> WallTime;
}

impl<C: WallClock + ?Sized> WallClock for &C {
    fn wall_now(&self) -> WallTime {
        (**self).wall_now()
    }
}

impl WallTime {
    /// The time `ns` nanoseconds after 1970 began, or before it where negative.
    pub const fn from_unix_nanos(ns: i64) -> Self {
        Self(ns)
    }

    /// Nanoseconds since 1970 began.
    pub const fn as_unix_nanos(self) -> i64 {
        self.0
    }

    /// The time `ns` nanoseconds later, or earlier where negative; saturates in the years 1677 and 2262.
    pub const fn shifted(self, ns: i64) -> Self {
        Self(self.0.saturating_add(ns))
    }
}

impl fmt::Debug for WallTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, ns) = (if self.0 < 0 { "-" } else { "" }, self.0.unsigned_abs());
        write!(f, "unix {sign}{}.{:09}s", ns / 1_000_000_000, ns % 1_000_000_000)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::WallTime;
    use std::format;

    #[test]
    fn a_wall_time_prints_its_seconds_also_before_1970() {
        assert_eq!(format!("{:?}", WallTime::from_unix_nanos(1_500_000_000)), "unix 1.500000000s");
        assert_eq!(format!("{:?}", WallTime::from_unix_nanos(-1)), "unix -0.000000001s");
        assert_eq!(WallTime::from_unix_nanos(i64::MAX).shifted(1), WallTime::from_unix_nanos(i64::MAX));
    }
}
