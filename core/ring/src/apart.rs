use crate::local::Local;
use tidemill_seam::{Claimed, Life, Liveness};

/// Claims of one party among others that it cannot see: firmware beside the process that shares its memory.
///
/// Its own claims are as those of a [`Local`]. Of every other one nothing can be proved, so nobody else is ever taken for
/// dead: a place that somebody left without a word is kept until its owner is back. Keeps the laws of [`Liveness`] but for
/// P7, and P1 among those only who share it.
#[derive(Debug, Default)]
pub struct Apart(Local);

impl Apart {
    /// Nobody here holds anything.
    #[cfg(not(feature = "loom"))]
    pub const fn new() -> Self {
        Self(Local::new())
    }
}

impl Liveness for Apart {
    fn claim(&self, slot: u32, generation: u32) -> Result<(), Claimed> {
        self.0.claim(slot, generation)
    }

    fn probe(&self, slot: u32, generation: u32) -> Life {
        match self.0.probe(slot, generation) {
            Life::Alive => Life::Alive,
            Life::Dead | Life::Unknown => Life::Unknown,
        }
    }

    fn release(&self, slot: u32, generation: u32) {
        self.0.release(slot, generation);
    }
}

#[cfg(all(test, not(any(feature = "loom", feature = "shuttle"))))]
mod tests {
    use super::Apart;
    use tidemill_seam::{Claimed, Life, Liveness};

    // RING-DEATH: whoever cannot see the others takes nobody for dead.
    #[test]
    fn nobody_is_taken_for_dead_by_who_cannot_see_them() {
        let (here, there) = (Apart::new(), Apart::new());
        assert_eq!((here.claim(1, 2), here.claim(1, 2)), (Ok(()), Err(Claimed)));
        assert_eq!((here.probe(1, 2), there.probe(1, 2)), (Life::Alive, Life::Unknown));
        here.release(1, 2);
        assert_eq!((here.probe(1, 2), here.probe(3, 4)), (Life::Unknown, Life::Unknown));
    }
}
