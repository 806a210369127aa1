use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// Processor time that this process has used, over all of its threads.
#[derive(Clone, Copy, Debug)]
pub(super) struct CpuTimer(Duration);

impl CpuTimer {
    pub(super) fn start() -> Self {
        Self(used())
    }

    /// Processor time since the start.
    pub(super) fn elapsed(self) -> Duration {
        used().saturating_sub(self.0)
    }
}

fn used() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let (seconds, nanos) = (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec));
    Duration::new(seconds.unwrap_or_default(), nanos.unwrap_or_default())
}
