//! Messages in parts that are written where they will lie.

use super::{Half, NotInPlace, Trusting, aligned, gates};
use crate::codec::CodecId;
use crate::frame::{Fixed, FrameProducer, Meta, Places, Sink, TooLarge, TryFill};
use crate::producer::{Grant, Refused, Tended, Why};
use crate::segment::Position;
use crate::wait::{Idle, Until};
use core::fmt;
use tidemill_seam::{Exchange, Instant, Lend, Liveness};

/// The places of the parts of one message, which is written there. At first they are whatever lay there before. Dropping it shows
/// nothing.
pub struct FrameLoan<'p, const N: usize, R: Exchange, L: Liveness> {
    grant: Grant<'p, Fixed<N>, R, L>,
    /// Where its first part is to lie.
    first: u64,
    message: &'p mut u32,
    meta: Meta,
    len: usize,
}

impl<const N: usize, R: Exchange + Lend, L: Liveness> Half for FrameProducer<N, R, L> {
    fn fits(&self) -> Result<(), NotInPlace> {
        let view = self.view();
        aligned(view, align_of::<Fixed<N>>())?;
        gates(view.layout().spec().policies)
    }
}

impl<const N: usize, R: Exchange + Lend, L: Liveness> Trusting<FrameProducer<N, R, L>> {
    /// Room for the next message, of up to `len` bytes.
    ///
    /// # Errors
    /// [`Refused`], as for [`FrameProducer::grant`].
    pub fn try_loan(&mut self, len: usize, kind: u8) -> Result<FrameLoan<'_, N, R, L>, Refused<()>> {
        let (grant, message, meta): Places<'_, N, R, L> = self.0.places(len, kind)?;
        let first = grant.position().map_or(0, |first| first.0);
        Ok(FrameLoan { grant, first, message, meta, len })
    }

    /// Room for the next message, of up to `len` bytes, once there is some.
    ///
    /// # Errors
    /// [`Refused`], as for [`FrameProducer::publish`].
    pub fn loan(
        &mut self,
        len: usize,
        kind: u8,
        until: Until<'_>,
    ) -> Result<FrameLoan<'_, N, R, L>, Refused<()>>
    where
        L: Idle,
    {
        let parts = self.0.fits(len)?;
        self.0.raw().await_room(u32::from(parts), until).map_err(|why| Refused { item: (), why })?;
        self.try_loan(len, kind)
    }

    /// From here on messages say that they were sent at `now`.
    pub fn stamp(&mut self, now: Instant) {
        self.0.stamp(now);
    }

    /// What is due about those who hold the producer up: see [`Producer::tend`](crate::Producer::tend).
    pub fn tend(&mut self, now: Instant) -> Tended {
        self.0.tend(now)
    }
}

impl<const N: usize, R: Exchange + Lend, L: Liveness> FrameLoan<'_, N, R, L> {
    /// Room for each part, in order: `N` bytes, and for the last what is left of the message.
    pub fn parts(&mut self) -> impl Iterator<Item = &mut [u8]> {
        let (loan, len) = (&*self, self.len);
        (0..loan.meta.parts).map(move |part| {
            // SAFETY: the loan is borrowed for as long as its parts are, and every part is asked for once.
            let slot = unsafe { loan.slot(part) };
            &mut slot.room()[..(len - usize::from(part) * N).min(N)]
        })
    }

    /// All of the room, where it is one part.
    pub fn whole(&mut self) -> Option<&mut [u8]> {
        if self.meta.parts == 1 { self.parts().next() } else { None }
    }

    /// Where the message is to begin.
    pub fn position(&self) -> Position {
        Position(self.first)
    }

    /// Shows a message of the first `len` bytes, with all parts full but the last. Gives where it begins.
    ///
    /// # Errors
    /// [`TooLarge`] where there are fewer; nothing is shown then.
    pub fn commit(mut self, len: usize) -> Result<Position, TooLarge> {
        if len > self.len {
            return Err(TooLarge { max: self.len });
        }
        let parts = len.div_ceil(N).max(1) as u16;
        for part in 0..parts {
            let len = (len - usize::from(part) * N).min(N) as u32;
            // SAFETY: nobody else has a part of a loan that is consumed.
            let done = unsafe { self.slot(part) }.commit(Meta { len, part, parts, ..self.meta });
            debug_assert!(done.is_ok(), "a part is as long as its slot at most");
        }
        *self.message = self.message.wrapping_add(1);
        self.grant.filled(u32::from(parts));
        Ok(self.grant.commit())
    }

    /// The slot of a part.
    ///
    /// # Safety
    /// There is such a part, and while the reference lives no other to it.
    #[expect(clippy::mut_from_ref, reason = "each part is asked for once, by whoever has the loan alone")]
    unsafe fn slot(&self, part: u16) -> &mut Fixed<N> {
        let slot = self.grant.view().place(self.first + u64::from(part));
        // SAFETY: a slot that was granted and is not shown, aligned as was found before the half was trusted. Nobody else looks or
        // writes there: the promise of whoever made the half, and of the caller. Every pattern of its bytes is a part.
        unsafe { slot.cast().as_mut() }
    }
}

impl<const N: usize, R: Exchange + Lend, L: Liveness> Sink for Trusting<FrameProducer<N, R, L>> {
    /// Copies the payload once, to where it will lie.
    fn try_publish(&mut self, payload: &[u8], kind: u8) -> Result<Position, Refused<()>> {
        let mut loan = self.try_loan(payload.len(), kind)?;
        for (room, bytes) in loan.parts().zip(payload.chunks(N)) {
            room.copy_from_slice(bytes);
        }
        Ok(loan.commit(payload.len()).expect("as many bytes as were granted"))
    }

    fn payload_max(&self) -> usize {
        self.0.payload_max()
    }

    fn codec(&self) -> CodecId {
        self.0.codec()
    }
}

impl<const N: usize, R: Exchange + Lend, L: Liveness> TryFill for Trusting<FrameProducer<N, R, L>> {
    fn room_max(&self) -> usize {
        N
    }

    /// Room in one piece is that of one part: [`Why::TooLarge`] where more is asked for.
    fn try_fill<X>(
        &mut self,
        len: usize,
        kind: u8,
        fill: impl FnOnce(&mut [u8]) -> Result<usize, X>,
    ) -> Result<Result<Position, X>, Refused<()>> {
        let mut loan = self.try_loan(len.min(N + 1), kind)?;
        let Some(room) = loan.whole() else {
            return Err(Refused { item: (), why: Why::TooLarge { max: Fixed::<N>::LEN_MAX } });
        };
        let filled = match fill(room) {
            Ok(filled) => filled,
            Err(error) => return Ok(Err(error)),
        };
        let shown = loan.commit(filled);
        Ok(Ok(shown.expect("whoever fills room does not say that it was longer")))
    }
}

impl<const N: usize, R: Exchange, L: Liveness> fmt::Debug for FrameLoan<'_, N, R, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameLoan").field("at", &self.first).field("len", &self.len).finish_non_exhaustive()
    }
}
