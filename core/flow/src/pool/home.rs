use core::fmt;
use core::mem::forget;
use core::ops::Deref;

use tidemill_ring::sync::Ordering;

use super::lane::drain;
use super::slot::{Ledger, Pool, Slot};
use super::token::{FULL_WEIGHT, RawToken, Token};
use super::{Manager, Misuse, Refused};
use crate::message::{Header, MemoryClass, Payload};

/// How many returns of a lane a home takes in at once, so that no single `reserve` pays for a whole pool.
const DRAIN: u32 = 8;

/// No slot: the bottom of the stack of free ones.
pub(crate) const BOTTOM: u16 = u16::MAX;

/// The one allocator of a pool.
///
/// Free slots form a stack, the last freed on top: it is the one most likely still in the cache.
pub struct Home<'a, P> {
    pool: Pool<'a, P>,
    top: u16,
    live: u32,
}

/// A slot on loan.
pub struct Vacant<'a, P>(&'a Slot<P>);

impl<'a, P> Home<'a, P> {
    pub(crate) const fn new(pool: Pool<'a, P>) -> Self {
        Self { pool, top: 0, live: 0 }
    }

    #[inline]
    pub(crate) const fn pool(&self) -> Pool<'a, P> {
        self.pool
    }

    #[inline]
    fn ledger(&mut self, index: u16) -> &mut Ledger {
        let slot = self.slot(index);
        // SAFETY: ledgers are reached through the home alone, and `&mut self` is the home.
        unsafe { &mut *slot.ledger() }
    }

    /// A slot by an index that came from the stack, a lane, or a check.
    #[inline]
    fn slot(&self, index: u16) -> &'a Slot<P> {
        debug_assert!(
            usize::from(index) < self.pool.slots.len(),
            "slot {index} of {}",
            self.pool.slots.len()
        );
        // SAFETY: indices are only ever made of slots of this pool: by its constructor, and by `index_of`.
        unsafe { self.pool.slots.get_unchecked(usize::from(index)) }
    }

    #[inline]
    fn count(&mut self, live: u32) {
        self.live = live;
        // Relaxed: a figure for whoever looks; it orders nothing.
        self.pool.live.store(live, Ordering::Relaxed);
    }

    /// Whether a slot is free. Takes in what came back where none is at hand.
    #[inline]
    pub fn has_room(&mut self) -> bool {
        self.top != BOTTOM || self.gather()
    }

    #[cold]
    fn gather(&mut self) -> bool {
        let pool = self.pool;
        let n = pool.slots.len();
        loop {
            let mut seen = 0;
            for (lane, head) in pool.heads.iter().enumerate() {
                drain(head, &pool.entries[lane * n..(lane + 1) * n], DRAIN, |index, weight| {
                    seen += 1;
                    self.take_in(index, weight);
                });
            }
            if self.top != BOTTOM || seen == 0 {
                return self.top != BOTTOM;
            }
        }
    }

    #[inline]
    fn take_in(&mut self, index: u16, weight: u16) {
        let ledger = self.ledger(index);
        assert!(weight <= ledger.out, "more of slot {index} came back than went out");
        ledger.out -= weight;
        if ledger.out == 0 {
            ledger.generation = ledger.generation.wrapping_add(1);
            self.push(index);
            let slot = self.slot(index);
            // SAFETY: the full weight has come back: nobody looks at the payload any more.
            unsafe { slot.drop_payload() };
        }
    }

    #[inline]
    fn push(&mut self, index: u16) {
        let below = self.top;
        self.ledger(index).below = below;
        self.top = index;
        self.count(self.live - 1);
    }

    /// The slot that the next [`take`](Self::take) will give, if there is one at hand.
    #[inline]
    pub(crate) fn next_free(&self) -> Option<&'a Slot<P>> {
        (self.top != BOTTOM).then(|| self.slot(self.top))
    }

    #[inline]
    fn take(&mut self) -> Option<&'a Slot<P>> {
        if !self.has_room() {
            return None;
        }
        let index = self.top;
        let slot = self.slot(index);
        self.top = self.ledger(index).below;
        self.count(self.live + 1);
        Some(slot)
    }

    /// # Safety
    /// `slot` is on loan from this home, its payload written.
    #[inline]
    unsafe fn seal(&mut self, slot: &'a Slot<P>, header: Header, bytes: u32) -> Token<'a, P> {
        // SAFETY: on loan, the caller's promise.
        unsafe { slot.write_header(header.committed(bytes, MemoryClass::Host)) };
        // SAFETY: written just now.
        unsafe { self.issue(slot) }
    }

    /// # Safety
    /// `slot` is on loan from this home, its header and payload written.
    #[inline]
    unsafe fn issue(&mut self, slot: &'a Slot<P>) -> Token<'a, P> {
        // SAFETY: ledgers are reached through the home alone, and `&mut self` is the home.
        let ledger = unsafe { &mut *slot.ledger() };
        ledger.out = FULL_WEIGHT;
        // SAFETY: written: the caller's promise; this is its first and only token.
        unsafe { Token::new(slot, ledger.generation, FULL_WEIGHT) }
    }

    /// Commits the slot that [`next_free`](Self::next_free) showed and that has been written since.
    ///
    /// # Safety
    /// Header and payload of that slot are written.
    #[inline]
    pub(crate) unsafe fn commit_next(&mut self) -> Option<Token<'a, P>> {
        let slot = self.take()?;
        // SAFETY: on loan since the line above, written before.
        Some(unsafe { self.issue(slot) })
    }

    /// A slot on loan, or `None` where all are in use.
    pub fn loan(&mut self) -> Option<Loan<'_, 'a, P>> {
        let slot = self.take()?;
        Some(Loan { home: self, slot })
    }

    /// Takes a share in; with the last one the payload is dropped and the slot is free.
    ///
    /// # Errors
    /// [`Misuse::Foreign`], with the token, where it belongs to another pool.
    #[inline]
    pub fn give_back(&mut self, token: Token<'a, P>) -> Result<(), Refused<Token<'a, P>>> {
        match self.pool.index_of(token.slot()) {
            Some(index) => {
                self.take_in(index, token.weight());
                Ok(())
            }
            None => Err(Refused { why: Misuse::Foreign, token }),
        }
    }

    /// The token as a lease, which gives it back here when dropped.
    pub fn lease(&mut self, token: Token<'a, P>) -> Lease<'_, 'a, P> {
        Lease { token: Some(token), home: self }
    }

    /// Slots that can be handed out. What is on its way back on the lanes does not count.
    pub fn available(&self) -> u32 {
        self.pool.slots.len() as u32 - self.live
    }
}

impl<'a, P: Payload> Manager for Home<'a, P> {
    type Payload = P;
    type Loan = Vacant<'a, P>;
    type Token = Token<'a, P>;

    #[inline]
    fn reserve(&mut self) -> Option<Vacant<'a, P>> {
        self.take().map(Vacant)
    }

    #[inline]
    fn commit(&mut self, loan: Vacant<'a, P>, header: Header, payload: P) -> Token<'a, P> {
        assert!(self.pool.index_of(loan.0).is_some(), "a loan is committed where it was made");
        let bytes = payload.bytes();
        // SAFETY: on loan to the one who holds the `Vacant`, and without a payload until now.
        unsafe { loan.0.write_payload(|| payload) };
        // SAFETY: on loan from this pool, written above.
        unsafe { self.seal(loan.0, header, bytes) }
    }

    fn abort(&mut self, loan: Vacant<'a, P>) {
        let index = self.pool.index_of(loan.0).expect("a loan is aborted where it was made");
        self.push(index);
    }

    fn fork(&mut self, token: Token<'a, P>) -> Result<(Token<'a, P>, Token<'a, P>), Token<'a, P>> {
        token.fork()
    }

    fn raw(&self, token: &Token<'a, P>) -> RawToken {
        let index = self.pool.index_of(token.slot()).map_or(u32::MAX, u32::from);
        RawToken { index, generation: token.generation(), weight: token.weight(), pool: self.pool.id }
    }

    fn lay_down(&mut self, token: Token<'a, P>) -> Result<RawToken, Refused<Token<'a, P>>> {
        let Some(index) = self.pool.index_of(token.slot()) else {
            return Err(Refused { why: Misuse::Foreign, token });
        };
        self.ledger(index).raw += token.weight();
        Ok(self.raw(&token))
    }

    fn claim(&mut self, raw: RawToken) -> Result<Token<'a, P>, Misuse> {
        if raw.pool != self.pool.id {
            return Err(Misuse::Foreign);
        }
        if raw.index as usize >= self.pool.slots.len() {
            return Err(Misuse::Range);
        }
        let ledger = self.ledger(raw.index as u16);
        if ledger.generation != raw.generation || raw.weight == 0 || raw.weight > ledger.raw {
            return Err(Misuse::Stale);
        }
        ledger.raw -= raw.weight;
        let slot = &self.pool.slots[raw.index as usize];
        // SAFETY: this much weight of this very generation was laid down here, and is taken up only once.
        Ok(unsafe { Token::new(slot, raw.generation, raw.weight) })
    }

    #[inline]
    fn give_back(&mut self, token: Token<'a, P>) -> Result<(), Refused<Token<'a, P>>> {
        Home::give_back(self, token)
    }

    fn view<'t>(&'t self, token: &'t Token<'a, P>) -> Result<(&'t Header, &'t P), Misuse> {
        self.pool.index_of(token.slot()).map(|_| (token.header(), &**token)).ok_or(Misuse::Foreign)
    }

    fn edit<'t>(&'t mut self, token: &'t mut Token<'a, P>) -> Result<&'t mut P, Misuse> {
        self.pool.index_of(token.slot()).ok_or(Misuse::Foreign)?;
        token.edit()
    }

    fn capacity(&self) -> u32 {
        self.pool.slots.len() as u32
    }

    fn live(&self) -> u32 {
        self.live
    }

    fn class(&self) -> MemoryClass {
        MemoryClass::Host
    }
}

/// A slot before commit. Dropping it gives the slot back, also while unwinding (M7, M16).
pub struct Loan<'h, 'a, P> {
    home: &'h mut Home<'a, P>,
    slot: &'a Slot<P>,
}

impl<'a, P: Payload> Loan<'_, 'a, P> {
    /// Builds the payload in place and makes it a message. If `write` panics the slot is free again.
    pub fn commit(self, header: Header, write: impl FnOnce() -> P) -> Token<'a, P> {
        // SAFETY: on loan to us, and without a payload until now.
        unsafe { self.slot.write_payload(write) };
        // SAFETY: written above.
        let bytes = unsafe { self.slot.payload() }.bytes();
        // SAFETY: on loan from this home, written above.
        let token = unsafe { self.home.seal(self.slot, header, bytes) };
        forget(self);
        token
    }
}

impl<P> Drop for Loan<'_, '_, P> {
    fn drop(&mut self) {
        if let Some(index) = self.home.pool.index_of(self.slot) {
            self.home.push(index);
        }
    }
}

/// A message on lease: read it, and dropping the lease gives its share back.
pub struct Lease<'h, 'a, P> {
    token: Option<Token<'a, P>>,
    home: &'h mut Home<'a, P>,
}

impl<P> Deref for Lease<'_, '_, P> {
    type Target = P;
    fn deref(&self) -> &P {
        self.token.as_ref().expect("a lease has its token until it is dropped")
    }
}

impl<P> Lease<'_, '_, P> {
    /// The header of the message.
    pub fn header(&self) -> &Header {
        self.token.as_ref().expect("a lease has its token until it is dropped").header()
    }
}

impl<P> Drop for Lease<'_, '_, P> {
    fn drop(&mut self) {
        if let Some(token) = self.token.take()
            && let Err(refused) = self.home.give_back(token)
        {
            // Not ours to free: as if the token had never been leased.
            let _ = refused.token;
        }
    }
}

impl<P> fmt::Debug for Home<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Home").field("pool", &self.pool.id).field("live", &self.live).finish_non_exhaustive()
    }
}

impl<P> fmt::Debug for Vacant<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vacant")
    }
}

impl<P> fmt::Debug for Loan<'_, '_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Loan")
    }
}

impl<P: fmt::Debug> fmt::Debug for Lease<'_, '_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Lease").field(&**self).finish()
    }
}
