use core::fmt;

use tidemill_seam::Instant;

use super::outputs::{Port, Relay};
use super::permit::{Permit, Staged, Through};
use super::ports::{bit, sealed};
use crate::edge::Tx;
use crate::graph::{Rule, Wire, caps};
use crate::message::{Header, Payload};
use crate::pool::{Home, Pool, Returns, Slot, Token};

/// Where a port's slots come from, and where refused shares go.
#[doc(hidden)]
pub trait Bank<'a, P>: sealed::Sealed {
    const OWNS: bool;
    fn pool(&self) -> Pool<'a, P>;
    fn ready(&mut self) -> bool;
    fn next(&self) -> Option<&'a Slot<P>>;
    /// # Safety
    /// Header and payload of the slot that `next` showed are written.
    unsafe fn commit(&mut self) -> Option<Token<'a, P>>;
    fn give_back(&mut self, token: Token<'a, P>);
}

impl<P> sealed::Sealed for Home<'_, P> {}
impl<P> sealed::Sealed for Returns<'_, P> {}

impl<'a, P: Payload> Bank<'a, P> for Home<'a, P> {
    const OWNS: bool = true;
    #[inline]
    fn pool(&self) -> Pool<'a, P> {
        self.pool()
    }
    #[inline]
    fn ready(&mut self) -> bool {
        self.has_room()
    }
    #[inline]
    fn next(&self) -> Option<&'a Slot<P>> {
        self.next_free()
    }
    #[inline]
    unsafe fn commit(&mut self) -> Option<Token<'a, P>> {
        // SAFETY: the caller's promise.
        unsafe { self.commit_next() }
    }
    #[inline]
    fn give_back(&mut self, token: Token<'a, P>) {
        let _ = Home::give_back(self, token);
    }
}

impl<'a, P: Payload> Bank<'a, P> for Returns<'a, P> {
    const OWNS: bool = false;
    #[inline]
    fn pool(&self) -> Pool<'a, P> {
        self.pool()
    }
    #[inline]
    fn ready(&mut self) -> bool {
        true
    }
    #[inline]
    fn next(&self) -> Option<&'a Slot<P>> {
        None
    }
    #[inline]
    unsafe fn commit(&mut self) -> Option<Token<'a, P>> {
        None
    }
    #[inline]
    fn give_back(&mut self, token: Token<'a, P>) {
        let _ = Returns::give_back(self, token);
    }
}

/// An output port: where its slots come from, and the `K` edges that it feeds. From [`Home::feed`] or
/// [`Returns::relay`].
pub struct Outlet<'a, P, B, const K: usize> {
    bank: B,
    edges: Option<[Tx<'a, P>; K]>,
    staged: Staged<P>,
    sequence: u64,
}

impl<'a, P: Payload> Home<'a, P> {
    /// An output port that fills slots of this pool and feeds these edges, each with the same sequence.
    pub fn feed<const K: usize>(self, edges: [Tx<'a, P>; K]) -> Outlet<'a, P, Self, K> {
        Outlet { bank: self, edges: Some(edges), staged: Staged::Nothing, sequence: 0 }
    }
}

impl<'a, P: Payload> Returns<'a, P> {
    /// An output port that sends messages of this pool on, each to all of these edges.
    pub fn relay<const K: usize>(self, edges: [Tx<'a, P>; K]) -> Outlet<'a, P, Self, K> {
        Outlet { bank: self, edges: Some(edges), staged: Staged::Nothing, sequence: 0 }
    }
}

impl<'a, P: Payload, B: Bank<'a, P>, const K: usize> Outlet<'a, P, B, K> {
    #[inline]
    fn through<'s>(&'s mut self, lead: Option<&'s Header>, now: Instant) -> Through<'s, P> {
        let slots = self.bank.pool().slots;
        Through { staged: &mut self.staged, slots, lead, sequence: self.sequence, now }
    }

    #[inline]
    fn take_staged(&mut self) -> Option<Token<'a, P>> {
        match core::mem::replace(&mut self.staged, Staged::Nothing) {
            Staged::Nothing => None,
            // SAFETY: `Written` is only ever set once the message in the next slot is there, and nothing took a slot
            // in between.
            Staged::Written(_) => unsafe { self.bank.commit() },
            Staged::Forwarded { slot, generation, weight } => {
                // SAFETY: a slot of this port's pool, which lives for `'a`; `forward` has checked.
                let slot = unsafe { slot.as_ref() };
                // SAFETY: the share is ours: the input end that showed it drops its own handle unused.
                Some(unsafe { Token::new(slot, generation, weight) })
            }
        }
    }
}

/// One output port of a node, whatever feeds it.
#[doc(hidden)]
pub trait Outlet1<'a, Q: Port> {
    fn permits(&mut self) -> bool;
    fn permit<'s>(&'s mut self, lead: Option<&'s Header>, now: Instant) -> Q::Permit<'s>
    where
        'a: 's;
    fn commit(&mut self, now: Instant) -> u32;
    fn abort(&mut self);
    fn close(&mut self) -> u32;
    fn full(&mut self) -> u8;
    fn wires(&self, port: u8, each: &mut impl FnMut(Wire));
    fn link(&mut self, find: &mut impl FnMut(usize) -> u8);
}

macro_rules! outlet {
    ($bank:ident, $port:ty, $permit:expr) => {
        impl<'a, P: Payload, const K: usize> Outlet1<'a, $port> for Outlet<'a, P, $bank<'a, P>, K> {
            /// A slot, and room on every edge that waits.
            #[inline]
            fn permits(&mut self) -> bool {
                self.bank.ready() && self.edges.iter_mut().flatten().all(Tx::permits)
            }

            #[inline]
            fn permit<'s>(&'s mut self, lead: Option<&'s Header>, now: Instant) -> <$port as Port>::Permit<'s>
            where
                'a: 's,
            {
                $permit(self, lead, now)
            }

            #[inline]
            fn commit(&mut self, now: Instant) -> u32 {
                let Some(token) = self.take_staged() else { return 0 };
                self.sequence = self.sequence.wrapping_add(1);
                let Self { bank, edges, .. } = self;
                deliver(bank, edges.as_mut().map_or(&mut [], |edges| &mut edges[..]), token, now)
            }

            fn abort(&mut self) {
                self.undo();
            }

            fn close(&mut self) -> u32 {
                self.undo();
                let Self { bank, edges, .. } = self;
                let mut peers = 0;
                for edge in edges.iter_mut().flatten() {
                    edge.recover(|token| Bank::give_back(bank, token));
                    peers |= edge.bell;
                }
                *edges = None;
                peers
            }

            fn full(&mut self) -> u8 {
                self.edges
                    .iter_mut()
                    .flatten()
                    .find_map(|tx| (!tx.permits()).then_some(tx.bell.trailing_zeros() as u8))
                    .unwrap_or(u8::MAX)
            }

            fn wires(&self, port: u8, each: &mut impl FnMut(Wire)) {
                let own = self.bank.pool().key();
                for tx in self.edges.iter().flatten() {
                    let pool = tx.pool();
                    let alone = if pool.key() == own {
                        caps(tx.caps(), tx.capacity(), P::MAX_BYTES)
                    } else {
                        Some(Rule::V3)
                    };
                    each(Wire {
                        output: true,
                        port,
                        home: <$bank<'a, P> as Bank<'a, P>>::OWNS,
                        alone,
                        edge: tx.key(),
                        pool: pool.key(),
                        depth: pool.slots.len() as u32,
                        hard_items: tx.caps().hard_items,
                        stage: 0,
                    });
                }
                if K == 0 {
                    each(Wire::nowhere(port));
                }
            }

            fn link(&mut self, find: &mut impl FnMut(usize) -> u8) {
                for tx in self.edges.iter_mut().flatten() {
                    tx.bell = bit(find(tx.key()));
                }
            }
        }
    };
}

outlet!(Home, P, |outlet: &'s mut Self, lead, now| {
    let slot = outlet.bank.next().expect("a slot was there when the permit was asked for");
    Permit { slot, through: outlet.through(lead, now) }
});
outlet!(Returns, Relay<P>, |outlet: &'s mut Self, lead, now| outlet.through(lead, now));

/// Splits a token over the edges of a port; returns the stages that have something new.
#[inline]
fn deliver<'a, P: Payload, B: Bank<'a, P>>(
    bank: &mut B,
    edges: &mut [Tx<'a, P>],
    token: Token<'a, P>,
    now: Instant,
) -> u32 {
    let mut peers = 0;
    let mut rest = token;
    let Some((first, others)) = edges.split_first_mut() else {
        bank.give_back(rest);
        return 0;
    };
    for edge in others {
        let share;
        (rest, share) = rest.fork().unwrap_or_else(|_| panic!("V14: too many forks for one slot"));
        peers |= push(bank, edge, share, now);
    }
    peers | push(bank, first, rest, now)
}

#[inline]
fn push<'a, P: Payload, B: Bank<'a, P>>(
    bank: &mut B,
    edge: &mut Tx<'a, P>,
    token: Token<'a, P>,
    now: Instant,
) -> u32 {
    match edge.push(token, now, |evicted| bank.give_back(evicted)) {
        Ok(()) => edge.bell,
        Err(bounced) => {
            bank.give_back(bounced.token);
            0
        }
    }
}

impl<P, B, const K: usize> Outlet<'_, P, B, K> {
    fn undo(&mut self) {
        if let Staged::Written(slot) = core::mem::replace(&mut self.staged, Staged::Nothing) {
            // SAFETY: a slot of our pool, which outlives us.
            let slot = unsafe { slot.as_ref() };
            // SAFETY: written and not committed: nobody else knows of it.
            unsafe { slot.drop_payload() };
        }
    }
}

impl<P, B, const K: usize> Drop for Outlet<'_, P, B, K> {
    fn drop(&mut self) {
        self.undo();
    }
}

impl<P, B, const K: usize> fmt::Debug for Outlet<'_, P, B, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outlet").field("edges", &K).field("sent", &self.sequence).finish_non_exhaustive()
    }
}
