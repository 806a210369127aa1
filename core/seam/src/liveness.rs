use core::fmt;

/// Whether the holder of a claim lives, as far as can be proved.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Life {
    /// Somebody holds the claim.
    Alive,
    /// Nobody does, and who last did stores nothing more (P3).
    Dead,
    /// Nothing can be proved at this moment.
    Unknown,
}

/// Somebody else holds this claim.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Claimed;

/// Proof of life and of death among those who share a region: a claim that ends with its holder, however that ends.
///
/// A claim is a slot and a generation. Shared memory says who *was* there; this says who still is. On Linux it is a lock
/// that the kernel drops with the last descriptor of its owner; in the simulator the world knows; in one address space
/// it is a word, for nobody dies there alone.
///
/// # Laws
/// - **P1** *One holder.* Of all who ask for one claim at most one has it at a time; the others are told [`Claimed`].
/// - **P2** *For life.* A claim ends by [`release`](Self::release) or with its holder's death, and by nothing else: not by
///   time, a pause, a stop or a clock that jumps.
/// - **P3** *Proof.* [`Life::Dead`] is said only where nobody holds the claim, and where every store that its last holder
///   made before it ended is in the region and no later one will reach it. Who releases promises to store nothing more
///   under it.
/// - **P4** *Final.* What is dead stays dead until the same claim is made again.
/// - **P5** *Own eyes.* A holder that probes its own claim finds it alive.
/// - **P6** *No wait.* No call waits for another party.
/// - **P7** *In the end.* Where nothing fails for a while, a probe of a claim that ended says `Dead`. Before that it may say
///   `Unknown` or `Alive`, for as long as its world takes to notice.
pub trait Liveness {
    /// Takes the claim of `slot` and `generation`.
    ///
    /// # Errors
    /// [`Claimed`] where somebody has it, or where that cannot be ruled out.
    fn claim(&self, slot: u32, generation: u32) -> Result<(), Claimed>;

    /// Whether the holder of that claim lives. A claim that nobody ever made is `Dead`.
    fn probe(&self, slot: u32, generation: u32) -> Life;

    /// Gives the claim back. Nothing happens where the caller does not hold it.
    fn release(&self, slot: u32, generation: u32);
}

impl<L: Liveness + ?Sized> Liveness for &L {
    fn claim(&self, slot: u32, generation: u32) -> Result<(), Claimed> {
        (**self).claim(slot, generation)
    }
    fn probe(&self, slot: u32, generation: u32) -> Life {
        (**self).probe(slot, generation)
    }
    fn release(&self, slot: u32, generation: u32) {
        (**self).release(slot, generation);
    }
}

impl fmt::Display for Claimed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("somebody else holds this claim")
    }
}

impl core::error::Error for Claimed {}
