use super::pieces::Pieces;
use super::{Var, inscribe, is_granular};
use crate::codec::CodecId;
use crate::frame::producer::bytes;
use crate::frame::{Sink, Unfilled};
use crate::header::Incompatible;
use crate::index::{Mark, Span};
use crate::producer::{Grant, OpenError, Producer, Refused, Tended, Why};
use crate::segment::{Position, Segment};
use crate::table::{Identity, Policies};
use core::ptr::NonNull;
use tidemill_seam::{Exchange, Instant, Lend, Liveness};

/// The half that publishes messages of any length, each in one run of granules of `G` bytes.
///
/// A run that would not end before the ring does begins at its start instead; the gap before it is shown first, and is
/// nobody's message. Dropping it ends the stream, as for a [`Producer`].
#[derive(Debug)]
pub struct VarProducer<const G: usize, R: Exchange, L: Liveness> {
    pub(in crate::frame) items: Producer<Var<G>, R, L>,
}

/// Room for one message: written in order, then shown. Dropping it shows nothing.
#[derive(Debug)]
pub struct VarGrant<'p, const G: usize, R: Exchange, L: Liveness> {
    grant: Grant<'p, Var<G>, R, L>,
    span: Span,
    pieces: Pieces,
}

impl<R: Exchange> Segment<R> {
    /// Produces messages in granules of `G` bytes.
    ///
    /// # Errors
    /// As for [`producer`](Self::producer); a segment of another kind is [`OpenError::Incompatible`].
    pub fn var_producer<const G: usize, L: Liveness>(
        self,
        live: L,
        who: Identity,
    ) -> Result<VarProducer<G, R, L>, OpenError> {
        is_granular(self.header().layout.spec()).map_err(OpenError::Incompatible)?;
        Ok(VarProducer { items: self.producer(live, who)? })
    }
}

impl<const G: usize, R: Exchange, L: Liveness> VarProducer<G, R, L> {
    /// Messages over what `items` publishes.
    ///
    /// # Errors
    /// [`Incompatible`] where the segment has no index.
    pub fn over(items: Producer<Var<G>, R, L>) -> Result<Self, Incompatible> {
        is_granular(items.view().layout().spec())?;
        Ok(Self { items })
    }

    /// Bytes of the longest message.
    pub fn payload_max(&self) -> usize {
        self.items.batch_max() as usize * G
    }

    /// Publishes a payload. Gives where it begins.
    ///
    /// # Errors
    /// [`Refused`]; what never fits is [`Why::TooLarge`] at once, in bytes.
    pub fn try_publish(&mut self, payload: &[u8], kind: u8) -> Result<Position, Refused<()>> {
        let mut grant = self.grant(payload.len(), kind)?;
        grant.write(payload);
        Ok(grant.show())
    }

    /// Room for a message of `len` bytes, to be written and shown.
    ///
    /// # Errors
    /// As for [`try_publish`](Self::try_publish).
    pub fn grant(&mut self, len: usize, kind: u8) -> Result<VarGrant<'_, G, R, L>, Refused<()>> {
        let span = self.fits(len)?;
        let granules = Var::<G>::granules(len) as u32;
        let left = self.left();
        if granules > left {
            self.skip(left)?;
        }
        let (at, max) = (self.items.published().0, self.too_large());
        let grant = self.items.grant(granules).map_err(|refused| bytes(refused, max))?;
        let span = Span { len: span, kind, ..Span::default() };
        Ok(VarGrant { grant, span, pieces: Pieces::new(at, len) })
    }

    /// The length of a message, where the ring ever holds it.
    pub(in crate::frame) fn fits(&self, len: usize) -> Result<u32, Refused<()>> {
        let len = u32::try_from(len).ok().filter(|_| len <= self.payload_max());
        len.ok_or_else(|| self.too_large())
    }

    fn too_large(&self) -> Refused<()> {
        let max = u32::try_from(self.payload_max()).unwrap_or(u32::MAX);
        Refused { item: (), why: Why::TooLarge { max } }
    }

    /// Who may take part.
    pub(crate) fn policies(&self) -> Policies {
        self.items.view().layout().spec().policies
    }

    /// Granules up to the end of the ring.
    pub(in crate::frame) fn left(&self) -> u32 {
        let capacity = self.items.capacity();
        capacity - (self.items.published().0 % u64::from(capacity)) as u32
    }

    /// Passes the end of the ring, which is `left` granules away: fewer than the message has that comes next.
    pub(in crate::frame) fn skip(&mut self, left: u32) -> Result<(), Refused<()>> {
        let at = self.items.published().0;
        let mut gap = self.items.grant(left)?;
        inscribe(gap.view(), at, Mark::Skip, Span { len: left, ..Span::default() });
        gap.filled(left);
        gap.commit();
        Ok(())
    }

    /// What is due about those who hold the producer up: see [`Producer::tend`].
    pub fn tend(&mut self, now: Instant) -> Tended {
        self.items.tend(now)
    }

    /// The position of the next granule.
    pub fn published(&self) -> Position {
        self.items.published()
    }

    /// Ends the stream: see [`Producer::close`].
    pub fn close(self) {
        self.items.close();
    }

    /// Ends the stream because somebody who is needed is missing.
    pub fn shut_down(self) {
        self.items.shut_down();
    }

    /// Goes, and leaves the stream open for the next producer.
    pub fn hand_over(self) {
        self.items.hand_over();
    }
}

impl<const G: usize, R: Exchange, L: Liveness> Sink for VarProducer<G, R, L> {
    fn try_publish(&mut self, payload: &[u8], kind: u8) -> Result<Position, Refused<()>> {
        self.try_publish(payload, kind)
    }

    fn payload_max(&self) -> usize {
        self.payload_max()
    }

    fn codec(&self) -> CodecId {
        CodecId(self.items.view().layout().spec().codec)
    }
}

impl<const G: usize, R: Exchange, L: Liveness> VarGrant<'_, G, R, L> {
    /// Bytes that are to be written yet.
    pub fn missing(&self) -> usize {
        self.pieces.missing()
    }

    /// Writes what comes next. Gives how many of the bytes there was room for.
    pub fn write(&mut self, bytes: &[u8]) -> usize {
        self.pieces.write(self.grant.view(), bytes)
    }

    /// Shows the message. Gives where it begins.
    ///
    /// # Errors
    /// [`Unfilled`] where not all of it was written.
    pub fn commit(self) -> Result<Position, Unfilled> {
        match self.missing() {
            0 => Ok(self.show()),
            missing => Err(Unfilled { missing }),
        }
    }

    /// Where the message is to lie.
    pub(crate) fn place(&self) -> NonNull<u8>
    where
        R: Lend,
    {
        self.grant.view().place(self.pieces.at)
    }

    /// Shows a message of the first `len` bytes, written by other means: no more than were granted.
    pub(crate) fn show_first(mut self, len: u32) -> Position {
        self.span.len = len;
        self.show()
    }

    fn show(mut self) -> Position {
        inscribe(self.grant.view(), self.pieces.at, Mark::Committed, self.span);
        self.grant.filled(Var::<G>::granules(self.span.len as usize) as u32);
        self.grant.commit()
    }
}
