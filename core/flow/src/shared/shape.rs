use core::marker::PhantomData;

use tidemill_ring::layout::{Kind, PAGE_MAX};
use tidemill_ring::{Fingerprint, Layout, Plain, Policies, Spec, SpecError};

use crate::edge::Cause;
use crate::message::Header;

/// Slots beside those that the tickets name: as many may be on loan at once.
pub(super) const SPARE: u32 = 4;
/// Words in front of a header: how often the slot was written, and the slot below it on the stack of free ones.
pub(super) const FRONT: u32 = 2;
/// Words of a header.
pub(super) const HEADER: u32 = Header::BYTES as u32 / 4;

/// What travels: which slot, which use of it, how many bytes were sent before, and how many these are.
///
/// Its fingerprint is made of the payload's, so whoever means another one is refused when it attaches.
#[repr(transparent)]
pub struct Ticket<P> {
    pub(super) words: [u32; 4],
    payload: PhantomData<fn() -> P>,
}

/// Where everything of an edge lies, in words: the segment of its tickets, then the pool.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shape {
    layout: Layout,
    counters: u32,
    first: u32,
    stride: u32,
    payload: u32,
    slots: u32,
    words: u32,
}

impl<P> Ticket<P> {
    pub(super) const fn new(index: u32, generation: u32, position: u32, bytes: u32) -> Self {
        Self { words: [index, generation, position, bytes], payload: PhantomData }
    }
}

impl<P> Clone for Ticket<P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P> Copy for Ticket<P> {}

// SAFETY: four words and nothing else, each of whose patterns is a value.
unsafe impl<P: Plain> Plain for Ticket<P> {
    const FINGERPRINT: Fingerprint = Fingerprint::of_fields(size_of::<Self>())
        .field("index", 0, u32::FINGERPRINT)
        .field("generation", 4, u32::FINGERPRINT)
        .field("position", 8, u32::FINGERPRINT)
        .field("bytes", 12, u32::FINGERPRINT)
        .field("payload", size_of::<Self>() + Header::BYTES, P::FINGERPRINT);
}

impl Shape {
    /// An edge for up to `capacity` messages of `P`, a power of two, laid out as the target likes it.
    ///
    /// # Errors
    /// [`SpecError`]: what there is no such segment for.
    pub const fn of<P: Plain>(capacity: u32) -> Result<Self, SpecError> {
        Self::over::<P>(Spec::of::<Ticket<P>>(capacity))
    }

    /// The same, with line, page, journal and capacity of `spec`. What an edge does not leave open is set here.
    ///
    /// # Errors
    /// As for [`of`](Self::of).
    pub const fn over<P: Plain>(spec: Spec) -> Result<Self, SpecError> {
        let ticket = Spec::of::<Ticket<P>>(spec.capacity);
        let spec = Spec { size: ticket.size, align: ticket.align, fingerprint: ticket.fingerprint, ..spec };
        let spec = spec.kind(Kind::Slots).codec(0).spin_only();
        let layout = match Layout::of(&spec.participants(1).history(0).policies(Policies::BLOCK)) {
            Ok(layout) => layout,
            Err(error) => return Err(error),
        };
        Self::behind(layout, size_of::<P>())
    }

    /// The pool behind that segment. Everything about it follows from the segment's header and the payload's size.
    pub(super) const fn behind(layout: Layout, payload: usize) -> Result<Self, SpecError> {
        let spec = layout.spec();
        let unit = if spec.line > 2 { spec.line as u64 } else { 2 };
        let counters = (layout.words() as u64).next_multiple_of(unit);
        let first = (counters + Cause::ALL.len() as u64).next_multiple_of(unit);
        let payload = (payload as u64).div_ceil(4).next_multiple_of(2);
        let stride = (FRONT + HEADER) as u64 + payload;
        let slots = (spec.capacity + SPARE) as u64;
        let words = first + stride * slots;
        if payload > PAGE_MAX as u64 * 1024 || words > u32::MAX as u64 {
            return Err(SpecError::TooLong { words });
        }
        Ok(Self {
            layout,
            counters: counters as u32,
            first: first as u32,
            stride: stride as u32,
            payload: payload as u32,
            slots: slots as u32,
            words: words as u32,
        })
    }

    /// The segment of the tickets.
    pub const fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Messages that the edge holds at most.
    pub const fn capacity(&self) -> u32 {
        self.layout.spec().capacity
    }

    /// Slots of the pool: four more than the edge holds, for what is being written.
    pub const fn slots(&self) -> u32 {
        self.slots
    }

    /// Length of the region in words.
    pub const fn words(&self) -> u32 {
        self.words
    }

    /// Length of the region in bytes.
    pub const fn bytes(&self) -> u64 {
        4 * self.words as u64
    }

    pub(super) const fn counter(&self, cause: Cause) -> u32 {
        self.counters + cause as u32
    }

    pub(super) const fn counters(&self) -> core::ops::Range<u32> {
        self.counters..self.counters + Cause::ALL.len() as u32
    }

    /// The first word of a slot.
    #[inline]
    pub(super) const fn slot(&self, index: u32) -> u32 {
        assert!(index < self.slots, "no such slot in the pool");
        self.first + index * self.stride
    }

    /// Words of a payload, rounded up to pairs.
    pub(super) const fn payload(&self) -> u32 {
        self.payload
    }
}

impl<P> core::fmt::Debug for Ticket<P> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("Ticket").field(&self.words).finish()
    }
}
