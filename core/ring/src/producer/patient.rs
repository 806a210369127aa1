//! One who publishes and waits: asleep where publishers sleep, and seeing to those who hold it up meanwhile.

use super::Why;
use crate::view::View;
use crate::wait::{Ended, Idle, Turns, Waiter, wait};
use tidemill_seam::{Duration, Instant, Region};

/// A party that publishes and may wait.
pub(crate) trait Patient {
    type Region: Region;
    type World;

    fn view(&self) -> &View<Self::Region>;

    /// What it waits in.
    fn world(&self) -> &Self::World;

    /// Sees to those who hold it up.
    fn see_to_others(&mut self, now: Instant);

    /// Says that it sleeps, before it looks again.
    fn announce(&self) {
        self.view().announce(self.view().layout().producer_bed);
    }
}

/// Waits until `look` finds something. It looks once more before it sleeps, so a look takes nothing.
pub(crate) fn wait_until<P: Patient<World: Idle>, T>(
    who: &mut P,
    turns: &mut Turns<'_>,
    look: impl FnMut(&mut P) -> Option<T>,
) -> Result<T, Ended> {
    wait(&mut Waits { who, look }, turns)
}

/// Waits until `look` finds room, or a reason not to wait for it.
pub(crate) fn wait_for_room<P: Patient<World: Idle>, T>(
    who: &mut P,
    turns: &mut Turns<'_>,
    mut look: impl FnMut(&mut P) -> Result<T, Why>,
) -> Result<T, Why> {
    let mut last = Why::Cancelled;
    let found = wait_until(who, turns, |who| match look(who) {
        Err(why) if why.may_pass() => {
            last = why;
            None
        }
        settled => Some(settled),
    });
    found.unwrap_or_else(|ended| Err(last.at_the_end(ended)))
}

struct Waits<'p, P, F> {
    who: &'p mut P,
    look: F,
}

impl<P: Patient<World: Idle>, T, F: FnMut(&mut P) -> Option<T>> Waiter for Waits<'_, P, F> {
    type Found = T;
    type World = P::World;

    fn look(&mut self) -> Option<T> {
        (self.look)(self.who)
    }

    fn tend(&mut self, now: Instant) -> Option<T> {
        self.who.see_to_others(now);
        None
    }

    fn lies_down(&mut self) -> bool {
        self.who.announce();
        self.look().is_none()
    }

    fn sleep(&self, span: Duration) {
        let view = self.who.view();
        view.sleep(view.layout().producer_bed, span);
    }

    fn world(&self) -> &P::World {
        self.who.world()
    }
}

impl Why {
    /// Why nothing was published after a wait that ended so, where this was the last reason to wait.
    pub(crate) const fn at_the_end(self, ended: Ended) -> Self {
        match ended {
            Ended::Deadline => self,
            Ended::Cancelled => Self::Cancelled,
        }
    }
}
