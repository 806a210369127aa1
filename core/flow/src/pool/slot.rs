use core::cell::UnsafeCell;
use core::fmt;
use core::mem::MaybeUninit;
use core::ptr;

use tidemill_ring::sync::AtomicU32;
use tidemill_seam::{Instant, PoolId};

use super::lane::LaneHead;
use crate::message::Header;

/// Where one message lies.
pub struct Slot<P> {
    header: UnsafeCell<Header>,
    payload: UnsafeCell<MaybeUninit<P>>,
    /// The home's alone.
    ledger: UnsafeCell<Ledger>,
    index: u16,
}

/// What the home knows about a slot.
#[derive(Clone, Copy)]
pub(crate) struct Ledger {
    /// How often the slot was freed. Wraps.
    pub(crate) generation: u32,
    /// Weight that is out; zero while the slot is free or on loan.
    pub(crate) out: u16,
    /// The part of `out` that was laid down as raw tokens.
    pub(crate) raw: u16,
    /// The slot below this one on the stack of free ones.
    pub(crate) below: u16,
}

// SAFETY: a slot's cells are reached through tokens (payload and header, shared only while nobody holds the full weight
// mutably) and through the one home (ledger), so sending and sharing slots is sending and sharing payloads.
unsafe impl<P: Send + Sync> Sync for Slot<P> {}

impl<P> Slot<P> {
    pub(crate) const fn new() -> Self {
        Self {
            header: UnsafeCell::new(Header::new(0, 0, Instant::ZERO)),
            payload: UnsafeCell::new(MaybeUninit::uninit()),
            ledger: UnsafeCell::new(Ledger { generation: 0, out: 0, raw: 0, below: 0 }),
            index: 0,
        }
    }

    pub(crate) const fn place(&mut self, index: u16, below: u16) {
        self.index = index;
        self.ledger.get_mut().below = below;
    }

    pub(crate) const fn index(&self) -> u16 {
        self.index
    }

    pub(crate) const fn ledger(&self) -> *mut Ledger {
        self.ledger.get()
    }

    /// # Safety
    /// The slot is committed and stays so for `'s`; nobody edits it.
    #[inline]
    pub(crate) unsafe fn header(&self) -> &Header {
        // SAFETY: the caller's promise: nobody writes.
        unsafe { &*self.header.get() }
    }

    /// # Safety
    /// The slot is committed and stays so while the reference lives; nobody edits it.
    #[inline]
    pub(crate) unsafe fn payload(&self) -> &P {
        // SAFETY: the caller's promise: committed, so initialised.
        unsafe { &*self.payload.get().cast::<P>() }
    }

    /// # Safety
    /// The slot is committed, and the caller alone holds it while the reference lives.
    #[inline]
    #[expect(clippy::mut_from_ref, reason = "the caller holds the whole slot, which is what the cell is for")]
    pub(crate) unsafe fn payload_mut(&self) -> &mut P {
        // SAFETY: the caller's promise: committed, so initialised, and held by one.
        unsafe { &mut *self.payload.get().cast::<P>() }
    }

    /// # Safety
    /// The slot is on loan to the caller.
    #[inline]
    pub(crate) unsafe fn write_header(&self, header: Header) {
        // SAFETY: on loan: nobody else looks.
        unsafe { self.header.get().write(header) };
    }

    /// # Safety
    /// The slot is on loan to the caller and holds no payload.
    #[inline]
    pub(crate) unsafe fn write_payload(&self, payload: impl FnOnce() -> P) {
        let at = self.payload.get().cast::<P>();
        // SAFETY: on loan: nobody else looks.
        unsafe { at.write(payload()) };
    }

    /// # Safety
    /// The slot holds a payload that nobody will look at any more.
    #[inline]
    pub(crate) unsafe fn drop_payload(&self) {
        // SAFETY: the caller's promise.
        unsafe { ptr::drop_in_place(self.payload.get().cast::<P>()) };
    }
}

/// A pool without its size: what every token's world refers to.
pub struct Pool<'a, P> {
    pub(crate) slots: &'a [Slot<P>],
    pub(crate) heads: &'a [LaneHead],
    pub(crate) entries: &'a [AtomicU32],
    pub(crate) live: &'a AtomicU32,
    pub(crate) id: PoolId,
}

impl<P> Clone for Pool<'_, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P> Copy for Pool<'_, P> {}

/// Whether `slot` is one of `slots`.
#[inline]
pub(crate) fn holds<P>(slots: &[Slot<P>], slot: &Slot<P>) -> bool {
    (&raw const *slot).addr().wrapping_sub(slots.as_ptr().addr()) < size_of_val(slots)
}

impl<P> Pool<'_, P> {
    /// Tells pools apart.
    pub(crate) fn key(&self) -> usize {
        self.slots.as_ptr().addr()
    }

    /// The index of `slot`, if it is one of this pool.
    #[inline]
    pub(crate) fn index_of(&self, slot: &Slot<P>) -> Option<u16> {
        holds(self.slots, slot).then_some(slot.index)
    }
}

impl<P> fmt::Debug for Slot<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot").field("index", &self.index).finish_non_exhaustive()
    }
}

impl<P> fmt::Debug for Pool<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("id", &self.id).finish_non_exhaustive()
    }
}
