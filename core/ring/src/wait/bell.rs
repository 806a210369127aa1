use super::Parking;
use crate::consumer::Consumer;
use crate::element::Plain;
use crate::reader::Reader;
use core::fmt;
use tidemill_seam::{Exchange, Liveness, Region};

/// Wakes those who sleep on a segment until something comes, to look again: behind a [`Cancel`](super::Cancel), so that a
/// sleeper learns of it before its slice is over.
///
/// Another handle to the region: what its holder wakes is there for as long as it is.
#[derive(Clone)]
pub struct Bell<R> {
    region: R,
    at: u32,
}

impl<R: Region> Bell<R> {
    /// Wakes them, where anybody sleeps.
    pub fn ring(&self) {
        if let Some(bed) = Parking::new(&self.region, self.at) {
            bed.wake(|| self.region.wake(self.at));
        }
    }
}

impl<E: Plain, R: Exchange + Clone, L: Liveness> Consumer<E, R, L> {
    /// What wakes it, and all who wait as it does.
    pub fn bell(&self) -> Bell<R> {
        Bell { region: self.view().region().clone(), at: self.bed() }
    }
}

impl<E: Plain, R: Exchange + Clone, L: Liveness> Reader<E, R, L> {
    /// What wakes it, and all who wait as it does.
    pub fn bell(&self) -> Bell<R> {
        Bell { region: self.view().region().clone(), at: self.bed() }
    }
}

impl<R> fmt::Debug for Bell<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bell").field("at", &self.at).finish_non_exhaustive()
    }
}
