//! One of several producers that waits: for room, for the claim of another, for its consumers.

use super::claims::within;
use super::{Claim, Claims, MultiProducer};
use crate::element::Plain;
use crate::producer::{Patient, Refused, Startup, Why, wait_for_room, wait_until};
use crate::required::Presence;
use crate::segment::Position;
use crate::view::View;
use crate::wait::{Ended, Idle, PROBE_DEFAULT, SpinOnly, Turns, Until, Wait};
use tidemill_seam::{Exchange, Instant, Liveness};

impl<E: Plain, R: Exchange, L: Liveness> MultiProducer<E, R, L> {
    /// Waits so from now on: [`Wait::DEFAULT`] unless told, and never asleep on a ring that spins only.
    ///
    /// # Errors
    /// [`SpinOnly`] where this ring wakes nobody.
    pub fn wait_by(&mut self, wait: Wait) -> Result<(), SpinOnly> {
        self.wait = self.view.allow(wait)?;
        Ok(())
    }

    /// Says that it sleeps for want of room for `n` items, then looks again: whether there is none, so that it may sleep while
    /// word [`bed`](Self::bed) of the region is [`Parking::ASLEEP`](crate::wait::Parking::ASLEEP), for a probe at most. Claims
    /// nothing.
    ///
    /// For a world that never blocks. [`publish`](Self::publish) does it where one does.
    pub fn lie_down(&mut self, n: u32) -> bool {
        self.announce();
        self.room(n).is_err()
    }

    /// The word of the region on which it sleeps, and the others with it.
    pub fn bed(&self) -> u32 {
        self.view.layout().producer_bed.0
    }

    /// Where the participant of that name is, as far as can be proved: who begins with its consumers asks for them.
    pub fn presence(&self, name: &str) -> Presence {
        let found = self.view.find(name);
        found.map_or(Presence::Absent, |(slot, ctl)| self.view.presence(slot, ctl, &self.live))
    }

    /// Whether a claim of `n` would find room, looked for where none is known. By the time of the claim others may have it.
    pub(super) fn room(&mut self, n: u32) -> Result<u64, Why> {
        self.room_for(|_| n)
    }

    /// The same of as many as `count` says for the first of them.
    fn room_for(&mut self, count: impl Fn(u64) -> u32) -> Result<u64, Why> {
        let at = self.view.tail();
        let n = count(at);
        if self.limit.saturating_sub(at) >= u64::from(n) { Ok(at) } else { self.make_room(at, n) }
    }
}

impl<E: Plain, R: Exchange, L: Liveness> Patient for MultiProducer<E, R, L> {
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
        match self.await_claim(1, until) {
            Ok(at) => {
                let claim = Claim { producer: self, at };
                let item = make(claim.position());
                Ok(claim.commit(item))
            }
            Err(why) => Err(Refused { item: make, why }),
        }
    }

    /// As [`try_batch`](Self::try_batch), once there is room for all of it. While others take what room there is, one item at a
    /// time, that may be long.
    ///
    /// # Errors
    /// As for [`publish`](Self::publish). A batch that never fits is refused at once.
    pub fn batch<F: FnMut(Position) -> E>(
        &mut self,
        n: u32,
        mut make: F,
        until: Until<'_>,
    ) -> Result<Position, Refused<F>> {
        match self.claims_until(n, until) {
            Ok(claims) => Ok(claims.fill(&mut make)),
            Err(Refused { why, .. }) => Err(Refused { item: make, why }),
        }
    }

    /// The next position, once there is one to be had. Dropping it leaves a gap.
    ///
    /// # Errors
    /// As for [`publish`](Self::publish).
    pub fn claim_until(&mut self, until: Until<'_>) -> Result<Claim<'_, E, R, L>, Refused<()>> {
        match self.await_claim(1, until) {
            Ok(at) => Ok(Claim { producer: self, at }),
            Err(why) => Err(Refused { item: (), why }),
        }
    }

    /// The next `n` positions, once they are to be had. Dropping them leaves gaps.
    ///
    /// # Errors
    /// As for [`batch`](Self::batch).
    pub fn claims_until(&mut self, n: u32, until: Until<'_>) -> Result<Claims<'_, E, R, L>, Refused<()>> {
        match self.await_claim(n, until) {
            Ok(at) => Ok(Claims { producer: self, at }),
            Err(why) => Err(Refused { item: (), why }),
        }
    }

    /// Waits until everybody who gates has taken what is published by now, by whomever, or is gone.
    ///
    /// # Errors
    /// [`Ended`] where that did not come about.
    pub fn drained(&mut self, until: Until<'_>) -> Result<(), Ended> {
        let to = self.published();
        let mut turns = Turns::new(self.wait, until, PROBE_DEFAULT);
        // All of the ring and one item more: whoever has not read everything stands in the way of that.
        let next = self.view.tail();
        self.waiting.refused(next, next.saturating_add(u64::from(self.capacity()) + 1));
        let ended = wait_until(self, &mut turns, |tx| tx.is_consumed(to).then_some(()));
        self.waiting.refused(next, next);
        ended
    }

    /// Waits until participants of those names, 64 at most, are live and ready, so that they begin together.
    ///
    /// # Errors
    /// [`Startup`], where `until` was over first.
    pub fn wait_for(&mut self, names: &[&str], until: Until<'_>) -> Result<(), Startup> {
        let mut turns = Turns::new(self.wait, until, PROBE_DEFAULT);
        let there = |tx: &Self| Startup::of(names, |name| tx.presence(name));
        let ended = wait_until(self, &mut turns, |tx| there(tx).missing.is_empty().then_some(()));
        ended.map_err(|_| there(self))
    }

    fn await_claim(&mut self, n: u32, until: Until<'_>) -> Result<u64, Why> {
        let mut turns = Turns::new(self.wait, until, PROBE_DEFAULT);
        loop {
            let why = match self.claim_several(n) {
                Err(why) if why.may_pass() => why,
                settled => return settled,
            };
            // Others may have what room there was, for as long as they like.
            turns.next(&self.live).map_err(|ended| why.at_the_end(ended))?;
            wait_for_room(self, &mut turns, |tx| tx.room(n))?;
        }
    }

    /// As [`claim_within`](Self::claim_within), once there is room. Gives the first.
    pub(crate) fn await_within(&mut self, n: u32, until: Until<'_>) -> Result<u64, Why> {
        let (mut turns, capacity) = (Turns::new(self.wait, until, PROBE_DEFAULT), self.capacity());
        loop {
            let why = match self.claim_within(n) {
                Err(why) if why.may_pass() => why,
                settled => return settled,
            };
            turns.next(&self.live).map_err(|ended| why.at_the_end(ended))?;
            wait_for_room(self, &mut turns, |tx| tx.room_for(|at| within(capacity, at, n)))?;
        }
    }
}
