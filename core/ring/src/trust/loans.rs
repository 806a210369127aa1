use super::Trusting;
use crate::codec::CodecId;
use crate::element::Plain;
use crate::frame::{Sink, TooLarge, TryFill, VarGrant, VarProducer};
use crate::producer::{Grant, Producer, Refused, Tended};
use crate::segment::Position;
use crate::wait::{Idle, Until};
use core::fmt;
use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;
use core::slice;
use tidemill_seam::{Exchange, Instant, Lend, Liveness};

/// The place of one item, which is written there. At first it is whatever lay there before. Dropping it shows nothing.
pub struct Loan<'p, E: Plain, R: Exchange, L: Liveness> {
    grant: Grant<'p, E, R, L>,
    item: NonNull<E>,
}

/// The place of one message, which is written there. At first it is whatever lay there before. Dropping it shows nothing.
pub struct RunLoan<'p, const G: usize, R: Exchange, L: Liveness> {
    grant: VarGrant<'p, G, R, L>,
    bytes: NonNull<u8>,
}

impl<E: Plain, R: Exchange + Lend, L: Liveness> Trusting<Producer<E, R, L>> {
    /// The place of the next item.
    ///
    /// # Errors
    /// [`Refused`], as for [`Producer::try_push`].
    #[inline]
    pub fn try_loan(&mut self) -> Result<Loan<'_, E, R, L>, Refused<()>> {
        let item = self.0.view().place(self.0.published().0).cast();
        Ok(Loan { grant: self.0.grant(1)?, item })
    }

    /// The place of the next item, once there is one.
    ///
    /// # Errors
    /// [`Refused`], as for [`Producer::publish`].
    pub fn loan(&mut self, until: Until<'_>) -> Result<Loan<'_, E, R, L>, Refused<()>>
    where
        L: Idle,
    {
        self.0.await_room(1, until).map_err(|why| Refused { item: (), why })?;
        self.try_loan()
    }

    /// What is due about those who hold the producer up: see [`Producer::tend`].
    pub fn tend(&mut self, now: Instant) -> Tended {
        self.0.tend(now)
    }
}

impl<const G: usize, R: Exchange + Lend, L: Liveness> Trusting<VarProducer<G, R, L>> {
    /// Room for the next message, of up to `len` bytes.
    ///
    /// # Errors
    /// [`Refused`], as for [`VarProducer::grant`].
    pub fn try_loan(&mut self, len: usize, kind: u8) -> Result<RunLoan<'_, G, R, L>, Refused<()>> {
        let grant = self.0.grant(len, kind)?;
        let bytes = grant.place();
        Ok(RunLoan { grant, bytes })
    }

    /// Room for the next message, of up to `len` bytes, once there is some.
    ///
    /// # Errors
    /// [`Refused`], as for [`VarProducer::publish`].
    pub fn loan(
        &mut self,
        len: usize,
        kind: u8,
        until: Until<'_>,
    ) -> Result<RunLoan<'_, G, R, L>, Refused<()>>
    where
        L: Idle,
    {
        self.0.await_run(len, until)?;
        self.try_loan(len, kind)
    }

    /// What is due about those who hold the producer up: see [`Producer::tend`].
    pub fn tend(&mut self, now: Instant) -> Tended {
        self.0.tend(now)
    }
}

impl<E: Plain, R: Exchange, L: Liveness> Loan<'_, E, R, L> {
    /// Which item it is to be.
    pub fn position(&self) -> Option<Position> {
        self.grant.position()
    }

    /// Shows the item.
    #[inline]
    pub fn commit(mut self) -> Position {
        self.grant.filled(1);
        self.grant.commit()
    }
}

impl<const G: usize, R: Exchange, L: Liveness> RunLoan<'_, G, R, L> {
    /// Shows a message of the first `len` bytes. Gives where it begins.
    ///
    /// # Errors
    /// [`TooLarge`] where there are fewer; nothing is shown then.
    pub fn commit(self, len: usize) -> Result<Position, TooLarge> {
        let max = self.grant.missing();
        if len > max { Err(TooLarge { max }) } else { Ok(self.grant.show_first(len as u32)) }
    }
}

impl<E: Plain, R: Exchange, L: Liveness> Deref for Loan<'_, E, R, L> {
    type Target = E;

    #[inline]
    fn deref(&self) -> &E {
        // SAFETY: as in `deref_mut`.
        unsafe { self.item.as_ref() }
    }
}

impl<E: Plain, R: Exchange, L: Liveness> DerefMut for Loan<'_, E, R, L> {
    #[inline]
    fn deref_mut(&mut self) -> &mut E {
        // SAFETY: a slot that was granted and is not shown, aligned as was found before the half was trusted. Nobody else
        // looks or writes there: its maker's promise. Every pattern of its bytes is an `E`.
        unsafe { self.item.as_mut() }
    }
}

impl<const G: usize, R: Exchange, L: Liveness> Deref for RunLoan<'_, G, R, L> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: as in `deref_mut`.
        unsafe { slice::from_raw_parts(self.bytes.as_ptr(), self.grant.missing()) }
    }
}

impl<const G: usize, R: Exchange, L: Liveness> DerefMut for RunLoan<'_, G, R, L> {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: a run of granules that was granted and is not shown, at least as many bytes. Nobody else looks or writes
        // there: the promise of whoever made the half.
        unsafe { slice::from_raw_parts_mut(self.bytes.as_ptr(), self.grant.missing()) }
    }
}

impl<const G: usize, R: Exchange + Lend, L: Liveness> Sink for Trusting<VarProducer<G, R, L>> {
    fn try_publish(&mut self, payload: &[u8], kind: u8) -> Result<Position, Refused<()>> {
        self.0.try_publish(payload, kind)
    }

    fn payload_max(&self) -> usize {
        self.0.payload_max()
    }

    fn codec(&self) -> CodecId {
        self.0.codec()
    }
}

impl<const G: usize, R: Exchange + Lend, L: Liveness> TryFill for Trusting<VarProducer<G, R, L>> {
    fn try_fill<X>(
        &mut self,
        len: usize,
        kind: u8,
        fill: impl FnOnce(&mut [u8]) -> Result<usize, X>,
    ) -> Result<Result<Position, X>, Refused<()>> {
        let mut loan = self.try_loan(len, kind)?;
        let filled = match fill(&mut loan) {
            Ok(filled) => filled,
            Err(error) => return Ok(Err(error)),
        };
        let shown = loan.commit(filled);
        Ok(Ok(shown.expect("whoever fills room does not say that it was longer")))
    }
}

impl<E: Plain, R: Exchange, L: Liveness> fmt::Debug for Loan<'_, E, R, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loan").field("at", &self.position()).finish_non_exhaustive()
    }
}

impl<const G: usize, R: Exchange, L: Liveness> fmt::Debug for RunLoan<'_, G, R, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunLoan").field("len", &self.grant.missing()).finish_non_exhaustive()
    }
}
