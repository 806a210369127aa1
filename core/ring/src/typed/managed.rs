//! Producers of values that cannot do without certain consumers: see [`Managed`].

use super::{PublishError, TypedProducer};
use crate::codec::Codec;
use crate::frame::{Roomy, TryFill};
use crate::producer::{Deaf, Layered, Managed, Producer, Refused, Why};
use crate::required::{Alert, Required};
use crate::segment::Position;
use crate::wait::{Idle, Until};
use tidemill_seam::Clock;

impl<T, C, F: Layered, B> Layered for TypedProducer<T, C, F, B> {
    type Item = F::Item;
    type Region = F::Region;
    type World = F::World;

    fn items(&self) -> &Producer<F::Item, F::Region, F::World> {
        self.frames.items()
    }

    fn items_mut(&mut self) -> &mut Producer<F::Item, F::Region, F::World> {
        self.frames.items_mut()
    }
}

impl<T, C, F: Roomy<World: Clock>, B> TypedProducer<T, C, F, B> {
    /// The same that cannot do without those consumers from now on.
    pub fn managed<const K: usize>(self, required: Required<K>) -> Managed<Self, Deaf, K> {
        Managed::new(self, required)
    }
}

fn refused(Refused { why, .. }: Refused<()>) -> PublishError {
    PublishError::Refused(why)
}

/// Of values.
impl<T, C, F, B, H, const K: usize> Managed<TypedProducer<T, C, F, B>, H, K>
where
    C: Codec<T>,
    F: Roomy<World: Clock>,
    B: AsMut<[u8]>,
    H: FnMut(&Alert),
{
    /// As [`TypedProducer::try_publish`].
    ///
    /// # Errors
    /// [`PublishError`]; nothing was published then. What has no form, or never fits, is refused at once.
    pub fn try_publish(&mut self, value: &T) -> Result<Position, PublishError> {
        let len = self.encode(value)?;
        self.check().map_err(PublishError::Refused)?;
        self.beneath_mut().send(len)
    }

    /// As [`TypedProducer::publish`].
    ///
    /// # Errors
    /// [`PublishError`]; nothing was published then. What has no form, or never fits, is refused at once.
    pub fn publish(&mut self, value: &T, until: Until<'_>) -> Result<Position, PublishError>
    where
        F::World: Idle,
    {
        let len = self.encode(value)?;
        self.await_with(until, |typed| typed.frames.room_for(len)).map_err(PublishError::Refused)?;
        self.beneath_mut().send(len)
    }

    /// As [`TypedProducer::try_publish_in_place`].
    ///
    /// # Errors
    /// [`PublishError`]; nothing was published then. Room that there never is is refused at once.
    pub fn try_publish_in_place(&mut self, value: &T, len: usize) -> Result<Position, PublishError>
    where
        F: TryFill,
    {
        let max = self.beneath().frames.room_max();
        if len > max {
            let max = u32::try_from(max).unwrap_or(u32::MAX);
            return Err(PublishError::Refused(Why::TooLarge { max }));
        }
        self.check().map_err(PublishError::Refused)?;
        self.beneath_mut().try_publish_in_place(value, len)
    }

    /// Into the scratch memory: bytes that the ring can hold.
    fn encode(&mut self, value: &T) -> Result<usize, PublishError> {
        let typed = self.beneath_mut();
        let len = typed.encode(value)?;
        typed.frames.ever(len).map_err(refused)?;
        Ok(len)
    }
}
