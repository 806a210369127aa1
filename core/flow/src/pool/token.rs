use core::fmt;
use core::ops::Deref;

use tidemill_seam::PoolId;

use super::Misuse;
use super::slot::{Pool, Slot};
use crate::message::Header;

/// What a fresh token weighs: a slot is free again once this much has come back.
pub const FULL_WEIGHT: u16 = 1 << 15;

/// A share of one message. Linear: hand it on, split it, or give it back; one that is dropped keeps its slot busy until
/// the pool goes.
///
/// Weights let branches share a message without a counter: a token is split, each branch gives its own part back, and
/// the home frees the slot when the parts add up, in whatever order they come (M12).
#[must_use = "a dropped token keeps its slot busy: give it back"]
pub struct Token<'a, P> {
    slot: &'a Slot<P>,
    generation: u32,
    weight: u16,
}

/// What a token is in a ring: index, generation, byte position, weight ∥ pool.
pub(crate) type Ticket = [u32; 4];

/// A token as plain numbers. It owns nothing: [`Manager::claim`](super::Manager::claim) decides whether it is true.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RawToken {
    /// Which slot.
    pub index: u32,
    /// Which use of the slot.
    pub generation: u32,
    /// Which share of it.
    pub weight: u16,
    /// Of which pool.
    pub pool: PoolId,
}

impl<'a, P> Token<'a, P> {
    /// # Safety
    /// The slot is committed, in this generation, and the caller owns this much of its weight.
    #[inline]
    pub(crate) const unsafe fn new(slot: &'a Slot<P>, generation: u32, weight: u16) -> Self {
        Self { slot, generation, weight }
    }

    /// # Safety
    /// `ticket` was made by [`ticket`](Self::ticket) from a token of this very pool, and nobody else makes a token of it.
    #[inline]
    pub(crate) unsafe fn from_ticket(pool: Pool<'a, P>, ticket: Ticket) -> Self {
        debug_assert_eq!(ticket[3] as u16, pool.id.0, "a ticket of another pool");
        // SAFETY: the index was a slot's of this pool.
        let slot = unsafe { pool.slots.get_unchecked(ticket[0] as usize) };
        // SAFETY: the ticket carries the weight of the token that it was made from.
        unsafe { Self::new(slot, ticket[1], (ticket[3] >> 16) as u16) }
    }

    #[inline]
    pub(crate) fn ticket(&self, pool: Pool<'a, P>, position: u32) -> Option<Ticket> {
        let index = pool.index_of(self.slot)?;
        Some([
            u32::from(index),
            self.generation,
            position,
            u32::from(self.weight) << 16 | u32::from(pool.id.0),
        ])
    }

    #[inline]
    pub(crate) const fn slot(&self) -> &'a Slot<P> {
        self.slot
    }

    /// A second handle on the same share, for a step that may still be undone.
    ///
    /// # Safety
    /// Of the two, only one is ever given back, sent on, split or edited.
    #[inline]
    pub(crate) const unsafe fn shadow(&self) -> Self {
        Self { slot: self.slot, generation: self.generation, weight: self.weight }
    }

    /// Which use of the slot this is.
    #[inline]
    pub const fn generation(&self) -> u32 {
        self.generation
    }

    /// Which share of the message this is, of [`FULL_WEIGHT`].
    #[inline]
    pub const fn weight(&self) -> u16 {
        self.weight
    }

    /// The header of the message.
    #[inline]
    pub fn header(&self) -> &Header {
        // SAFETY: a token keeps its slot committed, and headers are never written after commit.
        unsafe { self.slot.header() }
    }

    /// Two shares of the same message, the remainder with the first.
    ///
    /// # Errors
    /// The token, where its weight is one and cannot be split any further.
    #[inline]
    pub const fn fork(self) -> Result<(Self, Self), Self> {
        if self.weight < 2 {
            return Err(self);
        }
        let half = self.weight / 2;
        let (slot, generation) = (self.slot, self.generation);
        Ok((Self { slot, generation, weight: self.weight - half }, Self { slot, generation, weight: half }))
    }

    /// The payload to work on in place, for who holds all of it (M11).
    ///
    /// # Errors
    /// [`Misuse::Shared`] while somebody else holds a share.
    #[inline]
    pub fn edit(&mut self) -> Result<&mut P, Misuse> {
        if self.weight != FULL_WEIGHT {
            return Err(Misuse::Shared);
        }
        // SAFETY: the full weight is here, so nobody else holds the slot, and it stays committed.
        Ok(unsafe { self.slot.payload_mut() })
    }
}

impl<P> Deref for Token<'_, P> {
    type Target = P;
    #[inline]
    fn deref(&self) -> &P {
        // SAFETY: a token keeps its slot committed; an editor would hold the full weight, so there would be no other.
        unsafe { self.slot.payload() }
    }
}

impl<P> fmt::Debug for Token<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("sequence", &self.header().sequence)
            .field("generation", &self.generation)
            .field("weight", &self.weight)
            .finish_non_exhaustive()
    }
}
