//! Producers of messages that cannot do without certain consumers: see [`Managed`].

use super::{Fixed, FrameGrant, FrameProducer, Sink, Var, VarGrant, VarProducer};
use crate::producer::{Deaf, Layered, Managed, Producer, Refused, Why};
use crate::required::{Alert, Required};
use crate::segment::Position;
use crate::wait::{Idle, Until};
use tidemill_seam::{Clock, Exchange, Instant, Liveness};

/// A producer of messages, which knows what room one takes.
pub trait Roomy: Sink + Layered {
    /// Whether the ring ever holds a message of `len` bytes.
    ///
    /// # Errors
    /// [`Refused`] with [`Why::TooLarge`], in bytes.
    fn ever(&self, len: usize) -> Result<(), Refused<()>>;

    /// Whether there is room for a message of `len` bytes, looked for where none is known. A gap at the end of the ring is
    /// passed once there is room for it.
    ///
    /// # Errors
    /// Why there is none.
    fn room_for(&mut self, len: usize) -> Result<(), Why>;
}

impl<const N: usize, R: Exchange, L: Liveness> Layered for FrameProducer<N, R, L> {
    type Item = Fixed<N>;
    type Region = R;
    type World = L;

    fn items(&self) -> &Producer<Fixed<N>, R, L> {
        &self.items
    }

    fn items_mut(&mut self) -> &mut Producer<Fixed<N>, R, L> {
        &mut self.items
    }
}

impl<const N: usize, R: Exchange, L: Liveness> Roomy for FrameProducer<N, R, L> {
    fn ever(&self, len: usize) -> Result<(), Refused<()>> {
        self.fits(len).map(|_| ())
    }

    fn room_for(&mut self, len: usize) -> Result<(), Why> {
        let parts = self.fits(len).map_err(|refused| refused.why)?;
        self.items.room(u32::from(parts))
    }
}

impl<const G: usize, R: Exchange, L: Liveness> Layered for VarProducer<G, R, L> {
    type Item = Var<G>;
    type Region = R;
    type World = L;

    fn items(&self) -> &Producer<Var<G>, R, L> {
        &self.items
    }

    fn items_mut(&mut self) -> &mut Producer<Var<G>, R, L> {
        &mut self.items
    }
}

impl<const G: usize, R: Exchange, L: Liveness> Roomy for VarProducer<G, R, L> {
    fn ever(&self, len: usize) -> Result<(), Refused<()>> {
        self.fits(len).map(|_| ())
    }

    fn room_for(&mut self, len: usize) -> Result<(), Why> {
        let why = |refused: Refused<()>| refused.why;
        self.fits(len).map_err(why)?;
        let (granules, left) = (Var::<G>::granules(len) as u32, self.left());
        if granules > left {
            self.items.room(left)?;
            self.skip(left).map_err(why)?;
        }
        self.items.room(granules)
    }
}

impl<const N: usize, R: Exchange, L: Liveness + Clock> FrameProducer<N, R, L> {
    /// The same that cannot do without those consumers from now on.
    pub fn managed<const K: usize>(self, required: Required<K>) -> Managed<Self, Deaf, K> {
        Managed::new(self, required)
    }
}

impl<const G: usize, R: Exchange, L: Liveness + Clock> VarProducer<G, R, L> {
    /// The same that cannot do without those consumers from now on.
    pub fn managed<const K: usize>(self, required: Required<K>) -> Managed<Self, Deaf, K> {
        Managed::new(self, required)
    }
}

/// Of messages.
impl<F: Roomy<World: Clock>, H: FnMut(&Alert), const K: usize> Managed<F, H, K> {
    /// Bytes of the longest message.
    pub fn payload_max(&self) -> usize {
        self.beneath().payload_max()
    }

    /// Publishes a payload whole. Gives where it begins.
    ///
    /// # Errors
    /// [`Refused`]; what never fits is [`Why::TooLarge`] at once, in bytes.
    pub fn try_publish(&mut self, payload: &[u8], kind: u8) -> Result<Position, Refused<()>> {
        self.checked_for(payload.len())?.try_publish(payload, kind)
    }

    /// As [`try_publish`](Self::try_publish), once there is room.
    ///
    /// # Errors
    /// [`Refused`], as for [`Producer::publish`]; what never fits is refused at once, in bytes.
    pub fn publish(&mut self, payload: &[u8], kind: u8, until: Until<'_>) -> Result<Position, Refused<()>>
    where
        F::World: Idle,
    {
        self.await_message(payload.len(), until)?.try_publish(payload, kind)
    }

    /// The producer, for a message of `len` bytes, once those who are required were looked after.
    pub(crate) fn checked_for(&mut self, len: usize) -> Result<&mut F, Refused<()>> {
        self.beneath().ever(len)?;
        self.check().map_err(|why| Refused { item: (), why })?;
        Ok(self.beneath_mut())
    }

    /// The producer, once it has room for a message of `len` bytes.
    pub(crate) fn await_message(&mut self, len: usize, until: Until<'_>) -> Result<&mut F, Refused<()>>
    where
        F::World: Idle,
    {
        self.beneath().ever(len)?;
        self.await_with(until, |frames| frames.room_for(len)).map_err(|why| Refused { item: (), why })?;
        Ok(self.beneath_mut())
    }
}

/// Of messages in parts.
impl<const N: usize, R: Exchange, L: Liveness + Clock, H: FnMut(&Alert), const K: usize>
    Managed<FrameProducer<N, R, L>, H, K>
{
    /// As [`FrameProducer::grant`].
    ///
    /// # Errors
    /// As for [`try_publish`](Self::try_publish).
    pub fn grant(&mut self, len: usize, kind: u8) -> Result<FrameGrant<'_, N, R, L>, Refused<()>> {
        self.checked_for(len)?.grant(len, kind)
    }

    /// As [`FrameProducer::stamp`].
    pub fn stamp(&mut self, now: Instant) {
        self.beneath_mut().stamp(now);
    }
}

/// Of messages in runs.
impl<const G: usize, R: Exchange, L: Liveness + Clock, H: FnMut(&Alert), const K: usize>
    Managed<VarProducer<G, R, L>, H, K>
{
    /// As [`VarProducer::grant`].
    ///
    /// # Errors
    /// As for [`try_publish`](Self::try_publish).
    pub fn grant(&mut self, len: usize, kind: u8) -> Result<VarGrant<'_, G, R, L>, Refused<()>> {
        self.checked_for(len)?.grant(len, kind)
    }
}
