//! Stands at the door of a simulation: a test that reads a real clock, draws real randomness (a `HashMap`'s keys are
//! that, too) or spawns a thread fails, and the line that did it is named.
//!
//! ```
//! tidemill_sim_guard::guard!();
//! # fn main() {}
//! ```
//! The macro stands once in a test program, at its top. It links functions of the C library's names into the program, in
//! front of the library's: each looks whether the harness runs a simulation on this thread, and then does what the
//! library's does. Nothing changes outside of simulations, and no shipped program ever sees it.
//!
//! What can be caught so: `clock_gettime`, `gettimeofday`, `time`, `getrandom` (also where it is looked up by name),
//! `pthread_create`. What cannot: an address, and hash keys that the thread has had since before; these make two runs of
//! one seed differ, and `#[tidemill_sim::test]` runs the first seed twice.
//!
//! On systems other than Linux with glibc the macro does nothing.

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod door;

/// Guards the simulations of this program.
#[macro_export]
macro_rules! guard {
    () => {
        #[used]
        static TIDEMILL_SIM_GUARD: &$crate::Held = &$crate::HELD;
    };
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
mod door {
    /// Nothing to hold here.
    #[derive(Debug)]
    pub struct Held;
    /// Nothing to hold here.
    pub static HELD: Held = Held;
}

#[doc(hidden)]
pub use door::{HELD, Held};
