use tidemill_seam::Instant;

/// The times that a machine asked to be woken at, one a timer.
#[derive(Debug)]
pub(super) struct Alarms<T, const N: usize>([(T, Instant); N]);

impl<T: Copy + PartialEq, const N: usize> Alarms<T, N> {
    pub(super) fn new(timers: [T; N]) -> Self {
        Self(timers.map(|timer| (timer, Instant::MAX)))
    }

    /// What was asked for the same timer before is forgotten.
    pub(super) fn set(&mut self, timer: T, at: Instant) {
        self.0.iter_mut().filter(|(known, _)| *known == timer).for_each(|(_, due)| *due = at);
    }

    /// A time that came.
    pub(super) fn rung(&mut self, now: Instant) -> Option<T> {
        let (timer, due) = self.0.iter_mut().find(|(_, due)| *due <= now)?;
        *due = Instant::MAX;
        Some(*timer)
    }

    /// When the next one is due.
    pub(super) fn due(&self) -> Instant {
        self.0.iter().map(|(_, due)| *due).min().unwrap_or(Instant::MAX)
    }
}
