use super::Producer;
use crate::element::Plain;
use tidemill_seam::{Exchange, Liveness};

/// A producer of any layer, and the producer of the slots that it stands on.
pub trait Layered {
    /// What the slots hold.
    type Item: Plain;
    /// Where they lie.
    type Region: Exchange;
    /// What it lives in.
    type World: Liveness;

    /// The producer of the slots.
    fn items(&self) -> &Producer<Self::Item, Self::Region, Self::World>;

    /// The same.
    fn items_mut(&mut self) -> &mut Producer<Self::Item, Self::Region, Self::World>;
}

impl<E: Plain, R: Exchange, L: Liveness> Layered for Producer<E, R, L> {
    type Item = E;
    type Region = R;
    type World = L;

    #[inline]
    fn items(&self) -> &Self {
        self
    }

    #[inline]
    fn items_mut(&mut self) -> &mut Self {
        self
    }
}
