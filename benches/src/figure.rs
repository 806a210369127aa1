//! What one child process measured, and the line in which it tells its parent.

use std::fmt;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Processor time that the calling thread has used.
#[must_use]
pub fn cpu_time() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).expect("below one second"))
}

/// Largest resident set of this process so far, in KiB: `VmHWM` of `/proc/self/status`, 0 where there is none.
#[must_use]
pub fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// A warning where more wants to run than there are processors: then two threads measure the scheduler.
#[must_use]
pub fn busy() -> Option<String> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let text = std::fs::read_to_string("/proc/loadavg").ok()?;
    let load: f64 = text.split(' ').next()?.parse().ok()?;
    (load + 2.0 > processors as f64 + 0.5).then(|| {
        format!("BUSY a load of {load} on {processors} processors: figures of two threads mean little")
    })
}

/// One measurement: work done, what it cost, how far virtual time went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Figure {
    /// Messages delivered, or simulations run: whatever the case counts.
    pub count: u64,
    /// Virtual time that passed.
    pub virtual_ns: u64,
    /// Processor time of the simulating thread.
    pub cpu_ns: u64,
    /// Largest resident set of the process.
    pub peak_kib: u64,
}

impl Figure {
    /// Runs `work` on this thread; it answers how much it counted and how many virtual nanoseconds passed.
    pub fn measure(work: impl FnOnce() -> (u64, u64)) -> Self {
        let start = cpu_time();
        let (count, virtual_ns) = work();
        let cpu = cpu_time() - start;
        Self {
            count,
            virtual_ns,
            cpu_ns: u64::try_from(cpu.as_nanos()).expect("under 584 years").max(1),
            peak_kib: peak_kib(),
        }
    }

    /// The figure in a line of [`Display`](fmt::Display), wherever it stands in `text`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let line = text.lines().find_map(|line| line.strip_prefix("figure "))?;
        let mut fields = line.split(' ').map(str::parse);
        let mut next = || fields.next()?.ok();
        Some(Self { count: next()?, virtual_ns: next()?, cpu_ns: next()?, peak_kib: next()? })
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "figure {} {} {} {}", self.count, self.virtual_ns, self.cpu_ns, self.peak_kib)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_survives_the_trip_through_its_line() {
        let figure = Figure { count: 7, virtual_ns: 11_000_000, cpu_ns: 13, peak_kib: 1900 };
        assert_eq!(Figure::parse(&format!("noise\n{figure}\nmore noise")), Some(figure));
        assert_eq!(Figure::parse("figure 1 2 three 4"), None);
        assert_eq!(Figure::parse("figure 1 2 3"), None);
    }

    #[test]
    fn processor_time_passes_while_the_thread_works() {
        let figure = Figure::measure(|| {
            let start = cpu_time();
            let mut spins = 0;
            while cpu_time() - start < Duration::from_millis(2) {
                spins += 1;
            }
            (spins, 0)
        });
        assert!(figure.cpu_ns >= 2_000_000, "{figure}");
    }
}
