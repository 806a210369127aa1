use super::Message;
use super::gather::Hand;
use crate::consumer::Consumer;
use crate::element::Plain;
use crate::segment::Position;
use core::fmt;
use core::mem;
use core::ops::Deref;
use tidemill_seam::{Exchange, Liveness};

/// A message that nobody overwrites while this is held. Dropping it acknowledges the message as a whole.
pub struct Received<'c, E: Plain, R: Exchange, L: Liveness> {
    pub(super) items: &'c mut Consumer<E, R, L>,
    pub(super) hand: &'c mut Option<Hand>,
    pub(super) message: Message<'c>,
    pub(super) at: u64,
    pub(super) end: u64,
}

impl<'c, E: Plain, R: Exchange, L: Liveness> Received<'c, E, R, L> {
    /// The message.
    pub fn message(&self) -> Message<'c> {
        self.message
    }

    /// Where it begins.
    pub fn position(&self) -> Position {
        Position(self.at)
    }

    /// Lets go of the message without acknowledging it: it comes next again.
    pub fn put_back(self) {
        mem::forget(self);
    }
}

impl<E: Plain, R: Exchange, L: Liveness> Deref for Received<'_, E, R, L> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.message.bytes
    }
}

impl<E: Plain, R: Exchange, L: Liveness> Drop for Received<'_, E, R, L> {
    fn drop(&mut self) {
        self.items.ack(Position(self.end));
        *self.hand = None;
    }
}

impl<E: Plain, R: Exchange, L: Liveness> fmt::Debug for Received<'_, E, R, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Received").field("at", &self.at).field("message", &self.message).finish()
    }
}
