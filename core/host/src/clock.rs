use rustix::time::{ClockId, clock_gettime};
use tidemill_seam::{Clock, Instant};

/// `CLOCK_MONOTONIC`: nanoseconds since an origin that all processes of this machine share until it reboots.
///
/// Stands still while the machine is suspended. Every value is a handle of the one clock, so instants taken in two
/// threads or two processes compare.
#[derive(Clone, Copy, Default, Debug)]
pub struct MonotonicClock;

impl Clock for MonotonicClock {
    fn now(&self) -> Instant {
        let time = clock_gettime(ClockId::Monotonic);
        // The kernel never shows a negative monotonic time, and 2^64 ns are 584 years of uptime.
        Instant::from_nanos(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::MonotonicClock;
    use std::thread;
    use tidemill_seam::Clock;

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
