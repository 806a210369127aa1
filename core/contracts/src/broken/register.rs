//! A register that may be wrong, with two handles.

use crate::register::Bench;
use core::cell::RefCell;
use tidemill_seam::{ExchangeError, Exchanged, Reading, ReadingError, Register, Version};

super::faults! {
    /// Every 31st value that won is not written.
    WinsWithoutWriting => "Q2",
    /// The second handle reads the value before, and declares nothing.
    LagsInSecret => "Q1",
    /// A value that stands is called absent at every 29th read.
    Forgets => "Q1",
    /// A loss of power takes the last value.
    LosesTheLast => "Q2",
    /// Every 17th exchange wins, whatever it expected.
    AlwaysWins => "Q2",
    /// Every 23rd exchange loses for no reason.
    LosesForNothing => "Q2",
    /// A new value keeps the version of the one before.
    KeepsTheVersion => "Q2",
    /// A lost exchange is told what it expected.
    EchoesTheExpected => "Q2",
    /// A lost exchange writes all the same, under the version that stands.
    WritesOnLoss => "Q3",
    /// A value that is too long is cut to what fits.
    CutsTheLong => "Q3",
    /// A refused exchange is written.
    RefusesAndWrites => "Q3",
    /// An exchange of unknown outcome happens twice, the second time over whatever stands.
    UnknownTwice => "Q4",
    /// An exchange of unknown outcome that expected another version happens.
    UnknownAnyway => "Q4",
    /// A stale read gives an earlier version with the present value.
    MixesTheStale => "Q5",
    /// The answer to the 20th read never comes.
    NeverAnswers => "Q7",
    /// A value shorter than the one before it keeps the other's end.
    KeepsTheEnd => "Q8",
    /// Every 37th read gives an empty value.
    Blanks => "Q8",
}

const CAPACITY: usize = 64;

#[derive(Clone, Copy, Debug)]
struct Value {
    version: Version,
    len: usize,
    bytes: [u8; CAPACITY],
}

#[derive(Debug)]
struct Inner {
    fault: Option<Fault>,
    now: Value,
    before: Value,
    waiting: Option<Value>,
    reads: u32,
    exchanges: u32,
    pending: bool,
}

/// A world with one register, and at most one fault. Every seventh exchange is of unknown outcome, every third answer comes
/// late.
#[derive(Debug)]
pub struct World(RefCell<Inner>);

/// A handle.
#[derive(Clone, Copy, Debug)]
pub struct Handle<'w> {
    world: &'w World,
    second: bool,
}

/// Both handles.
#[derive(Debug)]
pub struct Pair<'w>([Handle<'w>; 2]);

impl World {
    /// A world whose register has no value.
    pub const fn new(fault: Option<Fault>) -> Self {
        let none = Value { version: Version::NONE, len: 0, bytes: [0; CAPACITY] };
        let (now, before, waiting) = (none, none, None);
        Self(RefCell::new(Inner { fault, now, before, waiting, reads: 0, exchanges: 0, pending: false }))
    }

    /// Its handles.
    pub const fn pair(&self) -> Pair<'_> {
        Pair([Handle { world: self, second: false }, Handle { world: self, second: true }])
    }
}

impl Inner {
    fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    /// Whether this call is the first of two: some answers come late.
    fn waits(&mut self, count: u32) -> bool {
        self.pending = !self.pending && count.is_multiple_of(3);
        self.pending
    }

    fn put(&mut self, value: &[u8]) -> Version {
        let kept =
            self.has(Fault::KeepsTheVersion) && self.now.version.0.is_multiple_of(8) && self.now.len > 0;
        let version = Version(self.now.version.0 + u64::from(!kept));
        self.before = self.now;
        let mut next = Value { version, len: value.len(), bytes: self.now.bytes };
        next.bytes[..value.len()].copy_from_slice(value);
        if self.has(Fault::KeepsTheEnd) {
            next.len = next.len.max(self.now.len);
        }
        let skipped = self.has(Fault::WinsWithoutWriting) && self.exchanges.is_multiple_of(31);
        if skipped {
            self.now.version = version
        } else {
            self.now = next
        }
        version
    }

    fn exchange(&mut self, expected: Version, value: &[u8]) -> Result<Exchanged, ExchangeError> {
        let stands = self.now.version;
        let matches = stands == expected;
        if self.exchanges.is_multiple_of(11) {
            if self.has(Fault::RefusesAndWrites) && matches {
                self.put(value);
            }
            return Err(ExchangeError::Unavailable);
        }
        if self.exchanges.is_multiple_of(7) {
            // Half of them happen, a quarter happens later, the others never.
            let happens =
                (matches && self.exchanges.is_multiple_of(2)) || (self.has(Fault::UnknownAnyway) && !matches);
            if happens {
                self.put(value);
            } else if matches && self.exchanges.is_multiple_of(3) {
                self.waiting = Some(self.later(expected, value));
            }
            if self.has(Fault::UnknownTwice) && happens {
                self.waiting = Some(self.later(Version(u64::MAX), value));
            }
            return Ok(Exchanged::Unknown);
        }
        let wrong = self.has(Fault::LosesForNothing) && self.exchanges.is_multiple_of(23);
        if (matches && !wrong) || (self.has(Fault::AlwaysWins) && self.exchanges.is_multiple_of(17)) {
            return Ok(Exchanged::Won(self.put(value)));
        }
        if self.has(Fault::WritesOnLoss) {
            self.now.bytes[..value.len()].copy_from_slice(value);
            self.now.len = value.len();
        }
        Ok(Exchanged::Lost(if self.has(Fault::EchoesTheExpected) { expected } else { stands }))
    }

    fn later(&self, expected: Version, value: &[u8]) -> Value {
        let mut later = Value { version: expected, len: value.len(), bytes: [0; CAPACITY] };
        later.bytes[..value.len()].copy_from_slice(value);
        later
    }

    /// What waited happens, if the version that it expected still stands.
    fn settle(&mut self) {
        let Some(value) = self.waiting else { return };
        let twice = value.version == Version(u64::MAX);
        if value.version == self.now.version || (twice && self.now.version.0.is_multiple_of(3)) {
            self.put(&value.bytes[..value.len]);
        }
        if !twice || self.now.version.0.is_multiple_of(3) {
            self.waiting = None;
        }
    }
}

impl Register for Handle<'_> {
    fn capacity(&self) -> usize {
        CAPACITY
    }

    fn reads_may_be_stale(&self) -> bool {
        self.second && self.world.0.borrow().has(Fault::MixesTheStale)
    }

    fn read(&mut self, into: &mut [u8]) -> Result<Reading, ReadingError> {
        let inner = &mut *self.world.0.borrow_mut();
        if inner.has(Fault::NeverAnswers) && inner.reads == 19 {
            return Err(ReadingError::Pending);
        }
        if !inner.pending {
            inner.reads += 1;
        }
        if inner.waits(inner.reads) {
            return Err(ReadingError::Pending);
        }
        let mut value = inner.now;
        match inner.fault {
            Some(Fault::LagsInSecret) if self.second => value = inner.before,
            Some(Fault::MixesTheStale) if self.second => value.version = inner.before.version,
            Some(Fault::Forgets) if inner.reads.is_multiple_of(29) => return Err(ReadingError::Absent),
            Some(Fault::Blanks) if inner.reads.is_multiple_of(37) && value.len > 0 => value.len = 0,
            _ => {}
        }
        if value.version == Version::NONE {
            return Err(ReadingError::Absent);
        }
        let len = value.len;
        into.get_mut(..len).ok_or(ReadingError::Truncated { len })?.copy_from_slice(&value.bytes[..len]);
        Ok(Reading { version: value.version, len })
    }

    fn exchange(&mut self, expected: Version, value: &[u8]) -> Result<Exchanged, ExchangeError> {
        let inner = &mut *self.world.0.borrow_mut();
        let mut value = value;
        if value.len() > CAPACITY {
            if !inner.has(Fault::CutsTheLong) {
                return Err(ExchangeError::TooLong { capacity: CAPACITY });
            }
            value = &value[..CAPACITY];
        }
        if !inner.pending {
            inner.exchanges += 1;
        }
        if inner.waits(inner.exchanges) {
            return Err(ExchangeError::Pending);
        }
        inner.exchange(expected, value)
    }

    fn watch(&mut self, seen: Version) -> bool {
        self.world.0.borrow().now.version > seen
    }
}

impl<'w> Bench for Pair<'w> {
    type Register = Handle<'w>;

    fn handles(&self) -> usize {
        2
    }

    fn handle(&mut self, which: usize) -> &mut Handle<'w> {
        &mut self.0[which]
    }

    fn settle(&mut self) {
        self.0[0].world.0.borrow_mut().settle();
    }

    fn lose_power(&mut self) -> bool {
        let inner = &mut *self.0[0].world.0.borrow_mut();
        if inner.has(Fault::LosesTheLast) {
            inner.now = inner.before;
        }
        true
    }
}
