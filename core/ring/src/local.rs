use crate::layout::Layout;
use crate::sync::{AtomicU32, Ordering};
use tidemill_seam::{Claimed, Life, Liveness};

/// Those of several producers only where there can be any (G9).
const CLAIMS: usize = if cfg!(target_has_atomic = "64") { Layout::CLAIMS } else { Layout::POSTS } as usize;

/// Claims within one address space, where nobody dies alone: whoever holds one lives until it gives it back.
///
/// Shared by reference. A claim that nobody can give back any more, because its holder was forgotten, stands for ever.
#[derive(Debug)]
pub struct Local {
    /// Zero, or the generation that is held plus one.
    claims: [AtomicU32; CLAIMS],
}

impl Local {
    /// Nobody holds anything.
    #[cfg(not(feature = "loom"))]
    pub const fn new() -> Self {
        Self { claims: [const { AtomicU32::new(0) }; CLAIMS] }
    }

    /// Nobody holds anything. Not `const`: a model's atomics are born inside the model.
    #[cfg(feature = "loom")]
    pub fn new() -> Self {
        Self { claims: core::array::from_fn(|_| AtomicU32::new(0)) }
    }

    fn claim_of(&self, slot: u32) -> Option<&AtomicU32> {
        self.claims.get(slot as usize)
    }
}

impl Default for Local {
    fn default() -> Self {
        Self::new()
    }
}

impl Liveness for Local {
    fn claim(&self, slot: u32, generation: u32) -> Result<(), Claimed> {
        let claim = self.claim_of(slot).ok_or(Claimed)?;
        // AcqRel: pairs with itself in `release`: what the last holder did is seen by the next.
        let taken = claim.compare_exchange(0, generation + 1, Ordering::AcqRel, Ordering::Acquire);
        taken.map(|_| ()).map_err(|_| Claimed)
    }

    fn probe(&self, slot: u32, generation: u32) -> Life {
        // Acquire: pairs with `release`: every store of who let go is seen behind its end (P3).
        let held = self.claim_of(slot).map(|claim| claim.load(Ordering::Acquire));
        if held == Some(generation + 1) { Life::Alive } else { Life::Dead }
    }

    fn release(&self, slot: u32, generation: u32) {
        if let Some(claim) = self.claim_of(slot) {
            // Fails where somebody else holds it, and so it should.
            let _ = claim.compare_exchange(generation + 1, 0, Ordering::AcqRel, Ordering::Acquire);
        }
    }
}
