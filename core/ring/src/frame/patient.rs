//! The same verbs with a wait, in a world where one can rest.

use super::producer::bytes;
use super::{Fixed, FrameProducer, Message, Sink, Source, TooLarge, Var, VarProducer, split};
use crate::follow::Next;
use crate::producer::Refused;
use crate::segment::Position;
use crate::wait::{Ended, Idle, Until};
use tidemill_seam::{Exchange, Liveness};

/// Where messages go, once there is room.
pub trait PatientSink: Sink {
    /// Publishes a payload whole, once there is room. Gives where it begins.
    ///
    /// # Errors
    /// [`Refused`]: by the deadline for the reason that stood in the way then, and at once where waiting does not help.
    fn publish(&mut self, payload: &[u8], kind: u8, until: Until<'_>) -> Result<Position, Refused<()>>;
}

/// Where messages come from, sooner or later.
pub trait PatientSource: Source {
    /// Shows the next message to `each`, where that is what comes next; it is taken then.
    ///
    /// # Errors
    /// [`Ended`] where nothing came.
    fn hear_until<O>(
        &mut self,
        until: Until<'_>,
        each: impl FnOnce(Message<'_>, Position) -> O,
    ) -> Result<Next<O>, Ended>;
}

impl<const N: usize, R: Exchange, L: Liveness + Idle> FrameProducer<N, R, L> {
    /// As [`try_publish`](Self::try_publish), once there is room for all parts together. Meanwhile it sees to those who hold
    /// it up.
    ///
    /// # Errors
    /// As for [`Producer::publish`](crate::Producer::publish); what never fits is refused at once, in bytes.
    pub fn publish(&mut self, payload: &[u8], kind: u8, until: Until<'_>) -> Result<Position, Refused<()>> {
        let max = self.too_large();
        let parts = split(payload, N, kind, self.message, self.sent);
        let mut parts = parts.map_err(|TooLarge { .. }| self.too_large())?;
        let mut slot = Fixed::<N>::new();
        let fill = |_| {
            if let Some(part) = parts.next() {
                let written = slot.write(part.meta, part.bytes);
                debug_assert!(written.is_ok(), "a part is as long as its slot at most");
            }
            slot
        };
        let n = payload.len().div_ceil(N).max(1) as u32;
        let published = self.items.batch(n, fill, until);
        let at = published.map_err(|Refused { why, .. }| bytes(Refused { item: (), why }, max))?;
        self.message = self.message.wrapping_add(1);
        Ok(at)
    }
}

impl<const G: usize, R: Exchange, L: Liveness + Idle> VarProducer<G, R, L> {
    /// As [`try_publish`](Self::try_publish), once there is room. Meanwhile it sees to those who hold it up.
    ///
    /// # Errors
    /// As for [`Producer::publish`](crate::Producer::publish); what never fits is refused at once, in bytes.
    pub fn publish(&mut self, payload: &[u8], kind: u8, until: Until<'_>) -> Result<Position, Refused<()>> {
        self.await_run(payload.len(), until)?;
        self.try_publish(payload, kind)
    }

    /// Waits for room for a message of `len` bytes; a gap at the end of the ring is passed.
    pub(crate) fn await_run(&mut self, len: usize, until: Until<'_>) -> Result<(), Refused<()>> {
        self.fits(len)?;
        let refused = |why| Refused { item: (), why };
        let granules = Var::<G>::granules(len) as u32;
        let left = self.left();
        if granules > left {
            self.items.await_room(left, until).map_err(refused)?;
            self.skip(left)?;
        }
        self.items.await_room(granules, until).map_err(refused)
    }
}

impl<const N: usize, R: Exchange, L: Liveness + Idle> PatientSink for FrameProducer<N, R, L> {
    fn publish(&mut self, payload: &[u8], kind: u8, until: Until<'_>) -> Result<Position, Refused<()>> {
        self.publish(payload, kind, until)
    }
}

impl<const G: usize, R: Exchange, L: Liveness + Idle> PatientSink for VarProducer<G, R, L> {
    fn publish(&mut self, payload: &[u8], kind: u8, until: Until<'_>) -> Result<Position, Refused<()>> {
        self.publish(payload, kind, until)
    }
}
