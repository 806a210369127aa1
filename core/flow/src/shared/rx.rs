use core::fmt;
use core::marker::PhantomData;

use tidemill_ring::segment::PeerFault;
use tidemill_ring::{Consumer, End, Layout, Next, Plain, Position};
use tidemill_seam::{Exchange, Liveness};

use super::Edge;
use super::shape::Ticket;
use super::slots::Slots;
use crate::message::{Header, Payload};

/// The end that receives. Dropping it closes the edge; what was not released is left to the next one, or taken back.
pub struct Rx<P: Payload + Plain, R: Exchange, L: Liveness> {
    consumer: Consumer<Ticket<P>, R, L>,
    edge: Edge<P, R>,
    /// Items behind us that are not released.
    held: u32,
}

/// A message where it lies: nobody overwrites it before it is released.
pub struct Held<'r, P, R> {
    slots: Slots<'r, R>,
    index: u32,
    header: Header,
    position: Position,
    payload: PhantomData<fn() -> P>,
}

impl<P: Payload + Plain, R: Exchange, L: Liveness> Rx<P, R, L> {
    pub(super) const fn new(consumer: Consumer<Ticket<P>, R, L>, edge: Edge<P, R>) -> Self {
        Self { consumer, edge, held: 0 }
    }

    /// The position of the next item.
    #[inline]
    pub fn position(&self) -> Position {
        Position(self.consumer.position().0 + u64::from(self.held))
    }

    /// What comes next, where it lies; `None` where nothing does at this moment. The same again, until it is
    /// [passed](Self::pass).
    pub fn peek(&mut self) -> Option<Next<Held<'_, P, R>>> {
        Some(match self.consumer.ahead(self.held)?.item() {
            Ok(ticket) => self.view(ticket).map_or_else(Next::Fault, Next::Item),
            Err(news) => news,
        })
    }

    /// Goes beyond the item that [`peek`](Self::peek) showed. It stays what it is, and is first again after a death.
    pub fn pass(&mut self) {
        if let Some(Next::Item(_)) = self.consumer.ahead(self.held) {
            self.held += 1;
        }
    }

    /// Items that were passed and are not released.
    pub const fn held(&self) -> u32 {
        self.held
    }

    /// Releases everything below `position`, as far as it was passed: the producer may use those slots again. Gives the
    /// position of the first that is not released.
    pub fn release(&mut self, position: Position) -> Position {
        let (first, next) = (self.consumer.position().0, self.position().0);
        let to = position.0.clamp(first, next);
        if to > first {
            self.consumer.ack(Position(to));
            self.held = (next - to) as u32;
        }
        self.consumer.position()
    }

    /// Takes the next item: a copy of it, and everything up to it is released.
    pub fn pop(&mut self) -> Option<(Header, P)> {
        loop {
            match self.peek()? {
                Next::Item(held) => {
                    let taken = (*held.header(), held.get());
                    self.pass();
                    self.release(self.position());
                    return Some(taken);
                }
                Next::Restarted { .. } => {}
                _ => return None,
            }
        }
    }

    /// Items that are published and not passed.
    pub fn waiting(&self) -> u32 {
        let published = self.edge.segment.published().0;
        published.saturating_sub(self.position().0).min(u64::from(self.edge.shape.capacity())) as u32
    }

    /// Whether nothing will come unless another producer begins: the stream was ended, and everything was passed (E20).
    pub fn is_drained(&mut self) -> bool {
        loop {
            match self.consumer.ahead(self.held) {
                Some(Next::Closed(_)) => return true,
                Some(Next::Restarted { .. }) => {}
                _ => return false,
            }
        }
    }

    /// Whether the producer is proved dead and everything that it published was passed: [`End::Crashed`]. Asks
    /// [`Liveness`]: to be called now and then by whoever waits.
    pub fn tend(&self) -> Option<End> {
        self.consumer.tend_ahead(self.held)
    }

    /// A ticket is a rumour until its slot agrees (RL-18).
    fn view(&self, ticket: Ticket<P>) -> Result<Held<'_, P, R>, PeerFault> {
        let [index, generation, _, bytes] = ticket.words;
        let shape = &self.edge.shape;
        let fault = |word, value: u32, (least, most): (u32, u32)| {
            let allowed = (u64::from(least), u64::from(most));
            PeerFault { slot: Layout::PRODUCER, word, value: u64::from(value), allowed }
        };
        let data = shape.layout().data();
        if index >= shape.slots() {
            return Err(fault(data, index, (0, shape.slots() - 1)));
        }
        let slots = Slots::new(self.edge.segment.region(), shape);
        let written = slots.generation(index);
        if written != generation {
            return Err(fault(shape.slot(index) + 1, written, (generation, generation)));
        }
        let header = slots.header(index, P::MAX_BYTES).ok().filter(|header| header.bytes() == bytes);
        let header = header.ok_or_else(|| fault(shape.slot(index) + 2, bytes, (0, P::MAX_BYTES)))?;
        Ok(Held { slots, index, header, position: self.position(), payload: PhantomData })
    }
}

impl<P: Plain, R: Exchange> Held<'_, P, R> {
    /// Which item this is: the same number for whoever sees it, in whichever life (X4).
    pub const fn position(&self) -> Position {
        self.position
    }

    /// The header of the message.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The payload, by value.
    pub fn get(&self) -> P {
        self.slots.take(self.index)
    }

    /// Some words of the payload, from its word `from` on, as they lie there.
    ///
    /// # Panics
    /// If they end behind the slot.
    pub fn read(&self, from: u32, into: &mut [u32]) {
        self.slots.read(self.index, from, into);
    }
}

impl<P: Payload + Plain, R: Exchange, L: Liveness> fmt::Debug for Rx<P, R, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rx")
            .field("position", &self.position())
            .field("held", &self.held)
            .finish_non_exhaustive()
    }
}

impl<P, R> fmt::Debug for Held<'_, P, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held")
            .field("position", &self.position)
            .field("header", &self.header)
            .finish_non_exhaustive()
    }
}
