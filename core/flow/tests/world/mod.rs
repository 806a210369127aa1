//! What the tests share: a world with a hand-driven clock, and payloads that are counted.
#![allow(dead_code, unreachable_pub, clippy::allow_attributes, reason = "each test file uses its part of it")]

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tidemill_flow::{Caps, Edge, Header, Home, Payload, StaticPool, Token};
use tidemill_seam::{Clock, Epoch, Instant, Notify, PoolId, Woken};

pub const T0: Instant = Instant::ZERO;

/// So many, or enough of them for miri.
pub const fn many(n: u32) -> u32 {
    if cfg!(miri) { n / 40 } else { n }
}

/// A clock that jumps to whatever is waited for.
#[derive(Default)]
pub struct World {
    now: Cell<u64>,
    epoch: Cell<u32>,
    pub waits: Cell<u32>,
}

impl Clock for World {
    fn now(&self) -> Instant {
        Instant::from_nanos(self.now.get())
    }
}

impl Notify for World {
    fn epoch(&self) -> Epoch {
        Epoch(self.epoch.get())
    }
    fn wait(&self, seen: Epoch, until: Option<Instant>) -> Woken {
        self.waits.set(self.waits.get() + 1);
        if seen != self.epoch() {
            return Woken::Notified;
        }
        let until = until.expect("a wait without a deadline would last for ever in this world");
        self.now.set(self.now.get().max(until.as_nanos()));
        Woken::TimedOut
    }
    fn notify(&self) {
        self.epoch.set(self.epoch.get() + 1);
    }
}

/// Knows how many of its payloads live.
#[derive(Clone, Default)]
pub struct Ledger(Arc<AtomicU32>, Arc<AtomicU32>);

impl Ledger {
    pub fn make(&self, value: u32) -> Counted {
        self.0.fetch_add(1, Ordering::Relaxed);
        Counted { value, ledger: self.clone() }
    }
    pub fn born(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
    pub fn dropped(&self) -> u32 {
        self.1.load(Ordering::Relaxed)
    }
}

/// A payload that is born once and must die once.
pub struct Counted {
    pub value: u32,
    ledger: Ledger,
}

impl Payload for Counted {
    const MAX_BYTES: u32 = 4;
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.ledger.1.fetch_add(1, Ordering::Relaxed);
    }
}

/// A message of full weight.
pub fn token<'a, P: Payload>(home: &mut Home<'a, P>, sequence: u64, payload: P) -> Token<'a, P> {
    home.loan().expect("a slot is free").commit(Header::new(sequence, sequence, T0), || payload)
}

/// A list that a node fills and a test reads.
pub type Log<T> = Rc<std::cell::RefCell<Vec<T>>>;

pub type Pool<P> = StaticPool<P, 16, 4>;

pub fn pool<P: Payload>(id: u16) -> Pool<P> {
    StaticPool::new(PoolId(id))
}

pub fn wait<P: Payload>() -> Edge<P, 4> {
    Edge::new(Caps::wait(4))
}

pub fn log<T>() -> Log<T> {
    Rc::default()
}

pub fn counting(to: u32) -> impl FnMut() -> Option<u32> {
    let mut numbers = 0..to;
    move || numbers.next()
}

pub fn logging<P: Payload + Copy>(log: &Log<P>) -> impl FnMut(&P) + use<P> {
    let log = log.clone();
    move |value| log.borrow_mut().push(*value)
}
