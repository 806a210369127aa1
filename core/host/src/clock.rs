use rustix::time::{ClockId, clock_gettime};
use tidemill_seam::{Clock, Instant, WallClock, WallTime};

/// `CLOCK_MONOTONIC`: nanoseconds since an origin that all processes of this machine share until it reboots.
///
/// Stands still while the machine is suspended. Every value is a handle of the one clock, so instants taken in two
/// threads or two processes compare.
#[derive(Clone, Copy, Default, Debug)]
pub struct MonotonicClock;

/// `CLOCK_BOOTTIME`: as [`MonotonicClock`], but it goes on while the machine is suspended. For leases, which somebody else
/// counts meanwhile.
#[derive(Clone, Copy, Default, Debug)]
pub struct BootClock;

/// `CLOCK_REALTIME`: what people set, and may set back.
#[derive(Clone, Copy, Default, Debug)]
pub struct SystemWallClock;

fn now(clock: ClockId) -> Instant {
    let time = clock_gettime(clock);
    // The kernel never shows a negative monotonic time, and 2^64 ns are 584 years of uptime.
    Instant::from_nanos(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
}

impl Clock for MonotonicClock {
    fn now(&self) -> Instant {
        now(ClockId::Monotonic)
    }
}

impl Clock for BootClock {
    fn now(&self) -> Instant {
        now(ClockId::Boottime)
    }
}

impl WallClock for SystemWallClock {
    fn wall_now(&self) -> WallTime {
        let time = clock_gettime(ClockId::Realtime);
        WallTime::from_unix_nanos(time.tv_sec.saturating_mul(1_000_000_000).saturating_add(time.tv_nsec))
    }
}

#[cfg(test)]
mod tests {
    use super::{BootClock, MonotonicClock, SystemWallClock};
    use std::thread;
    use tidemill_seam::{Clock, WallClock};

    #[test]
    fn the_clock_for_leases_is_never_behind_the_one_that_sleeps() {
        let before = MonotonicClock.now();
        assert!(BootClock.now() >= before);
    }

    #[test]
    fn the_wall_shows_a_time_after_this_was_written() {
        let written = 1_735_689_600_000_000_000;
        assert!(SystemWallClock.wall_now().as_unix_nanos() > written, "the machine's date is set");
    }

    #[test]
    fn c1_no_read_shows_an_earlier_instant_through_any_handle() {
        let mut last = MonotonicClock.now();
        for _ in 0..10_000 {
            let now = MonotonicClock.now();
            assert!(now >= last, "C1: {now:?} came after {last:?}");
            last = now;
        }
    }

    #[test]
    fn c1_a_read_on_another_thread_continues_where_this_one_stopped() {
        for _ in 0..50 {
            let here = MonotonicClock.now();
            let there =
                thread::spawn(|| MonotonicClock.now()).join().expect("reading a clock does not panic");
            assert!(there >= here, "C1: {there:?} on another thread came after {here:?}");
        }
    }
}
