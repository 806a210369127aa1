//! Producers that write in place and cannot do without certain consumers: see [`Managed`].

use super::{FrameLoan, Loan, RunLoan, Trusting};
use crate::element::Plain;
use crate::frame::{FrameProducer, Roomy, Sink, VarProducer};
use crate::producer::{Deaf, Layered, Managed, Producer, Refused, Why};
use crate::required::{Alert, Required};
use crate::wait::{Idle, Until};
use tidemill_seam::{Clock, Exchange, Lend, Liveness};

impl<S: Layered> Layered for Trusting<S> {
    type Item = S::Item;
    type Region = S::Region;
    type World = S::World;

    fn items(&self) -> &Producer<S::Item, S::Region, S::World> {
        self.0.items()
    }

    fn items_mut(&mut self) -> &mut Producer<S::Item, S::Region, S::World> {
        self.0.items_mut()
    }
}

impl<S: Roomy> Roomy for Trusting<S>
where
    Self: Sink,
{
    fn ever(&self, len: usize) -> Result<(), Refused<()>> {
        self.0.ever(len)
    }

    fn room_for(&mut self, len: usize) -> Result<(), Why> {
        self.0.room_for(len)
    }
}

impl<S: Layered<World: Clock>> Trusting<S> {
    /// The same that cannot do without those consumers from now on.
    pub fn managed<const K: usize>(self, required: Required<K>) -> Managed<Self, Deaf, K> {
        Managed::new(self, required)
    }
}

/// Of items in place.
impl<E: Plain, R: Exchange + Lend, L: Liveness + Clock, H: FnMut(&Alert), const K: usize>
    Managed<Trusting<Producer<E, R, L>>, H, K>
{
    /// The place of the next item.
    ///
    /// # Errors
    /// [`Refused`], as for [`Producer::try_push`].
    pub fn try_loan(&mut self) -> Result<Loan<'_, E, R, L>, Refused<()>> {
        self.check().map_err(|why| Refused { item: (), why })?;
        self.beneath_mut().try_loan()
    }

    /// The place of the next item, once there is one.
    ///
    /// # Errors
    /// [`Refused`], as for [`Producer::publish`].
    pub fn loan(&mut self, until: Until<'_>) -> Result<Loan<'_, E, R, L>, Refused<()>>
    where
        L: Idle,
    {
        let room = self.await_with(until, |trusting| trusting.0.room(1));
        room.map_err(|why| Refused { item: (), why })?;
        self.beneath_mut().try_loan()
    }
}

/// Of messages in place, in parts.
impl<const N: usize, R: Exchange + Lend, L: Liveness + Clock, H: FnMut(&Alert), const K: usize>
    Managed<Trusting<FrameProducer<N, R, L>>, H, K>
{
    /// Room for the next message, of up to `len` bytes.
    ///
    /// # Errors
    /// [`Refused`], as for [`try_publish`](Self::try_publish).
    pub fn try_loan(&mut self, len: usize, kind: u8) -> Result<FrameLoan<'_, N, R, L>, Refused<()>> {
        self.checked_for(len)?.try_loan(len, kind)
    }

    /// Room for the next message, of up to `len` bytes, once there is some.
    ///
    /// # Errors
    /// [`Refused`], as for [`publish`](Self::publish).
    pub fn loan(
        &mut self,
        len: usize,
        kind: u8,
        until: Until<'_>,
    ) -> Result<FrameLoan<'_, N, R, L>, Refused<()>>
    where
        L: Idle,
    {
        self.await_message(len, until)?.try_loan(len, kind)
    }
}

/// Of messages in place, in runs.
impl<const G: usize, R: Exchange + Lend, L: Liveness + Clock, H: FnMut(&Alert), const K: usize>
    Managed<Trusting<VarProducer<G, R, L>>, H, K>
{
    /// Room for the next message, of up to `len` bytes.
    ///
    /// # Errors
    /// [`Refused`], as for [`try_publish`](Self::try_publish).
    pub fn try_loan(&mut self, len: usize, kind: u8) -> Result<RunLoan<'_, G, R, L>, Refused<()>> {
        self.checked_for(len)?.try_loan(len, kind)
    }

    /// Room for the next message, of up to `len` bytes, once there is some.
    ///
    /// # Errors
    /// [`Refused`], as for [`publish`](Self::publish).
    pub fn loan(
        &mut self,
        len: usize,
        kind: u8,
        until: Until<'_>,
    ) -> Result<RunLoan<'_, G, R, L>, Refused<()>>
    where
        L: Idle,
    {
        self.await_message(len, until)?.try_loan(len, kind)
    }
}
