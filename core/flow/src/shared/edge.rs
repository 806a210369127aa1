use core::fmt;
use core::marker::PhantomData;

use tidemill_ring::header::{AttachError, Creator, Field, Incompatible, SegmentId};
use tidemill_ring::segment::{CreateError, PeerFault};
use tidemill_ring::table::Identity;
use tidemill_ring::{JoinError, Peer, Plain, Segment, Start};
use tidemill_seam::{Exchange, Liveness, Region};

use super::shape::{Shape, Ticket};
use super::{Rx, Tx};
use crate::edge::{Caps, Policy};
use crate::message::Payload;

/// An edge in a region that two processes share. A handle: it takes part in nothing, and each process makes its own.
///
/// ```
/// # extern crate alloc;
/// use tidemill_flow::shared::{Edge, Shape};
/// use tidemill_flow::{Caps, Header};
/// use tidemill_ring::header::{Creator, SegmentId};
/// use tidemill_ring::table::Identity;
/// use tidemill_ring::{Inline, Local, Next, Peer, PeerName};
/// use tidemill_seam::Instant;
///
/// let (live, memory) = (Local::new(), Inline::<4096>::new());
/// let shape = Shape::of::<u64>(8).unwrap();
/// let edge = Edge::<u64, _>::create(&memory, &shape, SegmentId(1), Creator::default(), &live).unwrap();
/// let mut rx = edge.clone().rx(&live, &Peer::new(PeerName::parse("sink").unwrap())).unwrap();
/// let mut tx = edge.tx(&live, Identity::default(), Caps::wait(8)).unwrap();
/// tx.push(Header::new(1, 1, Instant::ZERO), 42, Instant::ZERO).unwrap();
/// let Some(Next::Item(held)) = rx.peek() else { panic!("one was sent") };
/// assert_eq!(held.get(), 42);
/// ```
pub struct Edge<P, R> {
    pub(super) segment: Segment<R>,
    pub(super) shape: Shape,
    payload: PhantomData<fn() -> P>,
}

/// Why nobody sends over an edge through this handle.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OpenError {
    /// The tickets say so.
    Ring(tidemill_ring::producer::OpenError),
    /// No caps of an edge between processes: it evicts nothing, and holds no more than its capacity.
    Caps(Caps),
    /// A ticket was found that no producer writes, or two that name one slot.
    Fault(PeerFault),
}

impl<P: Payload + Plain, R: Region> Edge<P, R> {
    /// The edge that lies in `region`.
    ///
    /// # Errors
    /// [`AttachError`]: nothing is there yet, or something else is: the first field that is wrong.
    pub fn attach(region: R) -> Result<Self, AttachError> {
        Self::over(Segment::attach(region)?).map_err(AttachError::Incompatible)
    }

    fn over(segment: Segment<R>) -> Result<Self, Incompatible> {
        segment.holds::<Ticket<P>>()?;
        let layout = segment.header().layout;
        let shape = Shape::behind(layout, size_of::<P>())?;
        let want = Shape::over::<P>(*layout.spec())?;
        let (places, policies) = (layout.spec().participants, layout.spec().policies.bits());
        let differs = |field, got: u32, want: u32| {
            let (got, want) = (u64::from(got), u64::from(want));
            if got == want { Ok(()) } else { Err(Incompatible { field, got, want }) }
        };
        differs(Field::Kind, layout.spec().kind as u32, want.layout().spec().kind as u32)?;
        differs(Field::Participants, places, want.layout().spec().participants)?;
        differs(Field::Policies, policies, want.layout().spec().policies.bits())?;
        differs(Field::History, layout.spec().history, 0)?;
        let have = segment.region().words();
        if have < shape.words() {
            let (got, want) = (u64::from(have), u64::from(shape.words()));
            return Err(Incompatible { field: Field::Length, got, want });
        }
        Ok(Self { segment, shape, payload: PhantomData })
    }
}

impl<P, R> Edge<P, R> {
    /// Where everything lies.
    pub const fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The segment of its tickets: who takes part, how far they are, what happened.
    pub const fn segment(&self) -> &Segment<R> {
        &self.segment
    }
}

impl<P: Payload + Plain, R: Exchange> Edge<P, R> {
    /// Makes an edge of `region`, over whatever stood there before, unless somebody uses that.
    ///
    /// # Errors
    /// [`CreateError`], [`Short`](CreateError::Short) also where only the pool would not fit.
    ///
    /// # Panics
    /// If `shape` is one for other payloads.
    pub fn create<L: Liveness>(
        region: R,
        shape: &Shape,
        id: SegmentId,
        creator: Creator,
        live: &L,
    ) -> Result<Self, CreateError> {
        let (need, have) = (shape.words(), region.words());
        if have < need {
            return Err(CreateError::Short { need, have });
        }
        let segment = Segment::create(region, shape.layout().spec(), id, creator, live)?;
        Ok(Self::over(segment).expect("the shape is one for these payloads"))
    }
}

impl<P: Payload + Plain, R: Exchange + Clone> Edge<P, R> {
    /// The end that sends: the first, or the next after one that closed or is proved dead (X1, X4).
    ///
    /// # Errors
    /// [`OpenError`]: another producer, caps that an edge between processes has not, or a ticket that is wrong.
    pub fn tx<L: Liveness>(self, live: L, who: Identity, caps: Caps) -> Result<Tx<P, R, L>, OpenError> {
        let lossless = matches!(caps.policy, Policy::Wait | Policy::DropNewest);
        if !lossless || caps.hard_items == 0 || caps.hard_items > self.shape.capacity() {
            return Err(OpenError::Caps(caps));
        }
        let producer = self.segment.clone().producer(live, who).map_err(OpenError::Ring)?;
        Tx::new(producer, self, caps)
    }

    /// The end that receives: at the first item that the last one of this name had not released, where its place was kept,
    /// and otherwise at the oldest that is intact (X3).
    ///
    /// # Errors
    /// [`JoinError`]: another consumer, among others.
    pub fn rx<L: Liveness>(self, live: L, peer: &Peer) -> Result<Rx<P, R, L>, JoinError> {
        let consumer = self.segment.clone().consumer(live, peer, Start::Resume)?;
        Ok(Rx::new(consumer, self))
    }
}

impl<P, R: Clone> Clone for Edge<P, R> {
    fn clone(&self) -> Self {
        Self { segment: self.segment.clone(), shape: self.shape, payload: PhantomData }
    }
}

impl<P, R> fmt::Debug for Edge<P, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Edge").field("shape", &self.shape).finish_non_exhaustive()
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ring(error) => fmt::Display::fmt(error, f),
            Self::Caps(caps) => write!(f, "an edge between processes has no such caps: {caps:?}"),
            Self::Fault(fault) => fmt::Display::fmt(fault, f),
        }
    }
}

impl core::error::Error for OpenError {}
