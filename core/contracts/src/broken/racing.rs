//! A ring and an edge that are right on one thread and may be wrong on two (feature `std`).

use crate::edge::{EdgeRx, EdgeTx, Item};
use crate::ring::{RingConsumer, RingProducer};
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::yield_now;
use tidemill_flow::{Bounce, Caps, Cause, Level, Load, Policy};
use tidemill_seam::Instant;

super::faults! {
    /// B24 to the letter: the cursor is shown before the entry is written.
    ShowsBeforeItWrites => "E25",
    /// B25: the slot is given back before the entry is read.
    FreesBeforeItReads => "E25",
    /// The producer looks at the consumer's cursor, and believes it one further.
    GuessesRoom => "E25",
    /// B22: decides to throw away the oldest, and later throws away what is the oldest by then: the newest, if need be.
    EvictsOnASecondLook => "E25",
    /// A pop looks at the oldest item, and later takes whatever is the oldest by then.
    PopsOnASecondLook => "E25",
    /// What was shown can be thrown away by the other end.
    ShownIsNotOwned => "E25",
    /// An eviction is reported only if the consumer has not looked meanwhile.
    ForgetsEvictions => "E25",
}

const SLOTS: usize = 16;

/// A ring of up to 16 entries of two words.
#[derive(Debug)]
pub struct Ring {
    fault: Option<Fault>,
    capacity: u32,
    slots: [[AtomicU32; 2]; SLOTS],
    tail: AtomicU32,
    done: AtomicU32,
}

/// The half that pushes.
#[derive(Debug)]
pub struct Producer<'r>(&'r Ring);

/// The half that pops.
#[derive(Debug)]
pub struct Consumer<'r>(&'r Ring);

impl Ring {
    /// A ring of a power of two of entries, up to 16.
    pub fn new(capacity: u32, start: u32, fault: Option<Fault>) -> Option<Self> {
        let right = capacity.is_power_of_two() && capacity as usize <= SLOTS;
        let slots = [const { [const { AtomicU32::new(0) }; 2] }; SLOTS];
        right.then_some(Self {
            fault,
            capacity,
            slots,
            tail: AtomicU32::new(start),
            done: AtomicU32::new(start),
        })
    }

    /// Both halves.
    pub fn halves(&self) -> (Producer<'_>, Consumer<'_>) {
        (Producer(self), Consumer(self))
    }

    fn slot(&self, position: u32) -> &[AtomicU32; 2] {
        &self.slots[(position % self.capacity) as usize]
    }

    fn waiting(&self) -> u32 {
        // Acquire, twice: each pairs with the Release of the half that writes it. `done` first, so that `tail` is not less.
        let done = self.done.load(Ordering::Acquire);
        self.tail.load(Ordering::Acquire).wrapping_sub(done).min(self.capacity)
    }
}

impl RingProducer<2> for Producer<'_> {
    fn push(&mut self, entry: [u32; 2]) -> Result<(), [u32; 2]> {
        let ring = self.0;
        // Relaxed: our own word.
        let tail = ring.tail.load(Ordering::Relaxed);
        if self.room() == 0 {
            return Err(entry);
        }
        if ring.fault == Some(Fault::ShowsBeforeItWrites) {
            // Release: pairs with the Acquire in `pop`, too early.
            ring.tail.store(tail.wrapping_add(1), Ordering::Release);
            yield_now();
        }
        for (word, value) in ring.slot(tail).iter().zip(entry) {
            // Relaxed: shown by the Release below.
            word.store(value, Ordering::Relaxed);
        }
        // Release: pairs with the Acquire in `pop`.
        ring.tail.store(tail.wrapping_add(1), Ordering::Release);
        Ok(())
    }

    fn waiting(&mut self) -> u32 {
        self.0.waiting()
    }

    fn is_closed(&mut self) -> bool {
        false
    }

    fn room(&mut self) -> u32 {
        let guess = u32::from(self.0.fault == Some(Fault::GuessesRoom));
        self.0.capacity + guess - self.0.waiting()
    }
}

impl RingConsumer<2> for Consumer<'_> {
    fn pop(&mut self) -> Option<[u32; 2]> {
        let ring = self.0;
        // Relaxed: our own word.
        let done = ring.done.load(Ordering::Relaxed);
        // Acquire: pairs with the Release in `push`.
        if ring.tail.load(Ordering::Acquire) == done {
            return None;
        }
        if ring.fault == Some(Fault::FreesBeforeItReads) {
            // Release: pairs with the Acquire in `waiting`, too early.
            ring.done.store(done.wrapping_add(1), Ordering::Release);
            yield_now();
        }
        // Relaxed: made visible by the Acquire above.
        let entry = [0, 1].map(|i| ring.slot(done)[i].load(Ordering::Relaxed));
        // Release: pairs with the Acquire in `waiting`; the entry is read before its slot is given back.
        ring.done.store(done.wrapping_add(1), Ordering::Release);
        Some(entry)
    }

    fn waiting(&mut self) -> u32 {
        self.0.waiting()
    }

    fn is_closed(&mut self) -> bool {
        false
    }

    fn peek(&mut self, _i: u32) -> Option<[u32; 2]> {
        None
    }
}

/// An edge behind a lock, which it lets go of where it should not.
#[derive(Debug)]
pub struct Edge {
    fault: Option<Fault>,
    caps: Caps,
    queue: Mutex<VecDeque<Item>>,
    looked: AtomicBool,
    closed: [AtomicBool; 2],
}

/// The end that pushes.
#[derive(Debug)]
pub struct Tx<'e>(&'e Edge);

/// The end that pops.
#[derive(Debug)]
pub struct Rx<'e> {
    edge: &'e Edge,
    ahead: Option<Item>,
}

impl Edge {
    /// An edge with these caps.
    pub const fn new(caps: Caps, fault: Option<Fault>) -> Self {
        let closed = [const { AtomicBool::new(false) }; 2];
        Self { fault, caps, queue: Mutex::new(VecDeque::new()), looked: AtomicBool::new(false), closed }
    }

    /// Both ends.
    pub fn ends(&self) -> (Tx<'_>, Rx<'_>) {
        (Tx(self), Rx { edge: self, ahead: None })
    }

    fn queue(&self) -> MutexGuard<'_, VecDeque<Item>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn load(queue: &VecDeque<Item>) -> Load {
        Load { items: queue.len() as u32, bytes: queue.iter().map(|item| item.bytes).sum() }
    }

    fn over(&self, queue: &VecDeque<Item>, item: &Item) -> bool {
        let load = Self::load(queue);
        load.items >= self.caps.hard_items || load.bytes + item.bytes > self.caps.hard_bytes
    }
}

impl EdgeTx for Tx<'_> {
    fn push(&mut self, item: Item, _: Instant, evicted: &mut dyn FnMut(Item)) -> Result<(), (Bounce, Item)> {
        let edge = self.0;
        let mut queue = edge.queue();
        if !edge.over(&queue, &item) {
            queue.push_back(item);
            return Ok(());
        }
        match edge.caps.policy {
            Policy::Wait => return Err((Bounce::Wait, item)),
            Policy::DropNewest => return Err((Bounce::Refused(Cause::Full), item)),
            #[cfg(any(target_has_atomic = "32", feature = "critical-section"))]
            Policy::DropOldest => {}
        }
        if edge.fault == Some(Fault::EvictsOnASecondLook) {
            drop(queue);
            yield_now();
            let mut queue = edge.queue();
            queue.push_back(item);
            if let Some(oldest) = queue.pop_front() {
                evicted(oldest);
            }
            return Ok(());
        }
        while edge.over(&queue, &item) {
            let Some(oldest) = queue.pop_front() else { break };
            // Relaxed: a fault has no partner.
            let looked = edge.looked.swap(false, Ordering::Relaxed);
            if !(edge.fault == Some(Fault::ForgetsEvictions) && looked) {
                evicted(oldest);
            }
        }
        queue.push_back(item);
        Ok(())
    }

    fn waiting(&mut self) -> Load {
        Edge::load(&self.0.queue())
    }

    fn level(&mut self) -> Level {
        self.0.caps.level(self.waiting())
    }

    fn permits(&mut self) -> bool {
        let probe = Item { number: 0, bytes: Item::LONGEST, deadline: Instant::MAX };
        self.0.caps.policy != Policy::Wait || !self.0.over(&self.0.queue(), &probe)
    }

    fn dropped(&mut self, _: Cause) -> u32 {
        0
    }

    fn is_closed(&mut self) -> bool {
        // Acquire: pairs with the Release in the drop of `Rx`.
        self.0.closed[1].load(Ordering::Acquire)
    }

    fn unfreed(&mut self) -> u32 {
        0
    }
}

impl Drop for Tx<'_> {
    fn drop(&mut self) {
        // Release: pairs with the Acquire in `is_drained`; what was pushed comes first.
        self.0.closed[0].store(true, Ordering::Release);
    }
}

impl EdgeRx for Rx<'_> {
    fn pop(&mut self) -> Option<Item> {
        let edge = self.edge;
        // Relaxed: a fault has no partner.
        edge.looked.store(true, Ordering::Relaxed);
        if let Some(ahead) = self.ahead.take() {
            return Some(ahead);
        }
        if edge.fault == Some(Fault::PopsOnASecondLook) {
            let oldest = edge.queue().front().copied();
            yield_now();
            edge.queue().pop_front();
            return oldest;
        }
        edge.queue().pop_front()
    }

    fn peek(&mut self) -> Option<Item> {
        if self.edge.fault == Some(Fault::ShownIsNotOwned) {
            let shown = self.edge.queue().front().copied();
            yield_now();
            return shown;
        }
        self.ahead = self.ahead.or_else(|| self.edge.queue().pop_front());
        self.ahead
    }

    fn waiting(&mut self) -> u32 {
        self.edge.queue().len() as u32 + u32::from(self.ahead.is_some())
    }

    fn is_drained(&mut self) -> bool {
        // Acquire: pairs with the Release in the drop of `Tx`.
        self.edge.closed[0].load(Ordering::Acquire) && self.waiting() == 0
    }
}

impl Drop for Rx<'_> {
    fn drop(&mut self) {
        // Release: pairs with the Acquire in `is_closed`.
        self.edge.closed[1].store(true, Ordering::Release);
    }
}
