//! One of several producers that waits as a task.

use super::{Claim, Claims, MultiProducer};
use crate::element::Plain;
use crate::producer::{Refused, Why};
use crate::segment::Position;
use crate::task::{Doze, room_in, turns};
use crate::wait::Until;
use tidemill_seam::{Exchange, Liveness};

impl<E: Plain, R: Exchange, L: Liveness> MultiProducer<E, R, L> {
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
        match self.claim_in(world, until).await {
            Ok(claim) => {
                let item = make(claim.position());
                Ok(claim.commit(item))
            }
            Err(Refused { why, .. }) => Err(Refused { item: make, why }),
        }
    }

    /// The next position, once there is one to be had, as [`claim_until`](Self::claim_until) gives it, for a task of `world`.
    /// Whoever drops the future has claimed nothing; whoever drops the claim leaves a gap.
    ///
    /// # Errors
    /// As for [`publish_in`](Self::publish_in).
    pub async fn claim_in<D: Doze<R>>(
        &mut self,
        world: &D,
        until: Until<'_>,
    ) -> Result<Claim<'_, E, R, L>, Refused<()>> {
        match self.await_claim_in(1, world, until).await {
            Ok(at) => Ok(Claim { producer: self, at }),
            Err(why) => Err(Refused { item: (), why }),
        }
    }

    /// The next `n` positions, once they are to be had, as [`claims_until`](Self::claims_until) gives them, for a task of `world`.
    ///
    /// # Errors
    /// As for [`publish_in`](Self::publish_in). More than ever fit are refused at once.
    pub async fn claims_in<D: Doze<R>>(
        &mut self,
        n: u32,
        world: &D,
        until: Until<'_>,
    ) -> Result<Claims<'_, E, R, L>, Refused<()>> {
        match self.await_claim_in(n, world, until).await {
            Ok(at) => Ok(Claims { producer: self, at }),
            Err(why) => Err(Refused { item: (), why }),
        }
    }

    async fn await_claim_in<D: Doze<R>>(&mut self, n: u32, world: &D, until: Until<'_>) -> Result<u64, Why> {
        let mut turns = turns(until);
        loop {
            let why = match self.claim_several(n) {
                Err(why) if why.may_pass() => why,
                settled => return settled,
            };
            // Others may have what room there was, for as long as they like.
            turns.next(world).map_err(|ended| why.at_the_end(ended))?;
            room_in(self, world, &mut turns, |tx| tx.room(n)).await?;
        }
    }
}
