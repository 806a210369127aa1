//! Laws P1, P4, P5 and what P2, P3 and P7 say of claims that are given back, of [`Liveness`].
//!
//! That a claim ends with its holder, and that no store of it comes later (P3), shows only where parties die: each world
//! judges that in its own tests.

use crate::trial::Trial;
use crate::{Effort, Verdict, Violation};
use tidemill_seam::{Life, Liveness};

const SLOTS: [u32; 4] = [0, 1, 63, 64];
const GENERATIONS: [u32; 4] = [0, 1, 2, (1 << 25) - 1];

/// Who holds which claim: zero nobody, else the handle counted from one.
type Model = [[u32; GENERATIONS.len()]; SLOTS.len()];

/// Runs every law through two handles of one world, as two parties have them. `settle` lets the world notice what was given
/// back.
pub fn suite<A: Liveness, B: Liveness>(
    mut make: impl FnMut() -> (A, B),
    mut settle: impl FnMut(),
    effort: Effort,
) -> Verdict {
    let mut trial = Trial::new(0x80);
    let (one, other) = make();
    let mut model = Model::default();
    // A handle may hold several claims, but of one slot only one at a time.
    for _ in 0..effort.steps() / 10 {
        trial.next();
        let (which, slot) = (1 + trial.dice.below(2), trial.dice.below(SLOTS.len() as u32) as usize);
        let generation = trial.dice.below(GENERATIONS.len() as u32) as usize;
        let place = (slot, generation);
        if which == 1 {
            step(&mut trial, (&one, 1), place, &mut model)?;
        } else {
            step(&mut trial, (&other, 2), place, &mut model)?;
        }
        settle();
        look(&mut trial, (&one, 1), &model)?;
        look(&mut trial, (&other, 2), &model)?;
    }
    Ok(trial.passed())
}

fn step(
    trial: &mut Trial,
    (live, own): (&impl Liveness, u32),
    (slot, generation): (usize, usize),
    model: &mut Model,
) -> Result<(), Violation> {
    let (at, of) = (SLOTS[slot], GENERATIONS[generation]);
    if trial.dice.one_in(2) {
        live.release(at, of);
        let holder = &mut model[slot][generation];
        // What somebody else holds is not ours to give back.
        *holder = if *holder == own { 0 } else { *holder };
        return Ok(());
    }
    let claimed = live.claim(at, of).is_ok();
    let free = model[slot][generation] == 0;
    trial.require("P1", free || !claimed, "a claim that somebody holds is given to another")?;
    // A world may keep one claim a slot: who asks for a second is told that it cannot be ruled out.
    let alone = model[slot].iter().all(|holder| *holder == 0);
    trial.require("P4", claimed || !alone, "a claim of a slot in which nobody holds any is refused")?;
    if claimed {
        model[slot][generation] = own;
    }
    Ok(())
}

fn look(trial: &mut Trial, (live, own): (&impl Liveness, u32), model: &Model) -> Result<(), Violation> {
    for (slot, holders) in SLOTS.into_iter().zip(model) {
        for (generation, holder) in GENERATIONS.into_iter().zip(holders) {
            let life = live.probe(slot, generation);
            if *holder == own {
                trial.require("P5", life == Life::Alive, "a holder does not find its own claim alive")?;
            } else if *holder != 0 {
                trial.require("P2", life != Life::Dead, "a claim that somebody holds is said to be dead")?;
            } else {
                trial.require(
                    "P7",
                    life == Life::Dead,
                    "a claim that nobody holds is not said to be dead",
                )?;
            }
        }
    }
    Ok(())
}
