use core::cell::Cell;
use core::fmt;

use tidemill_ring::spsc::Consumer;

use super::Cause;
use super::cause::Counters;
use super::cells::Cells;
use crate::message::Payload;
use crate::pool::{Pool, Refused, Returns, Token};

/// The end of an edge that pops. Dropping it sends home what waits and closes the edge: every later push is refused.
pub struct Rx<'a, P: Payload> {
    consumer: Consumer<Cells<'a>, 4>,
    returns: Returns<'a, P>,
    counters: &'a Counters,
    /// Taken off the ring, not yet popped: what is shown cannot be evicted.
    ahead: Option<Token<'a, P>>,
    /// The stage at the other end, as a bit, once a graph has found it.
    pub(crate) bell: u32,
    /// The step under way has sent the shown message on.
    pub(crate) sent_on: Cell<bool>,
}

impl<'a, P: Payload> Rx<'a, P> {
    pub(super) const fn new(
        consumer: Consumer<Cells<'a>, 4>,
        returns: Returns<'a, P>,
        counters: &'a Counters,
    ) -> Self {
        Self { consumer, returns, counters, ahead: None, bell: 0, sent_on: Cell::new(false) }
    }

    /// The oldest message, which is yours now: [give it back](Self::give_back), or send it on.
    #[inline]
    pub fn pop(&mut self) -> Option<Token<'a, P>> {
        let token = match self.ahead.take() {
            Some(token) => Some(token),
            None => self.take(),
        };
        self.consumer.release();
        token
    }

    /// The message that the next [`pop`](Self::pop) gives. It is off the ring from now on, so no eviction can touch it.
    #[inline]
    pub fn peek(&mut self) -> Option<&Token<'a, P>> {
        if self.ahead.is_none() {
            self.ahead = self.take();
        }
        self.ahead.as_ref()
    }

    #[inline]
    fn take(&mut self) -> Option<Token<'a, P>> {
        let ticket = self.consumer.take()?;
        // SAFETY: made by the `Tx` of this edge from a token of this pool, and a ticket is taken once.
        Some(unsafe { Token::from_ticket(self.returns.pool(), ticket) })
    }

    /// Whether a message is at hand. Takes it off the ring if so.
    #[inline]
    pub(crate) fn fill(&mut self) -> bool {
        self.peek().is_some()
    }

    #[inline]
    pub(crate) const fn front(&self) -> Option<&Token<'a, P>> {
        self.ahead.as_ref()
    }

    /// Ends the life of the shown message here.
    #[inline]
    pub(crate) fn retire(&mut self) {
        if let Some(token) = self.ahead.take()
            && !self.sent_on.replace(false)
        {
            self.send_home(&token);
        }
        self.consumer.release();
    }

    pub(crate) fn fault(&mut self) {
        if self.ahead.is_some() {
            self.counters.count(Cause::NodeFault);
        }
        self.sent_on.set(false);
        self.retire();
    }

    /// For a token that came off this very edge.
    #[inline]
    fn send_home(&mut self, token: &Token<'a, P>) {
        self.returns.send(token.slot().index(), token.weight());
    }

    /// Sends a share home, on this end's own lane.
    ///
    /// # Errors
    /// [`Misuse::Foreign`](crate::Misuse::Foreign), with the token, where it belongs to another pool.
    ///
    /// # Panics
    /// If more shares wait on this lane than the pool has slots: then one slot came over it in two parts.
    #[inline]
    pub fn give_back(&mut self, token: Token<'a, P>) -> Result<(), Refused<Token<'a, P>>> {
        self.returns.give_back(token)
    }

    /// Messages ready to pop. May grow under you; shrinks only by your own pops, or by eviction (E11, E22).
    #[inline]
    pub fn waiting(&self) -> u32 {
        self.consumer.waiting() + u32::from(self.ahead.is_some())
    }

    /// Whether nothing will ever come again: the producer is gone and nothing waits (E20).
    #[inline]
    pub fn is_drained(&self) -> bool {
        self.consumer.is_closed() && self.waiting() == 0
    }

    /// How many items went astray for this cause.
    pub fn dropped(&self, cause: Cause) -> u32 {
        self.counters.get(cause)
    }

    /// Sends home everything that waits, counted as [`Cause::Flushed`].
    pub fn flush(&mut self) {
        while let Some(token) = self.pop() {
            self.counters.count(Cause::Flushed);
            self.send_home(&token);
        }
    }

    #[inline]
    pub(crate) fn pool(&self) -> Pool<'a, P> {
        self.returns.pool()
    }

    pub(crate) fn key(&self) -> usize {
        (&raw const *self.counters).addr()
    }
}

impl<P: Payload> Drop for Rx<'_, P> {
    fn drop(&mut self) {
        self.flush();
    }
}

impl<P: Payload> fmt::Debug for Rx<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rx").field("waiting", &self.waiting()).finish_non_exhaustive()
    }
}
