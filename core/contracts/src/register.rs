//! Laws Q1 to Q5, Q7 and Q8 of [`Register`]. Q6 promises nothing.

use crate::trial::Trial;
use crate::{Effort, Passed, Verdict, Violation};
use tidemill_seam::{ExchangeError, Exchanged, Reading, ReadingError, Register, Version};

/// A register under test, and its world.
pub trait Bench {
    /// The register.
    type Register: Register;

    /// How many handles there are; at least one.
    fn handles(&self) -> usize {
        1
    }

    /// One of the handles.
    fn handle(&mut self, which: usize) -> &mut Self::Register;

    /// Lets the world carry what is under way, for a bounded time.
    fn settle(&mut self) {}

    /// Loses the power of whatever keeps the value, and brings it back; `false` where this cannot be arranged.
    fn lose_power(&mut self) -> bool {
        false
    }
}

const LENGTH_MAX: usize = 1024;
const REMEMBERED: usize = 64;
const PATIENCE: u32 = 10_000;

/// Runs every law. `make` gives a fresh register without a value.
pub fn suite<B: Bench>(mut make: impl FnMut() -> B, effort: Effort) -> Verdict {
    let mut passed = Passed::default();
    for seed in 0x90..0x94 {
        passed.add(history(&mut make(), seed, effort.steps() / 8)?);
    }
    Ok(passed)
}

/// The last things of a kind, the oldest forgotten first.
struct Ring<T> {
    items: [T; REMEMBERED],
    next: usize,
}

impl<T: Copy + PartialEq> Ring<T> {
    fn new(blank: T) -> Self {
        Self { items: [blank; REMEMBERED], next: 0 }
    }

    fn push(&mut self, item: T) {
        self.items[self.next % REMEMBERED] = item;
        self.next += 1;
    }

    fn has(&self, item: T) -> bool {
        self.items[..self.next.min(REMEMBERED)].contains(&item)
    }

    fn is_full(&self) -> bool {
        self.next >= REMEMBERED
    }

    fn clear(&mut self) {
        self.next = 0;
    }

    fn iter(&self) -> impl Iterator<Item = T> + '_ {
        self.items[..self.next.min(REMEMBERED)].iter().copied()
    }
}

/// What the register may hold.
struct Model {
    version: Version,
    /// The number of the value that stands; `None` where one of `either` does.
    number: Option<u32>,
    either: Ring<u32>,
    /// Exchanges of unknown outcome that expected this version.
    maybe: Ring<u32>,
    /// Values that stood before, with their versions.
    stood: Ring<(Version, u32)>,
    /// Values that can never stand: refused, lost, or unknown until another version stood.
    dead: Ring<(u32, &'static str)>,
}

struct History<'b, B> {
    bench: &'b mut B,
    trial: Trial,
    model: Model,
    next: u32,
    capacity: usize,
}

fn history<B: Bench>(bench: &mut B, seed: u64, steps: u32) -> Verdict {
    let capacity = bench.handle(0).capacity();
    let model = Model {
        version: Version::NONE,
        number: None,
        either: Ring::new(0),
        maybe: Ring::new(0),
        stood: Ring::new((Version::NONE, 0)),
        dead: Ring::new((0, "")),
    };
    let mut history = History { bench, trial: Trial::new(seed), model, next: 1, capacity };
    history.trial.require("Q7", capacity >= 8, "a register of less than eight bytes is not judged here")?;
    for _ in 0..steps {
        history.step()?;
    }
    Ok(history.trial.passed())
}

/// The bytes of value number `number`.
fn write(number: u32, capacity: usize, into: &mut [u8; LENGTH_MAX + 1]) -> usize {
    let longest = capacity.min(LENGTH_MAX);
    let len = if number.is_multiple_of(7) { longest } else { 4 + (number as usize * 13) % (longest - 3) };
    into[..4].copy_from_slice(&number.to_le_bytes());
    for (at, byte) in into[4..len].iter_mut().enumerate() {
        *byte = (number.wrapping_mul(0x9E37_79B1) >> (at % 4 * 8)) as u8 ^ at as u8;
    }
    len
}

impl<B: Bench> History<'_, B> {
    fn step(&mut self) -> Result<(), Violation> {
        self.trial.next();
        let which = self.trial.dice.below(self.bench.handles() as u32) as usize;
        match self.trial.dice.below(16) {
            0..=6 => self.read(which),
            7..=10 => self.exchange(which, self.model.version),
            11 => self.exchange(which, Version(u64::MAX)),
            12 => {
                let older =
                    self.model.stood.iter().last().map_or(Version(u64::MAX - 1), |(version, _)| version);
                let other = if older == self.model.version { Version(u64::MAX) } else { older };
                self.exchange(which, other)
            }
            13 => self.oversize(which),
            14 => {
                self.bench.handle(which).watch(self.model.version);
                Ok(())
            }
            _ => {
                if self.trial.dice.one_in(4) {
                    self.bench.lose_power();
                } else {
                    self.bench.settle();
                }
                Ok(())
            }
        }
    }

    /// Calls until there is an answer.
    fn answer<T, E: PartialEq>(
        &mut self,
        which: usize,
        pending: E,
        mut call: impl FnMut(&mut B::Register) -> Result<T, E>,
    ) -> Result<Result<T, E>, Violation> {
        for _ in 0..PATIENCE {
            match call(self.bench.handle(which)) {
                Err(error) if error == pending => self.bench.settle(),
                answered => return Ok(answered),
            }
        }
        Err(self.trial.violation("Q7", "an answer never comes"))
    }

    fn read(&mut self, which: usize) -> Result<(), Violation> {
        let mut bytes = [0; LENGTH_MAX];
        let stale = self.bench.handle(which).reads_may_be_stale();
        match self.answer(which, ReadingError::Pending, |register| register.read(&mut bytes))? {
            Ok(Reading { version, len }) => self.judge(version, &bytes[..len.min(LENGTH_MAX)], stale),
            Err(ReadingError::Absent) => {
                let law = if stale { "Q5" } else { "Q1" };
                let none = self.model.version == Version::NONE;
                self.trial.require(law, none || stale, "a value that stands is called absent")
            }
            Err(ReadingError::Unavailable) => Ok(()),
            Err(ReadingError::Corrupt) => {
                Err(self.trial.violation("Q8", "an undamaged value is called damaged"))
            }
            Err(_) => Err(self.trial.violation("Q7", "a register that is there cannot be read")),
        }
    }

    fn judge(&mut self, version: Version, bytes: &[u8], stale: bool) -> Result<(), Violation> {
        let mut expected = [0; LENGTH_MAX + 1];
        let number = bytes.first_chunk::<4>().map_or(0, |number| u32::from_le_bytes(*number));
        let known = number > 0 && number < self.next;
        let len = if known { write(number, self.capacity, &mut expected) } else { 0 };
        let whole = known && bytes == &expected[..len];
        self.trial.require("Q8", whole, "a value is shown that nobody wrote")?;
        if let Some((_, law)) = self.model.dead.iter().find(|(dead, _)| *dead == number) {
            return Err(self.trial.violation(law, "a value stands that cannot"));
        }
        let (stands, law) = (self.model.version, if stale { "Q5" } else { "Q1" });
        if version > stands {
            let twice =
                self.model.number == Some(number) || self.model.stood.iter().any(|(_, n)| n == number);
            self.trial.require("Q4", !twice, "an exchange takes effect twice")?;
            let maybe = self.model.maybe.has(number);
            self.trial.require("Q1", maybe, "a value stands that nobody exchanged for the one before")?;
            return self.stands(version, number);
        }
        if version < stands {
            self.trial.require(law, stale, "a read gives an earlier value")?;
            let stood = self.model.stood.has((version, number));
            let unknown = self.model.stood.is_full() || !self.model.stood.iter().any(|(v, _)| v == version);
            return self.trial.require(law, stood || unknown, "a value is shown that never stood");
        }
        match self.model.number {
            Some(known) => self.trial.same("Q2", known, number, "one version names two values"),
            None => {
                let either = self.model.either.has(number);
                self.trial.require(
                    "Q1",
                    either,
                    "a value stands that nobody exchanged for the one before",
                )?;
                for other in self.model.either.iter().filter(|other| *other != number) {
                    self.model.dead.push((other, "Q4"));
                }
                self.model.number = Some(number);
                Ok(())
            }
        }
    }

    /// From here on this value stands, and the others that might have do not any more.
    fn stands(&mut self, version: Version, number: u32) -> Result<(), Violation> {
        if let Some(before) = self.model.number {
            self.model.stood.push((self.model.version, before));
        }
        for other in self.model.maybe.iter().filter(|other| *other != number) {
            self.model.dead.push((other, "Q4"));
        }
        self.model.maybe.clear();
        (self.model.version, self.model.number) = (version, Some(number));
        Ok(())
    }

    fn exchange(&mut self, which: usize, expected: Version) -> Result<(), Violation> {
        if self.model.maybe.is_full() {
            return self.read(which);
        }
        let mut value = [0; LENGTH_MAX + 1];
        let number = self.next;
        self.next += 1;
        let len = write(number, self.capacity, &mut value);
        let call = |register: &mut B::Register| register.exchange(expected, &value[..len]);
        let (stands, unsure) = (self.model.version, self.model.maybe.next > 0);
        match self.answer(which, ExchangeError::Pending, call)? {
            Ok(Exchanged::Won(version)) => {
                self.trial.require(
                    "Q2",
                    expected == stands,
                    "an exchange wins that expected another version",
                )?;
                self.trial.require("Q2", version > stands, "a later value has no greater version")?;
                self.stands(version, number)
            }
            Ok(Exchanged::Lost(version)) => {
                self.model.dead.push((number, "Q3"));
                if version == stands {
                    let lost = expected != stands;
                    return self.trial.require(
                        "Q2",
                        lost,
                        "an exchange loses although the expected version stands",
                    );
                }
                self.trial.require("Q2", version > stands, "an earlier version stands again")?;
                if !unsure {
                    // What stands there says whose fault it is.
                    self.read(which)?;
                    return Err(self
                        .trial
                        .violation("Q2", "a lost exchange is told a version that does not stand"));
                }
                if let Some(before) = self.model.number {
                    self.model.stood.push((stands, before));
                }
                (self.model.version, self.model.number) = (version, None);
                self.model.either.clear();
                self.model.maybe.iter().for_each(|number| self.model.either.push(number));
                self.model.maybe.clear();
                self.read(which)
            }
            Ok(Exchanged::Unknown) if expected == stands => {
                self.model.maybe.push(number);
                Ok(())
            }
            Ok(Exchanged::Unknown) => {
                self.model.dead.push((number, "Q4"));
                Ok(())
            }
            Err(ExchangeError::Unavailable) => {
                self.model.dead.push((number, "Q3"));
                Ok(())
            }
            Err(_) => Err(self.trial.violation("Q7", "a register that is there takes no exchange")),
        }
    }

    fn oversize(&mut self, which: usize) -> Result<(), Violation> {
        let capacity = self.capacity;
        if capacity > LENGTH_MAX {
            return Ok(());
        }
        let mut value = [0; LENGTH_MAX + 1];
        let number = self.next;
        self.next += 1;
        write(number, capacity, &mut value);
        self.model.dead.push((number, "Q3"));
        let expected = self.model.version;
        let call = |register: &mut B::Register| register.exchange(expected, &value[..capacity + 1]);
        let refused = self.answer(which, ExchangeError::Pending, call)?;
        let named = refused == Err(ExchangeError::TooLong { capacity });
        self.trial.require("Q3", named, "a value longer than the register holds is taken")
    }
}
