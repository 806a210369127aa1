//! One run of an exhaustive search: a path is followed to its end, and every way that branches off behind it is noted.

use super::order::Ready;
use super::source::{Asked, Source};
use super::strategy::Bounds;

/// The decisions that lead to a branch, in the order in which they are taken.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Path {
    values: Vec<u32>,
    /// Events that need not be next: a run in which they were covers all that would follow (sleep sets: Godefroid,
    /// "Partial-order methods for the verification of concurrent systems", 1996). By number.
    asleep: Vec<u64>,
}

/// What a run of the search saw.
#[derive(Clone, Default, Debug)]
pub(crate) struct Trail {
    /// Ways that branch off, the last decision last.
    pub branches: Vec<Path>,
    /// A number for every state that the run came through behind its path.
    pub states: Vec<u64>,
    /// Another run covers the rest of this one, which says nothing.
    pub cut: bool,
    /// Decisions that were held at 0 although they have other values.
    pub held: u64,
}

/// The source of one run.
#[derive(Debug)]
pub(crate) struct Walk {
    bounds: Bounds,
    path: Path,
    /// Decisions of this run so far.
    taken: Vec<u32>,
    faults: u32,
    asleep: Vec<u64>,
    trail: Trail,
    /// What happened to each thing that events touch, and in which order; see [`Walk::happens`].
    things: Box<[u64; 128]>,
    /// What the present event touches.
    touched: u128,
    /// By the number of an event that happened: all that led to it, and what was decided in it.
    happened: Vec<u64>,
    present: Option<u64>,
}

/// Mixes two words well (the finalizer of SplitMix64: Steele, Lea and Flood, 2014).
const fn mix(a: u64, b: u64) -> u64 {
    let mut word = a.rotate_left(25) ^ b.wrapping_add(0x9e37_79b9_7f4a_7c15);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

impl Walk {
    pub(crate) fn new(bounds: Bounds, path: Path) -> Self {
        Self {
            bounds,
            path,
            taken: Vec::new(),
            faults: 0,
            asleep: Vec::new(),
            trail: Trail::default(),
            things: Box::new([0; 128]),
            touched: 0,
            happened: Vec::new(),
            present: None,
        }
    }

    /// What the run saw; leaves nothing behind.
    pub(crate) fn trail(&mut self) -> Trail {
        self.rest();
        std::mem::take(&mut self.trail)
    }

    /// The next decision of the path, until its end.
    fn told(&mut self) -> Option<u32> {
        let value = *self.path.values.get(self.taken.len())?;
        self.taken.push(value);
        if self.taken.len() == self.path.values.len() {
            self.asleep = std::mem::take(&mut self.path.asleep);
        }
        Some(value)
    }

    fn may_branch(&self) -> bool {
        self.taken.len() < self.bounds.depth as usize
    }

    fn branch(&mut self, value: u32, asleep: Vec<u64>) {
        let mut values = self.taken.clone();
        values.push(value);
        self.trail.branches.push(Path { values, asleep });
    }

    /// Leaves asleep what commutes with the event that happens.
    fn sift(&mut self, ready: &[Ready], which: usize) {
        let chosen = ready[which];
        let commutes = |born: &u64| ready.iter().any(|event| event.born == *born && event.commutes(&chosen));
        self.asleep.retain(commutes);
    }

    /// The order of what touches one thing is what a state consists of: two runs that differ only in the order of
    /// events which commute come through the same states.
    fn happens(&mut self, event: &Ready) {
        self.rest();
        let cause = self.happened.get(event.cause as usize).copied().filter(|_| event.cause != event.born);
        let name = mix(cause.unwrap_or(0), if cause.is_some() { event.nth } else { event.born });
        let before = self.seen(event.touches);
        let now = mix(mix(name, event.at_ns), before);
        let at = event.born as usize;
        if at >= self.happened.len() {
            self.happened.resize(at + 1, 0);
        }
        self.happened[at] = now;
        (self.present, self.touched) = (Some(event.born), event.touches);
    }

    /// What happened to some things, whatever their order.
    fn seen(&self, touches: u128) -> u64 {
        let bits = (0..128_u64).filter(|bit| touches & (1 << bit) != 0);
        bits.fold(0, |sum, bit| sum.wrapping_add(mix(bit, self.things[bit as usize])))
    }

    /// The present event is over.
    fn rest(&mut self) {
        let Some(born) = self.present.take() else { return };
        let word = self.happened[born as usize];
        (0..128).filter(|bit| self.touched & (1 << bit) != 0).for_each(|bit| self.things[bit] = word);
        if self.taken.len() >= self.path.values.len() {
            self.trail.states.push(self.seen(u128::MAX));
        }
    }

    fn decided(&mut self, value: u64) {
        if let Some(born) = self.present {
            let word = &mut self.happened[born as usize];
            *word = mix(*word, value);
        }
    }

    fn choose_next(&mut self, ready: &[Ready]) -> usize {
        if let Some(told) = self.told() {
            let which = (told as usize).min(ready.len() - 1);
            self.sift(ready, which);
            return which;
        }
        let awake: Vec<usize> =
            (0..ready.len()).filter(|at| !self.asleep.contains(&ready[*at].born)).collect();
        let Some((&first, others)) = awake.split_first() else {
            self.trail.cut = true;
            return 0;
        };
        if self.may_branch() {
            let mut asleep = self.asleep.clone();
            let mut before = first;
            for &other in others {
                if self.bounds.reduce {
                    asleep.push(ready[before].born);
                }
                self.branch(other as u32, asleep.clone());
                before = other;
            }
        } else if !others.is_empty() {
            self.trail.held += 1;
        }
        self.taken.push(first as u32);
        self.sift(ready, first);
        first
    }
}

impl Source for Walk {
    fn value(&mut self, asked: &Asked<'_>) -> u64 {
        let value = match self.told() {
            Some(told) => u64::from(told),
            None => {
                let fits = match asked.rate {
                    Some(_) => self.faults < self.bounds.faults,
                    None => asked.n <= u64::from(self.bounds.width) && self.may_branch(),
                };
                if fits && self.may_branch() {
                    let others = 1..asked.n as u32;
                    others.for_each(|other| self.branch(other, self.asleep.clone()));
                } else if asked.rate.is_none() || self.faults < self.bounds.faults {
                    self.trail.held += 1;
                }
                self.taken.push(0);
                0
            }
        };
        self.faults += u32::from(asked.rate.is_some() && value == 1);
        self.decided(value);
        value
    }

    fn next(&mut self, _: &Asked<'_>, ready: &[Ready]) -> usize {
        let which = self.choose_next(ready);
        if !self.trail.cut {
            self.happens(&ready[which]);
        }
        which
    }

    fn only(&mut self, ready: &Ready) {
        if self.asleep.contains(&ready.born) {
            self.trail.cut = true;
            return;
        }
        self.sift(std::slice::from_ref(ready), 0);
        self.happens(ready);
    }

    fn widened(&mut self) {
        self.asleep.clear();
        self.touched = u128::MAX;
    }

    fn is_over(&self) -> bool {
        self.trail.cut
    }
}
