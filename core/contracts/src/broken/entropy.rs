//! A seeded source that may be wrong.

use crate::Dice;
use core::cell::Cell;
use tidemill_seam::Entropy;

super::faults! {
    /// The last byte of an odd-sized buffer keeps what stood there.
    ForgetsTheOddByte => "N1",
    /// Only whole words are written.
    WholeWordsOnly => "N1",
    /// Every bit is zero.
    AllZero => "N1",
    /// The value 255 never comes.
    Never255 => "N2",
    /// Bytes count upwards.
    Counts => "N2",
    /// Each byte comes twice.
    Stutters => "N2",
    /// Both owners are dealt the same bits.
    Twins => "N2",
    /// Numbers below n are remainders.
    ModuloBias => "N2",
    /// Owners take turns at one stream.
    OneStream => "N3",
}

/// A world with two owners, and at most one fault.
#[derive(Debug)]
pub struct World {
    fault: Option<Fault>,
    shared: Cell<u64>,
}

/// One owner's handle.
#[derive(Debug)]
pub struct Handle<'w> {
    world: &'w World,
    dice: Dice,
    count: u8,
}

impl World {
    /// The world of one fixed seed.
    pub const fn new(fault: Option<Fault>) -> Self {
        Self { fault, shared: Cell::new(0) }
    }

    /// A fresh run of this world: the two owners' handles.
    pub fn pair(&self) -> (Handle<'_>, Handle<'_>) {
        self.shared.set(0);
        let second = if self.fault == Some(Fault::Twins) { 1 } else { 2 };
        (self.handle(1), self.handle(second))
    }

    fn handle(&self, owner: u64) -> Handle<'_> {
        Handle { world: self, dice: Dice::new(owner << 32), count: owner as u8 }
    }
}

impl Entropy for Handle<'_> {
    fn fill(&mut self, bytes: &mut [u8]) {
        let all = bytes.len();
        match self.world.fault {
            Some(Fault::ForgetsTheOddByte) => self.dice.fill(&mut bytes[..all & !1]),
            Some(Fault::WholeWordsOnly) => self.dice.fill(&mut bytes[..all & !3]),
            Some(Fault::AllZero) => bytes.fill(0),
            Some(Fault::Never255) => {
                self.dice.fill(bytes);
                bytes.iter_mut().for_each(|byte| *byte = (*byte).min(254));
            }
            Some(Fault::Counts) => bytes.iter_mut().for_each(|byte| {
                self.count = self.count.wrapping_add(1);
                *byte = self.count;
            }),
            Some(Fault::Stutters) => {
                self.dice.fill(bytes);
                bytes.chunks_exact_mut(2).for_each(|two| two[1] = two[0]);
            }
            Some(Fault::OneStream) => {
                let turn = self.world.shared.get();
                self.world.shared.set(turn + 1);
                Dice::new(turn << 20).fill(bytes);
            }
            _ => self.dice.fill(bytes),
        }
    }

    fn below(&mut self, n: u32) -> u32 {
        if self.world.fault == Some(Fault::ModuloBias) {
            return (self.dice.roll() >> 32) as u32 % n;
        }
        self.dice.below(n)
    }
}
