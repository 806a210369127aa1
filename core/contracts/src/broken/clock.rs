//! A virtual clock that may be wrong.

use core::cell::Cell;
use tidemill_seam::{Clock, Duration, Instant};

super::faults! {
    /// Every 17th reading is five nanoseconds in the past.
    StepsBack => "C1",
    /// The count is 32 bits wide.
    WrapsAt32Bits => "C1",
    /// Each handle counts from the moment it was made.
    OriginPerHandle => "C1",
    /// Odd handles read a copy that lags by one pass.
    StaleHandle => "C1",
    /// Time never passes.
    Stands => "C2",
    /// Two nanoseconds are shown for each that passes.
    TwiceAsFast => "C2",
    /// Counts whole microseconds, called nanoseconds.
    CoarseTicks => "C2",
    /// Counts microseconds and calls them nanoseconds.
    WrongUnit => "C2",
    /// Spans above a second saturate.
    SaturatesAtOneSecond => "C2",
    /// Reading costs a nanosecond.
    TicksOnRead => "C4",
    /// A pass that nobody read in between is shown only after the next reading.
    CatchesUpOnRead => "C4",
}

/// A world with one clock, and at most one fault.
#[derive(Debug)]
pub struct World {
    fault: Option<Fault>,
    now: Cell<u64>,
    lagging: Cell<u64>,
    reads: Cell<u64>,
    handles: Cell<u64>,
}

/// A handle of the world's clock.
#[derive(Debug)]
pub struct Handle<'w> {
    world: &'w World,
    number: u64,
    born: u64,
}

impl World {
    /// A world at its origin.
    pub const fn new(fault: Option<Fault>) -> Self {
        let [now, lagging, reads, handles] = [const { Cell::new(0) }; 4];
        Self { fault, now, lagging, reads, handles }
    }

    /// One more handle of the clock.
    pub fn handle(&self) -> Handle<'_> {
        self.handles.set(self.handles.get() + 1);
        Handle { world: self, number: self.handles.get(), born: self.now.get() }
    }

    /// Lets time go by.
    pub fn pass(&self, span: Duration) {
        let span = match self.fault {
            Some(Fault::Stands) => 0,
            Some(Fault::TwiceAsFast) => 2 * span.as_nanos(),
            Some(Fault::SaturatesAtOneSecond) => span.as_nanos().min(1_000_000_000),
            _ => span.as_nanos(),
        };
        self.lagging.set(self.now.get());
        self.now.set(self.now.get() + span);
    }
}

impl Clock for Handle<'_> {
    fn now(&self) -> Instant {
        let world = self.world;
        world.reads.set(world.reads.get() + 1);
        let now = world.now.get();
        Instant::from_nanos(match world.fault {
            Some(Fault::StepsBack) if world.reads.get().is_multiple_of(17) => now.saturating_sub(5),
            Some(Fault::WrapsAt32Bits) => now & u64::from(u32::MAX),
            Some(Fault::OriginPerHandle) => now - self.born,
            Some(Fault::StaleHandle) if self.number % 2 == 1 => world.lagging.get(),
            Some(Fault::CoarseTicks) => now / 1_000 * 1_000,
            Some(Fault::WrongUnit) => now / 1_000,
            Some(Fault::TicksOnRead) => {
                world.now.set(now + 1);
                now
            }
            Some(Fault::CatchesUpOnRead) => world.lagging.replace(now),
            _ => now,
        })
    }
}
