use super::patient::{Patient, wait_for_room, wait_until};
use super::{Producer, Refused, Why};
use crate::element::Plain;
use crate::segment::Position;
use crate::view::View;
use crate::wait::{Ended, Idle, PROBE_DEFAULT, SpinOnly, Turns, Until, Wait};
use tidemill_seam::{Exchange, Instant, Liveness};

impl<E: Plain, R: Exchange, L: Liveness> Producer<E, R, L> {
    /// Waits so from now on: [`Wait::DEFAULT`] unless told, and never asleep on a ring that spins only.
    ///
    /// # Errors
    /// [`SpinOnly`] where this ring wakes nobody.
    pub fn wait_by(&mut self, wait: Wait) -> Result<(), SpinOnly> {
        self.wait = self.view.allow(wait)?;
        Ok(())
    }

    /// Says that it sleeps for want of room for `n` items, then looks again: whether there is none, so that it may sleep
    /// while word [`bed`](Self::bed) of the region is [`Parking::ASLEEP`](crate::wait::Parking::ASLEEP), for a probe at most.
    ///
    /// For a world that never blocks. [`publish`](Self::publish) does it where one does.
    pub fn lie_down(&mut self, n: u32) -> bool {
        self.announce();
        self.make_room(n).is_err()
    }

    /// The word of the region on which it sleeps.
    pub fn bed(&self) -> u32 {
        self.view.layout().producer_bed.0
    }

    /// Whether there is room for `n` items, looked for where none is known.
    pub(crate) fn room(&mut self, n: u32) -> Result<(), Why> {
        if self.next + u64::from(n) <= self.limit { Ok(()) } else { self.make_room(n) }
    }
}

impl<E: Plain, R: Exchange, L: Liveness> Patient for Producer<E, R, L> {
    type Region = R;
    type World = L;

    fn view(&self) -> &View<R> {
        &self.view
    }

    fn world(&self) -> &L {
        &self.live
    }

    fn see_to_others(&mut self, now: Instant) {
        self.tend(now);
    }
}

impl<E: Plain, R: Exchange, L: Liveness + Idle> Producer<E, R, L> {
    /// Publishes what `make` gives for its position, once there is room. Meanwhile it sees to those who hold it up, as
    /// [`tend`](Self::tend) does. A refused closure did not run.
    ///
    /// # Errors
    /// [`Refused`] with the closure: by the deadline for the reason that stood in the way then, and at once where it is
    /// cancelled or where waiting does not help.
    #[inline]
    pub fn publish<F: FnOnce(Position) -> E>(
        &mut self,
        make: F,
        until: Until<'_>,
    ) -> Result<Position, Refused<F>> {
        match self.await_room(1, until) {
            Ok(()) => self.try_publish(make),
            Err(why) => Err(Refused { item: make, why }),
        }
    }

    /// As [`try_batch`](Self::try_batch), once there is room for all of it.
    ///
    /// # Errors
    /// As for [`publish`](Self::publish). A batch that never fits is refused at once.
    pub fn batch<F: FnMut(Position) -> E>(
        &mut self,
        n: u32,
        make: F,
        until: Until<'_>,
    ) -> Result<Position, Refused<F>> {
        match self.await_room(n, until) {
            Ok(()) => self.try_batch(n, make),
            Err(why) => Err(Refused { item: make, why }),
        }
    }

    /// Waits until everybody who gates has taken what was published, or is gone.
    ///
    /// # Errors
    /// [`Ended`] where that did not come about.
    pub fn drained(&mut self, until: Until<'_>) -> Result<(), Ended> {
        let mut turns = Turns::new(self.wait, until, PROBE_DEFAULT);
        // All of the ring and one item more: whoever has not read everything stands in the way of that.
        self.waiting.refused(self.next, self.next + u64::from(self.capacity()) + 1);
        let to = self.published();
        let ended = wait_until(self, &mut turns, |tx| tx.is_consumed(to).then_some(()));
        self.waiting.refused(self.next, self.next);
        ended
    }

    /// Waits for room for `n` items.
    #[inline]
    pub(crate) fn await_room(&mut self, n: u32, until: Until<'_>) -> Result<(), Why> {
        if self.next + u64::from(n) <= self.limit { Ok(()) } else { self.wait_for_room(n, until) }
    }

    #[cold]
    #[inline(never)]
    fn wait_for_room(&mut self, n: u32, until: Until<'_>) -> Result<(), Why> {
        let max = self.batch_max();
        if n > max {
            return Err(Why::TooLarge { max });
        }
        let mut turns = Turns::new(self.wait, until, PROBE_DEFAULT);
        wait_for_room(self, &mut turns, |tx| tx.make_room(n))
    }
}
