//! One of several producers that waits: for room, for the claim of another, for its consumers.

use super::{Claim, MultiProducer};
use crate::element::Plain;
use crate::producer::{Refused, Why};
use crate::required::Presence;
use crate::segment::Position;
use crate::wait::{Ended, Idle, PROBE_DEFAULT, SpinOnly, Turns, Until, Wait, Waiter, wait};
use tidemill_seam::{Duration, Exchange, Instant, Liveness};

impl<E: Plain, R: Exchange, L: Liveness> MultiProducer<E, R, L> {
    /// Waits so from now on: [`Wait::DEFAULT`] unless told, and never asleep on a ring that spins only.
    ///
    /// # Errors
    /// [`SpinOnly`] where this ring wakes nobody.
    pub fn wait_by(&mut self, wait: Wait) -> Result<(), SpinOnly> {
        self.wait = self.view.allow(wait)?;
        Ok(())
    }

    /// Says that it sleeps for want of room, then looks again: whether there is none, so that it may sleep while word
    /// [`bed`](Self::bed) of the region is [`Parking::ASLEEP`](crate::wait::Parking::ASLEEP), for a probe at most. Claims
    /// nothing.
    ///
    /// For a world that never blocks. [`publish`](Self::publish) does it where one does.
    pub fn lie_down(&mut self) -> bool {
        self.view.announce(self.view.layout().producer_bed());
        self.room().is_err()
    }

    /// The word of the region on which it sleeps, and the others with it.
    pub fn bed(&self) -> u32 {
        self.view.layout().producer_bed().0
    }

    /// Where the participant of that name is, as far as can be proved: who begins with its consumers asks for them.
    pub fn presence(&self, name: &str) -> Presence {
        let found = self.view.find(name);
        found.map_or(Presence::Absent, |(slot, ctl)| self.view.presence(slot, ctl, &self.live))
    }

    /// Whether a claim would find room, looked for where none is known. By the time of the claim others may have it.
    fn room(&mut self) -> Result<u64, Why> {
        let at = self.view.tail();
        if at < self.limit { Ok(at) } else { self.make_room(at) }
    }
}

impl<E: Plain, R: Exchange, L: Liveness + Idle> MultiProducer<E, R, L> {
    /// Publishes what `make` gives for its position, once there is room; where it panics, that stays a gap. Meanwhile it sees to
    /// those who hold it up, as [`tend`](Self::tend) does. A refused closure did not run.
    ///
    /// # Errors
    /// [`Refused`] with the closure: by the deadline for the reason that stood in the way then, and at once where it is
    /// cancelled or where waiting does not help.
    pub fn publish<F: FnOnce(Position) -> E>(
        &mut self,
        make: F,
        until: Until<'_>,
    ) -> Result<Position, Refused<F>> {
        match self.await_claim(until) {
            Ok(at) => {
                let claim = Claim { producer: self, at };
                let item = make(claim.position());
                Ok(claim.commit(item))
            }
            Err(why) => Err(Refused { item: make, why }),
        }
    }

    /// The next position, once there is one to be had. Dropping it leaves a gap.
    ///
    /// # Errors
    /// As for [`publish`](Self::publish).
    pub fn claim_until(&mut self, until: Until<'_>) -> Result<Claim<'_, E, R, L>, Refused<()>> {
        match self.await_claim(until) {
            Ok(at) => Ok(Claim { producer: self, at }),
            Err(why) => Err(Refused { item: (), why }),
        }
    }

    /// Waits until everybody who gates has taken what is published by now, by whomever, or is gone.
    ///
    /// # Errors
    /// [`Ended`] where that did not come about.
    pub fn drained(&mut self, until: Until<'_>) -> Result<(), Ended> {
        let to = self.published();
        let turns = Turns::new(self.wait, until, PROBE_DEFAULT);
        // All of the ring and one item more: whoever has not read everything stands in the way of that.
        let next = self.view.tail();
        self.waiting.refused(next, next + u64::from(self.capacity()) + 1);
        let ended = wait(&mut Drains { producer: self, to }, turns);
        self.waiting.refused(next, next);
        ended
    }

    /// Waits until participants of those names are live and ready, so that they begin together.
    ///
    /// # Errors
    /// [`Ended`] where one of them did not come.
    pub fn wait_for(&mut self, names: &[&str], until: Until<'_>) -> Result<(), Ended> {
        let turns = Turns::new(self.wait, until, PROBE_DEFAULT);
        wait(&mut Awaits { producer: self, names }, turns)
    }

    fn await_claim(&mut self, until: Until<'_>) -> Result<u64, Why> {
        match self.claim_next() {
            Err(why) if why.may_pass() => {}
            settled => return settled,
        }
        let turns = Turns::new(self.wait, until, PROBE_DEFAULT);
        let mut room = Room { producer: self, why: Why::Cancelled };
        match wait(&mut room, turns) {
            Ok(found) => found,
            Err(Ended::Deadline) => Err(room.why),
            Err(Ended::Cancelled) => Err(Why::Cancelled),
        }
    }

    fn announce(&self) {
        self.view.announce(self.view.layout().producer_bed());
    }

    fn sleep(&self, span: Duration) {
        self.view.sleep(self.view.layout().producer_bed(), span);
    }
}

/// A producer that waits for a claim. What is found is one, or a reason not to wait for it.
struct Room<'p, E: Plain, R: Exchange, L: Liveness> {
    producer: &'p mut MultiProducer<E, R, L>,
    why: Why,
}

impl<E: Plain, R: Exchange, L: Liveness + Idle> Waiter for Room<'_, E, R, L> {
    type Found = Result<u64, Why>;
    type World = L;

    fn look(&mut self) -> Option<Self::Found> {
        match self.producer.claim_next() {
            Err(why) if why.may_pass() => {
                self.why = why;
                None
            }
            settled => Some(settled),
        }
    }

    fn tend(&mut self, now: Instant) -> Option<Self::Found> {
        self.producer.tend(now);
        None
    }

    fn lies_down(&mut self) -> bool {
        // Looks, and claims nothing: what is found here is looked for once more.
        self.producer.lie_down()
    }

    fn sleep(&self, span: Duration) {
        self.producer.sleep(span);
    }

    fn world(&self) -> &L {
        &self.producer.live
    }
}

struct Drains<'p, E: Plain, R: Exchange, L: Liveness> {
    producer: &'p mut MultiProducer<E, R, L>,
    to: Position,
}

impl<E: Plain, R: Exchange, L: Liveness + Idle> Waiter for Drains<'_, E, R, L> {
    type Found = ();
    type World = L;

    fn look(&mut self) -> Option<()> {
        self.producer.is_consumed(self.to).then_some(())
    }

    fn tend(&mut self, now: Instant) -> Option<()> {
        self.producer.tend(now);
        None
    }

    fn lies_down(&mut self) -> bool {
        self.producer.announce();
        self.look().is_none()
    }

    fn sleep(&self, span: Duration) {
        self.producer.sleep(span);
    }

    fn world(&self) -> &L {
        &self.producer.live
    }
}

struct Awaits<'p, E: Plain, R: Exchange, L: Liveness> {
    producer: &'p mut MultiProducer<E, R, L>,
    names: &'p [&'p str],
}

impl<E: Plain, R: Exchange, L: Liveness + Idle> Waiter for Awaits<'_, E, R, L> {
    type Found = ();
    type World = L;

    fn look(&mut self) -> Option<()> {
        let ready = |name: &&str| self.producer.presence(name) == Presence::Ready;
        self.names.iter().all(ready).then_some(())
    }

    fn tend(&mut self, now: Instant) -> Option<()> {
        self.producer.tend(now);
        None
    }

    fn lies_down(&mut self) -> bool {
        self.producer.announce();
        self.look().is_none()
    }

    fn sleep(&self, span: Duration) {
        self.producer.sleep(span);
    }

    fn world(&self) -> &L {
        &self.producer.live
    }
}
