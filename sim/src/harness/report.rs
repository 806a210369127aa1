use super::Intrusion;
use crate::tape::Mark;
use crate::{Choice, Coverage, Failure, OverlayReport};

/// What one run was.
#[derive(Clone, Debug)]
pub struct Report {
    /// Its seed.
    pub seed: u64,
    /// How it failed, if it did.
    pub failure: Option<Failure>,
    /// The hash of every event.
    pub hash: u128,
    /// Virtual time that passed, in nanoseconds.
    pub virtual_ns: u64,
    /// Events.
    pub events: u64,
    /// Datagrams that were sent.
    pub messages: u64,
    /// What happened to them, and what was done to machines and processes, by name; every report has the same names.
    pub counts: Vec<(&'static str, u64)>,
    /// The hash after so many events, at a few points.
    pub marks: Vec<Mark>,
    /// The choices that were not zero, in the order in which they were taken, where the [`Trial`](super::Trial) asked
    /// for them, those that were with them where it asked for these too; otherwise nothing.
    pub choices: Vec<Choice>,
    /// What its claims came to.
    pub coverage: Coverage,
    /// What the run reached for outside of its simulation, where somebody stands at the door: `tidemill-sim-guard`.
    pub intrusion: Option<Intrusion>,
    /// What became of the pinned choices.
    pub overlay: OverlayReport,
}

/// Eight hexadecimal digits that stand for the failure's id, in file names and on tapes.
pub fn tag(failure: &Failure) -> String {
    format!("{:08x}", fnv(failure.id.as_bytes()))
}

/// FNV-1a, 32 bits (Fowler, Noll, Vo).
fn fnv(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}
