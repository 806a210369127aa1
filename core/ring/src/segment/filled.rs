use super::{CreateError, Segment, agree};
use crate::element::Plain;
use crate::header::{Creator, SegmentId};
use crate::layout::Spec;
use tidemill_seam::{Exchange, Liveness};

impl<R: Exchange> Segment<R> {
    /// As [`create`](Self::create), with slots that hold what `fill` gives for each, counted from 0: for elements that are changed
    /// where they lie, and of which not everything is written for each item.
    ///
    /// Once, and before anybody can attach: not where somebody attaches, takes over or produces again. Who dies, or panics, in
    /// `fill` leaves nothing but words.
    ///
    /// # Errors
    /// As for [`create`](Self::create); [`CreateError::Elements`] where the ring is to hold others.
    pub fn create_filled<E: Plain, L: Liveness>(
        region: R,
        spec: &Spec,
        id: SegmentId,
        creator: Creator,
        live: &L,
        mut fill: impl FnMut(u32) -> E,
    ) -> Result<Self, CreateError> {
        agree::<E>(spec).map_err(CreateError::Elements)?;
        Self::lay_out(region, spec, (id, creator), live, |view| {
            for slot in 0..view.layout().spec().capacity {
                view.put(u64::from(slot), &fill(slot));
            }
        })
    }
}
