//! Waits of tasks, under any executor: nothing here blocks, and no waker is kept.
//!
//! A party sleeps as ever (RL-16): it says so, looks again, and then [dozes](Doze) on its word of the region until that is
//! changed, for a probe at most. Dropping the future ends the wait; nothing was taken, and nothing is lost.
//!
//! On a ring that spins only nobody is woken, and a task looks once a probe.

use crate::consumer::{Consumer, Lease};
use crate::element::Plain;
use crate::follow::Next;
use crate::producer::{Patient, Producer, Refused, Why};
use crate::reader::Reader;
use crate::segment::Position;
use crate::wait::{Ended, PROBE_DEFAULT, Parking, Turn, Turns, Until, Wait};
use core::future::Future;
use tidemill_seam::{Clock, Duration, Exchange, Liveness};

/// A world in which a task may sleep on a word of a region `R`.
pub trait Doze<R>: Clock {
    /// Done once the word at `at` is no longer `value`, after `span`, or earlier for no reason.
    fn doze(&self, region: &R, at: u32, value: u32, span: Duration) -> impl Future<Output = ()>;
}

pub(crate) const fn turns(until: Until<'_>) -> Turns<'_> {
    Turns::new(Wait::Park { spins: 0 }, until, PROBE_DEFAULT)
}

/// Whether it is time to ask who lives. Whoever rested does so once more before its deadline counts.
fn is_due(turn: Result<Turn, Ended>, turns: &Turns<'_>) -> bool {
    turn.map_or_else(|ended| ended == Ended::Deadline && turns.has_rested(), |turn| turn.due)
}

impl<E: Plain, R: Exchange, L: Liveness> Consumer<E, R, L> {
    /// What comes next, as [`next`](Self::next) gives it, for a task of `world`.
    ///
    /// # Errors
    /// [`Ended`] where nothing came; a later call goes on.
    pub async fn next_in<D: Doze<R>>(
        &mut self,
        world: &D,
        until: Until<'_>,
    ) -> Result<Next<Lease<'_, E, R, L>>, Ended> {
        let mut turns = turns(until);
        loop {
            match self.look(1) {
                Err(news) => return Ok(news),
                Ok(0) => {}
                Ok(_) => return Ok(self.try_next().expect("an item that waits is there")),
            }
            let turn = turns.next(world);
            if is_due(turn, &turns)
                && let Some(end) = self.tend()
            {
                return Ok(Next::Closed(end));
            }
            let span = turn?.span();
            if self.lie_down() && !turns.is_cancelled() {
                world.doze(self.view().region(), self.bed(), Parking::<R>::ASLEEP, span).await;
            }
        }
    }
}

impl<E: Plain, R: Exchange, L: Liveness> Reader<E, R, L> {
    /// What comes next, as [`next`](Self::next) gives it, for a task of `world`.
    ///
    /// # Errors
    /// [`Ended`] where nothing came; a later call goes on.
    pub async fn next_in<D: Doze<R>>(&mut self, world: &D, until: Until<'_>) -> Result<Next<E>, Ended> {
        let mut turns = turns(until);
        loop {
            if let Some(next) = self.try_next() {
                return Ok(next);
            }
            let turn = turns.next(world);
            if is_due(turn, &turns)
                && let Some(end) = self.tend()
            {
                return Ok(Next::Closed(end));
            }
            let span = turn?.span();
            if self.lie_down() && !turns.is_cancelled() {
                world.doze(self.view().region(), self.bed(), Parking::<R>::ASLEEP, span).await;
            }
        }
    }
}

impl<E: Plain, R: Exchange, L: Liveness> Producer<E, R, L> {
    /// Publishes what `make` gives for its position once there is room, as [`publish`](Self::publish) does, for a task of
    /// `world`. Meanwhile it sees to those who hold it up. A refused closure did not run.
    ///
    /// # Errors
    /// [`Refused`] with the closure: by the deadline for the reason that stood in the way then, and at once where it is
    /// cancelled or where waiting does not help.
    pub async fn publish_in<F: FnOnce(Position) -> E, D: Doze<R>>(
        &mut self,
        make: F,
        world: &D,
        until: Until<'_>,
    ) -> Result<Position, Refused<F>> {
        match room_in(self, world, &mut turns(until), |tx| tx.room(1)).await {
            Ok(()) => self.try_publish(make),
            Err(why) => Err(Refused { item: make, why }),
        }
    }
}

/// Waits until `look` finds room, or a reason not to wait for it, for a task of `world`.
pub(crate) async fn room_in<P: Patient, D: Doze<P::Region>, T>(
    who: &mut P,
    world: &D,
    turns: &mut Turns<'_>,
    mut look: impl FnMut(&mut P) -> Result<T, Why>,
) -> Result<T, Why> {
    loop {
        let why = match look(who) {
            Err(why) if why.may_pass() => why,
            settled => return settled,
        };
        let span = match turns.next(world) {
            Ok(turn) => {
                if turn.due {
                    who.see_to_others(turn.now);
                }
                turn.span()
            }
            Err(Ended::Cancelled) => return Err(Why::Cancelled),
            Err(Ended::Deadline) => {
                // Whoever rested sees to the dead once more before its deadline counts.
                who.see_to_others(turns.now());
                return look(who).map_err(|_| why);
            }
        };
        who.announce();
        if look(who).is_err() && !turns.is_cancelled() {
            let (view, bed) = (who.view(), who.view().layout().producer_bed);
            world.doze(view.region(), bed.0, Parking::<P::Region>::ASLEEP, span).await;
        }
    }
}

#[cfg(all(test, feature = "alloc", not(any(feature = "loom", feature = "shuttle"))))]
mod tests;
