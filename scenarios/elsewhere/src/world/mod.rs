//! The worlds: two hosts, a server and a client, and what can be done to them.

#[cfg(feature = "loopback")]
pub mod loopback;
#[cfg(all(feature = "madsim", madsim))]
pub mod madsim;
#[cfg(feature = "ours")]
pub mod ours;
#[cfg(feature = "turmoil")]
pub mod turmoil;

#[cfg(all(feature = "madsim", not(madsim)))]
compile_error!("build with RUSTFLAGS=\"--cfg madsim\": without it madsim runs in real time, on real sockets");

use tidemill_seam::Duration;

use crate::{Act, Board, Class};

/// How long a stream that opens waits for its peer, in every world.
pub const PATIENCE: Duration = Duration::from_secs(2);
/// What time passes in at a time, unless a step is long.
pub const SLICE: Duration = Duration::from_millis(1);
/// Why loopback cannot cut and lose.
pub const NO_LOSS: &str = "loopback loses nothing unless root has it do so";
/// Slices of an [outage](Act::Outage).
const OUTAGE: u32 = 300;
/// Slices after which nothing more is expected of a step.
const LIMIT: u32 = 30_000;

/// A world in which a step runs.
pub trait World {
    /// Lets a slice of time pass.
    fn pass(&mut self);

    /// Does something to the world.
    ///
    /// # Errors
    /// Why this world cannot.
    fn perform(&mut self, act: Act) -> Result<(), &'static str>;
}

/// What a world says to a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Told {
    /// It ended so.
    Ended(Class),
    /// This world cannot do what the step asks for: for this reason.
    Cannot(&'static str),
    /// It never ended.
    Hung,
}

/// Plays a step to its end.
pub fn play<A: Copy>(world: &mut impl World, board: &Board<A>) -> Told {
    let mut heal_after = None;
    for slice in 0..LIMIT {
        if let Some(class) = board.said() {
            return Told::Ended(class);
        }
        if heal_after == Some(slice) {
            world.perform(Act::Heal).expect("what can cut can heal");
        }
        if let Some(act) = board.asked() {
            if matches!(act, Act::Crash | Act::Restart) {
                board.forget_server();
            }
            let asked = if act == Act::Outage { Act::Cut } else { act };
            if let Err(why) = world.perform(asked) {
                return Told::Cannot(why);
            }
            if act == Act::Outage {
                heal_after = Some(slice + OUTAGE);
            }
            board.performed();
        }
        world.pass();
    }
    Told::Hung
}
