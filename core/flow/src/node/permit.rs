use core::fmt;
use core::ptr::NonNull;

use tidemill_seam::Instant;

use super::Item;
use crate::message::{Header, MemoryClass, Payload};
use crate::pool::{Slot, holds};

/// What a step has sent on a port, until it commits.
pub(super) enum Staged<P> {
    Nothing,
    /// The next free slot of the home, this one, holds a message.
    Written(NonNull<Slot<P>>),
    /// An input goes on.
    Forwarded {
        slot: NonNull<Slot<P>>,
        generation: u32,
        weight: u16,
    },
}

// SAFETY: a slot pointer stands for a share of the slot, which may be sent where its payload may.
unsafe impl<P: Send + Sync> Send for Staged<P> {}

/// Leave to send one message: slot and room are there.
#[must_use = "a permit that is not used sends nothing"]
pub struct Permit<'s, P> {
    pub(super) slot: &'s Slot<P>,
    pub(super) through: Through<'s, P>,
}

/// Leave to send one message on: room is there.
#[must_use = "a permit that is not used sends nothing"]
pub struct Through<'s, P> {
    pub(super) staged: &'s mut Staged<P>,
    pub(super) slots: &'s [Slot<P>],
    pub(super) lead: Option<&'s Header>,
    pub(super) sequence: u64,
    pub(super) now: Instant,
}

impl<'s, P: Payload> Permit<'s, P> {
    /// Sends a message. Its header is that of the first input, with its own place in the order and time.
    #[inline]
    pub fn send(self, payload: P) {
        self.send_as(|_| (), || payload);
    }

    /// Builds the payload in place, after `set` has had its way with the header.
    #[inline]
    pub fn send_as(self, set: impl FnOnce(&mut Header), write: impl FnOnce() -> P) {
        let Through { staged, lead, sequence, now, .. } = self.through;
        let mut header = match lead {
            Some(lead) => lead.child(sequence, now),
            None => Header::new(sequence, sequence, now),
        };
        set(&mut header);
        // SAFETY: the slot on top of the home's stack, which nobody touches while this permit lives; it is empty, since
        // a permit writes once.
        unsafe { self.slot.write_payload(write) };
        // SAFETY: written in the line above.
        let bytes = unsafe { self.slot.payload() }.bytes();
        // SAFETY: as for the payload.
        unsafe { self.slot.write_header(header.committed(bytes, MemoryClass::Host)) };
        *staged = Staged::Written(NonNull::from(self.slot));
    }

    /// Sends an input on, as it is, in its slot.
    ///
    /// # Errors
    /// The item, where it comes from another pool than this port's.
    #[inline]
    pub fn forward(self, item: Item<'s, P>) -> Result<(), Item<'s, P>> {
        self.through.forward(item)
    }
}

impl<'s, P: Payload> Through<'s, P> {
    /// Sends an input on, as it is, in its slot (N10).
    ///
    /// # Errors
    /// The item, where it comes from another pool than this port's.
    #[inline]
    pub fn forward(self, item: Item<'s, P>) -> Result<(), Item<'s, P>> {
        if !holds(self.slots, item.token().slot()) {
            return Err(item);
        }
        let token = item.send_on();
        *self.staged = Staged::Forwarded {
            slot: NonNull::from(token.slot()),
            generation: token.generation(),
            weight: token.weight(),
        };
        Ok(())
    }
}

impl<P> fmt::Debug for Permit<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Permit")
    }
}

impl<P> fmt::Debug for Through<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Through")
    }
}
