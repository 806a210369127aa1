use super::filling::Filling;
use super::{Fixed, Meta, Sink, Stamp, TooLarge, split};
use crate::codec::CodecId;
use crate::producer::{Grant, OpenError, Producer, Refused, Tended, Why};
use crate::segment::{Position, Segment};
use crate::table::Identity;
use crate::view::View;
use core::fmt;
use tidemill_seam::{Exchange, Instant, Liveness};

/// The half that publishes messages in parts of up to `N` bytes. All parts of a message are granted and shown together: who
/// dies or is refused in the middle published none of it (RL-15).
///
/// Dropping it ends the stream, as for a [`Producer`].
#[derive(Debug)]
pub struct FrameProducer<const N: usize, R: Exchange, L: Liveness> {
    pub(super) items: Producer<Fixed<N>, R, L>,
    pub(super) message: u32,
    pub(super) sent: Stamp,
}

/// Room for one message: filled in order, then shown. Dropping it shows nothing.
#[derive(Debug)]
pub struct FrameGrant<'p, const N: usize, R: Exchange, L: Liveness> {
    grant: Grant<'p, Fixed<N>, R, L>,
    message: &'p mut u32,
    filling: Filling<N>,
}

/// Places that were granted for the parts of one message, its number, and the header of its first part.
pub(crate) type Places<'p, const N: usize, R, L> = (Grant<'p, Fixed<N>, R, L>, &'p mut u32, Meta);

/// A message was to be shown of which bytes are missing. Nothing was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unfilled {
    /// How many.
    pub missing: usize,
}

impl<R: Exchange> Segment<R> {
    /// Produces messages in parts of up to `N` bytes.
    ///
    /// # Errors
    /// As for [`producer`](Self::producer).
    pub fn frame_producer<const N: usize, L: Liveness>(
        self,
        live: L,
        who: Identity,
    ) -> Result<FrameProducer<N, R, L>, OpenError> {
        self.producer(live, who).map(FrameProducer::over)
    }
}

impl<const N: usize, R: Exchange, L: Liveness> FrameProducer<N, R, L> {
    /// Messages over what `items` publishes.
    pub fn over(items: Producer<Fixed<N>, R, L>) -> Self {
        Self { items, message: 0, sent: Stamp::default() }
    }

    /// Bytes of the longest message.
    pub fn payload_max(&self) -> usize {
        self.items.batch_max().min(u32::from(u16::MAX)) as usize * N
    }

    /// From here on messages say that they were sent at `now`.
    pub fn stamp(&mut self, now: Instant) {
        self.sent = Stamp::of(now);
    }

    /// Publishes a payload, all parts of it together. Gives the position of the first.
    ///
    /// # Errors
    /// [`Refused`]; what never fits is [`Why::TooLarge`] at once, in bytes.
    pub fn try_publish(&mut self, payload: &[u8], kind: u8) -> Result<Position, Refused<()>> {
        let parts = split(payload, N, kind, self.message, self.sent);
        let parts = parts.map_err(|TooLarge { .. }| self.too_large())?;
        let max = self.too_large();
        let mut grant = self.items.grant(parts.len() as u32).map_err(|refused| bytes(refused, max))?;
        let mut slot = Fixed::<N>::new();
        for part in parts {
            let written = slot.write(part.meta, part.bytes);
            debug_assert!(written.is_ok(), "a part is as long as its slot at most");
            let _ = grant.put(slot);
        }
        self.message = self.message.wrapping_add(1);
        Ok(grant.commit())
    }

    /// Room for a message of `len` bytes, to be written and shown.
    ///
    /// # Errors
    /// As for [`try_publish`](Self::try_publish).
    pub fn grant(&mut self, len: usize, kind: u8) -> Result<FrameGrant<'_, N, R, L>, Refused<()>> {
        let (grant, message, meta) = self.places(len, kind)?;
        Ok(FrameGrant { grant, message, filling: Filling::new(meta, len) })
    }

    /// The places of the parts of a message of `len` bytes, its number, and the header of its first part, as far as it is known.
    pub(crate) fn places(&mut self, len: usize, kind: u8) -> Result<Places<'_, N, R, L>, Refused<()>> {
        let (parts, max) = (self.fits(len)?, self.too_large());
        let grant = self.items.grant(u32::from(parts)).map_err(|refused| bytes(refused, max))?;
        let meta = Meta { kind, len: 0, part: 0, parts, message: self.message, sent: self.sent };
        Ok((grant, &mut self.message, meta))
    }

    pub(crate) fn view(&self) -> &View<R> {
        self.items.view()
    }

    /// Parts of a message, where the ring ever holds it.
    pub(crate) fn fits(&self, len: usize) -> Result<u16, Refused<()>> {
        if len > self.payload_max() { Err(self.too_large()) } else { Ok(len.div_ceil(N).max(1) as u16) }
    }

    /// What is due about those who hold the producer up: see [`Producer::tend`].
    pub fn tend(&mut self, now: Instant) -> Tended {
        self.items.tend(now)
    }

    /// The producer of the parts.
    pub fn raw(&mut self) -> &mut Producer<Fixed<N>, R, L> {
        &mut self.items
    }

    /// Back to the producer of the parts: to close the stream, or to hand it over.
    pub fn into_raw(self) -> Producer<Fixed<N>, R, L> {
        self.items
    }

    pub(super) fn too_large(&self) -> Refused<()> {
        let max = u32::try_from(self.payload_max()).unwrap_or(u32::MAX);
        Refused { item: (), why: Why::TooLarge { max } }
    }
}

/// A refusal that counts bytes where it counted slots.
pub(super) fn bytes(refused: Refused<()>, max: Refused<()>) -> Refused<()> {
    if matches!(refused.why, Why::TooLarge { .. }) { max } else { refused }
}

impl<const N: usize, R: Exchange, L: Liveness> Sink for FrameProducer<N, R, L> {
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

impl<const N: usize, R: Exchange, L: Liveness> FrameGrant<'_, N, R, L> {
    /// Bytes that are to be written yet.
    pub fn missing(&self) -> usize {
        self.filling.missing()
    }

    /// Writes what comes next. Gives how many of the bytes there was room for.
    pub fn write(&mut self, bytes: &[u8]) -> usize {
        let grant = &mut self.grant;
        self.filling.write(bytes, |part| {
            let _ = grant.put(part);
        })
    }

    /// Shows the message. Gives the position of its first part.
    ///
    /// # Errors
    /// [`Unfilled`] where not all of it was written.
    pub fn commit(mut self) -> Result<Position, Unfilled> {
        if self.missing() > 0 {
            return Err(Unfilled { missing: self.missing() });
        }
        let _ = self.grant.put(self.filling.part());
        *self.message = self.message.wrapping_add(1);
        Ok(self.grant.commit())
    }
}

impl fmt::Display for Unfilled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes of the message are missing", self.missing)
    }
}

impl core::error::Error for Unfilled {}
