//! Laws C1, C2 and C4 of [`Clock`]. C3 binds those who read a clock, not the clock.

use crate::trial::Trial;
use crate::{Effort, Verdict};
use tidemill_seam::{Clock, Duration};

/// How time passes in the world of a clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pace {
    /// Only when told to, and by as much as told, give or take the drift.
    Virtual {
        /// The world's stated drift, in millionths.
        drift_ppm: u32,
    },
    /// By itself; `pass` sleeps at least as long as told.
    Real,
}

impl Pace {
    fn span(self, trial: &mut Trial) -> Duration {
        let octave = trial.dice.below(if self == Self::Real { 12 } else { 34 });
        Duration::from_nanos(trial.dice.roll() & ((1 << octave) - 1))
    }

    /// A real clock sleeps for each pass, so it takes fewer of them.
    fn rarity(self) -> u32 {
        if self == Self::Real { 64 } else { 2 }
    }
}

/// Runs every law. `handle` gives one more handle of the same clock; `pass` lets a span of true time go by.
pub fn suite<C: Clock>(
    mut handle: impl FnMut() -> C,
    mut pass: impl FnMut(Duration),
    pace: Pace,
    effort: Effort,
) -> Verdict {
    let mut passed = order(&mut handle, &mut pass, pace, effort)?;
    if pace != Pace::Real {
        passed.add(reading(&mut handle, &mut pass, pace, effort)?);
    }
    passed.add(spans(&mut handle, &mut pass, pace, effort)?);
    Ok(passed)
}

/// C1: time never goes back, whichever handles are asked.
pub fn order<C: Clock>(
    mut handle: impl FnMut() -> C,
    mut pass: impl FnMut(Duration),
    pace: Pace,
    effort: Effort,
) -> Verdict {
    let mut trial = Trial::new(0xC1);
    let mut handles = [handle(), handle(), handle()];
    let mut latest = handles[0].now();
    for _ in 0..effort.steps() {
        trial.next();
        let which = trial.dice.below(3) as usize;
        if trial.dice.one_in(32) {
            handles[which] = handle();
        }
        if trial.dice.one_in(pace.rarity()) {
            pass(pace.span(&mut trial));
        }
        let now = handles[which].now();
        trial.require("C1", now >= latest, "a later call shows an earlier instant")?;
        latest = now;
    }
    Ok(trial.passed())
}

/// C4: where time passes only when told, reading is not telling.
pub fn reading<C: Clock>(
    mut handle: impl FnMut() -> C,
    mut pass: impl FnMut(Duration),
    pace: Pace,
    effort: Effort,
) -> Verdict {
    let mut trial = Trial::new(0xC4);
    let clock = handle();
    for _ in 0..effort.steps() / 8 {
        trial.next();
        pass(pace.span(&mut trial));
        let now = clock.now().as_nanos();
        for _ in 0..=trial.dice.below(16) {
            trial.same("C4", now, clock.now().as_nanos(), "reading the clock moves it")?;
        }
    }
    Ok(trial.passed())
}

/// C2: a span measured through two handles is the span that went by.
pub fn spans<C: Clock>(
    mut handle: impl FnMut() -> C,
    mut pass: impl FnMut(Duration),
    pace: Pace,
    effort: Effort,
) -> Verdict {
    let mut trial = Trial::new(0xC2);
    let (first, second) = (handle(), handle());
    for _ in 0..effort.steps() / pace.rarity() {
        trial.next();
        let before = first.now();
        let span = pace.span(&mut trial);
        pass(span);
        let (span, measured) = (span.as_nanos(), second.now().since(before).as_nanos());
        match pace {
            Pace::Real => trial.require("C2", measured >= span, "less time is shown than went by")?,
            Pace::Virtual { drift_ppm: 0 } => {
                trial.same("C2", span, measured, "another span is shown than went by")?
            }
            Pace::Virtual { drift_ppm } => {
                // Rounding costs a nanosecond at each end.
                let allowed = (span / 1_000_000 + 1) * u64::from(drift_ppm) + 2;
                let error = measured.abs_diff(span);
                trial.require("C2", error <= allowed, "the clock drifts more than its world states")?;
            }
        }
    }
    Ok(trial.passed())
}
