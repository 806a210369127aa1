use super::Trusting;
use crate::consumer::Consumer;
use crate::element::Plain;
use crate::follow::{End, Next};
use crate::segment::Position;
use crate::stir::Stir;
use crate::wait::{Ended, Idle, Until};
use core::fmt;
use core::ops::Deref;
use core::ptr::NonNull;
use tidemill_seam::{Exchange, Lend, Liveness};

/// An item where it lies. Nobody overwrites it before it is acknowledged; dropped without that, it comes next again.
pub struct Seen<'c, E: Plain, R: Exchange, L: Liveness> {
    consumer: &'c mut Consumer<E, R, L>,
    /// No reference: the item is somebody else's to write from the moment of its acknowledgement on.
    item: NonNull<E>,
}

impl<E: Plain, R: Exchange + Lend, L: Liveness> Trusting<Consumer<E, R, L>> {
    /// What comes next: `None` where nothing does at this moment.
    #[inline]
    pub fn try_next(&mut self) -> Option<Next<Seen<'_, E, R, L>>> {
        match self.0.look(1) {
            Ok(0) => None,
            Ok(_) => Some(Next::Item(self.seen())),
            Err(news) => Some(news),
        }
    }

    /// What comes next, once something does, the proved death of the producer included: as [`Consumer::next`].
    ///
    /// # Errors
    /// [`Ended`] where nothing came; a later call goes on.
    pub fn next(&mut self, until: Until<'_>) -> Result<Next<Seen<'_, E, R, L>>, Ended>
    where
        L: Idle,
    {
        loop {
            match self.0.look(1) {
                Ok(0) => {
                    if let Some(end) = self.0.stir(until)? {
                        return Ok(Next::Closed(end));
                    }
                }
                Ok(_) => return Ok(Next::Item(self.seen())),
                Err(news) => return Ok(news),
            }
        }
    }

    /// Shows up to `limit` items to `each`, with their positions and whether it is the last of this call; they are
    /// acknowledged together at the end, and none of them where `each` panics. Gives their number, and what stands before
    /// the next item where that is not one.
    pub fn poll(&mut self, limit: u32, mut each: impl FnMut(&E, Position, bool)) -> (u32, Option<Next<()>>) {
        let waiting = match self.0.look(u64::from(limit)) {
            Ok(waiting) => waiting.min(u64::from(limit)),
            Err(news) => return (0, Some(news)),
        };
        let first = self.0.position().0;
        let end = first + waiting;
        for at in first..end {
            // SAFETY: as in `Seen::deref`: published, not acknowledged, and aligned.
            let item = unsafe { self.0.view().place(at).cast::<E>().as_ref() };
            each(item, Position(at), at + 1 == end);
        }
        if waiting > 0 {
            self.0.ack(Position(end));
        }
        (waiting as u32, None)
    }

    /// Whether the producer is proved dead and everything that it published was taken: see [`Consumer::tend`].
    pub fn tend(&self) -> Option<End> {
        self.0.tend()
    }

    /// The item at the next position, which is published.
    #[inline]
    fn seen(&mut self) -> Seen<'_, E, R, L> {
        let item = self.0.view().place(self.0.position().0).cast();
        Seen { consumer: &mut self.0, item }
    }
}

impl<E: Plain, R: Exchange, L: Liveness> Seen<'_, E, R, L> {
    /// Which item this is.
    pub fn position(&self) -> Position {
        self.consumer.position()
    }

    /// Takes the item: its slot is the producer's again.
    #[inline]
    pub fn ack(self) {
        let next = Position(self.consumer.position().0 + 1);
        self.consumer.ack(next);
    }
}

impl<E: Plain, R: Exchange, L: Liveness> Deref for Seen<'_, E, R, L> {
    type Target = E;

    #[inline]
    fn deref(&self) -> &E {
        // SAFETY: the slot of an item that is published and not acknowledged, while the region lives, and aligned, as was found
        // before the half was trusted. Nobody writes there: its maker's promise. Every pattern of its bytes is an `E`.
        unsafe { self.item.as_ref() }
    }
}

impl<E: Plain + fmt::Debug, R: Exchange, L: Liveness> fmt::Debug for Seen<'_, E, R, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seen").field("at", &self.position()).field("item", &**self).finish()
    }
}
