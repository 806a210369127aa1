//! Claims that two parties of one address space share, and that may be wrong.

use core::cell::Cell;
use tidemill_seam::{Claimed, Life, Liveness};

super::faults! {
    /// A claim that somebody holds is given to whoever asks.
    TwoHolders => "P1",
    /// A probe by another party finds nobody.
    SeesItselfOnly => "P2",
    /// Whoever asks about another generation of a slot is told of the one that is held: the holder as well.
    ForgetsGenerations => "P7",
    /// What was given back is never free again.
    KeepsForEver => "P7",
    /// What was given back is dead, and cannot be claimed again.
    DeadForGood => "P4",
    /// Asks about other holders only, as a lock of the operating system does.
    BlindToItself => "P5",
    /// Anybody may give a claim back.
    ReleasesForOthers => "P2",
}

const CLAIMS: usize = 16;

/// A slot, a generation and the party that holds them; or nobody does.
type Place = Cell<Option<(u32, u32, u32)>>;

/// Who holds what. At most sixteen claims at a time.
#[derive(Debug, Default)]
pub struct World {
    fault: Option<Fault>,
    held: [Place; CLAIMS],
    once: Cell<bool>,
}

/// A party of the world.
#[derive(Debug)]
pub struct Party<'w> {
    world: &'w World,
    own: u32,
}

impl World {
    /// Nobody holds anything.
    pub fn new(fault: Option<Fault>) -> Self {
        Self { fault, ..Self::default() }
    }

    /// The party of that number.
    pub fn party(&self, own: u32) -> Party<'_> {
        Party { world: self, own }
    }

    fn find(&self, slot: u32, generation: u32) -> Option<(&Place, u32)> {
        let blurred = self.fault == Some(Fault::ForgetsGenerations);
        self.held.iter().find_map(|cell| {
            let (at, of, own) = cell.get()?;
            (at == slot && (blurred || of == generation)).then_some((cell, own))
        })
    }
}

impl Liveness for Party<'_> {
    fn claim(&self, slot: u32, generation: u32) -> Result<(), Claimed> {
        let world = self.world;
        let refused = match world.fault {
            Some(Fault::TwoHolders) => false,
            Some(Fault::DeadForGood) => world.once.get() || world.find(slot, generation).is_some(),
            _ => world.find(slot, generation).is_some(),
        };
        let free = world.held.iter().find(|cell| cell.get().is_none());
        match free {
            Some(cell) if !refused => {
                cell.set(Some((slot, generation, self.own)));
                Ok(())
            }
            _ => Err(Claimed),
        }
    }

    fn probe(&self, slot: u32, generation: u32) -> Life {
        let found = self.world.find(slot, generation).map(|(_, own)| own == self.own);
        match (found, self.world.fault) {
            (Some(false), Some(Fault::SeesItselfOnly)) | (Some(true), Some(Fault::BlindToItself)) => {
                Life::Dead
            }
            (found, _) => {
                if found.is_some() {
                    Life::Alive
                } else {
                    Life::Dead
                }
            }
        }
    }

    fn release(&self, slot: u32, generation: u32) {
        let world = self.world;
        let Some((cell, own)) = world.find(slot, generation) else { return };
        let for_others = world.fault == Some(Fault::ReleasesForOthers);
        if world.fault != Some(Fault::KeepsForEver) && (own == self.own || for_others) {
            cell.set(None);
            world.once.set(true);
        }
    }
}
