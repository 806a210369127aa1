//! A bounded queue of tokens from one producer to one consumer, with an admission policy.
//!
//! ```text
//!  Tx ── admit(caps, waiting, header, now) ──▶ ring of tickets ──▶ Rx ── the share goes home on the Rx's own lane
//!        refused: the token comes back          │
//!        counted: one (edge, Cause) each        └─ index · generation · byte position · weight ∥ pool
//! ```
//! # Laws
//! - **E1** First in, first out.
//! - **E2** Accepted = delivered + evicted + flushed + waiting, by identity.
//! - **E3** Nothing is delivered twice.
//! - **E4** A refusal returns the same token and changes nothing but one counter.
//! - **E5** Items and bytes stay within the caps at every observation, the incoming item included.
//! - **E6** An item longer than the byte cap is refused under every policy.
//! - **E7** A push removes nothing unless the policy evicts.
//! - **E8** Eviction takes the fewest and the oldest, deciding and exchanging on one observed cursor.
//! - **E9** `Wait` loses nothing.
//! - **E10** The watermark is exact at each boundary.
//! - **E11** Occupancy is exact when quiet, never negative or wrapped when racing.
//! - **E12** Bytes return to zero by every way out.
//! - **E13** The front that `peek` shows is the next pop.
//! - **E19** All of this at any cursor.
//! - **E20** A closed edge drains, then says so; both ends gone free everything.
//! - **E21** Admission is pure.
//! - **E22** Nothing waits ⇔ pop gives `None`.
//! - **E25** All of this with the ends on two threads.
//! - **E26** No compare-and-swap unless evicting.
//! - **E27** No bell is lost.
//! - **E28** Each branch of a fan-out sees the same sequence; the slot is free after the last.
//! - **E29** No allocation.

mod admit;
mod cause;
mod cells;
mod rx;
mod tx;

pub use admit::{Caps, Level, Load, Policy, Verdict, admit};
pub use cause::Cause;
pub use rx::Rx;
pub use tx::{Bounce, Bounced, Tx};

use core::fmt;

use tidemill_ring::spsc;

use crate::message::Payload;
use crate::once::Once;
use crate::pool::{Returns, StaticPool, Taken};
use cause::Counters;
use cells::Words;

/// A queue for up to `N` messages, a power of two: a static, a local, a field.
///
/// ```
/// use tidemill_flow::{Caps, Edge, Header, StaticPool};
/// use tidemill_seam::{Instant, PoolId};
///
/// static POOL: StaticPool<u32, 4> = StaticPool::new(PoolId(0));
/// static EDGE: Edge<u32, 2> = Edge::new(Caps::wait(2));
///
/// let (mut tx, mut rx) = EDGE.split(&POOL).unwrap();
/// let mut home = POOL.home().unwrap();
/// let token = home.loan().unwrap().commit(Header::new(1, 1, Instant::ZERO), || 42);
/// tx.push(token, Instant::ZERO, |_| ()).unwrap();
/// let token = rx.pop().unwrap();
/// assert_eq!(*token, 42);
/// rx.give_back(token);
/// ```
pub struct Edge<P, const N: usize> {
    words: Words<N>,
    counters: Counters,
    caps: Caps,
    start: u32,
    once: Once,
    payload: core::marker::PhantomData<fn(P) -> P>,
}

impl<P: Payload, const N: usize> Edge<P, N> {
    /// An edge with these caps. Whether they make sense is judged when a graph is made of it.
    pub const fn new(caps: Caps) -> Self {
        const {
            assert!(
                N.is_power_of_two() && N <= 1 << 20,
                "V13: an edge's capacity is a power of two, up to 2^20"
            )
        };
        Self {
            words: Words::new(),
            counters: Counters::new(),
            caps,
            start: 0,
            once: Once::new(),
            payload: core::marker::PhantomData,
        }
    }

    /// The same edge with cursors that start at `position`. They wrap, so every value is as good as zero.
    #[must_use]
    pub const fn starting_at(mut self, position: u32) -> Self {
        self.start = position;
        self
    }

    /// The two ends, for messages of `pool`, one lane of which goes to the consumer.
    ///
    /// # Errors
    /// [`Taken`] from the second call on, or where the pool has no lane left.
    pub fn split<'a, const M: usize, const LANES: usize>(
        &'a self,
        pool: &'a StaticPool<P, M, LANES>,
    ) -> Result<(Tx<'a, P>, Rx<'a, P>), Taken> {
        if !self.once.pass() {
            return Err(Taken);
        }
        let cells = self.words.cells();
        let spec = spsc::Spec::new(N as u32).starting_at(self.start);
        let halves = match self.caps.policy {
            #[cfg(any(target_has_atomic = "32", feature = "critical-section"))]
            Policy::DropOldest => spsc::split_evicting(cells, spec),
            _ => spsc::split(cells, spec),
        };
        let (producer, consumer) = halves.expect("the words are laid out for this very ring");
        let returns = Returns::new(pool.pool()).ok_or(Taken)?;
        let slots = Words::<N>::HEAD as u32;
        let tx = Tx::new(producer, pool.pool(), &self.caps, &self.counters, (cells, slots, self.start));
        Ok((tx, Rx::new(consumer, returns, &self.counters)))
    }

    /// How many items went another way than to the consumer, for this cause. Readable while the graph runs; wraps.
    pub fn dropped(&self, cause: Cause) -> u32 {
        self.counters.get(cause)
    }
}

impl<P, const N: usize> fmt::Debug for Edge<P, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Edge").field("capacity", &N).field("caps", &self.caps).finish_non_exhaustive()
    }
}
