//! Laws N1 to N3 of [`Entropy`].
//!
//! N2 is judged by chi-squared sums with limits ten standard deviations away: a fair source fails once in 10^12 runs.

use crate::trial::Trial;
use crate::{Effort, Verdict, Violation};
use tidemill_seam::Entropy;

/// Where the bits come from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bits {
    /// From a seed: a fresh pair repeats the bits of the pair before it.
    Seeded,
    /// From hardware or the operating system: nothing repeats.
    Physical,
}

const LONGEST: usize = 67;
const CELLS: usize = 256;

/// Runs every law. `pair` makes a fresh world, the same each time where the bits are seeded, and gives two owners'
/// handles of it.
pub fn suite<E: Entropy>(mut pair: impl FnMut() -> (E, E), bits: Bits, effort: Effort) -> Verdict {
    let mut passed = writes_every_byte(&mut pair().0)?;
    passed.add(owners(&mut pair, bits)?);
    passed.add(fair(&mut pair, effort)?);
    Ok(passed)
}

/// N1: no byte of any length of buffer keeps what stood there.
pub fn writes_every_byte(source: &mut impl Entropy) -> Verdict {
    let mut trial = Trial::new(0x41);
    for len in 0..=LONGEST {
        trial.next();
        for before in [0x00, 0xFF] {
            let mut untouched = [true; LONGEST];
            let mut beyond = true;
            // A byte that is written keeps its value by chance with probability 2^-96 over twelve fills.
            for _ in 0..12 {
                let mut bytes = [before; LONGEST + 1];
                source.fill(&mut bytes[..len]);
                for (kept, byte) in untouched.iter_mut().zip(&bytes[..len]) {
                    *kept &= *byte == before;
                }
                beyond &= bytes[len..].iter().all(|byte| *byte == before);
            }
            let all = untouched[..len].iter().all(|kept| !kept);
            trial.require("N1", all && beyond, "a byte of the buffer is not written")?;
        }
    }
    Ok(trial.passed())
}

/// N3 where seeded: a draw by one owner never changes what another one sees. Everywhere: two owners see different bits.
pub fn owners<E: Entropy>(mut pair: impl FnMut() -> (E, E), bits: Bits) -> Verdict {
    let mut trial = Trial::new(0x43);
    for _ in 0..16 {
        trial.next();
        let [mut one, mut two] = [[0; 16]; 2];
        let (mut here, mut there) = pair();
        here.fill(&mut one);
        there.fill(&mut two);
        trial.require("N2", one != two, "two owners draw the same bytes")?;
        let (mut alone, _idle) = pair();
        let (mut here, mut there) = pair();
        let [mut quiet, mut busy] = [[0; 64]; 2];
        for at in (0..64).step_by(8) {
            alone.fill(&mut quiet[at..at + 8]);
            for _ in 0..trial.dice.below(3) {
                there.fill(&mut [0; 5]);
            }
            here.fill(&mut busy[at..at + 8]);
        }
        match bits {
            Bits::Seeded => {
                trial.require("N3", quiet == busy, "another owner's draws change what this one sees")?
            }
            Bits::Physical => trial.require("N2", quiet != busy, "a fresh source repeats an earlier one")?,
        }
    }
    Ok(trial.passed())
}

/// N2: byte values, neighbours and bounded numbers are as frequent as chance has it.
pub fn fair<E: Entropy>(mut pair: impl FnMut() -> (E, E), effort: Effort) -> Verdict {
    let mut trial = Trial::new(0x42);
    let (mut source, mut other) = pair();
    let mut values = [0_u32; CELLS];
    each_byte(&mut source, effort, |byte| values[usize::from(byte)] += 1);
    even(&mut trial, &values, "some byte values are more likely than others")?;
    for lag in [1, 2, 3, 4, 8, 16, 32] {
        trial.next();
        let mut pairs = [0_u32; CELLS];
        let (mut recent, mut at) = ([0_u8; 32], 0_usize);
        each_byte(&mut source, effort, |byte| {
            let earlier = recent[(at + 32 - lag) % 32];
            pairs[usize::from((earlier & 0x0F) << 4 | byte >> 4)] += 1;
            recent[at] = byte;
            at = (at + 1) % 32;
        });
        even(&mut trial, &pairs, "a byte tells something about a later one")?;
    }
    // A remainder of 2^32 by 3 * 2^30 would hit the first third twice as often.
    for n in [1, 3, 6, 1 << 31, 3 << 30, u32::MAX] {
        trial.next();
        let mut thirds = [0_u32; 3];
        for _ in 0..effort.steps() {
            let number = other.below(n);
            trial.require("N2", number < n, "a number below n is not below n")?;
            thirds[(u64::from(number) * 3 / u64::from(n)) as usize] += 1;
        }
        if n % 3 == 0 {
            even(&mut trial, &thirds, "some numbers below n are more likely than others")?;
        }
    }
    Ok(trial.passed())
}

fn each_byte(source: &mut impl Entropy, effort: Effort, mut see: impl FnMut(u8)) {
    let mut bytes = [0; 40];
    for _ in 0..effort.steps().max(2_048).div_ceil(8) {
        source.fill(&mut bytes);
        bytes.iter().copied().for_each(&mut see);
    }
}

/// Chi-squared over equally likely cells: mean `cells - 1`, variance twice that; neither too uneven nor too even.
fn even(trial: &mut Trial, counts: &[u32], what: &'static str) -> Result<(), Violation> {
    let (cells, total) = (counts.len() as u64, counts.iter().map(|n| u64::from(*n)).sum::<u64>());
    let squares = counts.iter().map(|n| u64::from(*n) * u64::from(*n)).sum::<u64>();
    let sum = (squares * cells).saturating_sub(total * total) / total;
    let freedom = cells - 1;
    let far = 10 * (2 * freedom).isqrt();
    // At forty a cell, one stays empty by chance with probability 10^-15.
    let reached = total < 40 * cells || counts.iter().all(|n| *n > 0);
    let within = reached && sum <= freedom + far.max(60) && sum >= freedom.saturating_sub(far);
    trial.require("N2", within, what)
}
