use core::fmt;

use tidemill_ring::producer::Tended;
use tidemill_ring::segment::PeerFault;
use tidemill_ring::table::{Ctl, State};
use tidemill_ring::{Layout, Plain, Position, Producer};
use tidemill_seam::{Exchange, Instant, Liveness};

use super::shape::Ticket;
use super::slots::Slots;
use super::{Edge, OpenError};
use crate::edge::{Bounce, Bounced, Caps, Cause, Level, Load, Policy, Verdict};
use crate::message::{Header, MemoryClass, Payload};

/// No slot: the bottom of the stack of free ones.
const BOTTOM: u32 = u32::MAX;
/// A slot that a ticket names, while the free ones are worked out.
const NAMED: u32 = BOTTOM - 1;
/// The one place in the table of an edge.
const CONSUMER: u32 = 0;

/// The end that sends: producer of the tickets, and home of the slots.
///
/// Dropping it ends the stream; what waits is still delivered.
pub struct Tx<P: Payload + Plain, R: Exchange, L: Liveness> {
    producer: Producer<Ticket<P>, R, L>,
    edge: Edge<P, R>,
    caps: Caps,
    /// The slot freed last.
    top: u32,
    /// The tickets below have given their slots back.
    reclaimed: u64,
    /// Where the consumer stood when it was last looked at.
    done: u64,
    /// Bytes ever sent. Wraps.
    position: u32,
    /// Only the number of items matters to the caps.
    plain: bool,
    /// A word of the pool that somebody else wrote.
    fault: Option<PeerFault>,
}

/// A slot before its ticket. One that is dropped stays busy until the producer's next life.
#[derive(Debug)]
#[must_use = "a dropped loan keeps its slot busy: send it or abort it"]
pub struct Loan(u32);

impl<P: Payload + Plain, R: Exchange, L: Liveness> Tx<P, R, L> {
    /// Works out which slots are free: all that no ticket names which somebody may still read (X1).
    pub(super) fn new(
        producer: Producer<Ticket<P>, R, L>,
        edge: Edge<P, R>,
        caps: Caps,
    ) -> Result<Self, OpenError> {
        let (first, next) = (producer.cleared().0, producer.published().0);
        let plain = !caps.count_bytes() && !caps.refuse_expired;
        let mut tx = Self {
            producer,
            edge,
            caps,
            top: BOTTOM,
            reclaimed: first,
            done: 0,
            position: 0,
            plain,
            fault: None,
        };
        let slots = Slots::new(tx.edge.segment.region(), &tx.edge.shape);
        if tx.producer.generation() == 1 {
            slots.clear_counts();
        }
        let all = 0..tx.edge.shape.slots();
        all.clone().for_each(|index| slots.put_below(index, BOTTOM));
        // Where more seem to wait than the ring holds, the first that is looked at is a fault.
        let most = u64::from(tx.edge.shape.capacity());
        for position in first.max(next.saturating_sub(most + 1))..next {
            let ticket = tx.producer.sent(Position(position));
            let index = ticket.map_or(u32::MAX, |ticket| ticket.words[0]);
            let named = all.contains(&index) && slots.below(index) != NAMED;
            let Some(ticket) = ticket.filter(|_| named) else {
                let fault = tx.fault_of(position, index);
                tx.hand_over();
                return Err(OpenError::Fault(fault));
            };
            slots.put_below(index, NAMED);
            tx.position = ticket.words[2].wrapping_add(ticket.words[3]);
        }
        let mut top = BOTTOM;
        for index in all.rev().filter(|index| slots.below(*index) != NAMED) {
            slots.put_below(index, top);
            top = index;
        }
        tx.top = top;
        tx.look();
        Ok(tx)
    }

    fn slots(&self) -> Slots<'_, R> {
        Slots::new(self.edge.segment.region(), &self.edge.shape)
    }

    fn fault_of(&self, position: u64, index: u32) -> PeerFault {
        let most = u64::from(self.edge.shape.slots()) - 1;
        let word = self.edge.shape.layout().data() + 4 * (position as u32 & (self.edge.shape.capacity() - 1));
        PeerFault { slot: Layout::PRODUCER, word, value: u64::from(index), allowed: (0, most) }
    }

    #[cold]
    fn fault_below(&self, index: u32, below: u32) -> PeerFault {
        let most = u64::from(self.edge.shape.slots()) - 1;
        let word = self.edge.shape.slot(index);
        PeerFault { slot: Layout::PRODUCER, word, value: u64::from(below), allowed: (0, most) }
    }

    /// Whether somebody receives, or its place is kept.
    fn is_received(&self) -> bool {
        self.edge.segment.ctl(CONSUMER).is_some_and(Ctl::gates)
    }

    /// A word of the pool that no producer writes and that was found there (RL-18): every push is refused from then on, for
    /// nobody can say any more which slots are free. The next life of the producer works that out anew.
    pub const fn fault(&self) -> Option<PeerFault> {
        self.fault
    }

    /// Whether there was a consumer that is gone, and whose place nobody keeps. Every push is refused then, until one comes;
    /// and for ever where there was a [`fault`](Self::fault).
    #[inline]
    pub fn is_closed(&self) -> bool {
        if self.fault.is_some() {
            return true;
        }
        let gone = |ctl: Ctl| matches!(ctl.state, State::Free | State::Leaving | State::Evicted);
        self.edge.segment.ctl(CONSUMER).is_some_and(|ctl| ctl.generation > 0 && gone(ctl))
    }

    /// The position of the next item, and so how many were sent by all producers together.
    #[inline]
    pub fn published(&self) -> Position {
        self.producer.published()
    }

    /// A slot to write a message into, in place; `None` where all are in use.
    pub fn loan(&mut self) -> Option<Loan> {
        if self.top == BOTTOM {
            self.reclaim();
        }
        let index = self.top;
        if index == BOTTOM {
            return None;
        }
        let below = self.slots().below(index);
        if below != BOTTOM && below >= self.edge.shape.slots() {
            self.top = BOTTOM;
            self.fault = Some(self.fault_below(index, below));
            return None;
        }
        self.top = below;
        // No other slot's, and not the bottom's: what is on loan is on no stack.
        Some(Loan(index))
    }

    /// Writes a whole payload.
    pub fn put(&self, loan: &mut Loan, payload: &P) {
        self.slots().put(loan.0, payload);
    }

    /// Writes some words of the payload, from its word `from` on.
    ///
    /// # Panics
    /// If they end behind the slot.
    pub fn write(&self, loan: &mut Loan, from: u32, words: &[u32]) {
        self.slots().write(loan.0, from, words);
    }

    /// Takes a slot back unused.
    pub fn abort(&mut self, loan: Loan) {
        self.free(loan.0);
    }

    /// Sends what was written into the slot, `bytes` of it, if the caps admit it now.
    ///
    /// # Errors
    /// [`Bounced`] with the loan, as it is.
    ///
    /// # Panics
    /// If `bytes` is more than [`Payload::MAX_BYTES`].
    pub fn send(
        &mut self,
        loan: Loan,
        header: Header,
        bytes: u32,
        now: Instant,
    ) -> Result<Position, Bounced<Loan>> {
        assert!(bytes <= P::MAX_BYTES, "{bytes} bytes where there are at most {}", P::MAX_BYTES);
        match self.admit(bytes, header.deadline(), now).and_then(|()| self.publish(&loan, header, bytes)) {
            Ok(position) => Ok(position),
            Err(why) => Err(Bounced { why, token: loan }),
        }
    }

    /// Sends a message.
    ///
    /// # Errors
    /// [`Bounced`] with the payload.
    pub fn push(&mut self, header: Header, payload: P, now: Instant) -> Result<Position, Bounced<P>> {
        let bytes = payload.bytes();
        if let Err(why) = self.admit(bytes, header.deadline(), now) {
            return Err(Bounced { why, token: payload });
        }
        let Some(mut loan) = self.loan() else {
            return Err(Bounced { why: Bounce::Wait, token: payload });
        };
        self.put(&mut loan, &payload);
        self.publish(&loan, header, bytes).map_err(|why| {
            self.abort(loan);
            Bounced { why, token: payload }
        })
    }

    fn publish(&mut self, loan: &Loan, header: Header, bytes: u32) -> Result<Position, Bounce> {
        if self.producer.published().0 - self.reclaimed >= u64::from(self.edge.shape.capacity()) {
            // The ticket that is about to be overwritten has not given its slot back yet.
            self.reclaim();
        }
        let slots = self.slots();
        let generation = slots.generation(loan.0).wrapping_add(1);
        slots.put_generation(loan.0, generation);
        slots.put_header(loan.0, &header.committed(bytes, MemoryClass::Shared));
        let ticket = Ticket::new(loan.0, generation, self.position, bytes);
        let position = self.producer.try_push(ticket).map_err(|_| Bounce::Wait)?;
        self.position = self.position.wrapping_add(bytes);
        Ok(position)
    }

    /// Takes in the slots of the tickets that nobody reads any more (X2).
    #[cold]
    fn reclaim(&mut self) {
        // While nobody receives, the clearance would pass what waits.
        let to = if self.is_received() { self.producer.clear() } else { self.producer.cleared() };
        self.reclaim_below(to.0);
    }

    fn reclaim_below(&mut self, to: u64) {
        // Nobody has released what was not published, whatever a cursor says.
        while self.reclaimed < to.min(self.producer.published().0) {
            let index = self.producer.sent(Position(self.reclaimed)).map(|ticket| ticket.words[0]);
            // A ticket that somebody else overwrote costs its slot, and nothing else (RL-18).
            if let Some(index) = index.filter(|index| *index < self.edge.shape.slots()) {
                self.free(index);
            }
            self.reclaimed += 1;
        }
    }

    fn free(&mut self, index: u32) {
        self.slots().put_below(index, self.top);
        self.top = index;
    }

    /// Whether one more item is within the caps by what was last seen, where that is all that matters.
    #[inline]
    fn has_plain_room(&self) -> bool {
        let waiting = self.producer.published().0 - self.done;
        self.plain && waiting < u64::from(self.caps.hard_items) && !self.is_closed()
    }

    fn admit(&mut self, bytes: u32, deadline: Instant, now: Instant) -> Result<(), Bounce> {
        if self.has_plain_room() {
            return Ok(());
        }
        if self.is_closed() {
            return Err(self.refuse(Cause::Closed));
        }
        let waiting = self.waiting();
        match self.caps.admit(waiting, bytes, deadline, now) {
            Verdict::Accept(_) => Ok(()),
            Verdict::Refuse(cause) => Err(self.refuse(cause)),
            // An edge that evicts is not opened.
            _ => Err(Bounce::Wait),
        }
    }

    #[cold]
    fn refuse(&self, cause: Cause) -> Bounce {
        self.slots().add(cause, 1);
        Bounce::Refused(cause)
    }

    /// Learns how far the consumer is.
    fn look(&mut self) {
        let next = self.producer.published().0;
        self.done = match self.producer.pending() {
            Some(pending) => next.saturating_sub(u64::from(pending)),
            // Nobody received yet, or nobody will: what was not taken back waits.
            None => self.producer.gate().0.min(next),
        };
    }

    /// What waits now: published and not released by the consumer, the ones that it works on included (E5, E11).
    pub fn waiting(&mut self) -> Load {
        self.look();
        let items = (self.producer.published().0 - self.done) as u32;
        let oldest = self.producer.sent(Position(self.done)).filter(|_| items > 0);
        Load { items, bytes: oldest.map_or(0, |ticket| self.position.wrapping_sub(ticket.words[2])) }
    }

    /// Where the edge stands now (E10).
    pub fn level(&mut self) -> Level {
        let load = self.waiting();
        self.caps.level(load)
    }

    /// Whether a push of up to `MAX_BYTES` would not wait. Once true it stays so until a push.
    pub fn permits(&mut self) -> bool {
        if self.caps.policy != Policy::Wait || self.has_plain_room() || self.is_closed() {
            return true;
        }
        let (load, caps) = (self.waiting(), &self.caps);
        load.items < caps.hard_items && caps.hard_bytes - load.bytes.min(caps.hard_bytes) >= P::MAX_BYTES
    }

    /// Does what is due about a consumer that is proved dead: keeps its place for as long as it asked for, or frees it.
    ///
    /// Asks [`Liveness`]: to be called now and then by whoever waits. What a place that is freed had not released is counted
    /// as [`Cause::Closed`].
    pub fn tend(&mut self, now: Instant) -> Tended {
        if !self.is_received() {
            return Tended::default();
        }
        self.look();
        let waited = self.producer.published().0 - self.done;
        let tended = self.producer.tend(now);
        if tended.freed > 0 && !self.is_received() {
            self.slots().add(Cause::Closed, waited as u32);
        }
        tended
    }

    /// Takes back what a consumer that is gone has left, counted as [`Cause::Closed`] (E20). Nothing while there is one.
    pub fn recover(&mut self) {
        if !self.is_closed() {
            return;
        }
        let next = self.producer.published().0;
        let cursor = self.edge.segment.participant(CONSUMER).map_or(0, |one| one.cursor.0);
        let left = next.saturating_sub(cursor.max(self.producer.gate().0));
        let to = self.producer.clear();
        self.reclaim_below(to.0);
        self.slots().add(Cause::Closed, left as u32);
    }

    /// How many items went another way than to the consumer, for this cause, by all producers together. Wraps. One that dies
    /// between refusing and counting counts one too few.
    pub fn dropped(&self, cause: Cause) -> u32 {
        self.slots().count(cause)
    }

    /// Slots that hold a message, or are on loan, or whose tickets were not looked at since they were released.
    pub fn live(&self) -> u32 {
        let (slots, most) = (self.slots(), self.edge.shape.slots());
        let slot = |index: u32| (index < most).then_some(index);
        let free = core::iter::successors(slot(self.top), |index| slot(slots.below(*index)));
        most - free.take(most as usize).count() as u32
    }

    /// Ends the stream.
    pub fn close(self) {
        self.producer.close();
    }

    /// Goes, and leaves the stream open for the next producer.
    pub fn hand_over(self) {
        self.producer.hand_over();
    }
}

impl<P: Payload + Plain, R: Exchange, L: Liveness> fmt::Debug for Tx<P, R, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tx")
            .field("published", &self.published())
            .field("caps", &self.caps)
            .finish_non_exhaustive()
    }
}
