//! Contestants in one process: round after round each runs once, the first against every other.

use crate::rounds::Samples;
use crate::table;

/// How long to measure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Effort {
    /// Rounds; in each of them every contestant runs once.
    pub rounds: usize,
    /// Items a run.
    pub items: u32,
}

/// One way to do the job.
pub struct Contestant<'a> {
    name: &'static str,
    /// Runs the job for so many items and answers in nanoseconds an item.
    run: Box<dyn FnMut(u32) -> f64 + 'a>,
}

impl std::fmt::Debug for Contestant<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Contestant").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<'a> Contestant<'a> {
    /// `run` does the job for so many items and answers in nanoseconds an item.
    pub fn new(name: &'static str, run: impl FnMut(u32) -> f64 + 'a) -> Self {
        Self { name, run: Box::new(run) }
    }
}

/// Runs the contest and prints its table; `ours` is the first contestant's speed over the row's.
pub fn contest(title: &str, effort: Effort, contestants: &mut [Contestant<'_>]) {
    let mut samples = vec![Samples::default(); contestants.len()];
    for contestant in &mut *contestants {
        (contestant.run)(effort.items);
    }
    for _ in 0..effort.rounds {
        for (contestant, samples) in contestants.iter_mut().zip(&mut samples) {
            samples.push((contestant.run)(effort.items));
        }
    }
    let rows = contestants.iter().zip(&samples).map(|(contestant, cost)| {
        let ahead = cost.ratio_to(&samples[0]);
        vec![
            contestant.name.to_owned(),
            format!("{:.2} ns", cost.median()),
            format!("{:.2} x", ahead.median),
            format!("[{:.2}, {:.2}]", ahead.low, ahead.high),
        ]
    });
    let rows = rows.collect::<Vec<_>>();
    println!("{title}: {} rounds of {} items, interleaved", effort.rounds, effort.items);
    table::print(&["", "an item", "ours is", "interval"], &rows);
}
