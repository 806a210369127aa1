use std::rc::Rc;

use tidemill_seam::{Clock, Instant, WallClock, WallTime};

use crate::process::Context;
use crate::seams::{Seams, SeamsInner};
use crate::task::Env;

/// This machine's clock for leases, as of the present event: it counts suspension.
#[derive(Clone, Debug)]
pub struct SimLeaseClock(Rc<SeamsInner>);

/// The clock on this machine's wall, as of the present event. It may jump.
#[derive(Clone, Debug)]
pub struct SimWallClock(Rc<SeamsInner>);

impl Seams {
    /// The machine's clock for leases, which goes on while the machine is suspended.
    pub fn lease_clock(&self) -> SimLeaseClock {
        SimLeaseClock(Rc::clone(&self.0))
    }

    /// The clock on the machine's wall.
    pub fn wall_clock(&self) -> SimWallClock {
        SimWallClock(Rc::clone(&self.0))
    }
}

impl Clock for SimLeaseClock {
    fn now(&self) -> Instant {
        Instant::from_nanos(self.0.now().as_nanos().saturating_add(self.0.ahead.get().0))
    }
}

impl WallClock for SimWallClock {
    fn wall_now(&self) -> WallTime {
        let now = i64::try_from(self.0.now().as_nanos()).unwrap_or(i64::MAX);
        WallTime::from_unix_nanos(self.0.ahead.get().1).shifted(now)
    }
}

impl Context<'_> {
    /// The present instant on this machine's clock for leases, which goes on while the machine is suspended.
    pub fn lease_now(&self) -> Instant {
        self.kernel.clock_of(self.process).lease(self.kernel.now_ns)
    }

    /// What this machine's wall shows.
    pub fn wall_now(&self) -> WallTime {
        self.kernel.clock_of(self.process).wall(self.kernel.now_ns)
    }
}

impl Env {
    /// The present instant on this machine's clock for leases, which goes on while the machine is suspended.
    pub fn lease_now(&self) -> Instant {
        self.seams().lease_clock().now()
    }

    /// What this machine's wall shows.
    pub fn wall_now(&self) -> WallTime {
        self.seams().wall_clock().wall_now()
    }
}
