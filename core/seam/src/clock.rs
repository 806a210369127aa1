use crate::Instant;

/// A monotonic clock.
///
/// # Laws
/// - **C1** Time never goes back: a later call never shows an earlier instant, through any handle of one clock.
/// - **C2** Time passes in nanoseconds of this world: a span measured here equals the span that
///   [`Notify::wait`](crate::Notify::wait) sleeps for, within the world's stated drift.
/// - **C3** The origin is arbitrary: nothing may depend on how long ago [`Instant::ZERO`] was.
/// - **C4** Reading has no effect: any number of reads leaves everything else as it was.
pub trait Clock {
    /// The present instant.
    fn now(&self) -> Instant;
}

impl<C: Clock + ?Sized> Clock for &C {
    fn now(&self) -> Instant {
        (**self).now()
    }
}
