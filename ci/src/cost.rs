//! What a step cost: by the clock, and by the processors, which is what other work on the machine changes least.

use std::fmt;
use std::fs;
use std::time::{Duration, Instant};

/// Linux counts the time of processes in hundredths of a second, whatever the machine.
const TICKS_PER_S: u64 = 100;

/// A cost that is still growing.
#[derive(Debug)]
pub(crate) struct Meter {
    begun: Instant,
    children: Option<Duration>,
}

/// Wall time, and processor time of every program that was called and waited for (none where the system does not say).
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Cost {
    wall: Duration,
    cpu: Option<Duration>,
}

impl Meter {
    pub(crate) fn start() -> Self {
        Self { begun: Instant::now(), children: children() }
    }

    pub(crate) fn read(&self) -> Cost {
        let cpu = children().zip(self.children).map(|(now, then)| now.saturating_sub(then));
        Cost { wall: self.begun.elapsed(), cpu }
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cpu = self.cpu.map_or(String::from("?"), |cpu| format!("{:.0}", cpu.as_secs_f64()));
        let text = format!("{:.1} s {cpu:>5} cpu", self.wall.as_secs_f64());
        f.pad(&text)
    }
}

/// Processor time of all programs that this process has waited for.
fn children() -> Option<Duration> {
    of_children(&fs::read_to_string("/proc/self/stat").ok()?)
}

/// The fields `cutime` and `cstime` of proc_pid_stat(5). The name before them may hold anything, so they are counted from
/// its end.
fn of_children(stat: &str) -> Option<Duration> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(13).map(|field| field.parse::<u64>().ok());
    let ticks = fields.next()?? + fields.next()??;
    Some(Duration::from_millis(ticks * 1_000 / TICKS_PER_S))
}

#[cfg(test)]
mod tests {
    use super::{Cost, of_children};
    use std::time::Duration;

    #[test]
    fn the_time_of_children_is_read_behind_a_name_with_spaces() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194304 1 2 3 4 50 60 123 77 20 0 1 0 9";
        assert_eq!(of_children(stat), Some(Duration::from_secs(2)));
        assert_eq!(of_children("7 (a) S 1"), None);
    }

    #[test]
    fn a_cost_names_both_times_and_admits_what_it_does_not_know() {
        let cost = Cost { wall: Duration::from_millis(1_250), cpu: Some(Duration::from_secs(2)) };
        assert_eq!(cost.to_string(), "1.2 s     2 cpu");
        assert_eq!(Cost::default().to_string(), "0.0 s     ? cpu");
    }
}
