//! Messages in parts, of one among several producers.
//!
//! The parts of a message are claimed by one exchange (RL-11), so they are neighbours, and are seen at once or not at all, whoever
//! dies. So whoever takes them keeps one message at a time: a part of another owner, or a gap, ends the one that is open.

use super::filling::Filling;
use super::producer::bytes;
use super::{Fixed, Meta, PatientSink, Sink, Stamp, TooLarge, Unfilled, split};
use crate::codec::CodecId;
use crate::multi::{Claims, MultiProducer};
use crate::producer::{OpenError, Refused, Tended, Why};
use crate::segment::{Position, Segment};
use crate::table::Identity;
use crate::wait::{Idle, Until};
use tidemill_seam::{Exchange, Instant, Liveness};

/// One of several that publish messages in parts of up to `N` bytes. All parts of a message are claimed and shown together: who
/// dies or is refused in the middle published none of it (RL-15), and nobody else's part comes in between.
///
/// Dropping it leaves its place to another, as for a [`MultiProducer`].
#[derive(Debug)]
pub struct MultiFrameProducer<const N: usize, R: Exchange, L: Liveness> {
    items: MultiProducer<Fixed<N>, R, L>,
    message: u32,
    sent: Stamp,
}

/// Places for one message that are claimed: filled in order, then shown. Dropping it leaves gaps, which consumers pass.
///
/// Nothing behind it is read before that is decided.
#[derive(Debug)]
pub struct MultiFrameGrant<'p, const N: usize, R: Exchange, L: Liveness> {
    claims: Claims<'p, Fixed<N>, R, L>,
    message: &'p mut u32,
    filling: Filling<N>,
}

impl<R: Exchange> Segment<R> {
    /// Produces messages in parts of up to `N` bytes, beside others.
    ///
    /// # Errors
    /// As for [`multi_producer`](Self::multi_producer).
    pub fn multi_frame_producer<const N: usize, L: Liveness>(
        self,
        live: L,
        who: Identity,
    ) -> Result<MultiFrameProducer<N, R, L>, OpenError> {
        self.multi_producer(live, who).map(MultiFrameProducer::over)
    }
}

impl<const N: usize, R: Exchange, L: Liveness> MultiFrameProducer<N, R, L> {
    /// Messages over what `items` publishes.
    pub fn over(items: MultiProducer<Fixed<N>, R, L>) -> Self {
        Self { items, message: 0, sent: Stamp::default() }
    }

    /// Bytes of the longest message: of as many parts as one [batch](MultiProducer::batch_max) may have.
    pub fn payload_max(&self) -> usize {
        self.items.batch_max() as usize * N
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
        self.publish_by(payload, kind, MultiProducer::claims)
    }

    /// As [`try_publish`](Self::try_publish), once there is room for all parts together. Meanwhile it sees to those who hold
    /// it up.
    ///
    /// # Errors
    /// As for [`MultiProducer::publish`]; what never fits is refused at once, in bytes.
    pub fn publish(&mut self, payload: &[u8], kind: u8, until: Until<'_>) -> Result<Position, Refused<()>>
    where
        L: Idle,
    {
        self.publish_by(payload, kind, |items, n| items.claims_until(n, until))
    }

    /// Places for a message of `len` bytes, to be written and shown.
    ///
    /// # Errors
    /// As for [`try_publish`](Self::try_publish).
    pub fn grant(&mut self, len: usize, kind: u8) -> Result<MultiFrameGrant<'_, N, R, L>, Refused<()>> {
        let max = self.too_large();
        if len > self.payload_max() {
            return Err(max);
        }
        let parts = len.div_ceil(N).max(1) as u16;
        let meta = Meta { kind, len: 0, part: 0, parts, message: self.message, sent: self.sent };
        let claims = self.items.claims(u32::from(parts)).map_err(|refused| bytes(refused, max))?;
        Ok(MultiFrameGrant { claims, message: &mut self.message, filling: Filling::new(meta, len) })
    }

    /// The claim of its place: see [`MultiProducer::slot`].
    pub fn slot(&self) -> u32 {
        self.items.slot()
    }

    /// What is due about those who hold the producers up: see [`MultiProducer::tend`].
    pub fn tend(&mut self, now: Instant) -> Tended {
        self.items.tend(now)
    }

    /// The producer of the parts.
    pub fn raw(&mut self) -> &mut MultiProducer<Fixed<N>, R, L> {
        &mut self.items
    }

    /// Back to the producer of the parts.
    pub fn into_raw(self) -> MultiProducer<Fixed<N>, R, L> {
        self.items
    }

    fn publish_by(
        &mut self,
        payload: &[u8],
        kind: u8,
        claim: impl for<'p> FnOnce(
            &'p mut MultiProducer<Fixed<N>, R, L>,
            u32,
        ) -> Result<Claims<'p, Fixed<N>, R, L>, Refused<()>>,
    ) -> Result<Position, Refused<()>> {
        let max = self.too_large();
        let parts = split(payload, N, kind, self.message, self.sent);
        let parts = parts.map_err(|TooLarge { .. }| self.too_large())?;
        let mut claims = claim(&mut self.items, parts.len() as u32).map_err(|refused| bytes(refused, max))?;
        let mut slot = Fixed::<N>::new();
        for part in parts {
            let written = slot.write(part.meta, part.bytes);
            debug_assert!(written.is_ok(), "a part is as long as its slot at most");
            let _ = claims.put(slot);
        }
        self.message = self.message.wrapping_add(1);
        Ok(claims.commit())
    }

    fn too_large(&self) -> Refused<()> {
        let max = u32::try_from(self.payload_max()).unwrap_or(u32::MAX);
        Refused { item: (), why: Why::TooLarge { max } }
    }
}

impl<const N: usize, R: Exchange, L: Liveness> Sink for MultiFrameProducer<N, R, L> {
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

impl<const N: usize, R: Exchange, L: Liveness + Idle> PatientSink for MultiFrameProducer<N, R, L> {
    fn publish(&mut self, payload: &[u8], kind: u8, until: Until<'_>) -> Result<Position, Refused<()>> {
        self.publish(payload, kind, until)
    }
}

impl<const N: usize, R: Exchange, L: Liveness> MultiFrameGrant<'_, N, R, L> {
    /// Bytes that are to be written yet.
    pub fn missing(&self) -> usize {
        self.filling.missing()
    }

    /// Writes what comes next. Gives how many of the bytes there was room for.
    pub fn write(&mut self, bytes: &[u8]) -> usize {
        let claims = &mut self.claims;
        self.filling.write(bytes, |part| {
            let _ = claims.put(part);
        })
    }

    /// Shows the message. Gives the position of its first part.
    ///
    /// # Errors
    /// [`Unfilled`] where not all of it was written: gaps are left then.
    pub fn commit(mut self) -> Result<Position, Unfilled> {
        if self.missing() > 0 {
            return Err(Unfilled { missing: self.missing() });
        }
        let _ = self.claims.put(self.filling.part());
        *self.message = self.message.wrapping_add(1);
        Ok(self.claims.commit())
    }
}
