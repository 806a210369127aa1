use core::sync::atomic::{AtomicU32, Ordering};
use tidemill_flow::Payload;

/// Deaths of payloads: how many, and whose.
///
/// One thread at a time drops payloads, so loads and stores are enough.
#[derive(Debug, Default)]
pub struct Ledger {
    deaths: AtomicU32,
    digest: AtomicU32,
}

/// A payload that knows its number, has a length that follows from it, and enters its death in a ledger.
#[derive(Debug)]
pub struct Cargo {
    number: u32,
    seal: u32,
    ledger: &'static Ledger,
}

fn mix(number: u32) -> u32 {
    (number ^ number >> 15).wrapping_mul(0x2C1B_3C6D) ^ 0x85EB_CA6B
}

impl Ledger {
    /// Nobody has died.
    pub const fn new() -> Self {
        Self { deaths: AtomicU32::new(0), digest: AtomicU32::new(0) }
    }

    /// How many have died, and a sum over who.
    pub(crate) fn deaths(&self) -> (u32, u32) {
        // Relaxed, twice: figures; they order nothing.
        (self.deaths.load(Ordering::Relaxed), self.digest.load(Ordering::Relaxed))
    }

    /// What [`deaths`](Self::deaths) says after one more.
    pub(crate) fn after((deaths, digest): (u32, u32), number: u32) -> (u32, u32) {
        (deaths.wrapping_add(1), digest.wrapping_add(mix(number)))
    }

    fn enter(&self, number: u32) {
        let (deaths, digest) = Self::after(self.deaths(), number);
        // Relaxed, twice: one thread at a time.
        self.deaths.store(deaths, Ordering::Relaxed);
        self.digest.store(digest, Ordering::Relaxed);
    }
}

impl Cargo {
    /// The longest cargo, in bytes.
    pub const LONGEST: u32 = 40;

    pub(crate) fn new(number: u32, ledger: &'static Ledger) -> Self {
        Self { number, seal: mix(number), ledger }
    }

    pub(crate) const fn number(&self) -> u32 {
        self.number
    }

    pub(crate) const fn ledger(&self) -> &'static Ledger {
        self.ledger
    }

    /// Whether this is the cargo of that number, whole.
    pub(crate) fn is(&self, number: u32) -> bool {
        self.number == number && self.seal == mix(number)
    }

    /// Makes it the cargo of another number, in place.
    pub(crate) fn relabel(&mut self, number: u32) {
        self.number = number;
        self.seal = mix(number);
    }
}

impl Payload for Cargo {
    const MAX_BYTES: u32 = Self::LONGEST;

    fn bytes(&self) -> u32 {
        self.number % (Self::LONGEST + 1)
    }
}

impl Drop for Cargo {
    fn drop(&mut self) {
        self.ledger.enter(self.number);
    }
}
