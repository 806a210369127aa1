//! Counters that the application declares in a segment ([`Spec::counters`](crate::Spec::counters)), for whoever looks on.
//!
//! ```text
//!  id · label · value      a line each; the id is stored last, and what has one is whole
//! ```
//! Each has one writer at a time, by a claim of its own: it ends with its process, and whoever declares the same id next goes
//! on counting where the dead one stopped. To count takes one store, and no fence.

use crate::layout::Layout;
use crate::segment::Segment;
use crate::sync::Ordering;
use crate::table::PeerName;
use crate::view::View;
use core::fmt;
use tidemill_seam::{Liveness, Region};

/// The lowest number of a counter of an application; lower ones are the ring's own.
pub const ID_LEAST: u32 = 0x100;
/// The most that one store adds: the position that a reader sees is one of the two around it.
const STRIDE: u64 = 1 << 30;

/// One counter of the application, as of the moment of looking.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AppCount {
    /// Its place among them.
    pub place: u32,
    /// Its number.
    pub id: u32,
    /// What it counts; `None` where no owner writes what stands there.
    pub label: Option<PeerName>,
    /// How many there were.
    pub value: u64,
}

/// Why there is no such counter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AppCounterError {
    /// The number is one of the ring's own, below [`ID_LEAST`].
    Id(u32),
    /// It counts something else.
    Label(PeerName),
    /// Somebody counts it, or that cannot be ruled out.
    Taken,
    /// All places are taken: so many there are.
    Full(u32),
    /// Somebody declares one at this moment.
    Contended,
}

/// One who counts. Its number, its label and its value stay when it goes.
pub struct AppCounter<R: Region, L: Liveness> {
    view: View<R>,
    live: L,
    place: u32,
    value: u64,
}

/// Words of a counter.
mod at {
    pub(super) const LABEL: u32 = 2;
    pub(super) const VALUE: u32 = 8;
}

impl<R: Region> View<R> {
    fn places(&self) -> core::ops::Range<u32> {
        0..self.layout().spec().counters
    }

    fn id_of(&self, place: u32) -> u32 {
        // Acquire: pairs with the Release in `inscribe_counter`: what has a number has its label.
        self.load(self.layout().counter(place), Ordering::Acquire)
    }

    fn label_of(&self, place: u32) -> Option<PeerName> {
        let mut words = [0; PeerName::WORDS];
        self.read(self.layout().counter(place).plus(at::LABEL), &mut words);
        PeerName::decode(&words)
    }

    fn value_of(&self, place: u32) -> u64 {
        self.position(self.layout().counter(place).plus(at::VALUE))
    }

    fn inscribe_counter(&self, place: u32, id: u32, label: &PeerName) {
        let at = self.layout().counter(place);
        self.write(at.plus(at::LABEL), &label.encode());
        // Release: pairs with the Acquire in `id_of`.
        self.store(at, id, Ordering::Release);
    }

    /// The place of that number, its claim taken: where it was declared before, or the first free one.
    fn declare<L: Liveness>(&self, live: &L, id: u32, label: &PeerName) -> Result<u32, AppCounterError> {
        let take = |place| live.claim(Layout::COUNTERS + place, 0).map_err(|_| AppCounterError::Taken);
        if let Some(place) = self.places().find(|place| self.id_of(*place) == id) {
            match self.label_of(place) {
                Some(there) if there != *label => return Err(AppCounterError::Label(there)),
                _ => take(place)?,
            }
            return Ok(place);
        }
        let free = self.places().find(|place| self.id_of(*place) == 0);
        let place = free.ok_or(AppCounterError::Full(self.layout().spec().counters))?;
        take(place)?;
        self.inscribe_counter(place, id, label);
        Ok(place)
    }
}

impl<R: Region + Clone> Segment<R> {
    /// One who counts what `label` says, under the number `id`: from zero, or from where the last one of that number stopped.
    ///
    /// # Errors
    /// [`AppCounterError`]: among others [`Taken`](AppCounterError::Taken) where somebody counts that.
    pub fn counter<L: Liveness>(
        &self,
        live: L,
        id: u32,
        label: PeerName,
    ) -> Result<AppCounter<R, L>, AppCounterError> {
        if id < ID_LEAST {
            return Err(AppCounterError::Id(id));
        }
        let view = self.view.clone();
        // One at a time: of two who declare the same number one finds what the other wrote.
        live.claim(Layout::REGISTRAR, 0).map_err(|_| AppCounterError::Contended)?;
        let declared = view.declare(&live, id, &label);
        live.release(Layout::REGISTRAR, 0);
        let place = declared?;
        let value = view.value_of(place);
        Ok(AppCounter { view, live, place, value })
    }
}

impl<R: Region> Segment<R> {
    /// The counters of the application that were declared, in the order of their places.
    pub fn counters(&self) -> impl Iterator<Item = AppCount> + '_ {
        let view = &self.view;
        view.places().filter_map(|place| {
            let id = view.id_of(place);
            let (label, value) = (view.label_of(place), view.value_of(place));
            (id != 0).then_some(AppCount { place, id, label, value })
        })
    }
}

impl<R: Region, L: Liveness> AppCounter<R, L> {
    /// Counts `n` more. Wraps around after 2^63.
    #[inline]
    pub fn add(&mut self, n: u64) {
        let at = self.view.layout().counter(self.place).plus(at::VALUE);
        let mut left = n;
        loop {
            let to = self.value.wrapping_add(left.min(STRIDE)) & (u64::MAX >> 1);
            // Its Release pairs with the Acquire of who looks on, and orders nothing else.
            self.view.advance(at, self.value, to);
            self.value = to;
            left = left.saturating_sub(STRIDE);
            if left == 0 {
                break;
            }
        }
    }

    /// How many there were.
    #[inline]
    pub fn value(&self) -> u64 {
        self.value
    }

    /// Its place among the counters.
    pub fn place(&self) -> u32 {
        self.place
    }
}

impl<R: Region, L: Liveness> Drop for AppCounter<R, L> {
    fn drop(&mut self) {
        self.live.release(Layout::COUNTERS + self.place, 0);
    }
}

impl<R: Region, L: Liveness> fmt::Debug for AppCounter<R, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, value, .. } = self;
        f.debug_struct("AppCounter").field("place", place).field("value", value).finish_non_exhaustive()
    }
}

impl fmt::Display for AppCounterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => write!(f, "counter {id:#x} is below {ID_LEAST:#x}, and so one of the ring's own"),
            Self::Label(there) => write!(f, "a counter of that number counts {there}"),
            Self::Taken => f.write_str("somebody counts that"),
            Self::Full(places) => write!(f, "all {places} counters of the ring are declared"),
            Self::Contended => f.write_str("somebody else declares a counter"),
        }
    }
}

impl core::error::Error for AppCounterError {}

#[cfg(all(test, feature = "alloc", not(any(feature = "loom", feature = "shuttle"))))]
mod tests;
