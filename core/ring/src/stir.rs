//! One who waits until something is to be heard, and takes nothing of it.

use crate::follow::End;
use crate::wait::{Ended, Idle, Turns, Until, Wait, Waiter, wait};
use tidemill_seam::{Duration, Instant};

/// A party that reads and may wait.
pub trait Stir: Sized {
    /// What it waits in.
    type World: Idle;

    /// Whether nothing is to be heard: no item, and no news.
    fn is_quiet(&self) -> bool;

    /// Whether the producer is proved dead, and everything that it published was read.
    fn crashed(&self) -> Option<End>;

    /// Says that it sleeps, and looks again: whether it may.
    fn lies_down(&self) -> bool;

    /// Sleeps until it is woken, for `span` at most.
    fn sleep(&self, span: Duration);

    /// How it waits.
    fn strategy(&self) -> Wait;

    /// What it waits in.
    fn world(&self) -> &Self::World;

    /// Waits until something is to be heard, which is nothing here; or until the producer is proved dead.
    fn stir(&self, until: Until<'_>) -> Result<Option<End>, Ended> {
        wait(&mut Stirs(self), &mut Turns::new(self.strategy(), until, self.world().slice()))
    }
}

struct Stirs<'i, I>(&'i I);

impl<I: Stir> Waiter for Stirs<'_, I> {
    type Found = Option<End>;
    type World = I::World;

    fn look(&mut self) -> Option<Self::Found> {
        (!self.0.is_quiet()).then_some(None)
    }

    fn tend(&mut self, _: Instant) -> Option<Self::Found> {
        self.0.crashed().map(Some)
    }

    fn lies_down(&mut self) -> bool {
        self.0.lies_down()
    }

    fn sleep(&self, span: Duration) {
        self.0.sleep(span);
    }

    fn world(&self) -> &I::World {
        self.0.world()
    }
}
