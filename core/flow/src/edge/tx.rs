use core::fmt;

use tidemill_ring::spsc::Producer;
use tidemill_ring::sync::Ordering;
use tidemill_seam::{Instant, Region};

use super::cause::Counters;
use super::cells::Cells;
use super::{Caps, Cause, Level, Load, Policy, Verdict, admit};
use crate::message::{Header, Payload};
use crate::pool::{Pool, Token};

/// The end of an edge that pushes. Dropping it closes the edge; what waits is still delivered.
pub struct Tx<'a, P> {
    producer: Producer<Cells<'a>, 4>,
    cells: Cells<'a>,
    pool: Pool<'a, P>,
    caps: &'a Caps,
    counters: &'a Counters,
    /// Index of the first word of the ring's slots.
    slots: u32,
    /// The ring's tail.
    tail: u32,
    /// The consumer's cursor as last seen.
    done: u32,
    /// Bytes ever pushed. Wraps.
    position: u32,
    /// Only the number of items matters to the caps.
    plain: bool,
    /// The stage at the other end, as a bit, once a graph has found it.
    pub(crate) bell: u32,
}

/// A token that an edge did not take. It is still good.
#[derive(Debug)]
#[must_use = "the token inside keeps its slot busy"]
pub struct Bounced<T> {
    /// Why.
    pub why: Bounce,
    /// What comes back.
    pub token: T,
}

/// Why an edge did not take a token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bounce {
    /// Above a hard cap of an edge that waits: try again when there is room. Not counted.
    Wait,
    /// Refused, and counted for this cause.
    Refused(Cause),
    /// The token belongs to another pool than the edge. Not counted.
    Foreign,
}

impl<'a, P: Payload> Tx<'a, P> {
    pub(super) fn new(
        producer: Producer<Cells<'a>, 4>,
        pool: Pool<'a, P>,
        caps: &'a Caps,
        counters: &'a Counters,
        (cells, slots, start): (Cells<'a>, u32, u32),
    ) -> Self {
        Self {
            producer,
            cells,
            pool,
            caps,
            counters,
            slots,
            tail: start,
            done: start,
            position: 0,
            plain: !caps.count_bytes() && !caps.refuse_expired,
            bell: 0,
        }
    }

    /// Hands a token over, as far as the caps allow at this instant. What it pushes out goes to `evicted`.
    ///
    /// # Errors
    /// [`Bounced`] with the token.
    #[inline]
    pub fn push(
        &mut self,
        token: Token<'a, P>,
        now: Instant,
        evicted: impl FnMut(Token<'a, P>),
    ) -> Result<(), Bounced<Token<'a, P>>> {
        let Some(ticket) = token.ticket(self.pool, self.position) else {
            return Err(Bounced { why: Bounce::Foreign, token });
        };
        let header = token.header();
        // What the last look at the consumer allows needs no second one: it can only have made more room.
        if !self.has_plain_room() || self.producer.is_closed() {
            match self.verdict(header, now) {
                Verdict::Accept(_) => {}
                Verdict::Wait => return Err(Bounced { why: Bounce::Wait, token }),
                Verdict::Refuse(cause) => return Err(self.refuse(token, cause)),
                Verdict::Evict => self.evict(header, now, evicted),
            }
        }
        let bytes = header.bytes();
        if self.producer.push(ticket).is_err() {
            return Err(Bounced { why: Bounce::Wait, token });
        }
        self.tail = self.tail.wrapping_add(1);
        self.position = self.position.wrapping_add(bytes);
        Ok(())
    }

    /// Whether one more item is within the caps by the cursor last seen, where that is all that matters.
    #[inline]
    const fn has_plain_room(&self) -> bool {
        self.plain && self.tail.wrapping_sub(self.done) < self.caps.hard_items
    }

    #[inline(never)]
    fn verdict(&mut self, header: &Header, now: Instant) -> Verdict {
        if self.producer.is_closed() {
            return Verdict::Refuse(Cause::Closed);
        }
        // The cursor last seen can only overstate what waits: if that is accepted, so is the truth.
        let verdict = admit(self.caps, self.capped_load(self.done), header, now);
        if let Verdict::Accept(_) = verdict {
            return verdict;
        }
        admit(self.caps, self.waiting(), header, now)
    }

    #[cold]
    fn refuse(&self, token: Token<'a, P>, cause: Cause) -> Bounced<Token<'a, P>> {
        self.counters.count(cause);
        Bounced { why: Bounce::Refused(cause), token }
    }

    #[cold]
    fn evict(&mut self, header: &Header, now: Instant, mut evicted: impl FnMut(Token<'a, P>)) {
        let (caps, counters, pool, position) = (self.caps, self.counters, self.pool, self.position);
        self.producer.evict_while(
            |items, oldest| {
                let waiting = Load { items, bytes: position.wrapping_sub(oldest[2]) };
                admit(caps, waiting, header, now) == Verdict::Evict
            },
            |ticket| {
                counters.count(Cause::Evicted);
                // SAFETY: our own ticket, won back by the exchange: the consumer will never see it.
                evicted(unsafe { Token::from_ticket(pool, ticket) });
            },
        );
    }

    /// What waits, seen from `done` on: one cursor gives items and bytes.
    #[inline]
    fn load_at(&self, done: u32) -> Load {
        let items = self.tail.wrapping_sub(done);
        let bytes = if items == 0 {
            0
        } else {
            let slot = done & (self.producer.capacity() - 1);
            // SAFETY: within the edge's words: the slot index is below the capacity.
            // Relaxed: we wrote it, and overwrite it only once the consumer is past it.
            let first = unsafe { self.cells.load(self.slots + slot * 4 + 2, Ordering::Relaxed) };
            self.position.wrapping_sub(first)
        };
        Load { items, bytes }
    }

    /// What waits, as far as the caps care.
    #[inline]
    fn capped_load(&self, done: u32) -> Load {
        if self.caps.count_bytes() {
            self.load_at(done)
        } else {
            Load { items: self.tail.wrapping_sub(done), bytes: 0 }
        }
    }

    /// What waits now (E5, E11).
    #[inline]
    pub fn waiting(&mut self) -> Load {
        self.done = self.tail.wrapping_sub(self.producer.waiting());
        self.load_at(self.done)
    }

    /// Where the edge stands now (E10).
    pub fn level(&mut self) -> Level {
        let load = self.waiting();
        self.caps.level(load)
    }

    /// Whether a push of up to `MAX_BYTES` would neither wait nor be for nothing. Once true it stays so until a push:
    /// the consumer can only make more room.
    #[inline]
    pub fn permits(&mut self) -> bool {
        self.has_plain_room() || self.permits_still()
    }

    #[inline(never)]
    fn permits_still(&mut self) -> bool {
        if self.caps.policy != Policy::Wait {
            return true;
        }
        let fits = |caps: &Caps, load: Load| {
            load.items < caps.hard_items && caps.hard_bytes - load.bytes.min(caps.hard_bytes) >= P::MAX_BYTES
        };
        let now = self.waiting();
        fits(self.caps, now) || self.producer.is_closed()
    }

    /// Whether the consumer is gone. Every push is refused then.
    #[inline]
    pub fn is_closed(&self) -> bool {
        self.producer.is_closed()
    }

    /// Takes back what a consumer that is gone has left, counted as [`Cause::Closed`] (E20).
    pub fn recover(&mut self, mut back: impl FnMut(Token<'a, P>)) {
        let (counters, pool) = (self.counters, self.pool);
        self.producer.recover(|ticket| {
            counters.count(Cause::Closed);
            // SAFETY: our own ticket, and the consumer is gone without having taken it.
            back(unsafe { Token::from_ticket(pool, ticket) });
        });
    }

    /// How many items went astray for this cause.
    pub fn dropped(&self, cause: Cause) -> u32 {
        self.counters.get(cause)
    }

    #[inline]
    pub(crate) const fn pool(&self) -> Pool<'a, P> {
        self.pool
    }

    pub(crate) const fn caps(&self) -> &'a Caps {
        self.caps
    }

    pub(crate) fn capacity(&self) -> u32 {
        self.producer.capacity()
    }

    pub(crate) fn key(&self) -> usize {
        (&raw const *self.counters).addr()
    }
}

impl<P> fmt::Debug for Tx<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tx").field("pool", &self.pool.id).field("tail", &self.tail).finish_non_exhaustive()
    }
}
