//! Who lives, as proof: claims on an arena, which end with their process.
//!
//! The world knows who is dead. Shipped code learns of it by a probe only, and where [`Arena::doubt`] says so the probe cannot
//! tell for a while: `Unknown` is always allowed.

use std::rc::Rc;

use tidemill_seam::{Claimed, Clock, Instant, Life, Liveness};

use super::{Arena, Mapping};
use crate::choice::Rate;
use crate::seams::SeamsInner;

pub(super) struct Claim {
    slot: u32,
    generation: u32,
    holder: Rc<SeamsInner>,
}

/// The claims of an arena, as one process makes and probes them. A clone is the same holder.
///
/// A claim ends by release or with the process, at the very store that it dies at; whatever it stored is visible by then.
#[derive(Clone, Debug)]
pub struct SimLiveness(Mapping);

impl Mapping {
    /// Claims on the arena that this maps, in the name of its process.
    pub fn liveness(&self) -> SimLiveness {
        SimLiveness(self.clone())
    }
}

impl Arena {
    /// From now on a probe of a claim that ended may say that nothing can be proved. Kind of choice, by the arena:
    /// `probe-unknown`.
    pub fn doubt(&self, rate: Rate) {
        self.0.doubt.set(rate);
    }

    /// Claims whose holders live.
    pub fn claims(&self) -> usize {
        self.0.claims.borrow().iter().filter(|claim| claim.holder.alive.get()).count()
    }
}

impl Liveness for SimLiveness {
    fn claim(&self, slot: u32, generation: u32) -> Result<(), Claimed> {
        let holder = self.0.owner();
        let mut claims = self.0.arena().0.claims.borrow_mut();
        claims.retain(|claim| claim.holder.alive.get());
        let taken = claims.iter().any(|claim| (claim.slot, claim.generation) == (slot, generation));
        if taken || !holder.alive.get() {
            return Err(Claimed);
        }
        claims.push(Claim { slot, generation, holder: Rc::clone(holder) });
        Ok(())
    }

    fn probe(&self, slot: u32, generation: u32) -> Life {
        let arena = self.0.arena();
        let claims = arena.0.claims.borrow();
        let lives =
            |claim: &Claim| (claim.slot, claim.generation) == (slot, generation) && claim.holder.alive.get();
        if claims.iter().any(lives) {
            return Life::Alive;
        }
        let doubt = arena.0.doubt.get();
        let unknown = arena.decide(self.0.owner(), |choices, stream| {
            Some(choices.chance_by(stream, "probe-unknown", doubt))
        });
        if unknown == Some(true) { Life::Unknown } else { Life::Dead }
    }

    fn release(&self, slot: u32, generation: u32) {
        let holder = self.0.owner();
        let own = |claim: &Claim| {
            (claim.slot, claim.generation) == (slot, generation) && Rc::ptr_eq(&claim.holder, holder)
        };
        self.0.arena().0.claims.borrow_mut().retain(|claim| !own(claim));
    }
}

/// The clock of the machine that its process runs on.
impl Clock for SimLiveness {
    fn now(&self) -> Instant {
        self.0.owner().now()
    }
}
